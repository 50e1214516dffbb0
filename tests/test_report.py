"""The report on studies of known truth: means, published digits, orderings and their verdicts, every format."""

from __future__ import annotations

import io
import json
import shutil
import statistics
import sys
from dataclasses import replace
from decimal import Decimal

import pytest

from experiments import report
from experiments._report_orders import (
    HOLDS, REVERSED, UNDECIDED, UNTESTED, Comparison, compare, paper_orders, with_chance,
)
from experiments._report_table3 import ALL_STAGES, TABLES, orderings, published_means, table_rows
from experiments.errors import DataError
from experiments.metrics import paired_comparison
from experiments.record import read_run
from gammaprob._table_terminal import as_text
from paper_tables import published
from tests.run_folders import make_run

PAPERS = ("random", "coreset", "ll", "ll++", "ll++conv")
FAILURES, TESTING = TABLES
# The order of the paper at stage 1 of LSP-LSPET, and Coreset on the wrong side of LL.
PICKED = {"random": 0.43, "coreset": 0.35, "ll": 0.31, "ll++": 0.25, "ll++conv": 0.21}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("runs") / "study", methods=PAPERS, seeds=4, stages=2, images=8, pairs=2,
                    picked=PICKED, dataset="lspet")


@pytest.fixture(scope="module")
def study(folder):
    return read_run(folder)


def section(document: dict, name: str) -> list[dict]:
    return next(part["rows"] for part in document["sections"] if part["name"] == name)


def printed(capsys, *arguments: str) -> str:
    code = report.main(list(arguments))
    output = capsys.readouterr()
    assert (code, output.err) == (0, "")
    return output.out


# --- the tables ------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("table", TABLES, ids=["3a", "3b"])
def test_means_and_sample_deviations_over_the_seeds(study, table):
    rows = {(row["method"], row["source"]): row for row in table_rows(study, table)}
    for place, stage in enumerate((1, 2)):
        values = list(study.by_seed("ll++", stage, table.column).values())
        row = rows["LL++", "measured"]
        assert row["seeds"][place] == len(values) == 4
        assert row["means"][place] == pytest.approx(sum(values) / 4)
        assert row["sds"][place] == statistics.stdev(values)


@pytest.mark.parametrize("table", TABLES, ids=["3a", "3b"])
def test_published_digits_stand_beside(study, table):
    rows = {row["method"]: row for row in table_rows(study, table) if row["source"] == "published"}
    wanted = [row for row in published.load(table.name) if row["dataset"] == "LSP-LSPET"]
    seen = 0
    for row in wanted:
        stage = int(row["stage"].split()[-1])
        if stage <= 2:
            found = rows[row["method"]]
            assert (found["means"][stage - 1], found["sds"][stage - 1]) == (row["mean"], row["sd"])
            seen += 1
    assert seen == 2 * len(PAPERS)


@pytest.mark.parametrize(("dataset", "paper"), [
    ("generated", "LSP-LSPET"), ("lspet", "LSP-LSPET"), ("lsp-lspet", "LSP-LSPET"), ("mpii", "MPII"),
])
def test_each_data_set_has_its_published_one(tmp_path, dataset, paper):
    study = read_run(make_run(tmp_path / "run", methods=("ll",), seeds=1, stages=1, images=8, pairs=2, dataset=dataset))
    row = next(row for row in table_rows(study, FAILURES) if row["source"] == "published")
    assert row["means"] == [str(published_means(FAILURES, paper)["ll"][1][0])]


# --- orderings -------------------------------------------------------------------------------------------------------

def at(rows, stage, low, high) -> dict:
    return next(row for row in rows if (row["stage"], row["low"], row["high"]) == (stage, low, high))


def test_orderings_come_out_of_the_published_table(study):
    rows = orderings(study, FAILURES)
    chain = [(row["low"], row["high"]) for row in rows if row["stage"] == 1 and row["neighbours"]]
    assert chain == [("ll++conv", "ll++"), ("ll++", "coreset"), ("coreset", "ll"), ("ll", "random")]
    chain = [(row["low"], row["high"]) for row in rows if row["stage"] == 2 and row["neighbours"]]
    assert chain == [("ll++", "ll++conv"), ("ll++conv", "ll"), ("ll", "coreset"), ("coreset", "random")]
    # PCK 0.305 − 0.288, as printed
    assert at(rows, 1, "coreset", "ll")["published"] == pytest.approx(0.017)


