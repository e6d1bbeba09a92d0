"""Networks: links by formula, centralities as networkx has them, Krackhardt by hand, blocks."""

from __future__ import annotations

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import nqp_spatial as nq
from nqp_spatial.errors import (
    ConvergenceError,
    DomainError,
    IslandError,
    MissingValuesError,
    OptionError,
    PanelError,
    UnmatchedIdsError,
)
from nqp_spatial.structure import _concor
from nqp_spatial.structure._concor import block_densities, block_table, concor
from nqp_spatial.structure._graphs import krackhardt, shortest_paths
from tests.parity import agree
from tests.structure.panels import points


@pytest.fixture(scope="module")
def states():
    return nq.datasets.us_public_capital()


@pytest.fixture(scope="module")
def net(states):
    return nq.structure.network(states, "lgsp", period=1986)


def graph(n, edges):
    matrix = sparse.lil_array((n, n))
    for i, j in edges:
        matrix[i, j] = 1.0
    return sparse.csr_array(matrix)


def described(n, edges):
    links = graph(n, edges)
    return krackhardt(links, shortest_paths(links).reach)


# -- links -----------------------------------------------------------------------------------------


def test_links_are_those_of_the_formula():
    """Four units on the equator, each pair by hand; the great circle of a degree is 111.195 km."""
    panel = points(
        [(0, 0), (1, 0), (3, 0), (7, 0)],
        m=[1.0, 4.0, 9.0, 16.0], p=[2.0, 3.0, 5.0, 7.0], g=[1.0, 2.0, 4.0, 9.0],
    )  # fmt: skip
    result = nq.structure.network(
        panel, ["m", "p"], share="p", gap="g", power=1.5, threshold="none", splits=0
    )
    m, p, g = (panel.values(name)[:, 0] for name in ("m", "p", "g"))
    mass = np.sqrt(m * p)
    links = result.links["strength"].droplevel("period")
    for (sender, receiver), strength in links.items():
        i, j = panel.units.get_indexer([sender, receiver])
        km = 6371.0088 * np.radians(abs([0, 1, 3, 7][i] - [0, 1, 3, 7][j]))
        wanted = p[i] / (p[i] + p[j]) * mass[i] * mass[j] / (km / abs(g[i] - g[j])) ** 1.5
        assert strength == pytest.approx(wanted, rel=1e-12)
    assert len(links) == 12


def test_a_link_is_above_the_mean_of_its_sender():
    distance = pd.DataFrame(1.0, list("abcd"), list("abcd"))
    frame = pd.DataFrame({"id": list("abcd"), "m": [1.0, 2.0, 3.0, 10.0]})
    panel = nq.SpatialPanel(frame, unit="id")
    strong = nq.structure.network(panel, "m", distance=distance, threshold="none", splits=0)
    full = strong.matrix(values="strength")
    means = full.sum(axis=1) / 3
    result = nq.structure.network(panel, "m", distance=distance, splits=0)
    assert (result.matrix() == full.gt(means, axis=0)).all(axis=None)
    common = nq.structure.network(panel, "m", distance=distance, threshold="mean", splits=0)
    assert (common.matrix() == full.gt(full.to_numpy().sum() / 12)).all(axis=None)
    fixed = nq.structure.network(panel, "m", distance=distance, threshold=2.0, splits=0)
    assert (fixed.matrix() == full.gt(2.0)).all(axis=None)
    # i sends more to j than j to i where i is larger: the share of origin.
    assert full.loc["d", "a"] == pytest.approx(10 * full.loc["a", "d"])


def test_equal_strengths_are_no_links():
    """All strengths are equal to their mean, so that none is above it."""
    distance = pd.DataFrame(0.1, list("abcd"), list("abcd"))
    panel = nq.SpatialPanel(pd.DataFrame({"id": list("abcd"), "m": 0.7}), unit="id")
    result = nq.structure.network(panel, "m", distance=distance)
    assert result.frame["links"].tolist() == [0]
    assert result.frame["connectedness"].tolist() == [0]
    assert result.blocks.empty
    assert "units without any link" in result.notes[0]


