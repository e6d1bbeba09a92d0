"""Figures of networks, by what they draw."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import shapely
from matplotlib.collections import PathCollection
from matplotlib.colors import to_rgba
from matplotlib.patches import Rectangle
from matplotlib.quiver import Quiver

import nqp_spatial as nq
from nqp_spatial.errors import OptionError, UnmatchedIdsError


@pytest.fixture(scope="module")
def states():
    return nq.datasets.us_income()


@pytest.fixture(scope="module")
def net(states):
    return nq.structure.network(states.select(periods=[1929, 2009]), "income")


@pytest.fixture(scope="module")
def assignment(states, net):
    gaps = nq.structure.difference_matrices(states, ["income"], period=2009)
    border = nq.weights.contiguity(states).standardize("none")
    noise = np.random.default_rng(0).normal(size=(48, 48))
    matrices = {
        "net": net.matrix(period=2009), "border": border, **gaps,
        "noise": pd.DataFrame(noise, states.units, states.units),
    }  # fmt: skip
    return nq.structure.qap("net ~ border + income + noise", matrices, permutations=99)


def legend_of(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_bars_of_degrees(net):
    ax = nq.plots.network_degrees(net, largest=7)
    nodes = net.nodes.loc[2009]
    total = nodes["in_degree"] + nodes["out_degree"]
    rows = nodes.loc[total.sort_values(ascending=False, kind="stable").index[:7]]
    widths = [bar.get_width() for bar in ax.patches]
    assert widths == [*(-rows["in_degree"]), *rows["out_degree"]]
    assert [text.get_text() for text in ax.get_yticklabels()] == rows.index.tolist()
    assert ax.get_xlabel() == "Links (7 of 48 units)"
    assert legend_of(ax) == ["Received", "Sent"]
    early = nq.plots.network_degrees(net, period=1929, largest=7)
    assert [bar.get_width() for bar in early.patches] != widths
    with pytest.raises(OptionError, match="no period 1950"):
        nq.plots.network_degrees(net, period=1950)


def test_cells_of_blocks(net):
    ax = nq.plots.block_densities(net, period=2009)
    cells = net.block_links.loc[2009]
    numbers = [float(text.get_text()) for text in ax.texts]
    np.testing.assert_allclose(numbers, cells["density"], atol=0.005)
    frames = {
        (round(p.get_y() + 1.46), round(p.get_x() + 1.46))
        for p in ax.patches
        if isinstance(p, Rectangle)
    }
    assert frames == set(cells.index[cells["image"]])
    blocks = net.blocks.loc[2009]
    names = [" ".join(text.get_text().split()) for text in ax.get_yticklabels()]
    assert names == [f"{k}: {row['role']} ({row['units']})" for k, row in blocks.iterrows()]
    plain = nq.structure.network(nq.datasets.us_income(), "income", period=2009, splits=0)
    with pytest.raises(OptionError, match="has no blocks"):
        nq.plots.block_densities(plain)


def test_statistics_beside_permutations(assignment):
    ax = nq.plots.qap(assignment)
    frame = assignment.regression.frame.iloc[1:]
    drawn = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in ax.patches]
    np.testing.assert_allclose(drawn, frame[["null_low", "null_high"]])
    filled, hollow = (line for line in ax.lines if line.get_marker() == "o")
    small = frame["p_value"] < 0.05
    np.testing.assert_allclose(filled.get_xdata(), frame["statistic"][small])
    np.testing.assert_allclose(hollow.get_xdata(), frame["statistic"][~small])
    assert hollow.get_markerfacecolor() == "white"
    assert legend_of(ax) == ["p < 0.05", "p ≥ 0.05", "95% of permutations"]
    simple = nq.plots.qap(assignment.correlations)
    names = [" ".join(text.get_text().split()) for text in simple.get_yticklabels()]
    assert names[0] == "net, border"
    assert len(names) == 6
    none = nq.structure.qap_correlation(np.eye(5)[::-1], np.eye(5)[[1, 0, 2, 4, 3]], permutations=0)
    with pytest.raises(OptionError, match="ask for permutations"):
        nq.plots.qap(none)


def test_arrows_go_from_sender_to_receiver(states, net):
    ax = nq.plots.network_map(net, states, period=2009, strongest=2, classes=3, crs=None)
    quivers = [artist for artist in ax.collections if isinstance(artist, Quiver)]
    assert len(quivers) == 3
    starts = np.vstack([np.column_stack([q.X, q.Y]) for q in quivers])
    ends = starts + np.vstack([np.column_stack([q.U, q.V]) for q in quivers])
    links = net.links.loc[2009]["strength"]
    strongest = links.groupby("sender", group_keys=False).nlargest(2)
    centres = shapely.get_coordinates(shapely.centroid(states.geometry.geometry.to_numpy()))
    places = pd.DataFrame(centres, states.units)
    wanted = {
        (*places.loc[sender].round(0), *places.loc[receiver].round(0))
        for sender, receiver in strongest.index
    }
    # Arrows end a little before the points: each is nearest to its own two.
    found = set()
    for start, end in zip(starts, ends, strict=True):
        ids = [((places - place) ** 2).sum(axis=1).idxmin() for place in (start, end)]
        found.add((*places.loc[ids[0]].round(0), *places.loc[ids[1]].round(0)))
    assert found == wanted
    assert sum(len(q.X) for q in quivers) == 96
    title = " ".join(ax.get_legend().get_title().get_text().split())
    assert title.endswith("2 of each sender (96 of 508)")
    assert legend_of(ax)[0].endswith(f"({len(quivers[0].X)})")


def test_points_are_of_their_block(states, net):
    ax = nq.plots.network_map(net, states, period=2009)
    sizes = [
        len(artist.get_offsets())
        for artist in ax.collections
        if isinstance(artist, PathCollection) and len(artist.get_offsets())
    ]
    assert sizes == net.blocks.loc[2009, "units"].tolist()
    plain = nq.structure.network(states, "income", period=2009, splits=0)
    ax = nq.plots.network_map(plain, states)
    assert legend_of(ax)[-1] == "Unit (48)"
    few = states.select(units=states.units[:30])
    with pytest.raises(UnmatchedIdsError, match="network"):
        nq.plots.network_map(net, few)


def test_two_ways_of_a_link_are_two_arrows():
    """Each keeps to its right, so that neither covers the other."""
    from nqp_spatial.plots.maps.network_map import _draw

    _, ax = plt.subplots()
    there, back = np.array([[0.0, 0.0]]), np.array([[10.0, 0.0]])
    _draw(ax, there, back, "k", 1.0, 1.0)
    _draw(ax, back, there, "k", 1.0, 1.0)
    east, west = (artist for artist in ax.collections if isinstance(artist, Quiver))
    assert east.Y[0] < 0 < west.Y[0]
    assert to_rgba(east.get_facecolor()[0]) == to_rgba("k")
