"""Clubs and space: whether members are neighbours, and what is associated with membership."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from nqp_spatial.convergence.clubs import ClubsResult, club_name
from nqp_spatial.core.display import Block, Displayed, Spec, notes_of
from nqp_spatial.core.ids import check_same_ids
from nqp_spatial.core.inference import CoefficientTable, TestSet, chi2_test, with_intervals
from nqp_spatial.core.number_format import p_words
from nqp_spatial.core.options import Level, Permutations, Seed, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import Message, t
from nqp_spatial.errors import (
    CollinearityError,
    ConvergenceError,
    DomainError,
    OptionError,
    PanelError,
)
from nqp_spatial.esda.joins import JoinCountsResult, join_counts
from nqp_spatial.weights.spatial_weights import SpatialWeights, WeightsLike, as_weights

__all__ = ["ClubLogitResult", "club_joins", "club_logit"]

NEIGHBOURS = "neighbours"


@checked
def club_joins(
    clubs: ClubsResult,
    weights: WeightsLike,
    *,
    permutations: Permutations = 999,
    seed: Seed = 0,
) -> JoinCountsResult:
    """Count the neighbours that share a club, and compare with random expectation.

    Parameters
    ----------
    clubs : ClubsResult
        Divergent units form a separate category.
    weights : SpatialWeights, Graph or W
        Only the links are used, not their values.
    permutations : int
        Random relocations of units; 0 for none.
    seed : int, optional

    Returns
    -------
    JoinCountsResult
        The row ``same`` tests the null of a random distribution of clubs over the map.

    Raises
    ------
    DomainError
        If there is only one club.
    UnmatchedIdsError
        If ids of clubs and weights differ.

    Notes
    -----
    Source: Cliff and Ord (1981), pp. 11-20. See `nqp_spatial.esda.join_counts`.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> cities = nq.datasets.simulate_cities(seed=0, first=1992, last=2021)
    >>> clubs = nq.convergence.clubs(cities, "gdp_pc", logs=True)
    >>> joins = nq.convergence.club_joins(clubs, nq.weights.knn(cities, k=6), seed=0)
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
class ClubLogitResult(CoefficientTable, Displayed):
    """An ordered logit of club membership.

    Attributes
    ----------
    frame : DataFrame
        By variable: ``estimate, std_error, statistic, p_value, conf_low, conf_high, odds_ratio``.
        Positive: higher values are associated with higher clubs.
    params : Series
        Coefficients by variable.
    cov : DataFrame
        Their covariance.
    marginal : DataFrame
        Average marginal effects of each variable on the probability of each club.
    cuts : Series
        Cut points between clubs on the scale of the index.
    loglik, null_loglik : float
        Log-likelihood, and that of a model with cut points only.
    nobs : int
    spec : Spec
    tests : TestSet
        ``lr``: likelihood ratio test against cut points only.
    notes : tuple of str

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> cities = nq.datasets.simulate_cities(seed=0, first=1992, last=2021)
    >>> clubs = nq.convergence.clubs(cities, "gdp_pc", logs=True)
    >>> logit = nq.convergence.club_logit(clubs, cities, ["human_capital"])
    >>> logit.nobs
    336
    """

    params: pd.Series
    cov: pd.DataFrame
    marginal: pd.DataFrame
    cuts: pd.Series
    loglik: float
    null_loglik: float
    nobs: int
    spec: Spec
    notes: tuple[str, ...]

    _figure = "estimates"

    @property
    def frame(self) -> pd.DataFrame:
        """Coefficients with tests, intervals and odds ratios."""
        estimates = pd.DataFrame({"estimate": self.params, "std_error": self.std_errors})
        return with_intervals(estimates, self.spec.level).assign(odds_ratio=np.exp(self.params))

    @property
    def tests(self) -> TestSet:
        """The likelihood ratio test against cut points only."""
        null = t("no variable is associated with membership")
        statistic = 2 * (self.loglik - self.null_loglik)
        return TestSet({"lr": chi2_test(t("LR"), null, statistic, len(self.params))})

    @property
    def aic(self) -> float:
        """Akaike's information criterion."""
        return 2 * self._n_parameters - 2 * self.loglik

    @property
    def bic(self) -> float:
        """Schwarz's information criterion."""
        return float(np.log(self.nobs) * self._n_parameters - 2 * self.loglik)

    @property
    def _n_parameters(self) -> int:
        return len(self.params) + len(self.cuts)

    @property
    def pseudo_r2(self) -> float:
        """McFadden's ``1 - lnL / lnL_0``."""
        return 1 - self.loglik / self.null_loglik

    def _blocks(self) -> list[Block]:
        return [
            f"Ordered logit of club membership, {self.nobs} units; pseudo R2 "
            f"{self.pseudo_r2:.3f}, LR {p_words(self.tests['lr'].p_value)}",
            self.frame,
            *notes_of(self.notes),
        ]