def test_each_verdict(study):
    rows = orderings(study, FAILURES)
    assert at(rows, 1, "ll++", "ll")["verdict"] == HOLDS and at(rows, 1, "ll++", "ll")["measured"] > 0
    assert at(rows, 1, "coreset", "ll")["verdict"] == REVERSED and at(rows, 1, "coreset", "ll")["measured"] < 0
    assert at(rows, 2, "ll", "coreset")["verdict"] == HOLDS  # at stage 2 the paper has it the other way round
    # All methods test alike: a spread of 0.001 among four seeds, far from the level in this run.
    assert at(orderings(study, TESTING), 1, "ll++", "random")["verdict"] == UNDECIDED


def test_the_mean_over_the_stages_is_an_ordering_too(study):
    row = at(orderings(study, FAILURES), ALL_STAGES, "ll++", "ll")
    # (0.305 + 0.253 − 0.250 − 0.186)/2
    assert row["published"] == pytest.approx(0.061) and row["measured"] == pytest.approx(0.06, abs=0.005)
    assert row["published_p"] is None


def test_equal_published_means_are_no_ordering(tmp_path):
    study = read_run(make_run(tmp_path / "run", methods=PAPERS, seeds=2, stages=1, images=8, pairs=2, dataset="mpii"))
    pairs = {(row["low"], row["high"]) for row in orderings(study, TESTING)}
    # MPII, stage 1: Random and LL++conv 0.76 and 0.760, LL and LL++ 0.763
    assert len(pairs) == 10 - 2 and not pairs & {("ll", "ll++"), ("ll++", "ll"), ("random", "ll++conv")}


def test_the_papers_own_spread(study):
    rows = orderings(study, FAILURES)
    # 0.430 ± 0.017 and 0.305 ± 0.013 of five repeats: 13 standard errors; 0.305 ± 0.013 and 0.288 ± 0.017: 1.8
    assert at(rows, 1, "ll", "random")["published_p"] < 1e-5 < 0.05 < at(rows, 1, "coreset", "ll")["published_p"] < 0.15


# --- seeds -----------------------------------------------------------------------------------------------------------

def test_methods_are_compared_on_common_seeds():
    first, second = {0: 0.5, 1: 0.7, 2: 0.65, 3: 9.0}, {0: 0.4, 1: 0.5, 2: 0.6}
    found, wanted = compare(first, second), paired_comparison([0.5, 0.7, 0.65], [0.4, 0.5, 0.6])
    assert found == Comparison(wanted.difference, wanted.t_p, wanted.sign_flip_p, 3, wanted.standard_error)


@pytest.mark.parametrize(("first", "second", "wanted"), [
    ({}, {0: 1.0}, Comparison(None, None, None, 0)),
    ({0: 0.75}, {0: 0.5, 1: 0.1}, Comparison(0.25, None, None, 1)),
    ({0: 0.75, 1: 0.75}, {0: 0.5, 1: 0.5}, Comparison(0.25, None, 0.5, 2)),  # no spread: no t
])
def test_too_few_seeds_decide_nothing(first, second, wanted):
    assert compare(first, second) == wanted and not wanted.decided


@pytest.mark.parametrize(("seeds", "difference", "wanted"), [
    (1, 0.25, UNTESTED), (2, 0.25, UNDECIDED), (5, 0.25, UNDECIDED), (6, 0.25, HOLDS), (6, -0.25, REVERSED),
    (6, 0.0, UNDECIDED),
])
def test_equal_differences_are_left_to_the_sign_flip_test(seeds, difference, wanted):
    """There is no t without a spread; 2 / 2⁶ is the first below 0.05."""
    found = compare(dict.fromkeys(range(seeds), 0.5 + difference), dict.fromkeys(range(seeds), 0.5))
    assert found.p_value is None and found.verdict() == wanted
    assert found.decided == (wanted in (HOLDS, REVERSED))
    assert found.said == ("" if seeds == 1 else "p± = 1" if not difference else f"p± = {2 / 2**seeds:.2g}")
    (row,) = paper_orders({"a": Decimal(2), "b": Decimal(1)}, {
        "a": dict.fromkeys(range(seeds), 0.5 + difference), "b": dict.fromkeys(range(seeds), 0.5)})
    assert row["verdict"] == wanted and f"({int(seeds > 1)} tests" in with_chance([row], "methods")


