"""`RegressionResult`: what a fit returns, labelled, with its provenance."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import stats

from nqp_spatial.errors import OptionError, UnknownColumnError, sample
from nqp_spatial.regression import effects as impacts
from nqp_spatial.regression.design import INTERCEPT
from nqp_spatial.regression.effects import EffectsResult
from nqp_spatial.regression.logdet import LogDet
from nqp_spatial.regression.spec import RegressionSpec
from nqp_spatial.weights.spatial_weights import SpatialWeights

__all__ = ["Convergence", "RegressionResult", "Summary"]


class Summary(str):
    """Text that shows itself with its line breaks."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


@dataclass(frozen=True)
class Convergence:
    """How the maximum was found.

    Attributes
    ----------
    iterations : int
        Newton steps.
    slope : float
        Derivative of the log-likelihood left at the solution, in units of one standard error.
    logdet : str
        Method of the log-determinant.
    logdet_error : float
        Its own (Monte Carlo) error in rho, in standard errors of rho; 0 if exact.
    interval : tuple of float
        Admissible interval of rho.
    """

    iterations: int
    slope: float
    logdet: str
    logdet_error: float
    interval: tuple[float, float]


@dataclass(frozen=True, repr=False, eq=False)
class RegressionResult:
    """An estimated model.

    Attributes
    ----------
    spec : RegressionSpec
    weights_spec : str
        The weights in words; empty if there are none.
    params : Series
        Estimates, indexed by (block, variable): blocks ``x``, ``wx``, ``spatial``.
    cov : DataFrame
        Their covariance.
    sigma2 : float
        Error variance: sum of squares over the observations of the likelihood (`Counts`).
    sigma2_std_error : float
    loglik : float
        Maximised log-likelihood.
    nobs, n_units, n_periods : int
    df_resid : float
        Degrees of freedom of t tests; infinite (normal) for models with rho.
    resid, fitted : Series
        By (unit, period); ``fitted = y - resid``, given the neighbours' outcomes.
    fixed_effects : dict
        ``constant``, ``unit`` and ``period`` as the model has them; effects add to zero.
    rsquared_within : float
        Share of the variance of y, effects taken out, that is not left in the residuals.
    convergence : Convergence or None
    notes : tuple of str
    labels : dict

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> w = nq.weights.contiguity(panel)
    >>> res = nq.fit("lgsp ~ lpcap + lpc + lemp + unemp", panel, w, model="sar", effects="unit")
    >>> round(float(res.params["spatial", "rho"]), 4)
    0.2747
    """

    spec: RegressionSpec
    weights_spec: str
    params: pd.Series
    cov: pd.DataFrame
    sigma2: float
    sigma2_std_error: float
    loglik: float
    nobs: int
    n_units: int
    n_periods: int
    df_resid: float
    resid: pd.Series
    fitted: pd.Series
    fixed_effects: dict[str, Any]
    rsquared_within: float
    convergence: Convergence | None
    notes: tuple[str, ...]
    labels: dict[str, str]
    weights: SpatialWeights | None = field(default=None)
    logdet: LogDet | None = field(default=None)

    # -- inference ---------------------------------------------------------------------------------

    @cached_property
    def std_errors(self) -> pd.Series:
        """Standard errors of the parameters."""
        return pd.Series(np.sqrt(np.diag(self.cov)), index=self.params.index, name="std_error")

    @property
    def tvalues(self) -> pd.Series:
        """Estimates over standard errors."""
        return (self.params / self.std_errors).rename("statistic")

    @property
    def pvalues(self) -> pd.Series:
        """Two-sided p-values: t for models without rho, normal for models with it."""
        tail = stats.t.sf(np.abs(self.tvalues), self.df_resid)
        return pd.Series(2 * tail, index=self.params.index, name="p_value")

    def conf_int(self, level: float = 0.95) -> pd.DataFrame:
        """Return confidence intervals of the parameters.

        Parameters
        ----------
        level : float
            Between 0 and 1.

        Returns
        -------
        DataFrame
            Columns ``conf_low, conf_high``.
        """
        reach = float(stats.t.ppf(0.5 + _checked(level) / 2, self.df_resid)) * self.std_errors
        return pd.DataFrame({"conf_low": self.params - reach, "conf_high": self.params + reach})

    @property
    def n_params(self) -> int:
        """Number of parameters with sigma2, without fixed effects."""
        return len(self.params) + 1

    @property
    def aic(self) -> float:
        """Akaike's criterion; fixed effects are not counted as parameters."""
        return 2 * self.n_params - 2 * self.loglik

    @property
    def bic(self) -> float:
        """Schwarz's criterion; fixed effects are not counted as parameters."""
        return float(np.log(self.nobs)) * self.n_params - 2 * self.loglik

    # -- effects -----------------------------------------------------------------------------------

    def effects(
        self,
        draws: int = 1000,
        *,
        seed: int | None = 0,
        method: Literal["draws", "delta"] = "draws",
        level: float = 0.95,
    ) -> EffectsResult:
        """Return direct, indirect and total effects with inference.

        ``S_k = (I - rho W)^-1 (beta_k I + theta_k W)``; direct is its mean diagonal, total its mean
        row sum, indirect the rest, for any W. Estimates are at the point estimate.

        Parameters
        ----------
        draws : int
            Draws from the asymptotic normal distribution of the parameters.
        seed : int, optional
            Seed of the draws.
        method : {"draws", "delta"}
            Standard errors and quantiles of the draws, or derivatives. Models without rho are
            linear, so that the delta method is exact and always used.
        level : float
            Confidence level.

        Returns
        -------
        EffectsResult

        Raises
        ------
        OptionError
            If an option is out of range.

        Notes
        -----
        Source: LeSage and Pace (2009), section 2.7 and equation 5.44 for the draws.

        Examples
        --------
        >>> import nqp_spatial as nq
        >>> panel = nq.datasets.us_public_capital()
        >>> res = nq.fit("lgsp ~ lpc + lemp", panel, nq.weights.contiguity(panel))
        >>> res.effects(seed=1).frame["effect"].tolist()[:3]
        ['direct', 'indirect', 'total']
        """
        if method not in ("draws", "delta"):
            raise OptionError(f"method must be 'draws' or 'delta', got {method!r}")
        if not (isinstance(draws, int) and draws >= 2):
            raise OptionError(f"draws must be a whole number of at least 2, got {draws!r}")
        _checked(level)
        names, coefs, cov, split, positions = self._slopes()
        beta, theta = impacts.spread(coefs[:-1] if self.spec.has_rho else coefs, split, positions)
        g, s, g1, s1 = self._kernel()
        point = impacts.effect_kernel(self._rho, beta, theta, g, s)
        discarded = 0
        if method == "draws" and self.spec.has_rho:
            assert self.weights is not None and self.logdet is not None
            drawn, discarded = impacts.simulate(
                coefs, cov, split, self.weights, self.logdet,
                draws=draws, seed=seed, positions=positions,
            )  # fmt: skip
            impacts.warn_discarded(discarded, draws)
            spread = drawn.std(axis=0, ddof=1)
            tail = (1 - level) / 2
            low, high = np.quantile(drawn, [tail, 1 - tail], axis=0)
        else:
            gradient = impacts.delta_gradient(
                beta, theta, self._rho, (g, s, g1, s1), split, positions, has_rho=self.spec.has_rho
            )
            spread = np.sqrt(np.einsum("kep,pq,keq->ke", gradient, cov, gradient))
            reach = float(stats.t.ppf(0.5 + level / 2, self.df_resid)) * spread
            low, high = point - reach, point + reach
        simulated = method == "draws" and self.spec.has_rho
        return EffectsResult(
            frame=impacts.effects_frame(names, point, spread, (low, high)),
            method="draws" if simulated else "delta",
            draws=draws if simulated else 0,
            discarded=discarded,
            seed=seed if simulated else None,
            level=level,
            labels=self.labels,
            title=f"{self.spec.describe()}; {self.weights_spec}",
        )

    def unit_effects(self, variable: str) -> pd.DataFrame:
        """Return what a change of one regressor does at each unit: own, received, sent.

        Parameters
        ----------
        variable : str
            One of the regressors.

        Returns
        -------
        DataFrame
            Indexed by unit; columns ``own`` (effect of the unit's x on its own y, ``S_ii``),
            ``received`` (on its y, of one more x in every other unit, ``sum_j S_ij``), ``sent``
            (on all others' y together, of one more x here, ``sum_j S_ji``). The means of ``own``
            and ``received`` are the direct and the indirect effect. Costs n sparse solves.

        Raises
        ------
        UnknownColumnError
            If it is not a regressor.

        Examples
        --------
        >>> import nqp_spatial as nq
        >>> panel = nq.datasets.us_public_capital()
        >>> res = nq.fit("lgsp ~ lpc + lemp", panel, nq.weights.contiguity(panel))
        >>> res.unit_effects("lpc").columns.tolist()
        ['own', 'received', 'sent']
        """
        names, coefs, _, split, positions = self._slopes()
        if variable not in names:
            raise UnknownColumnError(
                f"{variable!r} is not a regressor of this model; they are {sample(names, 20)}"
            )
        beta, theta = impacts.spread(coefs[:-1] if self.spec.has_rho else coefs, split, positions)
        at = names.index(variable)
        units = self.resid.index.levels[0]
        if self.weights is None:
            zero = np.zeros(len(units))
            return pd.DataFrame({"own": beta[at] + zero, "received": zero, "sent": zero}, units)
        return impacts.unit_effects(
            self.weights.sparse, self._rho, float(beta[at]), float(theta[at]), units
        )

    @property
    def _rho(self) -> float:
        return float(self.params["spatial", "rho"]) if self.spec.has_rho else 0.0

    def _slopes(
        self,
    ) -> tuple[list[str], np.ndarray, np.ndarray, tuple[int, int], np.ndarray]:
        """Return names, parameters and covariance without the intercept, and where theta goes."""
        keys = list(self.params.index)
        keep = [at for at, key in enumerate(keys) if key[1] != INTERCEPT]
        names = [keys[at][1] for at in keep if keys[at][0] == "x"]
        lagged = [keys[at][1] for at in keep if keys[at][0] == "wx"]
        positions = np.array([names.index(name) for name in lagged], dtype=int)
        coefs = self.params.to_numpy()[keep]
        cov = self.cov.to_numpy()[np.ix_(keep, keep)]
        return names, coefs, cov, (len(names), len(lagged)), positions

    def _kernel(self) -> tuple[float, float, float, float]:
        if self.weights is None:
            return 0.0, 0.0, 0.0, 0.0
        if not self.spec.has_rho:
            matrix = self.weights.sparse
            mean_row_sum = float(matrix.sum()) / self.weights.n_units
            return 0.0, mean_row_sum, 0.0, 0.0
        assert self.logdet is not None
        return impacts.kernel_slopes(self.weights, self.logdet, self._rho)

    # -- display -----------------------------------------------------------------------------------

    @property
    def table(self) -> pd.DataFrame:
        """Estimates, standard errors, statistics, p-values and 95 % intervals."""
        return pd.concat(
            [
                self.params.rename("estimate"),
                self.std_errors,
                self.tvalues,
                self.pvalues,
                self.conf_int(),
            ],
            axis=1,
        )

    @property
    def summary(self) -> Summary:
        """The result as text of at most 80 columns."""
        head = [
            f"{self.spec.describe()}",
            f"Formula: {self.spec.formula}",
            f"Weights: {self.weights_spec or 'none'}",
            f"Units: {self.n_units}   Periods: {self.n_periods}   Observations: {self.nobs}",
            f"Correction: {self.spec.correction}   Covariance: {self.spec.covariance}",
        ]
        body = self.table.reset_index()
        body.columns = pd.Index(
            ["", "variable", "estimate", "std.error", "stat", "p", "2.5 %", "97.5 %"]
        )
        rows = body.to_string(index=False, float_format=lambda x: f"{x:.4g}")
        foot = [
            f"sigma2: {self.sigma2:.6g}   Log-likelihood: {self.loglik:.4f}   "
            f"AIC: {self.aic:.2f}   BIC: {self.bic:.2f}",
            f"R2 within: {self.rsquared_within:.4f}",
        ]
        if self.spec.has_rho or self.spec.has_lags:
            foot.append("Coefficients of a model with spatial lags are not effects: see .effects()")
        foot += [f"Note: {note}" for note in self.notes]
        return Summary("\n".join([*head, "", rows, "", *foot]))

    def __repr__(self) -> str:
        return str(self.summary)

    def _repr_html_(self) -> str:
        table = self.table.to_html(float_format=lambda x: f"{x:.4g}")
        notes = "".join(f"<li>{note}</li>" for note in self.notes)
        return (
            f"<p><b>{self.spec.describe()}</b><br>{self.spec.formula}<br>{self.weights_spec}</p>"
            f"{table}<p>N = {self.nobs}, log-likelihood = {self.loglik:.4f}, "
            f"sigma2 = {self.sigma2:.6g}</p><ul>{notes}</ul>"
        )

    # -- maketables plug-in ------------------------------------------------------------------------

    @property
    def __maketables_coef_table__(self) -> pd.DataFrame:
        limits = self.conf_int()
        return pd.DataFrame(
            {
                "b": self.params.to_numpy(),
                "se": self.std_errors.to_numpy(),
                "t": self.tvalues.to_numpy(),
                "p": self.pvalues.to_numpy(),
                "ci95l": limits["conf_low"].to_numpy(),
                "ci95u": limits["conf_high"].to_numpy(),
            },
            index=pd.Index([_flat(key) for key in self.params.index], name="Coefficient"),
        )

    @property
    def __maketables_depvar__(self) -> str:
        return self.spec.outcome

    @property
    def __maketables_fixef_string__(self) -> str | None:
        names = ["unit"] * self.spec.sweeps_units + ["period"] * self.spec.sweeps_periods
        return "+".join(names) or None

    @property
    def __maketables_var_labels__(self) -> dict[str, str]:
        labels = {key: self.labels.get(key, key) for _, key in self.params.index}
        lagged = {_flat(k): f"W × {labels[k[1]]}" for k in self.params.index if k[0] == "wx"}
        return {**labels, **lagged, self.spec.outcome: self.label(self.spec.outcome)}

    @property
    def __maketables_vcov_info__(self) -> dict[str, Any]:
        return {"vcov_type": self.spec.covariance, "clustervar": None}

    @property
    def __maketables_stat_labels__(self) -> dict[str, str]:
        return {"sigma2": "σ²", "ll": "Log-likelihood", "r2_within": "R² within"}

    @property
    def __maketables_default_stat_keys__(self) -> list[str]:
        return ["N", "ll", "sigma2", "r2_within"]

    def __maketables_stat__(self, key: str) -> Any:
        known = {
            "N": self.nobs,
            "ll": self.loglik,
            "aic": self.aic,
            "bic": self.bic,
            "sigma2": self.sigma2,
            "r2_within": self.rsquared_within,
            "se_type": self.spec.covariance,
        }
        return known.get(key)

    def label(self, name: str) -> str:
        """Return the display label of a variable, or its name."""
        return self.labels.get(name, name)


def _flat(key: tuple[str, str]) -> str:
    block, name = key
    return f"W × {name}" if block == "wx" else name


def _checked(level: float) -> float:
    if not 0 < level < 1:
        raise OptionError(f"level must lie between 0 and 1, got {level!r}")
    return level
