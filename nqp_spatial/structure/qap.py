"""Quadratic assignment: correlation and regression of networks, tested by permutation of units."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd

from nqp_spatial.core.display import Spec
from nqp_spatial.core.options import Jobs, Permutations, Seed, checked
from nqp_spatial.core.resampling import permutation_p
from nqp_spatial.core.text import t
from nqp_spatial.errors import OptionError
from nqp_spatial.structure._dyadic_regression import (
    dyadic_fit,
    outcome_draws,
    regressor_draws,
    standardised,
)
from nqp_spatial.structure._dyads import Dyads, dyads_of, terms_of
from nqp_spatial.structure._network_result import NetworkResult
from nqp_spatial.structure._qap_permutations import Permuted, Tails, tails
from nqp_spatial.structure._qap_results import MrqapResult, QapCorrelationResult, QapResult
from nqp_spatial.weights.spatial_weights import WeightsLike

__all__ = ["MrqapResult", "QapCorrelationResult", "QapResult", "mrqap", "qap", "qap_correlation"]

Matrix: TypeAlias = NetworkResult | pd.DataFrame | np.ndarray | WeightsLike
Method = Literal["double-semi-partialling", "outcome"]
_NULL = [0.025, 0.975]


@checked
def qap_correlation(
    first: Matrix | Mapping[str, Matrix],
    second: Matrix | None = None,
    *,
    permutations: Permutations = 999,
    seed: Seed = 0,
    n_jobs: Jobs = 1,
    progress: bool = False,
) -> QapCorrelationResult:
    """Correlate networks and test it by permuting units.

    ``r = corr(a_ij, b_ij)`` over pairs of different units; rows and columns of one network are
    permuted together, which keeps its structure.

    Parameters
    ----------
    first : matrix, or mapping of name to matrix
        A DataFrame with ids on both sides, a network of one period, spatial weights, or arrays of
        the same order throughout. Of a mapping all pairs are correlated.
    second : matrix, optional
        The other network, unless `first` is a mapping.
    permutations : int
        0 for no test.
    seed : int, optional
        The same draws for any `n_jobs`.
    n_jobs : int
        Threads.
    progress : bool
        Whether to show a bar.

    Returns
    -------
    QapCorrelationResult

    Raises
    ------
    OptionError
        If there are fewer than two networks, or one cannot be read.
    UnmatchedIdsError
        If their units differ.
    MissingValuesError, DomainError
        If cells off the diagonal are missing, infinite or constant, or units are fewer than four.

    Notes
    -----
    Networks go from sender (row) to receiver (column): spatial weights, whose rows receive, are
    transposed. Their standardisation is kept. Source: Hubert (1987), Assignment Methods in
    Combinatorial Data Analysis; Krackhardt (1987), Social Networks 9(2), 171-186.

    Examples
    --------
    >>> import numpy as np
    >>> import nqp_spatial as nq
    >>> a = np.random.default_rng(0).normal(size=(10, 10))
    >>> nq.structure.qap_correlation(a, a, permutations=99).frame["p_value"].tolist()
    [0.01]
    """
    if isinstance(first, Mapping):
        if second is not None:
            raise OptionError("pass all networks in the mapping, or two matrices")
        matrices: dict[str, Any] = dict(first)
    else:
        matrices = {"first": first, "second": second}
    if len(matrices) < 2 or any(matrix is None for matrix in matrices.values()):
        raise OptionError("a correlation needs two networks: pass a second one, or a mapping")
    dyads = dyads_of(matrices)
    permuted = Permuted(permutations, seed, n_jobs, progress)
    return _correlations(dyads, list(matrices), permuted)


@checked
def mrqap(
    formula: str,
    matrices: Mapping[str, Matrix],
    *,
    method: Method = "double-semi-partialling",
    permutations: Permutations = 999,
    seed: Seed = 0,
    n_jobs: Jobs = 1,
    progress: bool = False,
) -> MrqapResult:
    """Regress a network on networks and test coefficients by permuting units.

    ``y_ij = b_0 + sum_k b_k x_ijk + e_ij`` over pairs of different units, by least squares. Errors
    of pairs that share a unit are correlated, so that classical tests are wrong.

    Parameters
    ----------
    formula : str
        ``"net ~ a + b"``; terms are names of matrices, or products ``a:b``.
    matrices : mapping of str to matrix
        As in `qap_correlation`.
    method : {"double-semi-partialling", "outcome"}
        What is permuted: for each regressor its residual from the other regressors, or the outcome,
        which is exact only where no other regressor matters.
    permutations, seed, n_jobs, progress
        As in `qap_correlation`.

    Returns
    -------
    MrqapResult

    Raises
    ------
    OptionError
        If the formula or a matrix cannot be read.
    CollinearityError
        If a regressor is a combination of others.
    UnmatchedIdsError, MissingValuesError, DomainError
        As in `qap_correlation`.

    Notes
    -----
    The statistic is t, which does not depend on the scale of the errors. Where all matrices are
    symmetric each pair counts once. A binary outcome makes it a linear probability model. Sources:
    Dekker, Krackhardt and Snijders (2007), Psychometrika 72(4), 563-581, for double
    semi-partialling; Krackhardt (1988), Social Networks 10(4), 359-381, for the outcome.

    Examples
    --------
    >>> import numpy as np
    >>> import nqp_spatial as nq
    >>> rng = np.random.default_rng(0)
    >>> a, b, noise = rng.normal(size=(3, 20, 20))
    >>> matrices = {"net": a + noise, "a": a, "b": b}
    >>> nq.structure.mrqap("net ~ a + b", matrices, permutations=99).params.index.tolist()
    ['Intercept', 'a', 'b']
    """
    terms = terms_of(formula, [str(name) for name in matrices])
    dyads = dyads_of(_used(matrices, terms.outcome, terms.regressors.values()))
    return _regression(dyads, formula, method, Permuted(permutations, seed, n_jobs, progress))


@checked
def qap(
    formula: str,
    matrices: Mapping[str, Matrix],
    *,
    method: Method = "double-semi-partialling",
    permutations: Permutations = 999,
    seed: Seed = 0,
    n_jobs: Jobs = 1,
    progress: bool = False,
) -> QapResult:
    """Make the QAP analysis of a network: correlations with each regressor, and the regression.

    Both tables of a paper in one call: `qap_correlation` of the networks in the formula, and
    `mrqap`.

    Parameters
    ----------
    formula, matrices, method, permutations, seed, n_jobs, progress
        As in `mrqap`.

    Returns
    -------
    QapResult

    Raises
    ------
    OptionError, CollinearityError, UnmatchedIdsError, MissingValuesError, DomainError
        As in `mrqap`.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> states = nq.datasets.us_income()
    >>> matrices = {
    ...     "net": nq.structure.network(states, "income", period=2009),
    ...     "border": nq.weights.contiguity(states).standardize("none"),
    ...     **nq.structure.difference_matrices(states, ["income"], period=2009),
    ... }
    >>> result = nq.structure.qap("net ~ border + income", matrices, permutations=99)
    >>> bool(result.frame.loc["border", "p_value"] < 0.05)
    True
    """
    terms = terms_of(formula, [str(name) for name in matrices])
    dyads = dyads_of(_used(matrices, terms.outcome, terms.regressors.values()))
    permuted = Permuted(permutations, seed, n_jobs, progress)
    model = _regression(dyads, formula, method, permuted)
    products = {
        label: np.prod([dyads.values[name] for name in names], axis=0)
        for label, names in terms.regressors.items()
    }
    networks = {terms.outcome: dyads.values[terms.outcome], **products}
    every = Dyads(dyads.units, networks, dyads.is_symmetric)
    correlations = _correlations(every, list(networks), permuted)
    simple = correlations.frame.xs(terms.outcome, level="first")
    columns = ["estimate", "standardized", "statistic", "p_value"]
    frame = model.frame.loc[list(terms.regressors), columns]
    frame.insert(0, "correlation", simple["correlation"])
    frame.insert(1, "correlation_p_value", simple["p_value"])
    return QapResult(frame, correlations, model, model.spec, model.notes)


def _used(matrices: Mapping[str, Matrix], outcome: str, terms: Any) -> dict[str, Any]:
    """Return the matrices that a formula names."""
    names = dict.fromkeys([outcome, *(name for term in terms for name in term)])
    return {name: matrices[name] for name in names}


def _correlations(dyads: Dyads, names: list[str], permuted: Permuted) -> QapCorrelationResult:
    unit = {name: standardised(dyads.values[name], name) for name in names}
    pairs = list(combinations(names, 2))
    observed = np.array([float(np.sum(unit[a] * unit[b])) for a, b in pairs])
    tasks = [
        (unit[name], np.stack([unit[other] for other in names[place + 1 :]]))
        for place, name in enumerate(names[:-1])
    ]
    draws = np.hstack(permuted.products(tasks))
    observed = np.clip(observed, -1, 1)
    frame = pd.DataFrame(
        {"correlation": observed, **_tested(tails(observed, draws), draws)},
        index=pd.MultiIndex.from_tuples(pairs, names=["first", "second"]),
    )
    spec = Spec(matrices=names, permutations=permuted.permutations, seed=permuted.seed)
    return QapCorrelationResult(frame, dyads.count, spec, _notes(dyads))


def _tested(tail: Tails, draws: np.ndarray) -> dict[str, np.ndarray]:
    low, high = (
        np.nanquantile(draws, _NULL, axis=0) if len(draws) else np.full((2, draws.shape[1]), np.nan)
    )
    return {
        "p_value": tail.two_sided, "p_greater": tail.greater, "p_less": tail.less,
        "null_low": low, "null_high": high,
    }  # fmt: skip


def _regression(dyads: Dyads, formula: str, method: Method, permuted: Permuted) -> MrqapResult:
    terms = terms_of(formula, list(dyads.values))
    fit = dyadic_fit(dyads, terms)
    shuffled, r2_draws = outcome_draws(fit, permuted)
    draws = shuffled if method == "outcome" else regressor_draws(fit, permuted)
    tail = tails(fit.partial[1:], draws)
    columns = _tested(tail, fit.statistics(draws))
    frame = pd.DataFrame(
        {
            "estimate": fit.params,
            "standardized": fit.params * _spread(fit.x) / _spread(fit.y[None]),
            "statistic": fit.statistics(fit.partial),
            **{name: np.concatenate([[np.nan], values]) for name, values in columns.items()},
        },
        index=pd.Index(["Intercept", *fit.names], name="variable"),
    )
    frame.loc["Intercept", "standardized"] = np.nan
    count = permuted.permutations
    extreme = int((r2_draws >= fit.r2 - 1e-10).sum())
    return MrqapResult(
        frame=frame,
        outcome=terms.outcome,
        r2=fit.r2,
        r2_adjusted=1 - (1 - fit.r2) * (dyads.count - 1) / fit.df_resid,
        n_pairs=dyads.count,
        r2_p_value=float(permutation_p(extreme, count)) if count else np.nan,
        spec=Spec(formula=formula, method=method, permutations=count, seed=permuted.seed),
        notes=_notes(dyads),
    )


def _spread(matrices: np.ndarray) -> np.ndarray:
    """Return the standard deviation of each matrix off the diagonal."""
    n = matrices.shape[1]
    return np.asarray(matrices[:, ~np.eye(n, dtype=bool)].std(axis=1))


def _notes(dyads: Dyads) -> tuple[str, ...]:
    notes = []
    if dyads.is_symmetric:
        notes.append(t("all networks are symmetric: each pair of units counts once"))
    return tuple(notes)