def test_the_t_test_decides_where_it_is_defined():
    """Control: a spread, and five seeds, with which no sign-flip test can tell anything apart."""
    found = compare({seed: 0.5 + seed / 1000 for seed in range(5)}, dict.fromkeys(range(5), 0.25))
    assert found.sign_flip_p > 0.05 > found.p_value and found.verdict() == HOLDS and found.said.startswith("p = ")


def test_a_partial_study_is_reported_as_such(folder, tmp_path, capsys):
    changed = shutil.copytree(folder, tmp_path / "study")
    (changed / "ll++-seed3" / "stage-2" / "result.json").unlink()
    document = json.loads(printed(capsys, str(changed), "--format", "json"))
    row = next(row for row in section(document, "table3(a)") if (row["method"], row["source"]) == ("LL++", "measured"))
    assert row["seeds"] == [4, 3]
    counts = {(row["stage"], row["low"], row["high"]): row["seeds"] for row in section(document, "orderings3(a)")}
    assert (counts[2, "ll++", "ll++conv"], counts[2, "ll", "coreset"]) == (3, 4)
    assert "1 of 44 cells have no result (ll++ seed 3 stage 2)" in document["verdict"][-1]
    assert "3–4" in printed(capsys, str(changed))


def test_a_complete_study_says_nothing_of_missing_cells(folder, capsys):
    assert "not complete" not in printed(capsys, str(folder))


# --- what it concludes -----------------------------------------------------------------------------------------------

def test_conclusions_follow_from_the_rows(study):
    rows = [row for row in orderings(study, FAILURES) if row["stage"] != ALL_STAGES]
    count = {verdict: sum(row["verdict"] == verdict for row in rows) for verdict in (HOLDS, REVERSED, UNDECIDED)}
    said = report.report_of(study).closing[0]
    assert said.startswith(
        f"Table 3(a): of the {len(rows)} orderings of two methods at a stage that LSP-LSPET has in the paper, "
        f"{count[HOLDS]} hold, {count[REVERSED]} are reversed, {count[UNDECIDED]} not told apart"
    )
    assert count[HOLDS] > count[REVERSED] > 0


def test_the_other_way_round_is_concluded_as_such(tmp_path):
    """Negative control: the same code on picks in the opposite order."""
    opposite = dict(zip(PICKED, reversed(PICKED.values())))
    study = read_run(make_run(tmp_path / "run", methods=PAPERS, seeds=4, stages=1, images=8, pairs=2, picked=opposite))
    verdicts = {(row["low"], row["high"]): row["verdict"] for row in orderings(study, FAILURES)}
    assert verdicts["ll++", "random"] == verdicts["ll++", "ll"] == REVERSED
    (line,) = (line for line in report.report_of(study).closing if line.startswith("LL++ against LL,"))
    assert "3(a) +" in line


def test_how_far_from_random_to_the_oracle(tmp_path):
    picked = {"random": 0.5, "ll": 0.3, "oracle": 0.1}
    folder = make_run(tmp_path / "run", methods=tuple(picked), seeds=4, stages=1, images=8, pairs=2, picked=picked)
    study = read_run(folder)
    (line,) = (line for line in report.report_of(study).closing if line.startswith("In finding failures"))
    assert line.endswith("LL 50%.")


def test_no_way_from_random_to_an_oracle_that_is_no_better(tmp_path):
    study = read_run(make_run(tmp_path / "run", methods=("random", "ll", "oracle"), seeds=2, images=8, pairs=2))
    assert "Random picks and those of the true loss are not told apart" in " ".join(report.report_of(study).closing)


def test_figure_5(tmp_path):
    """Loss predictors that rank equally well are not told apart; made better, LL++ is."""
    folder = make_run(tmp_path / "run", methods=("ll", "ll++"), seeds=4, stages=1, images=8, pairs=2)
    for seed in range(4):
        path = folder / f"ll++-seed{seed}" / "stage-1" / "result.json"
        result = json.loads(path.read_text(encoding="utf-8"))
        result["pool"]["spearman"] += 0.1 + seed / 1000
        path.write_text(json.dumps(result), encoding="utf-8")
    rows = next(part.rows for part in report.report_of(read_run(folder)).sections if part.name == "figure5")
    assert [row["verdict"] for row in rows] == [HOLDS, UNDECIDED, UNDECIDED]


