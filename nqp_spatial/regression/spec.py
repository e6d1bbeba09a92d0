"""`RegressionSpec`: the one specification object of which every model is a special case."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from nqp_spatial.core.display import Block, Displayed
from nqp_spatial.core.text import Message, join, label, t
from nqp_spatial.errors import OptionError

__all__ = [
    "Correction",
    "Covariance",
    "Effects",
    "Estimator",
    "Kernel",
    "Model",
    "RandomErrors",
    "RegressionSpec",
    "check_covariance",
    "check_options",
]

Model = Literal["ols", "slx", "sar", "sem", "sdm", "sdem", "sac", "gns"]
Effects = Literal["none", "unit", "period", "two-way", "random", "correlated-random"]
Correction = Literal["auto", "none", "transformation", "bias"]
Covariance = Literal["observed", "expected", "qml", "robust", "cluster", "driscoll-kraay", "conley"]
Estimator = Literal["auto", "ml", "gs2sls", "m"]
Kernel = Literal["bartlett", "uniform"]
RandomErrors = Literal["kkp", "bsk"]


@dataclass(frozen=True, repr=False)
class RegressionSpec(Displayed):
    """The model and its estimator.

    ``y_t = rho W y_t + tau y_(t-1) + eta W y_(t-1) + X_t beta + W X_t theta + mu + nu_t + u_t``,
    ``u_t = lam W u_t + e_t``. Each model has some of these terms:

    ========  =====  ========  =====
    model     W y    W X       W u
    ========  =====  ========  =====
    ols
    slx              theta
    sar       rho
    sem                        lam
    sdm       rho    theta
    sdem             theta     lam
    sac       rho              lam
    gns       rho    theta     lam
    ========  =====  ========  =====

    Attributes
    ----------
    formula : str
        As it was passed.
    outcome : str
        Name of y.
    regressors : tuple of str
        Columns of X.
    lagged : tuple of str
        Columns of X whose spatial lag W X enters.
    model : {"ols", "slx", "sar", "sem", "sdm", "sdem", "sac", "gns"}
    effects : {"none", "unit", "period", "two-way", "random", "correlated-random"}
    correction : {"none", "transformation", "bias"}
        The correction for the incidental parameters, after "auto" was resolved.
    covariance : {"observed", "expected", "qml", "robust", "cluster", "driscoll-kraay", "conley"}
    time_lag, space_time_lag : bool
        Whether tau and eta are in the model.
    estimator : {"ml", "gs2sls", "m"}
        Maximum likelihood, generalised spatial two-stage least squares, or adjusted scores, after
        "auto" was resolved.
    weights : str
        The weights in words; empty if there are none.
    cluster : tuple of str
        Columns whose values form the clusters of ``cluster``; the units if empty.
    cutoff_km : float or None
        Distance from which errors are uncorrelated, for ``conley``.
    kernel : {"bartlett", "uniform"}
        Of distance, for ``conley``.
    lags : int or None
        Periods over which errors of a unit are correlated, for ``conley`` and ``driscoll-kraay``.
    random_errors : {"kkp", "bsk"}
        Whether random unit effects follow the spatial process of the errors, or not.
    serial : bool
        Whether errors follow their past, ``e_t = psi e_(t-1) + v_t``.

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
    time_lag: bool = False
    space_time_lag: bool = False
    estimator: Estimator = "ml"
    weights: str = ""
    cluster: tuple[str, ...] = ()
    cutoff_km: float | None = None
    kernel: Kernel = "bartlett"
    lags: int | None = None
    random_errors: RandomErrors = "kkp"
    serial: bool = False

    @property
    def has_rho(self) -> bool:
        """Whether W y enters."""
        return self.model in ("sar", "sdm", "sac", "gns")

    @property
    def has_lags(self) -> bool:
        """Whether W X enters."""
        return self.model in ("slx", "sdm", "sdem", "gns")

    @property
    def has_lam(self) -> bool:
        """Whether the errors are spatially autoregressive."""
        return self.model in ("sem", "sdem", "sac", "gns")

    @property
    def has_phi(self) -> bool:
        """Whether unit effects are random."""
        return self.effects in ("random", "correlated-random")

    @property
    def keeps_intercept(self) -> bool:
        """Whether the model has an intercept, which fixed effects would replace."""
        return not (self.sweeps_units or self.sweeps_periods)

    @property
    def is_dynamic(self) -> bool:
        """Whether outcomes of the previous period enter."""
        return self.time_lag or self.space_time_lag

    @property
    def is_linear(self) -> bool:
        """Whether the estimator is least squares, with its exact t distribution."""
        spatial = self.has_rho or self.has_lam
        other = self.is_dynamic or self.has_phi or self.serial or self.estimator == "gs2sls"
        return not (spatial or other)

    @property
    def has_error_components(self) -> bool:
        """Whether the errors need the likelihood of Baltagi, Song, Jung and Koh (2007)."""
        return self.serial or (self.random_errors == "bsk" and self.has_phi and self.has_lam)

    @property
    def dynamics(self) -> tuple[str, ...]:
        """Names of the dynamic parameters."""
        return ("tau",) * self.time_lag + ("eta",) * self.space_time_lag

    @property
    def sweeps_units(self) -> bool:
        """Whether unit effects are removed by a transformation."""
        return self.effects in ("unit", "two-way")

    @property
    def sweeps_periods(self) -> bool:
        """Whether period effects are removed by a transformation."""
        return self.effects in ("period", "two-way")

    @property
    def correction_in_words(self) -> Message:
        """The correction, for display: adjusted scores have none besides."""
        if self.estimator == "m" and self.is_dynamic:
            return t("in the scores")
        return label("correction", self.correction)

    def describe(self) -> Message:
        """Return model and effects in words."""
        words = [
            label("dynamic model" if self.is_dynamic else "model", self.model),
            label("effects", self.effects),
        ]
        if self.random_errors == "bsk" and self.has_phi and self.has_lam:
            words.append(t("unit effects not spatial (Baltagi, Song and Koh)"))
        if self.serial:
            words.append(t("serially correlated errors"))
        if self.estimator == "gs2sls":
            words.append(t("by GS2SLS"))
        if self.estimator == "m":
            words.append(
                t("by adjusted scores (Yang 2018)") if self.is_dynamic else t("by adjusted scores")
            )
        return join(", ", words)

    def covariance_words(self) -> Message:
        """Return the covariance in words, with its clusters or its reach."""
        if self.covariance == "cluster" and self.cluster:
            columns = " x ".join(self.cluster)
            return t("clustered by {columns}", columns=columns)
        if self.covariance == "conley":
            reach = [] if self.cutoff_km is None else [t("{km:g} km", km=self.cutoff_km)]
            if self.lags:
                reach.append(t("{lags} lags", lags=self.lags))
            return t("Conley ({reach})", reach=join(", ", reach))
        return label("covariance", self.covariance)

    @property
    def covariance_name(self) -> str:
        """Name of the covariance, with its options where they differ from the usual ones."""
        details = [" x ".join(self.cluster)] if self.cluster else []
        if self.covariance == "conley":
            details += [f"{self.cutoff_km:g} km, {self.kernel}"] if self.cutoff_km else []
        details += [] if self.lags is None else [f"{self.lags} lags"]
        return f"{self.covariance} ({', '.join(details)})" if details else self.covariance

    def _blocks(self) -> list[Block]:
        return [
            self.describe(),
            f"Formula: {self.formula}",
            f"Weights: {self.weights or 'none'}",
            f"Correction: {self.correction_in_words}   Covariance: {self.covariance_name}",
        ]


