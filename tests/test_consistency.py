"""Lessons of unlabelled pictures: the warp between two views, what is cut out, who teaches whom, and who learns."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps

from experiments.config import Config
from experiments.consistency import (
    Drawn, Squares, check_joints, chosen, consistency_loss, cut_out, draw_lessons, lessons, response,
)
from experiments.data.batches import Augmentation, View, between, compose, decode, draw, heatmaps, look, render, warp
from experiments.data.photometric import CHANGES, MOST, Changes, change, draw_changes
from experiments.data.skeleton import LSP
from experiments.errors import ConfigError
from experiments.learner import Learner
from tests.cells import figures, tiny

SIDE, STRIDE, SIGMA, PEAK = 32, 2, 2.0, 30.0
WIDE = Augmentation(scale=0.25, rotation=60.0, shift=0.1, flip=True)
# Linear interpolation of a Gaussian between pixels errs by an eighth of the second derivatives along both axes, none
# larger than peak/σ²; cubic convolution, to the same order, by half of that. This is the former bound.
INTERPOLATION = PEAK / (4 * SIGMA**2)
# Positions of some tens of pixels, each from a few float32 operations.
ROUNDING = 1e-4


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def by_name(name: str) -> torch.Generator:
    return seeded(sum(name.encode()))


def views(augmentation: Augmentation = WIDE, count: int = 8) -> tuple[View, View]:
    return draw(augmentation, count, seeded(1)), draw(augmentation, count, seeded(2))


def people(count: int = 8) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    data = figures()
    return tuple(torch.from_numpy(array[:count].copy()) for array in (data.images, data.joints, data.present))


def drawn_of(joints, present, *, sigma=SIGMA) -> torch.Tensor:
    return heatmaps(joints, present, size=SIDE // STRIDE, stride=STRIDE, sigma=sigma, peak=PEAK, truncate=False)


# --- views of views --------------------------------------------------------------------------------------------------

def test_a_view_of_a_view_shows_joints_where_both_put_them():
    first, second = views()
    images, joints, present = people()
    kept = {"size": 4 * SIDE, "swap": LSP.swap}
    once, seen_once, there = render(images, joints, present, params=first, view=1.3, **kept)
    stored = (once.permute(0, 2, 3, 1) * 255).round().to(torch.uint8)
    _, twice, in_both = render(stored, seen_once, there, params=second._replace(gain=torch.ones(8, 3)), **kept)
    _, at_once, present = render(images, joints, present, params=compose(first, second), view=1.3, **kept)
    both = in_both & present
    assert both.sum() > 40
    torch.testing.assert_close(at_once[both], twice[both], rtol=0, atol=ROUNDING)


def test_what_is_between_two_views_makes_one_of_the_other():
    first, second = views()
    again = compose(first, between(first, second))
    for name in ("scale", "shift", "gain"):
        torch.testing.assert_close(getattr(again, name), getattr(second, name), rtol=0, atol=1e-6)
    turned = again.angle - second.angle
    torch.testing.assert_close(torch.cos(turned), torch.ones(8), rtol=0, atol=1e-6)
    assert torch.equal(again.flip, second.flip) and again.flip.any() and not again.flip.all()


def test_the_published_law_of_views():
    uniform = draw(Augmentation(scale=0.25, rotation=60.0), 20_000, seeded())
    normal = draw(Augmentation(scale=0.25, rotation=60.0, law="normal"), 20_000, seeded())
    assert normal.scale.min() == 0.75 and normal.scale.max() == 1.25
    inside = (normal.scale > 0.75) & (normal.scale < 1.25)
    # P(|Z| < 1) = 0.6827, of which 20,000 draws have a standard error of 0.0033: four of them.
    assert abs(inside.float().mean() - 0.6827) < 4 * 0.0033
    assert abs(float((normal.angle.abs() < math.radians(60)).float().mean()) - 0.9545) < 4 * 0.0015  # two sd of 30°
    assert torch.equal(normal.flip, uniform.flip) and torch.equal(normal.gain, uniform.gain)
    with pytest.raises(ConfigError, match="uniform, normal"):
        Augmentation(law="cauchy")


# --- the warp --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("augmentation", [
    Augmentation(rotation=180.0), Augmentation(scale=0.25), Augmentation(shift=0.2), Augmentation(flip=True), WIDE,
], ids=["rotation", "scale", "shift", "flip", "all"])
def test_warped_heatmaps_are_those_drawn_at_the_warped_joints(augmentation):
    """One view's heatmaps warped to another are what is drawn at that one's joints, as wide as it shows them."""
    easy, hard = views(augmentation)
    images, joints, present = people()
    _, seen, there = render(images, joints, present, size=SIDE, swap=LSP.swap, params=easy)
    _, wanted, known = render(images, joints, present, size=SIDE, swap=LSP.swap, params=hard)
    way = between(easy, hard)
    warped, valid = warp(drawn_of(seen, there), way, LSP.swap)
    # A joint is there in either view with the name that it has in that one.
    there_in_hard = torch.where(way.flip[:, None], there[:, list(LSP.swap)], there)
    known = known & there_in_hard
    assert known.sum() > 40
    errors, right = [], 0
    for row in range(8):
        drawn = drawn_of(wanted[row:row + 1], known[row:row + 1], sigma=SIGMA / float(way.scale[row]))
        error = ((warped[row:row + 1] - drawn) * valid[row:row + 1])[known[row:row + 1]].abs()
        errors.append(float(error.max()) if error.numel() else 0.0)
        right += error.numel()
    assert right and max(errors) < INTERPOLATION, errors


def test_a_warp_that_forgets_to_exchange_left_and_right_is_noticed():
    """The control of the test above: without the exchange, heatmaps of a mirrored view are far off."""
    images, joints, present = people()
    easy = draw(Augmentation(), 8, seeded())
    hard = easy._replace(flip=torch.ones(8, dtype=torch.bool))
    _, seen, there = render(images, joints, present, size=SIDE, swap=LSP.swap, params=easy)
    _, wanted, known = render(images, joints, present, size=SIDE, swap=LSP.swap, params=hard)
    for swap, right in ((LSP.swap, True), (tuple(range(14)), False)):
        warped, valid = warp(drawn_of(seen, there), between(easy, hard), swap)
        error = ((warped - drawn_of(wanted, known)) * valid).abs().max()
        assert (error < INTERPOLATION) == right


def test_a_narrow_peak_keeps_its_height():
    """Half a pixel off both ways, where interpolation is at its worst; of the study's narrowest targets."""
    still = draw(Augmentation(), 1, seeded())
    centre = torch.full((1, 14, 2), 8 * STRIDE + (STRIDE - 1) / 2)
    narrow = drawn_of(centre, torch.ones(1, 14, dtype=torch.bool), sigma=0.75)
    half = still._replace(shift=torch.full((1, 2), 0.5 / narrow.shape[-1]))
    twice = compose(half, half)  # a whole pixel: nothing is between
    torch.testing.assert_close(warp(narrow, twice, LSP.swap)[0].amax((2, 3)), narrow.amax((2, 3)), rtol=0, atol=1e-3)
    # Cubic convolution with a = −3/4 halfway: 19/16 of the nearer pixels, −3/16 of the farther ones.
    nearer, farther = (math.exp(-(distance / 0.75)**2 / 2) for distance in (0.5, 1.5))
    kept = (19 / 16 * nearer - 3 / 16 * farther)**2
    between_pixels = drawn_of(centre + STRIDE / 2, torch.ones(1, 14, dtype=torch.bool), sigma=0.75)
    found = warp(between_pixels, half, LSP.swap)[0].amax((2, 3)) / PEAK
    torch.testing.assert_close(found, torch.full((1, 14), kept), rtol=0, atol=1e-4)
    assert kept > 0.85 > 0.65 > nearer**2  # what a linear interpolation would keep


