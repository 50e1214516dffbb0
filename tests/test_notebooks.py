"""The notebooks: each runs in a fresh kernel in another folder, says what is stored, and is stored in a plain form."""

from __future__ import annotations

import re
import resource
import sys

import pytest
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_notebook, new_output

from tests.notebooks import LIMIT, differences, execute, main, notebooks, read, same_text, stripped, written

LARGEST = 300_000  # bytes of a notebook's file: what a page of the site can load at once
LONGEST_LINE, LONGEST_CODE = 120, 88  # the site shows 88 columns of code without scrolling

all_notebooks = pytest.mark.parametrize("path", notebooks(), ids=lambda path: path.stem)


def processor_seconds() -> float:
    """Of all processes that this one started and that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def test_there_are_four():
    assert [path.name[:2] for path in notebooks()] == ["01", "02", "03", "04"]


@all_notebooks
def test_says_what_is_stored(path, tmp_path):
    stored = read(path)
    before = processor_seconds()
    fresh = execute(stored, tmp_path)
    assert processor_seconds() - before < LIMIT
    assert differences(stored, fresh) == []
    assert list(tmp_path.iterdir()) == []  # it leaves nothing behind


@all_notebooks
def test_is_stored_in_the_plain_form(path):
    notebook, text = read(path), path.read_text(encoding="utf-8")
    assert text == written(stripped(notebook))
    assert len(text.encode()) < LARGEST
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert [cell.id for cell in notebook.cells if not re.fullmatch(r"[a-z][a-z0-9-]+", cell.id)] == []
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)


@all_notebooks
def test_reads_well(path):
    """The first line of code is the import; one title; headings go down one level at a time; no line is too long."""
    cells = read(path).cells
    assert next(cell for cell in cells if cell.cell_type == "code").source.splitlines()[0] == "import gammaprob"
    prose = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    levels = [len(marks) for marks in re.findall(r"^(#+) ", prose, flags=re.MULTILINE)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(deeper - level <= 1 for level, deeper in zip(levels, levels[1:]))
    longest = {"markdown": LONGEST_LINE, "code": LONGEST_CODE}
    assert [line for cell in cells for line in cell.source.splitlines() if len(line) > longest[cell.cell_type]] == []


# --- how they are executed -------------------------------------------------------------------------------------------

def notebook_of(*sources: str):
    return new_notebook(cells=[new_code_cell(source, id=f"cell-{place}") for place, source in enumerate(sources)])


def test_the_kernel_is_this_python_in_that_folder(tmp_path):
    fresh = execute(notebook_of("import os, sys\nprint(sys.executable, os.getcwd(), os.environ['OMP_NUM_THREADS'])"),
                    tmp_path)
    assert fresh.cells[0].outputs[0].text == f"{sys.executable} {tmp_path} 1\n"


def test_a_cell_that_raises_is_seen(tmp_path):
    """Negative control."""
    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        execute(notebook_of("1 / 0"), tmp_path)


def test_the_command_stores_the_same_bytes_again(tmp_path, capsys):
    path = tmp_path / "try.ipynb"
    path.write_text(written(notebook_of(
        "import matplotlib.pyplot as plt", "%matplotlib inline\nplt.plot([1, 2]);", "print('a')\nprint('b')\n{1: 2}",
    )), encoding="utf-8")
    assert main([str(path)]) == 0
    first = path.read_text(encoding="utf-8")
    assert main([str(path)]) == 0 and path.read_text(encoding="utf-8") == first
    assert capsys.readouterr().out.startswith("try.ipynb: ")
    notebook = read(path)
    assert [output.output_type for output in notebook.cells[2].outputs] == ["stream", "execute_result"]
    assert "image/png" in notebook.cells[1].outputs[0].data and '"execution"' not in first


# --- how outputs are compared ----------------------------------------------------------------------------------------

@pytest.mark.parametrize(("one", "other"), [
    ("k = 4, p = 0.031", "k  =  4, p = 0.032"),  # a rounding went the other way
    ("−1.5 and 1e-05", "-1.4 and 2e-05"),
    ("off by 2e-16", "off by 0"), ("off by 1.7e-14", "off by 9e-15"),
])
def test_roundings_are_the_same(one, other):
    assert same_text(one, other) and same_text(other, one)


@pytest.mark.parametrize(("one", "other"), [
    ("0.031", "0.033"), ("0.5", "0.52"), ("4", "5"), ("1 of 8", "2 of 8"), ("2e-16", "2e-12"), ("-1.5", "1.5"),
    ("1.5", "nan"), ("LL is ahead", "LL++ is ahead"), ("0.1 0.2", "0.1"), ("0.1", "0.1 points"),
])
def test_other_numbers_and_words_are_not(one, other):
    assert not same_text(one, other) and not same_text(other, one)


def with_outputs(*outputs):
    notebook = notebook_of("print('x')")
    notebook.cells[0].outputs = list(outputs)
    return notebook


def printed(text: str, name: str = "stdout"):
    return new_output("stream", name=name, text=text)


def picture(shade: int):
    """A grey picture with one darker spot, which is as grey as the rest at 128."""
    import base64
    import io

    from PIL import Image

    image, content = Image.new("L", (4, 4), 128), io.BytesIO()
    image.putpixel((1, 1), shade)
    image.save(content, "png")
    return new_output("display_data", data={"image/png": base64.b64encode(content.getvalue()).decode()})


def test_equal_outputs_have_no_differences():
    stored, fresh = with_outputs(printed("a 1.25\n"), picture(0)), with_outputs(printed("a 1.26\n"), picture(9))
    assert differences(stored, fresh) == []


def test_a_stored_output_that_does_not_come_out_is_seen(tmp_path):
    """Negative control of the whole way: execute, strip, compare."""
    stored = with_outputs(printed("y\n"))
    (found,) = differences(stored, execute(stored, tmp_path))
    assert "printed\nx\n" in found and "instead of\ny\n" in found


@pytest.mark.parametrize(("stored", "fresh", "said"), [
    ([printed("k = 4")], [printed("k = 5")], "k = 5"),
    ([printed("k = 4")], [], "outputs"),
    ([], [printed("k = 4")], "outputs"),
    ([new_output("execute_result", data={"text/plain": "1", "text/latex": "$1$"})],
     [new_output("execute_result", data={"text/plain": "1", "text/latex": "$2$"})], "$2$"),
    ([picture(0)], [picture(128)], "an empty picture"),
    ([printed("careful", "stderr")], [printed("careful", "stderr")], "careful"),
    ([new_output("error", ename="E", evalue="lost")], [new_output("error", ename="E", evalue="lost")], "lost"),
])
def test_a_changed_output_is_seen(stored, fresh, said):
    """Negative control: a number, an output less or more, a formula, a blank picture, a warning, an error."""
    (found,) = differences(with_outputs(*stored), with_outputs(*fresh))
    assert said in found and found.startswith("cell-0: ")
