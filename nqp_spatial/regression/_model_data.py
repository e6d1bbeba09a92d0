"""A formula, a panel and weights, made into the arrays that estimators and tests share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from scipy import sparse

from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.regression._demeaning import (
    Counts,
    Projection,
    counts_of,
    project,
    require_lag,
)
from nqp_spatial.regression._design import Design, build_design
from nqp_spatial.regression._formulas import Functions
from nqp_spatial.regression._term_weights import Terms
from nqp_spatial.regression.spec import RegressionSpec
from nqp_spatial.weights.spatial_weights import SpatialWeights

__all__ = ["Problem", "matrix_of", "pose"]


@dataclass(frozen=True, eq=False)
class Problem:
    """What is to be estimated.

    Attributes
    ----------
    spec : RegressionSpec
        Complete: with the names of outcome and regressors.
    design : Design
    projection : Projection
    counts : Counts
    terms : Terms
    """

    spec: RegressionSpec
    design: Design
    projection: Projection
    counts: Counts
    terms: Terms


def pose(
    panel: SpatialPanel,
    draft: RegressionSpec,
    terms: Terms,
    durbin: str | Iterable[str] | None = None,
    functions: Functions | None = None,
) -> Problem:
    """Evaluate the formula, lag what the model lags, sweep effects out, project.

    Parameters
    ----------
    panel : SpatialPanel
    draft : RegressionSpec
        Without the names of outcome and regressors.
    terms : Terms
        The weights that the model needs.
    durbin : str or iterable of str, optional
        Which regressors to lag.
    functions : mapping, optional
        Functions of the caller that the formula may call.

    Returns
    -------
    Problem

    Raises
    ------
    PanelError, OptionError, CollinearityError, AbsorbedRegressorError
        If data do not allow it.
    """
    design = build_design(
        draft.formula,
        panel,
        matrix_of(terms.y),
        matrix_of(terms.x),
        keep_intercept=draft.keeps_intercept,
        durbin=durbin,
        dynamics=draft.dynamics,
        with_means=draft.effects == "correlated-random",
        functions=functions,
    )
    spec = replace(draft, outcome=design.outcome, regressors=design.names, lagged=design.lagged)
    projection = project(design, spec, matrix_of(terms.u))
    if spec.has_rho:
        require_lag(design, spec, projection.lag_y)
    counts = counts_of(spec, panel.n_units, design.y.shape[1])
    return Problem(spec, design, projection, counts, terms)


def matrix_of(weights: SpatialWeights | None) -> sparse.csr_array | None:
    """Return the sparse matrix, if there is one."""
    return None if weights is None else weights.sparse
