"""`difference_matrices`: how far units are apart in a variable, as networks for QAP."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Literal

import pandas as pd

from nqp_spatial.core.options import checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.errors import OptionError

__all__ = ["difference_matrices"]


@checked
def difference_matrices(
    panel: SpatialPanel,
    columns: Sequence[str],
    *,
    period: Hashable | None = None,
    how: Literal["absolute", "signed"] = "absolute",
) -> dict[str, pd.DataFrame]:
    """Return the differences of units in variables: ``|x_i - x_j|`` or ``x_i - x_j``.

    Parameters
    ----------
    panel : SpatialPanel
        Complete in the columns.
    columns : sequence of str
        Numeric columns.
    period : hashable, optional
        One period; by default x is the mean over all periods.
    how : {"absolute", "signed"}
        Signed is sender (row) less receiver (column).

    Returns
    -------
    dict of str to DataFrame
        By column, rows and columns named by unit.

    Raises
    ------
    OptionError
        If no column is named.
    UnknownColumnError, PanelError, MissingValuesError, DomainError
        If a column or period is unknown, or cells are missing or infinite.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> gaps = nq.structure.difference_matrices(nq.datasets.us_income(), ["income"], period=2009)
    >>> gaps["income"].shape
    (48, 48)
    """
    if not len(columns):
        raise OptionError("columns must name at least one column")
    section = panel if period is None else panel.select(periods=[panel.period(period)])
    tables = {}
    for name in columns:
        mean = section.values(name).mean(axis=1)
        gap = mean[:, None] - mean[None, :]
        values = abs(gap) if how == "absolute" else gap
        tables[name] = pd.DataFrame(values, index=section.units, columns=section.units)
    return tables
