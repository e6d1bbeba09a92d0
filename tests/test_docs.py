"""What the documents say holds."""

from __future__ import annotations

import importlib.util
import inspect
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
    *sorted((ROOT / "docs").glob("tutorial*.md")),
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
def test_links_lead_to_files(document):
    for target in re.findall(r"\]\(([^)\s#]+)(?:#[^)]*)?\)", document.read_text("utf-8")):
        if not re.match(r"https?:", target):
            assert (document.parent / target).exists(), target


@pytest.mark.parametrize(
    ("english", "chinese"),
    [("README.md", "README.zh-CN.md"), ("docs/tutorial.md", "docs/tutorial.zh.md")],
)
def test_both_languages_have_the_same_parts(english, chinese):
    """Headings, links, rows of tables and blocks of code are those of the other language."""
    parts = []
    for name in (english, chinese):
        text = (ROOT / name).read_text("utf-8")
        links = re.findall(r"\]\(([^)\s]+)\)", text)
        outside = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
        parts.append(
            {
                "levels": re.findall(r"^(#+) ", outside, re.MULTILINE),
                "links": [re.sub(r"\.zh(-CN)?\.md$|_zh\.png$|\.md$|\.png$", "", x) for x in links],
                "rows": len(re.findall(r"^\|", text, re.MULTILINE)),
                "items": len(re.findall(r"^(?:- |\d\. )", outside, re.MULTILINE)),
                "blocks": re.findall(r"^```(.*)\n", text, re.MULTILINE),
            }
        )
    assert parts[0] == parts[1]


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


@pytest.fixture
def reference():
    """The module that writes the pages of the reference."""
    pytest.importorskip("sphinx", reason="sphinx is not installed")
    path = ROOT / "docs" / "_ext" / "reference.py"
    spec = importlib.util.spec_from_file_location("reference", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_each_page_of_the_reference_is_in_the_contents(reference):
    contents = (ROOT / "docs" / "index.md").read_text(encoding="utf-8").split()
    assert [page for page in reference.PAGES if f"reference/{page}" not in contents] == []


def test_the_reference_lists_each_public_name_once(reference):
    import nqp_spatial as nq

    folders = {name for name in nq.__all__ if inspect.ismodule(getattr(nq, name))}
    assert folders == set(reference.PAGES) - {"top"}
    for page in reference.PAGES:
        module = reference.module_of(page)
        listed = [name for names in reference.sections(page).values() for name in names]
        public = [name for name in module.__all__ if not inspect.ismodule(getattr(module, name))]
        assert sorted(listed) == sorted(public), page
        assert reference.MORE not in reference.sections(page), (
            f"{page}: reference.toml has no group"
        )
        grouped = {name for names in reference.PAGES[page]["groups"].values() for name in names}
        assert grouped <= set(listed), page


def test_what_is_said_of_output_holds(states):
    """Attributes, coefficients and tests that coming_from.md names are there."""
    import nqp_spatial as nq

    panel, w = states
    text = (ROOT / "docs" / "coming_from.md").read_text("utf-8")
    result = nq.fit("lgsp ~ lpc + unemp", panel, w)
    random = nq.fit("lgsp ~ lpc", panel, w, model="sem", effects="random", serial=True)
    phi = nq.fit("lgsp ~ lpc", panel, w, model="sar", effects="random")
    params = {*result.params.index, *random.params.index, *phi.params.index}
    effects = result.effects(method="delta")
    lisa = nq.esda.lisa(panel, "lgsp", w, period=1986, permutations=9)
    things = {"result": result, "effects": effects, "lisa": lisa, "w": w}
    for name, attribute in re.findall(r"`(result|effects|lisa|w)\.(\w+)", text):
        assert hasattr(things[name], attribute), f"{name}.{attribute}"
    pairs = re.findall(r'\["(x|wx|spatial|random)", "(\w+)"\]', text)
    assert len(pairs) > 8
    assert set(pairs) <= params
    tests = nq.diagnostics("lgsp ~ lpc + unemp", panel, w).tests
    # In the table, `tests["a"]`, `["b"]` are names of tests.
    rows = [row for row in text.splitlines() if 'tests["' in row]
    names = [name for row in rows for name in re.findall(r'\["([^"]+)"\]', row)]
    assert len(names) > 8
    assert set(names) <= set(tests)


def test_targets_of_make_exist():
    makefile = (ROOT / "Makefile").read_text()
    for document in DOCUMENTS:
        for target in re.findall(r"`make ([a-z-]+)`", document.read_text()):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