@checked
def club_logit(
    clubs: ClubsResult,
    panel: SpatialPanel,
    variables: str | Sequence[str],
    weights: WeightsLike | None = None,
    *,
    period: Hashable | None = None,
    level: Level = 0.95,
) -> ClubLogitResult:
    """Estimate the variables associated with membership in a higher club, by ordered logit.

    ``P(club at least as high as k) = 1 / (1 + exp(cut_k - x'b))``.

    Parameters
    ----------
    clubs : ClubsResult
        Divergent units are omitted, which a note reports.
    panel : SpatialPanel
        With the variables, for the same units.
    variables : sequence of str
        Columns, with their values in `period`.
    weights : SpatialWeights, Graph or W, optional
        With weights, the mean club of the neighbours enters as ``neighbours``, reversed so that
        larger values are higher clubs; divergent neighbours are omitted, and a unit without other
        neighbours is assigned the overall mean.
    period : hashable, optional
        By default the first, for initial conditions.
    level : float
        Confidence level of the intervals.

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
        If there is no maximum, for example because a variable separates the clubs perfectly.

    Notes
    -----
    Neighbours' clubs are determined together with the unit's own: their coefficient is an
    association, and standard errors treat units as independent. Source: McKelvey and Zavoina
    (1975); Bartkowska and Riedl (2012), Economic Modelling 29, 22-31, for clubs.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> cities = nq.datasets.simulate_cities(seed=0, first=1992, last=2021)
    >>> clubs = nq.convergence.clubs(cities, "gdp_pc", logs=True)
    >>> w = nq.weights.knn(cities, k=6)
    >>> nq.convergence.club_logit(clubs, cities, ["human_capital"], w).params.index.tolist()
    ['human_capital', 'neighbours']
    """
    names = [variables] if isinstance(variables, str) else list(variables)
    if not names and weights is None:
        raise OptionError("name at least one variable, or pass weights")
    if NEIGHBOURS in names:
        raise OptionError(f"{NEIGHBOURS!r} is the name of the neighbours' clubs; rename the column")
    if len(clubs.frame) < 2:
        raise PanelError(f"membership needs two clubs or more, there is {len(clubs.frame)}")
    check_same_ids(
        panel.units, clubs.membership.index, our_name="panel", their_name="clubs",
        advice="pass the panel from which the clubs were obtained",
    )  # fmt: skip
    panel.require_complete(names)
    date = panel.periods[0] if period is None else panel.period(period)
    x = panel.frame.xs(date, level="period")[names].astype(float)
    # Reversed, so that a positive coefficient means a higher club.
    rank = (len(clubs.frame) + 1 - clubs.membership).reindex(panel.units)
    notes = [t("variables of {period}", period=date)]
    w = None if weights is None else as_weights(weights)
    if w is not None:
        x[NEIGHBOURS], note = _neighbours(rank, w)
        notes += note
    in_club = rank.notna()
    if not in_club.all():
        notes.append(t("{count} divergent units are left out", count=int((~in_club).sum())))
    spec = Spec(variables=tuple(names), weights=w, period=date, level=level)
    return _fitted(x[in_club], rank[in_club].astype(int), spec, tuple(notes))


