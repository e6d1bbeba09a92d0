"""Tables of convergence clubs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from nqp_spatial.convergence import ClubsResult
from nqp_spatial.core.number_format import fixed
from nqp_spatial.core.options import Digits, checked
from nqp_spatial.core.text import Lang, Message, label, t, translate
from nqp_spatial.errors import OptionError
from nqp_spatial.report.tables._cells import Estimate, estimate_texts
from nqp_spatial.report.tables._writers import require_result, table_file
from nqp_spatial.report.tables.journal_table import JournalTable

__all__ = ["club_table"]

_MERGERS = {
    "phillips-sul": t("Phillips and Sul"),
    "von-lyncker-thoennessen": t("von Lyncker and Thoennessen"),
}
_ROOM = 30  # maximum number of members of a club in a table


@checked
def club_table(
    clubs: ClubsResult,
    path: str | Path | None = None,
    *,
    members: bool | None = None,
    names: pd.Series | None = None,
    caption: str | None = None,
    notes: str = "",
    digits: Digits = 3,
    lang: Lang = "en",
) -> Path | JournalTable:
    """Write convergence clubs with their tests and, if requested, their members.

    Parameters
    ----------
    clubs : ClubsResult
        From `nqp_spatial.convergence.clubs`.
    path, caption, notes, digits, lang
        As in `transition_table`.
    members : bool, optional
        Whether to list the members, the highest first; by default if no club has more than 30.
    names : Series, optional
        Names by unit; the ids if not given.

    Returns
    -------
    Path or JournalTable

    Raises
    ------
    OptionError
        If the file extension or an option is unknown.

    Examples
    --------
    >>> import tempfile, nqp_spatial as nq
    >>> panel = nq.datasets.us_income()
    >>> clubs = nq.convergence.clubs(panel, "income", logs=True)
    >>> club_table(clubs, tempfile.mkdtemp() + "/clubs.docx").name
    'clubs.docx'
    """
    require_result(clubs, ClubsResult, "club_table", "nqp_spatial.convergence.clubs")
    if names is not None and not isinstance(names, pd.Series):
        raise OptionError(f"names must be a Series of names by unit, got {type(names).__name__}")
    if members is None:
        members = int(clubs.frame["units"].max()) <= _ROOM
    with table_file(path, digits, caption, notes, lang) as table:
        rows = {}
        for club, row in clubs.frame.iterrows():
            listed = _listed(clubs.members(int(club)), names) if members else None
            title = translate(t("Club {number}", number=club))
            rows[title] = _row(int(row["units"]), _estimates(row, digits), listed)
        if len(clubs.divergent):
            listed = _listed(clubs.divergent, names) if members else None
            rows[translate(t("Divergent"))] = _row(len(clubs.divergent), ["–"] * 4, listed)
        cells = pd.DataFrame.from_dict(rows, orient="index")
        about = [_about(clubs), *(_sentence(note) for note in clubs.notes)]
        return table.write(cells, about, words=[translate(t("Members"))])


def _listed(units: Iterable[object], names: pd.Series | None) -> str:
    return ", ".join(str(unit if names is None else names.get(unit, unit)) for unit in units)


def _estimates(row: pd.Series, digits: int) -> list[str]:
    return [
        *estimate_texts([Estimate(row["b"], row["std_error"], row["p_value"])], digits),
        fixed(row["statistic"], 2),
        fixed(row["speed"], digits),
        fixed(row["level"], digits),
    ]


def _row(n_units: int, estimates: list[str], members: str | None) -> dict[str, str]:
    headings = [t("Units"), t("b"), t("t"), t("Speed"), t("Level"), t("Members")]
    cells = [str(n_units), *estimates, *([] if members is None else [members])]
    return {translate(heading): cell for heading, cell in zip(headings, cells, strict=False)}


def _about(clubs: ClubsResult) -> Message:
    options = clubs.spec
    return t(
        "Clubs of {name} by Phillips and Sul (2007); {critical} critical value, {hac} bandwidth, "
        "first {discard:.0%} discarded, merging: {merge}. Standard errors in parentheses; t below "
        "-1.65 rejects convergence. Level: mean path in the last period over that of all units.",
        name=clubs.description, critical=label("critical value", options["critical"]),
        hac=label("bandwidth", options["hac"]), discard=options["discard"],
        merge=_MERGERS.get(options["merge"], "–"),
    )  # fmt: skip


def _sentence(note: str) -> Message:
    return t("{sentence}.", sentence=translate(note).rstrip(".。"))
