"""`rank_intervals`, `rank_schemes`: sensitivity of the ranks of an index to its weights."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Annotated, Any

import numpy as np
import pandas as pd

from nqp_spatial.composite._weighting import SCHEMES
from nqp_spatial.composite.index import CompositeIndex, Directions, index
from nqp_spatial.core.options import Draws, Level, PassedTo, Positive, Seed, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.periods import period_like
from nqp_spatial.core.sizes import require_memory
from nqp_spatial.errors import OptionError, PanelError, sample

__all__ = ["rank_intervals", "rank_schemes"]


@checked
def rank_intervals(
    result: CompositeIndex,
    *,
    period: Hashable,
    draws: Draws = 1000,
    concentration: Positive = 50.0,
    level: Level = 0.95,
    seed: Seed = 0,
) -> pd.DataFrame:
    """Return the ranks of units under other weights.

    Weights are drawn from a Dirichlet distribution with mean w and ``concentration`` c: the weight
    of an indicator has variance ``w (1 - w) / (c + 1)``. In addition each indicator is left out
    once, the others keeping their proportions.

    Parameters
    ----------
    result : CompositeIndex
        Additive.
    period : hashable
    draws : int
    concentration : float
        At 50 a weight of 0.2 has a standard deviation of 0.056.
    level : float
    seed : int, optional

    Returns
    -------
    DataFrame
        By unit, best first: ``score, rank``; ``rank_low, rank_high`` under the draws;
        ``without_best, without_worst``, the extremes as one indicator is left out.

    Raises
    ------
    OptionError
        If the index is not additive, or has one indicator.
    PanelError
        If there is no such period.

    Notes
    -----
    Source: Saisana, M., Saltelli, A. and Tarantola, S. (2005), Uncertainty and sensitivity analysis
    techniques as tools for the quality assessment of composite indicators, JRSS A 168, 307-323.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> cities = nq.datasets.simulate_cities(seed=0)
    >>> result = nq.composite.index(cities, {"patents": "+", "robots": "+", "energy": "-"})
    >>> nq.composite.rank_intervals(result, period=2021).iloc[0]["rank"]
    np.float64(1.0)
    """
    if result.spec["aggregation"] != "additive":
        raise OptionError("ranks under other weights are offered for additive indices")
    if len(result.weights) < 2:
        raise OptionError("an index of one indicator has no other weights")
    periods = result.scaled.index.get_level_values(1)
    period = period_like(period, periods)
    if period not in periods:
        raise PanelError(f"no period {period!r}; there are {sample(periods.unique(), 20)}")
    z = result.scaled.xs(period, level=1)
    w = result.weights.to_numpy()
    # Scores, their order and their ranks, for each unit and draw.
    require_memory(
        24.0 * draws * len(z), f"ranks of {len(z)} units in {draws} draws", "take fewer draws"
    )
    # An indicator with weight zero keeps it.
    positive = w > 0
    other_weights = np.zeros((draws, len(w)))
    rng = np.random.default_rng(seed)
    other_weights[:, positive] = rng.dirichlet(concentration * w[positive], size=draws)
    ranks = _ranks(z.to_numpy() @ other_weights.T)
    left_out = w * (1 - np.eye(len(w)))
    left_out = left_out[left_out.sum(axis=1) > 0]
    without = _ranks(z.to_numpy() @ (left_out / left_out.sum(axis=1, keepdims=True)).T)
    low, high = np.quantile(ranks, [(1 - level) / 2, (1 + level) / 2], axis=1)
    scores = z.to_numpy() @ w
    return pd.DataFrame(
        {
            "score": scores,
            "rank": _ranks(scores[:, None])[:, 0],
            "rank_low": low,
            "rank_high": high,
            "without_best": without.min(axis=1),
            "without_worst": without.max(axis=1),
        },
        index=z.index,
    ).sort_values("rank", kind="stable")


@checked
def rank_schemes(
    panel: SpatialPanel,
    indicators: Directions,
    *,
    period: Hashable,
    schemes: Sequence[str] = tuple(SCHEMES),
    **options: Annotated[Any, PassedTo("index", without=("weighting",))],
) -> pd.DataFrame:
    """Return the ranks of units in one period under several weightings.

    Parameters
    ----------
    panel : SpatialPanel
    indicators : mapping
        As in `index`.
    period : hashable
    schemes : list of str
        Weightings.
    **options
        Passed on to `index`, such as ``normalisation``; ``indicator_weights`` to the scheme
        "given" only, and ``across`` to the others.

    Returns
    -------
    DataFrame
        By unit: one column per scheme, ``best`` and ``worst`` of them; ordered by the mean rank.

    Raises
    ------
    PanelError
        If there is no such period. Errors of `index` are passed on.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> cities = nq.datasets.simulate_cities(seed=0)
    >>> ranks = nq.composite.rank_schemes(cities, {"patents": "+", "energy": "-"}, period=2021)
    >>> ranks.columns.tolist()
    ['entropy', 'critic', 'cv', 'pca', 'scatter', 'equal', 'best', 'worst']
    """
    period = panel.period(period)
    if not len(schemes):
        raise OptionError(f"schemes must name one weighting or more, such as {tuple(SCHEMES)}")
    if "indicator_weights" in options and "given" not in schemes:
        raise OptionError("indicator_weights= is for the scheme 'given', which is not in schemes")
    others = {"given": {"across"}}
    scores = pd.DataFrame(
        {
            scheme: index(
                panel, indicators, weighting=scheme,
                **{
                    name: value
                    for name, value in options.items()
                    if name not in others.get(scheme, {"indicator_weights"})
                },
            ).scores.xs(period, level=1)
            for scheme in schemes
        }
    )  # fmt: skip
    ranks = pd.DataFrame(_ranks(scores.to_numpy()), scores.index, scores.columns)
    order = ranks.mean(axis=1).sort_values(kind="stable").index
    return ranks.assign(best=ranks.min(axis=1), worst=ranks.max(axis=1)).loc[order]


def _ranks(scores: np.ndarray) -> np.ndarray:
    """Return the rank of each row in each column, best is 1; ties share the best."""
    order = np.sort(-scores, axis=0)
    return np.stack(
        [np.searchsorted(order[:, j], -scores[:, j]) + 1.0 for j in range(scores.shape[1])], axis=1
    )
