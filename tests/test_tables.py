"""`python -m gammaprob.tables`: what it says of the paper, its options, exit codes, and checks (which can fail)."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from fractions import Fraction

import pytest

from gammaprob import _table_cells, _table_paper, _table_record, certified
from gammaprob.domains import DELTA, SCALE, SHAPE
from gammaprob.errors import ConvergenceError, DomainError
from gammaprob.tables import main
from paper_tables import published


def run(capsys, *arguments):
    """Exit code, standard output and standard error of one run in this process."""
    code = main(list(arguments))
    output = capsys.readouterr()
    return code, output.out, output.err


def sections(capsys, *arguments) -> dict[str, list[dict]]:
    code, out, err = run(capsys, *arguments, "--format", "json")
    assert (code, err) == (0, "")
    return {section["name"]: section["rows"] for section in json.loads(out)["sections"]}


def refused(capsys, *arguments) -> str:
    """The one line of a run that ends with exit code 2 and prints nothing else."""
    code, out, err = run(capsys, *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1), (code, out, err)
    assert err.startswith("python -m gammaprob.tables: ")
    return err


# --- what it finds ---------------------------------------------------------------------------------------


def test_verdicts_on_the_printed_tables(capsys):
    found = sections(capsys)
    assert [row["verdict"] for row in found["table1"]] == ["agrees"] + ["differs"] * 6
    assert [row["verdict"] for row in found["table2"]] == ["agrees", "last digit"] + ["agrees"] * 4 + [None]
    assert {row["verdict"] for name in ("table1", "table2") for row in found[f"{name}-recomputed"]} == {"agrees"}


def test_every_printed_cell_is_there_as_printed(capsys):
    found = sections(capsys)
    for name, file, column in (("table1", "main_table1_P", "P"), ("table2", "main_table2_phi", "phi_printed")):
        rows = [row for row in found[name] if row["quantity"] != "LL"]
        assert [(row["delta"], row["printed"]) for row in rows] == [
            (row["delta"], row[column]) for row in published.load(file)
        ]
    (learning_loss,) = (row for row in found["table2"] if row["quantity"] == "LL")
    assert learning_loss["printed"] == "c1"


def test_witnesses_stand_beside_every_cell(capsys):
    for row in (row for rows in sections(capsys).values() for row in rows if row.get("exact")):
        true = float(row["exact"])
        # Twelve digits are shown: half a unit of the last one.
        for witness in ("kernel", "quadrature"):
            assert abs(row[witness] - true) <= 0.5e-11 * true
        assert abs(row["simulation"] - true) <= 6 * row["simulation_standard_error"]
        assert row["quadrature_error_estimate"] < 1e-13 and abs(row["z_score"]) < 6


def test_intervals_are_under_each_table(capsys):
    found = sections(capsys)
    for number in "12":
        rows = found[f"table{number}-theta"]
        assert [(row["tables"], row["reading"]) for row in rows] == [
            (tables, reading) for tables in (f"Table {number}", "Tables 1, 2") for reading in ("rounding", "truncation")
        ]
    joint = found["table1-theta"][2]
    assert Decimal("0.066") < Decimal(joint["lower"]) < Decimal(joint["upper"]) < Decimal("0.067")
    recomputed = {row["scale"] for number in "12" for row in found[f"table{number}-recomputed"]}
    assert recomputed == {"0.0666"} and Decimal(joint["lower"]) <= Decimal("0.0666") <= Decimal(joint["upper"])


def test_closing_words(capsys):
    code, out, _ = run(capsys)
    words = " ".join(out.split("Verdict\n")[1].split())
    assert code == 0
    for part in (
        "Table 1: of 7 cells 1 agrees, 6 differ; Table 2: of 6 cells 5 agree, 1 off in the last digit.",
        "for example 0.0666; truncation gives them at no Θ.",
        "Cut to 3 decimals each such Θ reads 0.066, rounded 0.067",
        "a real shape k between 4.06088 and 4.06433 gives the same digits",
    ):
        assert part in words


def test_closing_words_follow_the_digits(capsys, monkeypatch):
    """With digits printed from Θ = 0.066 itself, the same code says that they agree, and claims no cut Θ."""
    exact = {
        "main_table1_P": ("P", certified.gap_cdf, 3),
        "main_table2_phi": ("phi_printed", certified.expected_target, 2),
    }
    original = published.load

    def honest(name):
        column, quantity, places = exact[name]
        rows = original(name)
        for row in rows:
            value = quantity(row["delta"], shape="4", scale="0.066", digits=20)
            row[column] = str(round(Decimal(value.digits), places))
        return rows

    monkeypatch.setattr(published, "load", honest)
    code, out, _ = run(capsys)
    words = " ".join(out.split("Verdict\n")[1].split())
    assert code == 0
    assert "Table 1: of 7 cells 7 agree; Table 2: of 6 cells 6 agree." in words
    assert words.endswith("for example 0.066; truncation gives them at no Θ. The stated Θ = 0.066 is one of them.")


# --- its checks can fail ---------------------------------------------------------------------------------


def test_check_agrees_with_the_record(capsys):
    code, out, err = run(capsys, "--check")
    assert (code, err) == (0, "") and "Table 1" in out
    assert set(_table_record.recorded_verdicts()) == set(_table_record.results(
        _table_paper.paper_report(["1", "2"], deltas=None, digits=12, seed=0)
    ))


@pytest.mark.parametrize("digits", ["3", "12", "30"])
def test_check_holds_at_any_number_of_digits(capsys, digits):
    assert run(capsys, "--check", "--digits", digits)[::2] == (0, "")


@pytest.mark.parametrize(("line", "altered", "named"), [
    ("table1,0.04,differs,,", "table1,0.04,agrees,,", "table1, 0.04: recorded agrees, found differs"),
    ("table2,0.1,last digit,,", "", "table2, 0.1: recorded nothing, found last digit"),
    ('table1-theta,"Table 1, truncation",none,,', 'table1-theta,"Table 1, truncation",interval,0.066,0.067',
     "table1-theta, Table 1, truncation: recorded interval 0.066 to 0.067, found none"),
    ("0.066596326182915053164,0.066645150489251888484", "0.066596326184915053164,0.066645150489251888484",
     "table1-theta, Table 1, rounding: recorded interval 0.066596326184915053164 to"),
])
def test_check_fails_on_an_altered_record(capsys, monkeypatch, tmp_path, line, altered, named):
    text = _table_record._RECORD.read_text(encoding="utf-8")
    assert line in text
    copy = tmp_path / "verdicts.csv"
    copy.write_text(text.replace(line, altered, 1), encoding="utf-8")
    monkeypatch.setattr(_table_record, "_RECORD", copy)
    code, out, err = run(capsys, "--check")
    assert code == 1 and out.startswith("Table 1")
    assert err.count("\n") == 1 and f"check: {named}" in err


def test_check_notices_a_result_that_is_missing(capsys, monkeypatch, tmp_path):
    copy = tmp_path / "verdicts.csv"
    copy.write_text(_table_record._RECORD.read_text(encoding="utf-8") + "table1,0.2,agrees,,\n", encoding="utf-8")
    monkeypatch.setattr(_table_record, "_RECORD", copy)
    for arguments in ([], ["--table", "1"]):
        code, out, err = run(capsys, "--check", *arguments)
        assert code == 1 and out.startswith("Table 1") and err.count("\n") == 1
        assert "check: table1, 0.2: recorded agrees, found nothing" in err
    # What was not asked for is not missing.
    assert run(capsys, "--check", "--table", "2")[::2] == (0, "")
    assert run(capsys, "--check", "--delta", "0.1")[::2] == (0, "")


def test_check_notices_a_published_row_that_is_missing(capsys, monkeypatch):
    original = published.load
    monkeypatch.setattr(published, "load", lambda name: [row for row in original(name) if row["delta"] != "0.04"])
    code, _, err = run(capsys, "--check", "--table", "1")
    assert code == 1 and err.count("\n") == 2
    for section in ("table1", "table1-recomputed"):
        assert f"check: {section}, 0.04: recorded" in err and "found nothing" in err


def test_a_wrong_published_digit_is_reported_and_fails_the_check(capsys, monkeypatch):
    original = published.load

    def misprinted(name):
        rows = original(name)
        if name == "main_table1_P":
            rows[0]["P"] = "0.097"
        return rows

    monkeypatch.setattr(published, "load", misprinted)
    code, out, err = run(capsys, "--check", "--table", "1")
    assert code == 1 and "table1, 0.02: recorded agrees, found differs" in err
    assert "No single Θ gives every printed digit" in " ".join(out.split())


@pytest.mark.parametrize("quantity", ["P", "phi"])
@pytest.mark.parametrize(("position", "factor", "witness"), [
    (0, 1 + 1e-12, "the float64 kernel"), (0, float("nan"), "the float64 kernel"),
    (2, 1 + 1e-12, "quadrature"), (3, 1.05, "simulation"),
])
def test_a_wrong_witness_stops_the_run(capsys, monkeypatch, quantity, position, factor, witness):
    witnesses = list(_table_cells._WITNESSES[quantity])
    right = witnesses[position]

    def wrong(delta, **arguments):
        if position == 3:  # a simulation of another law
            return right(delta, **{**arguments, "scale": arguments["scale"] * factor})
        answer = right(delta, **arguments)
        if position == 2:
            return type(answer)(answer.value * factor, answer.error)
        return answer * factor

    witnesses[position] = wrong
    monkeypatch.setitem(_table_cells._WITNESSES, quantity, tuple(witnesses))
    code, out, err = run(capsys, "--format", "csv")
    assert (code, out, err.count("\n")) == (3, "", 1)
    assert f"{witness} gives" in err and "please report it" in err


def test_a_wrong_enclosure_stops_the_run(capsys, monkeypatch):
    """The other three outvote nobody: any disagreement stops the run."""
    kernel, right, *others = _table_cells._WITNESSES["P"]

    def wrong(delta, *, scale, **arguments):
        return right(delta, scale=Fraction(scale) * Fraction(10**12 + 1, 10**12), **arguments)

    monkeypatch.setitem(_table_cells._WITNESSES, "P", (kernel, wrong, *others))
    assert run(capsys)[0] == 3


def test_a_witness_that_withholds_its_answer_is_shown_as_absent(capsys, monkeypatch):
    kernel, enclosure, _, simulation = _table_cells._WITNESSES["P"]

    def withheld(*_, **__):
        raise ConvergenceError("delta", 0.1, "somewhere else", "ask another")

    monkeypatch.setitem(_table_cells._WITNESSES, "P", (kernel, enclosure, withheld, simulation))
    (row,) = sections(capsys, "--table", "1", "--delta", "0.1")["table1"]
    assert row["quadrature"] is None and row["kernel"] > 0 and row["verdict"] == "differs"


@pytest.mark.parametrize(("printed", "expected"), [
    # P(0.02) = 0.094408…: half a unit decides between agrees and last digit, one unit between that and differs.
    ("0.094", "agrees"), ("0.0944", "agrees"), ("0.095", "last digit"), ("0.0945", "last digit"), ("0.0943", "differs"),
    ("0.096", "differs"), ("0.09", "agrees"), ("0.1", "agrees"),
])
def test_verdict_boundaries(printed, expected):
    # 0.0943 is off by 1.08 units, 0.0945 by 0.92: both sides of one unit.
    arguments = {"delta": "0.02", "shape": "4", "scale": "0.066"}
    assert _table_cells.verdict(certified.gap_cdf, arguments, printed) == expected


# --- options ---------------------------------------------------------------------------------------------


def test_one_table(capsys):
    assert set(sections(capsys, "--table", "1")) == {"table1", "table1-theta", "table1-recomputed"}
    assert set(sections(capsys, "--table", "2")) == {"table2", "table2-theta", "table2-recomputed"}


def test_own_parameters_have_no_printed_digits(capsys):
    found = sections(capsys, "--shape", "2.5", "--scale", "1/15", "--delta", "0.1,0.2", "0.4", "--digits", "30")
    assert set(found) == {"table1", "table2"}
    for row, delta in zip(found["table1"], ("0.1", "0.2", "0.4"), strict=True):
        assert (row["delta"], row["printed"], row["verdict"]) == (delta, None, None)
        exact = certified.gap_cdf(delta, shape="2.5", scale=Fraction(1, 15), digits=40)
        assert abs(Fraction(row["exact"]) - exact.lower) <= Fraction(row["exact"]) / 10**29
        assert len(row["exact"].lstrip("0.")) == 30


def test_own_delta_beside_a_printed_one(capsys):
    found = sections(capsys, "--delta", "0.020", "0.07", "--table", "1")
    assert [(row["printed"], row["verdict"]) for row in found["table1"]] == [("0.094", "agrees"), (None, None)]
    assert set(found) == {"table1"}, "an interval of Θ needs the whole table"


def test_stated_parameters_may_be_written_otherwise(capsys):
    assert sections(capsys, "--shape", "4.0", "--scale", "33/500") == sections(capsys)


def test_gaps_at_and_below_zero(capsys):
    found = sections(capsys, "--delta=-1/10,0", "--shape", "0.3")
    assert [row["exact"] for row in found["table1"]] == ["0", "0"]
    below, at = (float(row["exact"]) for row in found["table2"])
    assert below > 0.5 > at


def test_seed_changes_the_simulation_alone(capsys):
    first, again, other = (sections(capsys, "--delta", "0.1", "--seed", seed)["table1"][0] for seed in ("1", "1", "2"))
    assert first == again and first["z_score"] != other["z_score"] and first["exact"] == other["exact"]


def test_the_last_digits_of_a_parameter_do_not_choose_the_draws():
    """A fitted parameter's last digits differ between processors; the simulation follows it, it is not drawn anew."""
    cells = [
        _table_cells.compute("P", "0.1", shape=shape, scale="0.1039", digits=6, seed=0)
        for shape in ("2.8226212345678", "2.8226212345679", "2.8227")
    ]
    # A change of 1e-13 moves no more than a pair or two of 100 000 over the gap; other draws move some 150.
    moved = [abs(cell.simulation.hits - cells[0].simulation.hits) for cell in cells[1:]]
    assert moved[0] <= 2 < moved[1]


