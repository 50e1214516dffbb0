"""Scores are of the pictures that were asked for, in their order, whatever the size of a batch."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from experiments.data.batches import decode, heatmaps, render
from experiments.learner import Learner
from experiments.metrics import OPTIONS, pck
from experiments.models.objectives import pose_losses
from experiments.models.peaks import peak_entropy, second_peaks
from experiments.scoring import Scores, confusion, judge, score
from tests.cells import figures, tiny

ROWS = np.array([5, 30, 2, 17, 44, 9, 21])
HEADS = ("ll", "ll++conv")
# Between a convolution of one batch and of another: the sums of some hundred products are formed in another order.
ROUNDING = 1000 * torch.finfo(torch.float32).eps


def learner(**changes) -> Learner:
    return Learner(tiny(**changes), 14, HEADS, seed=0)


def scored(rows=ROWS, **changes) -> Scores:
    return score(learner(**changes), figures(), rows, tiny(**changes), features=True, entropy=True,
                 peaks=True)


def arrays(scores: Scores) -> dict[str, np.ndarray]:
    found = {field.name: getattr(scores, field.name) for field in dataclasses.fields(scores)}
    predicted = found.pop("predicted")
    return found | {f"predicted/{name}": values for name, values in predicted.items()}


def assert_close(one: Scores, other: Scores, order=slice(None)) -> None:
    ours, theirs = arrays(one), arrays(other)
    assert ours.keys() == theirs.keys()
    for name, values in ours.items():
        assert np.abs(values[order] - theirs[name]).max() <= ROUNDING * max(1, np.abs(values).max()), name


@pytest.mark.parametrize("size", [1, 2, 3, 7, 256])
def test_the_size_of_a_batch_changes_nothing(size, monkeypatch):
    seen, forward = [], Learner.forward
    monkeypatch.setattr(Learner, "forward", lambda self, inputs, *rest: (seen.append(len(inputs)),
                                                                         forward(self, inputs, *rest))[1])
    assert_close(scored(scoring_batch=size), scored(scoring_batch=len(ROWS)))
    assert max(seen[:-1]) <= size and sum(seen[:-1]) == len(ROWS)


def test_rows_come_back_in_the_order_asked_for():
    order = np.array([3, 0, 6, 5, 1, 2, 4])
    assert_close(scored(), scored(ROWS[order]), order)
    with pytest.raises(AssertionError):  # negative control
        assert_close(scored(), scored(ROWS[order]))


def test_each_number_from_its_definition():
    """Without the trainer's own path: one picture at a time, each quantity written out."""
    found, network, config = scored(), learner().eval(), tiny()
    data = figures()
    for place, row in enumerate(ROWS):
        picture = torch.from_numpy(data.images[row:row + 1].copy())
        inputs, joints, present = render(picture, torch.from_numpy(data.joints[row:row + 1].copy()), torch.from_numpy(
            data.present[row:row + 1].copy()), size=config.image, swap=data.skeleton.swap, view=config.view)
        with torch.no_grad():
            output, predicted = network(inputs)
        side = config.image // config.stride
        target = heatmaps(joints, present, size=side, stride=config.stride, sigma=config.sigma, peak=config.peak,
                          truncate=False)
        # The loss of every joint alone, and the mean over those that are there.
        alone = torch.stack([pose_losses("mse", output.heatmaps[:, :, [j]], target[:, [j]], present[:, [j]])
                             for j in range(14)])
        height, second = second_peaks(output.heatmaps[:, -1], apart=3 * config.sigma)
        wanted = Scores(
            rows=np.array([row]), true=(alone.sum(0) / present.sum()).numpy(),
            # crop and image are of one size here, and the view is whole
            joints=decode(output.heatmaps[:, -1], stride=config.stride).numpy(),
            predicted={name: values.numpy() for name, values in predicted.items()},
            features=output.features.mean((2, 3)).numpy(), entropy=peak_entropy(output.heatmaps[:, -1]).numpy(),
            second=(config.stride * second + (config.stride - 1) / 2).numpy(), second_height=height.numpy(),
            response=(output.heatmaps[:, -1].flatten(2).max(2).values.mean(1) / config.peak).numpy(),
        )
        assert_close(Scores(*(values[[place]] if isinstance(values, np.ndarray) else
                              {name: entry[[place]] for name, entry in values.items()}
                              for values in vars(found).values())), wanted)


def test_only_what_is_asked_for():
    found = score(learner(), figures(), ROWS, tiny())
    assert all(values is None for values in (found.features, found.entropy, found.second, found.second_height))
    assert all(values.dtype == np.float32 for values in (found.true, found.joints, *found.predicted.values()))


def test_scoring_does_not_train():
    network = learner()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    score(network, figures(), ROWS, tiny())
    assert all(value.equal(before[name]) for name, value in network.state_dict().items())  # nor do its statistics move


