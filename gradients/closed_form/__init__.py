"""The gradients of the papers in closed form, in NumPy float64; what they leave out; and the laws over random pairs.

`pair`: Learning Loss and LearningLoss++ of one pair. `population`: over random pairs of gamma losses. `anchor`: Anchor
Loss beside the cross-entropy and the focal loss. `expected_gradient` and `expected_target` are those of `gammaprob`.

>>> from gradients import closed_form
>>> print(f"{closed_form.kl_coefficient(3.0, 0.1, 0.2):.6f}")
0.619241
"""

from gammaprob import expected_gradient, expected_target
from gradients.closed_form.anchor import (
    anchor_gradient,
    anchor_pose_gradient,
    background_gradient,
    background_loss,
    cross_entropy_gradient,
    focal_gradient,
    gradient_crossing,
    target_gradient,
)
from gradients.closed_form.pair import (
    GapInterval,
    PairGradient,
    disagreement_interval,
    gradient_lipschitz,
    kl_coefficient,
    learning_loss_gradient,
    learning_loss_pp_gradient,
    learning_loss_pp_hessian,
    minimising_gap,
    predicted_target,
    ranking_coefficient,
    true_target,
    unfactored_gradient,
)
from gradients.closed_form.population import coefficient_law, expected_divergence, penalised_share

__all__ = [
    "GapInterval", "PairGradient", "anchor_gradient", "anchor_pose_gradient", "background_gradient", "background_loss",
    "coefficient_law", "cross_entropy_gradient", "disagreement_interval", "expected_divergence", "expected_gradient",
    "expected_target", "focal_gradient", "gradient_crossing", "gradient_lipschitz", "kl_coefficient",
    "learning_loss_gradient", "learning_loss_pp_gradient", "learning_loss_pp_hessian", "minimising_gap",
    "penalised_share", "predicted_target", "ranking_coefficient", "target_gradient", "true_target",
    "unfactored_gradient",
]  # fmt: skip
