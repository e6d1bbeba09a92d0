"""`RegressionResult`: what a fit returns, labelled, with its provenance."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

import numpy as np
import pandas as pd
from scipy import stats

from nqp_spatial.core.display import wrapped_text
from nqp_spatial.core.inference import HypothesisTest, NotApplicable
from nqp_spatial.core.options import Level, Range, Seed, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.errors import OptionError, UnknownColumnError, sample
from nqp_spatial.regression import effects as impacts
from nqp_spatial.regression._design import INTERCEPT
from nqp_spatial.regression._prediction import Kind, predict_new, predict_own
from nqp_spatial.regression._term_weights import TermWeights, match_term_weights
from nqp_spatial.regression.effects import EffectsResult, Slopes
from nqp_spatial.regression.likelihood.log_determinant import LogDet
from nqp_spatial.regression.spec import RegressionSpec, require_level
from nqp_spatial.weights.spatial_weights import SpatialWeights, WeightsLike

if TYPE_CHECKING:
    from libpysal.graph import Graph
    from libpysal.weights import W

__all__ = ["Convergence", "RegressionResult", "Summary"]

# A standard deviation needs two.
_Draws = Annotated[int, Range(2, 1_000_000, advice="for the delta method pass method='delta'")]


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
    n_maxima : int
        How many different maxima the starts led to, where there are several rho.
    """

    iterations: int
    slope: float
    logdet: str
    logdet_error: float
    interval: tuple[float, float]
    n_maxima: int = 1


