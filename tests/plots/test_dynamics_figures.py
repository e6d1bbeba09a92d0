"""Figures of dynamics and convergence: what they draw."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

import nqp_spatial as nq
from nqp_spatial.core.quantities import ratio_label
from nqp_spatial.core.text import translate
from nqp_spatial.errors import OptionError, PanelError, UnmatchedIdsError
from nqp_spatial.plots._theme import DIVERGENT

LABEL = "Income per head, dollars"


@pytest.fixture(scope="module")
def incomes():
    panel = nq.datasets.us_income()
    return panel, nq.weights.contiguity(panel)


@pytest.fixture(scope="module")
def cities():
    panel = nq.datasets.simulate_cities(seed=0, first=1992, last=2021)
    return panel, nq.convergence.clubs(panel, "gdp_pc", logs=True)


def test_waterfall_draws_each_period(incomes):
    result = nq.dynamics.density(incomes[0], "relative_income")
    ax = nq.plots.density_waterfall(result, periods=[1929, 1969, 2009], label="Income")
    assert len(ax.collections) == 3
    assert [text.get_text() for text in ax.get_yticklabels()] == ["1929", "1969", "2009"]
    assert ax.get_xlabel() == "Income"
    highest = result.frame[[1929, 1969, 2009]].to_numpy().max()
    assert ax.get_zlim()[1] == pytest.approx(1.02 * highest)
    shades = [np.mean(area.get_facecolor()[0][:3]) for area in ax.collections]
    assert shades == sorted(shades, reverse=True)  # from early, light, to late, dark
    assert len(nq.plots.density_waterfall(result).collections) == 17
    with pytest.raises(PanelError, match="no density of the periods 1900"):
        nq.plots.density_waterfall(result, periods=[1900])
    with pytest.raises(OptionError, match="projection='3d'"):
        nq.plots.density_waterfall(result, ax=plt.subplots()[1])
    with pytest.raises(OptionError, match="at least one period"):
        nq.plots.density_ridges(result, periods=[])


def test_ridges_have_one_scale(incomes):
    result = nq.dynamics.density(incomes[0], "relative_income")
    shown = [1929, 1969, 2009]
    ax = nq.plots.density_ridges(result, periods=shown, overlap=1.5, rug=True)
    curves = [line for line in ax.lines if len(line.get_xdata()) > 60]
    tops = [line.get_ydata().max() for line in curves]
    highest = result.frame[shown].to_numpy().max()
    expected = [2 - i + 1.5 * result.frame[year].max() / highest for i, year in enumerate(shown)]
    np.testing.assert_allclose(tops, expected, rtol=1e-6)
    assert [text.get_text() for text in ax.get_yticklabels()] == ["1929", "1969", "2009"]
    medians = [line.get_xdata()[0] for line in ax.lines if line.get_color() == "white"]
    np.testing.assert_allclose(medians, [result.values[year].median() for year in shown])
    rugs = [line for line in ax.lines if line.get_marker() == "|"]
    np.testing.assert_allclose(rugs[0].get_xdata(), result.values[1929])
    with pytest.raises(OptionError, match="overlap"):
        nq.plots.density_ridges(result, overlap=0)


def test_kernel_figures_leave_out_what_has_no_data(incomes):
    panel, w = incomes
    kernel = nq.dynamics.stochastic_kernel(panel, "relative_income", step=5)
    ax = nq.plots.kernel_contour(kernel, label="income", levels=6)
    low, high = ax.get_xlim()
    shown = kernel.conditional.index[kernel.supported]
    assert (low, high) == (shown[0], shown[-1])
    diagonal, expected = ax.lines
    np.testing.assert_array_equal(diagonal.get_xdata(), diagonal.get_ydata())
    np.testing.assert_allclose(expected.get_ydata(), kernel.expected)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("income, t", "income, t + 5")
    around = nq.dynamics.stochastic_kernel(panel, "income", step=0, weights=w, relative=True)
    surface = nq.plots.kernel_surface(around)
    assert surface.get_ylabel().replace("\n", " ") == "Income per head, multiple of the mean, t"
    assert "Neighbours'" in surface.get_xlabel()
    assert len(surface.collections) == 1
    with pytest.raises(OptionError, match="projection='3d'"):
        nq.plots.kernel_surface(kernel, ax=plt.subplots()[1])
    with pytest.raises(OptionError, match="levels"):
        nq.plots.kernel_contour(kernel, levels=1)


def test_steady_states_are_the_ergodic_distributions(incomes):
    panel, w = incomes
    chain = nq.dynamics.markov(panel, "relative_income", states=5, replications=50, seed=0)
    ax = nq.plots.steady_states(chain)
    heights = np.array([bar.get_height() for bar in ax.patches]).reshape(5, 2)
    np.testing.assert_allclose(heights[:, 1], chain.ergodic)
    np.testing.assert_allclose(heights[:, 0].sum(), 1)
    ends = np.sort([s[:, 1] for one in ax.containers if hasattr(one, "has_yerr")
                    for s in one.lines[2][0].get_segments()])  # fmt: skip
    limits = chain.ergodic_intervals[["conf_low", "conf_high"]]
    np.testing.assert_allclose(ends.reshape(-1, 2), limits)
    spatial = nq.dynamics.spatial_markov(panel, "relative_income", w, states=3, lag_states=2)
    ax = nq.plots.steady_states(spatial)
    heights = np.array([bar.get_height() for bar in ax.patches]).reshape(3, 3)
    np.testing.assert_allclose(heights[:, 1:].T, spatial.ergodic)
    names = [text.get_text() for text in ax.get_xticklabels()]
    assert names[0] == "All"
    assert names[1].startswith("Neighbours 1\n≤ ")
    side = pd.Series(np.resize(["a", "b"], 48), panel.units)
    by = nq.dynamics.markov_by_group(panel, "relative_income", group=side, states=3)
    ax = nq.plots.steady_states(by)
    assert [text.get_text() for text in ax.get_xticklabels()] == ["All", "a", "b"]
    both = nq.dynamics.spatial_markov_by_group(
        panel, "relative_income", w, group=side, states=3, lag_states=2
    )
    assert len(nq.plots.steady_states(both).patches) == 6
    with pytest.raises(OptionError, match="result must be a MarkovResult"):
        nq.plots.steady_states(panel)


def test_a_condition_without_long_run_says_none():
    values = np.array([[0, 0, 0, 0], [1, 1, 1, 1], [0, 0, 0, 0]], dtype=float)
    frame = pd.DataFrame(
        {"id": np.repeat([0, 1, 2], 4), "t": np.tile(range(4), 3), "y": values.ravel()}
    )
    panel = nq.SpatialPanel(frame, unit="id", period="t")
    chain = nq.dynamics.markov(panel, "y", states=2, discretize=[0.5])
    ax = nq.plots.steady_states(chain)
    assert [text.get_text() for text in ax.texts] == ["none"]


def test_transitions_of_groups_and_conditions(incomes):
    panel, w = incomes
    spans = nq.dynamics.time_homogeneity(panel, "relative_income", spans=[1970], states=3)
    figure = nq.plots.transitions(spans)
    titles = [ax.get_title(loc="left") for ax in figure.axes[:3]]
    assert titles == ["All", "1929-1969", "1970-2008"]
    rich = pd.Series(np.arange(48) < 8, panel.units)
    both = nq.dynamics.spatial_markov(
        panel, "relative_income", w, states=3, lag_states=2, condition="both", group=rich
    )
    figure = nq.plots.transitions(both)
    titles = [ax.get_title(loc="left").replace("\n", " ") for ax in figure.axes[:5]]
    assert titles[1].startswith("Neighbours 1: ")
    assert "Group 1" in titles[1]
    texts = {text.get_text() for text in figure.axes[1].texts}
    block = both.probabilities.loc[both.ergodic.index[0]]
    assert f"{block.iloc[0, 0]:.2f}" in texts


def test_club_map_shows_members(cities):
    panel, clubs = cities
    ax = nq.plots.club_map(clubs, panel, title="Clubs")
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts == [f"Club {i} ({n})" for i, n in clubs.frame["units"].items()]
    from dataclasses import replace

    shown = replace(clubs, membership=clubs.membership.where(np.arange(336) > 4))
    ax = nq.plots.club_map(shown, panel)
    assert ax.get_legend().get_texts()[-1].get_text() == "Divergent (5)"
    assert to_hex(ax.get_legend().get_patches()[-1].get_facecolor()) == DIVERGENT
    with pytest.raises(UnmatchedIdsError):
        nq.plots.club_map(clubs, panel.select(units=panel.units[:9]))


def test_transition_paths_are_means_of_clubs(cities):
    panel, clubs = cities
    ax = nq.plots.transition_paths(clubs)
    drawn = [line for line in ax.lines if line.get_label().startswith("Club")]
    for number, line in enumerate(drawn, start=1):
        np.testing.assert_allclose(line.get_ydata(), clubs.club_paths.loc[number])
        assert line.get_label() == f"Club {number} ({clubs.frame.loc[number, 'units']})"
    assert sum(len(c.get_segments()) for c in ax.collections) == panel.n_units
    assert len({line.get_color() for line in drawn}) == len(drawn)


def test_beta_scatter_says_logarithm_only_where_one_was_taken(incomes):
    panel = incomes[0] if isinstance(incomes, tuple) else incomes
    axes = [
        nq.plots.beta_scatter(
            nq.convergence.beta(panel, "income", logs=logs, kind=kind), label="income"
        )
        for logs in (True, False)
        for kind in ("cross-section", "panel")
    ]
    assert [(ax.get_xlabel(), ax.get_ylabel()) for ax in axes] == [
        ("Log of initial income", "Growth per period, log points"),
        ("Log of initial income", "Growth over 1 period(s), log points"),
        ("Initial income", "Change per period"),
        ("Initial income", "Change over 1 period(s)"),
    ]


def test_beta_scatter_draws_the_estimate(incomes):
    panel, w = incomes
    side = pd.Series(np.resize(["a", "b"], 48), panel.units)
    result = nq.convergence.beta(panel, "income", group=side)
    ax = nq.plots.beta_scatter(result, label="income")
    for name, line in zip(("a", "b"), ax.lines, strict=True):
        rise = np.diff(line.get_ydata()) / np.diff(line.get_xdata())
        assert rise[0] == pytest.approx(result.frame.loc[(name, "coefficient"), "estimate"])
        assert line.get_label().startswith(f"{name}: half-life")
    points = np.vstack([c.get_offsets() for c in ax.collections])
    assert len(points) == 48
    assert ax.get_xlabel() == "Log of initial income"
    apart = nq.convergence.beta(panel.assign(y=lambda d: np.exp(d["income"] / 1e4)), "y")
    text = nq.plots.beta_scatter(apart).get_legend().get_texts()[0].get_text()
    assert text == "no convergence"
    assert w.n_units == 48


def test_sigma_lines_start_at_one(incomes):
    result = nq.convergence.sigma(incomes[0], "income", which=["gini", "cv"])
    ax = nq.plots.sigma_lines(result)
    assert [line.get_ydata()[0] for line in ax.lines] == [1, 1, 1]  # and the line of one
    np.testing.assert_allclose(
        ax.lines[0].get_ydata(), result.frame["gini"] / result.frame["gini"].iloc[0]
    )
    assert ax.get_legend().get_texts()[0].get_text() == "Gini coefficient: −1.3%*"
    title = ax.get_legend().get_title().get_text()
    assert title == "Trend per period (* 95% interval excludes zero)"


@pytest.mark.parametrize(
    ("label", "bare"),
    [
        ("Income per head, dollars", "Income per head"),
        ("Real GDP per head, yuan of 2010", "Real GDP per head"),
        ("Population, 10 000", "Population"),
        ("GDP (10 000 yuan)", "GDP"),
        ("人均GDP（元）", "人均GDP"),
        ("地区生产总值，亿元", "地区生产总值"),
        ("Private capital (log)", "Private capital (log)"),
        ("新质生产力（指数）", "新质生产力（指数）"),
        ("Manufacturing, services", "Manufacturing, services"),
        ("(dollars)", "(dollars)"),
    ],
)
def test_multiples_of_the_mean_have_no_unit(label, bare):
    assert ratio_label(label) == f"{bare}, multiple of the mean"
    assert translate(ratio_label(label), "zh") == f"{bare}（均值的倍数）"


def test_legends_of_relative_chains_name_no_dollars(incomes):
    panel, w = incomes[:2]
    for relative, name in ((True, "Income per head, multiple of the mean"), (False, LABEL)):
        options = {"states": 4, "relative": relative}
        chain = nq.dynamics.markov(panel, "income", **options)
        near = nq.dynamics.spatial_markov(panel, "income", w, **options)
        for result in (chain, near):
            ax = nq.plots.steady_states(result)
            legend = ax.get_legend()
            assert legend.get_title().get_text() == f"State of {name}"
            assert legend.get_texts()[0].get_text().startswith("1: ≤ ")
            figure = nq.plots.transitions(result)
            text = figure.get_supxlabel().replace("\n", " ")
            assert text.startswith(f"States of {name}"), text


@pytest.mark.parametrize("count", [1, 2, 15, 16, 17, 20, 24, 30, 41, 54, 81, 100])
def test_curves_are_of_periods_at_even_distances(count):
    frame = pd.DataFrame(
        [(i, year, i * year + i % 3) for i in range(4) for year in range(1, count + 1)],
        columns=["id", "year", "x"],
    )
    panel = nq.SpatialPanel(frame, unit="id", period="year")
    ax = nq.plots.density_ridges(nq.dynamics.density(panel, "x", bandwidth=1.0))
    years = [int(text.get_text()) for text in ax.get_yticklabels()]
    assert years[-1] == count
    assert len(set(np.diff(years))) <= 1
    assert len(years) == count if count <= 17 else 8 <= len(years) <= 17
