"""`misallocation` of factors between units, and `segmentation` of their markets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import pandas as pd

from nqp_spatial.core.display import Block, Displayed
from nqp_spatial.core.options import OpenShare, Range, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.periods import require_even_steps
from nqp_spatial.errors import DomainError, IslandError, OptionError, sample
from nqp_spatial.weights.spatial_weights import WeightsLike, as_weights

if TYPE_CHECKING:
    pass

__all__ = ["MisallocationResult", "misallocation", "segmentation"]


@dataclass(frozen=True, repr=False, eq=False)
class MisallocationResult(Displayed):
    """How factors are spread over units, against what would give most.

    Attributes
    ----------
    frame : DataFrame
        By (unit, period): ``tfpr`` (over its mean), ``tau_capital`` and ``tau_labour`` (relative
        distortions; positive where a factor is dear, so that the unit has too little of it).
    summary : DataFrame
        By period: ``gain_percent``, what output would rise by if factors moved until their returns
        were equal, and ``sd_log_tfpr``.

    Examples
    --------
    >>> import numpy as np
    >>> import nqp_spatial as nq
    >>> logs = {"y": "lgsp", "k": "lpc", "l": "lemp"}
    >>> panel = nq.datasets.us_public_capital()
    >>> panel = panel.assign(**{name: np.exp(panel.frame[log]) for name, log in logs.items()})
    >>> nq.structure.misallocation(panel, output="y", capital="k", labour="l").summary.shape
    (17, 2)
    """

    frame: pd.DataFrame
    summary: pd.DataFrame

    def _blocks(self) -> list[Block]:
        return ["Misallocation", self.summary]


@checked
def misallocation(
    panel: SpatialPanel,
    *,
    output: str,
    capital: str,
    labour: str,
    alpha: OpenShare = 1 / 3,
    sigma: Annotated[float, Range(1, 50, "low")] = 3.0,
) -> MisallocationResult:
    """Measure the misallocation of capital and labour between units.

    Units make ``Y_i = A_i K_i^alpha L_i^(1 - alpha)``, combined with the constant elasticity sigma;
    revenue is proportional to ``Y_i^((sigma - 1) / sigma)``. With ``TFPR_i = revenue / (K^alpha
    L^(1 - alpha))`` the gain of equal returns is ``TFP* / TFP - 1``,
    ``TFP = [sum (A_i TFPR_bar / TFPR_i)^(sigma - 1)]^(1 / (sigma - 1))``. The relative distortion
    of a factor is ``tau = share of output / share of the factor - 1``.

    Parameters
    ----------
    panel : SpatialPanel
    output, capital, labour : str
        Columns, positive: revenue or value added, and the factors.
    alpha : float
        Elasticity of capital, in (0, 1).
    sigma : float
        Elasticity of substitution, above 1. The gain grows with it.

    Returns
    -------
    MisallocationResult

    Raises
    ------
    OptionError
        If alpha or sigma is out of range.
    DomainError
        If a value is not positive.

    Notes
    -----
    Sources: Hsieh, C.-T. and Klenow, P. (2009), Quarterly Journal of Economics 124, 1403-1448,
    equations 12 to 19, for one sector; relative distortions as in Chen, Y. and Hu, W. (2011), China
    Economic Quarterly 10, 1401-1422, with one elasticity for all units. What is measured as
    misallocation holds measurement error and differences of technology.

    Examples
    --------
    >>> import pandas as pd
    >>> import nqp_spatial as nq
    >>> frame = pd.DataFrame({"id": [1, 2], "y": [1.0, 1.0], "k": [2.0, 1.0], "l": [1.0, 1.0]})
    >>> found = nq.structure.misallocation(
    ...     nq.SpatialPanel(frame, unit="id"), output="y", capital="k", labour="l")
    >>> found.frame["tau_capital"].round(3).tolist()
    [-0.25, 0.5]
    """
    columns = {"output": output, "capital": capital, "labour": labour}
    given = {name: panel.values(column) for name, column in columns.items()}
    for name, x in given.items():
        if (x <= 0).any():
            units = panel.units[(x <= 0).any(axis=1)]
            raise DomainError(
                f"{name} must be positive; {columns[name]!r} is not for {sample(units)}"
            )
    revenue, k, labour_ = given["output"], given["capital"], given["labour"]
    factors = k**alpha * labour_ ** (1 - alpha)
    tfpr = revenue / factors
    productivity = revenue ** (sigma / (sigma - 1)) / factors
    share = revenue / revenue.sum(axis=0)
    # Returns that all units would have: harmonic means, weighted by revenue.
    mean_k = 1 / (share * k / revenue).sum(axis=0)
    mean_l = 1 / (share * labour_ / revenue).sum(axis=0)
    mean_tfpr = mean_k**alpha * mean_l ** (1 - alpha)
    power = sigma - 1
    actual = ((productivity * mean_tfpr / tfpr) ** power).sum(axis=0) ** (1 / power)
    best = (productivity**power).sum(axis=0) ** (1 / power)
    frame = pd.DataFrame(
        {
            "tfpr": (tfpr / tfpr.mean(axis=0)).ravel(),
            "tau_capital": (share / (k / k.sum(axis=0)) - 1).ravel(),
            "tau_labour": (share / (labour_ / labour_.sum(axis=0)) - 1).ravel(),
        },
        index=panel.frame.index,
    )
    summary = pd.DataFrame(
        {
            "gain_percent": 100 * (best / actual - 1),
            "sd_log_tfpr": np.log(tfpr).std(axis=0),
        },
        index=panel.periods,
    )
    return MisallocationResult(frame, summary)


@checked
def segmentation(
    panel: SpatialPanel,
    goods: Sequence[str],
    weights: WeightsLike,
    *,
    prices: Literal["chain", "level"] = "chain",
) -> pd.Series:
    """Measure the segmentation of markets from relative prices of several goods.

    For a pair of neighbours i, j and good k, ``d_ijk = |change of ln(P_ik / P_jk)|``; less its mean
    over all pairs (what is of the good, not of the places), its variance over goods is the
    segmentation of the pair, and a unit's is the mean over its neighbours.

    Parameters
    ----------
    panel : SpatialPanel
    goods : list of str
        Columns of price indices, positive; three or more.
    weights : SpatialWeights, Graph or W
        The pairs; whether there is a link counts, not its weight.
    prices : {"chain", "level"}
        ``chain``: the period before is 100, so that ln(P_i / P_j) is the change itself; ``level``:
        levels or indices of a fixed base, whose first period is lost.

    Returns
    -------
    Series
        By (unit, period); missing in the first period of levels.

    Raises
    ------
    OptionError
        If there are fewer than three goods or an option is unknown.
    DomainError
        If a price is not positive.
    IslandError
        If a unit has no neighbours.

    Notes
    -----
    Source: Parsley, D. and Wei, S.-J. (2001), Explaining the border effect, Journal of
    International Economics 55, 87-105, in the form used for Chinese provinces since Gui et al.
    (2006).

    Examples
    --------
    >>> import numpy as np
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_income()
    >>> rng = np.random.default_rng(0)
    >>> panel = panel.assign(**{g: np.exp(rng.normal(size=48 * 81) / 20) for g in "abcd"})
    >>> found = nq.structure.segmentation(panel, list("abcd"), nq.weights.contiguity(panel))
    >>> found.shape
    (3888,)
    """
    names = list(goods)
    if len(names) < 3:
        raise OptionError(f"a variance over goods needs three or more, got {names}")
    p = np.stack([panel.values(name) for name in names], axis=2)
    if low := [name for at, name in enumerate(names) if (p[:, :, at] <= 0).any()]:
        raise DomainError(f"prices must be positive; not so: {sample(low)}")
    w = as_weights(weights).reordered(panel.units)
    links = w.sparse.tocoo()
    rows, columns = links.coords
    count = np.bincount(rows, minlength=panel.n_units)
    if (count == 0).any():
        raise IslandError(
            f"units without neighbours have no pairs: {sample(panel.units[count == 0])}"
        )
    log = np.log(p)
    if prices == "level":
        require_even_steps(panel.periods, "the change of prices")
        log = np.diff(log, axis=1)
    found = np.full((panel.n_units, panel.n_periods), np.nan)
    # Pair by pair in both directions is the same number: one is enough for the mean over pairs.
    once = np.unique(np.sort(np.column_stack([rows, columns]), axis=1), axis=0)
    first = panel.n_periods - log.shape[1]
    for t in range(log.shape[1]):
        x = log[:, t]
        mean = np.abs(x[once[:, 0]] - x[once[:, 1]]).mean(axis=0)
        spread = (np.abs(x[rows] - x[columns]) - mean).var(axis=1)
        found[:, first + t] = np.bincount(rows, spread, minlength=panel.n_units) / count
    return pd.Series(found.ravel(), panel.frame.index, name="segmentation")
