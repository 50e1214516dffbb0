"""Every figure, as a reader has it: nothing overlaps, nothing is cut, the same bytes each time; and the program."""

from __future__ import annotations

import functools
import itertools
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import figures
from figures import NAMES, _style
from figures.__main__ import main
from gammaprob.errors import ArgumentError
from paper_tables._terminal import to_ascii
from tests.figure_checks import problems

ROOT = Path(__file__).parents[1]
MOST_SECONDS = 60  # for all figures, what the program promises on two cores; here on one
CAPTION_WORDS = (25, 160)  # long enough to say what to see, short enough to be read below a picture


@functools.cache
def computed(name: str) -> tuple:
    """The arrays of a figure, computed once for all tests, and the seconds that they took."""
    started = time.perf_counter()
    data = figures.find(name).compute()
    return data, time.perf_counter() - started


def drawn(name: str, theme: str):
    with _style.theme(theme):
        return figures.find(name).draw(computed(name)[0])


# --- every figure ---------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("theme", _style.THEMES)
@pytest.mark.parametrize("name", NAMES)
def test_nothing_overlaps_or_is_cut(name, theme):
    assert problems(drawn(name, theme)) == []


@pytest.mark.parametrize("name", NAMES)
def test_colours_are_the_theme_s(name):
    """A colour written in a figure's file would be the same on both pages."""
    source = (ROOT / "figures" / f"{name}.py").read_text(encoding="utf-8")
    assert not re.search(r"#[0-9a-fA-F]{3,8}\b|[\"'](?:black|white|gr[ae]y|red|green|blue|k|w)[\"']", source)
    figure = drawn(name, "dark")
    assert figure.get_facecolor() == pytest.approx(_rgba(_style.THEMES["dark"].page))


@pytest.mark.parametrize("name", NAMES)
def test_the_same_bytes_twice(name, tmp_path):
    module, data = figures.find(name), computed(name)[0]
    pictures = []
    for _ in range(2):
        with _style.theme("light"):
            module.draw(data).savefig(tmp_path / "picture.svg", metadata={"Date": None})
        pictures.append((tmp_path / "picture.svg").read_bytes())
    assert pictures[0] == pictures[1]
    assert len(pictures[0]) < 1_000_000  # a page with all of them must load


@pytest.mark.parametrize("name", NAMES)
def test_caption_says_something(name):
    module = figures.find(name)
    caption = module.caption(computed(name)[0])
    assert CAPTION_WORDS[0] <= len(caption.split()) <= CAPTION_WORDS[1]
    assert caption.endswith((".", ".)")) and "  " not in caption and "nan" not in caption.split()
    assert module.TITLE and module.SOURCE
    assert to_ascii(f"{module.TITLE} {module.SOURCE} {caption}").isascii()


def test_all_are_computed_and_drawn_in_time():
    spent = sum(computed(name)[1] for name in NAMES)
    started = time.perf_counter()
    for name in NAMES:
        drawn(name, "light").savefig(os.devnull, format="svg")
    assert spent + time.perf_counter() - started < MOST_SECONDS


def test_each_file_is_a_figure():
    files = {path.stem for path in (ROOT / "figures").glob("[a-z]*.py")}
    assert files == set(NAMES) and len(NAMES) == len(files)


# --- the checker's own controls --------------------------------------------------------------------------------------

def _two_texts(distance: float):
    figure, axes = _style.sheet(height=2)
    axes.plot([0, 1], [0, 1])
    axes.set_xlabel("x (m)")
    axes.set_ylabel("y (m)")
    axes.text(0.1, 0.5, "first")
    axes.text(0.1 + distance, 0.5, "second")
    return figure, axes


def test_a_sound_figure_has_no_problem():
    assert problems(_two_texts(0.5)[0]) == []


def _overlapping():
    return _two_texts(0.01)[0]


def _clipped():
    figure, axes = _two_texts(0.5)
    figure.text(0.98, 0.5, "too far right")
    return figure


def _unnamed():
    figure, axes = _two_texts(0.5)
    axes.set_ylabel("")
    return figure


def _empty():
    figure, _ = _style.sheet(1, 2, height=2)
    return figure


def _small():
    figure, axes = _two_texts(0.5)
    axes.text(0.1, 0.8, "fine print", fontsize=5)
    return figure


def _tick_over_text():
    figure, axes = _two_texts(0.5)
    axes.set_xticks([0.5, 0.501], ["one", "two"])
    return figure


