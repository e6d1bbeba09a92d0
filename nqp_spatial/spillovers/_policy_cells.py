"""Cells of a policy: treated, exposed or clean, and when each unit was first treated or exposed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.errors import DomainError, PanelError, sample
from nqp_spatial.spillovers._exposure import Exposure

__all__ = ["PolicyCells", "adoption_of", "policy_cells"]

_NAMED = 8  # units or periods that a message names


@dataclass(frozen=True, eq=False)
class PolicyCells:
    """The state of each unit in each period.

    Attributes
    ----------
    adoption : ndarray of int
        Position of the first treated period of each unit, the number of periods if there is none.
    treated : ndarray of bool
        Shape (n_units, n_periods).
    exposure : ndarray
        Shape (n_units, n_periods, R).
    """

    adoption: np.ndarray
    treated: np.ndarray
    exposure: np.ndarray

    @cached_property
    def exposed(self) -> np.ndarray:
        """Cells with an exposure of any kind, treated ones among them."""
        return np.asarray((self.exposure > 0).any(axis=2))

    @cached_property
    def clean(self) -> np.ndarray:
        """Untreated and unexposed cells."""
        return np.asarray(~self.treated & ~self.exposed)

    @cached_property
    def first_exposure(self) -> np.ndarray:
        """Position of the first exposed period, the number of periods if there is none."""
        return _first(self.exposed)

    @cached_property
    def since_adoption(self) -> np.ndarray:
        """Periods since the own adoption, shape (n_units, n_periods)."""
        return np.asarray(np.arange(self.treated.shape[1]) - self.adoption[:, None])

    @cached_property
    def since_exposure(self) -> np.ndarray:
        """Periods since the first exposure."""
        return np.asarray(np.arange(self.treated.shape[1]) - self.first_exposure[:, None])


def _first(mask: np.ndarray) -> np.ndarray:
    return np.asarray(np.where(mask.any(axis=1), mask.argmax(axis=1), mask.shape[1]))


def adoption_of(panel: SpatialPanel, treatment: str) -> np.ndarray:
    """Return the position of the first treated period of each unit.

    Raises
    ------
    DomainError
        If the treatment is not zero or one, is withdrawn, reaches no unit, or some unit always.
    """
    values = panel.values(treatment)
    other = ~np.isin(values, (0.0, 1.0))
    if other.any():
        raise DomainError(
            f"treatment {treatment!r} must be 0 or 1 in each period, and is not for "
            f"{_cells(panel, other)}"
        )
    treated = values == 1
    ended = treated[:, :-1] & ~treated[:, 1:]
    if ended.any():
        raise DomainError(
            f"treatment {treatment!r} must last once it has begun, and ends for "
            f"{sample(panel.units[ended.any(axis=1)], _NAMED)}: leave out these units "
            "(panel.select), or the periods from then on"
        )
    if not treated.any():
        raise DomainError(f"no unit is ever treated: {treatment!r} is 0 throughout")
    always = treated[:, 0]
    if always.any():
        raise DomainError(
            f"{int(always.sum())} units are treated from the first period "
            f"{sample(panel.periods[:1])} on, so that their own level without treatment cannot be "
            f"estimated: {sample(panel.units[always], _NAMED)}; leave them out (panel.select), or "
            "begin earlier"
        )
    return _first(treated)


def _cells(panel: SpatialPanel, mask: np.ndarray) -> str:
    places = np.argwhere(mask)
    return sample([(panel.units[i], panel.periods[time]) for i, time in places])


def policy_cells(adoption: np.ndarray, n_periods: int, exposure: Exposure) -> PolicyCells:
    """Return the state of all cells for dates of adoption."""
    treated = np.arange(n_periods) >= adoption[:, None]
    return PolicyCells(adoption, treated, exposure.of(treated.astype(float)))


def require_clean(cells: PolicyCells, panel: SpatialPanel, exposure: Exposure) -> None:
    """Refuse periods in which no cell is clean.

    Before the first adoption all cells are clean, so that each unit has a clean cell and all cells
    are linked.

    Raises
    ------
    PanelError
        With the periods, and what their cells are.
    """
    none = ~cells.clean.any(axis=0)
    if not none.any():
        if not (cells.exposed & ~cells.treated).any() and exposure.matrices:
            raise DomainError(
                "no untreated unit is ever exposed, so there are no spilled effects to estimate: "
                "let the exposure reach further, or pass neither exposure= nor rings_km= for own "
                "effects alone"
            )
        return
    place = int(np.flatnonzero(none)[0])
    treated = int(cells.treated[:, place].sum())
    exposed = int(cells.exposed[:, place].sum() - (cells.exposed & cells.treated)[:, place].sum())
    raise PanelError(
        f"no clean cell is left in {sample(panel.periods[none], _NAMED)}: of {panel.n_units} units "
        f"in {sample(panel.periods[[place]])} {treated} are treated and {exposed} untreated and "
        f"exposed ({sample(panel.units[~cells.treated[:, place]], _NAMED)}), so that the period's "
        "effect cannot be told apart; let the exposure reach less far (fewer neighbours, a cutoff, "
        "smaller rings), or leave out these periods (panel.select)"
    )


def clean_counts(cells: PolicyCells, panel: SpatialPanel) -> pd.DataFrame:
    """Return how many units are treated, exposed and clean in each period."""
    untreated = ~cells.treated
    return pd.DataFrame(
        {
            "treated": cells.treated.sum(axis=0),
            "exposed": (cells.exposed & untreated).sum(axis=0),
            "treated_exposed": (cells.exposed & cells.treated).sum(axis=0),
            "clean": cells.clean.sum(axis=0),
        },
        index=pd.Index(panel.periods, name="period"),
    )
