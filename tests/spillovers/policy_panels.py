"""Panels with planted policies, for the tests of `policy`."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd

import nqp_spatial as nq


def planted_panel(
    n: int = 60,
    periods: int = 8,
    seed: int = 0,
    *,
    own: float = 1.0,
    spilled: float = 0.6,
    treated: int = 12,
    dates: tuple[int, ...] = (3, 5),
    k: int = 4,
    scale: float = 1.0,
    on_treated: bool = True,
) -> nq.SpatialPanel:
    """Return a panel of points with a staggered policy that also reaches k nearest neighbours."""
    rng = np.random.default_rng(seed)
    lon, lat = rng.uniform(100, 108, n), rng.uniform(25, 33, n)
    adoption = np.full(n, periods)
    adoption[rng.choice(n, treated, replace=False)] = rng.choice(dates, treated)
    frame = pd.DataFrame(
        {
            "id": np.repeat([f"u{place:03d}" for place in range(n)], periods),
            "year": np.tile(np.arange(2000, 2000 + periods), n),
            "d": (np.arange(periods) >= adoption[:, None]).astype(int).ravel(),
            "x": rng.normal(size=n * periods),
            "lon": np.repeat(lon, periods),
            "lat": np.repeat(lat, periods),
            "province": np.repeat([f"p{place // 4:02d}" for place in range(n)], periods),
            "adoption": np.repeat(np.where(adoption < periods, adoption + 2000, 0), periods),
        }
    )
    points = gpd.GeoDataFrame(
        {"id": frame["id"].unique()}, geometry=gpd.points_from_xy(lon, lat), crs=4326
    )
    panel = nq.SpatialPanel(frame, unit="id", period="year", geometry=points)
    exposure = nq.weights.knn(panel, k=k).sparse @ panel.values("d")
    if not on_treated:
        exposure = exposure * (1 - panel.values("d"))
    noise = rng.normal(size=(n, periods)) + 0.5 * rng.normal(size=(n, 1)) * np.arange(periods) / 8
    levels = rng.normal(size=(n, 1)) + np.linspace(0, 1, periods)
    effects = own * panel.values("d") + spilled * exposure + 0.4 * panel.values("x")
    return panel.assign(y=(levels + effects + scale * noise).ravel())
