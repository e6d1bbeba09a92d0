"""What global and local statistics of spatial association share."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Literal

import numpy as np
import pandas as pd
from scipy import sparse

from nqp_spatial.core.display import Spec
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import Message, label, t
from nqp_spatial.errors import DomainError, PanelError, WeightsError, sample
from nqp_spatial.weights.spatial_weights import SpatialWeights

__all__ = [
    "BATCH_CELLS",
    "Alternative",
    "centred",
    "chosen_period",
    "deviations",
    "island_notes",
    "permutations_rule",
    "require_links",
    "z_values",
]

Alternative = Literal["directed", "two-sided", "greater"]
# Cells of one batch of relocated data: some 32 MB.
BATCH_CELLS = 4_000_000


def permutations_rule(spec: Spec) -> Message:
    """Return how the p-values of permutations were computed."""
    return t(
        "{permutations} permutations, seed {seed}, {alternative}",
        permutations=spec.permutations,
        seed=spec.seed,
        alternative=label("alternative", spec.alternative),
    )


def island_notes(w: SpatialWeights) -> tuple[str, ...]:
    """Return a note on units without neighbours, if there are any."""
    if not len(w.islands):
        return ()
    units: str = sample(w.islands[:5])
    if len(w.islands) > 5:
        units = t("{units} and {count} more", units=units, count=len(w.islands) - 5)
    return (t("{count} units have no neighbours: {units}", count=len(w.islands), units=units),)


def chosen_period(panel: SpatialPanel, period: Hashable | None) -> Hashable:
    """Return a period of the panel; it may be left out where there is only one."""
    if period is None and panel.n_periods > 1:
        raise PanelError(
            f"the panel has {panel.n_periods} periods: name one, as in "
            f"period={panel.periods.tolist()[-1]!r}"
        )
    return panel.period(panel.periods[0] if period is None else period)


def require_links(matrix: sparse.csr_array) -> None:
    """Raise `WeightsError` if there are no links, or the weights sum to zero."""
    if not matrix.nnz or matrix.sum() == 0:
        raise WeightsError(
            "no unit has a neighbour; build other weights"
            if not matrix.nnz
            else "the weights sum to zero, so Moran's I is not defined; use other weights"
        )


def z_values(difference: pd.Series, std_dev: np.ndarray | pd.Series) -> np.ndarray:
    """Return differences over their standard deviation; zero where they cannot vary."""
    z = np.divide(difference, std_dev, out=np.zeros(len(difference)), where=std_dev > 0)
    return np.asarray(z)


def deviations(panel: SpatialPanel, variable: str) -> tuple[np.ndarray, np.ndarray]:
    """Return values and deviations from the period's mean, units by periods, or raise."""
    values = panel.values(variable)
    return values, centred(values, repr(variable), panel.periods)


def centred(values: np.ndarray, name: str, periods: pd.Index) -> np.ndarray:
    """Return deviations from the mean of each column, or raise if there are none."""
    if len(values) < 4:
        raise PanelError(
            f"spatial association needs four units or more, the panel has {len(values)}"
        )
    z = values - values.mean(axis=0)
    # The deviations of a constant are rounding errors.
    flat = np.abs(z).max(axis=0) <= 1e-12 * np.abs(values).max(axis=0)
    if flat.any():
        raise DomainError(
            f"{name} is constant in period {sample(periods[flat])}, where autocorrelation is not "
            "defined; select other periods"
        )
    deviation: np.ndarray = z
    return deviation
