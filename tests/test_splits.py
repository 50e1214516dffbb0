"""Base, pool, validation and test: disjoint, of the right pictures, and apart from one another's draws."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.config import Config
from experiments.data import LSP, PoseData
from experiments.data.splits import split, uprightness
from experiments.errors import DataError
from tests.cells import figures, tiny

COUNT = 400
PARTS = ("base", "pool", "validation", "test")


def pictures(name: str, groups: dict[str, np.ndarray], count: int = COUNT) -> PoseData:
    """A data set of that name, whose persons stand at all angles; its pictures are not looked at."""
    rng = np.random.default_rng(3)
    angle = rng.uniform(-np.pi, np.pi, count)
    joints = rng.normal(32, 1, (count, 14, 2))
    joints[:, LSP.index("neck")] = 32 + 20 * np.stack((np.sin(angle), -np.cos(angle)), 1)
    for hip in ("left hip", "right hip"):
        joints[:, LSP.index(hip)] = 32
    return PoseData(
        name=name, skeleton=LSP, images=np.broadcast_to(np.uint8(0), (count, 16, 16, 3)),
        joints=joints.astype(np.float32), present=np.ones((count, 14), bool), reference=np.ones(count, np.float32),
        names=np.arange(count).astype(str), groups=groups, metric="PCK@0.2", fingerprint="",
    )


def config(dataset: str, **changes) -> Config:
    return tiny(**{"dataset": dataset, "base": 60, "pool": 120, "validation": 30, "test": 40} | changes)


GROUPS = {
    "generated": {"everyday": np.arange(150), "sports": np.arange(150, COUNT)},
    "lspet": {"lspet": np.arange(COUNT)},
    "lsp-lspet": {"lsp": np.arange(2000), "lspet": np.arange(2000, 2400)},
    "mpii": {"train": np.arange(0, 300), "valid": np.arange(300, COUNT)},
}


def data_of(name: str) -> PoseData:
    return pictures(name, GROUPS[name], 2400 if name == "lsp-lspet" else COUNT)


@pytest.mark.parametrize("name", GROUPS)
def test_parts_are_disjoint_sorted_and_as_large_as_asked(name):
    chosen = split(data_of(name), config(name), seed=0)
    parts = [getattr(chosen, part) for part in PARTS]
    assert [len(part) for part in parts] == [60, 120, 30, 40]
    assert all((np.diff(part) > 0).all() and part.dtype == np.int64 for part in parts)
    assert len(np.unique(np.concatenate(parts))) == sum(map(len, parts))


@pytest.mark.parametrize("name", GROUPS)
def test_seeds_draw_base_and_pool_and_leave_the_judges(name):
    first, again, other = (split(data_of(name), config(name), seed) for seed in (0, 0, 1))
    for part in PARTS:
        assert np.array_equal(getattr(first, part), getattr(again, part))
        assert np.array_equal(getattr(first, part), getattr(other, part)) == (part in ("validation", "test"))


@pytest.mark.parametrize("name, sources", [
    ("generated", {"base": "everyday", "pool": "sports", "validation": "sports", "test": "sports"}),
    ("mpii", {"base": "train", "pool": "train", "validation": "train", "test": "valid"}),
    ("lsp-lspet", {"base": "lsp", "pool": "lspet", "validation": "lspet", "test": "lsp"}),
])
def test_each_part_comes_from_its_group(name, sources):
    chosen = split(data_of(name), config(name), seed=0)
    for part, group in sources.items():
        assert np.isin(getattr(chosen, part), GROUPS[name][group]).all()


def test_lsp_is_cut_where_the_data_set_cuts_it():
    chosen = split(data_of("lsp-lspet"), config("lsp-lspet", base=1000, test=1000), seed=0)
    assert np.array_equal(chosen.base, np.arange(1000)) and np.array_equal(chosen.test, np.arange(1000, 2000))


def test_a_pool_of_all_that_is_left():
    for name, count in (("generated", 250 - 30 - 40), ("mpii", 300 - 30 - 60), ("lspet", (400 - 30 - 40 - 60) // 2),
                        ("lsp-lspet", 400 - 30)):
        assert len(split(data_of(name), config(name, pool=0), seed=0).pool) == count


# --- the shift of lspet ---------------------------------------------------------------------------------------------

def test_the_base_is_upright_and_nothing_else_is_chosen_so():
    data = data_of("lspet")
    chosen = split(data, config("lspet"), seed=0)
    upright = {part: uprightness(data, getattr(chosen, part)) for part in PARTS}
    spare = np.setdiff1d(np.arange(COUNT), np.concatenate([getattr(chosen, part) for part in PARTS]))
    assert upright["base"].min() >= uprightness(data, spare).max()
    # Of angles without preference the mean cosine is 0 with a spread of 0.71/√N: four of these.
    for part in ("pool", "validation", "test"):
        assert abs(upright[part].mean()) <= 4 * 0.71 / np.sqrt(len(upright[part]))
    assert upright["base"].mean() > 4 * 0.71 / np.sqrt(60)  # negative control


def test_pool_and_test_do_not_know_how_the_base_is_drawn():
    """Whoever stands upright: with other joints in the same pictures, only the base is another."""
    data = data_of("lspet")
    turned = PoseData(**vars(data) | {"joints": data.joints[::-1].copy()})
    one, other = (split(each, config("lspet"), seed=0) for each in (data, turned))
    assert [np.array_equal(getattr(one, part), getattr(other, part)) for part in PARTS] == [False, True, True, True]


def test_uprightness():
    data = pictures("lspet", GROUPS["lspet"], 4)
    neck, hips = LSP.index("neck"), [LSP.index("left hip"), LSP.index("right hip")]
    data.joints[:, hips] = [[10, 20], [14, 20]]
    data.joints[:, neck] = [[12, 0], [12, 40], [22, 20], [12, 20]]  # up, down, sideways, of no length
    assert uprightness(data, np.arange(4)).tolist() == [1.0, -1.0, 0.0, -2.0]
    for joint in (neck, *hips):
        data.present[:] = True
        data.present[0, joint] = False
        assert uprightness(data, np.arange(2)).tolist() == [-2.0, -1.0]


# --- what is not there ----------------------------------------------------------------------------------------------

@pytest.mark.parametrize("changes, text", [
    ({"test": 251}, "test: got 251; allowed: at most 250 pictures, which are left for it; lower --test"),
    ({"validation": 211}, "validation: got 211; allowed: at most 210"),
    ({"base": 151}, "base: got 151; allowed: at most 150"),
    ({"pool": 181}, "pool: got 181; allowed: at most 180"),
    ({"pool": 0, "budget": 91}, r"pool: got 180; allowed: at least budget × stages = 182 pictures; lower --budget"),
])
def test_more_than_there_is(changes, text):
    with pytest.raises(DataError, match=text):
        split(data_of("generated"), config("generated", **changes), seed=0)


@pytest.mark.parametrize("changes", [{"base": 331}, {"base": 400, "pool": 0}, {"pool": 300}])
def test_more_photographs_than_there_are(changes):
    with pytest.raises(DataError, match="at most"):
        split(data_of("lspet"), config("lspet", **changes), seed=0)


def test_the_figures_have_what_the_study_asks_for():
    chosen = split(figures(), tiny(), seed=0)
    assert [len(getattr(chosen, part)) for part in PARTS] == [16, 24, 6, 8]
