"""The reference: a page of each folder's public names, from `__all__`."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config

FOLDERS = (
    "",
    "weights",
    "esda",
    "composite",
    "inequality",
    "structure",
    "dynamics",
    "convergence",
    "regression",
    "spillovers",
    "plots",
    "report",
    "datasets",
    "errors",
)


def _page(folder: str) -> str:
    module = importlib.import_module("nqp_spatial" + (f".{folder}" if folder else ""))
    title = f"nqp_spatial.{folder}" if folder else "nqp_spatial"
    lines = [title, "=" * len(title), ""]
    if folder:
        lines += [(inspect.getdoc(module) or "").split("\n\n")[0], ""]
    lines += [f".. currentmodule:: {module.__name__}", ""]
    kinds: dict[str, list[str]] = {"Functions": [], "Results and types": [], "Constants": []}
    for name in module.__all__:
        one = getattr(module, name)
        if inspect.isclass(one):
            kinds["Results and types"].append(name)
        elif inspect.isfunction(one):
            kinds["Functions"].append(name)
        elif not inspect.ismodule(one):
            kinds["Constants"].append(name)
    for kind, names in kinds.items():
        if names and kind != "Constants":
            lines += [kind, "-" * len(kind), "", ".. autosummary::", "   :toctree: generated", ""]
            lines += [f"   {name}" for name in names] + [""]
        elif names:
            lines += [kind, "-" * len(kind), ""]
            lines += [f"- ``{name}`` = {getattr(module, name)}" for name in names] + [""]
    return "\n".join(lines)


def write_reference(app: Sphinx, _: Config) -> None:
    """Write reference/*.rst, each only if it is new: what has not changed is not built again."""
    folder = Path(app.srcdir) / "reference"
    folder.mkdir(exist_ok=True)
    for name in FOLDERS:
        page, text = folder / f"{name or 'top'}.rst", _page(name)
        if not page.exists() or page.read_text(encoding="utf-8") != text:
            page.write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Write the pages before sphinx looks which there are: autosummary goes by that list."""
    app.connect("config-inited", write_reference)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
