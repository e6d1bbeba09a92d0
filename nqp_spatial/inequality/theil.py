"""`theil`: Theil's two indices, split over nested levels of groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from nqp_spatial.core.display import Block, Displayed
from nqp_spatial.core.groups import Groups
from nqp_spatial.core.options import Level, Replications, Seed, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.weighted_sample import bootstrapped, measured
from nqp_spatial.errors import OptionError, PanelError, sample

__all__ = ["TheilResult", "theil"]

Index = Literal["T", "L"]


@dataclass(frozen=True, repr=False, eq=False)
class TheilResult(Displayed):
    """Theil's index by period, and its parts.

    Attributes
    ----------
    summary : DataFrame
        One row a period: ``theil``; ``between <level>`` for each level, from the coarsest, each
        inside the one before; ``within <finest level>``; and their shares. Parts add up to it.
    groups : DataFrame
        Of the coarsest level, columns (``share`` | ``theil``, group): the group's share in the
        total (T) or population (L), and its own index.
    intervals : DataFrame or None
        By period: low and high of each column of the summary.
    variable : str
    index : {"T", "L"}
    levels : tuple of str
    label : str
        What figures call the variable.
    level : float
        Of the intervals.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> cities = nq.datasets.simulate_cities(seed=0)
    >>> found = nq.inequality.theil(cities, "nqp", levels=["region4", "province"])
    >>> found.summary.columns[:4].tolist()
    ['theil', 'between region4', 'between province', 'within province']
    """

    summary: pd.DataFrame
    groups: pd.DataFrame
    intervals: pd.DataFrame | None
    variable: str
    index: Index
    levels: tuple[str, ...]
    label: str
    level: float

    def _blocks(self) -> list[Block]:
        return [f"Theil {self.index} of {self.variable}", self.summary]


@checked
def theil(
    panel: SpatialPanel,
    variable: str,
    *,
    levels: str | Sequence[str],
    index: Index = "T",
    weights: str | None = None,
    replications: Replications = 0,
    level: Level = 0.95,
    seed: Seed = 0,
) -> TheilResult:
    """Split Theil's index of each period over nested levels of groups.

    With w the units' shares of the population and m means, ``T = sum w (y/m) ln(y/m)`` and
    ``L = sum w ln(m/y)``; groups g inside their parent h add ``sum w_g (m_g/m) ln(m_g/m_h)`` to T
    and ``sum w_g ln(m_h/m_g)`` to L, and units inside the finest groups the rest.

    Parameters
    ----------
    panel : SpatialPanel
        Balanced, complete in the variable.
    variable : str
        Non-negative for T (0 ln 0 = 0), positive for L.
    levels : str or list of str
        Columns, from the coarsest to the finest; each group lies in one of the level before.
        Groups of one unit have no inequality inside.
    index : {"T", "L"}
    weights : str, optional
        Column of the units' population. With the variable per head the index is of people who all
        have their unit's mean.
    replications : int
        Bootstrap samples for intervals; units are drawn with all their periods.
    level : float
        Of the percentile intervals.
    seed : int, optional

    Returns
    -------
    TheilResult

    Raises
    ------
    PanelError
        If levels are not nested, or a unit has no group.
    DomainError
        If a value is negative, or zero for L.
    OptionError
        If an option is unknown.

    Notes
    -----
    Sources: Theil, H. (1967), Economics and Information Theory, ch. 4; Shorrocks, A. (1980), The
    class of additively decomposable inequality measures, Econometrica 48, 613-625; nested levels:
    Akita, T. (2003), Annals of Regional Science 37, 55-77. In a bootstrap sample a group that no
    unit was drawn from adds nothing.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> cities = nq.datasets.simulate_cities(seed=0)
    >>> found = nq.inequality.theil(cities, "nqp", levels="region4", index="L").summary
    >>> rest = found["theil"] - found["between region4"] - found["within region4"]
    >>> bool(rest.abs().max() < 1e-12)
    True
    """
    names = [levels] if isinstance(levels, str) else list(levels)
    if not names:
        raise OptionError("levels must name at least one column")
    sign: Literal["positive", "non-negative"] = "non-negative" if index == "T" else "positive"
    data = measured(panel, variable, weights, sign, f"Theil {index}")
    codes = [Groups.by_unit(panel, name).codes for name in names]
    _require_nested(panel, names, codes)
    parts = _split(data.values, data.weights, codes, index)
    columns = [
        "theil", *(f"between {name}" for name in names), f"within {names[-1]}",
        *(f"between {name} share" for name in names), f"within {names[-1]} share",
    ]  # fmt: skip
    intervals = None
    if replications:
        drawn = bootstrapped(
            data, lambda y, w: _with_shares(_split(y, w, codes, index)), replications, seed
        )
        ends = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=0)
        intervals = pd.concat(
            {
                column: pd.DataFrame(ends[:, at].T, data.periods, ["low", "high"])
                for at, column in enumerate(columns)
            },
            axis=1,
        )
    return TheilResult(
        summary=pd.DataFrame(_with_shares(parts).T, data.periods, columns),
        groups=_of_groups(panel, names[0], data.values, data.weights, index),
        intervals=intervals,
        variable=variable,
        index=index,
        levels=tuple(names),
        label=panel.label(variable),
        level=level,
    )


def _split(
    values: np.ndarray, weights: np.ndarray, codes: list[np.ndarray], index: Index
) -> np.ndarray:
    """Return the parts from the coarsest level to the units, shape (levels + 1, periods)."""
    total = weights.sum(axis=1, keepdims=True)
    parent = np.broadcast_to((weights * values).sum(axis=1, keepdims=True) / total, values.shape)
    mean = parent[:, :1]
    share = weights / total
    parts = []
    for code in [*codes, None]:
        own = values if code is None else _group_means(values, weights, code)
        with np.errstate(divide="ignore", invalid="ignore"):
            # A group that a bootstrap sample leaves out has no mean, and no weight either.
            log = np.where((own > 0) & (parent > 0), np.log(own / parent), 0.0)
        parts.append((share * own / mean * log if index == "T" else -share * log).sum(axis=1))
        parent = own
    return np.array(parts)


def _group_means(values: np.ndarray, weights: np.ndarray, code: np.ndarray) -> np.ndarray:
    """Return the weighted mean of each unit's group, shape (periods, units)."""
    member = np.zeros((len(code), code.max() + 1))
    member[np.arange(len(code)), code] = 1.0
    total = weights @ member
    sums = (weights * values) @ member
    means = np.divide(sums, total, out=np.zeros_like(sums), where=total > 0)
    return np.asarray(means[:, code])


