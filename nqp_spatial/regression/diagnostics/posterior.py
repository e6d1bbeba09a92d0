"""Posterior probabilities of models and of weights matrices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.special import gammaln, logsumexp

from nqp_spatial.core.display import Block, Displayed, Spec, notes_of
from nqp_spatial.core.inference import TestSet
from nqp_spatial.core.options import checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import join
from nqp_spatial.errors import OptionError
from nqp_spatial.regression._formulas import Functions
from nqp_spatial.regression._model_data import ModelData, build_model_data
from nqp_spatial.regression._term_weights import TermWeights
from nqp_spatial.regression.likelihood.concentrated import CrossProducts
from nqp_spatial.regression.likelihood.factorization import factorize
from nqp_spatial.regression.likelihood.log_determinant import Curve, log_determinant
from nqp_spatial.regression.spec import Correction, Effects, Model, RegressionSpec
from nqp_spatial.weights.spatial_weights import SpatialWeights, WeightsLike, as_weights

__all__ = ["PosteriorResult", "posterior_probabilities"]

MODELS: tuple[Model, ...] = ("slx", "sdm", "sdem")
_POINTS = 400


@dataclass(frozen=True, repr=False, eq=False)
class PosteriorResult(Displayed):
    """Posterior probabilities of models and of weights matrices.

    Attributes
    ----------
    frame : DataFrame
        One row per candidate and model: ``weights`` (where there are several), ``model``,
        ``log_marginal`` (up to a constant), ``probability``.
    spec : Spec
        ``formula``, ``weights``, ``models``, ``effects``.
    notes : tuple of str
        Empty.
    tests : TestSet
        Empty.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> w = nq.weights.contiguity(panel)
    >>> result = nq.regression.posterior_probabilities("lgsp ~ lpc + lemp", panel, w)
    >>> result.frame.columns.tolist()
    ['model', 'log_marginal', 'probability']
    """

    _figure = "probabilities"

    frame: pd.DataFrame
    spec: Spec
    notes: tuple[str, ...] = ()
    tests: TestSet = field(default_factory=TestSet)

    def _blocks(self) -> list[Block]:
        return [
            f"Posterior probabilities. {self.spec['formula']}",
            self.frame,
            *notes_of(self.notes),
        ]


@checked
def posterior_probabilities(
    formula: str,
    panel: SpatialPanel,
    weights: WeightsLike | Mapping[str, WeightsLike],
    *,
    models: Iterable[Model] = MODELS,
    effects: Effects = "two-way",
    functions: Functions | None = None,
) -> PosteriorResult:
    """Compare models, and weights matrices, by their posterior probabilities.

    The models have the same regressors ``z = [X, W X]`` and differ in the form of spatial
    dependence. With uniform priors on rho and lam, diffuse ones on the coefficients and on sigma,
    the coefficients and sigma are integrated out and

    ``p(y | model) ~ integral |I - x W|^m |z'B'B z|^(-1/2) S(x)^(-(N - K)/2) dx / length``

    with x = rho or lam (for ``slx`` there is no integral), B = I - lam W (the identity for rho), m
    periods and S the sum of products. All integrals are on the log scale.

    Parameters
    ----------
    formula : str
    panel : SpatialPanel
    weights : SpatialWeights, Graph or W, or mapping from names to these
        Candidates.
    models : iterable of str
        Among "slx", "sdm", "sdem".
    effects : {"none", "unit", "period", "two-way"}
        Effects to remove, by orthonormal transformation. Where rows of W do not add to one, period
        effects are dummy variables, integrated out with a diffuse prior on their mean effect on
        the outcome.
    functions : mapping, optional
        Functions of your own that the formula may call, as in `fit`.

    Returns
    -------
    PosteriorResult

    Raises
    ------
    OptionError
        If a model is unknown.

    Notes
    -----
    Probabilities compare candidates with each other; they do not show that any of them is correct.
    Matrices are compared under the assumption that the densities of their W X are comparable:
    with diffuse priors, the columns of different W X are, as in LeSage, scaled only by ``|z'z|``.

    Sources: LeSage and Parent (2007); LeSage (2014), Spatial and Spatio-temporal Epidemiology.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> w = nq.weights.contiguity(panel)
    >>> from nqp_spatial.regression import posterior_probabilities
    >>> frame = posterior_probabilities("lgsp ~ lpcap + lpc + lemp + unemp", panel, w).frame
    >>> frame.loc[frame["probability"].idxmax(), "model"]
    'sdm'
    """
    chosen = list(models)
    unknown = [model for model in chosen if model not in MODELS]
    if unknown or not chosen:
        raise OptionError(f"models must be among {', '.join(MODELS)}; got {chosen}")
    named = weights if isinstance(weights, Mapping) else {"": weights}
    matched = {name: as_weights(w).reordered(panel.units) for name, w in named.items()}
    # The same transformation for all candidates; otherwise their data would differ.
    stochastic = all(w.rows_add_to_one for w in matched.values())
    rows = []
    for name, w in matched.items():
        correction: Correction = "none" if effects == "none" else "transformation"
        if effects in ("period", "two-way") and not stochastic:
            correction = "bias"  # the counts of dummies for periods only
        for model in chosen:
            draft = RegressionSpec(formula, "", (), (), model, effects, correction)
            terms = TermWeights.of(w if model == "sdm" else None, w, w if model == "sdem" else None)
            value = log_marginal(build_model_data(panel, draft, terms, functions=functions))
            rows.append({"weights": name, "model": model, "log_marginal": value})
    frame = pd.DataFrame(rows)
    logs = frame["log_marginal"].to_numpy()
    frame["probability"] = np.exp(logs - logsumexp(logs))
    if not isinstance(weights, Mapping):
        frame = frame.drop(columns="weights")
    words = join("; ", [w.spec.words for w in matched.values()])
    spec = Spec(formula=formula, weights=words, models=tuple(chosen), effects=effects)
    return PosteriorResult(frame, spec)


def log_marginal(problem: ModelData) -> float:
    """Return the log of the marginal likelihood of a model, up to a constant common to all."""
    projection, counts, spec = problem.projection, problem.counts, problem.spec
    k = projection.z.shape[1]
    has_dummies = spec.correction == "bias"
    observations = counts.observations - has_dummies * counts.n_logdets
    freedom = (observations - k) / 2
    # |z'z|^(-1/2) from the triangular factor; the other terms depend only on N - K.
    constant = float(np.log(np.abs(np.diag(projection.unscale))).sum())
    constant += float(gammaln(freedom)) - freedom * np.log(np.pi)
    products = CrossProducts(projection)
    if not (spec.has_rho or spec.has_lam):
        return float(constant - freedom * np.log(products.plain[0, 0]))
    which = 0 if spec.has_rho else 1
    weights = problem.terms.weights_y if which == 0 else problem.terms.weights_u
    assert weights is not None
    logdet = log_determinant(weights)
    # In u = artanh(r x) the integrand is smooth with one maximum; its ends are negligible.
    radius = 1 / logdet.interval[1]
    u = np.linspace(-4.5, 4.5, _POINTS)
    x = np.tanh(u) / radius
    logs = counts.n_logdets * np.asarray(logdet.value(x))
    if counts.drops_unit_root:
        logs = logs - counts.n_logdets * np.log1p(-x)
    elif has_dummies and which == 1:
        direction = 1 - np.outer(x, np.asarray(weights.sparse.sum(axis=1)))
        logs = logs - counts.n_logdets / 2 * np.log((direction**2).mean(axis=1))
    elif has_dummies:
        reach = Curve(
            lambda at: _mean_row_sum(weights, at), x[0], x[-1], radius=radius, strip=np.pi / 4
        )
        logs = logs + counts.n_logdets * np.log(np.abs(reach.value(x)))
    if which == 0:
        v = np.column_stack([np.ones_like(x), -x])
        logs -= freedom * np.log(((v @ products.plain) * v).sum(axis=1))
    else:
        squares, volumes = products.by_lam(x)
        logs -= freedom * np.log(squares) + volumes / 2
    logs += np.log(1 - np.tanh(u) ** 2) - np.log(2)  # dx / length of the interval
    return float(constant + logsumexp(logs + np.log(u[1] - u[0])))


def _mean_row_sum(weights: SpatialWeights, points: np.ndarray) -> np.ndarray:
    """Return the mean row sum of ``(I - x W)^-1``: how a period effect moves the mean outcome."""
    ones = np.ones(weights.n_units)
    sums = [factorize(weights.sparse, float(x)).solve(ones).mean() for x in points.ravel()]
    return np.array(sums).reshape(points.shape)
