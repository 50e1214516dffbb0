"""The losses as modules: the same as the functions, options checked when made, no state; and all of them compiled."""

from __future__ import annotations

import copy
import inspect
import math
import pickle

import numpy as np
import pytest
import torch

from gammaprob.errors import ArgumentError, DomainError
from gradients import losses
from gradients.losses import modules
from tests.loss_checks import OF_TORCH_ITSELF, ROUNDINGS, close, gradient, refusal

# What a call of a module takes beside the tensors; all other parameters of the function are options.
DATA = {"anchor", "epoch", "generator", "present", "weight"}
PAIRS = {
    losses.LearningLoss: losses.learning_loss, losses.LearningLossPP: losses.learning_loss_pp,
    losses.AnchorLoss: losses.anchor_loss, losses.AnchorLossPose: losses.anchor_loss_pose,
    losses.FocalLoss: losses.focal_loss, losses.BCELoss: losses.bce_loss, losses.MSELoss: losses.mse_loss,
    losses.OHEMLoss: losses.ohem_loss, losses.OHKMLoss: losses.ohkm_loss,
}
CHANGED = {
    "gamma": 1.5, "margin": 0.2, "modulate": "both", "warmup_epochs": 2, "reduction": "sum", "keep": 0.5,
    "keypoints": 3, "pairs": "reversed", "check_values": False,
}


def example(module) -> tuple[tuple[torch.Tensor, ...], dict]:
    """Tensors for a call, and keywords of the call."""
    generator = torch.Generator().manual_seed(5)
    x, p = torch.randn((4, 9), generator=generator), torch.rand((4, 9), generator=generator)
    heatmaps = torch.rand((2, 3, 4, 4), generator=generator).round().clamp(min=0.0)
    return {
        losses.LearningLoss: ((x[0, :8], p[0, :8]), {"weight": p[1, :8]}),
        losses.LearningLossPP: ((x[0, :8], p[0, :8]), {"weight": p[1, :8]}),
        losses.AnchorLoss: ((x, p), {"epoch": 3, "weight": p[:, 0], "anchor": 0.5}),
        losses.AnchorLossPose: (
            (torch.randn((2, 3, 4, 4), generator=generator), heatmaps), {"present": heatmaps[:, :, 0, 0] > 0},
        ),
        losses.OHEMLoss: ((p[0],), {}),
        losses.OHKMLoss: ((p,), {"present": x > 0}),
    }.get(module, ((x, p), {"weight": p[0]}))


def keywords(function) -> dict:
    found = inspect.signature(function).parameters.values()
    return {p.name: p.default for p in found if p.kind is inspect.Parameter.KEYWORD_ONLY}


def test_every_function_has_its_module():
    assert set(modules.__all__) == {module.__name__ for module in PAIRS}
    assert set(losses.__all__) == set(modules.__all__) | {function.__name__ for function in PAIRS.values()}


@pytest.mark.parametrize(("module", "function"), PAIRS.items())
def test_signatures_are_those_of_the_function(module, function):
    """Options with the same defaults in the constructor, tensors and data in the call, and nothing left out."""
    options, data = keywords(module.__init__), keywords(module.forward)
    assert options | data == keywords(function) and set(data) == set(keywords(function)) & DATA
    positional = [p for p in inspect.signature(function).parameters if p not in keywords(function)]
    assert list(inspect.signature(module.forward).parameters) == ["self", *positional, *data]
    assert list(options) == [name for name in keywords(function) if name in options]


@pytest.mark.parametrize(("module", "function"), PAIRS.items())
def test_equals_the_function(module, function):
    tensors, call = example(module)
    for name in (None, *keywords(module.__init__)):
        options = {} if name is None else {name: CHANGED[name]}
        assert torch.equal(module(**options)(*tensors, **call), function(*tensors, **call, **options))
    slope = gradient(lambda x: module()(x, *tensors[1:], **call), tensors[0])
    assert slope.abs().sum() > 0


@pytest.mark.parametrize(("module", "function"), PAIRS.items())
def test_has_no_state_but_its_options(module, function):
    options = {name: CHANGED[name] for name in keywords(module.__init__)}
    criterion = module(**options)
    assert list(criterion.parameters()) == [] and list(criterion.buffers()) == [] and not criterion.state_dict()
    assert repr(criterion) == f"{module.__name__}({', '.join(f'{k}={v!r}' for k, v in options.items())})"
    tensors, call = example(module)
    wanted = function(*tensors, **call, **options)
    for same in (copy.deepcopy(criterion), pickle.loads(pickle.dumps(criterion)), criterion.half(), criterion.eval()):
        assert torch.equal(same(*tensors, **call), wanted)