def test_joints_are_in_pixels_of_the_pictures():
    """Whatever the side of the input and the view: the centre of a heatmap is the centre of the picture."""
    data = figures()
    for changes in ({}, {"image": 16}, {"view": 1.5}, {"stride": 2}):
        network = learner(**changes)
        with torch.no_grad():
            network.network.drawings[0].weight.zero_()
            network.network.drawings[0].bias.zero_()
        corner = score(network, data, ROWS, tiny(**changes)).joints  # of equal heights the first: the upper left corner
        config = tiny(**changes)
        scale = config.view * data.size / config.image
        wanted = (data.size - 1) / 2 + scale * ((config.stride - 1) / 2 - (config.image - 1) / 2)
        assert np.abs(corner - wanted).max() <= ROUNDING * data.size


def test_judging_is_the_data_sets_metric():
    data = figures()
    rng = np.random.default_rng(1)
    found = Scores(ROWS, np.zeros(len(ROWS)), data.joints[ROWS] + rng.normal(0, 2, (len(ROWS), 14, 2)), {}, None, None)
    judged = judge(found, data)
    wanted = pck(found.joints, data.joints[ROWS], data.present[ROWS], data.reference[ROWS], **OPTIONS[data.metric])
    assert judged.pck.total == wanted.total and 0 < wanted.total < 1
    assert judged.hits.sum() / judged.counted.sum() == wanted.total and 0 < judged.auc < 1


# --- left-right confusion and double peaks --------------------------------------------------------------------------

def drawn_at(network: Learner, rows: np.ndarray, monkeypatch, first: float, second: float) -> None:
    """In place of what the network draws: Gaussians of these heights at each joint and at its mirrored joint."""
    data, config, forward = figures(), network.config, Learner.forward
    joints, present = (torch.from_numpy(array[rows].copy()) for array in (data.joints, data.present))
    mirror = list(data.skeleton.swap)
    shape = {"size": config.image // config.stride, "stride": config.stride, "sigma": config.sigma, "truncate": False}
    maps = heatmaps(joints, present, peak=first, **shape) + heatmaps(
        joints[:, mirror], present[:, mirror], peak=second, **shape)

    def instead(self, inputs, *rest):
        output, predicted = forward(self, inputs, *rest)
        return output._replace(heatmaps=maps[:, None].expand_as(output.heatmaps)), predicted

    monkeypatch.setattr(Learner, "forward", instead)


FAR = 12.0  # pixels between the joints of a pair, of which the blobs of both are told apart


def confused(monkeypatch, first: float, second: float, **changes) -> tuple[dict, np.ndarray]:
    """What is found where joints far from their mirrored ones are drawn so, and how far off the second peaks are."""
    data, rows = figures(), np.arange(len(figures()))
    network = Learner(tiny(**changes), 14, (), seed=0)
    drawn_at(network, rows, monkeypatch, first, second)
    found = score(network, data, rows, network.config, peaks=True)
    mirrored = data.joints[:, list(data.skeleton.swap)]
    far = np.linalg.norm(data.joints - mirrored, axis=2) > FAR
    far &= data.present & data.present[:, list(data.skeleton.swap)] & np.isfinite(data.reference)[:, None]
    assert far.sum() > 20
    return confusion(found, dataclasses.replace(data, present=far)), np.abs(found.second - mirrored).max(2)[far]


def test_joints_drawn_in_their_places_are_not_confused(monkeypatch):
    found, _ = confused(monkeypatch, 1.0, 0.4)
    assert found["swapped"] == found["on_mirrored"] == found["double_peaks"] == 0 and np.isnan(found["double_mirrored"])


def test_a_second_peak_at_the_mirrored_joint_is_counted(monkeypatch):
    found, off = confused(monkeypatch, 1.0, 0.8)
    assert found["swapped"] == found["on_mirrored"] == 0 and found["double_peaks"] == found["double_mirrored"] == 1
    assert off.max() <= tiny().stride  # a pixel of the heatmap


def test_a_higher_peak_at_the_mirrored_joint_is_a_swap(monkeypatch):
    found, off = confused(monkeypatch, 0.8, 1.0)
    assert found["swapped"] == 1 and found["double_peaks"] == 1 and off.min() > tiny().stride
    # a hit of the mirrored joint only where a pixel of the heatmap is fine enough for the threshold
    assert 0.3 < found["on_mirrored"] < 1


def test_peaks_of_logits_are_those_of_probabilities(monkeypatch):
    """2 is less than half of 5, but the sigmoid of 2 is 0.89 of that of 5."""
    assert confused(monkeypatch, 5.0, 2.0)[0]["double_peaks"] == 0
    monkeypatch.undo()
    assert confused(monkeypatch, 5.0, 2.0, output="sigmoid", peak=1.0)[0]["double_peaks"] == 1


def test_nothing_to_count_is_no_share():
    data = figures()
    nobody = Scores(np.arange(0), np.zeros(0), data.joints[:0], {}, None, None, data.joints[:0], np.zeros((0, 14)))
    found = confusion(nobody, data)
    assert found.pop("paired") == 0 and all(np.isnan(value) for value in found.values())
