"""The losses of a pose: plain formulas in NumPy beside them, absent joints, means over all joints and over labelled."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from experiments.data.batches import heatmaps
from experiments.errors import ConfigError
from experiments.models import POSE_LOSSES, per_labelled, pose_losses
from gammaprob.errors import BroadcastError, DomainError

BATCH, STACKS, JOINTS, SIDE = 3, 2, 4, 6
# Each term passes a few exponentials and logarithms of size at most 10 in float32; the mean adds 288 of one sign.
RELATIVE = 64 * torch.finfo(torch.float32).eps


def sample() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Drawn heatmaps, targets with exact zeros (what every loss takes), and joints of which the second image has 1."""
    source = torch.Generator().manual_seed(0)
    drawn = 2 * torch.randn(BATCH, STACKS, JOINTS, SIDE, SIDE, generator=source)
    joints = 8 + 8 * torch.rand(BATCH, JOINTS, 2, generator=source)
    present = torch.tensor([[1, 1, 1, 1], [0, 0, 1, 0], [1, 0, 1, 1]]).bool()
    return drawn, heatmaps(joints, present, size=SIDE, stride=4, sigma=0.8, peak=1.0, truncate=True), present


def pixel_losses(name: str, drawn: np.ndarray, label: np.ndarray, gamma: float = 2.0) -> np.ndarray:
    """The loss of each pixel of one heatmap, from the formulas of Anchor Loss, Eq. 3 to 7."""
    if name == "mse":
        return (drawn - label) ** 2
    q = 1 / (1 + np.exp(-drawn))
    of_target, of_background = -label * np.log(q), -(1 - label) * np.log(1 - q)
    if name == "focal":
        return (1 - q) ** gamma * of_target + q**gamma * of_background
    if name == "bce":
        return of_target + of_background
    anchor = q[label > 0.5].max()
    return np.where(label == 0, (1 + q - anchor) ** gamma, 1) * (of_target + of_background)


def plain(
    name: str, drawn: torch.Tensor, target: torch.Tensor, present: torch.Tensor, absent: str, gamma: float = 2.0,
) -> np.ndarray:
    losses = np.zeros(BATCH)
    for image, stack, joint in np.ndindex(BATCH, STACKS, JOINTS):
        if present[image, joint] or (absent == "zero" and name != "anchor"):
            one = drawn[image, stack, joint].double().numpy()
            losses[image] += pixel_losses(name, one, target[image, joint].double().numpy(), gamma).sum()
    return losses / (STACKS * JOINTS * SIDE**2)


@pytest.mark.parametrize("absent", ["masked", "zero"])
@pytest.mark.parametrize("name", list(POSE_LOSSES))
def test_pose_losses_are_the_formulas(name, absent):
    drawn, target, present = sample()
    found = pose_losses(name, drawn, target, present, absent=absent)
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found.numpy(), plain(name, drawn, target, present, absent), rtol=RELATIVE)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 5.0])
@pytest.mark.parametrize("name", list(POSE_LOSSES))
def test_gamma_is_the_exponent_of_focal_and_anchor_loss(name, gamma):
    """0 makes either the cross-entropy; the others have no γ."""
    drawn, target, present = sample()
    found = pose_losses(name, drawn, target, present, gamma=gamma).numpy()
    np.testing.assert_allclose(found, plain(name, drawn, target, present, "masked", gamma), rtol=RELATIVE)
    if gamma == 0 and name != "mse":
        np.testing.assert_allclose(found, plain("bce", drawn, target, present, "masked"), rtol=RELATIVE)
    changed = not np.allclose(found, pose_losses(name, drawn, target, present).numpy(), rtol=RELATIVE, atol=0)
    assert changed == (name in ("focal", "anchor"))


def test_squared_errors_of_sigmoids():
    drawn, target, present = sample()
    found = pose_losses("mse", drawn, target, present, output="sigmoid")
    torch.testing.assert_close(found, pose_losses("mse", drawn.sigmoid(), target, present))
    assert not torch.allclose(found, pose_losses("mse", drawn, target, present))
    for name in ("bce", "focal", "anchor"):  # which read logits in any case
        assert torch.equal(*(pose_losses(name, drawn, target, present, output=word) for word in ("linear", "sigmoid")))


