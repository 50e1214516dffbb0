"""The painter: hulls of circles with light and shade, drawn larger than the picture, with a map of what is in front."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw


DIRECTIONS = 22  # corners of a hull: at 128 pixels a head's outline is then within 0.1 pixel of its circle
MOST_SHAPES = 85  # three numbers each of the 255 that a palette has beside the background's
# Each shape is drawn three times: whole and dark, smaller and displaced towards the light, and once more.
TONES = ((1.0, 0.0, 0.74), (0.80, 0.16, 1.0), (0.42, 0.32, 1.10))  # (radius, displacement in radii, brightness)


class Shape(NamedTuple):
    """What is painted: a hull of one to four circles (x, y, radius), in units of the picture's side."""

    circles: np.ndarray  # (C, 3)
    colour: np.ndarray  # (3,) RGB in [0, 1]
    part: int = -1  # which part of the figure, or -1 for what is not the figure's


class Painted(NamedTuple):
    """A picture, and what is in front in it."""

    image: np.ndarray  # (3, S, S) in [0, 1]
    front: np.ndarray  # (S, S) the part of the figure at each pixel's centre, -1 for what is not the figure's


def hulls(circles: np.ndarray) -> np.ndarray:
    """Convex hulls of circles (N, C, 3) as polygons (N, DIRECTIONS, 2): the farthest point in each direction."""
    turn = np.linspace(0.0, 2 * np.pi, DIRECTIONS, endpoint=False)
    directions = np.stack((np.cos(turn), np.sin(turn)), axis=-1)
    reach = circles[..., :2] @ directions.T + circles[..., 2:]  # (N, C, DIRECTIONS)
    farthest = reach.argmax(axis=1)
    chosen = np.take_along_axis(circles, farthest[..., np.newaxis], axis=1)  # (N, DIRECTIONS, 3)
    return chosen[..., :2] + chosen[..., 2:] * directions


def paint(background: np.ndarray, shapes: list[Shape], light: np.ndarray) -> Painted:
    """Paint the shapes in order over a background (3, S, S) in [0, 1]; `light` is the unit vector towards the light.

    All is drawn as numbers of a palette, so that colours and what is in front come from one drawing; the palette has
    room for MOST_SHAPES.
    """
    size = background.shape[-1]
    factor = max(2, round(256 / size))  # supersampling: edges without steps
    circles = np.zeros((len(shapes), 4, 3))
    for row, shape in enumerate(shapes):
        circles[row] = shape.circles[np.arange(4) % len(shape.circles)]
    toned = np.stack([
        np.concatenate((circles[..., :2] + shift * circles[..., 2:] * light, radius * circles[..., 2:]), axis=-1)
        for radius, shift, _ in TONES], axis=1).reshape(-1, 4, 3)
    # Units of the side have 0 at the first pixel's outer edge; Pillow has it at the pixel's centre.
    corners = (hulls(toned) * size * factor - 0.5).reshape(len(toned), -1)
    canvas = Image.new("P", (size * factor, size * factor))
    drawing = ImageDraw.Draw(canvas)
    for number, polygon in enumerate(corners.tolist(), 1):
        drawing.polygon(polygon, fill=number)
    numbers = np.asarray(canvas)[factor // 2::factor, factor // 2::factor]
    colours = np.array([shape.colour for shape in shapes])[:, np.newaxis] * [[tone] for _, _, tone in TONES]
    palette = np.full((len(toned) + 1, 4), 255, np.uint8)
    palette[0] = 0  # the background: transparent
    palette[1:, :3] = (colours.reshape(-1, 3) * 255).clip(0, 255)
    canvas.putpalette(palette.tobytes(), "RGBA")
    drawn = np.asarray(canvas.convert("RGBA").reduce(factor)).transpose(2, 0, 1) / np.float32(255)
    parts = np.array([-1] + [shape.part for shape in shapes for _ in TONES])
    return Painted(background + drawn[3] * (drawn[:3] - background), parts[numbers])