@pytest.mark.parametrize(("name", "value", "error"), [
    ("gamma", -1.0, DomainError), ("gamma", math.nan, DomainError), ("gamma", "2", ArgumentError),
    ("margin", -0.1, DomainError), ("margin", None, ArgumentError),
    ("modulate", "foreground", DomainError), ("pairs", "neighbours", DomainError),
    ("warmup_epochs", 0.5, ArgumentError), ("warmup_epochs", -1, DomainError),
    ("keep", 0.0, DomainError), ("keep", "all", ArgumentError),
    ("keypoints", 0, DomainError), ("keypoints", True, ArgumentError),
    ("reduction", "average", DomainError), ("check_values", "False", ArgumentError),
])
def test_options_are_checked_when_made(name, value, error):
    users = [module for module in PAIRS if name in keywords(module.__init__)]
    assert users
    for module in users:
        refusal(error, name, lambda: module(**{name: value}), value)
        with pytest.raises(TypeError):
            module(value)  # options by keyword alone


def test_unknown_options_are_refused():
    for module in PAIRS:
        with pytest.raises(TypeError, match="unexpected keyword"):
            module(size_average=True)


@OF_TORCH_ITSELF
def test_compiled():
    """All but the pair losses in one graph: values, gradients, and the checks of values inside of it."""
    per_class, per_pixel = losses.AnchorLoss(modulate="both"), losses.AnchorLossPose()

    def step(x, classes, p, maps, target, present):
        return torch.stack([
            per_class(x, classes), per_class(x, p), losses.anchor_loss(x, classes, warmup_epochs=2, epoch=1),
            per_pixel(maps, target, present=present), losses.focal_loss(x, p, gamma=0.5), losses.bce_loss(x, p),
            losses.mse_loss(x, p), losses.ohem_loss(x[:, 0]), losses.ohkm_loss(x, keypoints=3, present=p > 0.3),
        ])

    (x, p), _ = example(losses.FocalLoss)
    (maps, target), call = example(losses.AnchorLossPose)
    inputs = [x, torch.tensor([0, 8, 3, 3]), p, maps, target, call["present"]]
    torch.compiler.reset()
    compiled = torch.compile(step, fullgraph=True)
    x.requires_grad_(), maps.requires_grad_()
    values, wanted = compiled(*inputs), step(*inputs)
    assert close(values.detach(), wanted.detach(), ROUNDINGS, 1.0)
    for one, other in zip(*(torch.autograd.grad(v.sum(), (x, maps)) for v in (values, wanted))):
        assert close(one, other, ROUNDINGS, 1.0)

    numbers, labels = "logits: allowed: finite numbers", r"target: allowed: labels in \[0, 1\]"
    no_zeros = "target: allowed: heatmaps with a background of exactly 0"
    for place, bad, words in (
        (0, math.nan, numbers), (2, 1.5, labels), (3, math.inf, numbers), (4, 2.0, labels), (4, 0.25, no_zeros),
    ):
        spoilt = [tensor.detach().clone().requires_grad_(tensor.requires_grad) for tensor in inputs]
        with torch.no_grad():
            if bad == 0.25:
                spoilt[place].clamp_(min=bad)
            else:
                spoilt[place].view(-1)[1] = bad
        with pytest.raises(RuntimeError, match=words):
            compiled(*spoilt)
    torch.compiler.reset()


@pytest.mark.parametrize("module", PAIRS)
def test_options_are_attributes(module):
    tensors, call = example(module)
    criterion = module()
    criterion.reduction = "sum"
    assert torch.equal(criterion(*tensors, **call), module(reduction="sum")(*tensors, **call))
    assert "reduction='sum'" in repr(criterion) and "reduction='sum'" in repr(copy.deepcopy(criterion))


@pytest.mark.parametrize("module", PAIRS)
def test_numpy_numbers_are_numbers(module):
    tensors, call = example(module)
    numbers = {name: CHANGED[name] for name in keywords(module.__init__)
               if isinstance(CHANGED[name], (int, float)) and not isinstance(CHANGED[name], bool)}
    of_numpy = {name: np.int64(value) if isinstance(value, int) else np.float64(value)
                for name, value in numbers.items()}
    call |= {name: np.int64(value) for name, value in call.items() if name == "epoch"}
    assert repr(module(**of_numpy)) == repr(module(**numbers))
    assert torch.equal(PAIRS[module](*tensors, **call, **of_numpy), module(**numbers)(*tensors, **call))


@pytest.mark.parametrize("module", PAIRS)
def test_meta_tensors_have_shapes(module):
    tensors, call = example(module)
    call = {name: value.to("meta") if isinstance(value, torch.Tensor) else value for name, value in call.items()}
    wanted = module(reduction="none")(*tensors, **example(module)[1])
    got = module(reduction="none")(*(tensor.to("meta") for tensor in tensors), **call)
    assert got.is_meta and got.shape == wanted.shape and got.dtype == wanted.dtype
