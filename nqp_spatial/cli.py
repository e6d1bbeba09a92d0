"""The command line: ``nqp-spatial init``, ``check``, ``study``, ``studies``, ``explore``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal

import click

from nqp_spatial import __version__
from nqp_spatial.errors import NqpError

__all__ = ["main"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="nqp-spatial")
def main() -> None:
    """Spatial econometrics of regional development: a whole study from one file of settings."""


@main.command()
@click.argument("panel", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--geometry", "-g", type=str,
    help="Map of the units: shp, gpkg, geojson, gdb or zip; or a map of the package, "
    "china-prefectures or china-provinces. If left out, the latter are tried.",
)  # fmt: skip
@click.option(
    "--output", "-o", type=click.Path(dir_okay=False, path_type=Path), default=Path("study.toml"),
    show_default=True, help="File of settings to write.",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
def init(panel: Path, geometry: str | None, output: Path, *, force: bool) -> None:
    """Write a commented file of settings for the table PANEL, from the columns it has."""
    from nqp_spatial.report._texts import visible
    from nqp_spatial.report.study.starter import starter

    if output.exists() and not force:
        raise click.ClickException(f"{output} exists already; pass --force to overwrite it")
    try:
        text = starter(panel, geometry, folder=output.parent)
        output.write_text(text, encoding="utf-8")
    except (NqpError, OSError) as error:
        raise click.ClickException(visible(str(error))) from None
    for line in text.split("\n\n")[0].splitlines()[2:]:  # what was seen in the files
        click.echo(line.removeprefix("# "))
    click.echo(f"Wrote {output}. Check what was guessed, then run: nqp-spatial check {output}")


@main.command()
@click.argument("settings", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def check(settings: Path) -> None:
    """Check the file SETTINGS, its data and weights, and say what would fail."""
    from nqp_spatial.report.study.check import check as check_study

    findings = check_study(settings)
    colours = {"ok": None, "warning": "yellow", "fails": "red"}
    for finding in findings:
        click.secho(str(finding), fg=colours[finding.level])
    if findings.failures:
        click.echo(f"{len(findings.failures)} problem(s) found.")
        sys.exit(1)
    click.echo(f"No problems found. Run the study: nqp-spatial study {settings}")


@main.command()
@click.argument("settings", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--output", "-o", type=click.Path(file_okay=False, path_type=Path), default=Path("report"),
    show_default=True, help="Folder to write to.",
)  # fmt: skip
@click.option("--fresh", is_flag=True, help="Run every step again, even if nothing changed.")
@click.option("--quiet", "-q", is_flag=True, help="No progress bar.")
def study(settings: Path, output: Path, *, fresh: bool, quiet: bool) -> None:
    """Run the study of the file SETTINGS and write its page, figures, tables and script."""
    from nqp_spatial.report._texts import visible
    from nqp_spatial.report.study.runner import study as run_study

    try:
        result = run_study(settings, output, progress=not quiet, fresh=fresh)
    except (NqpError, OSError) as error:
        raise click.ClickException(visible(f"{type(error).__name__}: {error}")) from None
    click.echo(repr(result))
    if result.skipped:
        click.echo(f"reused from an earlier run: {', '.join(result.skipped)}")
    sys.exit(1 if result.failed else 0)


@main.command()
@click.argument(
    "settings", nargs=-1, required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)  # fmt: skip
@click.option(
    "--outcome", "-y", "outcomes", multiple=True,
    help="Column to study in place of the outcome; may be repeated, for one study of each.",
)  # fmt: skip
@click.option(
    "--output", "-o", type=click.Path(file_okay=False, path_type=Path), default=Path("reports"),
    show_default=True, help="Folder to write to: a page, and a folder for each study.",
)  # fmt: skip
@click.option(
    "--jobs", "-j", type=int, default=1, show_default=True,
    help="Studies that run at the same time; -1 for one on each core.",
)  # fmt: skip
@click.option(
    "--dask", "address",
    help="Address of a Dask scheduler, such as tcp://10.0.0.5:8786: its workers run the studies.",
)  # fmt: skip
@click.option("--fresh", is_flag=True, help="Run every step again, even if nothing changed.")
@click.option("--quiet", "-q", is_flag=True, help="No progress bar.")
def studies(
    settings: tuple[Path, ...],
    outcomes: tuple[str, ...],
    output: Path,
    jobs: int,
    address: str | None,
    *,
    fresh: bool,
    quiet: bool,
) -> None:
    """Run the studies of several files SETTINGS, or of several outcomes, and a page of links."""
    from nqp_spatial.core.cluster import on_cluster
    from nqp_spatial.report._texts import visible
    from nqp_spatial.report.study.many import studies as run_studies

    try:
        with on_cluster(address):
            result = run_studies(
                settings, output, outcomes=outcomes or None, progress=not quiet, fresh=fresh,
                n_jobs=-1 if address else jobs,
            )  # fmt: skip
    except (NqpError, OSError) as error:
        raise click.ClickException(visible(f"{type(error).__name__}: {error}")) from None
    click.echo(visible(repr(result)))
    sys.exit(1 if result.failed else 0)


@main.command()
@click.argument("table", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--map", "-m", "map_name", type=str,
    help="Map of the regions: a file, or china-prefectures or china-provinces. If left out, the "
    "latter are tried.",
)  # fmt: skip
@click.option("--unit", help="Column of the regions; identified if left out.")
@click.option("--period", help="Column of the periods; identified if left out.")
@click.option(
    "--column", "-c", "columns", multiple=True,
    help="Column to show, the first at first; may be repeated. All if left out.",
)  # fmt: skip
@click.option(
    "--language", "-l", type=click.Choice(["en", "zh"]),
    help="Language of the page; that of the names of regions if left out.",
)  # fmt: skip
@click.option(
    "--output", "-o", type=click.Path(dir_okay=False, path_type=Path), default=Path("explore.html"),
    show_default=True, help="Page to write.",
)  # fmt: skip
@click.option("--open", "open_page", is_flag=True, help="Open the page in the browser.")
def explore(
    table: Path,
    map_name: str | None,
    unit: str | None,
    period: str | None,
    columns: tuple[str, ...],
    language: Literal["en", "zh"] | None,
    output: Path,
    *,
    open_page: bool,
) -> None:
    """Write a page with a map, a scatter plot and lines over time of the file TABLE, linked."""
    from nqp_spatial.report._table_explorer import explore_table
    from nqp_spatial.report._texts import visible

    try:
        page, notes = explore_table(
            table, output, map_name=map_name, unit=unit, period=period, columns=columns,
            lang=language,
        )  # fmt: skip
    except (NqpError, OSError) as error:
        raise click.ClickException(visible(str(error))) from None
    for note in notes:
        click.echo(visible(note))
    click.echo(f"Wrote {page}" + ("" if open_page else ". Open it in a browser, or pass --open."))
    if open_page:
        click.launch(page.resolve().as_uri())
