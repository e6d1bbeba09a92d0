"""`explore`: a page with linked views, in one file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from nqp_spatial.convergence import ClubsResult
from nqp_spatial.core.options import Crs, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import Lang, language
from nqp_spatial.dynamics import MarkovResult, SpatialMarkovResult
from nqp_spatial.errors import OptionError
from nqp_spatial.esda import LisaResult
from nqp_spatial.plots._theme import Classes
from nqp_spatial.plots.explorer._chains import chain_content
from nqp_spatial.plots.explorer._content import Content
from nqp_spatial.plots.explorer._geometry import Shapes, shapes_of
from nqp_spatial.plots.explorer._page import page_of
from nqp_spatial.plots.explorer._panel import panel_content
from nqp_spatial.plots.explorer._results import (
    clubs_content,
    lisa_content,
    model_content,
)
from nqp_spatial.plots.maps._basemap import MapStyle, basemap_of
from nqp_spatial.regression import RegressionResult
from nqp_spatial.weights.spatial_weights import WeightsLike, as_weights

if TYPE_CHECKING:
    import geopandas as gpd

__all__ = ["Explorer", "explore"]


@dataclass(frozen=True, repr=False, eq=False)
class Explorer:
    """A page with linked views, that shows itself in a notebook.

    Attributes
    ----------
    content : Content
        Units, periods and variables.
    shapes : Shapes or None
        Simplified outlines of the units.
    lang : {"en", "zh"}
    """

    content: Content
    shapes: Shapes | None
    lang: Lang

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out."""
        return tuple(self.content.notes)

    @cached_property
    def html(self) -> str:
        """The page."""
        with language(self.lang):
            return page_of(self.content, self.shapes, self.lang)

    @checked
    def save(self, path: str | Path) -> Path:
        """Write the page into one file, which needs no network, and return its path."""
        target = Path(path)
        if target.suffix.lower() not in (".html", ".htm"):
            raise OptionError(f"path must name a file .html, got {str(path)!r}")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(self.html, encoding="utf-8")
        return target

    def __repr__(self) -> str:
        content = self.content
        map_ = "a map" if self.shapes is not None else "no map"
        return (
            f"Explorer: {len(content.units)} units x {len(content.periods)} "
            f"period{'s' * (len(content.periods) != 1)}, {len(content.variables)} "
            f"variable{'s' * (len(content.variables) != 1)}, {map_}; "
            "write it with .save('page.html')"
        )

    def _repr_html_(self) -> str:
        # A page of its own inside the notebook: its style and script touch nothing else.
        return (
            f'<iframe srcdoc="{escape(self.html)}" title="{escape(self.content.title)}" '
            'sandbox="allow-scripts" style="width:100%;height:880px;border:0"></iframe>'
        )


