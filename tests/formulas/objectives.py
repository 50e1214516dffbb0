"""docs/mathematics/objectives.md, in mpmath."""

from __future__ import annotations

from itertools import product

import torch
from mpmath import mp, mpf

from gradients import closed_form
from tests.formulas import INTEGER, bracketed_root, double_sum, formula, points

PAIRS = ((0.9, 2.0, 1.0), (-0.4, 2.0, 1.0), (1.7, 0.3, 0.4), (-2.5, 0.3, 0.4))  # d, l_i, l_j
FEATURES = {"theta_i": (1.0, 2.0, 0.5), "theta_j": (0.25, 1.0, 1.0), "w": (0.5, -1.0, 2.0)}


def _sigma(d):
    return 1 / (1 + mp.exp(-mpf(d)))


def _ranking(d, l_i, l_j, xi=1):
    return max(mpf(0), -mp.sign(mpf(l_i) - l_j) * d + xi)


def _divergence(d, l_i, l_j):
    p, q = mpf(l_i) / (mpf(l_i) + l_j), _sigma(d)
    return p * mp.log(p / q) + (1 - p) * mp.log((1 - p) / (1 - q))


def _of_features(objective, l_i, l_j):
    def value(*entries):
        theta_i, theta_j, w = entries[:3], entries[3:6], entries[6:]
        return objective(mp.fdot([a - b for a, b in zip(theta_i, theta_j)], w), l_i, l_j)
    return value


def _partial(function, entries, *places):
    order = tuple(places.count(place) for place in range(len(entries)))
    return mp.diff(function, tuple(map(mpf, entries)), order)


def _torch_loss(loss, d, l_i, l_j):
    return loss(torch.tensor([d, 0.0], dtype=torch.float64), torch.tensor([l_i, l_j], dtype=torch.float64)).item()


_ENTRIES = [entry for vector in FEATURES.values() for entry in vector]


@formula("O1", "bab0d649")
def _(ranking_gradient, divergence_gradient):
    for objective, closed, (l_i, l_j) in (
        (_ranking, ranking_gradient, (1.0, 2.0)), (_divergence, divergence_gradient, (1.0, 2.5)),
    ):
        gradient = closed(**FEATURES, true_i=l_i, true_j=l_j)
        value = _of_features(objective, l_i, l_j)
        for block, vector in enumerate((gradient.theta_i, gradient.theta_j, gradient.w)):
            yield from ((_partial(value, _ENTRIES, 3 * block + n), entry) for n, entry in enumerate(vector))


@formula("O2", "815d249a")
def _(learning_loss):
    yield from ((_ranking(mpf(pair[0]), *pair[1:]), _torch_loss(learning_loss, *pair)) for pair in PAIRS)


@formula("O3", "494f444f")
def _(coefficient):
    for d, l_i, l_j in PAIRS:
        s = mp.sign(l_i - l_j)
        yield -s if s * d < 1 else 0, coefficient(d, l_i, l_j)
        yield mp.diff(lambda t: _ranking(t, l_i, l_j), mpf(d)), coefficient(d, l_i, l_j)


@formula("O4", "e83b87b0")
def _(learning_loss_pp):
    yield from ((_divergence(*pair), _torch_loss(learning_loss_pp, *pair)) for pair in PAIRS)


@formula("O5", "68b071d0")
def _(coefficient):
    for d, l_i, l_j in PAIRS:
        yield _sigma(d) - mpf(l_i) / (mpf(l_i) + l_j), coefficient(d, l_i, l_j)
        yield mp.diff(lambda t: _divergence(t, l_i, l_j), mpf(d)), coefficient(d, l_i, l_j)


@formula("O6", "d07ab135")
def _(hessian):
    value, matrix = _of_features(_divergence, 1.0, 2.5), hessian(**FEATURES)
    difference = [mpf(a) - b for a, b in zip(FEATURES["theta_i"], FEATURES["theta_j"])]
    q = _sigma(mp.fdot(difference, FEATURES["w"]))
    for a, b in ((0, 0), (0, 1), (1, 2)):
        yield q * (1 - q) * difference[a] * difference[b], matrix[a, b]
        yield _partial(value, _ENTRIES, 6 + a, 6 + b), matrix[a, b]


@formula("O7", "fae8d32e")
def _(lipschitz):
    vectors = {name: FEATURES[name] for name in ("theta_i", "theta_j")}
    yield mp.fsum((mpf(a) - b) ** 2 for a, b in zip(*vectors.values())) / 4, lipschitz(**vectors)
    yield mpf(closed_form.learning_loss_pp_hessian(**vectors, w=(0.0, 0.0, 0.0)).trace()), lipschitz(**vectors)


@formula("O8", "252b217e")
def _(minimising_gap):
    for _, l_i, l_j in PAIRS:
        yield mp.log(mpf(l_i) / l_j), minimising_gap(l_i, l_j)
        yield bracketed_root(lambda d: mp.diff(lambda t: _divergence(t, l_i, l_j), d), -2, 2), minimising_gap(l_i, l_j)


@formula("O9", "b1ff39d2")
def _(interval):
    lower, upper = interval(2.0, 1.0, margin=1.5)
    yield from ((mp.log(2), lower), (mpf("1.5"), upper))
    for n in range(-20, 31):
        d = (mpf(n) + mpf(1) / 3) / 10
        opposed = mp.diff(lambda t: _ranking(t, 2, 1, 1.5), d) * mp.diff(lambda t: _divergence(t, 2, 1), d) < 0
        yield opposed, lower < d < upper


