"""What the log-t test asks of a panel: positive levels, even periods, no cycle."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.periods import require_even_steps
from nqp_spatial.errors import DomainError, PanelError, ShortPanelWarning, sample

__all__ = ["Detrend", "Series", "series_of", "trend", "warn_if_short"]

Detrend = Literal["hp"] | None
_ADVISED = 15  # periods; Phillips and Sul's simulations begin at ten, applications at some twenty


@dataclass(frozen=True, eq=False)
class Series:
    """Levels whose relative transitions are studied.

    Attributes
    ----------
    values : ndarray
        Positive, shape (units, periods).
    units, periods : Index
    said : str
        What was done to the variable, in words.
    """

    values: np.ndarray
    units: pd.Index
    periods: pd.Index
    said: str

    @property
    def paths(self) -> pd.DataFrame:
        """Relative transition paths ``h_it = x_it / mean_t``, units by periods."""
        return pd.DataFrame(self.values / self.values.mean(axis=0), self.units, self.periods)


def trend(values: np.ndarray, smoothing: float) -> np.ndarray:
    """Return the Hodrick-Prescott trend of each row.

    The filter is linear, so that its matrix is had by filtering unit impulses, once for all units.

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
    from statsmodels.tsa.filters.hp_filter import hpfilter

    impulses = np.eye(values.shape[1])
    matrix = np.stack([hpfilter(one, lamb=smoothing)[1] for one in impulses])
    return np.asarray(values @ matrix)


def series_of(
    panel: SpatialPanel, variable: str, *, detrend: Detrend, smoothing: float, logs: bool
) -> Series:
    """Return the levels that the log-t test works with, checked.

    Raises
    ------
    DomainError
        If levels (or, with `logs`, their logarithms, or trends) are not positive.
    PanelError
        If there is one unit, or periods are uneven.
    OptionError
        If an option is unknown.
    """
    values = panel.values(variable)
    if panel.n_units < 2:
        raise PanelError("convergence is between units; the panel has one")
    require_even_steps(panel.periods, "the log-t test")
    said = [repr(variable)]

    def positive(of: str, advice: str) -> None:
        bad = np.argwhere(values <= 0)
        if len(bad):
            cells = [(panel.units[i], panel.periods[t]) for i, t in bad]
            raise DomainError(f"{of} must be positive and is not for {sample(cells)}; {advice}")

    if logs:
        positive(f"{variable!r}", "mend these cells, or pass logs=False")
        values = np.log(values)
        said.insert(0, "log of")
    positive(
        " ".join(said),
        "relative transition paths divide by the mean over units. For a variable in logs, choose a "
        "unit of measurement in which levels exceed one",
    )
    if detrend:
        if panel.n_periods < 4:
            raise PanelError(f"a trend needs at least 4 periods, the panel has {panel.n_periods}")
        values = trend(values, smoothing)
        said.append(f"(Hodrick-Prescott trend, {smoothing:g})")
        positive(" ".join(said), "pass detrend=None, or a larger smoothing")
    return Series(values, panel.units, panel.periods, " ".join(said))


def warn_if_short(periods: int) -> str:
    """Warn, and return the warning, if there are few periods; else return ""."""
    if periods >= _ADVISED:
        return ""
    text = (
        f"{periods} periods are few for the log-t test, which speaks of the long run: below some "
        f"{_ADVISED} it has little power and depends on the share that is discarded"
    )
    warnings.warn(text, ShortPanelWarning, stacklevel=4)
    return text
