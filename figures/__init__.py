"""The figures, one file each: `compute()` returns arrays, `draw(data)` only draws, `caption(data)` says what to see.

`python -m figures` writes them as files; in a notebook, after `%matplotlib inline`, `figures.draw(name)` is one
picture. `NAMES` lists them in the order of the gallery: the paper's own, those of its neighbours, ours.
"""

from __future__ import annotations

from importlib import import_module

__all__ = ["NAMES", "draw", "find"]

NAMES = (
    "gradient_response", "weight_rotation", "loss_histogram", "printed_tables", "loss_heads", "predicted_loss",
    "study_curves",
    "anchor_losses", "anchor_gradients", "anchor_modulation", "anchor_masks", "pose_loss_joints", "class_losses",
    "easy_hard_views", "collapse_curves",
    "law_over_shape", "coefficient_field", "accuracy_map", "speed", "monte_carlo", "analytics_and_training",
)  # fmt: skip


def find(name: str):
    """The module of a figure, with its TITLE, SOURCE, `compute`, `draw` and `caption`.

    Raises `ArgumentError` for a name that is not in `NAMES`.

    >>> find("gradient_response").SOURCE
    'paper, Fig. 1; slides'
    """
    if name not in NAMES:
        from gammaprob.errors import ArgumentError

        raise ArgumentError("figure", name, ", ".join(NAMES), "pass one of these names")
    return import_module(f"figures.{name}")


def draw(name: str, *, theme: str = "light"):
    """One figure, computed and drawn, as a `matplotlib.figure.Figure`; `theme` is "light" or "dark".

    Raises `ArgumentError` for an unknown name or theme.

    >>> draw("gradient_response", theme="dark").get_size_inches().tolist()
    [7.2, 2.9]
    """
    from figures._style import theme as drawn_in

    module = find(name)
    data = module.compute()
    with drawn_in(theme):
        return module.draw(data)
