"""The result of `policy`: own and spilled effects, their tests, and the other reading."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

import pandas as pd

from nqp_spatial.core.display import Block, Displayed, Spec, notes_of
from nqp_spatial.core.inference import TestSet
from nqp_spatial.core.options import PassedTo, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import t
from nqp_spatial.errors import OptionError
from nqp_spatial.regression._formulas import quoted
from nqp_spatial.regression.fit import fit
from nqp_spatial.regression.results import RegressionResult
from nqp_spatial.spillovers._exposure import Exposure
from nqp_spatial.weights.distance import distance_band
from nqp_spatial.weights.spatial_weights import SpatialWeights, WeightsLike

__all__ = ["PolicyResult"]


@dataclass(frozen=True, repr=False, eq=False)
class PolicyResult(Displayed):
    """Own and spilled effects of a policy.

    Attributes
    ----------
    frame : DataFrame
        One row per ``kind, on, exposure, event_time``: ``estimate, std_error, statistic, p_value,
        conf_low, conf_high, cells, units``.

        =======  =========  =====================================================================
        kind     on         effect
        =======  =========  =====================================================================
        own      treated    of the own treatment, without exposure to others
        spilled  untreated  of exposure: a ring, or per unit of ``sum_j w_ij D_jt``
        spilled  treated    the same on units that are treated as well
        total    treated    own and spilled effects on treated units together
        =======  =========  =====================================================================

        Event time is periods since the own adoption (own, total) or since the first exposure
        (spilled); rows with negative event times are leads, which should be zero.
    overall : DataFrame
        Averages over event times by ``kind, on, exposure``, weighted by squared exposure (by cells
        for treatment and rings).
    clean : DataFrame
        By period: units that are ``treated``, ``exposed`` and untreated, ``treated_exposed`` (both)
        and ``clean``.
    cells : DataFrame
        By unit and period: ``state``, exposure, ``since_adoption``, ``since_exposure`` and
        ``effect``, the outcome less its estimate without treatment and exposure.
    units : DataFrame
        By unit: ``adoption, first_exposure``, and the mean effect while treated (``own``, with
        what it receives) and while exposed and untreated (``spilled``).
    coefficients : Series
        Of the controls, from clean cells.
    tests : TestSet
        ``pre-trends, own``, ``pre-trends, spilled``, ``pre-trends``: Wald tests of the leads;
        ``placebo in space, ...`` and ``placebo in time, ...``.
    placebos : DataFrame
        Estimates of each placebo draw, by ``own`` and by kind of exposure.
    spec : Spec
        Options, the exposure in words.
    outcome, label : str
        The column and its label.
    notes : tuple of str

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> panel = panel.assign(
    ...     pilot=lambda d: (d.index.get_level_values(0).isin(["CA", "ME", "NY"])
    ...     & (d.index.get_level_values(1) >= 1980)).astype(int))
    >>> res = nq.spillovers.policy(panel, "lgsp", treatment="pilot",
    ...     exposure=nq.weights.contiguity(panel), placebo=0)
    >>> res.overall["kind"].tolist()
    ['own', 'spilled']
    """

    frame: pd.DataFrame
    overall: pd.DataFrame
    clean: pd.DataFrame
    cells: pd.DataFrame
    units: pd.DataFrame
    coefficients: pd.Series
    tests: TestSet
    placebos: pd.DataFrame
    spec: Spec
    outcome: str
    label: str
    panel: SpatialPanel
    exposure: Exposure
    weights: SpatialWeights | None = None
    notes: tuple[str, ...] = ()

    _figure = "event_study"

    @property
    def level(self) -> float:
        """Confidence level of the intervals."""
        return float(self.spec["level"])

    @cached_property
    def model(self) -> RegressionResult:
        """The treatment as a regressor of a spatial Durbin model, by `spatial_model`."""
        return self.spatial_model()

    @checked
    def spatial_model(
        self,
        weights: WeightsLike | None = None,
        **options: Annotated[object, PassedTo("fit")],
    ) -> RegressionResult:
        """Fit the model in which the treatment is a regressor with a spatial lag.

        ``y = rho W y + D beta + W D theta + x gamma + W x delta + mu + lam + e``: the other reading
        of a policy, whose ``effects()`` run through all neighbours of neighbours, do not differ by
        event time, and compare with all cells.

        Parameters
        ----------
        weights : SpatialWeights, Graph or W, optional
            By default those of the exposure; with rings, of all places within the last edge.
        **options
            Of `fit`.

        Returns
        -------
        RegressionResult

        Raises
        ------
        OptionError
            If the policy was evaluated without exposure and no weights are passed.

        Examples
        --------
        >>> import nqp_spatial as nq
        >>> panel = nq.datasets.us_public_capital()
        >>> panel = panel.assign(
        ...     pilot=lambda d: (d.index.get_level_values(0).isin(["CA", "ME", "NY"])
        ...     & (d.index.get_level_values(1) >= 1980)).astype(int))
        >>> res = nq.spillovers.policy(panel, "lgsp", treatment="pilot",
        ...     exposure=nq.weights.contiguity(panel), placebo=0)
        >>> res.spatial_model(model="slx").params.index.tolist()
        [('x', 'pilot'), ('wx', 'pilot')]
        """
        if weights is None:
            weights = self.weights
        if weights is None and self.exposure.rings:
            weights = distance_band(
                self.panel, cutoff_km=self.exposure.edges_km[-1], islands="keep"
            )
        if weights is None:
            raise OptionError("the policy was evaluated without exposure to others: pass weights=")
        treatment = self.spec["treatment"]
        values: dict[str, Any] = {treatment: self.panel.values(treatment).ravel()}
        panel = self.panel.assign(**values)
        right = " + ".join(map(quoted, [treatment, *self.spec["controls"]]))
        formula = f"{quoted(self.outcome)} ~ {right}"
        return fit(formula, panel, weights, **options)  # type: ignore[arg-type]

    def _blocks(self) -> list[Block]:
        spec = self.spec
        columns = ["kind", "on", "exposure"]
        numbers = ["estimate", "std_error", "p_value", "conf_low", "conf_high"]
        return [
            t("Effects of {policy} on {outcome}", policy=spec["treatment"], outcome=self.outcome),
            t("Exposure: {exposure}", exposure=spec["exposure"]),
            t("Averages over event times"),
            self.overall[[*columns, *numbers]],
            t("By event time"),
            self.frame[[*columns, "event_time", *numbers[:3]]],
            t("Standard errors: {words}", words=spec["covariance"]),
            *(repr(test) for test in self.tests.values()),
            *notes_of(self.notes),
        ]
