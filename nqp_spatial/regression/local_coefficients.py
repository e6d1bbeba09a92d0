"""`gwr`: coefficients that vary over space, by geographically weighted regression."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd

from nqp_spatial.core.display import Block, Displayed, Spec, notes_of
from nqp_spatial.core.inference import HypothesisTest, NotApplicable, TestSet, two_sided_p
from nqp_spatial.core.options import Jobs, Permutations, Range, Seed, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.resampling import permutation_p
from nqp_spatial.core.text import Message, t
from nqp_spatial.errors import CollinearityError, CrsError, OptionError, PanelError, sample
from nqp_spatial.regression._design import INTERCEPT
from nqp_spatial.regression._evaluation import evaluate
from nqp_spatial.regression._formulas import Functions, term_labels
from nqp_spatial.regression._local_models import (
    LocalData,
    condition_numbers,
    fitted_model,
    library,
    searched,
)
from nqp_spatial.weights._coordinates import coordinates_of

__all__ = ["GwrResult", "gwr"]

#: Condition number from which local coefficients are unreliable (Belsley, Kuh and Welsch 1980).
COLLINEAR = 30.0
_Bandwidth = Annotated[float, Range(0, without="low")]


@dataclass(frozen=True, repr=False, eq=False)
class GwrResult(Displayed):
    """Coefficients of each unit.

    Attributes
    ----------
    frame : DataFrame
        By (unit, variable): ``estimate``, ``std_error``, ``statistic``, ``p_value`` and
        ``p_corrected``, which counts how many independent regressions there are (da Silva and
        Fotheringham 2016).
    units : DataFrame
        By unit: ``fitted``, ``residual``, ``local_r2`` (missing with several bandwidths),
        ``influence`` (likewise) and ``condition_number`` of the weighted regressors.
    bandwidths : DataFrame
        By variable: ``bandwidth`` (number of neighbours, the unit itself among them, or
        kilometres) and ``effective_parameters`` (with one bandwidth, the same share for each).
    criteria : DataFrame
        "local" and "global" (the same coefficients everywhere) columns: ``aicc``, ``aic``, ``bic``,
        ``rsquared``, ``sigma2``, ``effective_parameters``.
    period : hashable or None
        None for a cross-section.
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
    kernel: Literal["bisquare", "gaussian", "exponential"] = "bisquare",
    bandwidth: _Bandwidth | None = None,
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
        If a bandwidth is given for several, or is more or fewer units than possible.
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
    if period is None and panel.n_periods > 1:
        raise PanelError(
            f"the panel has {panel.n_periods} periods: name one, as in "
            f"period={panel.periods.tolist()[-1]!r}"
        )
    period = panel.period(panel.periods[0] if period is None else period)
    section = panel if panel.n_periods == 1 else panel.select(periods=[period])
    arrays, names, outcome, distances = _local_data(formula, section, metric, functions)
    options = {"kernel": kernel, "fixed": fixed, "spherical": metric == "great-circle"}
    data = replace(arrays, options={**options, "n_jobs": n_jobs}, quiet=not progress)
    _require_bandwidth(bandwidth, data, names, fixed=fixed, multiscale=multiscale)
    n, k = len(data.y), data.columns
    selector = None
    if bandwidth is None:
        least = None if fixed else _least_neighbours(n, k)
        selector = searched(data, criterion, least, multiscale=multiscale)
        bandwidth = float(np.max(selector.bw[0]))
    size = bandwidth if fixed else int(bandwidth)
    estimated = fitted_model(data, size, selector if multiscale else None)
    everywhere = fitted_model(data, np.inf)
    bandwidths = _bandwidths(estimated, names, size, multiscale=multiscale)
    frame = _frame(estimated, section.units, bandwidths, multiscale=multiscale)
    units = _units(estimated, section.units, multiscale=multiscale)
    tests = _variation_tests(data, estimated, names, size, permutations, seed,
                             multiscale=multiscale)  # fmt: skip
    return GwrResult(
        frame=frame,
        units=units,
        bandwidths=bandwidths,
        criteria=_criteria(estimated, everywhere),
        period=None if panel.n_periods == 1 else period,
        label=panel.labels.get(outcome, outcome),
        labels=term_labels(panel.labels, names),
        spec=Spec(
            formula=formula, kernel=kernel, fixed=fixed, multiscale=multiscale,
            criterion=criterion, distances=distances, permutations=permutations, seed=seed,
        ),
        tests=tests,
        notes=_notes(units, bandwidths, n, fixed=fixed),
    )  # fmt: skip


