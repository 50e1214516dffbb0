"""The neighbouring papers in pictures: what Anchor Loss weighs more on a portrait, and easy and hard views of it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from experiments.config import configure
from experiments.data import LSP
from experiments.data.photometric import CHANGES
from experiments.masks import SETTINGS
from experiments.portrait import looked_at
from experiments.record import read_tables
from figures import _style, anchor_masks, easy_hard_views

# Some operations on float64, of numbers that are not below 1e-4.
ROUNDINGS = 1e-9


@pytest.fixture(scope="module")
def data():
    return anchor_masks.compute()


@pytest.fixture(scope="module")
def views():
    return easy_hard_views.compute()


def logits() -> np.ndarray:
    """(2, epochs, h, w): of the right and of the left shoulder, as the record has them."""
    tables = read_tables(anchor_masks.STUDY)[1]
    lines = [line for line in tables["curves"] if line["joint"].endswith("shoulder")]
    epochs = sorted({line["epoch"] for line in lines})
    assert epochs == [row["epoch"] for row in tables[anchor_masks.STUDY]]
    return np.array([[[list(line.values())[3:] for line in lines if (line["joint"], line["epoch"]) == (joint, epoch)]
                      for epoch in epochs] for joint in ("right shoulder", "left shoulder")])


def targets() -> np.ndarray:
    """(2, h, w), of the same joints, drawn by hand: Gaussians of height 1 that end at 3 σ."""
    config = configure("desk", {"dataset": "lspet", "root": "."}, SETTINGS)
    _, joints, _ = looked_at(config)
    pixels = np.arange(config.image // config.stride) * config.stride + (config.stride - 1) / 2  # centres, in the input
    found = []
    for joint in ("right shoulder", "left shoulder"):
        x, y = joints[0, LSP.index(joint)].numpy()
        distance = np.hypot(*np.meshgrid(pixels - x, pixels - y)) / config.stride / config.sigma
        found.append(np.where(distance <= 3, np.exp(-distance**2 / 2), 0.0))
    return np.array(found)


# --- Anchor Loss on the portrait -------------------------------------------------------------------------------------

def anchored(q, anchors, gamma=2.0):
    """Eq. 3: (1 + q − q*)^γ."""
    return (1 + q - anchors) ** gamma


def anchors_of(q) -> np.ndarray:
    """q*, (2, epochs, 1, 1): the highest probability where the target is above a half."""
    return np.max(q, axis=(2, 3), keepdims=True, initial=0, where=(targets() > 0.5)[:, None])


def test_factors_are_those_of_the_paper(data):
    q = expit(logits())
    anchors, background = anchors_of(q), np.broadcast_to((targets() == 0)[:, None], q.shape)
    assert np.array_equal(background[:, 0], data.background) and background.any() and not background.all()
    np.testing.assert_allclose(data.factors[background], anchored(q, anchors)[background], rtol=ROUNDINGS)
    assert (data.factors[~background] == 1).all()
    assert np.array_equal(data.more, background & (q > anchors + ROUNDINGS))
    # control: the anchor of the other shoulder
    assert not np.allclose(data.factors[background], anchored(q, anchors[::-1])[background], rtol=1e-3)


def test_slopes_are_difference_quotients(data):
    x = logits()
    step = 1e-5  # the error is of its square, and of a rounding over it

    def quotient(loss):
        return (loss(x + step) - loss(x - step)) / (2 * step)

    q, anchors = expit(x), anchors_of(expit(x))
    found = (quotient(lambda at: -anchored(expit(at), anchors) * np.log1p(-expit(at)))
             / quotient(lambda at: -np.log1p(-expit(at))))
    background = np.broadcast_to(data.background[:, None], x.shape)
    np.testing.assert_allclose(data.slopes[background], found[background], rtol=1e-5)
    # Where the loss is larger, the gradient is, and elsewhere too: it exceeds from half of the anchor on, or later.
    assert (data.steeper >= data.more).all() and data.steeper.sum() > data.more.sum()
    assert (q > anchors / 2)[data.steeper].all()


def test_the_mirrored_joint_is_the_other_one(data):
    target = targets()
    assert np.array_equal(data.mirrored, (target[::-1] > 0) & (target == 0))
    assert (data.places[:, 0] == sorted(data.places[:, 0])).all()  # her right is at the left
    for row in range(2):
        y, x = np.nonzero(data.mirrored[row])
        own, other = (np.hypot(x - place[0], y - place[1]) for place in (data.places[row], data.places[1 - row]))
        assert (other <= 3).all() and (own > 3).all()


def test_the_window_shows_the_photograph_and_all_that_weighs_more(data):
    (left, right), (top, bottom) = data.window
    assert right - left == pytest.approx(bottom - top)
    *_, y, x = np.nonzero(data.more | data.steeper)
    assert left <= x.min() - 0.5 and x.max() + 0.5 <= right and top <= y.min() - 0.5 and y.max() + 0.5 <= bottom
    scale = len(data.photograph) / data.factors.shape[-1]
    outside = data.photograph.copy()
    outside[int((top + 0.5) * scale):int((bottom + 0.5) * scale) + 1,
            int((left + 0.5) * scale):int((right + 0.5) * scale) + 1] = 0
    assert data.photograph.any() and not outside.any()
    wider = data._replace(factors=np.where(np.indices(data.factors.shape).sum(0) == 0, 2.0, data.factors))
    assert (wider.window[:, 0] <= -0.5).all()  # control: a pixel in the corner is seen as well


def test_what_is_outlined_is_what_is_counted(data):
    figure = anchor_masks.draw(data)
    panels = [axes for axes in figure.axes if axes.get_xlabel().startswith("loss")]
    assert len(panels) == 10
    for place, panel in enumerate(panels):
        row, column = divmod(place, len(data.epochs))
        steeper, more = panel.collections
        for masks, outline in ((data.more, more), (data.steeper, steeper)):
            mask = np.pad(masks[row, column], 1)
            edges = sum((np.diff(mask.astype(int), axis=axis) != 0).sum() for axis in (0, 1))
            assert len(outline.get_segments()) == edges
        assert panel.get_xlabel() == (
            f"loss {data.more[row, column].sum()}, gradient {data.steeper[row, column].sum()}")


def test_the_record_is_small_and_of_a_network_that_learned(data):
    document, tables = read_tables(anchor_masks.STUDY)
    assert sum(len(str(list(line.values()))) for line in tables["curves"]) < 250_000
    assert document["config"]["dataset"] == "lspet" and document["config"]["base"] == data.base
    assert data.found[-1] > 2 * data.found[0] and list(data.epochs) == sorted(data.epochs)


def test_the_caption_says_the_numbers_of_the_data(data):
    said = anchor_masks.caption(data)
    assert f"{(data.more & data.mirrored[:, None]).sum()} of {data.more.sum()} of them" in said
    assert f"learns from {data.base} photographs" in said and f"{data.distances[0, -1]:.2f}; left" in said
    for changed, words in (
        ({"factors": np.where(data.mirrored[:, None], 3.0, data.factors)}, f"{5 * data.mirrored.sum()} of "),
        ({"found": np.linspace(0.5, 0.77, 5)}, "77%"), ({"base": 123}, "from 123 photographs"),
        ({"gamma": 5.0}, "γ = 5"),
        ({"distances": np.full((2, 5), 0.99)}, "right 0.99, then 0.99; left 0.99, then 0.99"),
    ):
        assert words in anchor_masks.caption(data._replace(**changed)) and words not in said


# --- easy and hard views ---------------------------------------------------------------------------------------------

def test_targets_are_where_the_annotation_is(views):
    """Within a pixel of a heatmap, which is two of the view, along each axis; of another joint they are not."""
    for picture in views.pictures:
        assert picture.shown.all()
        assert np.abs(picture.places[1:] - picture.annotated).max() <= 2
        assert picture.off <= 2 * 2**0.5 / picture.views.shape[1]
        for row in range(1, 5):
            distances = np.linalg.norm(picture.places[row, :, None] - picture.annotated, axis=-1)
            assert (distances.argmin(1) == np.arange(len(picture.joints))).all()
        assert np.abs(picture.places[0] - picture.annotated).max() > 10  # control: the easy view is another


def test_the_hard_view_shows_the_easy_one_turned(views):
    """The figure turns by the angle that is said and grows by 1/scale: measured between the shoulders."""
    for picture in views.pictures:
        left, right = (picture.joints.index(f"{side} shoulder") for side in ("left", "right"))
        easy, hard = (complex(*(places[left] - places[right])) for places in (picture.places[0], picture.annotated))
        change = hard / easy
        assert abs(change) == pytest.approx(1 / picture.scale, rel=0.06)  # a quarter of a pixel of some ten
        assert abs(np.degrees(np.angle(change))) == pytest.approx(abs(picture.angle), abs=5)


def test_views_differ_by_what_their_titles_say(views):
    for picture in views.pictures:
        easy, hard, cut, changed, both = picture.views
        assert not np.array_equal(easy, hard) and not np.array_equal(hard, changed)
        hidden = (cut != hard).any(-1)
        assert hidden.any() and (cut[hidden] == 0).all() and (cut == hard)[~hidden].all()
        # The same squares hide what RandAugment changed.
        assert (both[hidden] == 0).all() and np.array_equal(both[~hidden], np.where((both == 0).all(-1, keepdims=True),
                                                                                  0, changed)[~hidden])
        assert len(picture.changes) == 2 and set(picture.changes) <= set(CHANGES)


def test_squares_lie_about_joints(views):
    """At most three standard deviations and half a side from one, along each axis; and every pixel of a square is."""
    config = configure("desk", {"dataset": "lspet", "root": "."})
    for picture in views.pictures:
        side = picture.views.shape[1]
        reach = side * (3.5 * config.cutout_spread + config.cutout_most)
        y, x = np.nonzero((picture.views[2] != picture.views[1]).any(-1))
        about = np.stack((x, y), -1)[:, None] - picture.annotated
        assert (np.abs(about).max(-1).min(1) <= reach).all()
        assert picture.squares == min(config.cutout_joints, len(picture.joints))


def test_the_pictures_are_those_of_training(views, monkeypatch):
    """Joint Cutout is the one of `experiments.consistency`: without it, two views are the same."""
    monkeypatch.setattr("experiments.consistency.cut_out", lambda inputs, joints, squares: inputs)
    without = easy_hard_views.compute()
    for with_squares, picture in zip(views.pictures, without.pictures, strict=True):
        assert np.array_equal(picture.views[1], picture.views[2])
        assert np.array_equal(picture.views[1], with_squares.views[1])
        assert not np.array_equal(picture.views[2], with_squares.views[2])


def test_the_valid_region_is_the_easy_view_s(views):
    """The corners of the easy view's heatmap, turned and scaled about, part it from the rest: by its area."""
    for picture in views.pictures:
        share = picture.valid.mean()
        assert share <= 1 / picture.scale**2 + 0.05
        assert 0.5 < share < 1


