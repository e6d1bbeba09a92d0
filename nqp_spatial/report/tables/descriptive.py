"""Tables of descriptive statistics."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from nqp_spatial.core.options import Digits, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import Lang, Message, t, translate
from nqp_spatial.errors import OptionError
from nqp_spatial.report.tables._cells import even_texts
from nqp_spatial.report.tables._writers import table_file
from nqp_spatial.report.tables.journal_table import JournalTable

__all__ = ["descriptive_table"]


@checked
def descriptive_table(
    panel: SpatialPanel,
    variables: Sequence[str],
    path: str | Path | None = None,
    *,
    periods: Sequence[Hashable] | None = None,
    rename: Mapping[str, str] | None = None,
    caption: str | None = None,
    notes: str = "",
    digits: Digits = 3,
    lang: Lang = "en",
) -> Path | JournalTable:
    """Write descriptive statistics, with the standard deviation between and within units.

    Parameters
    ----------
    panel : SpatialPanel
        Balanced and complete in the variables.
    variables : sequence of str
        Numeric columns; their labels name the rows.
    path, caption, notes, digits, lang
        As in `transition_table`.
    periods : sequence, optional
        By default all.
    rename : mapping
        Labels by variable.

    Returns
    -------
    Path or JournalTable
        The file written; without a path the table. Numbers of a variable have equal decimals, fewer
        where they are large.

    Raises
    ------
    OptionError
        If the file extension or an option is unknown, or there are no variables. Errors of
        `SpatialPanel.values` are passed on.

    Notes
    -----
    Between: standard deviation of unit means. Within: of deviations from unit means, as in Stata's
    xtsum.

    Examples
    --------
    >>> import tempfile, nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> descriptive_table(panel, ["lgsp", "unemp"], tempfile.mkdtemp() + "/data.html").name
    'data.html'
    """
    columns = _columns(variables)
    sample = panel if periods is None else panel.select(periods=periods)
    with table_file(path, digits, caption, notes, lang) as table:
        labels = {name: (rename or {}).get(name, panel.label(name)) for name in columns}
        rows = {labels[name]: _row(sample.values(name), digits) for name in columns}
        return table.write(pd.DataFrame.from_dict(rows, orient="index"), [_about(sample)])


def _columns(variables: object) -> list[str]:
    listed = [variables] if isinstance(variables, str) else variables
    if not isinstance(listed, Iterable) or not all(isinstance(n, Hashable) for n in listed):
        raise OptionError(f"variables must be a list of columns, got {variables!r}")
    columns = list(listed)
    if not columns:
        raise OptionError("name at least one variable")
    return columns


def _row(values: np.ndarray, digits: int) -> dict[str, str]:
    """Return the statistics of values by unit and period."""
    means = values.mean(axis=1, keepdims=True)
    between = means.std(ddof=1) if len(values) > 1 else np.nan
    statistics = {t("Mean"): values.mean(), t("S.D."): values.std(ddof=1)}
    if values.shape[1] > 1:
        statistics[t("S.D. between")] = between
        statistics[t("S.D. within")] = (values - means).std(ddof=1)
    statistics |= {
        t("Min."): values.min(), t("Median"): np.median(values), t("Max."): values.max(),
    }  # fmt: skip
    cells = {translate(t("Obs.")): f"{values.size:,}"}
    texts = even_texts(statistics.values(), digits)
    return cells | {translate(name): text for name, text in zip(statistics, texts, strict=True)}


def _about(panel: SpatialPanel) -> Message:
    first, last = panel.periods[0], panel.periods[-1]
    if panel.n_periods > 1:
        return t("{units} units, {first} to {last}.", units=panel.n_units, first=first, last=last)
    return t("{units} units, {first}.", units=panel.n_units, first=first)
