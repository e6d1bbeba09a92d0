"""Regressions, estimated again by spreg, statsmodels and linearmodels.

The data of a panel are stacked and its effects are removed here, by dummy variables or by an
orthonormal basis, so that programs for cross-sections estimate models of panels.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import scipy.linalg
from scipy import sparse

from nqp_spatial.core.provenance import Call
from nqp_spatial.core.text import t
from nqp_spatial.peers._quantities import ALIKE, EXACT, ITERATED, NoPeerError, Quantity, quantity
from nqp_spatial.regression._model_data import build_model_data
from nqp_spatial.regression.spec import RegressionSpec

__all__ = ["effects", "fit"]

_LARGEST = 400_000  # links of the stacked W, which spreg keeps in dictionaries
_ERROR_MODELS = ("sem", "sdem")
_DIAGONAL = t(
    "spreg takes the diagonal of W to be zero, and that of W without period effects is not"
)
_INFORMATION = t("our information is the observed one, spreg's is the expected one")


@dataclass(frozen=True, eq=False)
class _Stacked:
    """Outcome, regressors and W of all periods, one below the other."""

    y: np.ndarray
    z: np.ndarray
    w: sparse.csr_array | None
    n_columns: int  # of z that are regressors; the others are dummies

    @property
    def graph(self) -> Any:
        """W as spreg takes it."""
        from libpysal.weights import WSP

        assert self.w is not None
        if self.w.nnz > _LARGEST:
            raise NoPeerError(
                t(
                    "spreg keeps W of all periods in dictionaries, here {links} links; more than "
                    "{most} are not tried: take fewer units or periods",
                    links=self.w.nnz, most=_LARGEST,
                )
            )  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of units without neighbours, and of parts
            return WSP(sparse.csr_matrix(self.w)).to_W(silence_warnings=True)


def fit(call: Call, result: Any) -> list[Quantity]:
    """Compare parameters, error variance, likelihood and standard errors."""
    spec = result.spec
    _require_a_peer(spec)
    stacked = _stack(call, result)
    if spec.is_linear:
        return [*_by_statsmodels(result, stacked), *_by_linearmodels(call, result, stacked)]
    if spec.estimator == "gs2sls":
        return _by_two_stages(result, stacked)
    return _by_likelihood(result, stacked)


def _require_a_peer(spec: RegressionSpec) -> None:
    reasons = {
        t("no Python program has random unit effects beside spatial terms"): spec.has_phi,
        t("no Python program corrects for period dummies"): spec.correction == "bias",
        t("no Python program has adjusted scores"): spec.estimator == "m",
        t("no Python program has errors that follow their past beside spatial terms"): spec.serial,
        t("spreg estimates models with W y and W u by moments only"): spec.model in ("sac", "gns"),
        t("spreg's moments of spatial errors are others"): (
            spec.estimator == "gs2sls" and spec.has_lam
        ),
    }
    for reason, applies in reasons.items():
        if applies:
            raise NoPeerError(reason)


def _stack(call: Call, result: Any) -> _Stacked:
    arguments = call.arguments
    if arguments["endogenous"] or arguments["instruments"]:
        raise NoPeerError(t("compare instruments of a caller with linearmodels.iv directly"))
    data = build_model_data(
        arguments["panel"], result.spec, result.terms, arguments["durbin"], arguments["functions"]
    )
    spec, design = result.spec, data.design
    weights = result.terms.weights_y or result.terms.weights_u
    matrix = None if weights is None else weights.sparse
    n, periods = design.y.shape
    moves = spec.correction == "transformation"
    over_time = scipy.linalg.helmert(periods) if moves and spec.sweeps_units else np.eye(periods)
    over_units = scipy.linalg.helmert(n) if moves and spec.sweeps_periods else None
    y = over_time @ design.y.T
    z = np.einsum("st,itk->sik", over_time, design.z)
    if over_units is not None:
        y, z = y @ over_units.T, np.einsum("ji,sik->sjk", over_units, z)
        if matrix is not None:
            matrix = sparse.csr_array(over_units @ (matrix @ over_units.T))
    w = None if matrix is None else sparse.kron(sparse.eye_array(len(y)), matrix, format="csr")
    columns = z.reshape(-1, z.shape[2])
    dummies = [] if moves else _dummies(spec, y.shape)
    return _Stacked(y.reshape(-1, 1), np.column_stack([columns, *dummies]), w, columns.shape[1])


def _dummies(spec: RegressionSpec, shape: tuple[int, int]) -> list[np.ndarray]:
    """Return dummies of units and of periods; a constant is among them."""
    periods, n = shape
    dummies = []
    if spec.sweeps_units:
        dummies.append(np.tile(np.eye(n), (periods, 1)))
    if spec.sweeps_periods:
        by_period = np.repeat(np.eye(periods), n, axis=0)
        dummies.append(by_period[:, 1:] if spec.sweeps_units else by_period)
    return dummies


def _positions(result: Any) -> tuple[list[int], list[int]]:
    """Return the places in our parameters of the coefficients of z and of rho or lam."""
    blocks = result.params.index.get_level_values("block")
    spatial = [place for place, block in enumerate(blocks) if block == "spatial"]
    return [place for place in range(len(blocks)) if place not in spatial], spatial


def _by_likelihood(result: Any, stacked: _Stacked) -> list[Quantity]:
    from spreg.ml_error import BaseML_Error
    from spreg.ml_lag import BaseML_Lag

    # Its method by eigenvalues takes W to be row-standardised, and its standard errors then rest on
    # a symmetric matrix that is only similar to W.
    method = "LU"
    estimator = BaseML_Error if result.spec.model in _ERROR_MODELS else BaseML_Lag
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = estimator(stacked.y, stacked.z, w=stacked.graph, method=method, epsilon=1e-10)
    coefs, spatial = _positions(result)
    estimates, k = theirs.betas.ravel(), stacked.n_columns
    rows = _named(result, coefs, estimates[:k], "spreg", wanted=ITERATED)
    rows += _named(result, spatial, estimates[-1:], "spreg", wanted=ITERATED)
    rows += [
        quantity("sigma2", result.sigma2, theirs.sig2, "spreg", wanted=ITERATED),
        quantity("loglik", result.loglik, theirs.logll, "spreg", wanted=6.0),
    ]
    errors = np.sqrt(np.diag(theirs.vm))
    places = [*range(k), len(estimates) - 1]
    reason: str = "" if result.spec.covariance == "expected" else _INFORMATION
    assert stacked.w is not None
    if not reason and np.abs(stacked.w.diagonal()).max() > 0:
        reason = _DIAGONAL
    if result.spec.covariance in ("observed", "expected"):
        ours = result.std_errors.to_numpy()[[*coefs, *spatial]]
        rows.append(
            quantity(
                "std_errors",
                ours,
                errors[places],
                "spreg",
                wanted=ALIKE if reason else ITERATED,
                reason=reason,
            )
        )
    return rows


def _named(
    result: Any, places: list[int], theirs: np.ndarray, program: str, *, wanted: float = EXACT
) -> list[Quantity]:
    """Compare parameters one by one."""
    names = [" ".join(map(str, key)) for key in result.params.index[places]]
    ours = result.params.to_numpy()[places]
    return [
        quantity(name, a, b, program, wanted=wanted)
        for name, a, b in zip(names, ours, theirs, strict=True)
    ]


def _by_two_stages(result: Any, stacked: _Stacked) -> list[Quantity]:
    """Compare with W y instrumented by W X, W^2 X and, where W X is in the model, W^3 X."""
    from linearmodels.iv import IV2SLS

    assert stacked.w is not None
    own = len([name for block, name in result.params.index if block == "x"])
    regressors = stacked.z[:, :own]
    powers = [stacked.w @ regressors]
    for _ in range(1 + result.spec.has_lags):
        powers.append(stacked.w @ powers[-1])
    excluded = np.column_stack(powers[result.spec.has_lags :])
    lag = stacked.w @ stacked.y
    theirs = IV2SLS(stacked.y, stacked.z, lag, excluded).fit(cov_type="unadjusted")
    coefs, spatial = _positions(result)
    estimates = theirs.params.to_numpy()
    return [
        *_named(result, coefs, estimates[: stacked.n_columns], "linearmodels", wanted=7.0),
        *_named(result, spatial, estimates[-1:], "linearmodels", wanted=7.0),
    ]


def _by_statsmodels(result: Any, stacked: _Stacked) -> list[Quantity]:
    import statsmodels.api as sm

    theirs = sm.OLS(stacked.y.ravel(), stacked.z).fit()
    k = stacked.n_columns
    rows = _named(result, list(range(k)), theirs.params[:k], "statsmodels")
    if result.spec.covariance in ("observed", "expected"):
        rows.append(quantity("std_errors", result.std_errors, theirs.bse[:k], "statsmodels"))
    return rows


def _by_linearmodels(call: Call, result: Any, stacked: _Stacked) -> list[Quantity]:
    """Compare a linear model with effects; nothing where linearmodels is not installed."""
    spec, panel = result.spec, call.arguments["panel"]
    if not (spec.sweeps_units or spec.sweeps_periods):
        return []
    try:
        from linearmodels.panel import PanelOLS
    except ImportError:
        return []
    data = build_model_data(
        panel, spec, result.terms, call.arguments["durbin"], call.arguments["functions"]
    )
    index = pd.MultiIndex.from_product([range(panel.n_units), range(data.shape[1])])
    z = pd.DataFrame(data.design.z.reshape(len(index), -1), index=index)
    y = pd.Series(data.design.y.ravel(), index=index)
    model = PanelOLS(y, z, entity_effects=spec.sweeps_units, time_effects=spec.sweeps_periods)
    options = {"cov_type": "unadjusted", "debiased": True}
    if spec.covariance == "cluster" and not spec.cluster:
        options = {"cov_type": "clustered", "cluster_entity": True}
    theirs = model.fit(**options)
    rows = [quantity("params within", result.params, theirs.params, "linearmodels")]
    if spec.covariance in ("observed", "expected") or "cluster_entity" in options:
        reason: str = ""
        if "cluster_entity" in options:
            reason = t("the factors for few clusters and for effects differ")
        rows.append(
            quantity(
                "std_errors within", result.std_errors, theirs.std_errors, "linearmodels",
                wanted=ALIKE if reason else EXACT, reason=reason,
            )
        )  # fmt: skip
    return rows


def effects(call: Call, result: Any) -> list[Quantity]:
    """Compare direct, indirect and total effects with multipliers by spreg."""
    from spreg.sputils import spmultiplier

    model = call.args[0]
    spec, terms = model.spec, model.terms
    if not spec.has_rho or spec.is_dynamic or (spec.model == "gns" and terms.weights_y is None):
        raise NoPeerError(t("spreg has multipliers of static models with W y only"))
    if terms.has_parts or (terms.weights_x not in (None, terms.weights_y)):
        raise NoPeerError(t("spreg has multipliers of one W only"))
    rho = float(model.params["spatial", "rho"])
    factor = spmultiplier(terms.weights_y.to_W(), rho, method="full")
    plain = {"direct": factor["adi"], "total": factor["ati"]}
    # tr (I - rho W)^-1 W = (tr (I - rho W)^-1 - n) / rho, and so for the sums of rows.
    lagged = {kind: (value - 1) / rho for kind, value in plain.items()}
    frame, rows = result.frame, []
    for name in dict.fromkeys(frame["variable"]):
        if ("x", name) not in model.params.index or call.arguments["at"]:
            continue
        a = float(model.params["x", name])
        b = float(model.params.get(("wx", name), 0.0))
        theirs = {kind: a * plain[kind] + b * lagged[kind] for kind in plain}
        theirs["indirect"] = theirs["total"] - theirs["direct"]
        mine = frame[frame["variable"] == name].set_index("effect")["estimate"]
        rows += [
            quantity(f"{kind} effect of {name}", mine[kind], theirs[kind], "spreg", wanted=7.0)
            for kind in ("direct", "indirect", "total")
        ]
    if not rows:
        raise NoPeerError(t("effects of products and at values are no combinations of multipliers"))
    return rows