def test_a_distance_may_have_a_direction_and_another_order(states):
    ids = states.units[:5]
    few = states.select(units=ids, periods=[1986])
    rng = np.random.default_rng(2)
    table = pd.DataFrame(rng.uniform(1, 2, (5, 5)), ids, ids)
    shuffled = table.loc[ids[::-1], ids[[2, 0, 1, 4, 3]]]
    here, there = (
        nq.structure.network(few, "lgsp", distance=d, threshold="none", splits=0).links
        for d in (table, shuffled)
    )
    pd.testing.assert_frame_equal(here, there)
    assert not np.allclose(here["strength"].unstack().T, here["strength"].unstack())


def test_observed_links():
    """A table has senders in rows; weights, whose rows receive, are turned."""
    links, _ = planted([[1, 1, 0], [0, 1, 1], [0, 0, 1]], (6, 5, 7), 8, high=0.8)
    ids = [f"u{k:02d}" for k in range(18)]
    panel = nq.SpatialPanel(pd.DataFrame({"id": ids, "x": 1.0}), unit="id")
    flows = pd.DataFrame(links.toarray() * np.arange(1, 19)[:, None], ids, ids)
    table = flows.iloc[::-1, ::-1]
    result = nq.structure.network(panel, links=table)
    pd.testing.assert_frame_equal(result.matrix(values="strength"), flows, check_names=False)
    w = nq.weights.from_dense(flows.T, islands="keep")
    turned = nq.structure.network(panel, links=w)
    pd.testing.assert_frame_equal(turned.matrix(values="strength"), flows, check_names=False)
    np.testing.assert_array_equal(
        result.as_weights(values="strength", standardize="none", islands="keep").sparse.toarray(),
        w.sparse.toarray(),
    )
    strong = nq.structure.network(panel, links=table, threshold=9)
    assert (strong.matrix().to_numpy() == (flows > 9)).all(axis=None)
    assert "observed links" in repr(result)
    with pytest.raises(OptionError, match="pass one of both"):
        nq.structure.network(panel, "x", links=table)
    with pytest.raises(OptionError, match="gap belongs to a gravity model"):
        nq.structure.network(panel, links=table, gap="x")
    with pytest.raises(OptionError, match="or pass links="):
        nq.structure.network(panel)
    with pytest.raises(DomainError, match="not negative"):
        nq.structure.network(panel, links=-table)
    with pytest.raises(MissingValuesError, match="0 is no link"):
        nq.structure.network(panel, links=table.mask(table > 17))
    with pytest.raises(UnmatchedIdsError, match="links="):
        nq.structure.network(panel, links=table.iloc[1:, 1:])
    with pytest.raises(OptionError, match="17; pass period="):
        states = nq.datasets.us_public_capital()
        nq.structure.network(states, links=nq.weights.contiguity(states))


# -- measures --------------------------------------------------------------------------------------


@pytest.mark.parity
def test_centralities_are_those_of_networkx(states):
    result = nq.structure.network(states, "lgsp")
    for period in (1970, 1986):
        g = result.graph(period=period)
        nodes = result.nodes.loc[period]
        for name, wanted in {
            "betweenness": nx.betweenness_centrality(g),
            "closeness_in": nx.closeness_centrality(g),
            "closeness_out": nx.closeness_centrality(g.reverse()),
            "degree": nx.degree_centrality(g),
            "out_degree": dict(g.out_degree()),
            "in_degree": dict(g.in_degree()),
        }.items():
            theirs = pd.Series(wanted)[nodes.index]
            agree(
                f"Network: {name}", nodes[name], theirs, rtol=1e-7, atol=1e-13,
                program="networkx", data="network of US states", case=str(period),
            )  # fmt: skip
        measures = result.frame.loc[period]
        other = {"program": "networkx", "data": "network of US states", "rtol": 1e-14}
        for name in ("density", "reciprocity"):
            theirs = getattr(nx, name)(g)
            agree(f"Network: {name}", measures[name], theirs, case=str(period), **other)


