"""A formula, a panel and weights, turned into the arrays that estimators and tests share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy import sparse

from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.regression._demeaning import (
    LikelihoodCounts,
    Projection,
    counts_in_parts,
    counts_of,
    project,
    require_lag,
)
from nqp_spatial.regression._design import (
    INTERCEPT,
    Design,
    build_design,
    is_common,
    lagged_names,
)
from nqp_spatial.regression._filtered_periods import FilteredPeriods
from nqp_spatial.regression._formulas import Functions
from nqp_spatial.regression._term_weights import TermWeights, lag, matrices_by_name
from nqp_spatial.regression.spec import RegressionSpec
from nqp_spatial.weights.spatial_weights import SpatialWeights

__all__ = ["ALL", "ModelData", "build_model_data", "build_parts_data", "matrix_of"]

#: The name of a coefficient common to all units or all links.
ALL = "all"


@dataclass(frozen=True, eq=False)
class ModelData:
    """What is to be estimated.

    Attributes
    ----------
    spec : RegressionSpec
        Complete, with the names of the outcome and the regressors.
    design : Design
    terms : TermWeights
    plain : Design
        Outcome and regressors without lags, where terms have parts: they stay the same when the
        matrices change.
    regimes : mapping of ndarray
        By name, the units that have their own coefficients on X, where terms have parts.
    """

    spec: RegressionSpec
    design: Design
    terms: TermWeights
    plain: Design
    regimes: Mapping[str, np.ndarray]

    @cached_property
    def projection(self) -> Projection:
        """The outcome and its lags regressed on the regressors, after removal of the effects."""
        matrix, dummies = self.terms.matrix_u, None
        errors = self.terms.weights_u
        if errors is not None and self.spec.sweeps_periods and not errors.rows_add_to_one:
            sums = np.asarray(errors.sparse.sum(axis=1)).ravel()
            dummies = FilteredPeriods(sums, self.shape[1])
        projection = project(self.design, self.spec, matrix, dummies)
        if self.spec.has_rho:
            for column in projection.lag_y.T:
                require_lag(self.design, self.spec, column)
        return projection

    @property
    def counts(self) -> LikelihoodCounts:
        """Numbers of observations and log-determinants of the likelihood."""
        n, t = self.shape
        if self.terms.has_parts:
            return counts_in_parts(self.spec, n, t, self.terms.y[0].matrix.shape[0] // n)
        return counts_of(self.spec, n, t, rows_add_to_one=self.terms.rows_add_to_one)

    @property
    def shape(self) -> tuple[int, int]:
        """Units and periods of the arrays."""
        return self.design.y.shape[0], self.design.y.shape[1]

    @property
    def keys(self) -> list[tuple[str, ...]]:
        """Index of the coefficients of z in the parameters."""
        design, spec = self.design, self.spec
        if self.terms.has_parts:
            return _part_keys(self.plain.names, design.lagged, self.terms, self.regimes)
        keys = [("x", name) for name in design.names] + [("wx", name) for name in design.lagged]
        return [*keys, *design.means, *(("dynamic", name) for name in spec.dynamics)]

    def with_terms(self, terms: TermWeights) -> ModelData:
        """Return the same data with other matrices for the parts."""
        design = _in_parts(self.plain, terms, self.regimes, self.design.lagged)
        return replace(self, design=design, terms=terms)

    def with_outcome(self, y: np.ndarray) -> ModelData:
        """Return the same regressors with another outcome, shape (n_units, n_periods)."""
        plain = replace(self.plain, y=y)
        design = _in_parts(plain, self.terms, self.regimes, self.design.lagged)
        return replace(self, design=design, plain=plain)


def build_model_data(
    panel: SpatialPanel,
    draft: RegressionSpec,
    terms: TermWeights,
    durbin: str | Iterable[str] | None = None,
    functions: Functions | None = None,
) -> ModelData:
    """Evaluate the formula, form the lags of the model, remove effects, project.

    Parameters
    ----------
    panel : SpatialPanel
    draft : RegressionSpec
        Without the names of outcome and regressors.
    terms : TermWeights
        The weights that the model needs, one W for each term.
    durbin : str or iterable of str, optional
        Which regressors to lag.
    functions : mapping, optional
        The caller's own functions that the formula may call.

    Returns
    -------
    ModelData

    Raises
    ------
    PanelError, OptionError, CollinearityError, AbsorbedRegressorError
        If the data do not allow estimation.
    """
    design = build_design(
        draft.formula,
        panel,
        matrix_of(terms.weights_y),
        matrix_of(terms.weights_x),
        keep_intercept=draft.keeps_intercept,
        durbin=durbin,
        dynamics=draft.dynamics,
        with_means=draft.effects == "correlated-random",
        functions=functions,
    )
    data = ModelData(_completed(draft, design), design, terms, design, {})
    _ = data.projection  # errors in the data are raised here
    return data


def build_parts_data(
    panel: SpatialPanel,
    draft: RegressionSpec,
    terms: TermWeights,
    regimes: Mapping[str, np.ndarray] | None = None,
    durbin: str | Iterable[str] | None = None,
    functions: Functions | None = None,
) -> ModelData:
    """Return the data of a model with several named matrices W in a term.

    Parameters
    ----------
    panel, draft, durbin, functions
        As in `build_model_data`.
    terms : TermWeights
        With parts.
    regimes : mapping of ndarray, optional
        By name, the units that have their own coefficients on X, each shape (n_units,).
    """
    plain = build_design(
        draft.formula, panel, None, None, keep_intercept=draft.keeps_intercept, durbin=None,
        functions=functions,
    )  # fmt: skip
    lagged = tuple(
        name
        for name in (lagged_names(durbin, list(plain.names), panel, functions) if terms.x else ())
        # The spatial lag of a column equal across units is (nearly) the column itself: see
        # `build_design`.
        if durbin is not None or not is_common(plain.z[:, :, plain.names.index(name)])
    )
    regimes = regimes or {ALL: np.ones(panel.n_units, dtype=bool)}
    design = _in_parts(plain, terms, regimes, lagged)
    return ModelData(_completed(draft, design), design, terms, plain, regimes)


def _completed(draft: RegressionSpec, design: Design) -> RegressionSpec:
    return replace(draft, outcome=design.outcome, regressors=design.names, lagged=design.lagged)


def _in_parts(
    plain: Design,
    terms: TermWeights,
    regimes: Mapping[str, np.ndarray],
    lagged: tuple[str, ...],
) -> Design:
    """Return the design with regressors by regime and by part of W."""
    n, t, _ = plain.z.shape
    regimes_of, matrices = dict(regimes), matrices_by_name(terms.x)
    columns = []
    keys = _part_keys(plain.names, lagged, terms, regimes)
    for block, name, part in keys:
        column = plain.z[:, :, plain.names.index(name)]
        if block == "wx":
            column = lag(matrices[part], column)
        elif name != INTERCEPT:
            column = column * regimes_of[part][:, None]
        columns.append(column)
    z = np.stack(columns, axis=2) if columns else np.zeros((n, t, 0))
    titles = tuple(f"{'W ' if block == 'wx' else ''}{name}, {part}" for block, name, part in keys)
    lag_y = np.stack([lag(matrix, plain.y) for matrix in terms.matrices_y], axis=2)
    return replace(plain, z=z, lag_y=lag_y, lagged=lagged, columns=titles)


def _part_keys(
    names: tuple[str, ...],
    lagged: tuple[str, ...],
    terms: TermWeights,
    regimes: Mapping[str, np.ndarray],
) -> list[tuple[str, ...]]:
    """Return (block, variable, part) of each column of z."""
    intercept = next(iter(regimes)) if len(regimes) == 1 else ALL
    keys = [
        ("x", name, part)
        for name in names
        for part in ((intercept,) if name == INTERCEPT else regimes)
    ]
    return [*keys, *(("wx", name, part.name) for part in terms.x for name in lagged)]


def matrix_of(weights: SpatialWeights | None) -> sparse.csr_array | None:
    """Return the sparse matrix, if there is one."""
    return None if weights is None else weights.sparse
