"""Random numbers by name: every draw of the study depends on what it is for, never on what was drawn before it.

A stage that was interrupted, another number of workers, or a method left out changes no other draw.
"""

from __future__ import annotations

import hashlib

__all__ = ["stream"]


def stream(*names: object) -> int:
    """A 63-bit seed for the draw that these names stand for.

    >>> stream(0, "order", "epoch", 3) == stream(0, "order", "epoch", 3)
    True
    >>> stream(0, "order", "epoch", 3) == stream(0, "order", "epoch", 4)
    False
    """
    # Each name with its length before it: ("a", "bc") and ("ab", "c") are two streams.
    text = "".join(f"{len(str(name))}:{name}" for name in names)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") >> 1