def test_any_seed_of_128_bits(capsys):
    largest = str(2**128 - 1)
    first, other = (sections(capsys, "--delta", "0.1", "--seed", seed)["table1"][0] for seed in (largest, str(2**64)))
    assert first["z_score"] != other["z_score"] and first["exact"] == other["exact"]


def test_a_shape_whose_draws_are_too_coarse_has_no_simulation(capsys):
    (row,) = sections(capsys, "--shape", "1e300", "--delta", "0.1", "--table", "1")["table1"]
    assert row["simulation"] is None and float(row["exact"]) == pytest.approx(8.548327e-151)


def test_a_cell_draws_the_same_whatever_else_is_shown(capsys):
    alone = sections(capsys, "--delta", "0.1", "--table", "1")["table1"][0]
    assert alone in sections(capsys)["table1"]


def test_digits_are_certified_and_rounded(capsys):
    for digits in (1, 2, 17, 100):
        (row,) = sections(capsys, "--delta", "0.1", "--table", "1", "--digits", str(digits))["table1"]
        enclosure = certified.gap_cdf("0.1", shape="4", scale="0.066", digits=digits + 10)
        half = Fraction(1, 2 * 10**digits)  # the value begins with 0.4: its first digit is the first decimal
        assert len(row["exact"]) == 2 + digits
        assert all(abs(Fraction(row["exact"]) - end) <= half for end in (enclosure.lower, enclosure.upper))


