"""How the incidental-parameter bias of fixed effects is corrected."""

from __future__ import annotations

from nqp_spatial.core.text import t
from nqp_spatial.errors import OptionError
from nqp_spatial.regression._term_weights import TermWeights, row_sum_advice
from nqp_spatial.regression.spec import Correction, RegressionSpec

__all__ = ["BIAS_CORRECTED", "NOTHING_TO_LAG", "resolve_correction"]

BIAS_CORRECTED = t("bias-corrected: the log-likelihood is the maximum of the uncorrected one")
NOTHING_TO_LAG = t("no regressors have a spatial lag: the model has no W X")
_PERIOD_DUMMIES = t(
    "rows of W do not add to one, so period effects cannot be transformed away: they are dummy "
    "variables, and the score is corrected for the bias of order 1/n that they cause; the "
    "log-likelihood is the maximum of the uncorrected one"
)


def resolve_correction(
    correction: str, spec: RegressionSpec, terms: TermWeights
) -> tuple[Correction, tuple[str, ...]]:
    """Return the correction to use, and notes about it."""
    stochastic = terms.rows_add_to_one
    if spec.has_phi and spec.covariance not in ("observed", "expected"):
        raise OptionError(
            f"covariance={spec.covariance!r} is not offered with random effects; use 'observed' or "
            "'expected'"
        )
    if spec.keeps_intercept:
        return "none", ()
    if spec.estimator == "m":
        if not spec.is_dynamic:
            _require_demeaning(spec, terms)
        return ("none" if spec.is_dynamic else "transformation"), ()  # the scores are adjusted
    if spec.estimator == "gs2sls":
        return "transformation", ()  # of sigma2 only: divided by the observations after demeaning
    if spec.is_dynamic and spec.sweeps_units:
        return _resolve_dynamic(correction, spec, terms)
    # W y_(t-1) alone has no log-determinant that period dummies would bias.
    contemporaneous = spec.has_rho or spec.has_lam
    if correction == "auto":
        if spec.effects == "unit" or stochastic or not contemporaneous:
            return "transformation", ()
        return "bias", (_PERIOD_DUMMIES,)
    if correction == "transformation" and spec.effects != "unit" and contemporaneous:
        _require_stochastic(correction, spec, terms)
    if correction == "bias" and spec.effects != "unit" and contemporaneous:
        return "bias", (BIAS_CORRECTED if stochastic else _PERIOD_DUMMIES,)
    if correction == "bias":
        # Unit effects alone bias sigma2 only, and models without rho have nothing else to correct:
        # the transformation is the exact form of that correction.
        note = t("with these effects the bias correction is the transformation")
        return "transformation", (note,)
    return ("none" if correction == "none" else "transformation"), ()


def _resolve_dynamic(
    correction: str, spec: RegressionSpec, terms: TermWeights
) -> tuple[Correction, tuple[str, ...]]:
    if correction == "transformation":
        raise OptionError(
            "unit effects of a dynamic model cannot be transformed away, the past being among the "
            "regressors; use correction='bias' (the default) or 'none'"
        )
    if correction == "none":
        return "none", (t("not corrected: unit effects bias tau, eta and rho by order 1/T"),)
    if spec.effects == "two-way" and not terms.rows_add_to_one:
        note = t(
            "rows of W do not add to one, so period effects cannot be transformed away: they are "
            "dummy variables"
        )
        return "bias", (note, BIAS_CORRECTED)
    return "bias", (BIAS_CORRECTED,)


def _require_stochastic(correction: str, spec: RegressionSpec, terms: TermWeights) -> None:
    for weights in (terms.weights_y, terms.weights_u):
        if weights is not None and not weights.rows_add_to_one:
            raise OptionError(
                f"correction={correction!r} with {spec.effects} effects needs weights whose rows "
                f"add to one; {row_sum_advice(weights)}, or use correction='none'"
            )


def _require_demeaning(spec: RegressionSpec, terms: TermWeights) -> None:
    """Refuse adjusted scores where demeaning does not remove the filtered period effects."""
    weights = terms.weights_u
    if weights is not None and spec.sweeps_periods and not weights.rows_add_to_one:
        raise OptionError(
            f"estimator='m' with spatial errors and {spec.effects} effects needs weights whose "
            f"rows add to one; {row_sum_advice(weights)}, or use effects='unit' or "
            "estimator='gs2sls'"
        )
