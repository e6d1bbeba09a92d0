"""Run the examples, as many at a time as there are cores, and write a page with what they made.

`python examples/run.py` runs all of them, `python examples/run.py 01 07` those that begin so. What
an example prints goes to `output/<example>.txt`; here each figure has a line. The page is
`output/index.html`. The exit code is 1 if an example failed; the others run all the same.
"""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from glob import escape
from pathlib import Path

from _page import captions_in, write_page
from _recorded import MARK
from joblib import cpu_count

HERE = Path(__file__).absolute().parent
# Seconds of one core, measured on a server of 2021.
SECONDS = {
    "01": 15, "02": 12, "03": 15, "04": 12, "05": 40, "06": 22, "07": 35, "08": 30, "09": 12,
    "10": 12, "11": 12,
}  # fmt: skip
MOST = 4  # examples at a time: each needs some 0.6 GB
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
TABLES = (".docx", ".tex", ".html", ".csv", ".xlsx")


@dataclass
class Figure:
    """A figure that was saved, in several formats."""

    files: list[Path]
    caption: str


@dataclass
class Example:
    """A script, and what came of its run."""

    script: Path
    title: str = ""
    about: str = ""
    figures: list[Figure] = field(default_factory=list)
    tables: list[Path] = field(default_factory=list)
    warnings: Counter[str] = field(default_factory=Counter)
    log: Path = Path()
    seconds: float = 0.0
    code: int = 0

    @property
    def number(self) -> str:
        """Return the two digits that the names of its files begin with."""
        return self.script.name[:2]

    def last_lines(self, count: int = 12) -> list[str]:
        """Return the end of what the example printed."""
        return self.log.read_text(encoding="utf-8").splitlines()[-count:]


def examples_in(folder: Path, chosen: Iterable[str] = ()) -> list[Example]:
    """Return the scripts of a folder whose names begin with a digit, or with what was chosen."""
    scripts = sorted(folder.glob("[0-9]*.py"))
    starts = tuple(chosen)
    if starts:
        unknown = [s for s in starts if not any(script.name.startswith(s) for script in scripts)]
        if unknown:
            names = ", ".join(script.name for script in scripts)
            raise SystemExit(f"no example begins with {', '.join(unknown)}; there are {names}")
        scripts = [script for script in scripts if script.name.startswith(starts)]
    examples = []
    for script in scripts:
        words = ast.get_docstring(ast.parse(script.read_text(encoding="utf-8"))) or script.stem
        title, _, about = words.partition("\n\n")
        examples.append(Example(script, " ".join(title.split()).rstrip("."), about.strip()))
    return examples


