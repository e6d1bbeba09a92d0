"""`gwr`: coefficients that vary over space, by geographically weighted regression."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import pandas as pd

from nqp_spatial.core.display import Block, Displayed, Spec, notes_of
from nqp_spatial.core.inference import TestSet
from nqp_spatial.core.options import Jobs, Permutations, Positive, Seed, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import t
from nqp_spatial.errors import OptionError, PanelError
from nqp_spatial.regression._formulas import Functions, term_labels
from nqp_spatial.regression._local_data import least_neighbours, local_data, require_bandwidth
from nqp_spatial.regression._local_models import fitted_model, library, searched
from nqp_spatial.regression._local_tables import (
    bandwidth_frame,
    coefficient_frame,
    criteria_frame,
    local_notes,
    unit_frame,
    variation_tests,
)

__all__ = ["GwrResult", "gwr"]


@dataclass(frozen=True, repr=False, eq=False)
class GwrResult(Displayed):
    """Coefficients of each unit.

    Attributes
    ----------
    frame : DataFrame
        By (unit, variable), or (unit, period, variable): ``estimate``, ``std_error``,
        ``statistic``, ``p_value`` and ``p_corrected``, which counts how many independent
        regressions there are (da Silva and Fotheringham 2016).
    units : DataFrame
        By unit, or (unit, period): ``fitted``, ``residual``, ``local_r2`` (missing with several
        bandwidths), ``influence`` (likewise) and ``condition_number`` of the weighted regressors.
    bandwidths : DataFrame
        By variable: ``bandwidth`` (number of neighbours, the unit itself among them, or
        kilometres) and ``effective_parameters`` (with one bandwidth, the same share for each).
    criteria : DataFrame
        "local" and "global" (the same coefficients everywhere) columns: ``aicc``, ``aic``, ``bic``,
        ``rsquared``, ``sigma2``, ``effective_parameters``.
    period : hashable or None
        None for a cross-section, and where all periods were used.
    label : str
        Of the outcome.
    labels : dict
        Of the regressors.
    spec : Spec
        Formula, kernel, bandwidth, distances, options.
    tests : TestSet
        ``varies: x``, if permutations were asked for.
    notes : tuple of str

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> res = nq.gwr("lgsp ~ lpc + lemp", panel, period=1986, bandwidth=40)
    >>> res.frame.loc["TX"].index.tolist()
    ['Intercept', 'lpc', 'lemp']
    """

    frame: pd.DataFrame
    units: pd.DataFrame
    bandwidths: pd.DataFrame
    criteria: pd.DataFrame
    period: Hashable | None
    label: str
    labels: dict[str, str]
    spec: Spec
    tests: TestSet = field(default_factory=TestSet)
    notes: tuple[str, ...] = ()

    _figure = "coefficient_map"

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of the coefficients."""
        return tuple(self.bandwidths.index)

    @checked
    def wide(
        self,
        column: Literal[
            "estimate", "std_error", "statistic", "p_value", "p_corrected"
        ] = "estimate",
    ) -> pd.DataFrame:
        """Return one column of the frame, units by variables.

        Parameters
        ----------
        column : {"estimate", "std_error", "statistic", "p_value", "p_corrected"}

        Returns
        -------
        DataFrame
        """
        return self.frame[column].unstack("variable")[list(self.variables)]

    def _blocks(self) -> list[Block]:
        values = self.wide()
        summary = values.describe().T[["mean", "std", "min", "50%", "max"]]
        summary.columns = pd.Index(["mean", "std_dev", "minimum", "median", "maximum"])
        corrected = self.wide("p_corrected")
        summary["significant"] = (corrected < 0.05).sum()
        title = t("Geographically weighted regression of {outcome}", outcome=self.label)
        if self.period is not None:
            title = t("{name}, {period}", name=title, period=self.period)
        return [
            title,
            t("Formula: {formula}", formula=self.spec["formula"]),
            t("Kernel: {kernel}; distances: {distances}",
              kernel=self.spec["kernel"], distances=self.spec["distances"]),
            self.criteria,
            self.bandwidths,
            t("Coefficients (significant: units with a corrected p-value below 0.05)"),
            summary,
            *(repr(test) for test in self.tests.values()),
            *notes_of(self.notes),
        ]  # fmt: skip


