"""What surrounds a generated figure: textured ground and backdrop, clutter behind it, occluders before it."""

from __future__ import annotations

import numpy as np
from PIL import Image

from ._figure_paint import Shape

BACKDROPS = {  # RGB in [0, 1], and the amplitude of the smooth and of the fine texture
    "sky": ((0.55, 0.72, 0.92), 0.10, 0.02), "overcast": ((0.80, 0.83, 0.86), 0.06, 0.02),
    "trees": ((0.22, 0.33, 0.16), 0.14, 0.13), "wall": ((0.66, 0.60, 0.54), 0.08, 0.06),
    "brick": ((0.55, 0.36, 0.29), 0.08, 0.08), "hall": ((0.20, 0.20, 0.24), 0.14, 0.06),
    "room": ((0.75, 0.70, 0.60), 0.10, 0.03), "crowd": ((0.36, 0.33, 0.34), 0.14, 0.18),
}
GROUNDS = {
    "grass": ((0.34, 0.48, 0.20), 0.10, 0.12), "sand": ((0.78, 0.69, 0.53), 0.08, 0.07),
    "asphalt": ((0.42, 0.42, 0.43), 0.07, 0.07), "mat": ((0.22, 0.34, 0.62), 0.06, 0.02),
    "parquet": ((0.68, 0.49, 0.30), 0.07, 0.04), "snow": ((0.90, 0.92, 0.95), 0.06, 0.03),
}


def draw_background(
    rng: np.random.Generator, *, size: int, horizon: float, roll: float, difficulty: float,
) -> np.ndarray:
    """A backdrop above the horizon (in units of the side) and a ground below, turned by `roll` radians: (3, S, S)."""
    axis = ((np.arange(size) + 0.5) / size - 0.5).astype(np.float32)
    across, down = (axis * np.float32(np.cos(roll)), axis * np.float32(np.sin(roll)))
    x, y = across - down[:, np.newaxis] + 0.5, down + across[:, np.newaxis] + 0.5
    smooth, fine = _noise(rng, 5, size), _noise(rng, 16, size) + _noise(rng, 44, size)
    layers = []
    for table in (BACKDROPS, GROUNDS):
        colour, rough, grain = list(table.values())[rng.integers(len(table))]
        colour = np.array(colour) * rng.uniform(0.7, 1.15) + rng.normal(0, 0.04, 3)
        # Bands: bricks, boards, benches, a fence; in every second layer, in one of the two directions.
        wave, phase, depth, along = rng.uniform(8, 40), rng.uniform(0, 1), rng.uniform(0.0, 0.2), rng.integers(4)
        contrast = 0.6 + 0.9 * difficulty
        texture = np.float32(contrast * rough) * smooth + np.float32(contrast * grain) * fine
        if along < 2:
            texture -= np.float32(depth) * (((x, y)[along] * np.float32(wave) + np.float32(phase)) % 1 < 0.2)
        tint = 1 + rng.normal(0, 0.25, 3)  # the texture's own colour
        layers.append(np.stack([np.float32(level) + np.float32(share) * texture for level, share in zip(colour, tint)]))
    ground = np.clip((y - np.float32(horizon)) * size + 0.5, 0, 1)
    return np.clip(layers[0] + (layers[1] - layers[0]) * ground, 0, 1)


def _noise(rng: np.random.Generator, cells: int, size: int) -> np.ndarray:
    """Noise in [-1, 1], (S, S), with the given number of cells across, whatever the picture's size."""
    coarse = Image.fromarray(rng.integers(0, 256, (cells, cells), dtype=np.uint8))
    return np.asarray(coarse.resize((size, size), Image.Resampling.BICUBIC)) / np.float32(127.5) - 1


def draw_clutter(rng: np.random.Generator, *, count: int, horizon: float) -> list[Shape]:
    """Things behind the figure: boxes and posts that stand on the ground, crowns of trees, balls."""
    shapes = []
    for _ in range(count):
        kind, x, colour = rng.integers(4), rng.uniform(-0.05, 1.05), _plain(rng)
        base = horizon + rng.uniform(0.0, 0.12)
        if kind == 0:
            shapes.append(_box(x, base, rng.uniform(0.03, 0.22), rng.uniform(0.05, 0.5), colour))
        elif kind == 1:
            shapes.append(_limb(x, base, x + rng.normal(0, 0.02), base - rng.uniform(0.3, 1.0), 0.008, colour))
        elif kind == 2:
            top, crown = base - rng.uniform(0.15, 0.4), rng.uniform(0.05, 0.16)
            shapes.append(_limb(x, base, x, top, 0.016, np.array((0.30, 0.22, 0.15))))
            spread = rng.uniform(-0.6, 0.6, (4, 2)) * crown
            circles = np.column_stack((spread + (x, top), np.full(4, crown)))
            shapes.append(Shape(circles, np.array((0.20, 0.36, 0.14)) * rng.uniform(0.6, 1.4)))
        else:
            shapes.append(Shape(np.array([[x, rng.uniform(0, 1), rng.uniform(0.01, 0.06)]]), colour))
    return shapes


def draw_occluders(rng: np.random.Generator, *, count: int, low: np.ndarray, high: np.ndarray) -> list[Shape]:
    """Things before the figure, whose box (its corners low and high) they overlap: posts, rails, boxes, bushes."""
    shapes = []
    for _ in range(count):
        kind, colour = rng.integers(4), _plain(rng)
        x, y = rng.uniform(low, high)
        if kind == 0:
            shapes.append(_limb(x, -0.1, x + rng.normal(0, 0.04), 1.1, rng.uniform(0.008, 0.02), colour))
        elif kind == 1:
            shapes.append(_limb(-0.1, y, 1.1, y + rng.normal(0, 0.05), rng.uniform(0.008, 0.016), colour))
        elif kind == 2:
            shapes.append(_box(x, high[1] + 0.03, rng.uniform(0.05, 0.12), rng.uniform(0.08, 0.20), colour))
        else:
            circles = np.column_stack((rng.normal((x, high[1]), 0.04, (4, 2)), rng.uniform(0.03, 0.08, 4)))
            shapes.append(Shape(circles, np.array((0.24, 0.36, 0.16)) * rng.uniform(0.6, 1.3)))
    return shapes


def _plain(rng: np.random.Generator) -> np.ndarray:
    grey = rng.uniform(0.15, 0.9)
    return np.clip(grey + rng.normal(0, 0.10, 3), 0, 1)


def _limb(x0, y0, x1, y1, radius, colour) -> Shape:
    return Shape(np.array([[x0, y0, radius], [x1, y1, radius]]), colour)


def _box(x, base, width, height, colour) -> Shape:
    """An upright rectangle with rounded corners, on the ground at `base`."""
    left, right, top, edge = x - width / 2, x + width / 2, base - height, 0.006
    return Shape(np.array([[left, base, edge], [right, base, edge], [left, top, edge], [right, top, edge]]), colour)