@pytest.mark.parametrize(("make", "said"), [
    (_overlapping, "overlap: 'first' and 'second'"), (_clipped, "clipped: 'too far right'"),
    (_unnamed, "no label on the y axis"), (_empty, "empty axes"), (_small, "print of 5.0 points: 'fine print'"),
    (_tick_over_text, "overlap: 'one' and 'two'"),
])
def test_each_defect_is_seen(make, said):
    assert any(line.startswith(said) for line in problems(make()))


# --- colours --------------------------------------------------------------------------------------------------------

# What a dichromat sees of linear RGB: Machado, Oliveira and Fernandes 2009, severity 1.0.
SIGHTS = {
    "normal": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
APART = 20  # CIELAB units: a difference of 2 is just seen side by side; ten times that in small marks, far apart
CONTRAST = {"light": 3.0, "dark": 4.5}  # to the page: WCAG 2.2 asks 3 of graphics and 4.5 of text


def _rgba(colour: str) -> list[float]:
    return [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)] + [1.0]


def _linear(colour: str) -> np.ndarray:
    channels = np.array(_rgba(colour)[:3])
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def _cielab(linear: np.ndarray) -> np.ndarray:
    to_xyz = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
    ratio = np.array(to_xyz) @ np.clip(linear, 0, 1) / [0.95047, 1.0, 1.08883]
    x, y, z = np.where(ratio > 0.008856, np.cbrt(ratio), 7.787 * ratio + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def _least_difference(colours, sight) -> float:
    seen = [_cielab(np.array(sight) @ _linear(colour)) for colour in colours]
    return min(float(np.linalg.norm(one - other)) for one, other in itertools.combinations(seen, 2))


def _contrast(one: str, other: str) -> float:
    low, high = sorted(float(_linear(colour) @ [0.2126, 0.7152, 0.0722]) for colour in (one, other))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("sight", SIGHTS)
@pytest.mark.parametrize("theme", _style.THEMES)
def test_series_are_told_apart(theme, sight):
    assert _least_difference(_style.THEMES[theme].series, SIGHTS[sight]) > APART


def test_a_confusing_pair_is_seen():
    """Negative control: red and green of equal brightness, which deuteranopia hides."""
    pair = ("#d13232", "#8a7a00")
    assert _least_difference(pair, SIGHTS["normal"]) > APART > _least_difference(pair, SIGHTS["deuteranopia"])


@pytest.mark.parametrize("theme", _style.THEMES)
def test_marks_and_words_stand_out(theme):
    colours = _style.THEMES[theme]
    assert min(_contrast(colours.page, colour) for colour in colours.series) >= CONTRAST[theme]
    assert min(_contrast(colours.page, colour) for colour in (colours.ink, colours.muted)) >= 4.5


def test_methods_differ_without_colour():
    looks = [(look["marker"], look["linestyle"]) for look in _style.METHODS.values()]
    assert len(set(looks)) == len({look["color"] for look in _style.METHODS.values()}) == len(looks)


# --- the program ----------------------------------------------------------------------------------------------------

def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "figures", *arguments], cwd=ROOT, env=os.environ | environment,
        stdin=subprocess.DEVNULL, capture_output=True, text=True,
    )


def test_files_and_what_is_told(tmp_path):
    done = run("gradient_response", "--out", str(tmp_path / "made"), "--format", "svg,png,pdf", "--theme", "light,dark",
               COLUMNS="60")
    assert done.returncode == 0 and done.stderr == ""
    names = [f"gradient_response{suffix}.{form}" for suffix in ("", "-dark") for form in ("svg", "png", "pdf")]
    assert sorted(path.name for path in (tmp_path / "made").iterdir()) == sorted(["captions.json", *names])
    told = done.stdout.splitlines()
    assert told[: len(names)] == [str(tmp_path / "made" / name) for name in names]
    assert max(map(len, told[len(names):])) <= 60
    entry = json.loads((tmp_path / "made" / "captions.json").read_text("utf-8"))["gradient_response"]
    assert entry["files"] == names and entry["title"] == "Gradient response to three images"
    assert entry["caption"].split() == " ".join(told[len(names):]).split()[-len(entry["caption"].split()):]
    assert entry["caption"][:40] in (tmp_path / "made" / "gradient_response.svg").read_text("utf-8")


