"""Conversion of the frames of results to the text cells of a table."""

from __future__ import annotations

import pandas as pd

from nqp_spatial.core.text import t

__all__ = [
    "STARS",
    "STARS_NOTE",
    "by_panel",
    "number",
    "numbers",
    "p_value",
    "stars",
    "with_error",
]

STARS = (0.01, 0.05, 0.1)
STARS_NOTE = t("* p < 0.1, ** p < 0.05, *** p < 0.01.")


def number(value: float, digits: int) -> str:
    """Return a number for a cell; missing ones are a dash.

    Examples
    --------
    >>> number(1234.5678, 2), number(float("nan"), 2), number(7, 3)
    ('1,234.57', '–', '7')
    """
    if pd.isna(value):
        return "–"
    if isinstance(value, int) or (float(value).is_integer() and abs(value) >= 1):
        return f"{value:,.0f}"
    return f"{value:,.{digits}f}"


def p_value(value: float, digits: int = 3) -> str:
    """Return a p-value for a cell: never zero.

    Examples
    --------
    >>> p_value(0.0312), p_value(1e-9)
    ('0.031', '<0.001')
    """
    least = 10.0**-digits
    return f"<{least:.{digits}f}" if value < least else f"{value:.{digits}f}"


def stars(p_value: float) -> str:
    """Return one to three stars.

    Examples
    --------
    >>> stars(0.03), stars(0.5)
    ('**', '')
    """
    return "*" * sum(p_value < level for level in STARS)


def numbers(frame: pd.DataFrame | pd.Series, digits: int) -> pd.DataFrame:
    """Return the numbers of a frame, or of one row, as cells.

    Examples
    --------
    >>> numbers(pd.DataFrame({"a": [0.5, float("nan")]}), 2)["a"].tolist()
    ['0.50', '–']
    """
    table = frame.to_frame().T if isinstance(frame, pd.Series) else frame
    return table.map(lambda value: number(value, digits)).astype(object)


def with_error(
    value: float, error: float, digits: int, mark: str = "", error_digits: int = -1
) -> str:
    r"""Return an estimate with a value in parentheses below it.

    Parameters
    ----------
    value, error : float
    digits : int
    mark : str
        Stars.
    error_digits : int
        Decimal places in parentheses, if different.

    Examples
    --------
    >>> with_error(0.51234, 0.1, 3, "***")
    '0.512***\n(0.100)'
    """
    if pd.isna(value):
        return "–"
    places = digits if error_digits < 0 else error_digits
    return f"{value:.{digits}f}{mark}\n({error:.{places}f})"


def by_panel(columns: dict[str, dict[tuple[str, str], str]]) -> pd.DataFrame:
    """Return cells by (panel, row) side by side: panels and rows in order of appearance.

    Parameters
    ----------
    columns : dict
        Heading to cells by panel and row; cells of rows that a column does not have stay empty.

    Examples
    --------
    >>> by_panel({"a": {("x", "1"): "2"}, "b": {("y", "1"): "3", ("x", "2"): "4"}}).index.tolist()
    [('x', '1'), ('x', '2'), ('y', '1')]
    """
    keys = list(dict.fromkeys(key for cells in columns.values() for key in cells))
    panels = dict.fromkeys(panel for panel, _ in keys)
    rows = [key for panel in panels for key in keys if key[0] == panel]
    filled = {name: [cells.get(key, "") for key in rows] for name, cells in columns.items()}
    return pd.DataFrame(filled, pd.MultiIndex.from_tuples(rows))
