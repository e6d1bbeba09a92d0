"""The parity book: numbers beside those of other programs and of published tables.

The tests marked ``parity`` compare them (tests/parity.py). They run once as the site is built, and
parity.md is made of what they recorded. A test that fails, or a program that is missing, is a
warning, with which `make docs` fails.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from string import ascii_letters

import pandas as pd
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.util import logging

LOG = logging.getLogger(__name__)
ROOT = Path(__file__).parent.parent.parent
#: Compared on every machine, whatever data there are.
PROGRAMS = {
    "ConvergenceClubs", "R", "R geodetector", "diff-diff", "esda", "geometrics", "giddy",
    "inequality", "libpysal", "linearmodels", "mapclassify", "mgwr", "networkx", "published",
    "scipy", "spatialreg", "spdep", "spreg", "statsmodels",
}  # fmt: skip
LEAST_COMPARISONS = 400
#: Digits below which the page gives a reason.
ENOUGH = 9
MOST_DIGITS = 15.9
PUBLISHED = "published"
ROOMS = {
    "weights": "Spatial weights",
    "esda": "Spatial association",
    "inequality": "Inequality",
    "structure": "Spatial structure",
    "dynamics": "Dynamics of distributions",
    "convergence": "Convergence",
    "regression": "Regression",
    "spillovers": "Spillovers and policies",
}
KEYS = ["room", "quantity", "data", "program", "version", "reason"]
INTRODUCTION = """# Parity book

{comparisons} comparisons of {numbers} numbers of this package with {programs} other programs and
{tables} published tables. The tests of the package make them, and this page is written from their
record each time the documentation is built. {{download}}`The record <_parity/comparisons.csv>`
lists each comparison, with the test that made it; the tables below combine those of one quantity,
data set and program.

*Digits* are significant digits that agree, `-log10(|ours - theirs| / |theirs|)`, in the entry that
differs most; a floating-point number has 15, and *equal* means that all entries are identical. An
entry that is zero but for rounding is judged beside the largest entry of its kind. The number of
entries is in brackets, and the entry that differs most is shown. Where fewer than {enough} digits
agree, a letter refers to the reason below the table.