def test_the_marks_are_the_joints(views):
    figure = easy_hard_views.draw(views)
    for place, panel in enumerate(figure.axes):
        row, column = divmod(place, 5)
        picture = views.pictures[row]
        drawn = np.concatenate([line.get_xydata() for line in panel.lines])
        assert sorted(map(tuple, drawn)) == sorted(map(tuple, picture.places[column]))
        left = panel.lines[0].get_xydata()
        wanted = [places for name, places in zip(picture.joints, picture.places[column]) if name.startswith("left")]
        assert sorted(map(tuple, left)) == sorted(map(tuple, wanted))
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [label for _, label, *_ in
                                                                          easy_hard_views._MARKS]


def test_the_views_are_the_same_each_time(views):
    again = easy_hard_views.compute()
    for one, other in zip(views.pictures, again.pictures, strict=True):
        assert np.array_equal(one.views, other.views) and np.array_equal(one.places, other.places)


def test_the_caption_of_the_views_says_their_numbers(views):
    said = easy_hard_views.caption(views)
    first, second = views.pictures
    assert all(f"by {abs(picture.angle):.0f}°, its side × {picture.scale:.2f}" in said for picture in views.pictures)
    assert all(" and ".join(picture.changes) in said for picture in views.pictures)
    changed = first._replace(angle=-77.0, squares=99, changes=("identity", "posterize"),
                             places=first.places + np.array([0.0, 12.8]))
    words = easy_hard_views.caption(views._replace(pictures=(changed, second), magnitude=3.0))
    for text in ("by 77°", "99 (portrait)", "identity and posterize (portrait)", "magnitude 3 of 30"):
        assert text in words and text not in said
    assert f"{changed.off:.1%} (portrait)" in words and changed.off > 0.05 > first.off


@pytest.mark.parametrize("theme", _style.THEMES)
def test_what_is_seen_of_a_photograph_does_not_depend_on_the_page(theme, data, views):
    with _style.theme(theme):
        first = anchor_masks.draw(data).axes[0].images[0].get_array()
        other = easy_hard_views.draw(views).axes[0].images[0].get_array()
    assert np.array_equal(first[..., 0], data.photograph.mean(2).astype(np.uint8))
    assert np.array_equal(other, views.pictures[0].views[0])
