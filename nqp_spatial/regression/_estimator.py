"""Which estimator a model takes, and what each estimator does not offer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from nqp_spatial.errors import OptionError
from nqp_spatial.regression.spec import Estimator, RegressionSpec
from nqp_spatial.weights.spatial_weights import SpatialWeights

__all__ = ["check_estimator", "dummies_filtered", "resolve_estimator"]

#: Periods after the first from which ``auto`` is maximum likelihood with its bias corrected.
_LONG = 15


def resolve_estimator(
    estimator: Estimator, spec: RegressionSpec, n_periods: int, correction: str = "auto"
) -> Estimator:
    """Return the estimator of a model: the one asked for, or the one that ``auto`` takes."""
    short = spec.is_dynamic and spec.sweeps_units
    static = not (spec.is_dynamic or spec.has_phi)
    spatial = spec.has_rho or spec.has_lam
    if estimator == "m" and not short:
        _check_adjusted_score(spec, static=static, spatial=spatial)
    if estimator != "auto":
        return estimator
    if short and correction == "auto" and spec.covariance == "robust":
        return "m"
    if short and correction == "auto" and spec.covariance == "observed" and n_periods - 1 < _LONG:
        return "m"
    return "m" if spec.covariance == "robust" and static and spatial else "ml"


def dummies_filtered(
    estimator: Estimator, spec: RegressionSpec, errors: SpatialWeights | None
) -> RegressionSpec:
    """Return the likelihood for a dynamic model whose filtered period dummies are not dummies.

    Adjusted scores take period effects out by demeaning, which spatial errors permit only where
    rows of their W add to one.
    """
    if not (spec.estimator == "m" and spec.is_dynamic and spec.sweeps_periods):
        return spec
    if errors is None or errors.rows_add_to_one:
        return spec
    if estimator == "m" or spec.covariance == "robust":
        raise OptionError(
            "adjusted scores with spatial errors and period effects need weights of the errors "
            "whose rows add to one; standardise them by rows, or use effects='unit' or "
            "estimator='ml'"
        )
    return replace(spec, estimator="ml")


def _check_adjusted_score(spec: RegressionSpec, *, static: bool, spatial: bool) -> None:
    """Refuse models and covariances that the adjusted-score estimator does not have."""
    if not static:
        kind = (
            "dynamic models without unit effects"
            if spec.is_dynamic
            else f"effects={spec.effects!r}"
        )
        raise OptionError(f"estimator='m' is not offered for {kind}; use estimator='ml'")
    if not spatial:
        raise OptionError(
            f"model {spec.model!r} has no rho or lam, whose scores estimator='m' adjusts; use "
            "estimator='ml', which is least squares here"
        )
    if spec.covariance not in ("robust", "cluster"):
        raise OptionError(
            f"covariance={spec.covariance!r} is not offered by estimator='m', which allows for "
            "unequal variances; use covariance='robust' or 'cluster', or, for errors of one "
            "variance, estimator='ml'"
        )
    if spec.cluster:
        raise OptionError(
            "the errors of estimator='m' are independent between units, so that its clusters are "
            "the units; leave cluster= out, or use estimator='gs2sls'"
        )


def _check_short_panel(
    spec: RegressionSpec,
    correction: str,
    endogenous: str | Iterable[str],
    instruments: str | Iterable[str] | None,
) -> None:
    """Refuse what adjusted scores of a dynamic panel have no meaning for."""
    if correction not in ("auto", "none"):
        raise OptionError(
            "adjusted scores have no bias left to correct; leave correction='auto', or use "
            f"estimator='ml' with correction={correction!r}"
        )
    if endogenous or instruments is not None:
        raise OptionError(
            "endogenous regressors and instruments are for estimator='gs2sls'; adjusted scores "
            "take all regressors as exogenous"
        )
    if spec.covariance not in ("observed", "robust"):
        raise OptionError(
            f"covariance={spec.covariance!r} is not offered for adjusted scores; 'observed' is "
            "valid for errors that are not normal, 'robust' also where their variances differ; or "
            "use estimator='ml'"
        )


def check_estimator(
    spec: RegressionSpec,
    correction: str,
    endogenous: str | Iterable[str],
    instruments: str | Iterable[str] | None,
) -> None:
    """Refuse options that an estimator does not support, and instruments where it has none."""
    if spec.estimator == "m" and spec.is_dynamic:
        _check_short_panel(spec, correction, endogenous, instruments)
        return
    if spec.estimator == "ml":
        if endogenous or instruments is not None:
            raise OptionError(
                "endogenous regressors and instruments are for estimator='gs2sls'; likelihood "
                "takes all regressors as exogenous"
            )
        return
    if spec.estimator == "m":
        _check_options_of_adjusted_score(correction, endogenous, instruments)
        return
    if spec.is_dynamic or spec.has_phi:
        kind = "dynamic models" if spec.is_dynamic else f"effects={spec.effects!r}"
        raise OptionError(f"estimator='gs2sls' is not offered for {kind}; use estimator='ml'")
    if correction not in ("auto", "none"):
        raise OptionError(
            "two-stage least squares has no incidental parameters to correct for; leave "
            f"correction='auto', not {correction!r}"
        )
    if spec.covariance == "expected":
        raise OptionError(
            "covariance='expected' is the information of a likelihood, which two-stage least "
            "squares does not have; use 'observed', for errors of equal variance, or 'robust'"
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


def _check_options_of_adjusted_score(
    correction: str, endogenous: str | Iterable[str], instruments: str | Iterable[str] | None
) -> None:
    if endogenous or instruments is not None:
        raise OptionError(
            "endogenous regressors and instruments are for estimator='gs2sls'; adjusted scores "
            "(estimator='m', which covariance='robust' takes for rho and lam) treat all regressors "
            "as exogenous"
        )
    if correction not in ("auto", "none"):
        raise OptionError(
            "adjusted scores have mean zero with any fixed effects and need no correction; leave "
            f"correction='auto', not {correction!r}"
        )
