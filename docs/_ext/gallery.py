"""The gallery: the figures of the examples, with the scripts that draw them.

`make docs` runs the examples first. Figures are reduced to the width of the page.
"""

from __future__ import annotations

import re
from pathlib import Path

from PIL import Image
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.util import logging

LOG = logging.getLogger(__name__)
ROOT = Path(__file__).parent.parent.parent
# Figures from data that cannot be redistributed are not shown.
LEFT_OUT = ("03_",)


def _title(script: Path) -> str:
    found = re.search(r'"""(.*?)[.\n]', script.read_text(encoding="utf-8"))
    return found.group(1) if found else script.stem


def _pictures(number: str) -> list[Path]:
    """Return an example's figures, those of its report too."""
    output = ROOT / "output"
    return [*sorted(output.glob(f"{number}*.png")), *sorted(output.glob(f"{number}*/**/*.png"))]


def _file(number: str, picture: Path) -> str:
    return picture.name if picture.name.startswith(number) else f"{number}{picture.name}"


def write_gallery(app: Sphinx, _: Config) -> None:
    """Write gallery.md and a page with the code of each example; copy the pictures."""
    source = Path(app.srcdir)
    pictures = source / "_gallery"
    pictures.mkdir(exist_ok=True)
    lines = [
        "# Gallery",
        "",
        "The figures that `make figures` writes to `output/`, at the width of a journal column or",
        "page. Click on a figure to enlarge it. The code is below each group of figures.",
        "",
    ]
    for script in sorted((ROOT / "examples").glob("[0-9]*.py")):
        number = script.name[:3]
        found = [] if number in LEFT_OUT else _pictures(number)
        if not found:
            if number not in LEFT_OUT:
                LOG.warning("no figures of %s in output/: run make figures first", script.name)
            continue
        lines += [f"## {_title(script)}", "", "::::{grid} 1 2 2 3", ":gutter: 2", ""]
        for picture in found:
            with Image.open(picture) as image:
                image.thumbnail((1080, 1080))
                image.convert("RGB").save(pictures / _file(number, picture), optimize=True)
            name = picture.stem.removeprefix(number).replace("_", " ")
            file = _file(number, picture)
            lines += [
                ":::{grid-item}",
                f"[![{name}](_gallery/{file})](_gallery/{file})",
                "",
                f"{name}",
                ":::",
            ]
        lines += [
            "::::",
            "",
            f":::{{dropdown}} {script.name}",
            f"```{{literalinclude}} ../examples/{script.name}",
            ":language: python",
            "```",
            ":::",
            "",
        ]
    text = "\n".join(lines)
    page = source / "gallery.md"
    if not page.exists() or page.read_text(encoding="utf-8") != text:
        page.write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Write the gallery before the sources are read."""
    app.connect("config-inited", write_gallery)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
