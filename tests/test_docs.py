"""What the documents say holds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "docs" / "methods.md",
    ROOT / "docs" / "spillovers.md",
    ROOT / "docs" / "coming_from.md",
    ROOT / "README.zh-CN.md",
    *sorted((ROOT / "docs" / "guide").glob("*.md")),
]


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_the_code_of_the_readme_runs(name, tmp_path, monkeypatch):
    import matplotlib.pyplot as plt

    blocks = re.findall(r"```python\n(.*?)```", (ROOT / name).read_text("utf-8"), re.DOTALL)
    assert blocks
    monkeypatch.chdir(tmp_path)
    for block in blocks:
        exec(compile(block, name, "exec"), {})
    assert {path.name for path in tmp_path.iterdir()} == {"effects.docx", "lisa.png", "lisa.pdf"}
    plt.close("all")


def test_the_code_of_the_methods_runs():
    pytest.importorskip("distributed", reason="the extra cluster is not installed")
    text = (ROOT / "docs" / "methods.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, "methods.md", "exec"), {"__name__": "methods"})


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_files_and_names_exist(document):
    """Paths and public functions that a document names are there."""
    import nqp_spatial as nq

    text = document.read_text()
    for path in re.findall(r"`((?:examples|docs|tests|benchmarks|shapefiles)/[\w/.]+)`", text):
        if path.startswith("docs/_build"):
            continue  # what make docs makes
        assert (ROOT / path).exists(), path
    folders = "weights|esda|dynamics|plots|report|datasets|regression|spillovers|convergence"
    folders += "|composite|inequality"
    # Names without nq. may be another program's: those of classes are.
    for folder, name in re.findall(rf"(?:nq\.|`)({folders})\.([a-z]\w*)", text):
        assert hasattr(getattr(nq, folder), name), f"{folder}.{name}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_options_that_a_document_names_exist(document):
    """In `nq.function(..., option=value)` the function takes the option."""
    import ast
    import inspect

    import nqp_spatial as nq

    for snippet in re.findall(r"`(nq\.[^`]*\))`", document.read_text("utf-8")):
        tree = ast.parse(re.sub(r"=\s*(?=[,)])", "=None", snippet))
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Call) and ast.unparse(node.func).startswith("nq.")):
                continue
            function = eval(ast.unparse(node.func), {"nq": nq})
            parameters = inspect.signature(function).parameters
            if any(one.kind is one.VAR_KEYWORD for one in parameters.values()):
                continue
            for keyword in node.keywords:
                assert keyword.arg in parameters, snippet


def test_targets_of_make_exist():
    makefile = (ROOT / "Makefile").read_text()
    for document in DOCUMENTS:
        for target in re.findall(r"`make ([a-z-]+)`", document.read_text()):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
