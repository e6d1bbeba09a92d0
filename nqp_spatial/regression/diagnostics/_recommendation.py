"""From tests to a model: the rule of Elhorst (2010), and the sentences that explain the choice."""

from __future__ import annotations

from collections.abc import Mapping

from nqp_spatial.core.inference import HypothesisTest, NotApplicable
from nqp_spatial.core.number_format import p_words
from nqp_spatial.core.text import Message, join, t

__all__ = ["recommend"]

Tests = Mapping[str, HypothesisTest | NotApplicable]


def recommend(tests: Tests, level: float, *, lags: bool = True) -> tuple[str, Message]:
    """Return a model and the sentences that explain the choice.

    Parameters
    ----------
    tests : mapping
        Tests of the specification path, by name.
    level : float
        Level of significance.
    lags : bool
        Whether there are regressors to lag: without them the Durbin model is the lag model.

    Returns
    -------
    str
        The model's short name.
    Message
    """
    dependent = _rejects(tests, "LM lag", level) or _rejects(tests, "LM error", level)
    if not lags:
        model, sentences = _without_lags(tests, dependent=dependent)
    else:
        model, sentences = (_with_dependence if dependent else _without_dependence)(tests, level)
    rule = t("Rule: Elhorst (2010), tests at {level:g}.", level=level)
    return model, join(" ", [*sentences, rule])


def _rejects(tests: Tests, name: str, level: float) -> bool:
    return bool(tests[name].p_value < level)


def _p(tests: Tests, name: str) -> Message:
    """Return the p-value of a test in words."""
    p_value = tests[name].p_value
    if not tests[name].applicable:
        return t("not applicable")
    return p_words(p_value)


def _no_dependence(tests: Tests) -> Message:
    return t(
        "Neither a spatial lag (LM, {lag}) nor a spatial error ({error}) is found in the linear "
        "model.",
        lag=_p(tests, "LM lag"),
        error=_p(tests, "LM error"),
    )


def _dependence(tests: Tests) -> Message:
    return t(
        "The linear model has spatial dependence (LM lag, {lag}; LM error, {error}).",
        lag=_p(tests, "LM lag"),
        error=_p(tests, "LM error"),
    )


def _without_lags(tests: Tests, *, dependent: bool) -> tuple[str, list[Message]]:
    if not dependent:
        return "ols", [_no_dependence(tests), _RECOMMENDED_LINEAR]
    reason = t("Without regressors the Durbin model is the lag model.")
    return "sar", [_dependence(tests), reason, _RECOMMENDED_LAG]


def _without_dependence(tests: Tests, level: float) -> tuple[str, list[Message]]:
    start = _no_dependence(tests)
    against_slx, against_sar = "Wald: SDM against SLX", "LR: SDM against SAR"
    if not _rejects(tests, against_slx, level) and not _rejects(tests, against_sar, level):
        return "ols", [start, _RECOMMENDED_LINEAR]
    if _rejects(tests, "LR: SDM against SLX", level):
        reason = t(
            "With W X in the model, rho differs from zero (LR, {p}).",
            p=_p(tests, "LR: SDM against SLX"),
        )
        return "sdm", [start, reason, _RECOMMENDED_DURBIN]
    return "slx", [start, t("The spatial lags of the regressors matter."), t("Recommended: SLX.")]


def _with_dependence(tests: Tests, level: float) -> tuple[str, list[Message]]:
    against_sar, against_sem = "LR: SDM against SAR", "LR: SDM against SEM"
    start = [
        _dependence(tests),
        t(
            "The Durbin model against the lag model: {lag}; against the error model: {error} (LR).",
            lag=_p(tests, against_sar),
            error=_p(tests, against_sem),
        ),
    ]
    if not (tests[against_sar].applicable or tests[against_sem].applicable):
        reason = t("The Durbin model cannot be tested against them and is kept.")
        return "sdm", [*start, reason, _RECOMMENDED_DURBIN]
    to_lag = _rejects(tests, "robust LM lag", level)
    to_error = _rejects(tests, "robust LM error", level)
    not_lag = _rejects(tests, against_sar, level)
    not_error = _rejects(tests, against_sem, level)
    may_lag = tests[against_sar].applicable and not not_lag
    may_error = tests[against_sem].applicable and not not_error
    if may_lag and to_lag and not to_error:
        reason = t("theta = 0 is not rejected, and the robust LM tests point to the spatial lag.")
        return "sar", [*start, reason, _RECOMMENDED_LAG]
    if may_error and to_error and not to_lag:
        reason = t(
            "The common factor is not rejected, and the robust LM tests point to the spatial error."
        )
        return "sem", [*start, reason, t("Recommended: SEM.")]
    if not_lag and not_error:
        reason = t("Both simplifications are rejected.")
    elif may_lag or may_error:
        reason = t(
            "A simplification is not rejected, but the robust LM tests do not point to it alone."
        )
    else:
        reason = t("A simplification cannot be tested.")
    return "sdm", [*start, reason, _RECOMMENDED_DURBIN]


_RECOMMENDED_LINEAR = t("Recommended: the linear model.")
_RECOMMENDED_LAG = t("Recommended: SAR.")
_RECOMMENDED_DURBIN = t("Recommended: the spatial Durbin model (SDM).")
