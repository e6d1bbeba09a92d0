"""Requirements of the log-t test: positive levels, evenly spaced periods, no business cycle."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import numpy as np
import pandas as pd

from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.periods import require_even_steps
from nqp_spatial.core.text import Message, t
from nqp_spatial.errors import DomainError, PanelError, ShortPanelWarning, sample

__all__ = ["Detrend", "PathData", "detrended", "path_data", "trend", "warn_if_short"]

Detrend = Literal["hp"] | None
_ADVISED = 15  # periods; Phillips and Sul's simulations begin at ten, applications at about twenty


@dataclass(frozen=True, eq=False)
class PathData:
    """Levels whose relative transitions are studied.

    Attributes
    ----------
    values : ndarray
        Positive, shape (units, periods).
    units, periods : Index
    description : str
        The transformation of the variable, in words.
    """

    values: np.ndarray
    units: pd.Index
    periods: pd.Index
    description: str

    @property
    def paths(self) -> pd.DataFrame:
        """Relative transition paths ``h_it = x_it / mean_t``, units by periods."""
        return pd.DataFrame(self.values / self.values.mean(axis=0), self.units, self.periods)


def trend(values: np.ndarray, smoothing: float) -> np.ndarray:
    """Return the Hodrick-Prescott trend of each row.

    The filter is linear, so that its matrix is obtained by filtering unit impulses, once for all
    units.

    Parameters
    ----------
    values : ndarray
        Shape (units, periods).
    smoothing : float
        Weight of the trend's curvature.

    Returns
    -------
    ndarray
        Shape (units, periods).

    Examples
    --------
    >>> line = np.arange(8.0)[None]
    >>> bool(np.allclose(trend(line, 400), line))
    True
    """
    return np.asarray(values @ _filter_matrix(values.shape[1], float(smoothing)))


@lru_cache(maxsize=32)
def _filter_matrix(periods: int, smoothing: float) -> np.ndarray:
    """Return the matrix of the Hodrick-Prescott filter: the trend of each unit impulse."""
    from statsmodels.tsa.filters.hp_filter import hpfilter

    matrix = np.stack([hpfilter(row, lamb=smoothing)[1] for row in np.eye(periods)])
    matrix.setflags(write=False)  # kept for later calls
    return matrix


def path_data(
    panel: SpatialPanel, variable: str, *, detrend: Detrend, smoothing: float, logs: bool
) -> PathData:
    """Return the levels that the log-t test uses, checked.

    Raises
    ------
    DomainError
        If levels (or, with `logs`, their logarithms, or trends) are not positive.
    PanelError
        If there is only one unit, or periods are unevenly spaced.
    OptionError
        If an option is unknown.
    """
    values = panel.values(variable)
    if panel.n_units < 2:
        raise PanelError("convergence is between units; the panel has one")
    require_even_steps(panel.periods, "the log-t test")
    description: str = repr(variable)
    if logs:
        advice = "correct these cells, or pass logs=False"
        _require_positive(panel, values, description, advice)
        values = np.log(values)
        description = t("log of {variable}", variable=description)
    _require_positive(
        panel, values, description,
        "relative transition paths divide by the mean over units. For a variable in logs, choose a "
        "unit of measurement in which levels exceed one",
    )  # fmt: skip
    data = PathData(values, panel.units, panel.periods, description)
    return detrended(panel, data, smoothing) if detrend else data


def detrended(panel: SpatialPanel, data: PathData, smoothing: float) -> PathData:
    """Return the Hodrick-Prescott trends of levels.

    Raises
    ------
    DomainError
        If trends are not positive.
    PanelError
        If there are fewer than four periods.
    """
    if panel.n_periods < 4:
        raise PanelError(f"a trend needs at least 4 periods, the panel has {panel.n_periods}")
    values = trend(data.values, smoothing)
    description = t(
        "{variable} (Hodrick-Prescott trend, {smoothing:g})",
        variable=data.description, smoothing=smoothing,
    )  # fmt: skip
    _require_positive(panel, values, description, "pass detrend=None, or a larger smoothing")
    return replace(data, values=values, description=description)


def _require_positive(
    panel: SpatialPanel, values: np.ndarray, description: str, advice: str
) -> None:
    negative = np.argwhere(values <= 0)
    if len(negative):
        cells = [(panel.units[i], panel.periods[t]) for i, t in negative]
        raise DomainError(
            f"{description} must be positive and is not for {sample(cells)}; {advice}"
        )


def warn_if_short(periods: int) -> tuple[Message, ...]:
    """Warn if there are few periods, and return the warning as a note."""
    if periods >= _ADVISED:
        return ()
    note = t(
        "{periods} periods are few for the log-t test, which is about the long run: below some "
        "{advised} periods it has little power and depends on the share that is discarded",
        periods=periods, advised=_ADVISED,
    )  # fmt: skip
    warnings.warn(note, ShortPanelWarning, stacklevel=4)
    return (note,)
