"""`RegressionSpec`: the one specification object of which every model is a case."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from nqp_spatial.errors import OptionError

__all__ = ["Correction", "Covariance", "Effects", "Model", "RegressionSpec"]

Model = Literal["ols", "slx", "sar", "sdm"]
Effects = Literal["none", "unit", "period", "two-way"]
Correction = Literal["auto", "none", "transformation", "bias"]
Covariance = Literal["observed", "expected", "robust"]

_MODEL_WORDS = {
    "ols": "Linear model",
    "slx": "Spatially lagged X model (SLX)",
    "sar": "Spatial autoregressive model (SAR)",
    "sdm": "Spatial Durbin model (SDM)",
}
_EFFECTS_WORDS = {
    "none": "no fixed effects",
    "unit": "unit fixed effects",
    "period": "period fixed effects",
    "two-way": "unit and period fixed effects",
}
_PLANNED_MODELS = ("sem", "sdem", "sac")


@dataclass(frozen=True)
class RegressionSpec:
    """What is estimated, and how.

    ``y = rho W y + X beta + W X theta + mu_i + lambda_t + e``; ``ols`` has neither rho nor theta,
    ``slx`` theta only, ``sar`` rho only, ``sdm`` both.

    Attributes
    ----------
    formula : str
        As given.
    outcome : str
        Name of y.
    regressors : tuple of str
        Columns of X.
    lagged : tuple of str
        Columns of X of which W X enters.
    model : {"ols", "slx", "sar", "sdm"}
    effects : {"none", "unit", "period", "two-way"}
    correction : {"none", "transformation", "bias"}
        What was done about the incidental parameters, after "auto" was resolved.
    covariance : {"observed", "expected", "robust"}

    Examples
    --------
    >>> RegressionSpec("y ~ x", "y", ("x",), ("x",), "sdm", "two-way").describe()
    'Spatial Durbin model (SDM), unit and period fixed effects'
    """

    formula: str
    outcome: str
    regressors: tuple[str, ...]
    lagged: tuple[str, ...]
    model: Model = "sdm"
    effects: Effects = "two-way"
    correction: Correction = "none"
    covariance: Covariance = "observed"

    @property
    def has_rho(self) -> bool:
        """Whether W y enters."""
        return self.model in ("sar", "sdm")

    @property
    def has_lags(self) -> bool:
        """Whether W X enters."""
        return self.model in ("slx", "sdm")

    @property
    def sweeps_units(self) -> bool:
        """Whether unit effects are swept out."""
        return self.effects in ("unit", "two-way")

    @property
    def sweeps_periods(self) -> bool:
        """Whether period effects are swept out."""
        return self.effects in ("period", "two-way")

    def describe(self) -> str:
        """Return model and effects in words."""
        return f"{_MODEL_WORDS[self.model]}, {_EFFECTS_WORDS[self.effects]}"


def check_options(
    *,
    model: str,
    effects: str,
    correction: str,
    covariance: str,
    time_lag: bool,
    space_time_lag: bool,
) -> None:
    """Raise `OptionError` for an option that is unknown or not offered by this version."""
    if model in _PLANNED_MODELS or effects == "random" or time_lag or space_time_lag:
        raise OptionError(
            f"model {model!r}, effects {effects!r}, time_lag={time_lag}, "
            f"space_time_lag={space_time_lag}: this version fits static ols, slx, sar and sdm "
            "with no, unit, period or two-way fixed effects; error models, random effects and "
            "dynamics are not part of it yet"
        )
    for name, value, known in [
        ("model", model, tuple(_MODEL_WORDS)),
        ("effects", effects, tuple(_EFFECTS_WORDS)),
        ("correction", correction, ("auto", "none", "transformation", "bias")),
        ("covariance", covariance, ("observed", "expected", "robust")),
    ]:
        if value not in known:
            raise OptionError(f"{name} must be one of {', '.join(known)}; got {value!r}")