def _local_data(
    formula: str, panel: SpatialPanel, metric: str, functions: Functions | None
) -> tuple[LocalData, list[str], str, Message]:
    """Return arrays, names of the coefficients, the outcome and the distances in words."""
    y, x, _ = evaluate(formula, panel, functions)
    names = [str(name) for name in x.columns]
    values = x.to_numpy(dtype=float)
    n, k = values.shape
    if n <= k + 2:
        raise PanelError(f"{n} units are too few for {k} local coefficients; take fewer regressors")
    others = [name for name in names if name != INTERCEPT]
    constant = [name for name in others if np.ptp(values[:, names.index(name)]) == 0]
    if constant or np.linalg.matrix_rank(values / np.linalg.norm(values, axis=0)) < k:
        raise CollinearityError(
            f"the regressors {sample(constant or others)} are linearly dependent in this period; "
            "leave some out"
        )
    if not others:
        raise OptionError(f"the formula {formula!r} must name regressors, it has none")
    coordinates, distances = _coordinates(panel, metric)
    columns = [names.index(name) for name in others]
    names = [*([INTERCEPT] if INTERCEPT in names else []), *others]
    data = LocalData(coordinates, y.to_numpy(dtype=float), values[:, columns], INTERCEPT in names)
    return data, names, str(y.columns[0]), distances


def _coordinates(panel: SpatialPanel, metric: str) -> tuple[np.ndarray, Message]:
    coordinates = coordinates_of(panel)
    if metric == "great-circle":
        if coordinates.degrees is None:
            raise CrsError(
                "the CRS has no position on the globe, so there are no great circles; pass "
                "metric='plane'"
            )
        return coordinates.degrees, t("great circles, km")
    shapes = panel.require_geometry()
    if shapes.crs.is_geographic:
        raise CrsError(
            f"metric='plane' needs projected coordinates, those of the panel are degrees "
            f"({shapes.crs.name}); project the geometry, or use metric='great-circle'"
        )
    import shapely

    centres = shapely.centroid(shapes.geometry.to_numpy())
    unit = shapes.crs.axis_info[0].unit_conversion_factor if shapes.crs.axis_info else 1.0
    plane = np.column_stack([shapely.get_x(centres), shapely.get_y(centres)])
    return plane * float(unit) / 1000, t("planar in {crs}, km", crs=str(shapes.crs.name))


def _require_bandwidth(
    bandwidth: float | None, data: LocalData, names: list[str], *, fixed: bool, multiscale: bool
) -> None:
    n = len(data.y)
    if bandwidth is None:
        return
    if multiscale:
        raise OptionError("multiscale=True searches a bandwidth for each regressor; leave out "
                          "bandwidth=")  # fmt: skip
    if not fixed and not len(names) + 1 < bandwidth <= n:
        raise OptionError(
            f"bandwidth= must be between {len(names) + 2}, more than the {len(names)} "
            f"coefficients, and {n}, the number of units; got {bandwidth:g}"
        )


