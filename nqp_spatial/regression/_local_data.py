"""A cross-section, or all periods, as arrays for geographically weighted regression."""

from __future__ import annotations

import numpy as np

from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.periods import require_even_steps
from nqp_spatial.core.sizes import require_memory
from nqp_spatial.core.text import Message, t
from nqp_spatial.errors import CollinearityError, CrsError, OptionError, PanelError, sample
from nqp_spatial.regression._design import INTERCEPT
from nqp_spatial.regression._evaluation import evaluate
from nqp_spatial.regression._formulas import Functions
from nqp_spatial.regression._local_models import LocalData
from nqp_spatial.weights._coordinates import EARTH_RADIUS_KM, coordinates_of

__all__ = ["least_neighbours", "local_data", "require_bandwidth"]


def local_data(
    formula: str,
    panel: SpatialPanel,
    metric: str,
    km_per_period: float | None,
    functions: Functions | None,
) -> tuple[LocalData, list[str], str, Message]:
    """Return arrays, names of the coefficients, the outcome and the distances in words."""
    y, x, _ = evaluate(formula, panel, functions)
    names = [str(name) for name in x.columns]
    values = x.to_numpy(dtype=float)
    n, k = values.shape
    if n <= k + 2:
        raise PanelError(f"{n} units are too few for {k} local coefficients; take fewer regressors")
    require_memory(40 * n**2, f"kernel weights of {n} observations", "take fewer units or periods")
    others = [name for name in names if name != INTERCEPT]
    constant = [name for name in others if np.ptp(values[:, names.index(name)]) == 0]
    if constant or np.linalg.matrix_rank(values / np.linalg.norm(values, axis=0)) < k:
        raise CollinearityError(
            f"the regressors {sample(constant or others)} are linearly dependent in this period; "
            "leave some out"
        )
    if not others:
        raise OptionError(f"the formula {formula!r} must name regressors, it has none")
    coordinates, distances = _coordinates(panel, metric, in_space=km_per_period is not None)
    if km_per_period is not None:
        require_even_steps(panel.periods, "km_per_period=")
        time = np.tile(km_per_period * np.arange(panel.n_periods), panel.n_units)
        coordinates = np.column_stack([np.repeat(coordinates, panel.n_periods, axis=0), time])
        distances = t("{distances}; one period counts as {km:g} km", distances=distances,
                      km=km_per_period)  # fmt: skip
    columns = [names.index(name) for name in others]
    names = [*([INTERCEPT] if INTERCEPT in names else []), *others]
    data = LocalData(coordinates, y.to_numpy(dtype=float), values[:, columns], INTERCEPT in names)
    return data, names, str(y.columns[0]), distances


def _coordinates(panel: SpatialPanel, metric: str, *, in_space: bool) -> tuple[np.ndarray, Message]:
    """Return degrees, or kilometres in the plane or in space, and the distances in words."""
    coordinates = coordinates_of(panel)
    if metric == "great-circle":
        if coordinates.degrees is None:
            raise CrsError(
                "the CRS has no position on the globe, so there are no great circles; pass "
                "metric='plane'"
            )
        if in_space:
            return coordinates.points * EARTH_RADIUS_KM, t("straight lines through the globe, km")
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


def require_bandwidth(
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


def least_neighbours(n: int, k: int) -> int | None:
    """Return the smallest number of neighbours to be searched: that of mgwr, or half the units."""
    return None if 40 + 2 * k < n else max(k + 2, n // 2)
