"""Tables of Dagum's decomposition of the Gini coefficient."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from nqp_spatial.core.options import Digits, checked
from nqp_spatial.core.text import Lang, t, translate
from nqp_spatial.inequality import DagumResult
from nqp_spatial.report.tables._cells import numbers
from nqp_spatial.report.tables._writers import require_result, table_file
from nqp_spatial.report.tables.journal_table import JournalTable

__all__ = ["dagum_table"]


@checked
def dagum_table(
    result: DagumResult,
    path: str | Path | None = None,
    *,
    caption: str | None = None,
    notes: str = "",
    digits: Digits = 3,
    lang: Lang = "en",
) -> Path | JournalTable:
    """Write the Gini coefficient, its components, and the coefficients within and between groups.

    Parameters
    ----------
    result : DagumResult
        From `nqp_spatial.inequality.dagum`.
    path, caption, notes, digits, lang
        As in `transition_table`.

    Returns
    -------
    Path or JournalTable
        One column per period.

    Raises
    ------
    OptionError
        If the file extension or an option is unknown.

    Examples
    --------
    >>> import tempfile, nqp_spatial as nq
    >>> cities = nq.datasets.simulate_cities(seed=0)
    >>> result = nq.inequality.dagum(cities, "nqp", group="region4")
    >>> dagum_table(result, tempfile.mkdtemp() + "/gini.xlsx").name
    'gini.xlsx'
    """
    require_result(result, DagumResult, "dagum_table", "nqp_spatial.inequality.dagum")
    with table_file(path, digits, caption, notes, lang) as table:
        within = {
            translate(t("Within {group}", group=name)): result.within[name]
            for name in result.within
        }
        between = {
            translate(t("{first} – {second}", first=first, second=second)): result.between[
                first, second
            ]
            for first, second in result.between
        }
        panels = {
            t("Contributions"): _contributions(result, digits),
            t("Within groups"): numbers(pd.DataFrame(within).T, digits),
            t("Between groups"): numbers(pd.DataFrame(between).T, digits),
        }
        cells = pd.concat({translate(title): part for title, part in panels.items() if len(part)})
        about = t(
            "Dagum's (1997) decomposition of the Gini coefficient of {name} by groups of {group}.",
            name=result.label, group=result.group,
        )  # fmt: skip
        return table.write(cells, [about])


def _contributions(result: DagumResult, digits: int) -> pd.DataFrame:
    """Return the coefficient, its components and their shares."""
    components = {
        "within": t("Within groups"), "net_between": t("Net between groups"),
        "transvariation": t("Transvariation"),
    }  # fmt: skip
    parts = [numbers(result.frame["gini"].rename(translate(t("Gini"))), digits)]
    for key, words in components.items():
        shares = (100 * result.frame[f"{key}_share"]).map("{:.1f}".format)
        heading = translate(t("{component}, %", component=words))
        parts += [
            numbers(result.frame[key].rename(translate(words)), digits),
            shares.rename(heading).to_frame().T,
        ]
    return pd.concat(parts)
