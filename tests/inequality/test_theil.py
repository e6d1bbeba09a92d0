"""Theil's indices by their definition: nested levels, groups, zeros."""

from __future__ import annotations

import numpy as np
import pytest

import nqp_spatial as nq
from nqp_spatial.errors import DomainError, PanelError
from tests.inequality.panels import panel_of_groups
from tests.structure.panels import panel_of


@pytest.mark.parametrize("index", ["T", "L"])
def test_theil_adds_up_over_nested_levels(index):
    rng = np.random.default_rng(1)
    y, w = rng.lognormal(size=(40, 2)), rng.uniform(0.5, 2, 40)
    inner = rng.integers(0, 8, 40)
    outer = inner // 3
    panel = panel_of_groups(y, inner, w).assign(h=lambda d: np.repeat(outer, 2))
    result = nq.inequality.theil(panel, "x", levels=["h", "g"], population="w", index=index).frame

    def theil(y, w):
        m = w @ y / w.sum()
        r, w = y / m, w / w.sum()
        return (w * r * np.log(r)).sum() if index == "T" else -(w * np.log(r)).sum()

    def means(code, t):
        return np.array([w[code == c] @ y[code == c, t] / w[code == c].sum() for c in code])

    for t in range(2):
        row = result.loc[t]
        assert row["theil"] == pytest.approx(theil(y[:, t], w), abs=1e-12)
        assert row["between_h"] == pytest.approx(theil(means(outer, t), w), abs=1e-12)
        between = row["between_h"] + row["between_g"]
        assert between == pytest.approx(theil(means(inner, t), w), abs=1e-12)
        assert row["within_g"] == pytest.approx(theil(y[:, t], w) - between, abs=1e-12)
        parts = [name for name in row.index if name.endswith("share")]
        assert row[parts].sum() == pytest.approx(1, abs=1e-12)


def test_a_group_of_one_and_a_zero_in_theil():
    panel = panel_of_groups([0.0, 1, 2, 5], ["a", "a", "b", "c"])
    assert nq.inequality.theil(panel, "x", levels="g").frame.loc[0, "theil"] > 0
    with pytest.raises(DomainError, match=r"Theil L needs positive values.*\(0, 0\)"):
        nq.inequality.theil(panel, "x", levels="g", index="L")
    with pytest.raises(PanelError, match="levels must be nested: groups of 'h' lie in several"):
        nq.inequality.theil(panel.assign(h=["u", "v", "u", "v"]), "x", levels=["g", "h"])


@pytest.mark.parametrize("index", ["T", "L"])
def test_groups_of_theil_by_hand(index):
    """Shares and inequality inside of each group; the parts add up."""
    rng = np.random.default_rng(3)
    y, w = rng.lognormal(size=(10, 2)), rng.uniform(0.5, 2, (10, 2))
    g = np.array(list("aaabbbbccc"))
    result = nq.inequality.theil(
        panel_of(y, g=g, w=w), "x", levels="g", population="w", index=index
    )
    for t in (0, 1):
        p, x = w[:, t] / w[:, t].sum(), y[:, t]
        total = within = between = 0.0
        m = p @ x
        for a in "abc":
            q, z = p[g == a], x[g == a]
            mean = q @ z / q.sum()
            share = (q @ z) / m if index == "T" else q.sum()
            r = z / mean
            group_theil = (q / q.sum() * (r * np.log(r) if index == "T" else -np.log(r))).sum()
            assert result.groups.loc[t, ("share", a)] == pytest.approx(share)
            assert result.groups.loc[t, ("theil", a)] == pytest.approx(group_theil)
            within += share * group_theil
            between += share * np.log(mean / m) if index == "T" else -share * np.log(mean / m)
        total = within + between
        row = result.frame.loc[t]
        assert row["theil"] == pytest.approx(total)
        assert row["between_g"] == pytest.approx(between)
        assert row["within_g"] == pytest.approx(within)
        assert row["between_g_share"] == pytest.approx(between / total)
        assert row["within_g_share"] == pytest.approx(within / total)


def test_levels_of_theil_must_be_nested():
    panel = panel_of([1.0, 2, 3, 4], outer=list("aabb"), inner=[1, 2, 3, 3], odd=[1, 2, 2, 3])
    assert nq.inequality.theil(panel, "x", levels=["outer", "inner"]).levels == ("outer", "inner")
    with pytest.raises(PanelError, match="such as those of 1, 2"):
        nq.inequality.theil(panel, "x", levels=["outer", "odd"])
    with pytest.raises(PanelError):
        nq.inequality.theil(panel, "x", levels=["outer", "inner", "odd"])
    even = nq.inequality.theil(panel_of([2.0, 2, 2, 2], g=list("aabb")), "x", levels="g")
    assert (even.frame.loc[0] == 0).all()
