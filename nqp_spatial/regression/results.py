"""`RegressionResult`: what a fit returns, labelled, with its provenance."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import pandas as pd

from nqp_spatial.core.display import Block, Displayed
from nqp_spatial.core.inference import TestSet
from nqp_spatial.core.options import Level, Range, Seed, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.regression._estimated import Convergence, FixedEffects
from nqp_spatial.regression._evaluation import FormulaSide
from nqp_spatial.regression._fit_measures import full_rsquared, squared_correlation_of
from nqp_spatial.regression._maketables import MaketablesPlugin
from nqp_spatial.regression._prediction import Kind, predict
from nqp_spatial.regression._summary import Summary, summary_blocks
from nqp_spatial.regression._term_weights import TermWeights
from nqp_spatial.regression.effects import EffectsResult, effects_of, unit_effects_of
from nqp_spatial.regression.likelihood.log_determinant import LogDet
from nqp_spatial.regression.spec import RegressionSpec
from nqp_spatial.weights.spatial_weights import SpatialWeights, WeightsLike

if TYPE_CHECKING:
    pass

__all__ = ["RegressionResult"]

# A standard deviation needs two observations.
_Draws = Annotated[int, Range(2, 1_000_000, advice="for the delta method pass method='delta'")]


@dataclass(frozen=True, repr=False, eq=False)
class RegressionResult(MaketablesPlugin, Displayed):
    """An estimated model.

    Attributes
    ----------
    spec : RegressionSpec
        The model and its estimator, with the weights in words.
    params : Series
        Estimates, indexed by (block, variable): blocks ``x``, ``wx``, ``mean`` and
        ``wmean`` (unit means), ``dynamic``, ``spatial``, ``random``. A further level ``part`` where
        a term has several matrices W, as in the models of `spillovers`.
    cov : DataFrame
        Their covariance.
    sigma2 : float
        Error variance: sum of squares divided by the observations of the likelihood
        (`LikelihoodCounts`).
    sigma2_std_error : float
    loglik : float
        Maximised log-likelihood with all constants; missing, as are AIC and BIC, if the estimator
        has none. See Notes.
    nobs, n_units, n_periods : int
    df_resid : float
        Degrees of freedom of t tests; infinite (normal) except for static ``ols`` and
        ``slx``.
    resid, fitted : Series
        By (unit, period); ``fitted = y - resid``, given the neighbours' outcomes (and, where
        errors are spatial, their errors): ``resid`` are the innovations e.
    fixed_effects : FixedEffects
        ``constant``, ``unit`` and ``period``, where the model has them; effects add to zero. With
        random effects, their predictions, ``unit``, and their ``variance``.
    rsquared_within : float
        Share of the variance of y, without the effects, that the regressors and the outcomes of
        neighbours explain. ``rsquared`` counts the effects as well, ``squared_correlation`` neither
        of them.
    convergence : Convergence or None
    notes : tuple of str
    labels : dict
        Display labels of variables.
    terms : TermWeights
        Weights of each spatial term.
    logdet : LogDet or None
        Log-determinant of the weights of W y.
    tests : TestSet
        Of instruments, if any: ``J``, whether the overidentifying restrictions hold.
    model_specs : tuple of FormulaSide, or None
        Both sides of the formula, used to build the same columns from other data.
    regimes : dict of ndarray
        By part, the units that have their own coefficients on X, where terms have several matrices
        W.

    Notes
    -----
    Log-likelihood and criteria, beside other programs:

    - ``loglik`` has the terms ``-(N/2) (ln 2 pi + 1)``. Without fixed effects it is R's ``logLik``.
      With fixed effects and ``correction="none"`` it is that of the model with dummy variables:
      R's ``lm`` with factors, Stata's ``xtreg, fe`` and Elhorst's tables.
    - With ``correction="transformation"`` it is the likelihood of the N (T-1), (N-1) T or
      (N-1)(T-1) transformed observations, as in Lee and Yu (2010) and Stata's ``spxtregress, fe``.
      It has no conversion into the other: fit with ``correction="none"`` for tables that are to
      compare.
    - With ``correction="bias"`` it is the maximum of the uncorrected likelihood.
    - ``aic`` and ``bic`` count coefficients, rho, lam, phi and sigma2 (as spatialreg does), and
      take ``ln(nobs)`` of all observations before a transformation. They do not count fixed
      effects. For R's AIC of a model with factors add 2 N (unit effects), 2 T (period effects) or
      2 (N+T-1) (two-way effects) to ``aic``, and ``ln(nobs) / 2`` times this to ``bic``.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> w = nq.weights.contiguity(panel)
    >>> res = nq.fit("lgsp ~ lpcap + lpc + lemp + unemp", panel, w, model="sar", effects="unit")
    >>> round(float(res.params["spatial", "rho"]), 4)
    0.2747
    """

    _figure = "estimates"

    spec: RegressionSpec
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
    fixed_effects: FixedEffects
    rsquared_within: float
    convergence: Convergence | None
    notes: tuple[str, ...]
    labels: dict[str, str]
    terms: TermWeights = field(default_factory=TermWeights)
    logdet: LogDet | None = field(default=None)
    tests: TestSet = field(default_factory=TestSet)
    model_specs: tuple[FormulaSide, FormulaSide] | None = None
    regimes: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def weights(self) -> SpatialWeights | None:
        """Weights of W y, or else of W X or W u; None where the model has none."""
        return self.terms.weights_y or self.terms.weights_x or self.terms.weights_u

    @property
    def rsquared(self) -> float:
        """Share of the variance of y explained with the effects: ``1 - e'e / sum (y - mean y)^2``.

        ``e`` are the innovations ``resid``, so that fixed (or predicted random) effects, outcomes
        of neighbours and past outcomes count as explanations (Elhorst 2014, section 3.3).
        """
        return full_rsquared(self)

    @cached_property
    def squared_correlation(self) -> float:
        """Squared correlation of y and its expectation, both without fixed effects.

        The expectation is ``(I - rho W)^-1 (X beta + W X theta)``, and y and this are demeaned over
        units, periods or both as in estimation. Unlike ``rsquared`` it counts neither the effects
        nor the outcomes of neighbours as explanations (Elhorst 2014, section 3.3; Verbeek 2000,
        p. 21). In dynamic models the expectation is given the past; with serial correlation it is
        not. Missing where there are no regressors.
        """
        return squared_correlation_of(self)

    # -- effects -----------------------------------------------------------------------------------

    @checked
    def effects(
        self,
        draws: _Draws = 1000,
        *,
        horizons: Sequence[int] = (),
        seed: Seed = 0,
        method: Literal["draws", "delta", "fieller"] = "draws",
        level: Level = 0.95,
        at: Mapping[str, object] | None = None,
        terms: bool = False,
    ) -> EffectsResult:
        """Return direct, indirect and total effects of variables with inference.

        ``S_x = (I - rho W)^-1 (diag(f_x) + W diag(g_x))``, with ``f_x = sum_k beta_k dX_k/dx`` and
        ``g_x = sum_k theta_k dX_k/dx`` over all terms that contain x. Direct is its mean diagonal,
        total its mean row sum, indirect the difference, for any W. Estimates are at the point
        estimate. A dynamic model has short-run effects, which are these, and long-run effects, with
        ``((1 - tau) I - (rho + eta) W)^-1``.

        For a variable that is a term of its own f_x is beta and g_x is theta. In squares, products,
        polynomials and splines the derivatives depend on the values of the variables: effects are
        averaged over units and periods, or are at values stated in `at`. In the lag of a product
        the moderator is the sender's. A variable that enters only as one transformed term, such as
        ``log(x)``, has the row of that term, the effect of a unit change of ``log(x)``. Of a
        category there are contrasts with its base. Notes say which of these a table contains.

        Parameters
        ----------
        draws : int
            Draws from the asymptotic normal distribution of the parameters.
        horizons : sequence of int
            For a dynamic model with rows of W that add to one: also the effects h periods after a
            change in x that lasts one period, for each h. They add up to the long-run effect.
        seed : int, optional
            Seed of the draws.
        method : {"draws", "delta", "fieller"}
            Standard errors and quantiles of the draws; the delta method; or the interval of all
            values c for which ``effect * d - c * d = 0`` is not rejected. The denominator d is
            ``1 - rho``, in the long run ``1 - tau - rho - eta`` (rho and eta divided by the upper
            end of the admissible interval where rows of W do not add to one). This is Fieller's
            (1954) interval of a ratio: the total effect of a variable is ``(beta + theta) / d``,
            and other effects have the same denominator, with a numerator that is linearised. It is
            unbounded, as a note says, where d is not significantly different from zero; its
            standard errors are those of the delta method. Static models without rho are linear, so
            that the delta method is exact and always used. Effects at horizons always use draws.
            Long-run effects of short dynamic panels with tau = 0.7 are covered by 95 % intervals of
            draws in 96 % of simulated samples on average (94 to 98 % by design), of the delta
            method in 92 % (84 % with 100 units and four periods), and of Fieller's in 97 %
            (benchmarks/calibration_short_panels.csv).
        level : float
            Confidence level. The p-value is below 1 - level exactly where the interval excludes
            zero: with draws it is twice the smaller share of draws on either side of zero, at least
            2 / (draws + 1), and otherwise that of the test that the interval inverts.
        at : mapping, optional
            Values of variables at which effects are wanted, ``{"unemp": [4, 6.6, 10]}``; other
            variables keep their observed values. Each combination of values has its rows, and each
            variable a column of the frame. Not for the models of `spillovers`.
        terms : bool
            Effects of single terms: of x with its square unchanged.

        Returns
        -------
        EffectsResult

        Raises
        ------
        OptionError
            If an option is out of range, no draw is stable, or no effect depends on a variable of
            `at`.
        UnknownColumnError
            If `at` names a variable that the formula does not have.

        Notes
        -----
        Derivatives of products, powers and numeric functions are exact, those of splines,
        polynomials and functions of your own by five-point differences. A variable that enters in a
        term that only jumps, as ``I(x > 0)``, has rows of its terms. Beyond 600 units direct
        effects that differ between units rest on random probes, and a note states their error if it
        is not negligible.

        Sources: LeSage and Pace (2009), section 2.7 and equation 5.44 for the draws; Debarsy, Ertur
        and LeSage (2012) for horizons; Fieller (1954), Journal of the Royal Statistical Society B
        16, 175-185.

        Examples
        --------
        >>> import nqp_spatial as nq
        >>> panel = nq.datasets.us_public_capital()
        >>> res = nq.fit("lgsp ~ lpc + lemp", panel, nq.weights.contiguity(panel))
        >>> res.effects(seed=1).frame["effect"].tolist()[:3]
        ['direct', 'indirect', 'total']
        >>> product = nq.fit("lgsp ~ lpc * unemp", panel, nq.weights.contiguity(panel))
        >>> product.effects(at={"unemp": [4, 10]}).frame["unemp"].unique().tolist()
        [4, 10]
        """
        return effects_of(
            self, draws=draws, horizons=horizons, seed=seed, method=method, level=level, at=at,
            terms=terms,
        )  # fmt: skip

    @checked
    def unit_effects(self, variable: str, *, horizon: str | None = None) -> pd.DataFrame:
        """Return the effects of a change of one variable for each unit: own, received, sent.

        Parameters
        ----------
        variable : str
            One of the variables of `effects`, through all its terms at observed values, averaged
            over periods; or one of the terms.
        horizon : {"short-run", "long-run"}, optional
            For a dynamic model; the short run by default.

        Returns
        -------
        DataFrame
            Indexed by unit; columns ``own`` (effect of the unit's x on its own y, ``S_ii``),
            ``received`` (on its y, of a unit increase in x in every other unit, ``sum_j S_ij``),
            ``sent`` (on the y of all others together, of a unit increase in its own x, ``sum_j
            S_ji``). The means of ``own`` and ``received`` are the direct and the indirect effect.
            Requires n sparse solves.

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
        return unit_effects_of(self, variable, horizon)

    # -- prediction --------------------------------------------------------------------------------

    @checked
    def predict(
        self,
        panel: SpatialPanel | None = None,
        weights: WeightsLike | Mapping[str, WeightsLike] | None = None,
        *,
        kind: Kind = "trend",
        period_effects: Mapping[Hashable, float] | None = None,
    ) -> pd.Series:
        """Predict outcomes in the sample or for other units and periods.

        With eta the structural part (regressors, effects, past outcomes):

        - ``trend``: ``(I - rho W)^-1 eta``, expected where no outcome of the period is known.
        - ``direct``: ``rho W y + eta + lam W u``, from the outcomes of the neighbours.
        - ``blup``: the best linear unbiased prediction, expected given the other outcomes of the
          period. In sample, each outcome is predicted from all others; in another panel the missing
          outcomes are predicted from the known ones, which stay unchanged.

        Parameters
        ----------
        panel : SpatialPanel, optional
            Other units or periods, with the regressors, and with the outcomes that are known
            (others missing). A dynamic model starts from the outcomes of its first period and
            continues from its own predictions. The sample of the fit by default.
        weights : SpatialWeights, Graph, W, or mapping of these, optional
            Weights of the units of `panel`, as in `fit`; optional if these are the units of the
            sample.
        kind : {"trend", "direct", "blup"}
        period_effects : mapping, optional
            Effects of periods outside the estimation sample.

        Returns
        -------
        Series
            By (unit, period), in the units of the left side of the formula: logarithms are not
            transformed back.

        Raises
        ------
        OptionError
            If the kind is unknown, or a period has no effect.
        PanelError, UnmatchedIdsError
            If a unit has no effect, or the weights are for other units.
        MissingValuesError
            If regressors or required outcomes are missing.

        Notes
        -----
        Parameters are treated as known. Sources: Goulard, Laurent and Thomas-Agnan (2017), Spatial
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
        return predict(self, panel, weights, kind, period_effects)

    # -- display -----------------------------------------------------------------------------------

    @property
    def summary(self) -> Summary:
        """The result as text of at most 80 columns."""
        return Summary(repr(self))

    def _blocks(self) -> list[Block]:
        return summary_blocks(self)
