"""A run of the cross-checks as a report: one section for formulas, one for expectations, one for printed examples."""

from __future__ import annotations

from gammaprob._table_document import Column, Report, Section, scientific, signed

__all__ = ["COLOURS", "OK", "WRONG", "contradictions", "report_of"]

OK, WRONG = "ok", "WRONG"
COLOURS = {OK: "32", WRONG: "31"}  # green, red


_HEAD = (
    Column("equation", lambda row: row["equation"], plain=True), Column("what", lambda row: row["what"], plain=True),
)
_DIGITS = Column("50 digits", lambda row: scientific(row["precise_error"]), right=True)
_VERDICT = Column("verdict", lambda row: row["verdict"], plain=True)


def report_of(run) -> Report:
    """The report of a `gradients.crosscheck.Crosscheck`: the columns for people, everything for machines."""
    simulated = [row for row in run.rows if row.evidence.scores is not None]
    sections = (
        _formulas([row for row in run.rows if row.evidence.scores is None]), _expectations(simulated),
        _examples(run.findings),
    )
    return Report(
        tuple(section for section in sections if section.rows),
        (*(contradictions(run) or (_agreement(run),)), f"Seed {run.seed}, {run.draws} draws a mean."),
        {"seed": run.seed, "draws": run.draws},
    )


def _formulas(rows) -> Section:
    return Section(
        "formulas", "Formulas: worst error of the closed form", (
            *_HEAD, Column("points", lambda row: str(row["points"]), right=True),
            Column("autograd", lambda row: scientific(row["autograd_error"]), right=True), _DIGITS, _VERDICT,
        ), tuple(map(_row, rows)), (
            "Errors are relative to the terms of the formula, where a rounding of float64 is 1e-16: against autograd "
            "through the torch loss, and against difference quotients of the printed loss at 50 digits. Rows of "
            "values, and of signs, hold the torch loss itself against the formula.",
            "LL: Learning Loss, LL++: LearningLoss++, AL: Anchor Loss, with the number of the equation; S: of the "
            "supplementary, A-: of Anchor Loss's appendix. default: called without options, in the mean.",
        ),
    )


def _expectations(rows) -> Section:
    scores = sum(len(row.evidence.scores.values) for row in rows)
    largest = max((row.largest_score for row in rows), default=0.0)
    return Section(
        "expectations", "Expectations: simulation through autograd", (
            *_HEAD, Column("means", lambda row: str(row["points"]), right=True), _DIGITS,
            Column("worst z", lambda row: signed(row["worst_score"]), right=True),
            Column("p(Σz²)", lambda row: f"{row['probability']:.2g}", right=True), _VERDICT,
        ), tuple(map(_row, rows)), (
            f"z: distance of the mean from the closed form (LL push: from an integral of the law of the gap) in "
            f"standard errors, at most {largest:.1f} in a run of {scores} scores. p: probability of a sum of their "
            "squares so far out, to either side.",
        ),
    )


def _examples(findings) -> Section:
    return Section(
        "examples", "Printed examples", (
            Column("record", lambda row: row["record"], plain=True),
            Column("what", lambda row: row["what"], plain=True), Column("printed", lambda row: row["printed"]),
            Column("torch", lambda row: ", ".join(f"{value:.4g}" for value in row["values"])),
            Column("digits", lambda row: row["digits"]), _VERDICT,
        ), tuple(map(_example, findings)), (
            "Numbers of the slides are factors of ‖θ_i−θ_j‖. digits: whether the printed ones follow by rounding and "
            "by truncation (holds), by one of both (ambiguous), or by neither; the verdict is ok where the ledger "
            "records the same.",
        ),
    )


def _agreement(run) -> str:
    exercised = sum(row.evidence.points for row in run.rows)
    return (
        f"Rows: {len(run.rows)}, exercised at {exercised} points and means. Printed examples: {len(run.findings)}. "
        "Every witness agrees."
    )


def contradictions(run) -> tuple[str, ...]:
    """In words, each row and example that does not agree, and why."""
    said = [
        f"{WRONG}: {row.check.equation}, {row.check.what}: {'; '.join(_reasons(row))}."
        for row in run.rows if not row.agrees
    ]
    said += [
        f"{WRONG}: {found.example.record}: the digits say {found.verdict!r}, the ledger {found.recorded!r}."
        for found in run.findings if not found.agrees
    ]
    return tuple(said)


def _reasons(row) -> list[str]:
    evidence = row.evidence
    reasons = [evidence.broken] if evidence.broken else []
    for name, witness in (("autograd", evidence.autograd), ("50 digits", evidence.precise)):
        if witness is not None and not witness.agrees:
            reasons.append(f"{name}: error {witness.worst:.1e}, explained by rounding {witness.limit:.1e}")
    if evidence.scores is not None:
        reasons += [
            words for agrees, words in (
                (row.score_agrees, f"z of {signed(evidence.scores.worst)}, at most {row.largest_score:.1f}"),
                (row.sum_agrees, f"p(Σz²) of {evidence.scores.probability:.1e}, at least {row.least_probability:.1e}"),
            ) if not agrees
        ]
    return reasons or ["nothing was evaluated"]


def _row(row) -> dict:
    evidence = row.evidence
    fields = {"equation": row.check.equation, "what": row.check.what, "points": evidence.points}
    for name, witness in (("autograd", evidence.autograd), ("precise", evidence.precise)):
        fields[f"{name}_error"] = None if witness is None else witness.worst
        fields[f"{name}_limit"] = None if witness is None else witness.limit
    scores = evidence.scores
    fields |= {
        "worst_score": scores and scores.worst, "largest_score": scores and row.largest_score,
        "probability": scores and scores.probability, "least_probability": scores and row.least_probability,
    }
    return fields | {"broken": evidence.broken or None, "verdict": OK if row.agrees else WRONG}


def _example(found) -> dict:
    return {
        "record": found.example.record, "what": found.example.what, "printed": found.example.printed,
        "values": list(found.values), "digits": found.verdict, "recorded": found.recorded,
        "verdict": OK if found.agrees else WRONG,
    }
