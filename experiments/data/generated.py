"""Generated pictures of people in two domains, everyday and sports, that need no download.

Each figure is a kinematic skeleton with joint limits, clothed, lit, set before a textured background with clutter and
occluders, and photographed with a rolled camera from the front, the back or the side. "everyday" has upright poses;
"sports" has inversion, extreme flexion, splits and jumps, more roll, and persons cut by the photograph's border: a
shift between domains like that from LSP to LSPET. A picture is a crop as those of the real data: square, about 1.8
times the box of the present joints, black beyond the photograph.

Left and right can be told apart only as in photographs: by face, hair, chest and shading.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PIL import Image, ImageFilter

from gammaprob.errors import ArgumentError, DomainError

from ._figure_body import body_shapes, covered, draw_outfit
from ._figure_paint import Painted, Shape, paint
from ._figure_pose import EVERYDAY, ROWS, SPORTS, Camera, draw_pose, skeleton_points
from ._figure_scene import draw_background, draw_clutter, draw_occluders

__all__ = ["DOMAINS", "Figure", "Figures", "draw", "generate"]


class Domain(NamedTuple):
    """What a domain's pictures are drawn from."""

    activities: dict[str, dict]
    roll: float  # degrees, standard deviation of the camera's roll
    cut: float  # the share of persons cut by the photograph's border
    tight: float  # the share of gymnasts' suits


DOMAINS = {"everyday": Domain(EVERYDAY, 4.0, 0.04, 0.05), "sports": Domain(SPORTS, 13.0, 0.3, 0.35)}
MARGIN = 1.8  # side of the crop over the longer side of the box of the present joints, as in the real data
SMALLEST = 16  # pixels: below, a head is less than one pixel wide
MOST_CUT = 4  # joints that the photograph's border may cut off
MOST_THINGS = 7  # before the figure and behind it, each: so many fit the painter's palette


class Figure(NamedTuple):
    """One generated picture with its annotation; fields as in `Figures`, without their first axis."""

    image: np.ndarray
    joints: np.ndarray
    present: np.ndarray
    occluded: np.ndarray
    domain: str


class Figures(NamedTuple):
    """N generated pictures, S pixels a side, with the 14 joints of LSP in its order."""

    images: np.ndarray  # (N, S, S, 3) uint8, RGB
    joints: np.ndarray  # (N, 14, 2) float32: x, y in pixels, centres at integers; (0, 0) where not present
    present: np.ndarray  # (N, 14) bool: inside the photograph
    occluded: np.ndarray  # (N, 14) bool: present, but something else is in front of it
    domain: np.ndarray  # (N,) str: "everyday" or "sports"


def generate(counts: dict[str, int], *, size: int = 128, seed: int = 0) -> Figures:
    """Draw the first pictures of each domain, in the order of `counts`.

    Parameters
    ----------
    counts : dict
        How many pictures of each domain, "everyday" and "sports".
    size : int
        Side of the pictures in pixels, at least 16. The figures are the same at any size.
    seed : int
        Any integer >= 0; picture i of a domain depends on the seed, the domain and i alone (`draw`).

    Returns
    -------
    Figures. Raises `DomainError` for an unknown domain, a negative count, index or seed or too small a size, and
    `ArgumentError` for what is no integer.

    >>> figures = generate({"everyday": 2, "sports": 1}, size=64)
    >>> figures.images.shape, figures.joints.shape, figures.domain.tolist()
    ((3, 64, 64, 3), (3, 14, 2), ['everyday', 'everyday', 'sports'])
    """
    if not isinstance(counts, dict):
        raise ArgumentError("counts", counts, "a dict of domain and count", 'pass e.g. {"everyday": 9, "sports": 9}')
    for domain, count in counts.items():
        _check_domain(domain)
        _check_integer(f"counts[{domain!r}]", count, 0)
    _check_integer("size", size, SMALLEST)
    _check_integer("seed", seed, 0)
    wanted = [(domain, index) for domain, count in counts.items() for index in range(count)]
    total, joints = len(wanted), len(ROWS)
    figures = Figures(
        np.empty((total, size, size, 3), np.uint8), np.empty((total, joints, 2), np.float32),
        np.empty((total, joints), bool), np.empty((total, joints), bool),
        np.array([domain for domain, _ in wanted], dtype=str))
    for row, (domain, index) in enumerate(wanted):
        for array, value in zip(figures, draw(domain, index, size=size, seed=seed)):
            array[row] = value
    return figures