def check_options(
    *, model: str, effects: str, correction: str, covariance: str, estimator: str
) -> None:
    """Raise `OptionError` for an option that is unknown or not available in this version."""
    for name, value, known in [
        ("model", model, get_args(Model)),
        ("effects", effects, get_args(Effects)),
        ("correction", correction, get_args(Correction)),
        ("covariance", covariance, get_args(Covariance)),
        ("estimator", estimator, get_args(Estimator)),
    ]:
        if value not in known:
            raise OptionError(f"{name} must be one of {', '.join(known)}; got {value!r}")


def check_covariance(spec: RegressionSpec, n_units: int, n_periods: int) -> None:
    """Raise `OptionError` for a covariance that is not valid in this model."""
    kind, likelihood = spec.covariance, spec.estimator == "ml"
    if kind == "qml":
        _check_quasi_likelihood(spec)
    linear = spec.model in ("ols", "slx")
    if likelihood and kind == "robust" and not (linear or spec.has_phi):
        raise OptionError(
            f"covariance='robust' is not offered for model {spec.model!r} by likelihood, whose "
            "estimates of rho and lam are themselves biased where variances differ; use "
            f"{_robust_instead(spec)}, or, for errors of equal variance that are not normal, "
            "covariance='qml'"
        )
    if kind == "cluster" and n_units < 2:
        raise OptionError("covariance='cluster' needs two units or more, this panel has one")
    if kind == "driscoll-kraay" and n_periods < 3:
        raise OptionError(
            "covariance='driscoll-kraay' adds up over periods and needs many of them, some thirty; "
            f"this panel has {n_periods}"
        )


def _robust_instead(spec: RegressionSpec) -> str:
    """Return, in words, what is valid under heteroskedasticity in a model with rho or lam."""
    if not spec.is_dynamic:
        return "estimator='m' (adjusted scores) or 'gs2sls' with covariance='robust'"
    if spec.sweeps_units:
        return "estimator='m' (adjusted scores) with covariance='robust'"
    return "effects='unit' or 'two-way', which have adjusted scores that allow for it"


def _check_quasi_likelihood(spec: RegressionSpec) -> None:
    """Refuse the covariance of quasi maximum likelihood where it is not one."""
    if spec.estimator != "ml":
        raise OptionError(
            "covariance='qml' is for estimator='ml'; with estimator="
            f"{spec.estimator!r} use covariance='robust'"
        )
    if spec.model in ("ols", "slx"):
        raise OptionError(
            f"covariance='qml' is not offered for model {spec.model!r}: it allows for errors that "
            "are not normal, which here gives the classical matrix; use covariance='observed'"
        )
