"""The exact law of the loss gap in active learning, and the LearningLoss++ gradient that follows from it.

For true losses X, Y ~ Gamma(shape k, scale Θ), independent: how often two images have nearly the same loss,
P(|X − Y| ≤ δ), and what target φ(δ) LearningLoss++ then sets on average.

>>> import gammaprob
>>> print(f"{gammaprob.gap_cdf(0.1, shape=4, scale=0.066):.6f}")
0.440767
>>> print(f"{gammaprob.expected_target(0.1, shape=4, scale=0.066):.6f}")
0.384449

`gamma_gap` (the law as a `scipy.stats` distribution), `fit_losses` (the law of recorded losses) and the witnesses
`gammaprob.certified` (Arb), `gammaprob.symbolic` (SymPy), `gammaprob.monte_carlo` and `gammaprob.quadrature` are
loaded when they are first used.
"""

from importlib import import_module as _import_module

from gammaprob.errors import (
    ArgumentError,
    BroadcastError,
    ConvergenceError,
    DomainError,
    GammaProbError,
    LossFileError,
)
from gammaprob.gap import (
    difference_pdf,
    gamma_integral,
    gap_cdf,
    gap_isf,
    gap_logcdf,
    gap_logpdf,
    gap_logsf,
    gap_pdf,
    gap_ppf,
    gap_sf,
    strip_probability,
)
from gammaprob.target import expected_gradient, expected_target, exponential_integral_term

__version__ = "0.5.0"

# Names whose modules are slow to import (scipy.stats, flint, sympy): loaded on first use (PEP 562).
_LAZY = {"gamma_gap": "distribution", "fit_losses": "fit", "LossFit": "fit"}
_LAZY_MODULES = ("as_printed", "certified", "monte_carlo", "quadrature", "symbolic")

__all__ = [
    "ArgumentError", "BroadcastError", "ConvergenceError", "DomainError", "GammaProbError", "LossFileError",
    "difference_pdf", "expected_gradient", "expected_target", "exponential_integral_term", "fit_losses", "gamma_gap",
    "gamma_integral", "gap_cdf", "gap_isf", "gap_logcdf", "gap_logpdf", "gap_logsf", "gap_pdf", "gap_ppf", "gap_sf",
    "strip_probability",
]  # fmt: skip


def __getattr__(name):
    if name in _LAZY:
        return getattr(_import_module(f"gammaprob.{_LAZY[name]}"), name)
    if name in _LAZY_MODULES:
        return _import_module(f"gammaprob.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *_LAZY, *_LAZY_MODULES})