def test_pixels_of_which_the_teacher_saw_nothing_do_not_count():
    still = draw(Augmentation(), 1, seeded())
    wider = still._replace(scale=torch.tensor([2.0]))
    warped, valid = warp(torch.ones(1, 14, 16, 16), wider, LSP.swap)
    inner = torch.zeros(16, 16, dtype=torch.bool)
    inner[4:12, 4:12] = True
    assert torch.equal(valid[0, 0], inner)
    assert torch.equal(warped[0, 0], inner.float())


# --- lessons ---------------------------------------------------------------------------------------------------------

def lesson_of(learner: Learner, config: Config, count: int = 4):
    drawn = draw_lessons(config, 14, count, by_name)
    return lessons(learner, people(count)[0], drawn, LSP.swap, config), drawn


def test_standard_views_are_of_one_kind_and_hard_ones_views_of_the_easy_ones():
    # A law of the second view alone, by which to tell it.
    only = {"scale": 0.0, "rotation": 0.0, "shift": 0.0, "flip": False, "hard_scale": 0.25, "hard_rotation": 30.0}
    standard, hard = (draw_lessons(tiny(consistency=name, **only), 14, 64, by_name)
                      for name in ("standard", "easy-hard"))
    assert standard.hard.angle.abs().max() == 0 and hard.hard.angle.abs().max() > 0.4
    assert hard.easy.angle.abs().max() == 0
    moving = tiny(consistency="standard")
    drawn = draw_lessons(moving, 14, 64, by_name)
    assert not torch.equal(drawn.easy.angle, drawn.hard.angle)
    assert drawn.hard.angle.abs().max() <= math.radians(moving.rotation)
    drawn = draw_lessons(tiny(consistency="easy-hard"), 14, 64, by_name)
    assert drawn.hard.angle.abs().max() > math.radians(moving.rotation)


