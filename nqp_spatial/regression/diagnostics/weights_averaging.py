"""Bayesian averaging over candidate weights matrices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.special import logsumexp

from nqp_spatial.core.display import Block, Displayed, Spec, notes_of
from nqp_spatial.core.inference import TestSet
from nqp_spatial.core.options import Draws, Jobs, Level, Seed, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import join, label, t
from nqp_spatial.errors import OptionError, WeightsError, sample
from nqp_spatial.regression._correction import resolve_correction
from nqp_spatial.regression._demeaning import counts_of
from nqp_spatial.regression._design import build_design
from nqp_spatial.regression._effect_parameters import effect_parameters
from nqp_spatial.regression._effect_rows import effect_rows
from nqp_spatial.regression._formulas import Functions
from nqp_spatial.regression._model_data import build_model_data
from nqp_spatial.regression._term_weights import TermWeights
from nqp_spatial.regression.diagnostics._averaged_effects import averaged_effects
from nqp_spatial.regression.diagnostics._mixed_regressions import (
    FilteredTerms,
    MixedRegressions,
    Prior,
    QuadraticTerms,
)
from nqp_spatial.regression.diagnostics._mixture_posterior import (
    MixturePosterior,
    mixture_posterior,
)
from nqp_spatial.regression.fit import fit
from nqp_spatial.regression.likelihood.mixed_determinants import (
    Determinants,
    EigenDeterminants,
    MixedDeterminants,
)
from nqp_spatial.regression.results import RegressionResult
from nqp_spatial.regression.spec import Correction, RegressionSpec
from nqp_spatial.weights._spectrum import spectral_radius
from nqp_spatial.weights.spatial_weights import (
    SpatialWeights,
    WeightsLike,
    WeightsSpec,
    as_weights,
    build,
)

__all__ = ["AveragedWeights", "average_weights"]

_MOST = 14
_WEAK_ERROR = 1e-6


@dataclass(frozen=True, repr=False, eq=False)
class AveragedWeights(Displayed):
    """A model averaged over candidate weights matrices.

    Attributes
    ----------
    frame : DataFrame
        One row per candidate: ``weights``; ``inclusion``, posterior probability that it is one of
        the matrices of the model; ``share``, posterior mean of its share in W; ``alone``, its
        posterior probability among models with one candidate only.
    models : DataFrame
        One row per subset of candidates, the most probable first: ``weights``, ``count`` of
        candidates, ``log_marginal`` (up to a constant), ``probability``, and the posterior mean and
        standard deviation of the spatial coefficient, ``estimate`` and ``std_dev`` (none for slx).
    effects : DataFrame
        Averaged over subsets and parameters: ``variable, effect, estimate`` (posterior median),
        ``conf_low, conf_high`` and ``p_value``, twice the smaller of the posterior probabilities
        that the effect is positive and that it is not, at least ``2 / (draws + 1)``.
    model : RegressionResult
        The most probable subset, fitted by maximum likelihood.
    spec : Spec
        ``formula``, ``weights``, ``model``, ``effects``, ``prior``, ``standardize``, ``draws``,
        ``seed``, ``level``.
    labels : mapping
        Display labels of variables.
    notes : tuple of str
        About row sums, equal candidates and the error of log-determinants.
    tests : TestSet
        Empty.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> candidates = {"queen": nq.weights.contiguity(panel), "knn": nq.weights.knn(panel, k=4)}
    >>> result = nq.average_weights("lgsp ~ lpc + lemp", panel, candidates)
    >>> result.models.columns.tolist()[:2]
    ['weights', 'count']
    """

    _figure = "inclusion"

    frame: pd.DataFrame
    models: pd.DataFrame
    effects: pd.DataFrame
    model: RegressionResult
    spec: Spec
    labels: Mapping[str, str]
    notes: tuple[str, ...] = ()
    tests: TestSet = field(default_factory=TestSet)

    def _blocks(self) -> list[Block]:
        spec = self.spec
        effects: list[Block] = [
            t("Averaged effects, level {level:g}", level=spec["level"]),
            self.effects,
        ]
        return [
            t(
                "Averaging over weights. {model}, {effects}; {formula}",
                model=label("model", spec["model"]),
                effects=label("effects", spec["effects"]),
                formula=spec["formula"],
            ),
            self.frame,
            t("The most probable subsets of {count}", count=len(self.models)),
            self.models.head(5),
            *([] if self.effects.empty else effects),
            *notes_of(self.notes),
        ]


@checked
def average_weights(
    formula: str,
    panel: SpatialPanel,
    weights: Mapping[str, WeightsLike],
    *,
    model: Literal["sar", "sdm", "sem", "sdem", "slx"] = "sdm",
    effects: Literal["none", "unit", "period", "two-way"] = "two-way",
    prior: Prior = "g",
    standardize: Literal["none", "row"] = "none",
    draws: Draws = 2000,
    level: Level = 0.95,
    functions: Functions | None = None,
    seed: Seed = 0,
    n_jobs: Jobs = 1,
    progress: bool = False,
) -> AveragedWeights:
    """Average a spatial model over all subsets of candidate weights matrices.

    A subset S of the m candidates has the matrix ``W_S = sum_(k in S) W_k / |S|``. All 2^m - 1
    subsets are equally likely a priori, rho (or lam) is uniform on its interval, and

    ``p(y | S) ~ integral |I - rho W_S|^T |F'F|^(-1/2) (1 + g)^(-k/2) S(rho)^(-f) drho / length``

    after the coefficients and sigma2 are integrated out: F are the regressors with a diffuse
    prior, k the others, f half the degrees of freedom and S(rho) the sum of squares. The integral
    is computed by quadrature.

    Parameters
    ----------
    formula : str
    panel : SpatialPanel
    weights : mapping from names to SpatialWeights, Graph or W
        Two to fourteen candidates, matched with the panel's units by id.
    model : {"sar", "sdm", "sem", "sdem", "slx"}
    effects : {"none", "unit", "period", "two-way"}
        Effects to remove (by orthonormal transformation where rows of all W add to one).
    prior : {"g", "diffuse"}
        Of the coefficients. ``g``: ``N(0, g sigma2 (Z'Z)^-1)`` with g = max(N, K^2), the intercept
        diffuse; posteriors do not depend on the units of W X. ``diffuse``: as in
        `regression.posterior_probabilities`, with whose values those of single candidates agree;
        where W X is in the model it favours large subsets, whose W X vary less.
    standardize : {"none", "row"}
        ``none`` takes candidates as they are, ``row`` divides each row by its sum.
    draws : int
        Draws of subsets and parameters for the averaged effects.
    level : float
        Of the intervals.
    functions : mapping, optional
        Functions of your own that the formula may call, as in `fit`.
    seed : int, optional
        Seed of the draws.
    n_jobs : int
        Threads.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    AveragedWeights

    Raises
    ------
    OptionError
        If there are fewer than two or more than fourteen candidates, or the panel has one period
        and effects are to be removed.
    UnmatchedIdsError
        If ids of panel and weights differ.
    CollinearityError, AbsorbedRegressorError
        If coefficients are not identified for a candidate or a subset.

    Notes
    -----
    Log-determinants are exact (all eigenvalues) for few subsets of few units. Otherwise their first
    four moments are exact and the rest is interpolated between factorisations, which are added
    until no probability changes by more than about 1e-10; a note states the estimated error of
    all together if it is larger than 1e-6. With 12 candidates and 300 units all 4 095 subsets take
    less than a minute.

    Effects are drawn from the posterior: a subset, then rho, sigma2 and the coefficients, then
    ``(I - rho W_S)^-1 (beta I + theta W_S)``. Medians are reported, since total effects have no
    posterior mean (they grow like 1 / (1 - rho)); medians of direct and indirect effects do not add
    up to the median of the total.

    Probabilities compare the candidates with each other; if all of them are wrong, one of them is
    still the best. A subset is a mean with equal shares; shares of, say, 0.7 and 0.3 are
    approximated by the nearest subset. Candidates that are nearly equal share their probability.

    Sources: LeSage and Pace (2009), sections 6.2 and 6.3; LeSage and Parent (2007), Geographical
    Analysis 39, for the g-prior; Debarsy and LeSage (2022), Journal of Business and Economic
    Statistics 40, 547-558, who estimate the shares of convex combinations.

    See Also
    --------
    regression.posterior_probabilities : Compares models and single matrices.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> names = {"queen": nq.weights.contiguity(panel), "knn": nq.weights.knn(panel, k=4)}
    >>> result = nq.average_weights("lgsp ~ lpc + lemp + unemp", panel, names, model="sar")
    >>> result.frame.loc[result.frame["inclusion"].idxmax(), "weights"]
    'queen'
    """
    _require_shape(panel, len(weights), effects)
    candidates = _matched(weights, panel, standardize)
    stochastic = all(w.rows_add_to_one for w in candidates.values())
    # The same transformation for all candidates; otherwise their data would differ.
    correction: Correction = (
        "transformation" if effects != "none" and (effects == "unit" or stochastic) else "none"
    )
    draft = RegressionSpec(formula, "", (), (), model, effects, correction)
    data = _compressed(panel, draft, candidates, prior, functions)
    shares = _shares(len(candidates))
    posterior, determinants = _posterior(data, list(candidates.values()), shares, n_jobs, progress)
    best = int(posterior.log_marginal.argmax())
    fitted = fit(
        formula, panel, _mean_weights(candidates, shares[best]), model=model, effects=effects,
        durbin=list(data.spec.lagged) if draft.has_lags else None, functions=functions,
    )  # fmt: skip
    rows = effect_rows(fitted, effect_parameters(fitted).names, None, terms=False)
    averaged = averaged_effects(
        data, posterior, determinants, shares,
        lambda which: _mean_weights(candidates, shares[which]), rows,
        draws=draws, level=level, seed=seed,
    )  # fmt: skip
    return AveragedWeights(
        frame=_frame(list(candidates), posterior, shares),
        models=_models(list(candidates), posterior, shares, spatial=draft.model != "slx"),
        effects=averaged,
        model=fitted,
        spec=Spec(
            formula=formula,
            weights=join("; ", [w.spec.words for w in candidates.values()]),
            model=model, effects=effects, prior=prior, standardize=standardize, draws=draws,
            seed=seed, level=level,
        ),
        labels=dict(panel.labels),
        notes=(*_notes(candidates, posterior), *rows.notes),
    )  # fmt: skip


def _require_shape(panel: SpatialPanel, count: int, effects: str) -> None:
    if not 2 <= count <= _MOST:
        raise OptionError(
            f"average_weights takes 2 to {_MOST} candidates, which have 2^m - 1 subsets; got "
            f"{count}"
            + (
                "; compare single candidates by regression.posterior_probabilities first, and keep "
                "the most probable"
                if count > _MOST
                else ""
            )
        )
    panel.require_balanced()
    if panel.n_periods == 1 and effects != "none":
        raise OptionError(
            f"effects={effects!r} needs more than one period and this panel has one; "
            "use effects='none' for a cross-section"
        )


def _matched(
    weights: Mapping[str, WeightsLike], panel: SpatialPanel, standardize: Literal["none", "row"]
) -> dict[str, SpatialWeights]:
    matched = {name: as_weights(w).reordered(panel.units) for name, w in weights.items()}
    if standardize == "none":
        return matched
    return {name: w.standardize("row") for name, w in matched.items()}


def _compressed(
    panel: SpatialPanel,
    draft: RegressionSpec,
    candidates: Mapping[str, SpatialWeights],
    prior: Prior,
    functions: Functions | None,
) -> MixedRegressions:
    """Return the data of all subsets; the data of each single candidate are checked."""
    lagged: tuple[str, ...] | None = None
    for w in candidates.values():
        terms = TermWeights.of(
            w if draft.has_rho else None, w if draft.has_lags else None,
            w if draft.has_lam else None,
        )  # fmt: skip
        resolve_correction("auto", draft, terms)  # the most probable subset is fitted with it
        names = build_model_data(panel, draft, terms, functions=functions).design.lagged
        lagged = names if lagged is None else tuple(name for name in lagged if name in names)
    design = build_design(
        draft.formula, panel, None, None, keep_intercept=draft.keeps_intercept, durbin=None,
        functions=functions,
    )  # fmt: skip
    spec = replace(draft, outcome=design.outcome, regressors=design.names, lagged=lagged or ())
    counts = counts_of(spec, panel.n_units, panel.n_periods)
    matrices = [w.sparse for w in candidates.values()]
    return MixedRegressions.of(design, spec, counts, matrices, prior)


def _shares(count: int) -> np.ndarray:
    """Return the shares of candidates in every subset, single candidates first."""
    members = (np.arange(1, 2**count)[:, None] >> np.arange(count)) & 1
    order = np.lexsort((np.arange(len(members)), members.sum(axis=1)))
    chosen = members[order]
    return np.asarray(chosen / chosen.sum(axis=1, keepdims=True))


def _posterior(
    data: MixedRegressions,
    candidates: list[SpatialWeights],
    shares: np.ndarray,
    n_jobs: int,
    progress: bool,
) -> tuple[MixturePosterior, Determinants | None]:
    spec = data.spec
    if not (spec.has_rho or spec.has_lam):
        logs = QuadraticTerms(data, shares).without_rho()
        return MixturePosterior.without_rho(logs), None
    determinants = _determinants(candidates, shares, n_jobs)
    terms = FilteredTerms(data, shares) if spec.has_lam else QuadraticTerms(data, shares)
    posterior = mixture_posterior(
        terms, determinants, data.counts.n_logdets,
        drops_root=bool(data.counts.drops_unit_root), progress=progress,
    )  # fmt: skip
    return posterior, determinants


def _determinants(
    candidates: list[SpatialWeights], shares: np.ndarray, n_jobs: int
) -> Determinants:
    matrices, radii = [w.sparse for w in candidates], _radii(candidates, shares)
    if EigenDeterminants.suits(len(shares), candidates[0].n_units):
        return EigenDeterminants(matrices, shares, radii)
    nonnegative = all((w.data >= 0).all() for w in matrices)
    return MixedDeterminants(matrices, shares, radii, nonnegative=nonnegative, n_jobs=n_jobs)


def _radii(candidates: list[SpatialWeights], shares: np.ndarray) -> np.ndarray:
    """Return the spectral radius of every mean; it is known where rows add to one."""
    matrices = [w.sparse for w in candidates]
    if all(w.rows_add_to_one for w in candidates):
        sums = np.stack([np.asarray(w.sum(axis=1)).ravel() for w in matrices])
        largest = (shares @ sums).max(axis=1)
        return np.where(np.abs(largest - 1) > 1e-12, largest, 1.0)
    radii = np.empty(len(shares))
    for place, share in enumerate(shares):
        parts = [g * w for g, w in zip(share, matrices, strict=True) if g]
        radii[place] = spectral_radius(sparse.csr_array(sum(parts[1:], parts[0])))
    if (radii <= 1e-12).any():
        weak = [w.spec.words for w, r in zip(candidates, radii, strict=False) if r <= 1e-12]
        raise WeightsError(
            f"rho has no bounds with {sample(weak)}: no chain of links leads back to the unit that "
            "it began with; use weights with links in both directions"
        )
    return radii


def _mean_weights(candidates: Mapping[str, SpatialWeights], share: np.ndarray) -> SpatialWeights:
    """Return the mean of a subset as weights of their own; one candidate is itself."""
    members = [name for name, g in zip(candidates, share, strict=True) if g]
    if len(members) == 1:
        return candidates[members[0]]
    parts = [g * w.sparse for g, w in zip(share, candidates.values(), strict=True) if g]
    spec = WeightsSpec(t("mean of [{names}]", names=", ".join(members)))
    units = candidates[members[0]].units
    mean = build(
        sparse.csr_array(sum(parts[1:], parts[0])), units, spec, standardize="none", islands="keep"
    )
    if all(candidates[name].rows_add_to_one for name in members):
        return replace(mean, spec=replace(mean.spec, standardization="row"))
    return mean


def _frame(names: list[str], posterior: MixturePosterior, shares: np.ndarray) -> pd.DataFrame:
    single = posterior.log_marginal[: len(names)]
    return pd.DataFrame(
        {
            "weights": names,
            "inclusion": posterior.probability @ (shares > 0),
            "share": posterior.probability @ shares,
            "alone": np.exp(single - logsumexp(single)),
        }
    )


def _models(
    names: list[str], posterior: MixturePosterior, shares: np.ndarray, *, spatial: bool
) -> pd.DataFrame:
    order = np.argsort(-posterior.log_marginal, kind="stable")
    members = shares[order] > 0
    table = pd.DataFrame(
        {
            "weights": [
                " + ".join(name for name, member in zip(names, row, strict=True) if member)
                for row in members
            ],
            "count": members.sum(axis=1),
            "log_marginal": posterior.log_marginal[order],
            "probability": posterior.probability[order],
        }
    )
    if spatial:
        mean, deviation = posterior.moments()
        table["estimate"], table["std_dev"] = mean[order], deviation[order]
    return table


def _notes(
    candidates: Mapping[str, SpatialWeights], posterior: MixturePosterior
) -> tuple[str, ...]:
    notes: list[str] = []
    uneven = [name for name, w in candidates.items() if not w.rows_add_to_one]
    if uneven:
        notes.append(
            t(
                "rows of {names} do not add to one: in a mean, a candidate counts by the size of "
                "its weights",
                names=", ".join(uneven),
            )
        )
    names = list(candidates)
    for place, name in enumerate(names):
        for other in names[place + 1 :]:
            if (candidates[name].sparse != candidates[other].sparse).nnz == 0:
                notes.append(
                    t(
                        "{first} and {second} are the same matrix and share its probability",
                        first=name,
                        second=other,
                    )
                )
    if posterior.largest_change > _WEAK_ERROR:
        notes.append(
            t(
                "interpolated log-determinants change probabilities by about {error:.1g}",
                error=posterior.largest_change,
            )
        )
    return tuple(notes)
