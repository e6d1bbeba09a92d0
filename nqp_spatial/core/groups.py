"""Groups of units: one for each unit, from a column that stays or from a Series by unit."""

from __future__ import annotations

import numpy as np
import pandas as pd

from nqp_spatial.core.ids import check_same_ids
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.errors import DuplicateKeysError, OptionError, PanelError, sample

__all__ = ["group_codes"]


def group_codes(panel: SpatialPanel, group: str | pd.Series) -> tuple[np.ndarray, list[str]]:
    """Return the number of each unit's group and the groups' names, sorted.

    Parameters
    ----------
    panel : SpatialPanel
        Balanced where `group` is a column.
    group : str or Series
        A column that does not change over periods, or groups by unit.

    Returns
    -------
    codes : ndarray of int
        Shape (n_units,), in the order of `panel.units`.
    names : list of str

    Raises
    ------
    PanelError
        If a unit has no group or changes it.
    UnmatchedIdsError
        If a Series names other units than the panel has.
    OptionError
        If there is one group.

    Examples
    --------
    >>> frame = pd.DataFrame({"id": [1, 2, 3], "side": ["w", "e", "w"]})
    >>> codes, names = group_codes(SpatialPanel(frame, unit="id"), "side")
    >>> codes.tolist(), names
    ([1, 0, 1], ['e', 'w'])
    """
    if isinstance(group, str):
        panel.require_balanced()
        panel.require_complete([group])
        # Balanced and sorted by unit: one row of the table a unit.
        codes = pd.factorize(panel.frame[group])[0].reshape(panel.n_units, panel.n_periods)
        changing = (codes != codes[:, :1]).any(axis=1)
        if changing.any():
            raise PanelError(
                f"units change their {group!r} over periods: {sample(panel.units[changing])}; "
                "pass groups by unit"
            )
        series = panel.frame[group].iloc[:: panel.n_periods]
    else:
        if not isinstance(group, pd.Series):
            raise OptionError(
                f"group must be a column's name or a Series by unit, got {type(group).__name__}"
            )
        repeated = group.index[group.index.duplicated()].unique()
        if len(repeated):
            raise DuplicateKeysError(
                f"{len(repeated)} units have several rows of groups: {sample(repeated)}; give one "
                "for each unit"
            )
        check_same_ids(
            panel.units, group.index, our_name="panel", their_name="groups",
            advice="give one group for each unit of the panel",
        )  # fmt: skip
        series = group.reindex(panel.units)
        if series.isna().any():
            raise PanelError(f"units have no group: {sample(series.index[series.isna()])}")
    codes, names = pd.factorize(series, sort=True)
    if len(names) < 2:
        raise OptionError(f"groups must be two or more; all units are in {names[0]!r}")
    return codes.astype(np.int64), [str(name) for name in names]
