"""Figures of a policy, by what they draw."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex

import nqp_spatial as nq
from nqp_spatial.errors import OptionError, PanelError, UnmatchedIdsError
from tests.spillovers.policy_panels import planted_panel

POLICY = {"treatment": "d", "placebo": 0}


@pytest.fixture(scope="module")
def panel():
    return planted_panel()


@pytest.fixture(scope="module")
def result(panel):
    return nq.spillovers.policy(panel, "y", exposure=nq.weights.knn(panel, k=4), **POLICY)


@pytest.fixture(scope="module")
def rings(panel):
    return nq.spillovers.policy(
        panel, "y", rings_km=[0, 60, 120], on_treated="included", leads=1, **POLICY
    )


def points(ax):
    """Return places, estimates and whether marks are hollow."""
    rows = []
    for line in ax.lines:
        if line.get_marker() not in ("None", None, ""):
            hollow = to_hex(line.get_markerfacecolor()) == "#ffffff"
            rows += [(x, y, hollow) for x, y in zip(*line.get_data(), strict=True)]
    return sorted(rows)


def test_event_studies_draw_estimates_and_intervals_and_hollow_leads(result):
    figure = nq.plots.event_study(result, on_treated=True)
    parts = [("own", "treated"), ("spilled", "untreated"), ("spilled", "treated")]
    assert len(figure.axes) == 3
    for ax, (kind, on) in zip(figure.axes, parts, strict=True):
        frame = result.frame
        rows = frame[(frame["kind"] == kind) & (frame["on"] == on)].sort_values("event_time")
        drawn = points(ax)
        np.testing.assert_allclose([row[0] for row in drawn], rows["event_time"])
        np.testing.assert_allclose([row[1] for row in drawn], rows["estimate"])
        assert [row[2] for row in drawn] == (rows["event_time"] < 0).tolist()
        ends = np.concatenate(
            [
                segment[:, 1]
                for lines in ax.collections
                if isinstance(lines, LineCollection)
                for segment in lines.get_segments()
            ]
        )
        np.testing.assert_allclose(np.sort(ends[::2]), np.sort(rows["conf_low"]))
        np.testing.assert_allclose(np.sort(ends[1::2]), np.sort(rows["conf_high"]))
    assert len(result.plot().axes) == 2
    alone = nq.spillovers.policy(result.panel, "y", **POLICY)
    assert [ax.get_title(loc="left") for ax in alone.plot().axes] == ["Own effect"]


def test_rings_of_an_event_study_stand_side_by_side(rings):
    figure = rings.plot()
    places = [row[0] for row in points(figure.axes[1])]
    times = rings.frame.loc[rings.frame["kind"] == "spilled", "event_time"]
    np.testing.assert_allclose(sorted(np.round(places)), sorted(times))
    assert len(set(places)) == len(places)
    entries = [text.get_text() for text in figure.legends[0].get_texts()]
    assert entries == ["0–60 km", "60–120 km"]


def test_maps_count_treated_exposed_and_clean_places(panel, result, rings):
    for evaluation, period in ((result, 2004), (rings, 2007)):
        ax = nq.plots.exposure_map(evaluation, panel, period=period)
        entries = [text.get_text() for text in ax.get_legend().get_texts()]
        counts = [int(entry.rsplit("(", 1)[1].rstrip(")")) for entry in entries]
        row = evaluation.clean.loc[period]
        assert counts[0] == row["treated"]
        assert sum(counts[1:-1]) == row["exposed"]
        assert counts[-1] == row["clean"]
        assert str(period) in ax.get_title(loc="left") + ax.get_title()
    with pytest.raises(PanelError, match="1999"):
        nq.plots.exposure_map(result, panel, period=1999)
    other = panel.select(units=list(panel.units[:10]))
    with pytest.raises(UnmatchedIdsError, match="in which the policy was evaluated"):
        nq.plots.exposure_map(result, other)


def test_the_map_of_effects_has_classes_on_both_sides_of_zero(panel, result):
    ax = nq.plots.policy_effects_map(result, panel, "spilled")
    entries = [text.get_text() for text in ax.get_legend().get_texts()]
    counts = [int(entry.rsplit("(", 1)[1].rstrip(")")) for entry in entries]
    assert sum(counts[:-1]) == result.units["spilled"].notna().sum()
    assert counts[-1] == result.units["spilled"].isna().sum()
    alone = nq.spillovers.policy(panel, "y", **POLICY)
    with pytest.raises(OptionError, match="no untreated unit is exposed"):
        nq.plots.policy_effects_map(alone, panel, "spilled")
