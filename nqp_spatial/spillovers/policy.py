"""`policy`: the effects of a programme on the places that have it and on places nearby."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Literal

import numpy as np
import pandas as pd

from nqp_spatial.core.display import Spec
from nqp_spatial.core.groups import Groups
from nqp_spatial.core.inference import HypothesisTest, NotApplicable, TestSet
from nqp_spatial.core.options import (
    Count,
    Edge,
    Jobs,
    Level,
    Permutations,
    Positive,
    Seed,
    Size,
    checked,
)
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.periods import require_even_steps
from nqp_spatial.errors import AbsorbedRegressorError, CollinearityError, OptionError, sample
from nqp_spatial.regression._error_dependence import error_dependence
from nqp_spatial.regression.spec import Kernel, RegressionSpec
from nqp_spatial.spillovers._clean_cells import FirstStep
from nqp_spatial.spillovers._exposure import (
    Exposure,
    Links,
    exposure_by_rings,
    exposure_by_weights,
    no_exposure,
)
from nqp_spatial.spillovers._policy_cells import (
    PolicyCells,
    adoption_of,
    clean_counts,
    policy_cells,
    require_clean,
)
from nqp_spatial.spillovers._policy_notes import discarded_note, notes_on
from nqp_spatial.spillovers._policy_placebo import (
    PlaceboDraws,
    placebo_draws,
    placebo_in_space,
    placebo_in_time,
)
from nqp_spatial.spillovers._policy_steps import OnTreated, Variance
from nqp_spatial.spillovers._policy_tables import (
    cell_table,
    estimate_effects,
    event_study_table,
    overall_table,
    pre_trend_tests,
    unit_table,
)
from nqp_spatial.spillovers.policy_results import PolicyResult
from nqp_spatial.weights.spatial_weights import WeightsLike, as_weights

__all__ = ["policy"]


@checked
def policy(
    panel: SpatialPanel,
    outcome: str,
    *,
    treatment: str,
    exposure: WeightsLike | None = None,
    rings_km: Sequence[Edge] | None = None,
    controls: str | Sequence[str] = (),
    on_treated: OnTreated = "apart",
    leads: Count | None = None,
    horizon: Count | None = None,
    group: str | pd.Series | Mapping[Hashable, Hashable] | None = None,
    senders: Hashable | None = None,
    links: Links = "all",
    covariance: Literal["cluster", "conley"] = "cluster",
    cluster: str | Iterable[str] | None = None,
    cutoff_km: Positive | None = None,
    kernel: Kernel = "bartlett",
    lags: Count | None = None,
    leave_out: bool = True,
    level: Level = 0.95,
    placebo: Permutations = 999,
    placebo_within: str | pd.Series | Mapping[Hashable, Hashable] | None = None,
    earlier: Size = 2,
    seed: Seed = 0,
    n_jobs: Jobs = 1,
    progress: bool = False,
) -> PolicyResult:
    """Estimate what a policy does where it is adopted, and to places that are exposed to it.

    ``y_it = mu_i + lam_t + x_it'b + sum_k own_k D^k_it + sum_r sum_m g_rm S^r_it 1[m_it = m] + e``,
    with D^k one k periods after the adoption, S exposure to treated others and m the periods since
    the first exposure. Effects and controls are estimated from clean cells, untreated and
    unexposed, and taken out of the other cells; means of what is left there are the effects.

    Parameters
    ----------
    panel : SpatialPanel
        Balanced, with periods at equal steps.
    outcome : str
        A numeric column.
    treatment : str
        A column that is one from the adoption on, else zero; dates may differ.
    exposure : SpatialWeights, Graph or W, optional
        ``S_it = sum_j w_ij D_jt``, with weights as they are: in row-standardised ones the share of
        neighbours that are treated. All places with S > 0 count as exposed.
    rings_km : sequence of float, optional
        Instead of weights: edges from 0, such as ``[0, 50, 100]``; a place is in the ring in which
        its nearest treated place (other than itself) lies.
    controls : str or sequence of str
        Columns that the policy does not change.
    on_treated : {"apart", "pooled", "included"}
        How exposure of treated units counts: spilled effects by event time, a single one over all
        event times, or as part of own effects.
    leads : int, optional
        Periods before adoption and exposure whose trends are tested, against all earlier clean
        cells; by default up to three. 0 for none.
    horizon : int, optional
        The last event time; later ones are pooled with it. 0 gives one effect for all.
    group : str, Series or mapping, optional
        Groups of units for `senders` and `links`.
    senders : hashable, optional
        The group whose treated units count as sources of exposure; by default all.
    links : {"all", "within", "across"}
        Whether exposure counts within groups or across their borders only.
    covariance : {"cluster", "conley"}
        As in `fit`, as are `cluster` (units by default, or a column such as the province),
        `cutoff_km`, `kernel` and `lags` (of errors over time).
    leave_out : bool
        Whether residuals of treated and exposed cells are those of fits without their own cluster
        (CR3). Without it standard errors are the usual ones, which are too small where few units
        are treated.
    level : float
        Confidence level of the intervals.
    placebo : int
        Draws of the placebo in space: dates of adoption are dealt to other units. 0 for none.
    placebo_within : str, Series or mapping, optional
        Groups of comparable units, within which dates are exchanged.
    earlier : int
        Periods by which the placebo in time moves all dates back.
    seed : int, optional
        Of the draws.
    n_jobs : int
        Workers for the draws, through joblib; the results are the same for any number.
    progress : bool
        Whether to show a progress bar of the draws.

    Returns
    -------
    PolicyResult

    Raises
    ------
    DomainError
        If the treatment is not zero or one, ends, reaches nobody or someone from the first period
        on, or no untreated unit is exposed.
    PanelError
        If a period has no clean cell (it is named), or periods are not at equal steps.
    CollinearityError
        If the exposure of treated units is collinear with their treatment, or a control does not
        vary in clean cells.
    OptionError
        If options exclude each other, or leads or the horizon have no cells.
    MissingValuesError, UnbalancedPanelError, UnmatchedIdsError, UnknownColumnError
        If data are not complete, or ids of panel and weights differ.

    Notes
    -----
    Effects are causal if outcomes of all places would have moved in parallel without the policy,
    nobody reacts before the adoption, and exposure ends where it is said to: what reaches clean
    cells biases all effects. Variances are those of both steps together, by influences: residuals
    of clean cells weighted as they enter the effects that were taken out, and deviations from the
    mean effect of an event time, so that they are too large rather than too small where effects
    differ between units. Pre-trends are leads of the first step, estimated in clean cells only.
    The placebo in space is exact if dates are assigned at random among comparable units and has
    the mean effect in treated cells (``own``) and in exposed ones as statistics.

    Sources: Butts (2023), arXiv 2105.03737, for exposure; Gardner (2022), arXiv 2207.05943, and
    Borusyak, Jaravel and Spiess (2024), Review of Economic Studies 91(6), 3253-3285, for
    imputation, its variance and the test of pre-trends.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> panel = panel.assign(
    ...     pilot=lambda d: (d.index.get_level_values(0).isin(["CA", "ME", "NY"])
    ...     & (d.index.get_level_values(1) >= 1980)).astype(int))
    >>> res = nq.spillovers.policy(panel, "lgsp", treatment="pilot",
    ...     exposure=nq.weights.contiguity(panel), placebo=99)
    >>> res.clean.loc[1986].tolist()
    [3, 9, 0, 36]
    """
    names = [controls] if isinstance(controls, str) else list(controls)
    _check_names(outcome, treatment, names)
    reach = _exposure(panel, exposure, rings_km, group, senders, links)
    cells, first = _first_step(panel, outcome, treatment, names, reach)
    spec = RegressionSpec(
        "", outcome, (), (), "ols", "two-way", covariance=covariance,
        cluster=_columns_of(cluster), cutoff_km=cutoff_km, kernel=kernel, lags=lags,
    )  # fmt: skip
    dependence = error_dependence(panel, spec, panel.n_periods)
    df = float(dependence.fewest - 1) if dependence.clusters else np.inf
    variance = Variance(dependence, spec, len(names), leave_out)
    estimates = estimate_effects(
        cells, reach.names, first, variance, horizon=horizon, leads=leads, on_treated=on_treated
    )
    within = None if placebo_within is None else Groups.by_unit(panel, placebo_within)
    space, draws = _space(cells, first, reach, within, placebo, seed, n_jobs, progress)
    in_time = placebo_in_time(cells, first, reach, earlier, variance, df)
    counts = clean_counts(cells, panel)
    notes = [
        *notes_on(cells, counts, estimates, horizon=horizon, on_treated=on_treated, leads=leads),
        *dependence.notes(spec),
        *discarded_note(draws),
    ]
    return PolicyResult(
        frame=event_study_table(estimates, level, df),
        overall=overall_table(estimates, level, df),
        clean=counts,
        cells=cell_table(cells, first, reach.names, panel),
        units=unit_table(cells, first, panel),
        coefficients=pd.Series(first.coefficients, names, name="estimate", dtype=float),
        tests=TestSet({**pre_trend_tests(estimates, df), **space, **in_time}),
        placebos=pd.DataFrame(draws, columns=["own", *reach.names]),
        spec=Spec(
            treatment=treatment, exposure=reach.words, controls=tuple(names),
            on_treated=on_treated, horizon=horizon, covariance=spec.covariance_words(),
            leave_out=leave_out, placebo=placebo, earlier=earlier, level=level, seed=seed,
        ),
        outcome=outcome,
        label=panel.label(outcome),
        panel=panel,
        exposure=reach,
        weights=None if exposure is None else as_weights(exposure),
        notes=tuple(notes),
    )  # fmt: skip


def _first_step(
    panel: SpatialPanel, outcome: str, treatment: str, controls: list[str], reach: Exposure
) -> tuple[PolicyCells, FirstStep]:
    """Return the state of all cells and the first step, or refuse what is not identified."""
    y = panel.values(outcome)
    x = [panel.values(name) for name in controls]
    require_even_steps(panel.periods, "event time")
    adoption = adoption_of(panel, treatment)
    cells = policy_cells(adoption, panel.n_periods, reach)
    require_clean(cells, panel, reach)
    first = FirstStep(cells.clean, y, np.stack(x, axis=2) if x else np.zeros((*y.shape, 0)))
    _require_variation(first, controls)
    return cells, first


def _check_names(outcome: str, treatment: str, controls: list[str]) -> None:
    names = [outcome, treatment, *controls]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise OptionError(
            f"outcome, treatment and controls must be different columns, got {sample(repeated)} "
            "twice"
        )


def _exposure(
    panel: SpatialPanel,
    weights: WeightsLike | None,
    rings_km: Sequence[float] | None,
    group: str | pd.Series | Mapping[Hashable, Hashable] | None,
    senders: Hashable | None,
    links: Links,
) -> Exposure:
    """Return the exposure by weights, by rings, or none."""
    if weights is not None and rings_km is not None:
        raise OptionError("exposure is by weights or by rings: pass exposure= or rings_km=")
    groups = None if group is None else Groups.by_unit(panel, group)
    if weights is not None:
        return exposure_by_weights(panel, weights, groups, senders, links)
    if rings_km is not None:
        return exposure_by_rings(panel, rings_km, groups, senders, links)
    if groups is not None or senders is not None or links != "all":
        raise OptionError(
            "group=, senders= and links= choose sources of exposure: pass exposure= or rings_km="
        )
    return no_exposure()


def _require_variation(first: FirstStep, names: list[str]) -> None:
    """Refuse controls that the effects absorb in clean cells."""
    if not names:
        return
    net = first.controls[first.mask]
    sizes = np.sqrt((first.x[first.mask] ** 2).sum(axis=0))
    absorbed = np.sqrt((net**2).sum(axis=0)) <= 1e-9 * sizes
    if absorbed.any():
        raise AbsorbedRegressorError(
            f"controls {sample(np.array(names)[absorbed])} do not vary in clean cells once unit "
            "and period effects are taken out; leave them out"
        )
    factor = np.abs(np.diag(np.linalg.qr(net / np.sqrt((net**2).sum(axis=0)), mode="r")))
    dependent = factor < 1e-9
    if len(factor) < len(names) or dependent.any():
        raise CollinearityError(
            f"control {names[int(np.argmax(dependent))]!r} is a linear combination of others in "
            "clean cells; leave one of them out"
        )


def _space(
    cells: PolicyCells,
    first: FirstStep,
    reach: Exposure,
    within: Groups | None,
    placebo: int,
    seed: int | None,
    n_jobs: int,
    progress: bool,
) -> tuple[dict[str, HypothesisTest | NotApplicable], np.ndarray]:
    """Return tests of the placebo in space, and the statistics of its draws."""
    if not placebo:
        return {}, np.empty((0, 1 + len(reach.names)))
    codes = np.zeros(len(first.y), dtype=np.int64) if within is None else within.codes
    setting = PlaceboDraws(first.y, first.x, cells.adoption, codes, reach)
    observed = setting.statistics(cells.adoption[None])[0]
    draws = placebo_draws(setting, placebo, seed, n_jobs, progress)
    return placebo_in_space(observed, draws, reach.names, within), draws


def _columns_of(cluster: str | Iterable[str] | None) -> tuple[str, ...]:
    if cluster is None:
        return ()
    return (cluster,) if isinstance(cluster, str) else tuple(cluster)
