"""What holds for every test: two Hypothesis profiles, and a known global state before and after each test."""

from __future__ import annotations

import decimal
import os
import random
from pathlib import Path

import flint
import mpmath
import numpy as np
import pytest
from hypothesis import HealthCheck, settings

# Figures must not need a screen; the variable is read when matplotlib is first imported, so it is set here.
os.environ["MPLBACKEND"] = "Agg"

# Read when torch is loaded, here and in the programs that tests start. Small operations on several threads wait for
# each other: on a machine with other work, minutes for what one thread does in seconds.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Generated pictures are drawn once for all tests, and not into the cache of whoever runs them.
os.environ["XDG_CACHE_HOME"] = str(Path(__file__).parents[1] / ".cache")

# The programs that tests start must buffer their output and cache their byte code as they do for a user.
for variable in ("PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"):
    os.environ.pop(variable, None)

SEED = 20210620  # any fixed number: a test that draws without a seed of its own must draw the same every time

# quick: derandomised, so that a failure is a property of the code and not of the day. No deadline: the first call at a
# new real shape builds a plan and is slower than the second. thorough: new examples on every run; what fails is shrunk,
# printed and kept in .hypothesis for the next run.
settings.register_profile("quick", derandomize=True, max_examples=50, deadline=None)
settings.register_profile(
    "thorough", max_examples=2000, deadline=None, print_blob=True,
    # Thousands of examples on broad domains: filtering and slow draws are expected there, not a mistake.
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
settings.load_profile("quick")  # `--hypothesis-profile=thorough` overrides it


def _reset() -> None:
    """Put the state that libraries keep globally where a fresh interpreter has it."""
    mpmath.mp.prec = 53
    mpmath.mp.pretty = False
    mpmath.iv.prec = 53
    flint.ctx.default()
    decimal.setcontext(decimal.DefaultContext)
    np.seterr(divide="warn", over="warn", under="ignore", invalid="warn")
    np.random.seed(SEED)
    random.seed(SEED)


@pytest.fixture(autouse=True)
def known_global_state():
    """No test sees the precision, the error handling or the random state that another one left behind."""
    _reset()
    yield
    _reset()
