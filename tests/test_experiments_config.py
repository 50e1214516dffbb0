"""Settings: each has a reason, a domain and a place in the identity; the command line shows and takes them all."""

from __future__ import annotations

import dataclasses
import io
import math
import os
import subprocess
import sys

import pytest

from experiments.__main__ import main
from experiments.config import FAMILY, PRESETS, Config, configure
from experiments.errors import ConfigError
from experiments.methods import METHODS, find_method
from experiments.seeds import stream
from experiments.settings import option
from tests.cells import ROOT, tiny

FIELDS = dataclasses.fields(Config)
SHOW = ["cycle", "--method", "ll", "--show"]


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_are_whole_and_every_value_has_a_reason(preset):
    rows = FAMILY.describe(preset)
    assert [name for name, _, _ in rows] == [entry.name for entry in FIELDS]
    assert all(len(reason) >= 5 or reason == "paper" for _, _, reason in rows)
    assert set(PRESETS[preset]) <= {entry.name for entry in FIELDS}


def test_a_data_set_changes_a_preset_and_the_user_both():
    assert configure("desk", {"dataset": "lspet"}).base == 1000 != configure("desk").base
    assert configure("desk", {"dataset": "lspet", "base": 900}).base == 900


@pytest.mark.parametrize("changes, text", [
    ({"nonsense": 1}, r"setting: got 'nonsense'; allowed: a field of Config; --show lists all"),
    ({"dataset": "coco"}, r"dataset: got 'coco'; allowed: generated, lspet, lsp-lspet, mpii; change --dataset"),
    ({"methods": ["ll", "lll"]}, r"method: got 'lll'; allowed: random, coreset, ll, "),
    ({"methods": ["ll", "ll"]}, "name each once"),
    ({"methods": []}, "at least one"),
    ({"batch": 7}, "an even number"),
    ({"base": 15, "batch": 16}, r"at least a batch \(16\)"),
    ({"pool": 47, "budget": 24, "stages": 2}, "at least budget × stages = 48"),
    ({"image": 62}, "a multiple of the stride"),
    ({"image": 32, "depth": 4}, "at least 16 heatmap pixels"),
    ({"channels": 10}, "a multiple of 4"),
    ({"pose_loss": "bce", "peak": 30.0}, "1 with the pose loss bce"),
    ({"output": "sigmoid"}, "peak: got 30.0; allowed: 1 with the pose loss mse of sigmoids"),
    ({"gamma": -0.5}, r"gamma: got -0\.5; allowed: a number >= 0\.0; change --gamma"),
    ({"output": "softmax"}, "output: got 'softmax'; allowed: linear, sigmoid"),
    ({"rate": math.nan}, "a finite number"), ({"margin": math.inf}, "a finite number"),
    ({"rate": -1e-3}, r"a number >= 0\.0 and <= 1\.0; change --rate"),
    ({"rate_head": "fast"}, "a value of type float; change --rate-head"),
    ({"epochs": 2.5}, "a value of type int"), ({"epochs": True}, "a value of type int"), ({"flip": 1}, "type bool"),
    ({"seeds": 0}, "a number >= 1"), ({"budget": 0}, "a number >= 1"), ({"absent": "empty"}, "masked, zero"),
])
def test_settings_that_do_not_fit(changes, text):
    with pytest.raises(ConfigError, match=text):
        configure("smoke", changes)


def test_unknown_preset():
    with pytest.raises(ConfigError, match="preset: got 'huge'; allowed: smoke, desk, paper"):
        configure("huge")


def test_every_interval_is_guarded():
    """What lies beyond an end of a setting's interval is refused."""
    for entry in FIELDS:
        allowed = entry.metadata["allowed"]
        if not allowed or isinstance(allowed[0], str):
            continue
        below, above = allowed[0] - 1, allowed[1] + 1
        for value in (below, above):
            if math.isfinite(value):
                with pytest.raises(ConfigError, match=f"{entry.name}: got"):
                    configure("smoke", {entry.name: type(entry.default)(value)})
        assert allowed[0] <= entry.default <= allowed[1]


def test_identity_knows_what_decides_the_numbers():
    config = tiny(peak=1.0)  # which every loss of heatmaps takes
    kept, changed = [], []
    values = {"root": "x", "cache": "x", "device": "cuda", "methods": ("ll",), "dataset": "mpii", "batch": 4,
              "channels": 16, "image": 16, "crop": 64, "depth": 2, "pool": 25, "stages": 3, "stride": 2}
    for entry in FIELDS:
        value, allowed = getattr(config, entry.name), entry.metadata["allowed"]
        if entry.name in values:
            value = values[entry.name]
        elif isinstance(value, bool):
            value = not value
        elif isinstance(value, str):
            value = next(word for word in allowed if word != value)
        else:
            value = value + 1 if isinstance(value, int) else (value + allowed[0]) / 2 if value else 0.5
        other = dataclasses.replace(config, **{entry.name: value})
        (kept if other.identity == config.identity else changed).append(entry.name)
    assert kept == [entry.name for entry in FIELDS if entry.metadata["same_numbers"]]
    assert len(changed) + len(kept) == len(FIELDS)
    assert configure("smoke", config.dictionary).identity == config.identity