def draw(domain: str, index: int, *, size: int = 128, seed: int = 0) -> Figure:
    """Draw one picture: number `index` >= 0 of a domain. Arguments, fields and errors as for `generate`.

    Because nothing else enters, several processes can share the work, and a subset can be drawn alone.

    >>> figure = draw("everyday", 0)
    >>> figure.image.shape, figure.image.dtype, int(figure.present.sum())
    ((128, 128, 3), dtype('uint8'), 14)
    >>> bool((figure.image == generate({"everyday": 1}).images[0]).all())
    True
    """
    _check_domain(domain)
    _check_integer("index", index, 0)
    _check_integer("size", size, SMALLEST)
    _check_integer("seed", seed, 0)
    settings = DOMAINS[domain]
    rng = np.random.default_rng((seed, list(DOMAINS).index(domain), index))
    difficulty = rng.beta(1.3, 1.6)

    points, camera = _photographed(settings, rng)
    frame, points = _cropped(points, settings, rng)
    places = points[ROWS, :2]
    present = ((places >= frame[:2]) & (places < frame[2:])).all(axis=1)
    painted = _painted(points, settings, camera, difficulty, size, rng)
    image = _developed(painted.image, difficulty, rng)
    edges = (np.arange(size) + 0.5) / size
    inside = (edges >= frame[:2, np.newaxis]) & (edges < frame[2:, np.newaxis])  # (2, S): columns, rows
    image[~(inside[1][:, np.newaxis] & inside[0])] = 0

    joints = np.where(present[:, np.newaxis], places * size - 0.5, 0).astype(np.float32)
    column, row = np.rint(joints).astype(int).clip(0, size - 1).T
    occluded = present & covered(points, painted.front[row, column])
    return Figure(image, joints, present, occluded, domain)


def _photographed(settings: Domain, rng: np.random.Generator) -> tuple[np.ndarray, Camera]:
    """A pose seen by a camera: POINTS (x, y, z, scale) in body heights, y down, scale the perspective's enlargement."""
    pose, heading = draw_pose(settings.activities, rng)
    camera = Camera(heading, rng.normal(4, 6), settings.roll * rng.standard_normal(), rng.uniform(3, 8))
    x, y, z = skeleton_points(pose, camera).T
    scale = camera.distance / (camera.distance - z)
    return np.column_stack((x * scale, -y * scale, z, scale)), camera