# --- how it is printed -----------------------------------------------------------------------------------------------

@pytest.mark.parametrize("width", [20, 40, 80, 100])
def test_no_line_is_wider_than_asked(study, width):
    assert max(map(len, as_text(report.report_of(study), width=width).splitlines())) <= width


def test_five_stages_of_the_paper_fit_into_80_columns(tmp_path):
    study = read_run(make_run(tmp_path / "run", methods=(*PAPERS, "ll-multitap"), seeds=2, stages=5, images=8, pairs=2))
    lines = as_text(report.report_of(study), width=80).splitlines()
    headings = [line.split() for line in lines if line.startswith("method")]
    assert ["method", "from", "seeds", *"stage 1 stage 2 stage 3 stage 4 stage 5".split()] in headings
    assert not any(line.startswith("  stage") for line in lines)  # no table was turned into blocks


def test_a_terminal_without_the_papers_letters(folder, monkeypatch):
    output = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", output)
    assert report.main([str(folder)]) == 0
    text = output.buffer.getvalue().decode("ascii")
    assert "+/-" in text and "\\" not in text


def test_markdown_and_json(folder, capsys):
    markdown = printed(capsys, str(folder), "--format", "markdown")
    assert "## Table 3(a)" in markdown and "| LL++ | paper |" in markdown
    document = json.loads(printed(capsys, str(folder), "--format", "json"))
    assert document["settings"]["config"]["dataset"] == "lspet"
    assert document["verdict"] and section(document, "table3(b)")


