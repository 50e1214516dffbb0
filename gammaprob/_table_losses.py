"""The same tables for the user's own losses: the fitted law beside the pairs of the losses themselves."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

from gammaprob._table_cells import compute
from gammaprob._table_document import ABSENT, Column, Report, Section, signed
from gammaprob._table_paper import DELTA_COLUMN, TABLES, WITNESS_COLUMNS
from gammaprob.errors import ConvergenceError, DomainError
from gammaprob.fit import LossFit, fit_losses
from gammaprob.gap import gap_ppf
from gammaprob.loss_file import read_losses, source_name
from gammaprob.pairs import PairStatistic, pair_statistics

__all__ = ["losses_report"]

# Without --delta: where the fitted law has these probabilities of a smaller gap, rounded to two digits.
_QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9, 0.99)
_PAIR_COLUMNS = (
    DELTA_COLUMN,
    Column("observed", lambda row: _plus_minus(row["observed"], row["observed_standard_error"])),
    Column("gamma law", lambda row: row["exact"]),
    Column("distance", lambda row: signed(row["distance"]), right=True),
    *WITNESS_COLUMNS,
)
_FIT_COLUMNS = (
    Column("quantity", lambda row: row["item"], plain=True),
    Column("value", lambda row: _shown(row)),
    Column("± s.e.", lambda row: ABSENT if row["standard_error"] is None else f"{row['standard_error']:.2g}"),
    Column("log-likelihood", lambda row: ABSENT if row["cost"] is None else f"−{row['cost']:.3g}"),
)
_TEST_COLUMNS = (
    Column("test", lambda row: row["item"], plain=True),
    Column("statistic", lambda row: f"{row['letter']} = {row['value']:.4g}"),
    Column("p", lambda row: f"{row['p_value']:.3g}"),
)
_NOTE = (
    "observed: all pairs of the losses, ± standard error. gamma law: certified digits at the fitted k and Θ. distance: "
    "law minus observed, in standard errors. kernel, quadr.: relative distances from the Arb enclosure; MC z: "
    "simulation, in standard errors; –: nothing to show, or a witness that cannot vouch for its answer."
)


def losses_report(file: str, column, numbers, *, deltas, digits: int, seed: int) -> Report:
    """Fit, goodness of fit, and the tables `numbers` for the losses in `file` ("-" for standard input).

    `deltas` is decimal text; None takes quantiles of the fitted law. Raises `LossFileError` for a file that cannot be
    used, `DomainError` for losses that no gamma law can be fitted to.
    """
    for delta in deltas or ():
        if Fraction(delta) < 0:
            raise DomainError("delta", delta, "a gap δ >= 0 beside --losses", "pass the size of the gap")
    losses = read_losses(file, column)
    fit = fit_losses(losses, deltas=(), seed=seed)
    shape, scale = repr(fit.shape), repr(fit.scale)
    at = deltas or _default_deltas(fit)
    pairs = pair_statistics(losses, [float(Fraction(delta)) for delta in at])
    sections = [_fit_section(file, fit), _test_section(fit)]
    for number in numbers:
        quantity, name, _, _ = TABLES[number]
        rows = tuple(
            _pair_row(_law_row(quantity, delta, shape, scale, digits, seed), statistic, fit.bandwidth)
            for delta, statistic in zip(at, pairs)
        )
        notes = (_NOTE,) if number == numbers[0] else ()
        if quantity == "phi":
            notes += (
                f"observed φ(δ): mean of X/(2X + δ) over the pairs with a gap within {fit.bandwidth:.2g} of δ; no "
                "distance where δ itself is smaller.",
            )
        title = f"{name} for k = {fit.shape:.6g}, Θ = {fit.scale:.6g}"
        sections.append(Section(f"table{number}", title, _PAIR_COLUMNS, rows, notes))
    return Report(tuple(sections), (fit.verdict,), {"digits": digits, "seed": seed, "bootstrap": fit.bootstrap})


def _fit_section(file: str, fit: LossFit) -> Section:
    def row(item, value, standard_error=None, cost=None):
        return {"item": item, "value": value, "standard_error": standard_error, "cost": cost}

    rows = (
        row("losses", fit.n),
        row("mean", fit.mean),
        row("shape k", fit.shape, fit.shape_standard_error),
        row("scale Θ", fit.scale, fit.scale_standard_error),
        row("best integer k", fit.integer.shape, cost=fit.integer.log_likelihood_cost),
        row("best half-integer k", fit.half_integer.shape, cost=fit.half_integer.log_likelihood_cost),
    )
    return Section("fit", f"Gamma law fitted to {source_name(file)} by maximum likelihood", _FIT_COLUMNS, rows)


def _test_section(fit: LossFit) -> Section:
    tests = (fit.kolmogorov_smirnov, fit.anderson_darling, fit.cramer_von_mises)
    rows = tuple(
        {"item": test.name, "letter": test.letter, "value": test.statistic, "p_value": test.p_value} for test in tests
    )
    title = f"Goodness of fit ({fit.bootstrap} parametric-bootstrap replicates)"
    return Section("goodness", title, _TEST_COLUMNS, rows)


def _law_row(quantity: str, delta: str, shape: str, scale: str, digits: int, seed: int) -> dict:
    """The fitted law's value; where no digits of it can be certified, an error that names the losses as the reason."""
    try:
        return compute(quantity, delta, shape=shape, scale=scale, digits=digits, seed=seed).row()
    except ConvergenceError as error:
        raise DomainError(
            "losses", f"fitted k = {float(shape):.6g} at δ = {delta}", f"a law with certified digits ({error.allowed})",
            "gammaprob.fit_losses gives the fit and the pairs alone",
        ) from error


def _pair_row(row: dict, statistic: PairStatistic, bandwidth: float) -> dict:
    share = row["quantity"] == "P"
    observed = statistic.share if share else statistic.mean_target
    error = statistic.share_standard_error if share else statistic.mean_target_standard_error
    difference = row["kernel"] - observed
    # A window of gaps that is wider than δ holds pairs that are no sign of φ at δ.
    comparable = error > 0.0 and (share or statistic.delta >= bandwidth)
    return {
        **{key: row[key] for key in ("quantity", "delta", "shape", "scale")},
        "pairs": statistic.pairs_within if share else statistic.pairs_near,
        "observed": observed, "observed_standard_error": error, "exact": row["exact"],
        # Without spread (no pair, or all of them) a distance in standard errors means nothing.
        "distance": difference / error if comparable else None,
        **{key: value for key, value in row.items() if key not in ("printed", "verdict")},
    }


def _default_deltas(fit: LossFit) -> list[str]:
    rounded = (Decimal(f"{gap_ppf(level, shape=fit.shape, scale=fit.scale):.1e}") for level in _QUANTILES)
    texts = (f"{delta:f}" if abs(delta.adjusted()) < 6 else f"{delta:.1e}" for delta in rounded)
    return list(dict.fromkeys(text for text in texts if Decimal(text) > 0))


def _shown(row: dict) -> str:
    """The number of losses and a shape that was chosen, not estimated, in full; what is estimated to six digits."""
    chosen = isinstance(row["value"], int) or row["cost"] is not None
    return f"{row['value']:.15g}" if chosen else f"{row['value']:.6g}"


def _plus_minus(value: float, error: float) -> str:
    """The value to the second digit of its error; alone where there is no spread."""
    if not math.isfinite(value):
        return ABSENT
    if not error > 0.0:
        return f"{value:.6g}"
    places = min(max(1 - math.floor(math.log10(error)), 0), 12)
    return f"{value:.{places}f} ± {error:.{places}f}"
