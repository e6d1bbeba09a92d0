"""Two panels of the 48 contiguous United States, with boundaries."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nqp_spatial.core.options import checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.datasets.china import DATA

if TYPE_CHECKING:
    import geopandas as gpd

__all__ = ["us_income", "us_public_capital"]


@checked
def us_income() -> SpatialPanel:
    """Income per head of the 48 contiguous United States, 1929-2009.

    Returns
    -------
    SpatialPanel
        48 units (postal codes) and 81 years; columns ``income`` (current dollars per head),
        ``relative_income`` (divided by the unweighted mean of the 48 states in the year), and
        ``name``. Boundaries are generalised, in degrees.

    Notes
    -----
    Source: US Bureau of Economic Analysis, as installed with libpysal (example ``us_income``).

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> nq.datasets.us_income()
    SpatialPanel: 48 units x 81 periods (1929 to 2009), 3 columns, geometry in WGS 84
    """
    wide = pd.read_csv(libpysal_example("us_income") / "usjoin.csv")
    codes = state_boundaries().set_index("name")["state"]
    long = wide.melt(
        id_vars=["Name"],
        value_vars=[str(year) for year in range(1929, 2010)],
        var_name="year",
        value_name="income",
    ).rename(columns={"Name": "name"})
    long["year"] = long["year"].astype(int)
    long["income"] = long["income"].astype(float)
    long["state"] = long["name"].map(codes)
    mean = long.groupby("year")["income"].transform("mean")
    long["relative_income"] = long["income"] / mean
    return SpatialPanel(
        long,
        unit="state",
        period="year",
        geometry=state_boundaries().drop(columns="name"),
        labels={
            "income": "Income per head, dollars",
            "relative_income": "Income per head relative to the mean of states",
            "name": "State",
        },
    )


@checked
def us_public_capital() -> SpatialPanel:
    """Output, capital and labour of the 48 contiguous United States, 1970-1986 (Munnell 1990).

    Returns
    -------
    SpatialPanel
        48 units (postal codes) and 17 years; columns ``lgsp`` (log of gross state product),
        ``lpcap`` (log of public capital), ``lpc`` (log of private capital), ``lemp`` (log of
        non-agricultural employment) and ``unemp`` (unemployment rate, %).

    Notes
    -----
    Source: Munnell, A. (1990), "Why has productivity growth declined? Productivity and public
    investment", New England Economic Review, 3-22; the table of the package linearmodels, whose
    licence is in ``datasets/data``.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> nq.datasets.us_public_capital().n_periods
    17
    """
    source = pd.read_csv(DATA / "munnell.csv", comment="#")
    frame = pd.DataFrame(
        {
            "state": source["ST_ABB"].astype(str),
            "year": source["YR"].astype(int),
            "lgsp": np.log(source["GSP"].astype(float)),
            "lpcap": np.log(source["P_CAP"].astype(float)),
            "lpc": np.log(source["PC"].astype(float)),
            "lemp": np.log(source["EMP"].astype(float)),
            "unemp": source["UNEMP"].astype(float),
        }
    )
    return SpatialPanel(
        frame,
        unit="state",
        period="year",
        geometry=state_boundaries().drop(columns="name"),
        labels={
            "lgsp": "Gross state product (log)",
            "lpcap": "Public capital (log)",
            "lpc": "Private capital (log)",
            "lemp": "Employment (log)",
            "unemp": "Unemployment rate, %",
        },
    )


def libpysal_example(name: str) -> Path:
    """Return the folder of an example that is installed with libpysal, which is not imported.

    Importing libpysal loads clients of databases and of the web, which takes a second.
    """
    places = find_spec("libpysal")
    assert places is not None and places.submodule_search_locations  # a required package
    return Path(places.submodule_search_locations[0]) / "examples" / name


def state_boundaries() -> gpd.GeoDataFrame:
    """Return the 48 contiguous states: code, name and shape."""
    import geopandas as gpd

    shapes = gpd.read_file(libpysal_example("us_income") / "us48.shp")
    if shapes.crs is None:
        shapes = shapes.set_crs("EPSG:4326")  # the file has no .prj; its coordinates are degrees
    return shapes.rename(columns={"STATE_ABBR": "state", "STATE_NAME": "name"})[
        ["state", "name", "geometry"]
    ]
