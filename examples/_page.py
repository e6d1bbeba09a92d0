"""The page with all figures and tables of a run: one file, beside those that it shows."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

if TYPE_CHECKING:
    from run import Example, Figure

#: Pixels of a figure that is wider than one column of a journal, at 300 dots per inch.
_COLUMN = 1500

HERE = Path(__file__).absolute().parent
FORMATS = {
    ".docx": "Word",
    ".tex": "LaTeX",
    ".html": "HTML",
    ".csv": "csv",
    ".xlsx": "Excel",
    ".pdf": "PDF",
    ".svg": "SVG",
    ".png": "PNG",
}


def write_page(examples: Iterable[Example], output: Path) -> Path:
    """Write `index.html` into the folder of figures and tables, and return its path.

    Names of files and captions are escaped, and files are named relative to the page.
    """
    from jinja2 import Environment, FileSystemLoader

    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["words"] = words
    sections = [section(example, output) for example in examples]
    text = environment.get_template("_page.html.j2").render(sections=sections)
    page = output / "index.html"
    page.write_text(text, encoding="utf-8")
    return page


def section(example: Example, output: Path) -> dict[str, Any]:
    """Return what the page shows of an example."""
    reports = sorted(output.glob(f"{example.number}*/**/index.html"))
    return {
        "example": example,
        "anchor": example.script.stem,
        "script": link(example.script, output),
        "log": link(example.log, output),
        "report": link(reports[0], output) if reports else "",
        "figures": [picture(figure, example, output) for figure in example.figures],
        "tables": tables(example, output),
    }


def picture(figure: Figure, example: Example, output: Path) -> dict[str, Any]:
    """Return a figure: its picture, the size of that, its other formats, and its caption."""
    shown = next((f for f in figure.files if f.suffix in (".png", ".svg")), figure.files[0])
    size = png_size(shown)
    return {
        "name": words(shown.stem.removeprefix(f"{example.number}_")),
        "source": link(shown, output),
        "width": size[0],
        "height": size[1],
        "is_wide": size[0] > _COLUMN,
        "caption": figure.caption,
        "lang": language(figure.caption),
        "formats": [(FORMATS.get(f.suffix, f.suffix), link(f, output)) for f in figure.files],
    }


def tables(example: Example, output: Path) -> list[dict[str, Any]]:
    """Return the tables, each with all its formats."""
    by_stem: dict[str, list[Path]] = {}
    for path in example.tables:
        by_stem.setdefault(path.stem, []).append(path)
    return [
        {
            "name": words(stem.removeprefix(f"{example.number}_")),
            "formats": [(FORMATS[path.suffix], link(path, output)) for path in paths],
        }
        for stem, paths in by_stem.items()
    ]


class _Captions(HTMLParser):
    """The captions of a page, by the names of the files that their figures link to or show."""

    def __init__(self) -> None:
        super().__init__()
        self.captions: dict[str, str] = {}
        self.names: list[str] = []
        self.is_figure = self.is_caption = False
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "figure":
            self.is_figure, self.names, self.text = True, [], ""
        elif tag == "figcaption":
            self.is_caption = True
        for name, value in attrs if self.is_figure else ():
            if name in ("src", "href") and value and not value.startswith("data:"):
                self.names.append(Path(unquote(value)).stem)

    def handle_endtag(self, tag: str) -> None:
        if tag == "figcaption":
            self.is_caption = False
        elif tag == "figure":
            self.is_figure = False
            self.captions |= dict.fromkeys(self.names, " ".join(self.text.split()).rstrip("."))

    def handle_data(self, data: str) -> None:
        if self.is_caption:
            self.text += data


def captions_in(page: Path) -> dict[str, str]:
    """Return the captions of a page by the names of the pictures, without their endings."""
    parser = _Captions()
    parser.feed(page.read_text(encoding="utf-8"))
    return parser.captions


def words(stem: str) -> str:
    """Return the name of a file as words.

    Examples
    --------
    >>> words("moran_scatter_1929")
    'moran scatter 1929'
    """
    return stem.replace("_", " ")


def link(path: Path, output: Path) -> str:
    """Return the address of a file relative to the page."""
    return quote(Path(os.path.relpath(path, output)).as_posix())


def language(text: str) -> str:
    """Return the language of a caption: Chinese where it has Chinese characters."""
    return "zh" if any("\u4e00" <= sign <= "\u9fff" for sign in text) else "en"


def png_size(path: Path) -> tuple[int, int]:
    """Return width and height of a PNG file from its header; 4 by 3 of anything else."""
    with path.open("rb") as file:
        header = file.read(24)
    if header[:8] != b"\x89PNG\r\n\x1a\n":
        return 4, 3
    width, height = struct.unpack(">II", header[16:24])
    return width, height