def _cropped(points: np.ndarray, settings: Domain, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The photograph's frame (left, top, right, bottom), and the points, in units of the crop's side."""
    joints = points[ROWS, :2]
    low, high = joints.min(axis=0), joints.max(axis=0)
    longer = (high - low).max()
    # Photographs end anywhere beyond the person; where they cut a person, the border lies between two joints.
    room = longer * (0.10 + rng.exponential(0.6, 4))
    frame = np.concatenate((low - room[:2], high + room[2:]))
    cut, edge, lost = rng.random(), rng.integers(4), rng.integers(1, MOST_CUT + 1)
    if cut < settings.cut:
        along = np.sort(joints[:, edge % 2])
        along = along if edge < 2 else along[::-1]
        frame[edge] = along[lost - 1:lost + 1].mean()
    kept = joints[((joints >= frame[:2]) & (joints < frame[2:])).all(axis=1)]
    low, high = kept.min(axis=0), kept.max(axis=0)
    side = MARGIN * rng.uniform(0.93, 1.07) * (high - low).max()
    corner = (low + high) / 2 + rng.uniform(-0.03, 0.03, 2) * side - side / 2
    frame = ((frame.reshape(2, 2) - corner) / side).ravel()
    return frame, _placed(points, -corner / side, 1 / side)


def _placed(points: np.ndarray, corner: np.ndarray, enlargement: float) -> np.ndarray:
    """Points (x, y, z, scale) enlarged and moved in the picture; depths stay."""
    return points * (enlargement, enlargement, 1.0, enlargement) + (*corner, 0.0, 0.0)


def _painted(
    points: np.ndarray, settings: Domain, camera: Camera, difficulty: float, size: int, rng: np.random.Generator,
) -> Painted:
    """The scene with the figure in it; the harder, the more there is behind the figure and before it."""
    low, high = points[ROWS, :2].min(axis=0), points[ROWS, :2].max(axis=0)
    horizon = high[1] - rng.uniform(-0.1, 0.55) * (high[1] - low[1])  # now and then below the feet: in the air
    background = draw_background(
        rng, size=size, horizon=horizon, roll=np.radians(-camera.roll), difficulty=difficulty)
    shapes = draw_clutter(rng, count=min(rng.poisson(1 + 4 * difficulty), MOST_THINGS), horizon=horizon)
    if rng.random() < 0.6 * difficulty:
        shapes += _bystander(horizon, rng)
    shapes += body_shapes(points, draw_outfit(rng, tight=settings.tight))
    shapes += draw_occluders(rng, count=min(rng.poisson(0.7 * difficulty), MOST_THINGS), low=low, high=high)
    angle = np.radians(rng.normal(-90, 45))  # mostly from above
    return paint(background, shapes, np.array((np.cos(angle), np.sin(angle))))


def _bystander(horizon: float, rng: np.random.Generator) -> list[Shape]:
    """The shapes of another person, smaller, farther away, on the ground."""
    points, _ = _photographed(DOMAINS["everyday"], rng)
    height = rng.uniform(0.15, 0.32)
    feet = np.array((rng.uniform(0, 1), horizon + rng.uniform(0.0, 0.06) - 0.5 * height))
    shapes = body_shapes(_placed(points, feet, height), draw_outfit(rng, tight=0.05))
    return [shape._replace(part=-1) for shape in shapes]


def _developed(image: np.ndarray, difficulty: float, rng: np.random.Generator) -> np.ndarray:
    """The picture as a camera gives it: exposure, contrast, colour, focus, noise; uint8."""
    exposure, contrast = rng.normal(0, 0.06), 1 + rng.normal(-0.25 * difficulty, 0.12)
    colour = 0.0 if rng.random() < 0.05 else rng.uniform(0.6, 1.1)
    grey = image.mean(axis=0)
    image = (grey + colour * (image - grey) - 0.45) * contrast + 0.45 + exposure
    size = image.shape[-1]
    blur = ImageFilter.GaussianBlur(rng.uniform(0, 1.2 * difficulty) * size / 128)
    noise = np.float32(1.5 + 6 * difficulty * rng.random()) * rng.standard_normal((size, size), dtype=np.float32)
    levels = (image.clip(0, 1) * 255).astype(np.uint8)
    # Channel by channel: NumPy is slow where the last axis is as short as three.
    channels = [np.asarray(Image.fromarray(level).filter(blur)) + noise for level in levels]
    return np.stack([channel.clip(0, 255).astype(np.uint8) for channel in channels], axis=-1)


def _check_domain(domain) -> None:
    if domain not in tuple(DOMAINS):  # as a tuple, what cannot be hashed is told the same way
        raise DomainError("domain", domain, " or ".join(map(repr, DOMAINS)), "pass one of the generator's domains")


def _check_integer(name: str, value, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise ArgumentError(name, value, "an integer", f"pass an integer >= {least}")
    if value < least:
        raise DomainError(name, value, f"an integer >= {least}", f"pass an integer >= {least}")