def test_colour_only_where_it_is_wanted(folder, capsys, monkeypatch):
    assert "\033[" not in printed(capsys, str(folder))
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\033[31mreversed" in printed(capsys, str(folder))


@pytest.mark.parametrize("arguments", [["no-such-study"], ["no-such-study", "--record", "x"]])
def test_errors_are_one_line(capsys, arguments):
    assert report.main(arguments) == 2
    output = capsys.readouterr()
    assert output.out == "" and output.err.count("\n") == 1 and "no-such-study" in output.err


def test_a_recorded_study_prints_the_same(folder, capsys, tmp_path, monkeypatch):
    from experiments import record

    for function in (record.write, record.read_recorded, record.recorded_names):
        monkeypatch.setattr(function, "__defaults__", (tmp_path,))
    assert report.main([str(folder), "--record", "again"]) == 0
    output = capsys.readouterr()
    assert "again_stages.csv" in output.err
    assert output.out == printed(capsys, "again") == printed(capsys, str(folder))


def test_one_seed_has_no_spread_and_decides_nothing(tmp_path, capsys):
    folder = make_run(tmp_path / "run", methods=PAPERS, seeds=1, stages=2, images=8, pairs=2, picked=PICKED)
    document = json.loads(printed(capsys, str(folder), "--format", "json"))
    assert {row["verdict"] for row in section(document, "orderings3(a)")} == {UNTESTED}
    row = next(row for row in section(document, "table3(a)") if row["source"] == "measured")
    assert row["sds"] == [None, None] and "(0 tests" in document["verdict"][0]
    assert max(map(len, printed(capsys, str(folder)).splitlines())) <= 80


def test_a_base_model_alone(folder, tmp_path, capsys):
    """What `train` leaves: no stage, no table, and a report all the same."""
    changed = shutil.copytree(folder, tmp_path / "study")
    for path in changed.glob("[!b]*-seed*"):
        shutil.rmtree(path)
    text = " ".join(printed(capsys, str(changed)).split())
    assert "Before any stage, the base model tests at 51.5±1.3 (4 seeds)" in text and "40 of 44 cells" in text


# --- one study beside another ----------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def switched(tmp_path_factory):
    """The same study with a switch on: it finds no failures any more, and everything tests better."""
    return make_run(tmp_path_factory.mktemp("runs") / "switched", methods=("random", "ll++"), seeds=4, stages=1,
                    images=8, pairs=2, picked={"random": 0.43, "ll++": 0.5}, pool_pck={"random": 0.43, "ll++": 0.51},
                    test={"random": 0.6, "ll++": 0.6}, dataset="lspet", consistency="easy-hard")


def test_beside_another_study(switched, folder, study, capsys):
    document = json.loads(printed(capsys, str(switched), "--beside", str(folder), "--format", "json"))
    tested = {(row["method"], row["stage"]): row for row in section(document, "beside3(b)")}
    assert set(tested) == {("Base", 0), ("Random", 1), ("LL++", 1)}  # of both, no more
    assert tested["LL++", 1]["difference"] == pytest.approx(0.1, abs=0.01) and tested["LL++", 1]["p"] < 1e-3
    (found,) = section(document, "found")
    there = compare(study.by_seed("ll++", 1, "picked_pck"), study.by_seed("ll++", 1, "pool_pck"))
    assert statistics.fmean(found["beside"].values()) == pytest.approx(there.difference)
    assert found["difference"] == pytest.approx(-there.difference, abs=0.01) and found["p"] < 1e-3
    (said,) = document["verdict"]
    # Beside its own pool: beside the picks of Random, which has another network, it would avoid failures.
    assert "here it is not told apart from its pool" in said and "beside it finds failures" in said
    assert said.endswith(f"; the change: {100 * found['difference']:+.2f} points, p = {found['p']:.2g}.")
    assert "consistency easy-hard" in section_notes(document, "beside3(a)")


def test_beside_another_study_of_one_seed_nothing_is_tested(switched, folder):
    """One number a side says nothing, neither that failures are found nor that they are not."""
    one, other = (replace(read_run(made), rows=tuple(row for row in read_run(made).rows if row["seed"] == 0))
                  for made in (switched, folder))
    (said,) = report.beside_of(one, other).closing
    assert said.count("it is not tested (") == 2 and "told apart" not in said and "p =" not in said
    assert said.endswith(" points.")


def test_equal_differences_beside_another_study_are_told_by_the_sign_flip_test(study):
    """Six seeds, all alike: there is no t-test, and its place is not left empty."""
    rows = [{"method": "ll", "seed": seed, "stage": 1, "picked_pck": 0.25, "pool_pck": 0.5, "test_pck": 0.5}
            for seed in range(6)]
    (said,) = report.beside_of(replace(study, rows=tuple(rows)), replace(study, rows=tuple(rows))).closing
    assert said.count("finds failures (−25.00 points, p± = 0.031)") == 2
    assert said.endswith("; the change: +0.00 points, p± = 1.")


def test_a_study_that_is_not_there_is_said_before_anything_is_recorded(folder, capsys, monkeypatch):
    written = []
    monkeypatch.setattr("experiments._report_cli.write", lambda *words: written.append(words) or [])
    assert report.main([str(folder), "--record", "new", "--beside", "no-such-study"]) == 2
    assert "source: got 'no-such-study'" in capsys.readouterr().err and not written


def test_base_models_beside_each_other_have_their_note(study):
    rows = tuple(row for row in study.rows if row["stage"] == 0)
    found = report.beside_of(replace(study, rows=rows), replace(study, rows=rows))
    assert [section.name for section in found.sections] == ["beside3(b)"] and found.closing == ()
    assert "over the seeds that both have" in found.sections[0].notes[0]


def section_notes(document: dict, name: str) -> str:
    return " ".join(next(part["notes"] for part in document["sections"] if part["name"] == name))


def test_beside_itself_nothing_differs(folder, capsys):
    document = json.loads(printed(capsys, str(folder), "--beside", str(folder), "--format", "json"))
    names = ("beside3(a)", "beside3(b)", "found")
    assert {row["difference"] for name in names for row in section(document, name)} == {0}
    assert "has not: none." in section_notes(document, "beside3(a)")


@pytest.mark.parametrize(("settings", "said"), [
    ({"dataset": "generated"}, "a study of generated"),
    ({"methods": ("random",), "seeds": 1}, "method, seed and stage"),
])
def test_nothing_to_compare_is_an_error(settings, said, study, tmp_path):
    made = make_run(tmp_path / "run", **{"methods": ("random",), "seeds": 1, "stages": 1, "images": 8, "pairs": 2,
                                         "dataset": "lspet", **settings})
    other = read_run(made)
    if "seeds" in settings:
        other = replace(other, rows=tuple({**row, "seed": 9} for row in other.rows))
    with pytest.raises(DataError, match=said):
        report.beside_of(study, other)
