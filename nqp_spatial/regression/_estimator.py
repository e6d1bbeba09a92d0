"""Which estimator a model takes, and what each estimator does not offer."""

from __future__ import annotations

from collections.abc import Iterable

from nqp_spatial.errors import OptionError
from nqp_spatial.regression.spec import Estimator, RegressionSpec

__all__ = ["check_estimator", "resolve_estimator"]


def resolve_estimator(estimator: Estimator, spec: RegressionSpec, n_periods: int) -> Estimator:
    """Return the estimator of a model: the one asked for, or the one that ``auto`` takes."""
    if estimator == "m":
        raise OptionError("estimator='m' is not offered for this model; use estimator='ml'")
    return "ml" if estimator == "auto" else estimator


def check_estimator(
    spec: RegressionSpec,
    correction: str,
    endogenous: str | Iterable[str],
    instruments: str | Iterable[str] | None,
) -> None:
    """Refuse options that two-stage least squares does not support, and instruments without it."""
    if spec.estimator == "ml":
        if endogenous or instruments is not None:
            raise OptionError(
                "endogenous regressors and instruments are for estimator='gs2sls'; likelihood "
                "takes all regressors as exogenous"
            )
        return
    if spec.is_dynamic or spec.has_phi:
        kind = "dynamic models" if spec.is_dynamic else f"effects={spec.effects!r}"
        raise OptionError(f"estimator='gs2sls' is not offered for {kind}; use estimator='ml'")
    if correction not in ("auto", "none"):
        raise OptionError(
            "two-stage least squares has no incidental parameters to correct for; leave "
            f"correction='auto', not {correction!r}"
        )
    if spec.has_lam and spec.covariance == "driscoll-kraay":
        raise OptionError(
            f"covariance={spec.covariance!r} is not offered for lam by estimator='gs2sls'; use "
            "'observed', 'robust', 'cluster' or 'conley'"
        )
    if spec.model in ("ols", "slx") and not endogenous:
        raise OptionError(
            f"model {spec.model!r} has nothing to instrument; name endogenous regressors, or use "
            "estimator='ml', which is least squares here"
        )
