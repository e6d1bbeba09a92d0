"""Clubs and space: whether members are neighbours, and what membership goes along with."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import stats

from nqp_spatial.convergence.clubs import ClubsResult
from nqp_spatial.core.display import Block, Displayed, notes_of
from nqp_spatial.core.ids import check_same_ids
from nqp_spatial.core.options import Level, Permutations, Seed, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.errors import (
    CollinearityError,
    ConvergenceError,
    DomainError,
    OptionError,
    PanelError,
)
from nqp_spatial.esda.joins import JoinCountsResult, join_counts
from nqp_spatial.weights.spatial_weights import SpatialWeights, WeightsLike, as_weights

if TYPE_CHECKING:
    pass

__all__ = ["ClubLogitResult", "club_joins", "club_logit"]

NEIGHBOURS = "neighbours"


@checked
def club_joins(
    clubs: ClubsResult,
    weights: WeightsLike,
    *,
    permutations: Permutations = 999,
    seed: Seed = None,
) -> JoinCountsResult:
    """Count the neighbours who share a club, beside what chance would have.

    Parameters
    ----------
    clubs : ClubsResult
        Divergent units count as a category of their own.
    weights : SpatialWeights, Graph or W
        Only which units are neighbours is used.
    permutations : int
        Random relocations of units; 0 for none.
    seed : int, optional

    Returns
    -------
    JoinCountsResult
        The row ``same`` is the test that clubs are spread over the map at random.

    Raises
    ------
    DomainError
        If there is one club only.
    UnmatchedIdsError
        If ids of clubs and weights differ.

    Notes
    -----
    Source: Cliff and Ord (1981), pp. 11-20. See `nqp_spatial.esda.join_counts`.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> cities = nq.datasets.simulate_cities(seed=0, first=1992, last=2021)
    >>> found = nq.convergence.clubs(cities, "gdp_pc", logs=True)
    >>> joins = nq.convergence.club_joins(found, nq.weights.knn(cities, k=6), seed=0)
    >>> float(joins.frame.loc[("same", ""), "p_value"])
    0.002
    """
    groups = clubs.groups()
    if groups.nunique() < 2:
        raise DomainError(f"all units are in {groups.iloc[0]!r}: there are no borders of clubs")
    frame = groups.rename_axis("unit").reset_index()
    return join_counts(
        SpatialPanel(frame, unit="unit"), "club", weights, permutations=permutations, seed=seed
    )


@dataclass(frozen=True, repr=False, eq=False)
class ClubLogitResult(Displayed):
    """An ordered logit of club membership.

    Attributes
    ----------
    table : DataFrame
        By variable: ``coefficient``, ``std_error``, ``statistic``, ``p_value``, ``conf_low``,
        ``conf_high``, ``odds_ratio``. Positive: higher values go with higher clubs.
    marginal : DataFrame
        Mean over units of the change of the probability of each club with each variable.
    cuts : Series
        Cut points between clubs on the scale of the index.
    loglik, null_loglik : float
    nobs : int
    notes : tuple of str

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> cities = nq.datasets.simulate_cities(seed=0, first=1992, last=2021)
    >>> found = nq.convergence.clubs(cities, "gdp_pc", logs=True)
    >>> logit = nq.convergence.club_logit(found, cities, ["human_capital"])
    >>> logit.nobs
    336
    """

    table: pd.DataFrame
    marginal: pd.DataFrame
    cuts: pd.Series
    loglik: float
    null_loglik: float
    nobs: int
    notes: tuple[str, ...]

    @property
    def pseudo_r2(self) -> float:
        """McFadden's ``1 - lnL / lnL_0``."""
        return 1 - self.loglik / self.null_loglik

    @property
    def p_value(self) -> float:
        """Of the likelihood ratio test against cut points only."""
        return float(stats.chi2.sf(2 * (self.loglik - self.null_loglik), len(self.table)))

    def _blocks(self) -> list[Block]:
        return [
            f"Ordered logit of club membership, {self.nobs} units; pseudo R2 "
            f"{self.pseudo_r2:.3f}, LR p = {self.p_value:.4g}",
            self.table,
            *notes_of(self.notes),
        ]