def _with_shares(parts: np.ndarray) -> np.ndarray:
    total = parts.sum(axis=0)
    share = np.divide(parts, total, out=np.zeros_like(parts), where=total > 0)
    return np.vstack([total, parts, share])


def _of_groups(
    panel: SpatialPanel, level: str, values: np.ndarray, weights: np.ndarray, index: Index
) -> pd.DataFrame:
    groups = Groups.by_unit(panel, level)
    code, names = groups.codes, groups.names
    shares, own = {}, {}
    for g, name in enumerate(names):
        inside = code == g
        x, w = values[:, inside], weights[:, inside]
        part = (w * x).sum(axis=1) / (weights * values).sum(axis=1)
        shares[name] = part if index == "T" else w.sum(axis=1) / weights.sum(axis=1)
        own[name] = _split(x, w, [], index).sum(axis=0)
    return pd.concat(
        {
            "share": pd.DataFrame(shares, panel.periods),
            "theil": pd.DataFrame(own, panel.periods),
        },
        axis=1,
    )


def _require_nested(panel: SpatialPanel, names: list[str], codes: list[np.ndarray]) -> None:
    for at in range(1, len(names)):
        outer, inner = codes[at - 1], pd.Series(codes[at])
        several = pd.Series(outer).groupby(inner).agg(np.ptp) > 0
        if several.any():
            units = panel.units[inner.isin(several.index[several])]
            raise PanelError(
                f"levels must be nested: groups of {names[at]!r} lie in several of "
                f"{names[at - 1]!r}, such as those of {sample(units)}"
            )
