"""Write the reference values of tests/oracle: `python tests/oracle/generate.py [--out DIR] [--seed N]`.

Every value comes from `gammaprob.certified` (Arb enclosures at the exact double arguments); no kernel is imported.
Which points: see `points.py`; which columns and how they are meant: see README.md.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import hashlib
import json
import platform
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

import flint  # noqa: E402  (the repository's root must be on the path first)

from gammaprob import certified  # noqa: E402
from tests.oracle import points  # noqa: E402

SEED = 20210620
DIGITS = 25
# Condition numbers are difference quotients over a relative step of 1e-20 between values with 45 digits: even where the
# condition number is 1e6 both the curvature (1e6 · 1e-20) and the digits lost leave far more than the 3 digits kept.
_STEP = Fraction(1, 10**20)
_STEP_DIGITS = 45

_METHOD = (
    "Arb enclosures of gammaprob.certified at the exact double arguments, relative radius <= 1e-25: finite sums at "
    "integer shapes up to 200, trapezoidal sums with proved error bounds elsewhere, flint's incomplete gamma function "
    "for gamma_integral, certified bracketing for the quantiles"
)
_INDEPENDENCE = (
    "no code, floating-point function or intermediate result is shared with the kernels; tests/test_certified.py "
    "checks the enclosures against other closed forms and integrators"
)


def _gap(name: str) -> Callable:
    function = getattr(certified, name)
    return lambda k, z, digits: function(z, shape=k, scale=1, digits=digits)


def _strip(k, near, far, digits):
    return certified.strip_probability(near, far, shape=k, scale=1, digits=digits)


def _integral_term(u, z, digits):
    return certified.exponential_integral_term(z, order=u, scale=1, digits=digits)


# quantity -> (function of the columns after `set`, names of these columns)
QUANTITIES: dict[str, tuple[Callable, tuple[str, ...]]] = {
    **{
        name: (_gap(name), ("shape", "delta"))
        for name in ("gap_sf", "gap_cdf", "gap_pdf", "gap_logsf", "gap_logcdf", "gap_logpdf", "expected_target")
    },
    "exponential_integral_term": (_integral_term, ("order", "delta")),
    "gamma_integral": (_gap("gamma_integral"), ("shape", "x")),
    "gap_ppf": (_gap("gap_ppf"), ("shape", "q")),
    "gap_isf": (_gap("gap_isf"), ("shape", "q")),
    "strip_probability": (_strip, ("shape", "delta_1", "delta_2")),
}


def condition_numbers(quantity: str, arguments: tuple[float, ...]) -> tuple[float, float]:
    """|d log value/d log shape|, and the same for the other arguments scaled together (z = δ/Θ has one rounding).

    For quantiles the other argument is the smaller of q and 1 − q: 1 − q is exact in doubles for q >= 1/2.
    """
    function, names = QUANTITIES[quantity]
    shape, *rest = (Fraction(argument) for argument in arguments)
    if names[1] == "q" and rest[0] > Fraction(1, 2):
        scaled = [1 - (1 - rest[0]) * (1 + _STEP)]
    else:
        scaled = [value * (1 + _STEP) for value in rest]
    with flint.ctx.workprec(4 * _STEP_DIGITS):
        base = function(shape, *rest, _STEP_DIGITS).arb.mid()
        moved = (function(shape * (1 + _STEP), *rest, _STEP_DIGITS), function(shape, *scaled, _STEP_DIGITS))
        return tuple(abs(float((value.arb.mid() / base - 1) * _STEP.denominator)) for value in moved)


def row(quantity: str, arguments: tuple[float, ...]) -> list[str]:
    """The arguments in hexadecimal, the value correctly rounded and to DIGITS digits, and the condition numbers."""
    function, _ = QUANTITIES[quantity]
    value = function(*arguments, DIGITS)
    conditions = condition_numbers(quantity, arguments)
    return [
        *(argument.hex() for argument in arguments), float(value).hex(), value.digits,
        *(f"{number:.3g}" for number in conditions),
    ]


def header(quantity: str) -> list[str]:
    return ["set", *QUANTITIES[quantity][1], "value", "digits", "condition_shape", "condition_other"]


def write(out: Path, seed: int) -> None:
    files = {}
    for quantity in QUANTITIES:
        started = time.perf_counter()
        chosen = points.for_quantity(quantity, seed)
        path = out / f"{quantity}.csv"
        with path.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(header(quantity))
            writer.writerows([tag, *row(quantity, arguments)] for tag, arguments in chosen)
        files[path.name] = {"points": len(chosen), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        print(f"{quantity}: {len(chosen)} points, {time.perf_counter() - started:.1f} s", flush=True)
    provenance = {
        "seed": seed,
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        "method": _METHOD,
        "independent": True,
        "independence": _INDEPENDENCE,
        "versions": {
            "python": platform.python_version(),
            "python-flint": flint.__version__,
            "flint": flint.__FLINT_VERSION__,
        },
        "files": files,
    }
    (out / "provenance.json").write_text(json.dumps(provenance, indent=2) + "\n", encoding="utf-8")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    out_help = "folder of the files (default: %(default)s)"
    parser.add_argument("--out", type=Path, default=HERE / "reference", help=out_help)
    parser.add_argument("--seed", type=int, default=SEED, help="seed of the random points (default: %(default)s)")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    write(options.out, options.seed)


if __name__ == "__main__":
    main()