@pytest.mark.parity
@pytest.mark.parametrize("density", [0.01, 0.05, 0.3])
def test_paths_of_random_graphs(density):
    """Sparse graphs have units out of reach, and more sources than one task."""
    g = nx.gnp_random_graph(150, density, seed=4, directed=True)
    links = nx.to_scipy_sparse_array(g, dtype=float, format="csr")
    paths = shortest_paths(links)
    for name, wanted in (
        ("betweenness", nx.betweenness_centrality(g)),
        ("closeness_in", nx.closeness_centrality(g)),
        ("closeness_out", nx.closeness_centrality(g.reverse())),
    ):
        agree(
            f"Network: {name}", getattr(paths, name), list(wanted.values()), rtol=1e-7, atol=1e-13,
            program="networkx", data="random graphs of 150 units", case=f"density {density}",
        )  # fmt: skip
    lengths = dict(nx.all_pairs_shortest_path_length(g))
    assert all(paths.reach[i, j] == (j in lengths[i]) for i in g for j in g)
    for name, value in vars(shortest_paths(links, n_jobs=2)).items():
        np.testing.assert_array_equal(value, getattr(paths, name))


def test_krackhardt_by_hand():
    # A tree out of its root: perfect in all three.
    assert described(4, [(0, 1), (0, 2), (1, 3)]) == (1, 1, 1)
    # A pair, a chain of three and a lone unit: 1 + 3 of 15 pairs are joined.
    connectedness, hierarchy, efficiency = described(6, [(0, 1), (1, 0), (2, 3), (3, 4)])
    assert connectedness == pytest.approx(4 / 15)
    # Of four pairs with a path (01, 23, 34, 24) one has it both ways.
    assert hierarchy == pytest.approx(3 / 4)
    # Undirected there are 3 lines, all needed; one more would be possible.
    assert efficiency == 1
    # A cycle of four with one chord: all pairs reach each other; 5 lines, 3 needed, 6 possible.
    cycle = [(0, 1), (1, 2), (2, 3), (3, 0), (0, 2)]
    connectedness, hierarchy, efficiency = described(4, cycle)
    assert (connectedness, hierarchy) == (1, 0)
    assert efficiency == pytest.approx(1 - 2 / 3)
    assert described(3, [])[0] == 0
    assert np.isnan(described(3, [])[1:]).all()


# -- blocks ----------------------------------------------------------------------------------------


def planted(image, sizes, seed, high=0.9, low=0.05):
    rng = np.random.default_rng(seed)
    block = np.repeat(np.arange(len(sizes)), sizes)
    order = rng.permutation(len(block))
    block = block[order]
    density = np.where(np.array(image), high, low)[np.ix_(block, block)]
    links = (rng.uniform(size=density.shape) < density) & ~np.eye(len(block), dtype=bool)
    return sparse.csr_array(links.astype(float)), block


def same_partition(a, b):
    return len(set(zip(a, b, strict=True))) == len(set(a)) == len(set(b))


@pytest.mark.parametrize(
    "image",
    [
        [[1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 1], [0, 0, 1, 0]],
        [[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 0, 1]],
        [[1, 1, 0, 0], [1, 1, 1, 0], [0, 0, 0, 1], [1, 0, 0, 0]],
    ],
)
def test_concor_finds_planted_blocks(image):
    for seed in range(5):
        links, block = planted(image, (20, 25, 30, 25), seed)
        assert same_partition(concor(links, 2), block)


@pytest.mark.parity
def test_concor_on_the_example_of_concorr():
    """The readme of concorR (R) splits five units into b, c, d and a, e."""
    cells = [0, 0, 0, 0, 1, 1, 0, 1, 0, 1, 1, 1, 0, 1, 1, 1, 0, 1, 0, 1, 1, 0, 0, 0, 0]
    matrix = np.reshape(cells, (5, 5), order="F").astype(float)
    agree(
        "CONCOR: blocks", concor(sparse.csr_array(matrix), 1), [1, 2, 2, 2, 1],
        program="published", version="readme of concorR (R)", data="five units",
    )  # fmt: skip