@pytest.mark.parametrize("form", ["svg", "png", "pdf"])
def test_bytes_are_the_same_in_another_process(tmp_path, form):
    for seed in ("1", "2"):
        done = run("gradient_response", "--out", str(tmp_path / seed), "--format", form, PYTHONHASHSEED=seed)
        assert done.returncode == 0, done.stderr
    file = f"gradient_response.{form}"
    assert (tmp_path / "1" / file).read_bytes() == (tmp_path / "2" / file).read_bytes()


@pytest.mark.parametrize(("arguments", "said"), [
    (["gradient"], "figure: got 'gradient'; allowed: gradient_response, "),
    (["--format", "gif"], "got 'gif'; allowed: svg, png, pdf"), (["--format", ","], "allowed: svg, png, pdf"),
    (["--theme", "sepia"], "allowed: light, dark"),
])
def test_a_wrong_request_is_named(arguments, said):
    done = run(*arguments)
    assert done.returncode == 2 and said in done.stderr and "Traceback" not in done.stderr


def test_a_folder_that_is_a_file(tmp_path):
    (tmp_path / "taken").write_text("")
    done = run("gradient_response", "--out", str(tmp_path / "taken"))
    assert done.returncode == 1 and "--out" in done.stderr and "Traceback" not in done.stderr


def test_a_full_disk_is_not_the_folder_s_fault(tmp_path):
    with open("/dev/full", "w") as full:
        done = subprocess.run([sys.executable, "-m", "figures", "gradient_response", "--out", str(tmp_path)], cwd=ROOT,
                              stdout=full, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (1, "error: output: No space left on device\n")


@pytest.mark.parametrize(("package", "figure"), [
    ("tqdm", "gradient_response"), ("matplotlib", "gradient_response"), ("torch", "loss_heads"),
])
def test_a_missing_package_is_named(tmp_path, package, figure):
    program = f"import sys; sys.modules[{package!r}] = None; from figures.__main__ import main; sys.exit(main())"
    done = subprocess.run([sys.executable, "-c", program, figure, "--out", str(tmp_path)], cwd=ROOT,
                          capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == (f"error: {package} is missing; the extra 'figures' installs it: "
                           "pip install 'gammaprob[figures]'\n")


def test_an_interrupt_ends_without_a_traceback(tmp_path, monkeypatch, capsys):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr(figures.find("gradient_response"), "compute", interrupted)
    assert main(["gradient_response", "--out", str(tmp_path)]) == 130
    assert capsys.readouterr() == ("", "") and not any(tmp_path.iterdir())


def test_an_ascii_terminal_will_do(tmp_path):
    """Every letter of a caption has an ASCII form, and no line is wider for it."""
    done = run("weight_rotation", "coefficient_field", "monte_carlo", "--out", str(tmp_path), PYTHONIOENCODING="ascii",
               COLUMNS="100")
    assert done.returncode == 0 and "turns to 117 deg" in " ".join(done.stdout.split())
    assert "\\" not in done.stdout and max(map(len, done.stdout.splitlines())) <= 100


PICTURES = sorted((ROOT / "docs" / "pictures").glob("*.svg"))
_NUMBER = re.compile(r"-?\d+\.\d+")
HALF_A_PIXEL = 0.5  # in the unit of the file; another processor may round a coordinate otherwise, by far less


def same_picture(one: str, other: str) -> bool:
    """Whether two SVG files differ at most in coordinates, and in none by what is seen."""
    texts, numbers = zip(*((_NUMBER.sub("#", text), _NUMBER.findall(text)) for text in (one, other)))
    return texts[0] == texts[1] and all(abs(float(a) - float(b)) < HALF_A_PIXEL for a, b in zip(*numbers))


@pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.name)
def test_pictures_of_the_readme_are_the_program_s(path, tmp_path):
    assert f"docs/pictures/{path.name}" in (ROOT / "README.md").read_text("utf-8")
    name, _, theme = path.stem.partition("-")
    assert main([name, "--out", str(tmp_path), "--theme", theme or "light"]) == 0
    drawn_now, stored = ((folder / path.name).read_text("utf-8") for folder in (tmp_path, path.parent))
    assert same_picture(drawn_now, stored)
    assert not same_picture(drawn_now, stored.replace("M 5", "M 6")) and len(PICTURES) == 4  # a picture moved


def test_list_draws_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(NAMES)
    assert not any(tmp_path.iterdir())


def test_unknown_names_in_python():
    with pytest.raises(ArgumentError, match="gradient_response"):
        figures.draw("histogram")
    with pytest.raises(ArgumentError, match="light, dark"):
        figures.draw("gradient_response", theme="sepia")