def test_only_the_student_learns():
    config = tiny(consistency="easy-hard")
    learner = Learner(config, 14, [], seed=0)
    (lesson,), _ = lesson_of(learner, config)
    assert not lesson.target.requires_grad
    output, _ = learner(lesson.inputs)
    consistency_loss(output.heatmaps, lesson).backward()
    got = [weight.grad.abs().sum() for weight in learner.network.parameters()]
    assert sum(got) > 0
    # That of a constant target: the same loss with the target as numbers alone.
    fresh = Learner(config, 14, [], seed=0)
    output, _ = fresh(lesson.inputs.clone())
    consistency_loss(output.heatmaps, lesson._replace(target=lesson.target.clone())).backward()
    for weight, other in zip(learner.network.parameters(), fresh.network.parameters()):
        assert torch.equal(weight.grad, other.grad)


def test_teacher_and_student_are_normalised_alike():
    """Of pictures that are the student's own, the lesson is what the student draws: there is nothing to learn.

    A teacher that took its running statistics instead has another lesson than that.
    """
    config = tiny(consistency="easy-hard", hard_scale=0.0, hard_rotation=0.0)
    learner = Learner(config, 14, [], seed=0).train()
    (lesson,), _ = lesson_of(learner, config)
    assert lesson.valid.all()
    output, _ = learner(lesson.inputs)
    torch.testing.assert_close(output.heatmaps[:, -1], lesson.target, rtol=0, atol=1e-5)  # of a warp that stays
    running = learner.eval()(lesson.inputs)[0]
    assert (running.heatmaps[:, -1] - lesson.target).abs().max() > 0.01


def test_two_networks_teach_each_other():
    """With the networks exchanged, the lessons are exchanged; each is what the other one alone would have taught."""
    config = tiny(consistency="dual", hard="cutout")
    learner = Learner(config, 14, [], seed=0)
    (first, second), drawn = lesson_of(learner, config)
    assert not torch.equal(first.target, second.target)
    assert not torch.equal(first.inputs, second.inputs)  # cut out where the other one sees the joints
    way = between(drawn.easy, drawn.hard)
    easy = look(people(4)[0], size=config.image, params=drawn.easy)
    taught = [warp(heatmap, way, LSP.swap)[0] for heatmap in learner.teach(easy)]
    assert torch.equal(first.target, taught[1]) and torch.equal(second.target, taught[0])
    learner.network, learner.peer = learner.peer, learner.network
    for lesson, other in zip(lesson_of(learner, config)[0], (second, first)):
        assert torch.equal(lesson.target, other.target) and torch.equal(lesson.inputs, other.inputs)


