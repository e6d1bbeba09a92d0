"""`lisa_paths`: how units and their neighbours move through Moran's scatter plot."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import pandas as pd

from nqp_spatial.core.display import Block, Displayed, Spec, notes_of
from nqp_spatial.core.inference import TestSet
from nqp_spatial.core.options import checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import t
from nqp_spatial.errors import PanelError
from nqp_spatial.esda._association import deviations, island_notes, require_links
from nqp_spatial.esda._local import QUADRANTS, quadrants_of
from nqp_spatial.weights.spatial_weights import WeightsLike, as_weights

__all__ = ["DIRECTIONS", "MOVES", "LisaPathsResult", "lisa_paths"]

#: Direction of a whole path: what the unit does, and its neighbours.
DIRECTIONS = ("Both rise", "Both fall", "Unit rises alone", "Neighbours rise alone")
#: Kinds of moves between two periods, by who changes between high and low.
MOVES = ("None", "Unit", "Neighbours", "Both")


@dataclass(frozen=True, repr=False, eq=False, kw_only=True)
class LisaPathsResult(Displayed):
    """Paths of units through Moran's scatter plot.

    Attributes
    ----------
    frame : DataFrame
        One row per unit: ``length``, relative to the mean of all units; ``tortuosity``, length over
        the distance from start to end; ``angle`` of the move from start to end, in degrees
        anticlockwise from an increase of the unit alone; ``direction``; ``start`` and ``end``,
        quadrants; ``moves``, how often the quadrant changed.
    z, lag_z : DataFrame
        Standardised values and their spatial lags, units by periods.
    transitions : DataFrame
        Moves from quadrant (rows) to quadrant (columns) between successive periods, counts.
    moves : Series
        Share of moves by kind: nobody changes between high and low, the unit alone, its neighbours
        alone, or both.
    variable, label : str
    spec : Spec
        ``variable, weights, periods``.
    notes : tuple of str
    tests : TestSet
        Empty.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_income()
    >>> paths = nq.esda.lisa_paths(panel, "income", nq.weights.contiguity(panel))
    >>> paths.transitions.to_numpy().sum() == 48 * 80
    np.True_
    """

    _figure: ClassVar[str] = "lisa_paths"

    frame: pd.DataFrame
    z: pd.DataFrame
    lag_z: pd.DataFrame
    transitions: pd.DataFrame
    moves: pd.Series
    variable: str
    label: str
    spec: Spec
    notes: tuple[str, ...] = ()
    tests: TestSet = field(default_factory=TestSet)

    @property
    def cohesion(self) -> float:
        """Share of moves in which neither unit nor neighbours change between high and low."""
        return float(self.moves["None"])

    def _blocks(self) -> list[Block]:
        periods = self.z.columns
        return [
            t(
                "LISA time paths of {variable}, {first} to {last}; {weights}",
                variable=self.variable, first=periods[0], last=periods[-1],
                weights=self.spec.weights,
            ),
            self.frame["direction"].value_counts(sort=False).rename("units"),
            t("Moves between quadrants, {count} in all", count=int(self.transitions.sum().sum())),
            self.transitions,
            *notes_of(self.notes),
        ]  # fmt: skip


@checked
def lisa_paths(
    panel: SpatialPanel,
    variable: str,
    weights: WeightsLike,
    *,
    periods: Sequence[Hashable] | None = None,
) -> LisaPathsResult:
    """Follow each unit and its neighbours through Moran's scatter plot.

    With ``L_it = (z_it, sum_j w_ij z_jt)`` and z in standard deviations of the period, the relative
    length is ``n sum_t |L_i,t+1 - L_it| / sum_it |L_i,t+1 - L_it|`` and the tortuosity
    ``sum_t |L_i,t+1 - L_it| / |L_iT - L_i1|``.

    Parameters
    ----------
    panel : SpatialPanel
        Balanced and complete in the variable; n units.
    variable : str
        A numeric column.
    weights : SpatialWeights, Graph or W
        Used as they are, never re-standardised or changed.
    periods : sequence, optional
        Which periods; all by default.

    Returns
    -------
    LisaPathsResult
        Units without neighbours have no path: their rows are missing.

    Raises
    ------
    PanelError
        If there are fewer than two periods or four units.
    MissingValuesError, UnbalancedPanelError, DomainError
        If values are missing, infinite or constant in a period.
    UnmatchedIdsError, WeightsError
        As in `lisa`.

    Notes
    -----
    Long paths are those of units whose surroundings change much; tortuous ones return. Moves that
    keep the quadrant are the spatial cohesion of Rey (2001). Source: Rey, Murray and Anselin
    (2011), Letters in Spatial and Resource Sciences 4(2), 81-90, for length and tortuosity; Rey
    (2001), Geographical Analysis 33(3), 195-214, for the kinds of moves.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_income()
    >>> paths = nq.esda.lisa_paths(panel, "income", nq.weights.contiguity(panel))
    >>> round(paths.cohesion, 3)
    0.92
    """
    if periods is not None:
        panel = panel.select(periods=list(periods))
    if panel.n_periods < 2:
        raise PanelError(
            f"a path needs two periods or more, got {panel.n_periods}: name more in periods"
        )
    w = as_weights(weights).reordered(panel.units)
    require_links(w.sparse)
    _, z = deviations(panel, variable)
    z = z / z.std(axis=0)
    lags = np.asarray(w.sparse @ z)
    linked = ~w.units.isin(w.islands)
    steps = np.hypot(np.diff(z, axis=1), np.diff(lags, axis=1)).sum(axis=1)
    across, up = z[:, -1] - z[:, 0], lags[:, -1] - lags[:, 0]
    distance = np.hypot(across, up)
    quadrants = quadrants_of(z, lags)
    frame = pd.DataFrame({"length": steps / steps[linked].mean()}, index=panel.units)
    frame["tortuosity"] = np.divide(
        steps, distance, out=np.full(len(steps), np.nan), where=distance > 0
    )
    frame["angle"] = np.degrees(np.arctan2(up, across)) % 360
    frame["direction"] = pd.Categorical(_directions(across, up), categories=DIRECTIONS)
    for name, position in (("start", 0), ("end", -1)):
        frame[name] = pd.Categorical.from_codes(quadrants[:, position], QUADRANTS)
    frame["moves"] = (quadrants[:, 1:] != quadrants[:, :-1]).sum(axis=1)
    frame.loc[~linked] = np.nan
    high = np.stack([z[linked] > 0, lags[linked] > 0]).astype(int)
    return LisaPathsResult(
        frame=frame,
        z=pd.DataFrame(z, panel.units, panel.periods),
        lag_z=pd.DataFrame(lags, panel.units, panel.periods),
        transitions=_transitions(quadrants[linked]),
        moves=_moves(high),
        variable=variable,
        label=panel.label(variable),
        spec=Spec(variable=variable, weights=w, periods=panel.periods.tolist()),
        notes=island_notes(w),
    )


def _directions(across: np.ndarray, up: np.ndarray) -> np.ndarray:
    """Return who rises from start to end, shape (n,)."""
    both_rise, both_fall, unit, neighbours = DIRECTIONS
    names = [[both_fall, neighbours], [unit, both_rise]]
    directions: np.ndarray = np.array(names, dtype=object)[
        (across > 0).astype(int), (up > 0).astype(int)
    ]
    return directions


def _transitions(codes: np.ndarray) -> pd.DataFrame:
    """Return counts of moves from quadrant to quadrant, of positions by units and periods."""
    order = pd.Index(QUADRANTS)
    counts = np.zeros((len(order), len(order)), dtype=int)
    np.add.at(counts, (codes[:, :-1].ravel(), codes[:, 1:].ravel()), 1)
    return pd.DataFrame(counts, index=order.rename("from"), columns=order.rename("to"))


def _moves(high: np.ndarray) -> pd.Series:
    """Return the shares of moves by who changes between high and low."""
    unit, neighbours = np.abs(np.diff(high, axis=2))
    shares = np.bincount((unit + 2 * neighbours).ravel(), minlength=4) / unit.size
    return pd.Series(shares, index=pd.Index(MOVES, name="change"), name="share")
