"""The networks of the study: a stacked hourglass that finds joints, and heads that predict how far it is off.

`hourglass` has the pose network, `heads` the loss predictors that read its features, `objectives` the losses of a pose.
Weights are drawn from torch's global generator: call `torch.manual_seed` before building each of them, and a network
is the same whichever heads stand beside it.

>>> import torch
>>> _ = torch.manual_seed(0)
>>> network = PoseNetwork(joints=14, stacks=1, channels=32, depth=2)
>>> head = build_head("conv", channels=32, sizes=network.sizes(64))
>>> found = network(torch.rand(2, 3, 64, 64))
>>> found.heatmaps.shape, head(found.detached()).shape
(torch.Size([2, 1, 14, 16, 16]), torch.Size([2]))
"""

from experiments.models.heads import HEADS, build_head
from experiments.models.hourglass import PoseNetwork, PoseOutput
from experiments.models.objectives import POSE_LOSSES, per_labelled, pose_losses

__all__ = ["HEADS", "POSE_LOSSES", "PoseNetwork", "PoseOutput", "build_head", "per_labelled", "pose_losses"]