def test_networks_of_a_pair_start_apart_and_the_first_as_alone():
    alone, pair = (Learner(tiny(consistency=name), 14, ["ll"], seed=0) for name in ("none", "dual"))
    for name, value in alone.state_dict().items():
        assert torch.equal(value, pair.state_dict()[name])
    differing = [not torch.equal(one, other) for one, other in zip(pair.network.parameters(), pair.peer.parameters())]
    assert any(differing)


def test_heatmaps_weigh_as_high_as_they_are():
    config = tiny(consistency="easy-hard", heatmap_weights="height")
    learner = Learner(config, 14, [], seed=0)
    (lesson,), _ = lesson_of(learner, config)
    wanted = (lesson.target.amax((2, 3)) / config.peak).clamp(0, 1)
    assert torch.equal(lesson.weight[..., 0, 0], wanted) and wanted.max() < 1
    (equal,), _ = lesson_of(learner, tiny(consistency="easy-hard"))
    assert torch.equal(equal.weight, torch.ones(4, 14, 1, 1))
    found = torch.zeros(4, 1, *lesson.target.shape[1:])
    assert 0 < consistency_loss(found, lesson) < consistency_loss(found, equal)


def test_the_loss_is_a_mean_over_valid_pixels_stacks_and_joints():
    generator = np.random.default_rng(0)
    found, target = (torch.from_numpy(generator.normal(size=shape)) for shape in ((2, 3, 4, 5, 5), (2, 4, 5, 5)))
    valid = torch.from_numpy(generator.random((2, 1, 5, 5)) < 0.5)
    weight = torch.from_numpy(generator.random((2, 4, 1, 1)))
    (lesson,), _ = lesson_of(Learner(tiny(consistency="easy-hard"), 14, [], seed=0), tiny(consistency="easy-hard"))
    lesson = lesson._replace(target=target, valid=valid, weight=weight)
    wanted = sum(float(weight[b, j, 0, 0]) * float(found[b, k, j, y, x] - target[b, j, y, x])**2
                 for b, k, j, y, x in np.ndindex(2, 3, 4, 5, 5) if valid[b, 0, y, x]) / (3 * 4 * int(valid.sum()))
    assert float(consistency_loss(found, lesson)) == pytest.approx(wanted, rel=1e-12)  # 600 terms in float64
    nothing = lesson._replace(valid=torch.zeros_like(valid))
    assert consistency_loss(found, nothing) == 0


def test_response_of_known_heatmaps():
    known = torch.ones(2, 14, dtype=torch.bool)
    known[1, :7] = False
    centres = torch.full((2, 14, 2), 8 * STRIDE + (STRIDE - 1) / 2)  # on a pixel of the heatmap, which has the peak
    drawn = drawn_of(centres, known)
    assert response(drawn, PEAK).tolist() == [1.0, 0.5]
    assert response(torch.zeros_like(drawn), PEAK).tolist() == [0.0, 0.0]  # what a collapse ends in


# --- what makes a view hard ------------------------------------------------------------------------------------------

def test_cutout_covers_its_squares_and_nothing_else():
    config, count = tiny(consistency="easy-hard", hard="cutout", image=64), 16
    squares = draw_lessons(config, 14, count, by_name).squares
    assert squares.joint.shape == (count, 5) and squares.joint.max() < 14
    assert (squares.half >= 10 / 256).all() and (squares.half < 20 / 256).all()
    joints = 64 * torch.rand(count, 14, 2, generator=seeded())
    cut = cut_out(torch.ones(count, 3, 64, 64), joints, squares)
    for row in range(count):
        wanted = np.ones((64, 64))
        for joint, offset, half in zip(*(part[row] for part in squares)):
            x, y = (joints[row, joint] + 64 * offset).tolist()
            for py, px in np.ndindex(64, 64):
                if max(abs(px - x), abs(py - y)) < 64 * float(half):
                    wanted[py, px] = 0
        for colour in range(3):
            assert np.array_equal(cut[row, colour].numpy(), wanted)
    assert 0 < cut.mean() < 1