Python programs are run, in the version installed. Numbers of R programs, and some of geometrics and
diff-diff, come from files in `tests/reference`, which contain the versions. Data sets are installed
with a dependency, or simulated.
"""


def record() -> pd.DataFrame:
    """Run the tests that compare, and return what they recorded."""
    files = [
        str(path.relative_to(ROOT))
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        if "pytest.mark.parity" in path.read_text(encoding="utf-8")
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "record.jsonl"
        environment = os.environ | {
            "NQP_PARITY": str(path), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1",
        }  # fmt: skip
        options = ["-q", "-m", "parity and not slow", "-W", "ignore", "-p", "no:cacheprovider"]
        run = subprocess.run(
            [sys.executable, "-m", "pytest", "-n", "0", *options, *files],
            cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if run.returncode:
            LOG.warning("tests that compare with other programs fail:\n%s", run.stdout[-3000:])
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return pd.DataFrame([json.loads(line) for line in lines])


def lapses(table: pd.DataFrame) -> list[str]:
    """Return what the book lacks.

    Parameters
    ----------
    table : DataFrame
        As `record` returns it.
    """
    everywhere = table[~table["restricted"]] if len(table) else table
    programs = set(everywhere["program"]) if len(table) else set()
    messages = [f"no number was compared with {name}" for name in sorted(PROGRAMS - programs)]
    if len(everywhere) < LEAST_COMPARISONS:
        messages.append(f"{len(everywhere)} comparisons, fewer than {LEAST_COMPARISONS}")
    if len(table):
        short = table[(table["digits"] < ENOUGH) & (table["reason"] == "")]
        messages += [f"no reason for {row['digits']:.1f} digits: {row['quantity']}, {row['test']}"
                     for _, row in short.iterrows()]  # fmt: skip
    unknown = sorted(set(table["room"]) - set(ROOMS)) if len(table) else []
    return messages + [f"the parity book has no section for {room}" for room in unknown]


def _widest(row: pd.Series) -> pd.Series:
    """Return the entries of a comparison that differ most."""
    gaps = [
        0.0 if a == b or (a != a and b != b) else abs(a - b) / max(abs(b), 1e-300)
        for a, b in zip(row["ours"], row["theirs"], strict=True)
    ]
    place = max(range(len(gaps)), key=gaps.__getitem__)
    # Of a second opinion only the entry that differs most is there.
    equal = max(gaps) == 0 and (len(gaps) == row["entries"] or row["digits"] >= MOST_DIGITS)
    return pd.Series({"one": row["ours"][place], "other": row["theirs"][place], "equal": equal})


def combined(table: pd.DataFrame) -> pd.DataFrame:
    """Combine comparisons of one quantity, data set and program: those that differ most.

    Parameters
    ----------
    table : DataFrame
        Rows of a record.
    """
    table = table.join(table.apply(_widest, axis=1))
    groups = table.groupby(KEYS, sort=False)
    rows = table.loc[groups["digits"].idxmin()].set_index(KEYS)
    rows["entries"], rows["equal"] = groups["entries"].sum(), groups["equal"].all()
    return rows.reset_index()


def _digits(row: pd.Series) -> str:
    if row["equal"]:
        return "equal"
    return "as printed" if row["program"] == PUBLISHED else str(int(row["digits"]))


def _source(row: pd.Series) -> str:
    return row["version"] if row["program"] == PUBLISHED else row["program"]


def _cells(*cells: object) -> str:
    escaped = [str(cell).replace("|", "\\|").replace("*", "\\*") for cell in cells]
    return f"| {' | '.join(escaped)} |"


def table_of(rows: pd.DataFrame, *, digits: bool = True) -> list[str]:
    """Return a table in Markdown, and the reasons below it.

    Parameters
    ----------
    rows : DataFrame
        As `combined` returns them.
    digits : bool
        Whether to say how many agree, or only the reason.
    """
    last = "Digits" if digits else "Reason"
    head = ["Quantity", "Data", "Program", "Ours", "Theirs", last]
    lines = [_cells(*head), "|---|---|---|---:|---:|---:|"]
    reasons: dict[str, str] = {}
    for _, row in rows.sort_values(["quantity", "program", "data"], kind="stable").iterrows():
        mark = ""
        if row["digits"] < ENOUGH or not digits:
            mark = reasons.setdefault(row["reason"], ascii_letters[len(reasons)])
        count = f" ({row['entries']:,})" if row["entries"] > 1 else ""
        agreed = f"{_digits(row)} {mark}".strip() if digits else mark
        values = (f"{row[name]:.6g}" for name in ("one", "other"))
        lines.append(_cells(row["quantity"] + count, row["data"], _source(row), *values, agreed))
    return [*lines, "", *(f"{mark}: {reason}.  " for reason, mark in reasons.items()), ""]


def summary(table: pd.DataFrame) -> list[str]:
    """Return the table of programs, and that of published tables.

    Parameters
    ----------
    table : DataFrame
        Comparisons that agree.
    """
    programs = table[table["program"] != PUBLISHED]
    head = ["Program", "Comparisons", "Numbers"]
    lines = [
        f"Explained: fewer than {ENOUGH} digits agree, for a reason below the tables.", "",
        _cells(*head, "Median digits", "Least digits", "Explained"),
        "|---|---:|---:|---:|---:|---:|",
    ]  # fmt: skip
    names = sorted(programs.groupby(["program", "version"]), key=lambda pair: pair[0][0].lower())
    for (name, version), rows in names:
        digits = rows["digits"]
        lines.append(
            _cells(
                f"{name} {version}", len(rows), f"{rows['entries'].sum():,}", int(digits.median()),
                int(digits.min()), (digits < ENOUGH).sum(),
            )
        )  # fmt: skip
    published = table[table["program"] == PUBLISHED]
    if len(published):
        lines += ["", "| Published numbers | Comparisons | Numbers |", "|---|---:|---:|"]
    for source, rows in published.groupby("version"):
        lines.append(
            _cells(source[0].upper() + source[1:], len(rows), f"{rows['entries'].sum():,}")
        )
    return [*lines, ""]


def page(table: pd.DataFrame) -> str:
    """Return the page: programs, a table by part of the package, differences, restricted data.

    Parameters
    ----------
    table : DataFrame
        As `record` returns it.
    """
    differs, restricted = table["differs"], table["restricted"]
    agreed = table[~differs & ~restricted]
    programs = set(agreed["program"]) - {PUBLISHED}
    sources = agreed.loc[agreed["program"] == PUBLISHED, "version"]
    lines = [
        INTRODUCTION.format(
            comparisons=f"{len(agreed):,}", numbers=f"{agreed['entries'].sum():,}",
            programs=len(programs), tables=sources.nunique(), enough=ENOUGH,
        ),
        "## Programs", "", *summary(agreed),
    ]  # fmt: skip
    for room, title in ROOMS.items():
        rows = agreed[agreed["room"] == room]
        if len(rows):
            lines += [f"## {title}", "", *table_of(combined(rows))]
    faults = table[differs & ~restricted]
    lines += [
        "## Where other programs are not followed", "",
        "Tests state that these numbers are not equal, and show ours by other means.", "",
    ]  # fmt: skip
    lines += table_of(combined(faults), digits=False) if len(faults) else ["None.", ""]
    lines += ["## Data that cannot be redistributed", ""]
    rows = table[restricted & ~differs]
    if rows.empty:
        lines.append(
            "More comparisons need data in the folder that the environment variable `NQP_DATA` "
            "names. They were not there when this page was made."
        )
    else:
        lines += [
            f"{len(rows):,} more comparisons of {rows['entries'].sum():,} numbers, with data in "
            "the folder that the environment variable `NQP_DATA` names.", "", *summary(rows),
        ]  # fmt: skip
        for room, title in ROOMS.items():
            part = rows[rows["room"] == room]
            if len(part):
                lines += [f"### {title}, restricted data", "", *table_of(combined(part))]
    return "\n".join(lines) + "\n"


def write_book(app: Sphinx, _: Config) -> None:
    """Write parity.md and the record beside it."""
    table = record()
    for message in lapses(table):
        LOG.warning("parity book: %s", message)
    source = Path(app.srcdir)
    folder = source / "_parity"
    folder.mkdir(exist_ok=True)
    if table.empty:
        (source / "parity.md").write_text("# Parity book\n\nNothing was recorded.\n", "utf-8")
        return
    (source / "parity.md").write_text(page(table), encoding="utf-8")
    columns = ["room", "quantity", "case", "data", "program", "version", "one", "other", "entries",
               "digits", "reason", "differs", "restricted", "test"]  # fmt: skip
    full = table.join(table.apply(_widest, axis=1))[columns]
    full = full.rename(columns={"one": "ours", "other": "theirs"})
    full.to_csv(folder / "comparisons.csv", index=False)


def setup(app: Sphinx) -> dict[str, bool]:
    """Write the book before the sources are read."""
    app.connect("config-inited", write_book)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