def run(example: Example, output: Path) -> Iterator[Figure]:
    """Run an example, keep its print, and yield its figures as they are saved."""
    output.mkdir(exist_ok=True)
    example.log = output / f"{example.script.stem}.txt"
    start, clock = time.time(), time.perf_counter()
    command = [sys.executable, str(HERE / "_recorded.py"), str(example.script)]
    child = subprocess.Popen(
        command, cwd=output.parent, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env={**dict.fromkeys(THREADS, "1"), **os.environ, "PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip
    assert child.stdout is not None
    with example.log.open("w", encoding="utf-8") as log:
        for raw in child.stdout:
            line = raw.decode("utf-8", errors="replace")
            before, mark, message = line.partition(MARK)
            log.write(before)
            if not mark:
                continue
            values = json.loads(message)
            if values["kind"] == "warning":
                example.warnings[f"{values['category']}: {values['text']}"] += 1
            else:
                figure = Figure([Path(file) for file in values["files"]], values["caption"])
                example.figures.append(figure)
                yield figure
    example.code = child.wait()
    example.seconds = time.perf_counter() - clock
    example.tables = new_files(output, f"{example.number}*", TABLES, start)
    _settle(example, output, start)


def new_files(output: Path, pattern: str, endings: tuple[str, ...], start: float) -> list[Path]:
    """Return files that are not older than a run; a file system may count in seconds."""
    return sorted(
        path
        for path in output.glob(pattern)
        if path.suffix in endings and path.stat().st_mtime >= int(start)
    )


def _settle(example: Example, output: Path, start: float) -> None:
    """Take the figures and tables of a report from its page.

    A study saves figures in one folder and moves them to another, and keeps those of a step that
    has not changed since the last run.
    """
    captions = {f.files[0].stem: f.caption for f in example.figures if not f.files[0].exists()}
    example.figures = [figure for figure in example.figures if figure.files[0].exists()]
    for page in new_files(output, f"{example.number}*/**/index.html", (".html",), start):
        captions |= captions_in(page)
        for picture in sorted(page.parent.rglob("*.png")):
            files = sorted(picture.parent.glob(f"{escape(picture.stem)}.*"))
            example.figures.append(Figure(files, captions.get(picture.stem, "")))
        tables = [path for path in page.parent.rglob("*") if path.suffix in (*TABLES[:2], ".csv")]
        example.tables += sorted(tables)


def duration(seconds: float) -> str:
    """Return seconds in words.

    Examples
    --------
    >>> duration(8.2), duration(90), duration(400)
    ('8 s', '90 s', '7 min')
    """
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def count_of(number: int, noun: str) -> str:
    """Return a number with its noun.

    Examples
    --------
    >>> count_of(1, "figure"), count_of(2, "figure")
    ('1 figure', '2 figures')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"


def shortened(text: str, size: int) -> str:
    """Return a text of at most so many letters."""
    return text if len(text) <= size else text[: size - 1].rstrip() + "…"


def relative(path: Path) -> str:
    """Return a path as seen from the folder in which the examples run."""
    return os.path.relpath(path)


class Terminal:
    """A line for each figure as it is saved, and what each example made.

    Lines of examples that run at the same time alternate; each names its example by two digits.
    """

    def __init__(self) -> None:
        self.width = min(shutil.get_terminal_size((80, 24)).columns, 100)

    def plan(self, examples: list[Example], workers: int, output: Path) -> None:
        """Say what will be done and how long it takes."""
        each = [SECONDS.get(example.number, 60) for example in examples]
        needed = max(sum(each) / workers, *each, 0)
        noun = count_of(len(examples), "example")
        cores = "a core is" if workers == 1 else f"{workers} cores are"
        self.line(f"{noun}, about {duration(needed)} if {cores} free. Figures and tables go to")
        self.line(f"{output.name}/, what the examples print to {output.name}/*.txt.")

    def begin(self, place: str, example: Example) -> None:
        """Say which example begins."""
        self.line(f"{place}  {shortened(example.title, self.width - len(place) - 2)}")

    def saved(self, figure: Figure) -> None:
        """Name a figure and what it shows."""
        name = figure.files[0].stem
        caption = " ".join(figure.caption.split())
        self.line(shortened(f"     {name}{': ' if caption else ''}{caption}", self.width))

    def end(self, example: Example) -> None:
        """Say what an example made, and what went wrong."""
        files, tables = example.figures, {path.stem for path in example.tables}
        made = [count_of(len(files), "figure")] if files else []
        made += [count_of(len(tables), "table")] if tables else []
        lines = []
        if example.code:
            log = relative(example.log)
            lines.append(f"FAILED after {duration(example.seconds)}; the end of {log}:")
            lines += [f"| {text}" for text in example.last_lines()]
        elif not example.figures and not example.tables:
            lines.append(f"nothing was made: {' '.join(example.last_lines(2))}")
        else:
            lines.append(f"{', '.join(made)} in {duration(example.seconds)}")
        for text, times in example.warnings.items():
            often = f" ({times} times)" if times > 1 else ""
            lines.append(f"warning: {shortened(' '.join(text.split()), self.width - 24)}{often}")
        self.line("\n".join(f"     {example.number}: {text}" for text in lines))

    def line(self, text: str) -> None:
        """Print a line, or several that belong together, at once."""
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


def main(chosen: Iterable[str] = (), folder: Path = HERE, output: Path = Path("output")) -> int:
    """Run examples, write the page, and return the exit code."""
    terminal, output = Terminal(), output.absolute()
    examples, start = examples_in(folder, chosen), time.perf_counter()
    workers = max(1, min(cpu_count(), len(examples), MOST))

    def complete(place: int) -> None:
        example = examples[place]
        terminal.begin(f"{place + 1}/{len(examples)}", example)
        for figure in run(example, output):
            terminal.saved(figure)
        terminal.end(example)

    terminal.plan(examples, workers, output)
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(complete, range(len(examples))))
    page = write_page(examples, output)
    failed = [example.script.name for example in examples if example.code]
    if failed:
        terminal.line(f"{len(failed)} of {len(examples)} failed: {', '.join(failed)}")
    total = duration(time.perf_counter() - start)
    terminal.line(f"All figures and tables, after {total}: open {relative(page)}")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
