"""Work in blocks: iteration over broadcast arrays, and temporaries at addresses that vector instructions like."""

from __future__ import annotations

import numpy as np

__all__ = ["in_blocks", "scratch"]

_CACHE_LINE = 64  # bytes, of x86-64 and most others


def in_blocks(arrays, result, size: int) -> np.nditer:
    """A context manager that iterates over one-dimensional blocks of the broadcast arrays, and of the result to write.

    Blocks have `size` elements at most and are contiguous, whatever the memory layout of the arrays.
    """
    return np.nditer(
        [*arrays, result],
        flags=["external_loop", "buffered", "zerosize_ok"],
        op_flags=[["readonly"]] * len(arrays) + [["writeonly"]],
        order="C",
        buffersize=size,
    )


def scratch(count: int) -> np.ndarray:
    """An uninitialised float64 array that starts on a cache line.

    NumPy aligns to 16 bytes only, so that with registers of 64 bytes each load would touch two lines; passes over such
    arrays were measured to take a third longer.
    """
    room = np.empty(count + _CACHE_LINE // 8)
    start = -room.ctypes.data % _CACHE_LINE // 8
    return room[start : start + count]