def test_concor_by_correlations_of_numpy():
    """The first split of a random graph, by `numpy.corrcoef` until nothing is between -1 and 1."""
    links, _ = planted([[1, 0], [1, 0]], (9, 14), 3, high=0.7, low=0.3)
    dense = links.toarray()
    profiles = np.vstack([dense, dense.T])
    n = len(dense)
    table = np.eye(n)
    for i in range(n):
        for j in range(i):
            others = np.delete(np.arange(2 * n), [i, j, n + i, n + j])
            table[i, j] = table[j, i] = np.corrcoef(profiles[others, i], profiles[others, j])[0, 1]
    for _ in range(100):
        table = np.corrcoef(table, rowvar=False)
    assert concor(links, 1).tolist() == np.where(table[0] > 0, 1, 2).tolist()


def test_units_that_cannot_be_told_apart_stay_together():
    complete = sparse.csr_array(1.0 - np.eye(6))
    assert concor(complete, 2).tolist() == [1] * 6
    # Two equal stars: the split is found once, then nothing is left to split.
    star = graph(6, [(0, k) for k in range(1, 5)])
    assert concor(star, 1).tolist() == [1, 2, 2, 2, 2, 0]
    assert concor(star, 3).max() == 2


def test_concor_that_does_not_end_says_so(monkeypatch):
    monkeypatch.setattr(_concor, "_ITERATIONS", 1)
    links, _ = planted([[1, 0], [0, 1]], (5, 5), 0, high=0.6, low=0.4)
    with pytest.raises(ConvergenceError, match="fewer splits"):
        concor(links, 1)


def test_roles_and_densities_by_hand():
    # Blocks 1 (a, b), 2 (c, d), 3 (e, f); g has no link.
    edges = [(0, 1), (1, 0), (2, 0), (2, 1), (3, 0), (2, 4), (4, 2), (5, 3), (0, 5), (4, 3)]
    links, block = graph(7, edges), np.array([1, 1, 2, 2, 3, 3, 0])
    densities = block_densities(links, block)
    assert densities.loc[(1, 1)].tolist() == [2, 1.0, True]
    assert densities.loc[(2, 1)].tolist() == [3, 0.75, True]
    assert densities.loc[(3, 2), "links"] == 3
    assert densities.loc[(1, 2)].tolist() == [0, 0.0, False]
    # 10 of 42 links: a density of 1 / 4 is above, none is below but zero.
    assert densities.loc[(1, 3)].tolist() == [1, 0.25, True]
    table = block_table(densities, block)
    assert table["internal"].tolist() == [2, 0, 0]
    assert table["sent"].tolist() == [1, 4, 3]
    assert table["received"].tolist() == [3, 3, 2]
    assert table["internal_share"].tolist() == [pytest.approx(2 / 3), 0, 0]
    np.testing.assert_allclose(table["expected_share"], 1 / 6)
    assert table["role"].tolist() == ["net receiver", "net sender", "net sender"]
    turned = block_table(block_densities(sparse.csr_array(links.T), block), block)
    assert turned["role"].tolist() == ["two-way", "broker", "broker"]


def test_blocks_add_up(net):
    frame, blocks = net.frame.loc[1986], net.blocks.loc[1986]
    assert blocks["units"].sum() == 48
    assert blocks["internal"].sum() + blocks["sent"].sum() == frame["links"]
    assert blocks["sent"].sum() == blocks["received"].sum()
    assert net.block_links["links"].sum() == frame["links"]
    member = net.nodes.loc[1986].groupby("block")["out_degree"].sum()
    assert (member == blocks["internal"] + blocks["sent"]).all()
    assert (net.nodes.loc[1986, "role"] == blocks["role"].reindex(net.nodes["block"]).array).all()


# -- weights ---------------------------------------------------------------------------------------


def test_a_network_is_weights_whose_rows_receive(net):
    w = net.as_weights(standardize="none")
    np.testing.assert_array_equal(w.sparse.toarray(), net.matrix().to_numpy().T)
    rows = net.as_weights()
    assert rows.rows_add_to_one
    strong = net.as_weights(values="strength", standardize="none")
    np.testing.assert_array_equal(
        strong.sparse.toarray(), net.matrix(values="strength").to_numpy().T
    )
    assert "gravity network" in rows.spec.words
    assert "1986" in rows.spec.words