def test_methods_say_how_their_heads_learn():
    config = tiny()
    assert [name for name in METHODS if config.joint(find_method(name))] == ["ll-multitap"]
    assert [name for name in METHODS if tiny(head_gradient="joint").joint(find_method(name))] == [
        name for name, method in METHODS.items() if method.head]
    assert not config.per_labelled(find_method("ll")) and config.per_labelled(find_method("ll++"))
    assert tiny(true_loss="labelled").per_labelled(find_method("ll"))


def test_streams_are_apart():
    names = [("a", "bc"), ("ab", "c"), ("abc",), (1, 2), (12,), ("1", "2:3"), ("1:2", "3"), (0, "order", 1, 23),
             (0, "order", 12, 3)]
    assert len({stream(*words) for words in names}) == len(names)
    assert all(0 <= stream(*words) < 2**63 for words in names)


# --- the command line -----------------------------------------------------------------------------------------------

def printed(arguments: list[str], capsys) -> str:
    assert main(arguments) == 0
    return capsys.readouterr().out


def test_show_has_every_setting_and_its_reason(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    text = printed([*SHOW, "--preset", "smoke", "--rate", "0.5"], capsys)
    for name, value, reason in FAMILY.describe("smoke", {"rate": 0.5}):
        assert f"--{option(name)} {value}\n" in text
        assert " ".join(reason.split()) in " ".join(text.split())
    assert "--rate 0.5\n    given on the command line\n" in text


@pytest.mark.parametrize("columns", [20, 40, 72])
def test_show_fits_a_narrow_terminal(columns, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = printed(SHOW, capsys).splitlines()
    longest = max(len(word) for line in lines for word in line.split())
    assert max(map(len, lines)) <= max(columns, longest + 4)


def test_show_in_ascii(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    assert main(SHOW) == 0
    stream.seek(0)
    assert "xi of Learning Loss" in stream.read()


def test_every_setting_is_an_option(capsys):
    """Each value of a preset, given on the command line, is that value again."""
    words = []
    for name, value, _ in FAMILY.describe("smoke"):
        if value in ("True", "False"):
            words.append(f"--{'' if value == 'True' else 'no-'}{option(name)}")
        elif value != "None":
            words += [f"--{option(name)}", *value.split()]
    text = printed([*SHOW, "--preset", "paper", *words], capsys)
    shown = dict(line[2:].partition(" ")[::2] for line in text.splitlines() if line.startswith("--"))
    assert {name: value for name, value in shown.items() if name != "methods"} == {
        option(name): value for name, value, _ in FAMILY.describe("smoke") if name != "methods"}


def run(*arguments, **options) -> subprocess.CompletedProcess:
    words = [sys.executable, "-m", "experiments", *arguments]
    return subprocess.run(words, cwd=ROOT, text=True, stderr=subprocess.PIPE,
                          env=os.environ | {"COLUMNS": "80"}, **options)


def test_a_full_disk_is_said():
    with open("/dev/full", "w") as full:
        done = run(*SHOW, stdout=full)
    assert (done.returncode, done.stderr) == (2, "error: output: No space left on device\n")


def test_a_closed_pipe_is_no_failure():
    read, write = os.pipe()
    os.close(read)
    done = run(*SHOW, stdout=write)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("arguments, text", [
    (["cycle"], "method: got None; allowed: random, coreset"),
    (["cycle", "--method", "lll"], "method: got 'lll'"),
    (["train", "--method", "ll", "--dataset", "coco"], "dataset: got 'coco'"),
    (["table3", "--pool", "10"], "pool: got 10; allowed: at least budget × stages"),
    (["table3", "--methods", "random", "worst"], "method: got 'worst'"),
])
def test_requests_that_make_no_sense(arguments, text, capsys):
    assert main([*arguments, "--preset", "smoke"]) == 2
    assert text in capsys.readouterr().err


@pytest.mark.parametrize("arguments, text", [
    ([], "COMMAND"), (["fly"], "invalid choice"), (["cycle", "--preset", "huge"], "invalid choice"),
    (["cycle", "--seed", "-1"], "a seed >= 0"), (["table3", "--jobs", "0"], "a whole number >= 1"),
    (["table3", "--nonsense"], "unrecognized"), (["table3", "--epochs", "x"], "invalid int"),
    (["table3", "--preset", "smoke", "--cluster-option", "gpus"], "NAME=VALUE is wanted"),
])
def test_words_that_are_no_request(arguments, text, capsys):
    with pytest.raises(SystemExit) as raised:
        main(arguments)
    assert raised.value.code == 2 and text in capsys.readouterr().err