@dataclass(frozen=True, repr=False, eq=False)
class RegressionResult:
    """An estimated model.

    Attributes
    ----------
    spec : RegressionSpec
    weights_spec : str
        The weights in words; empty if there are none.
    params : Series
        Estimates, indexed by (block, variable): blocks ``x``, ``wx``, ``mean`` and
        ``wmean`` (unit means), ``dynamic``, ``spatial``, ``random``. A further level ``part`` where
        a term has several W's, as in the models of `spillovers`.
    cov : DataFrame
        Their covariance.
    sigma2 : float
        Error variance: sum of squares over the observations of the likelihood (`LikelihoodCounts`).
    sigma2_std_error : float
    loglik : float
        Maximised log-likelihood; missing, as are AIC and BIC, without likelihood.
    nobs, n_units, n_periods : int
    df_resid : float
        Degrees of freedom of t tests; infinite (normal) but for static ``ols`` and
        ``slx``.
    resid, fitted : Series
        By (unit, period); ``fitted = y - resid``, given the neighbours' outcomes (and, where
        errors are spatial, their errors): ``resid`` are the innovations e.
    fixed_effects : dict
        ``constant``, ``unit`` and ``period`` as the model has them; effects add to zero. With
        random effects their predictions, ``unit``, and their ``variance``.
    rsquared_within : float
        Share of the variance of y, effects taken out, that is not left in the residuals.
    convergence : Convergence or None
    notes : tuple of str
    labels : dict
    tests : dict
        Of instruments, where there are any: ``J``, whether those beyond the needed number are
        uncorrelated with the errors.

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
    terms: TermWeights = field(default_factory=TermWeights)
    logdet: LogDet | None = field(default=None)
    tests: dict[str, HypothesisTest | NotApplicable] = field(default_factory=dict)
    recipes: tuple[Any, Any] = field(default=(None, None))
    regimes: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def weights(self) -> SpatialWeights | None:
        """Weights of W y, or else of W X or W u; None where the model has none."""
        return self.terms.weights_y or self.terms.weights_x or self.terms.weights_u

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
        """Two-sided p-values: t for static linear models, normal otherwise."""
        tail = stats.t.sf(np.abs(self.tvalues), self.df_resid)
        return pd.Series(2 * tail, index=self.params.index, name="p_value")

    @checked
    def conf_int(self, level: Level = 0.95) -> pd.DataFrame:
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
        reach = float(stats.t.ppf(0.5 + require_level(level) / 2, self.df_resid)) * self.std_errors
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

    @checked
    def effects(
        self,
        draws: _Draws = 1000,
        *,
        horizons: Sequence[int] = (),
        seed: Seed = 0,
        method: Literal["draws", "delta"] = "draws",
        level: Level = 0.95,
    ) -> EffectsResult:
        """Return direct, indirect and total effects with inference.

        ``S_k = (I - rho W)^-1 (beta_k I + theta_k W)``; direct is its mean diagonal, total its mean
        row sum, indirect the rest, for any W. Estimates are at the point estimate. A dynamic model
        has short-run effects, which are these, and long-run effects,
        ``((1 - tau) I - (rho + eta) W)^-1 (beta_k I + theta_k W)``.

        Parameters
        ----------
        draws : int
            Draws from the asymptotic normal distribution of the parameters.
        horizons : sequence of int
            For a dynamic model with rows of W that add to one: also the effects h periods after x
            changed for one period, for each h. They add up to the long run.
        seed : int, optional
            Seed of the draws.
        method : {"draws", "delta"}
            Standard errors and quantiles of the draws, or derivatives. Static models without rho
            are linear, so that the delta method is exact and always used. Effects at horizons are
            always by draws.
        level : float
            Confidence level.

        Returns
        -------
        EffectsResult

        Raises
        ------
        OptionError
            If an option is out of range, or no draw is stable.

        Notes
        -----
        Sources: LeSage and Pace (2009), section 2.7 and equation 5.44 for the draws; Debarsy, Ertur
        and LeSage (2012) for horizons.

        Examples
        --------
        >>> import nqp_spatial as nq
        >>> panel = nq.datasets.us_public_capital()
        >>> res = nq.fit("lgsp ~ lpc + lemp", panel, nq.weights.contiguity(panel))
        >>> res.effects(seed=1).frame["effect"].tolist()[:3]
        ['direct', 'indirect', 'total']
        """
        self._require_one_w()
        self._require_horizons(horizons)
        slopes, kernels = self._slopes(), impacts.Kernels(self.terms, self.logdet)
        names: list[str] = ["short-run", "long-run"] if self.spec.is_dynamic else ["static"]
        self._require_stable(slopes, kernels, names)
        linear = not (self.spec.has_rho or self.spec.is_dynamic)
        tail = (1 - level) / 2
        discarded, rows, sample = 0, [], None
        drawn: dict[str, np.ndarray] = {}
        if (method == "draws" and not linear) or len(horizons):
            drawn, sample = impacts.simulate(slopes, names, kernels, draws=draws, seed=seed)
            discarded = draws - len(sample)
            impacts.warn_discarded(discarded, draws)
        for horizon in names:
            beta, theta = slopes.spread(slopes.coefs)
            x, divisor = slopes.reach(slopes.coefs, horizon)
            kernel = kernels.values(np.atleast_1d(x))[:, 0]
            point = impacts.effects_of(x, divisor, beta, theta, kernel)
            if method == "draws" and not linear:
                spread = drawn[horizon].std(axis=0, ddof=1)
                low, high = np.quantile(drawn[horizon], [tail, 1 - tail], axis=0)
            else:
                gradient = impacts.delta_gradient(slopes, horizon, kernels)
                spread = np.sqrt(np.einsum("kep,pq,keq->ke", gradient, slopes.cov, gradient))
                reach = float(stats.t.ppf(0.5 + level / 2, self.df_resid)) * spread
                low, high = point - reach, point + reach
            rows.append(impacts.effects_frame(slopes.names, horizon, point, spread, (low, high)))
        if len(horizons) and sample is not None:
            rows += self._paths(slopes, sample, horizons, tail)
        simulated = method == "draws" and not linear
        return EffectsResult(
            frame=pd.concat(rows, ignore_index=True),
            method="draws" if simulated else "delta",
            draws=draws if simulated else 0,
            discarded=discarded,
            seed=seed if simulated else None,
            level=level,
            labels=self.labels,
            title=f"{self.spec.describe()}; {self.weights_spec}",
            notes=() if self.recipes[1] is None else self.recipes[1].notes_on_terms(),
        )

    def _require_one_w(self) -> None:
        if self.terms.has_parts:
            raise OptionError(
                "a model with several W's in a term has effects from group to group, or by "
                "distance: see effects_matrix, effects_by_border or frame of the result of "
                "spillovers that holds it"
            )

    def _require_horizons(self, horizons: Sequence[int]) -> None:
        if not len(horizons):
            return
        if not self.spec.is_dynamic:
            raise OptionError("horizons are of dynamic models; fit with time_lag=True")
        if any(not isinstance(h, int | np.integer) or h < 0 for h in horizons):
            raise OptionError(f"horizons must be whole numbers from 0, got {list(horizons)}")
        w = self.terms.weights_y or self.terms.weights_x
        one = (
            self.terms.weights_y is self.terms.weights_x
            or self.terms.weights_x is None
            or self.terms.weights_y is None
        )
        if w is None or not one or not w.rows_add_to_one:
            raise OptionError(
                "effects by horizon need one W whose rows add to one; without it there are "
                "short-run and long-run effects"
            )

    def _paths(
        self, slopes: Slopes, sample: np.ndarray, horizons: Sequence[int], tail: float
    ) -> list[pd.DataFrame]:
        """Return effects by horizon, with inference from the draws."""
        w = self.terms.weights_y or self.terms.weights_x
        assert w is not None
        spectrum = impacts.Spectrum(w)
        steps = [int(h) for h in horizons]
        points = spectrum.paths(slopes, slopes.coefs[None, :], steps)
        drawn = spectrum.paths(slopes, sample, steps)
        return [
            impacts.effects_frame(
                slopes.names,
                h,
                points[h][0],
                drawn[h].std(axis=0, ddof=1),
                tuple(np.quantile(drawn[h], [tail, 1 - tail], axis=0)),
            )
            for h in steps
        ]

    @checked
    def unit_effects(self, variable: str, *, horizon: str | None = None) -> pd.DataFrame:
        """Return what a change of one regressor does at each unit: own, received, sent.

        Parameters
        ----------
        variable : str
            One of the regressors.
        horizon : {"short-run", "long-run"}, optional
            Of a dynamic model; the short run if not given.

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
        OptionError
            If the model has no such horizon, or is not stable there.

        Examples
        --------
        >>> import nqp_spatial as nq
        >>> panel = nq.datasets.us_public_capital()
        >>> res = nq.fit("lgsp ~ lpc + lemp", panel, nq.weights.contiguity(panel))
        >>> res.unit_effects("lpc").columns.tolist()
        ['own', 'received', 'sent']
        """
        self._require_one_w()
        slopes = self._slopes()
        if variable not in slopes.names:
            raise UnknownColumnError(
                f"{variable!r} is not a regressor of this model; they are "
                f"{sample(slopes.names, 20)}"
            )
        known = ("short-run", "long-run") if self.spec.is_dynamic else ("static",)
        chosen = known[0] if horizon is None else horizon
        if chosen not in known:
            raise OptionError(f"horizon must be one of {', '.join(known)}, got {horizon!r}")
        self._require_stable(slopes, impacts.Kernels(self.terms, self.logdet), [chosen])
        beta, theta = slopes.spread(slopes.coefs)
        at = slopes.names.index(variable)
        x, divisor = slopes.reach(slopes.coefs, chosen)
        return impacts.unit_effects(
            self.terms,
            float(x),
            float(divisor),
            float(beta[at]),
            float(theta[at]),
            self.resid.index.levels[0],
        )

    # -- prediction --------------------------------------------------------------------------------

    @checked
    def predict(
        self,
        panel: SpatialPanel | None = None,
        weights: SpatialWeights | Graph | W | Mapping[str, WeightsLike] | None = None,
        *,
        kind: Kind = "trend",
        period_effects: Mapping[Hashable, float] | None = None,
    ) -> pd.Series:
        """Predict outcomes, of the data at hand or of other units and periods.

        With eta the structural part (regressors, effects, the past):

        - ``trend``: ``(I - rho W)^-1 eta``, expected where no outcome of the period is known.
        - ``direct``: ``rho W y + eta + lam W u``, from the outcomes of the neighbours.
        - ``blup``: the best linear unbiased prediction, expected given the other outcomes of the
          period. In sample, each outcome is predicted from all others; in another panel those that
          are missing are predicted from those that are there, which stay as they are.

        Parameters
        ----------
        panel : SpatialPanel, optional
            Other units or periods, with the regressors, and with outcomes as far as they are known
            (missing values are unknown). A dynamic model starts from the outcomes of its first
            period and goes on from what it predicts. The data at hand if not given.
        weights : SpatialWeights, Graph, W, or mapping of these, optional
            Of the units of `panel`, as in `fit`; may be left out if they are the units at hand.
        kind : {"trend", "direct", "blup"}
        period_effects : mapping, optional
            Effects of periods that the model was not fitted to.

        Returns
        -------
        Series
            By (unit, period), in units of the left side of the formula: logarithms stay logarithms.

        Raises
        ------
        OptionError
            If the kind is unknown, or a period has no effect.
        PanelError, UnmatchedIdsError
            If a unit has no effect, or weights are of other units.
        MissingValuesError
            If regressors are missing, or outcomes that are needed.

        Notes
        -----
        Parameters are taken as known. Sources: Goulard, Laurent and Thomas-Agnan (2017), Spatial
        Economic Analysis 12, 304-325; Kelejian and Prucha (2007), Regional Science and Urban
        Economics 37, 363-374.

        Examples
        --------
        >>> import nqp_spatial as nq
        >>> panel = nq.datasets.us_public_capital()
        >>> res = nq.fit("lgsp ~ lpc + lemp", panel, nq.weights.contiguity(panel))
        >>> gaps = {kind: (panel.frame["lgsp"] - res.predict(kind=kind)).std()
        ...         for kind in ("trend", "blup")}
        >>> bool(gaps["blup"] < gaps["trend"])
        True
        """
        if kind not in get_args(Kind):
            raise OptionError(f"kind must be one of {', '.join(get_args(Kind))}, got {kind!r}")
        if panel is None:
            if weights is not None or period_effects is not None:
                raise OptionError("weights and period_effects are for another panel; pass it too")
            values = predict_own(self, kind)
            return pd.Series(values.ravel(), index=self.resid.index, name="predicted")
        if self.spec.effects == "correlated-random":
            raise OptionError(
                "predictions of another panel are not offered for correlated random effects, whose "
                "unit means are those of the data at hand"
            )
        panel.require_balanced()
        if self.terms.has_parts:
            return predict_new(
                self, panel, self._terms_in_parts(panel, weights), kind, period_effects
            )
        own = {
            key: w
            for key in ("y", "x", "u")
            if (w := getattr(self.terms, f"weights_{key}")) is not None
        }
        needed = {key: key in own for key in ("y", "x", "u")}
        terms = match_term_weights(
            own if weights is None else weights, panel, needed, self.spec.model
        )
        return predict_new(self, panel, terms, kind, period_effects)

    def _terms_in_parts(self, panel: SpatialPanel, weights: Any) -> TermWeights:
        """Return the terms for another panel, which must have the same units."""
        same = panel.units.equals(self.resid.index.levels[0])
        moving = any(part.matrix.shape[0] != self.n_units for part in self.terms.y)
        if weights is not None or not same or moving:
            raise OptionError(
                "a model with several W's in a term predicts the data at hand, and other periods "
                "of the same units where its links do not change over time"
            )
        return self.terms

    def _slopes(self) -> Slopes:
        """Return the parameters of effects: without the intercept, and without lam."""
        keys = list(self.params.index)
        keep = [
            at
            for at, (block, name) in enumerate(keys)
            if block in ("x", "wx", "dynamic", "spatial")
            and (block, name) not in (("x", INTERCEPT), ("spatial", "lam"))
        ]
        names = [keys[at][1] for at in keep if keys[at][0] == "x"]
        lagged = [keys[at][1] for at in keep if keys[at][0] == "wx"]
        return Slopes(
            names,
            np.array([names.index(name) for name in lagged], dtype=int),
            self.spec.dynamics,
            self.spec.has_rho,
            self.params.to_numpy()[keep],
            self.cov.to_numpy()[np.ix_(keep, keep)],
        )

    def _require_stable(
        self, slopes: Slopes, kernels: impacts.Kernels, horizons: Sequence[str]
    ) -> None:
        low, high = kernels.interval
        for horizon in horizons:
            x, divisor = slopes.reach(slopes.coefs, horizon)
            if not (low < x < high and divisor > 0):
                raise OptionError(
                    f"the estimate is not stable at horizon {horizon!r} (a lasting change would "
                    "grow without end), so it has no effects there; see the note on tau + rho + eta"
                )

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
        part = ["part"] if self.terms.has_parts else []
        body.columns = pd.Index(
            ["", "variable", *part, "estimate", "std.error", "stat", "p", "2.5 %", "97.5 %"]
        )
        rows = body.to_string(index=False, float_format=lambda x: f"{x:.4g}")
        foot = [
            f"sigma2: {self.sigma2:.6g}   R2 within: {self.rsquared_within:.4f}",
        ]
        if np.isfinite(self.loglik):
            foot.append(
                f"Log-likelihood: {self.loglik:.4f}   AIC: {self.aic:.2f}   BIC: {self.bic:.2f}"
            )
        foot += [repr(test) for test in self.tests.values()]
        if self.spec.has_rho or self.spec.has_lags or self.spec.is_dynamic:
            foot.append("Coefficients of a model with spatial lags are not effects: see .effects()")
        foot += [f"Note: {note}" for note in self.notes]
        return Summary(
            "\n".join([*map(wrapped_text, head), "", rows, "", *map(wrapped_text, foot)])
        )

    def __repr__(self) -> str:
        return str(self.summary)

    def _repr_html_(self) -> str:
        table = self.table.to_html(float_format=lambda x: f"{x:.4g}")
        notes = "".join(f"<li>{escape(note)}</li>" for note in self.notes)
        return (
            f"<p><b>{escape(self.spec.describe())}</b><br>{escape(self.spec.formula)}<br>"
            f"{escape(self.weights_spec)}</p>"
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
        labels = {key[1]: self.labels.get(key[1], key[1]) for key in self.params.index}
        lagged = {
            _flat(k): _flat((k[0], labels[k[1]], *k[2:]))
            for k in self.params.index
            if k[0] == "wx" or len(k) > 2
        }
        past = {("dynamic", "tau"): "{} (t-1)", ("dynamic", "eta"): "W × {} (t-1)"}
        for key in self.params.index.intersection(list(past)):
            lagged[_flat(key)] = past[key].format(self.label(self.spec.outcome))
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

    @checked
    def label(self, name: str) -> str:
        """Return the display label of a variable, or its name."""
        return self.labels.get(name, name)


def _flat(key: tuple[str, ...]) -> str:
    block, name = key[:2]
    if len(key) > 2:
        return f"{_flat(key[:2])}, {key[2]}"
    if block == "wx":
        return f"W × {name}"
    if block in ("mean", "wmean"):
        return f"mean of {'W × ' if block == 'wmean' else ''}{name}"
    return {"tau": "y(t-1)", "eta": "W × y(t-1)"}[name] if block == "dynamic" else name