@checked
def explore(
    result: SpatialPanel
    | LisaResult
    | Sequence[LisaResult]
    | RegressionResult
    | ClubsResult
    | MarkovResult
    | SpatialMarkovResult,
    path: str | Path | None = None,
    *,
    panel: SpatialPanel | None = None,
    weights: WeightsLike | None = None,
    variables: str | Sequence[str] | None = None,
    names: str | None = None,
    scheme: Literal["quantiles", "natural-breaks", "equal-intervals"] = "quantiles",
    classes: Classes = 5,
    title: str | None = None,
    crs: Crs = "auto",
    basemap: Literal["china"] | gpd.GeoDataFrame | Sequence[gpd.GeoDataFrame] | None = None,
    lang: Lang = "en",
) -> Explorer | Path:
    """Make a page with linked views: a map, a scatter and lines over time.

    Units that are selected in one view, by a click or a rectangle, are marked in the others. A
    slider sets the period of the map and of the scatter. The page is one file of about one
    megabyte and its data, and needs no network.

    Parameters
    ----------
    result : SpatialPanel or result
        What the second view shows depends on it. A panel: with `weights` Moran's scatter plot of
        each period, otherwise the ranking. LISA statistics of one or several periods: Moran's
        scatter plot coloured by cluster. A model: effects by unit, and residuals. Convergence
        clubs: relative transition paths, and their change since the first period. Markov chains:
        states over time, and transition probabilities, whose cells select regions.
    path : path, optional
        A file ``.html`` to write.
    panel : SpatialPanel, optional
        For a result: the data it is of, with the geometry of the units. A Markov chain needs it;
        for other results it adds the map, and for LISA statistics the variable over time.
    weights : SpatialWeights, Graph or W, optional
        Of a panel, for Moran's scatter plot; of a spatial Markov chain, for its neighbours' states.
    variables : str or sequence of str, optional
        Columns of a panel, the first shown first; regressors of a model. By default all that can be
        drawn.
    names : str, optional
        Column of the panel with the names of units; by default they are the ids.
    scheme : {"quantiles", "natural-breaks", "equal-intervals"}
        How classes are cut, as in `choropleth`; they are the same in all periods.
    classes : int
    title : str, optional
    crs, basemap
        As in `choropleth`. The base map is drawn without an inset.
    lang : {"en", "zh"}
        Language of the words that are not yours.

    Returns
    -------
    Explorer or Path
        A page that shows itself in a notebook and has ``.save(path)``; the path if one is given.

    Raises
    ------
    OptionError
        If an option is out of range, or `path` is no HTML file.
    PanelError, UnknownColumnError
        If a column is unknown or cannot be drawn, or a Markov chain has no panel.
    UnmatchedIdsError
        If units of the result, the panel and the weights differ.

    Notes
    -----
    Views are Vega-Lite charts made by Altair; outlines are simplified so that neighbours stay
    adjacent. Values that are missing or infinite are grey. In Moran's scatter plot a unit has no
    point if its value or a neighbour's is missing, if it has no neighbours, or if all values of the
    period are equal; a remark below the plot counts these units.

    Examples
    --------
    >>> import tempfile, nqp_spatial as nq
    >>> panel = nq.datasets.us_income()
    >>> page = nq.plots.explore(panel, weights=nq.weights.contiguity(panel), names="name")
    >>> page
    Explorer: 48 units x 81 periods, 2 variables, a map; write it with .save('page.html')
    >>> page.save(tempfile.mkdtemp() + "/income.html").name
    'income.html'
    """
    with language(lang):
        data = result if isinstance(result, SpatialPanel) else panel
        content = _content(result, data, weights, variables, names, scheme, classes, title)
        shapes = None
        if data is not None and data.geometry is not None:
            shapes = shapes_of(basemap_of(data, MapStyle(crs=crs, basemap=basemap)))
    page = Explorer(content, shapes, lang)
    return page if path is None else page.save(path)


def _content(
    result: object,
    panel: SpatialPanel | None,
    weights: WeightsLike | None,
    variables: str | Sequence[str] | None,
    names: str | None,
    scheme: str,
    classes: int,
    title: str | None,
) -> Content:
    """Return what the page of a panel or a result shows."""
    w = None if weights is None else as_weights(weights)
    if names is not None and panel is None:
        raise OptionError("names= is a column of a panel: pass panel= as well")
    if isinstance(result, SpatialPanel):
        matrix = None if w is None else w.aligned(result.units)
        columns = [variables] if isinstance(variables, str) else variables
        return panel_content(
            result, matrix, columns, names, scheme=scheme, classes=classes, title=title
        )
    if isinstance(result, RegressionResult):
        return model_content(result, panel, variables, names, classes=classes, title=title)
    if variables is not None:
        raise OptionError("variables= is for a panel or a model; other results have one variable")
    if isinstance(result, ClubsResult):
        return clubs_content(result, panel, names, title=title)
    if isinstance(result, MarkovResult | SpatialMarkovResult):
        if panel is None:
            raise OptionError("a Markov chain does not contain the states of regions: pass panel=")
        return chain_content(result, panel, w, names, title=title)
    several = [result] if isinstance(result, LisaResult) else list(result)  # type: ignore[call-overload]
    return lisa_content(several, panel, names, title=title)