def test_units_that_receive_nothing_are_islands():
    distance = pd.DataFrame(1.0, list("abcd"), list("abcd"))
    panel = nq.SpatialPanel(
        pd.DataFrame({"id": list("abcd"), "m": [1.0, 2.0, 3.0, 10.0]}), unit="id"
    )
    result = nq.structure.network(panel, "m", distance=distance)
    with pytest.raises(IslandError, match="'a'"):
        result.as_weights()
    assert "a" in result.as_weights(islands="keep").islands


def test_a_model_takes_a_network(states, net):
    result = nq.fit("lgsp ~ lpc", states, net.as_weights(), model="slx", effects="unit")
    assert np.isfinite(result.params).all()


# -- face ------------------------------------------------------------------------------------------


def test_one_period_or_each(states, net):
    every = nq.structure.network(states, "lgsp")
    assert every.frame.index.tolist() == states.periods.tolist()
    pd.testing.assert_series_equal(every.frame.loc[1986], net.frame.loc[1986])
    pd.testing.assert_frame_equal(every.nodes.loc[[1986]], net.nodes)
    with pytest.raises(OptionError, match="17 periods; pass period="):
        every.as_weights()
    with pytest.raises(OptionError, match="no period 1950"):
        every.matrix(period=1950)
    assert every.as_weights(period=1970).n_units == 48
    assert "net receiver" in repr(net) or "two-way" in repr(net)


def test_nothing_of_the_caller_changes(states):
    distance = pd.DataFrame(1.0, states.units, states.units)
    before = distance.copy()
    nq.structure.network(states, "lgsp", period=1986, distance=distance)
    pd.testing.assert_frame_equal(distance, before)


def test_what_is_refused(states):
    ids = states.units
    good = pd.DataFrame(1.0, ids, ids)
    network = nq.structure.network
    with pytest.raises(DomainError, match="must be positive"):
        network(states.assign(z=lambda d: d["lgsp"] - 10), "z", period=1986)
    with pytest.raises(UnmatchedIdsError, match="the rows of distance="):
        network(states, "lgsp", period=1986, distance=good.iloc[1:, 1:])
    with pytest.raises(MissingValuesError, match="distance= has no value"):
        network(states, "lgsp", period=1986, distance=good.mask(good.index.to_series() == "TX"))
    with pytest.raises(DomainError, match="must be positive between units"):
        network(states, "lgsp", period=1986, distance=good - 1)
    with pytest.raises(DomainError, match="three units"):
        network(states.select(units=ids[:2]), "lgsp", period=1986)
    with pytest.raises(PanelError, match="twice"):
        network(states, ["lgsp", "lgsp"], period=1986)
    with pytest.raises(OptionError, match="at least one column"):
        network(states, [], period=1986)
    with pytest.raises(OptionError, match="threshold must be"):
        network(states, "lgsp", period=1986, threshold="median")


@pytest.mark.parity
def test_cities_of_china(nqp_data):
    """332 cities: each measure as networkx has it, and all blocks are filled."""
    folder = nqp_data / "data" / "china_cities"
    cities = pd.read_csv(folder / "cities.csv")
    frame = pd.read_csv(folder / "panel.csv").query("year == 2020")
    places = gpd.GeoDataFrame(
        cities[["city_id"]], crs="EPSG:4326",
        geometry=gpd.points_from_xy(cities["lon"], cities["lat"]),
    )  # fmt: skip
    panel = nq.SpatialPanel(frame, unit="city_id", geometry=places)
    result = nq.structure.network(panel, "total_population", share="total_meanlight")
    assert len(result.units) == 332
    assert result.blocks["units"].min() > 0
    g = result.graph()
    closeness = pd.Series(nx.closeness_centrality(g))
    nodes = result.nodes.droplevel("period")
    agree(
        "Network: closeness_in", nodes["closeness_in"], closeness[nodes.index], rtol=1e-7,
        atol=1e-13, program="networkx", data="network of Chinese cities",
    )  # fmt: skip
    some = nx.betweenness_centrality_subset(g, list(g)[:5], list(g))
    assert all(nodes.loc[unit, "betweenness"] * 331 * 330 >= some[unit] - 1e-9 for unit in g)
    assert result.frame["density"].iloc[0] == pytest.approx(nx.density(g), rel=1e-14)