def test_out_writes_every_format(capsys, tmp_path):
    folder = tmp_path / "new" / "folder"
    code, out, err = run(capsys, "--out", str(folder), "--table", "2", "--delta", "0.1")
    names = ["tables.txt", "tables.md", "tables.tex", "tables.csv", "tables.json"]
    assert (code, err, out.splitlines()) == (0, "", [str(folder / name) for name in names])
    assert "\033" not in (folder / "tables.txt").read_text(encoding="utf-8")
    for name, form in zip(names[1:], ("markdown", "latex", "csv", "json"), strict=True):
        alone = run(capsys, "--format", form, "--table", "2", "--delta", "0.1")[1]
        assert (folder / name).read_text(encoding="utf-8") == alone


def test_out_writes_one_format(capsys, tmp_path):
    assert run(capsys, "--out", str(tmp_path), "--format", "csv", "--delta", "0.1")[0] == 0
    assert [path.name for path in tmp_path.iterdir()] == ["tables.csv"]
    rows = list(csv.DictReader(io.StringIO((tmp_path / "tables.csv").read_text(encoding="utf-8"))))
    assert [row["section"] for row in rows] == ["table1", "table2", "table2"]


def test_help_shows_examples_and_exit_codes(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    out = capsys.readouterr().out
    assert ended.value.code == 0
    for part in ("examples:", "--losses losses.csv --column loss", "exit codes:", "130  interrupted", "--check"):
        assert part in out


# --- bad input -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("arguments", "words"), [
    (["--shape", "0"], "shape: got '0'; allowed: a finite real number > 0"),
    (["--shape", ""], "shape: got ''"),
    (["--shape", "four"], "shape: got 'four'"),
    (["--shape", "2j"], "shape: got '2j'"),
    (["--scale=-1"], "scale: got '-1'"),
    (["--scale", "nan"], "scale: got 'nan'"),
    (["--scale", "1e-400"], "scale: got '1e-400'"),
    (["--scale", "1/0"], "scale: got '1/0'"),
    (["--delta", "inf"], "delta: got 'inf'"),
    (["--delta", "1e400"], "delta: got '1e400'"),
    (["--delta", "1e999999999"], "delta: got '1e999999999'"),
    (["--delta", "0.1,x"], "delta: got 'x'"),
    (["--delta", "٠.١"], "delta: got"),
    (["--delta", ","], "delta: got no number"),
    (["--delta"], "argument --delta: expected at least one argument; see --help"),
    (["--digits", "0"], "digits: got '0'; allowed: an integer from 1 to 100"),
    (["--digits", "101"], "digits: got '101'"),
    (["--digits", "x"], "digits: got 'x'"),
    (["--seed", "-1"], "--seed"),
    (["--seed", str(2**128)], f"--seed: got '{2**128}'; allowed: an integer from 0 to {2**128 - 1}"),
    (["--seed", "9" * 5000], "--seed: got '999"),
    (["--seed", "1.5"], "--seed: got '1.5'"),
    (["--out", ""], "out: got ''; allowed: a folder, or the name of a new one; write . for the current folder"),
    (["--format", "xml"], "argument --format: invalid choice: 'xml' (choose from"),
    (["--table", "3"], "invalid choice: '3'"),
    (["--bogus"], "unrecognized arguments: --bogus"),
    (["--tab", "1"], "unrecognized arguments: --tab"),
    (["--column", "loss"], "--column names a column of a losses file; add --losses FILE"),
    (["--check", "--scale", "0.0666"], "--check needs the k and Θ that the paper states"),
    (["--check", "--delta", "0.3", "--table", "1"], "check: got 'no printed cell'"),
])
def test_bad_input_is_one_line_and_exit_code_2(capsys, arguments, words):
    assert words in refused(capsys, *arguments)


def test_an_output_folder_that_is_a_file(capsys, tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    for folder in (file, file / "below"):
        line = refused(capsys, "--out", str(folder), "--delta", "0.1")
        assert f"out: got {str(folder)!r}; allowed: a folder, or the name of a new one (" in line
        assert line.endswith("; name another\n")


def test_an_output_without_a_name_leaves_the_current_folder_alone(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refused(capsys, "--out", "", "--delta", "0.1")
    assert list(tmp_path.iterdir()) == []


def test_interrupted_quietly(capsys, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(_table_paper, "paper_report", interrupt)
    assert run(capsys) == (130, "", "")


def test_exact_number():
    assert _table_cells.exact_number("delta", " 1/3 ", DELTA) == "1/3"
    assert _table_cells.exact_number("shape", "6.6E-2", SHAPE) == "6.6E-2"
    with pytest.raises(DomainError, match="within float64"):
        _table_cells.exact_number("scale", "1" * 400, SCALE)
    with pytest.raises(DomainError):
        _table_cells.exact_number("scale", "0." + "1" * 400, SCALE)
