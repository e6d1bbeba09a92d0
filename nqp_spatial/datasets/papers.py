"""Facts of Zhong & Wu (2024) on the regions, clusters and plans of Chinese industry."""

from __future__ import annotations

from typing import Literal

import pandas as pd

from nqp_spatial.core.options import checked
from nqp_spatial.datasets.china import DATA, china_provinces

__all__ = [
    "base_stations_5g",
    "gdp_gaps",
    "hu_line_shares",
    "industry_clusters",
    "industry_plans",
]


@checked
def gdp_gaps() -> pd.DataFrame:
    """Return the gaps in gross domestic product between the four regions of China, 2000 and 2022.

    Returns
    -------
    DataFrame, 12 rows
        ``variable`` ("gdp": mean over a region's provinces, 100 million yuan; "gdp_per_head",
        yuan), ``first``, ``second`` (the gap is the first region's value minus the second's),
        ``gap_2000``, ``gap_2022``, ``change_pct`` (as printed, computed from rounded figures).

    Notes
    -----
    The gap between Central and Northeast of 2022 is 25 103 in the table and 25 003 in the text; the
    gaps from the East (42 886 minus 17 783) show that the table is correct.

    Source: Zhong & Wu (2024), Journal of Chongqing University (Social Science Edition) 30(6),
    Table 1, after the National Bureau of Statistics.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> nq.datasets.gdp_gaps().iloc[0].to_dict()
    {'variable': 'gdp', 'first': 'East', 'second': 'Central', 'gap_2000': 1804, \
'gap_2022': 17783, 'change_pct': 885.8}
    """
    return pd.read_csv(DATA / "gdp_gaps.csv", comment="#")


@checked
def industry_clusters() -> pd.DataFrame:
    """Return the 91 national industry clusters of China of 2022 and their locations.

    Returns
    -------
    DataFrame, 91 rows, indexed by ``cluster``
        ``list`` ("advanced-manufacturing", 45; "innovative", 46), ``region_printed`` (the source's
        region), ``industry_zh``, ``industry_en``, ``cities_zh`` and ``adcodes`` (tuples: the
        prefecture-level units that the cluster names), ``note``.

    Notes
    -----
    ``frame.explode("adcodes")`` has one row for each cluster and city: count a cluster once in each
    of its cities, or split it equally between them.

    One cluster names Hebei as a whole and has the codes of Beijing and Tianjin only. Four clusters
    name no city and are assigned to Chongqing, which they follow in the table. The text counts 26
    advanced clusters in the three large agglomerations; with Anhui in the Yangtze River Delta its
    table has 27.

    Source: Zhong & Wu (2024), Table 2, after the Ministry of Industry and Information Technology
    and the Torch Center; English names and codes are this package's.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> clusters = nq.datasets.industry_clusters()
    >>> clusters["list"].value_counts().to_dict()
    {'innovative': 46, 'advanced-manufacturing': 45}
    >>> clusters.explode("adcodes")["adcodes"].value_counts().head(2).to_dict()
    {500000: 6, 440300: 5}
    """
    frame = pd.read_csv(DATA / "industry_clusters.csv", comment="#", index_col="cluster")
    frame["cities_zh"] = [tuple(names.split()) for names in frame["cities_zh"]]
    frame["adcodes"] = [tuple(map(int, str(codes).split())) for codes in frame["adcodes"]]
    return frame.fillna({"note": ""})


@checked
def industry_plans(names: Literal["en", "zh", "adcode"] = "en") -> pd.DataFrame:
    """Return which of 37 industries are named in the 2021-2025 plans of eleven Chinese provinces.

    Parameters
    ----------
    names : {"en", "zh", "adcode"}
        Names of industries and provinces: English, Chinese, or codes for the provinces (and English
        for the industries).

    Returns
    -------
    DataFrame of bool, shape (37, 11)
        Industries by provinces, true where the province's plan names the industry; 171 are true.

    Raises
    ------
    OptionError
        If `names` is unknown.

    See Also
    --------
    region_schemes : Scheme "city_cluster" contains the agglomeration of each province.

    Notes
    -----
    Source: Zhong & Wu (2024), Table 3, after the outlines of the provinces' fourteenth five-year
    plans; English names are this package's.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> plans = nq.datasets.industry_plans()
    >>> plans.shape, int(plans.to_numpy().sum())
    ((37, 11), 171)
    >>> w = nq.weights.similarity(plans.T, measure="jaccard", standardize="none")
    >>> round(float(w.sparse[w.units.get_loc("Zhejiang"), w.units.get_loc("Chongqing")]), 3)
    0.6
    """
    frame = pd.read_csv(DATA / "industry_plans.csv", comment="#")
    frame = frame.set_index("industry_zh" if names == "zh" else "industry_en")
    frame = frame.drop(columns=["industry_zh", "industry_en", "printed_frequency"], errors="ignore")
    if names in ("zh", "adcode"):
        provinces = china_provinces().reset_index().set_index("name_en")
        frame.columns = provinces.loc[frame.columns, "name_zh" if names == "zh" else "adcode"]
    return frame.astype(bool).rename_axis(index="industry", columns="province")


@checked
def hu_line_shares() -> pd.DataFrame:
    """Return the shares of the two sides of the Hu line, in percent of China.

    Returns
    -------
    DataFrame, 8 rows, indexed by ``item``
        ``southeast``, ``northwest``: area, population, gdp, fiscal_revenue, fixed_investment,
        foreign_capital, education, innovation.

    Notes
    -----
    The text says that the southeast is over 40 times as densely populated; these shares imply 20.4
    times.

    Source: Zhong & Wu (2024), section 1.1, after Hu (1990) and Fang et al. (2023).

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> shares = nq.datasets.hu_line_shares()
    >>> density = shares.loc["population"] / shares.loc["area"]
    >>> float(round(density["southeast"] / density["northwest"], 1))
    20.4
    """
    return pd.read_csv(DATA / "hu_line_shares.csv", comment="#", index_col="item")


@checked
def base_stations_5g() -> pd.DataFrame:
    """Return the 5G base stations of the four regions of China at the end of February 2024.

    Returns
    -------
    DataFrame, 4 rows, indexed by ``region``
        ``stations_10k`` (ten thousands), ``share_pct``, ``trial_cities`` (of the first 18).

    Notes
    -----
    Source: Zhong & Wu (2024), section 1.3, after the Ministry of Industry and Information
    Technology.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> float(nq.datasets.base_stations_5g()["stations_10k"].sum().round(1))
    351.0
    """
    return pd.read_csv(DATA / "base_stations_5g.csv", comment="#", index_col="region")
