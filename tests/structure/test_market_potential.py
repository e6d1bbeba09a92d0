"""Market potential by loops over pairs, and of the cities."""

from __future__ import annotations

import numpy as np
import pytest

import nqp_spatial as nq
from nqp_spatial.errors import DomainError, GeometryError
from tests.structure.panels import panel_of, squares


@pytest.fixture(scope="module")
def cities():
    return nq.datasets.simulate_cities(seed=0).select(periods=[2012, 2021])


def test_market_potential(cities):
    result = nq.structure.market_potential(cities, "population", power=1.5, own_market=False)
    d = nq.weights.inverse_distance(cities, power=1.5, standardize="none").sparse.toarray()
    np.testing.assert_allclose(result.unstack(), d @ cities.wide("population"))
    with_own = nq.structure.market_potential(cities, "population", power=1.5)
    density = nq.structure.areal_density(cities, "population").unstack()
    area = (cities.wide("population") / density)[2012]
    own_market = cities.wide("population")[2012] / (2 / 3 * np.sqrt(area / np.pi)) ** 1.5
    np.testing.assert_allclose((with_own - result).unstack()[2012], own_market)
    # Beijing has 16 400 km2; the boundary is generalised.
    assert area[110000] == pytest.approx(16_400, rel=0.02)
    points = nq.SpatialPanel(
        cities.frame.reset_index()[["unit", "period", "population"]],
        unit="unit",
        period="period",
        geometry=cities.geometry.assign(
            geometry=cities.geometry.representative_point()
        ).reset_index(),
    )
    with pytest.raises(GeometryError, match="units have no area"):
        nq.structure.areal_density(points, "population")


@pytest.mark.parametrize("power", [1.0, 2.0])
@pytest.mark.parametrize("cutoff", [None, 2.0])
def test_market_potential_by_loops(power, cutoff):
    """Centroids at 0.5, 2 and 4.5 km; a disc of the unit's area has the mean radius 2/3 r."""
    m = np.array([[1.0, 0], [2, 5], [3, 4]])
    panel = panel_of(m, geometry=squares("EPSG:32650"))
    position, area = np.array([0.5, 2.0, 4.5]), np.array([1.0, 2, 3])
    with_own = nq.structure.market_potential(panel, "x", power=power, cutoff_km=cutoff)
    others = nq.structure.market_potential(
        panel, "x", power=power, cutoff_km=cutoff, own_market=False
    )
    for i in range(3):
        for t in (0, 1):
            total = sum(
                m[j, t] / abs(position[i] - position[j]) ** power
                for j in range(3)
                if j != i and (cutoff is None or abs(position[i] - position[j]) <= cutoff)
            )
            assert others[i, t] == pytest.approx(total, rel=5e-3)
            own_market = m[i, t] / (2 / 3 * np.sqrt(area[i] / np.pi)) ** power
            assert with_own[i, t] == pytest.approx(total + own_market, rel=5e-3)
    with pytest.raises(DomainError, match="is for 1"):
        nq.structure.market_potential(panel.assign(x=m.ravel() - [0, 0, 3, 0, 0, 0]), "x")