@checked
def club_logit(
    clubs: ClubsResult,
    panel: SpatialPanel,
    variables: str | Sequence[str],
    *,
    w: WeightsLike | None = None,
    period: Hashable | None = None,
    level: Level = 0.95,
) -> ClubLogitResult:
    """Estimate what goes along with membership in a higher club, by ordered logit.

    ``P(club at least as high as k) = 1 / (1 + exp(cut_k - x'b))``.

    Parameters
    ----------
    clubs : ClubsResult
        Divergent units are left out, and a note says so.
    panel : SpatialPanel
        With the variables, for the same units.
    variables : sequence of str
        Columns, as they were in `period`.
    w : SpatialWeights, Graph or W, optional
        With weights, the mean club of the neighbours enters as ``neighbours``, turned so that more
        is higher; neighbours that diverge count for nothing, and a unit with no other neighbours
        takes the mean of all.
    period : hashable, optional
        The first if not given: initial conditions.
    level : float
        Of the intervals.

    Returns
    -------
    ClubLogitResult

    Raises
    ------
    PanelError, OptionError, UnmatchedIdsError
        If there are fewer than two clubs, no variables, or ids differ.
    CollinearityError
        If variables are collinear.
    ConvergenceError
        If there is no maximum, as where a variable tells clubs apart without error.

    Notes
    -----
    Neighbours' clubs are found together with the unit's own: their coefficient is an association,
    and standard errors take units for independent. Source: McKelvey and Zavoina (1975); Bartkowska
    and Riedl (2012), Economic Modelling 29, 22-31, for clubs.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> cities = nq.datasets.simulate_cities(seed=0, first=1992, last=2021)
    >>> found = nq.convergence.clubs(cities, "gdp_pc", logs=True)
    >>> w = nq.weights.knn(cities, k=6)
    >>> nq.convergence.club_logit(found, cities, ["human_capital"], w=w).table.index.tolist()
    ['human_capital', 'neighbours']
    """
    from statsmodels.miscmodels.ordinal_model import OrderedModel

    names = [variables] if isinstance(variables, str) else list(variables)
    if not names and w is None:
        raise OptionError("name at least one variable, or pass weights")
    if NEIGHBOURS in names:
        raise OptionError(f"{NEIGHBOURS!r} is the name of the neighbours' clubs; rename the column")
    if len(clubs.table) < 2:
        raise PanelError(f"membership needs two clubs or more, there is {len(clubs.table)}")
    check_same_ids(
        panel.units, clubs.membership.index, our_name="panel", their_name="clubs",
        advice="pass the panel in which the clubs were found",
    )  # fmt: skip
    panel.require_complete(names)
    when = panel.periods[0] if period is None else panel.period(period)
    x = panel.frame.xs(when, level="period")[names].astype(float)
    # Turned over, so that a positive coefficient leads to a higher club.
    rank = (len(clubs.table) + 1 - clubs.membership).reindex(panel.units)
    notes = [f"variables of {when}"]
    if w is not None:
        x[NEIGHBOURS] = _neighbours(rank, as_weights(w), notes)
    inside = rank.notna()
    if not inside.all():
        notes.append(f"{int((~inside).sum())} divergent units are left out")
    x, y = x[inside], rank[inside].astype(int)
    scale = x.std(ddof=0)
    flat = scale <= 1e-12 * x.abs().max()
    if flat.any():
        raise CollinearityError(f"{list(scale.index[flat])} are the same for all units")
    z = (x - x.mean()) / scale  # scaled for the search, and back
    if np.linalg.matrix_rank(z.to_numpy(), tol=1e-8) < z.shape[1]:
        raise CollinearityError(f"{list(x.columns)} are collinear; leave one out")
    model = OrderedModel(y.to_numpy(), z.to_numpy(), distr="logit")
    with np.errstate(all="ignore"):
        fitted = model.fit(method="bfgs", disp=False, maxiter=500, skip_hessian=False)
    k = z.shape[1]
    errors = np.sqrt(np.diag(np.asarray(fitted.cov_params()))[:k])
    if not np.isfinite(errors).all() or np.abs(fitted.params[:k]).max() > 30:
        raise ConvergenceError(
            "the likelihood has no maximum: some variable tells clubs apart without error; leave "
            f"it out ({list(x.columns)})"
        )
    cuts = model.transform_threshold_params(fitted.params)[1:-1]
    counts = y.value_counts().to_numpy()
    b, errors = fitted.params[:k] / scale.to_numpy(), errors / scale.to_numpy()
    return ClubLogitResult(
        table=_table(b, errors, x.columns, level),
        marginal=_marginal(z.to_numpy() @ fitted.params[:k], cuts, b, x.columns),
        cuts=pd.Series(
            (cuts + x.mean().to_numpy() @ b)[::-1],
            [f"Club {i} | Club {i + 1}" for i in range(1, len(cuts) + 1)],
            name="cut",
        ),
        loglik=float(fitted.llf),
        null_loglik=float((counts * np.log(counts / counts.sum())).sum()),
        nobs=len(y),
        notes=tuple(notes),
    )


def _neighbours(rank: pd.Series, w: SpatialWeights, notes: list[str]) -> np.ndarray:
    """Return the mean rank of neighbours in clubs."""
    matrix = w.aligned(rank.index)
    known = rank.notna().to_numpy(dtype=float)
    values = rank.fillna(0).to_numpy(dtype=float)
    weight = matrix @ known
    bare = weight == 0
    if bare.any():
        notes.append(f"{int(bare.sum())} units have no neighbour in a club and take the mean")
    none = np.full(len(values), values.sum() / known.sum())
    return np.asarray(np.divide(matrix @ values, weight, out=none, where=~bare))


def _table(b: np.ndarray, errors: np.ndarray, names: pd.Index, level: float) -> pd.DataFrame:
    z = stats.norm.ppf(0.5 + level / 2)
    return pd.DataFrame(
        {
            "coefficient": b,
            "std_error": errors,
            "statistic": b / errors,
            "p_value": 2 * stats.norm.sf(np.abs(b / errors)),
            "conf_low": b - z * errors,
            "conf_high": b + z * errors,
            "odds_ratio": np.exp(b),
        },
        index=names.rename("variable"),
    )


def _marginal(index: np.ndarray, cuts: np.ndarray, b: np.ndarray, names: pd.Index) -> pd.DataFrame:
    """Return mean changes of probabilities, variables by clubs."""
    at = stats.logistic.pdf(cuts - index[:, None])
    bounded = np.pad(at, ((0, 0), (1, 1)))
    # P(rank = r) lies between two cuts; a higher index takes from the lower ranks.
    change = (bounded[:, :-1] - bounded[:, 1:]).mean(axis=0)[::-1]
    clubs = [f"Club {i}" for i in range(1, len(change) + 1)]
    return pd.DataFrame(np.outer(b, change), names.rename("variable"), clubs)