@pytest.mark.parametrize("name", list(POSE_LOSSES))
def test_another_loss_is_seen(name):
    """Negative control: each of the other three, and the other rule for absent joints (anchor loss has only one)."""
    drawn, target, present = sample()
    found = pose_losses(name, drawn, target, present).numpy()
    others = [plain(other, drawn, target, present, "masked") for other in POSE_LOSSES if other != name]
    others += [plain(name, drawn, target, present, "zero")] if name != "anchor" else []
    assert not any(np.allclose(found, other, rtol=RELATIVE, atol=0) for other in others)


@pytest.mark.parametrize("name", list(POSE_LOSSES))
def test_absent_joints(name):
    """Masked, a joint that is absent sends no gradient, whatever its target; as zeros, it does."""
    drawn, target, present = sample()
    drawn.requires_grad_()
    other = torch.where(present[..., None, None], target, 0.5 * target.roll(1, 0))
    masked, changed = (pose_losses(name, drawn, labels, present) for labels in (target, other))
    assert torch.equal(masked, changed)
    (gradient,) = torch.autograd.grad(masked.sum(), drawn)
    by_joint = gradient.abs().amax((1, 3, 4))
    assert torch.equal(by_joint > 0, present)
    if name != "anchor":
        zeros, changed = (pose_losses(name, drawn, labels, present, absent="zero") for labels in (target, other))
        assert torch.equal(zeros, changed)
        (gradient,) = torch.autograd.grad(zeros.sum(), drawn)
        assert (gradient.abs().amax((1, 3, 4)) > 0).all()


def test_images_are_alone_and_targets_are_constants():
    drawn, target, present = sample()
    target.requires_grad_()
    found = pose_losses("mse", drawn.requires_grad_(), target, present)
    for row in range(BATCH):
        one = slice(row, row + 1)
        torch.testing.assert_close(found[one], pose_losses("mse", drawn[one], target[one], present[one]))
    found.sum().backward()
    assert target.grad is None and drawn.grad is not None


def test_half_precision_is_computed_in_float32():
    drawn, target, present = sample()
    half = drawn.bfloat16()
    assert torch.equal(pose_losses("mse", half, target, present), pose_losses("mse", half.float(), target, present))


def test_the_mean_over_labelled_joints():
    drawn, target, present = sample()
    squares = ((drawn - target[:, None]) ** 2).mean((1, 3, 4))  # (B, J)
    wanted = [squares[image, present[image]].mean() for image in range(BATCH)]
    found = pose_losses("mse", drawn, target, present)
    torch.testing.assert_close(per_labelled(found, present), torch.stack(wanted))
    assert not torch.allclose(found, torch.stack(wanted))  # negative control: the mean over all joints is another
    nobody = torch.zeros_like(present)
    assert per_labelled(pose_losses("mse", drawn, target, nobody), nobody).tolist() == [0.0] * BATCH


def test_wrong_arguments_are_named():
    drawn, target, present = sample()
    with pytest.raises(ConfigError, match="^name: got 'l1'; allowed: one of 'mse', 'bce', 'focal', 'anchor'"):
        pose_losses("l1", drawn, target, present)
    with pytest.raises(ConfigError, match="^absent: got 'ignored'"):
        pose_losses("mse", drawn, target, present, absent="ignored")
    with pytest.raises(ConfigError, match="^output: got 'softmax'; allowed: one of 'linear', 'sigmoid'"):
        pose_losses("mse", drawn, target, present, output="softmax")
    with pytest.raises(DomainError, match="^gamma: got -1"):
        pose_losses("anchor", drawn, target, present, gamma=-1.0)
    with pytest.raises(BroadcastError, match="^target: got"):
        pose_losses("mse", drawn[:, 0], target, present)
    with pytest.raises(BroadcastError, match="^present: got"):
        pose_losses("mse", drawn, target, present[:, :1])
    with pytest.raises(DomainError, match="^target: got .*labels in"):
        pose_losses("bce", drawn, 30 * target, present)
    with pytest.raises(DomainError, match="^predicted: got nan"):
        pose_losses("mse", drawn * float("nan"), target, present)
    with pytest.raises(BroadcastError, match="^losses: got"):
        per_labelled(torch.ones(2), present)