@formula("O10", "bca911bd")
def _(law):
    for k in map(mpf, (0.5, 1.0, 2.5, 4.0)):
        c = law(float(k))
        yield (mpf(1) / 4 - mpf(0.2) ** 2) ** (k - 1) / mp.beta(k, k), c.pdf(0.2)
        yield 0, c.mean()
        yield 1 / (4 * (2 * k + 1)), c.var()
        # E|½ − p| in v = √p, which takes the singularity of the density p^(k−1) (1 − p)^(k−1) away
        mean = 4 * mp.quad(
            lambda v: (mpf(1) / 2 - v * v) * (1 - v * v) ** (k - 1) * v ** (2 * k - 1), [0, mp.sqrt(0.5)]
        )
        yield mpf(4) ** -k / (k * mp.beta(k, k)), mean / mp.beta(k, k)


@formula("O11", "615ad20f")
def _(expected_divergence):
    for k in map(mpf, (0.5, 1.0, 2.5, 4.0)):
        yield mp.log(2) - mp.psi(0, 2 * k + 1) + mp.psi(0, k + 1), expected_divergence(float(k))

    def value(p):
        return (mp.log(2) + p * mp.log(p) + (1 - p) * mp.log(1 - p)) * (p * (1 - p)) ** 3 / mp.beta(4, 4)

    yield mp.quad(value, [0, 0.5, 1]), expected_divergence(4.0)


@formula("O12", "457c9ed8")
def _(penalised_share):
    for k, theta, margin in points(INTEGER):
        page = 1 - 2 * double_sum(k, margin, theta)
        yield page, penalised_share(shape=k, scale=float(theta), margin=float(margin))


LOGITS = (2.0, 1.0, -1.0, 0.5)


def _a1(p, q, q_pos, q_neg, gamma_t, gamma_b):
    target = (1 - q + q_pos) ** gamma_t * mp.log(q) if p else 0
    background = (1 + q - q_neg) ** gamma_b * mp.log(1 - q) if p != 1 else 0
    return -p * target - (1 - p) * background


@formula("O13", "9e652611")
def _(anchor_loss):
    q, margin = [_sigma(x) for x in LOGITS], mpf(0.05)
    q_pos, q_neg = max(q[:1] + q[2:]) + margin, q[1] - margin
    for modulate, gammas in (("background", (0, 2)), ("target", (2, 0)), ("both", (2, 2))):
        page = mp.fsum(_a1(n == 1, score, q_pos, q_neg, *gammas) for n, score in enumerate(q))
        logits, target = torch.tensor([LOGITS], dtype=torch.float64), torch.tensor([1])
        yield page, anchor_loss(logits, target, gamma=2.0, margin=0.05, modulate=modulate).item()


@formula("O14", "fc38ca0e")
def _(anchor_loss_pose):
    labels = (0.75, 1.0, 0.0, 0.25)
    q = [_sigma(x) for x in LOGITS]
    page = mp.fsum(
        ((1 + s - max(q[:2])) ** 3 if p == 0 else 1) * -(p * mp.log(s) + (1 - p) * mp.log(1 - s))
        for p, s in zip(labels, q)
    )
    logits, target = (torch.tensor([values], dtype=torch.float64).reshape(1, 1, 2, 2) for values in (LOGITS, labels))
    yield page / 4, anchor_loss_pose(logits, target, gamma=3.0).item()


@formula("O15", "e973478f")
def _(background_gradient):
    for q, anchor, gamma in product(map(mpf, (0.1, 0.5, 0.9)), map(mpf, (0.3, 1.0)), map(mpf, (0.5, 2.0))):
        m = 1 + q - anchor
        value = background_gradient(float(q), float(anchor), gamma=float(gamma))
        yield m**gamma / (1 - q) - gamma * m ** (gamma - 1) * mp.log(1 - q), value
        yield mp.diff(lambda t: -((1 + t - anchor) ** gamma) * mp.log(1 - t), q), value


@formula("O16", "415150f7")
def _(focal_loss):
    for x, p in product(LOGITS, (0.0, 1.0)):
        q = _sigma(x)
        value = focal_loss(torch.tensor([x], dtype=torch.float64), torch.tensor([p], dtype=torch.float64), gamma=1.5)
        yield -p * (1 - q) ** 1.5 * mp.log(q) - (1 - p) * q**1.5 * mp.log(1 - q), value.item()
        yield _a1(p, q, 1 - p, 1 - p, 1.5, 1.5), value.item()


@formula("O17", "5f548415")
def _(gradient_crossing):
    for anchor, gamma in product(map(mpf, (0.1, 0.5, 1.0)), map(mpf, (0.5, 2.0, 9.0))):
        def excess(q, anchor=anchor, gamma=gamma):
            m = 1 + q - anchor
            return m**gamma * (1 - gamma * (1 - q) * mp.log(1 - q) / m) - 1

        crossing = gradient_crossing(float(anchor), gamma=float(gamma))
        yield bracketed_root(excess, 0.999 * crossing, min(1.001 * crossing, (1 + crossing) / 2)), crossing
        yield anchor / 2 < crossing < anchor, True
        grid = [mpf(n) / 40 for n in range(1, 40)]
        yield all((excess(q) > 0) == (q > crossing) for q in grid), True