def _least_neighbours(n: int, k: int) -> int | None:
    """Return the smallest number of neighbours to be searched: that of mgwr, or half the units."""
    return None if 40 + 2 * k < n else max(k + 2, n // 2)


def _bandwidths(estimated: Any, names: list[str], size: float, *, multiscale: bool) -> pd.DataFrame:
    k = len(names)
    values = np.asarray(estimated.model.bws if multiscale else [size] * k, dtype=float)
    shares = estimated.ENP_j if multiscale else np.full(k, estimated.ENP / k)
    return pd.DataFrame(
        {"bandwidth": values, "effective_parameters": np.asarray(shares, dtype=float)},
        index=pd.Index(names, name="variable"),
    )


def _frame(
    estimated: Any, units: pd.Index, bandwidths: pd.DataFrame, *, multiscale: bool
) -> pd.DataFrame:
    n = len(estimated.params)
    estimates, errors = np.asarray(estimated.params), np.asarray(estimated.bse)
    statistic = estimates / errors
    p = two_sided_p(statistic, n - 1)
    corrected = np.minimum(1.0, p * bandwidths["effective_parameters"].to_numpy())
    index = pd.MultiIndex.from_product([units, bandwidths.index], names=["unit", "variable"])
    columns = {"estimate": estimates, "std_error": errors, "statistic": statistic, "p_value": p,
               "p_corrected": corrected}  # fmt: skip
    return pd.DataFrame({name: np.ravel(values) for name, values in columns.items()}, index=index)


def _units(estimated: Any, units: pd.Index, *, multiscale: bool) -> pd.DataFrame:
    n, k = estimated.params.shape
    missing = np.full(n, np.nan)
    weights = estimated.W if multiscale else [estimated.W] * k
    return pd.DataFrame(
        {
            "fitted": np.ravel(estimated.predy),
            "residual": np.ravel(estimated.resid_response),
            "local_r2": missing if multiscale else np.ravel(estimated.localR2),
            "influence": missing if multiscale else np.ravel(estimated.influ),
            "condition_number": condition_numbers(np.asarray(estimated.X), weights),
        },
        index=pd.Index(units, name="unit"),
    )


def _criteria(estimated: Any, everywhere: Any) -> pd.DataFrame:
    measures = {"aicc": "aicc", "aic": "aic", "bic": "bic", "rsquared": "R2", "sigma2": "sigma2",
                "effective_parameters": "tr_S"}  # fmt: skip
    columns = {
        name: [float(getattr(result, attribute)) for attribute in measures.values()]
        for name, result in {"local": estimated, "global": everywhere}.items()
    }
    return pd.DataFrame(columns, index=pd.Index(list(measures), name="measure"))


def _variation_tests(
    data: LocalData,
    estimated: Any,
    names: list[str],
    size: float,
    permutations: int,
    seed: int | None,
    *,
    multiscale: bool,
) -> TestSet:
    """Compare the standard deviation of coefficients with that after random relocations."""
    if not permutations:
        return TestSet()
    words = [
        (t("varies: {variable}", variable=name),
         t("the coefficient of {variable} is the same everywhere", variable=name))
        for name in names
    ]  # fmt: skip
    if multiscale:
        reason = t("several bandwidths would have to be searched for each relocation")
        return TestSet([NotApplicable(*pair, reason) for pair in words])
    spread = np.asarray(estimated.params).std(axis=0)
    rng, extreme = np.random.default_rng(seed), np.zeros(len(names), dtype=int)
    for _ in range(permutations):
        moved = replace(data, coordinates=data.coordinates[rng.permutation(len(data.y))])
        extreme += np.asarray(fitted_model(moved, size).params).std(axis=0) >= spread
    rule = t("{count} relocations at the same bandwidth; the statistic is the standard deviation",
             count=permutations)  # fmt: skip
    return TestSet(
        HypothesisTest(*pair, float(value), "permutation", None,
                       float(permutation_p(count, permutations)), rule)
        for pair, value, count in zip(words, spread, extreme, strict=True)
    )  # fmt: skip


def _notes(
    units: pd.DataFrame, bandwidths: pd.DataFrame, n: int, *, fixed: bool
) -> tuple[str, ...]:
    notes: list[str] = []
    condition = units["condition_number"]
    if (condition > COLLINEAR).any():
        notes.append(
            t("local collinearity: the condition number exceeds {limit:g} around {count} of "
              "{total} units; coefficients there may be large, of opposite signs, and vary "
              "although the true ones do not",
              limit=COLLINEAR, count=int((condition > COLLINEAR).sum()), total=n)
        )  # fmt: skip
    if not fixed and (bandwidths["bandwidth"] >= n).any():
        names = bandwidths.index[bandwidths["bandwidth"] >= n]
        notes.append(
            t("the bandwidth of {names} is all units: the coefficients hardly vary",
              names=", ".join(names))
        )  # fmt: skip
    return tuple(notes)