def _fitted(
    x: pd.DataFrame, rank: pd.Series, spec: Spec, notes: tuple[Message, ...]
) -> ClubLogitResult:
    """Estimate the ordered logit of ranks, the highest club last."""
    from statsmodels.miscmodels.ordinal_model import OrderedModel

    scale = x.std(ddof=0)
    constant = scale <= 1e-12 * x.abs().max()
    if constant.any():
        raise CollinearityError(f"{list(scale.index[constant])} are the same for all units")
    z = (x - x.mean()) / scale  # scaled for the optimisation, and scaled back
    if np.linalg.matrix_rank(z.to_numpy(), tol=1e-8) < z.shape[1]:
        raise CollinearityError(f"{list(x.columns)} are collinear; leave one out")
    model = OrderedModel(rank.to_numpy(), z.to_numpy(), distr="logit")
    with np.errstate(all="ignore"):
        fitted = model.fit(method="bfgs", disp=False, maxiter=500, skip_hessian=False)
    k = z.shape[1]
    cov = np.asarray(fitted.cov_params())[:k, :k]
    if not np.isfinite(np.sqrt(np.diag(cov))).all() or np.abs(fitted.params[:k]).max() > 30:
        raise ConvergenceError(
            "the likelihood has no maximum: some variable separates the clubs perfectly; leave "
            f"it out ({list(x.columns)})"
        )
    cuts = model.transform_threshold_params(fitted.params)[1:-1]
    counts = rank.value_counts().to_numpy()
    variables = x.columns.rename("variable")
    b = fitted.params[:k] / scale.to_numpy()
    return ClubLogitResult(
        params=pd.Series(b, variables, name="estimate"),
        cov=pd.DataFrame(cov / np.outer(scale, scale), variables, variables),
        marginal=_marginal(z.to_numpy() @ fitted.params[:k], cuts, b, variables),
        cuts=pd.Series(
            (cuts + x.mean().to_numpy() @ b)[::-1],
            _borders(len(cuts)),
            name="cut",
        ),
        loglik=float(fitted.llf),
        null_loglik=float((counts * np.log(counts / counts.sum())).sum()),
        nobs=len(rank),
        spec=spec,
        notes=notes,
    )


def _neighbours(rank: pd.Series, w: SpatialWeights) -> tuple[np.ndarray, list[Message]]:
    """Return the mean rank of neighbours in clubs, and a note on units without any."""
    matrix = w.aligned(rank.index)
    known = rank.notna().to_numpy(dtype=float)
    values = rank.fillna(0).to_numpy(dtype=float)
    weight = matrix @ known
    linked = weight != 0
    none = np.full(len(values), values.sum() / known.sum())
    means = np.asarray(np.divide(matrix @ values, weight, out=none, where=linked))
    if linked.all():
        return means, []
    return means, [
        t(
            "{count} units have no neighbour in a club and get the mean of all",
            count=int((~linked).sum()),
        )
    ]


def _borders(count: int) -> pd.Index:
    """Name the cut points between clubs, from the highest."""
    names = [
        t("{first} | {second}", first=club_name(number), second=club_name(number + 1))
        for number in range(1, count + 1)
    ]
    return pd.Index(names, dtype=object)


def _marginal(index: np.ndarray, cuts: np.ndarray, b: np.ndarray, names: pd.Index) -> pd.DataFrame:
    """Return mean changes of probabilities, variables by clubs."""
    densities = np.pad(stats.logistic.pdf(cuts - index[:, None]), ((0, 0), (1, 1)))
    # P(rank = r) lies between two cuts; a higher index lowers the probability of lower ranks.
    change = (densities[:, :-1] - densities[:, 1:]).mean(axis=0)[::-1]
    clubs = pd.Index([club_name(i) for i in range(1, len(change) + 1)], dtype=object)
    return pd.DataFrame(np.outer(b, change), names, clubs)
