"""Records and claims files that break the rules: each is a named error, and the command line's exit code 2."""

from __future__ import annotations

import re

import pytest

from paper_tables import ledger
from paper_tables.outcome import AMBIGUOUS, HOLDS, NOT_COMPUTABLE, WRONG
from paper_tables.records import ClaimsError, Record, load_records
from tests.test_ledger import CLAIM

SOUND = {
    "id": "SUP-X", "document": "supplementary", "place": "p", "kind": "equation", "statement": "s", "verdict": HOLDS,
    "witness": "m:f",
}


@pytest.mark.parametrize(("change", "problem"), [
    ({"document": "poster"}, "document 'poster'"),
    ({"kind": "rumour"}, "kind 'rumour'"),
    ({"verdict": "true"}, "verdict 'true'"),
    ({"id": "sup-x"}, "malformed id"),
    ({"id": "LL-X"}, "id does not fit its document"),
    ({"witness": "m.f"}, "malformed witness"),
    ({"witness": ""}, "witness and verdict disagree"),
    ({"correction": "c"}, "correction and verdict disagree"),
    ({"reason": "r"}, "reason and verdict disagree"),
    ({"verdict": WRONG}, "correction and verdict disagree"),
    ({"verdict": AMBIGUOUS}, "correction and verdict disagree"),
    ({"verdict": NOT_COMPUTABLE}, "reason and verdict disagree"),
    ({"verdict": NOT_COMPUTABLE, "reason": "r"}, "witness and verdict disagree"),
])
def test_record_that_breaks_a_rule(change, problem):
    Record(**SOUND)
    with pytest.raises(ClaimsError, match=re.escape(problem)):
        Record(**SOUND | change)


FILES = {
    "malformed TOML": "[[claim]\nid = ",
    "something else than records": "title = 'ledger'\n",
    "a claim that is no table": "claim = ['LL-X']\n",
    "missing verdict": "[[claim]]\nid='SUP-X'\ndocument='supplementary'\nplace='p'\nkind='equation'\nstatement='s'\n",
    "unknown colour": CLAIM.format(verdict=HOLDS, extra='witness = "m:f"\ncolour = "red"'),
    "empty or no text: correction": CLAIM.format(verdict=WRONG, extra='witness = "m:f"\ncorrection = " "'),
    "empty or no text: witness": CLAIM.format(verdict=HOLDS, extra="witness = 3"),
    "duplicate id": CLAIM.format(verdict=HOLDS, extra='witness = "m:f"') * 2,
}


@pytest.fixture
def unreadable(tmp_path, request):
    """A claims folder with one entry that is no text."""
    if request.param == "Latin-1":
        (tmp_path / "x.toml").write_bytes("statement = 'naïve'".encode("latin-1"))
    else:
        (tmp_path / "x.toml").mkdir()
    return tmp_path


@pytest.mark.parametrize(("unreadable", "problem"), [("Latin-1", "not UTF-8"), ("folder", "cannot be read")],
                         indirect=["unreadable"])
def test_claims_file_that_is_no_text(unreadable, capsys, problem):
    with pytest.raises(ClaimsError, match=f"x.toml: {problem}"):
        load_records(unreadable)
    assert ledger.main(["--claims", str(unreadable)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("problem", FILES)
def test_claims_file_that_breaks_a_rule(tmp_path, capsys, problem):
    (tmp_path / "control.toml").write_text(FILES[problem], encoding="utf-8")
    with pytest.raises(ClaimsError, match=re.escape(problem)) as caught:
        load_records(tmp_path)
    assert "control.toml" in str(caught.value)
    assert ledger.main(["--claims", str(tmp_path)]) == 2
    assert problem in capsys.readouterr().err


def test_duplicate_across_files(tmp_path):
    for name in ("a.toml", "b.toml"):
        (tmp_path / name).write_text(CLAIM.format(verdict=HOLDS, extra='witness = "m:f"'), encoding="utf-8")
    with pytest.raises(ClaimsError, match="b.toml, SUP-CONTROL: duplicate id"):
        load_records(tmp_path)


def test_folder_without_records(tmp_path):
    with pytest.raises(ClaimsError, match="no records"):
        load_records(tmp_path)
    with pytest.raises(ClaimsError, match="no such folder"):
        load_records(tmp_path / "missing")
