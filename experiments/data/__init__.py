"""Pictures of people with their joints: real data sets and generated figures behind one interface.

>>> from experiments.data import DATASETS, load
>>> DATASETS
('generated', 'lspet', 'lsp-lspet', 'mpii')
"""

from __future__ import annotations

from .datasets import DATASETS, load
from .pose_data import PoseData
from .skeleton import LSP, MPII, Skeleton

__all__ = ["DATASETS", "LSP", "MPII", "PoseData", "Skeleton", "load"]
