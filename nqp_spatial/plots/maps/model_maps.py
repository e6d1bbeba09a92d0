"""What a model says of each unit, on the map: residuals, and what it receives and sends."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np

from nqp_spatial.core.options import PassedTo, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import join, label, t, translate
from nqp_spatial.errors import PanelError, sample
from nqp_spatial.plots._theme import DIVERGING
from nqp_spatial.plots.maps.choropleth import choropleth
from nqp_spatial.regression import RegressionResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["residual_map", "unit_effects_map"]

Side = Literal["own", "received", "sent"]


@checked
def residual_map(
    result: RegressionResult,
    panel: SpatialPanel,
    *,
    period: Hashable | None = None,
    ax: Axes | None = None,
    **options: Annotated[Any, PassedTo("choropleth", without=("ax",))],
) -> Axes:
    """Draw the residuals of one period, in standard errors of the regression.

    Clusters of one colour are spatial dependence that the model does not explain.

    Parameters
    ----------
    result : RegressionResult
    panel : SpatialPanel
        With the geometry of its units.
    period : hashable, optional
        May be left out for a cross-section.
    ax : Axes, optional
        Where to draw; a new figure if not given.
    **options
        Passed on to `choropleth`, such as ``basemap``, ``inset``, ``title``, ``breaks``.

    Returns
    -------
    Axes

    Raises
    ------
    PanelError
        If there is no such period.
    GeometryError, UnmatchedIdsError
        As in `choropleth`.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> res = nq.fit("lgsp ~ lpc + lemp", panel, nq.weights.contiguity(panel))
    >>> ax = nq.plots.residual_map(res, panel, period=1986)
    >>> ax.get_legend().get_title().get_text()
    'Standardised residual, 1986'
    """
    table = result.resid.unstack()
    if period is None and table.shape[1] == 1:
        period = table.columns[0]
    if period not in table.columns:
        wanted = f"residuals are of the periods {sample(table.columns, 20)}"
        if period is None:
            raise PanelError(f"{wanted}; name one, as in period={table.columns[-1]}")
        raise PanelError(f"{wanted}; got period={period!r}")
    values = table[period] / np.sqrt(result.sigma2)
    words = t("Standardised residual")
    if table.shape[1] > 1:
        words = t("{name}, {period}", name=words, period=period)
    defaults = {
        "breaks": [-2, -1, 1, 2], "cmap": DIVERGING, "digits": 0,
        "label": translate(words, options.get("lang", "en")),
    }  # fmt: skip
    return choropleth(panel, values, ax=ax, **{**defaults, **options})


@checked
def unit_effects_map(
    result: RegressionResult,
    panel: SpatialPanel,
    variable: str,
    side: Side = "received",
    *,
    horizon: str | None = None,
    ax: Axes | None = None,
    **options: Annotated[Any, PassedTo("choropleth", without=("ax",))],
) -> Axes:
    """Draw what a change of one regressor does at each unit.

    Parameters
    ----------
    result : RegressionResult
    panel : SpatialPanel
        With the geometry of its units.
    variable : str
        One of the regressors.
    side : {"own", "received", "sent"}
        As in `RegressionResult.unit_effects`.
    horizon : {"short-run", "long-run"}, optional
        Of a dynamic model.
    ax : Axes, optional
        Where to draw; a new figure if not given.
    **options
        Passed on to `choropleth`.

    Returns
    -------
    Axes

    Raises
    ------
    OptionError
        If the side is unknown. What `unit_effects` and `choropleth` raise is passed on.

    Notes
    -----
    Units differ by their position in W only: the coefficients are the same for all. With
    row-standardised W and one matrix for W y and W X, all units receive about the same; they differ
    in what they send.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> res = nq.fit("lgsp ~ lpc + lemp", panel, nq.weights.contiguity(panel))
    >>> ax = nq.plots.unit_effects_map(res, panel, "lpc", "sent")
    >>> ax.get_legend().get_title().get_text()
    'Private capital (log): sent to all others'
    """
    values = result.unit_effects(variable, horizon=horizon)[side]
    name = result.label(variable)
    words = {
        "own": t("{name}: own effect", name=name),
        "received": t("{name}: received from all others", name=name),
        "sent": t("{name}: sent to all others", name=name),
    }[side]
    if horizon is not None:
        words = join(", ", [words, label("horizon", horizon)])
    defaults = {"label": translate(words, options.get("lang", "en"))}
    return choropleth(panel, values, ax=ax, **{**defaults, **options})