@checked
def gwr(
    formula: str,
    panel: SpatialPanel,
    *,
    period: Hashable | None = None,
    km_per_period: Positive | None = None,
    kernel: Literal["bisquare", "gaussian", "exponential"] = "bisquare",
    bandwidth: Positive | None = None,
    fixed: bool = False,
    multiscale: bool = False,
    criterion: Literal["AICc", "AIC", "BIC", "CV"] = "AICc",
    metric: Literal["great-circle", "plane"] = "great-circle",
    permutations: Permutations = 0,
    functions: Functions | None = None,
    seed: Seed = 0,
    n_jobs: Jobs = 1,
    progress: bool = False,
) -> GwrResult:
    """Estimate a regression around each unit, in which near units count more.

    ``b(i) = (X'W_i X)^-1 X'W_i y`` with ``W_i = diag(K(d_ij / h))``, d distances and h a bandwidth.

    Parameters
    ----------
    formula : str
        As in `fit`.
    panel : SpatialPanel
        With geometry.
    period : hashable, optional
        May be left out for a cross-section.
    km_per_period : float, optional
        Instead of a period: take all of them, and count one period as so many kilometres (GTWR;
        Huang, Wu and Barry 2010). Distances are ``sqrt(km^2 + (km_per_period * periods)^2)``;
        those on the globe are then straight lines, 0.1 % shorter at 1 000 km.
    kernel : {"bisquare", "gaussian", "exponential"}
        The first is zero beyond the bandwidth.
    bandwidth : float, optional
        Number of nearest units, the unit itself among them, or kilometres if `fixed`; by default
        that with the smallest criterion (golden section). Other units with a smaller number than
        ``40 + 2k`` are not searched, as in mgwr, or half of the units if there are fewer.
    fixed : bool
        Whether the bandwidth is a distance, the same everywhere.
    multiscale : bool
        Whether each regressor has its own bandwidth (MGWR, by backfitting). Standardise the
        variables first, so that bandwidths can be compared.
    criterion : {"AICc", "AIC", "BIC", "CV"}
    metric : {"great-circle", "plane"}
        Distances on the globe, or in the plane of the projection of the geometry.
    permutations : int
        Random relocations of the units, at the same bandwidth, for the test that coefficients do
        not vary over space.
    functions : mapping, optional
        Functions of your own that the formula may call, as in `fit`.
    seed : int, optional
    n_jobs : int
        Parallel workers, through joblib.
    progress : bool
        Whether to show the progress bars of mgwr.

    Returns
    -------
    GwrResult

    Raises
    ------
    MissingDependencyError
        If the extra ``gwr`` is not installed.
    OptionError
        If a bandwidth is given for several, or is more or fewer units than possible; if both
        `period` and `km_per_period` are passed.
    PanelError
        If no period is named, or there are too few units.
    CollinearityError
        If regressors are linearly dependent, everywhere or around a unit.
    GeometryError, CrsError
        If distances cannot be computed.

    Notes
    -----
    Estimates are those of the package mgwr. The degrees of freedom are n less the effective number
    of parameters, the trace of the hat matrix. Corrected p-values are p times the effective
    parameters over the number of regressors, or times the effective parameters of the variable
    with several bandwidths.

    Local coefficients of correlated regressors are correlated with each other, often negatively,
    although the true ones are constant (Wheeler and Tiefelsdorf 2005): look at
    ``units["condition_number"]`` before reading a map. Standard errors are those of the smoothed
    coefficients: smoothing bias is not in them (for a slope that rises evenly over 20 x 20 cells,
    74 % of the 95 % intervals contained it, fewest at the edge). There is no spatial spillover in
    this model, and unit effects cannot be removed, because there is one cross-section.

    Sources: Fotheringham, Brunsdon and Charlton (2002); Fotheringham, Yang and Kang (2017), Annals
    of the AAG 107, 1247-1265; da Silva and Fotheringham (2016), Geographical Analysis 48, 233-247;
    Oshan, Li, Kang, Wolf and Fotheringham (2019), ISPRS International Journal of Geo-Information 8.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> res = nq.gwr("lgsp ~ lpc + lemp", panel, period=1986, bandwidth=40)
    >>> bool((res.units["local_r2"] > 0.9).all())
    True
    """
    library()
    section = _section(panel, period, km_per_period)
    arrays, names, outcome, distances = local_data(
        formula, section, metric, km_per_period, functions
    )
    on_globe = metric == "great-circle" and km_per_period is None
    options = {"kernel": kernel, "fixed": fixed, "spherical": on_globe}
    data = replace(arrays, options={**options, "n_jobs": n_jobs}, quiet=not progress)
    require_bandwidth(bandwidth, data, names, fixed=fixed, multiscale=multiscale)
    selector = None
    if bandwidth is None:
        least = None if fixed else least_neighbours(len(data.y), data.columns)
        selector = searched(data, criterion, least, multiscale=multiscale)
        bandwidth = float(np.max(selector.bw[0]))
    size = bandwidth if fixed else int(bandwidth)
    estimated = fitted_model(data, size, selector if multiscale else None)
    everywhere = fitted_model(data, np.inf)
    bandwidths = bandwidth_frame(estimated, names, size, multiscale=multiscale)
    rows = section.units.rename("unit") if km_per_period is None else section.frame.index
    units = unit_frame(estimated, rows, multiscale=multiscale)
    tests = variation_tests(
        data, estimated, names, size, permutations, seed, n_units=section.n_units,
        multiscale=multiscale,
    )  # fmt: skip
    return GwrResult(
        frame=coefficient_frame(estimated, rows, bandwidths),
        units=units,
        bandwidths=bandwidths,
        criteria=criteria_frame(estimated, everywhere),
        period=section.periods[0] if section.n_periods < panel.n_periods else None,
        label=panel.labels.get(outcome, outcome),
        labels=term_labels(panel.labels, names),
        spec=Spec(
            formula=formula, kernel=kernel, km_per_period=km_per_period, fixed=fixed,
            multiscale=multiscale, criterion=criterion, distances=distances,
            permutations=permutations, seed=seed,
        ),
        tests=tests,
        notes=local_notes(units, bandwidths, fixed=fixed, n_units=section.n_units),
    )  # fmt: skip


def _section(
    panel: SpatialPanel, period: Hashable | None, km_per_period: float | None
) -> SpatialPanel:
    """Return the panel of one period, or all periods where they have distances."""
    if km_per_period is not None:
        if period is not None:
            raise OptionError("km_per_period= takes all periods: leave out period=, or select them")
        if panel.n_periods == 1:
            raise OptionError("km_per_period= needs several periods, the panel has one")
        panel.require_balanced()
        return panel
    if period is None and panel.n_periods > 1:
        raise PanelError(
            f"the panel has {panel.n_periods} periods: name one, as in "
            f"period={panel.periods.tolist()[-1]!r}, or pass km_per_period="
        )
    chosen = panel.period(panel.periods[0] if period is None else period)
    return panel if panel.n_periods == 1 else panel.select(periods=[chosen])