def test_cutout_hides_where_the_teacher_sees_the_joints():
    config = tiny(consistency="easy-hard", hard="cutout", cutout_spread=0.0)
    learner = Learner(config, 14, [], seed=0)
    (lesson,), drawn = lesson_of(learner, config)
    plain = look(people(4)[0], size=config.image, params=drawn.hard)
    seen = decode(lesson.target, stride=config.stride).round().long().clamp(0, config.image - 1)
    for row, joints in enumerate(drawn.squares.joint):
        for joint in joints:
            x, y = seen[row, joint]
            assert lesson.inputs[row, :, y, x].sum() == 0
    kept = lesson.inputs.sum(1, keepdim=True) > 0
    assert torch.equal(lesson.inputs * kept, plain * kept) and kept.float().mean() > 0.2


def test_more_joints_cut_out_than_there_are():
    config = tiny(consistency="easy-hard", hard="cutout", cutout_joints=15)
    with pytest.raises(ConfigError, match="cutout_joints: got 15; allowed: at most 14"):
        check_joints(config, 14)
    check_joints(config, 16)
    check_joints(tiny(consistency="easy-hard", cutout_joints=15), 14)  # nothing is cut out


# Two roundings of Pillow, to 8 bits: of its own result, and of the plain image that it blends with.
PILLOW = 2 / 255
SHARE = 20 / MOST
OF_PILLOW = {
    "identity": lambda image, sign: image,
    "brightness": lambda image, sign: ImageEnhance.Brightness(image).enhance(1 + 0.9 * SHARE * sign),
    "colour": lambda image, sign: ImageEnhance.Color(image).enhance(1 + 0.9 * SHARE * sign),
    "contrast": lambda image, sign: ImageEnhance.Contrast(image).enhance(1 + 0.9 * SHARE * sign),
    "sharpness": lambda image, sign: ImageEnhance.Sharpness(image).enhance(1 + 0.9 * SHARE * sign),
    "posterize": lambda image, sign: ImageOps.posterize(image, 8 - round(4 * SHARE)),
    "solarize": lambda image, sign: ImageOps.solarize(image, round(255 * (1 - SHARE))),
    "autocontrast": lambda image, sign: ImageOps.autocontrast(image),
    "equalize": lambda image, sign: ImageOps.equalize(image),
}


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_changes_are_those_of_pillow(name, sign):
    images = people(4)[0].permute(0, 3, 1, 2) / 255
    found = change(images, Changes(torch.full((4, 1), CHANGES.index(name)), torch.full((4, 1), sign)), 20)
    wanted = torch.stack([torch.from_numpy(np.array(OF_PILLOW[name](Image.fromarray(image.numpy()), sign))) / 255
                          for image in people(4)[0]]).permute(0, 3, 1, 2)
    assert float((found - wanted).abs().max()) <= PILLOW
    assert (name == "identity") == torch.equal(found, images)


def test_each_image_has_changes_of_its_own():
    drawn = draw_changes(6, 2, seeded())
    images = people(6)[0].permute(0, 3, 1, 2) / 255
    together = change(images, drawn, 20)
    assert len({tuple(row.tolist()) for row in drawn.which}) > 3
    for row in range(6):
        alone = images[row:row + 1]
        for time in range(2):
            alone = change(alone, Changes(*(part[row:row + 1, time:time + 1] for part in drawn)), 20)
        torch.testing.assert_close(together[row:row + 1], alone, rtol=0, atol=1e-6)
    counts = torch.bincount(draw_changes(9000, 1, seeded()).which.flatten(), minlength=len(CHANGES))
    assert (counts - 1000).abs().max() < 4 * math.sqrt(1000)  # four standard errors
    with pytest.raises(ConfigError, match="magnitude"):
        change(images, drawn, 31)


def test_rows_of_what_was_drawn():
    drawn = draw_lessons(tiny(consistency="easy-hard"), 14, 6, by_name)
    part = chosen(drawn, torch.tensor([4, 1]))
    assert isinstance(part, Drawn) and isinstance(part.squares, Squares)
    assert torch.equal(part.easy.angle, drawn.easy.angle[[4, 1]])
    assert torch.equal(part.squares.half, drawn.squares.half[[4, 1]])
