"""Figures in Chinese, and what callers add to layers."""

from __future__ import annotations

import inspect
import re
import string
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.text import Text

import nqp_spatial as nq
from nqp_spatial.errors import OptionError
from nqp_spatial.plots import words
from nqp_spatial.plots.words import CHINESE, say, speaking

SOURCES = Path(words.__file__).parent


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def figures():
    """A maker of each figure, from results whose labels are Chinese: (function, arguments)."""
    capital = nq.datasets.us_public_capital()
    names = {"lgsp": "产出", "lpc": "私人资本", "lpcap": "公共资本"}
    panel = capital.assign(labels=names, lgsp=capital.frame["lgsp"])
    w = nq.weights.contiguity(panel)
    south = panel.units.to_series().isin(["TX", "OK", "AR", "LA", "MS", "AL", "GA", "FL", "TN"])
    south = south.map({True: "南方", False: "其他"})
    panel = panel.assign(south=south.reindex(panel.frame.index.get_level_values("unit")).to_numpy())
    result = nq.fit("lgsp ~ lpc", panel, w, effects="unit")
    split = nq.spillovers.partitioned("lgsp ~ lpc", panel, w, group=south, effects="unit")
    matrix = split.effects_matrix("lpc")
    lisa = nq.esda.lisa(panel, "lgsp", w, period=1986, permutations=999, seed=0)
    chain = nq.dynamics.markov(panel, "lgsp", states=3, replications=20, seed=0)
    near = nq.dynamics.spatial_markov(panel, "lgsp", w, states=3, lag_states=2)
    density = nq.dynamics.density(panel, "lgsp", relative=True)
    kernel = nq.dynamics.stochastic_kernel(panel, "lgsp", step=3, relative=True)
    clubs = nq.convergence.clubs(panel, "lgsp")
    score = panel.frame["lpc"].groupby(level="unit").mean()
    gap = panel.frame["lgsp"].xs(1986, level="period").copy()
    gap.iloc[:3] = np.nan
    gap.name = "产出"
    index = nq.composite.index(panel, {"lpc": "+", "lpcap": "+", "unemp": "-"})
    index_names = {**names, "unemp": "失业"}
    reach = nq.spillovers.reach("lgsp ~ lpc", panel, edges_km=[0, 600, 1200], effects="unit")
    threshold = nq.spillovers.threshold(
        "lgsp ~ lpc", panel, w, score=score, effects="unit", replications=0, grid=8
    )
    barrier = nq.spillovers.barrier("lgsp ~ lpc", panel, w, group=south, effects="unit")
    dagum = nq.inequality.dagum(panel, "lgsp", group="south", replications=20, seed=0)
    ranks = nq.composite.rank_intervals(index, period=1986, draws=20, seed=0)
    p = nq.plots
    return {
        "beta_scatter": (p.beta_scatter, [nq.convergence.beta(panel, "lgsp", logs=False)]),
        "border_loss": (p.border_loss, [barrier]),
        "centre_path": (p.centre_path, [nq.structure.centre_path(panel, "lgsp"), panel]),
        "choropleth": (p.choropleth, [panel, gap]),
        "choropleth_periods": (p.choropleth_periods, [panel, "lgsp"]),
        "club_map": (p.club_map, [clubs, panel]),
        "dagum": (p.dagum, [dagum]),
        "density_ridges": (p.density_ridges, [density]),
        "density_waterfall": (p.density_waterfall, [density]),
        "effects": (p.effects, [result.effects(draws=50, seed=0)]),
        "effects_arrows": (p.effects_arrows, [matrix, panel, south], {"label": "私人资本"}),
        "effects_matrix": (p.effects_matrix, [matrix], {"label": "私人资本"}),
        "index_weights": (p.index_weights, [index], {"labels": index_names}),
        "kernel_contour": (p.kernel_contour, [kernel]),
        "kernel_surface": (p.kernel_surface, [kernel]),
        "lisa_map": (p.lisa_map, [lisa, panel], {"tiers": True}),
        "lisa_maps": (p.lisa_maps, [[lisa], panel], {"significance": True}),
        "moran_scatter": (p.moran_scatter, [lisa]),
        "neighbour_histogram": (p.neighbour_histogram, [w], {"title": "邻居"}),
        "rank_intervals": (p.rank_intervals, [ranks]),
        "reach": (p.reach, [reach], {"label": "私人资本"}),
        "residual_map": (p.residual_map, [result, panel], {"period": 1986}),
        "sigma_lines": (p.sigma_lines, [nq.convergence.sigma(panel, "lgsp", which=["sd", "cv"])]),
        "significance_map": (p.significance_map, [lisa, panel]),
        "steady_states": (p.steady_states, [chain]),
        "theil": (p.theil, [nq.inequality.theil(panel, "lgsp", levels=["south"])]),
        "threshold": (p.threshold, [threshold], {"label": "资本"}),
        "transition_paths": (p.transition_paths, [clubs]),
        "transitions": (p.transitions, [near]),
        "unit_effects_map": (p.unit_effects_map, [result, panel, "lpc", "sent"]),
        "weights_map": (
            p.weights_map,
            [w, panel],
            {"title": "邻居", "scale_bar": True, "north_arrow": True},
        ),
        "weights_matrix": (
            p.weights_matrix,
            [nq.weights.from_dense(1 - np.eye(3), ["甲", "乙", "丙"], standardize="row")],
            {"label": "权重"},
        ),
    }


def texts(drawn):
    figure = nq.plots._theme.figure_of(drawn)
    return {text.get_text() for text in figure.findobj(Text) if text.get_text().strip()}


def test_every_figure_is_listed(figures):
    drawing = {name for name in nq.plots.__all__ if name not in ("COLUMN", "PAGE", "save")}
    assert set(figures) == drawing


@pytest.mark.parametrize("name", sorted(set(nq.plots.__all__) - {"COLUMN", "PAGE", "save"}))
def test_chinese_figures_have_no_english_words(figures, name):
    function, given, *options = figures[name]
    before = dict(mpl.rcParams)
    chinese = texts(function(*given, lang="zh", **(options[0] if options else {})))
    assert dict(mpl.rcParams) == before
    units = {"theil": {"south"}, "border_loss": {"zone"}}.get(name, set())
    english = {
        word for text in chinese for word in re.findall(r"[A-Za-z]{3,}", text) if word not in units
    }
    assert not english
    plain = texts(function(*given, **(options[0] if options else {})))
    # The numbers are the same in both languages.
    numbers = [sorted(re.findall(r"\d+\.\d{2,}", " ".join(sorted(t)))) for t in (chinese, plain)]
    assert numbers[0] == numbers[1]


@pytest.mark.parametrize("name", sorted(set(nq.plots.__all__) - {"COLUMN", "PAGE", "save"}))
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_nothing_is_cut_at_the_edge(figures, name, lang, tmp_path):
    function, given, *options = figures[name]
    drawn = function(*given, lang=lang, **(options[0] if options else {}))
    figure = nq.plots._theme.figure_of(drawn)
    nq.plots.save(drawn, tmp_path / "figure.png", dpi=80)
    room = figure.get_tightbbox()
    tick = 0.02  # inches: half a stroke, or a letter that leans out of its box
    assert min(room.x0, room.y0) > -tick
    assert room.x1 < figure.get_figwidth() + tick
    assert room.y1 < figure.get_figheight() + tick


LABELLED = [
    name
    for name in sorted(set(nq.plots.__all__) - {"COLUMN", "PAGE", "save"})
    if "label" in inspect.signature(getattr(nq.plots, name)).parameters
]


@pytest.mark.parametrize("name", LABELLED)
@pytest.mark.parametrize(
    "label",
    [
        "An index of new quality productive forces of cities at the level of prefectures, 2012 = 1",
        "按地级市计算的新质生产力综合指数（以二〇一二年为基期，经熵值法加权，单位为一）",
    ],
)
def test_long_labels_are_broken_into_lines(figures, name, label, tmp_path):
    function, given, *options = figures[name]
    drawn = function(*given, **{**(options[0] if options else {}), "label": label})
    figure = nq.plots._theme.figure_of(drawn)
    nq.plots.save(drawn, tmp_path / "figure.png", dpi=80)
    room = figure.get_tightbbox()
    tick = 0.02
    assert min(room.x0, room.y0) > -tick
    assert room.x1 < figure.get_figwidth() + tick
    assert room.y1 < figure.get_figheight() + tick


def test_words_have_the_same_places_and_are_all_used():
    code = "".join(path.read_text() for path in SOURCES.rglob("*.py") if path.name != "words.py")
    for english, chinese in CHINESE.items():
        fields = [
            {name for _, name, _, _ in string.Formatter().parse(text) if name}
            for text in (english, chinese)
        ]
        assert fields[0] == fields[1], english
    said = set(re.findall(r'say\(\s*"((?:[^"\\]|\\.)*)"', code))
    assert len(said) > 50
    assert {text.encode().decode("unicode_escape") for text in said} <= {
        text.encode().decode("unicode_escape") if text.isascii() else text for text in CHINESE
    }
    # No entry is left over: each is a literal of the code, or built from one.
    built = {
        "p < ", "false discovery rate < ", "{name}, ", "Link ", "Total effects", "Indirect effects",
        "between ", "within ", "Standard ", "Coefficient ", "Gini coefficient", "Theil index",
        "entropy", "critic", "cv", "pca", "scatter", "equal", "given", "No font here",
    }  # fmt: skip
    for english in CHINESE:
        literal = english.replace("\n", "\\n")
        assert literal in code or english.startswith(tuple(built)), english


def test_the_language_is_one_of_two_and_comes_back(figures):
    function, given = figures["sigma_lines"][:2]
    with pytest.raises(OptionError, match="lang must be one of 'en', 'zh', got 'de'"):
        function(*given, lang="de")
    with speaking("zh"):
        assert say("median") == "中位数"
    assert say("median") == "median"


def test_every_figure_takes_the_language(figures):
    for name, (function, *_) in figures.items():
        parameters = inspect.signature(function).parameters
        takes = "lang" in parameters or any(
            one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters.values()
        )
        assert takes, name


# -- layers ----------------------------------------------------------------------------------------


def test_layers_take_matplotlibs_words_over_ours(figures):
    def drawn(name, **more):
        function, given, *options = figures[name]
        return function(*given, **{**(options[0] if options else {}), **more})

    ax = drawn("choropleth", shapes_kw={"edgecolor": "#123456"}, legend_kw={"ncols": 1})
    assert {to_hex(one.get_edgecolor()[0]) for one in ax.collections} == {"#123456"}
    assert ax.get_legend()._ncols == 1
    ax = drawn("moran_scatter", points_kw={"marker": "s"}, line_kw={"lw": 3})
    assert ax.lines[-1].get_linewidth() == 3
    bars = drawn("dagum", bars_kw={"width": 0.5, "color": "#abcdef"}).patches
    assert {bar.get_width() for bar in bars} == {0.5}
    assert {to_hex(bar.get_facecolor()) for bar in bars} == {"#abcdef"}
    image = drawn("effects_matrix", cells_kw={"cmap": "PuOr"}).images[0]
    assert image.get_cmap().name == "PuOr"
    lines = drawn("sigma_lines", line_kw={"color": "#010203"}).lines
    assert {line.get_color() for line in lines} == {"#010203"}
    figure = drawn("effects", points_kw={"ms": 9})
    assert max(line.get_markersize() for line in figure.axes[0].lines) == 9
    given = {"color": "red"}
    drawn("sigma_lines", line_kw=given)
    assert given == {"color": "red"}


def test_figures_of_one_axis_are_drawn_where_the_caller_says(figures):
    figure, (left, right) = plt.subplots(1, 2)
    function, given = figures["effects"][:2]
    assert function(*given, ax=left) is figure
    assert left.get_xlabel() == "Effect, with 95 % interval"
    assert [text.get_text() for text in left.get_legend().get_texts()] == [
        "Direct",
        "Indirect",
        "Total",
    ]
    with pytest.raises(OptionError, match="need a figure of their own"):
        function(*given, ax=left, share_scale=False)
    chain = nq.dynamics.markov(nq.datasets.us_income(), "relative_income", states=3)
    assert nq.plots.transitions(chain, ax=right, title="Moves") is figure
    assert right.get_title(loc="left") == "Moves"
    assert len(right.texts) == 9
    function, given = figures["transitions"][:2]
    with pytest.raises(OptionError, match="3 matrices need a figure of their own"):
        function(*given, ax=right)


# -- maps of association ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def incomes():
    panel = nq.datasets.us_income()
    w = nq.weights.contiguity(panel)
    several = [
        nq.esda.lisa(panel, "income", w, period=t, permutations=999, seed=0)
        for t in (1929, 1969, 2009)
    ]
    return panel, w, several


def entries_of(legend):
    return [text.get_text() for text in legend.get_texts()]


def test_tiers_part_clusters_by_p_value(incomes):
    panel, _, (lisa, *_) = incomes
    ax = nq.plots.lisa_map(lisa, panel, tiers=True)
    frame = lisa.frame
    tier = np.select(
        [frame["p_value"] <= 0.001, frame["p_value"] <= 0.01], ["≤ 0.001", "≤ 0.01"], "< 0.05"
    )
    said = frame["cluster"].astype(str) + ", p " + tier
    said = said.where(frame["cluster"] != "Not significant", "Not significant")
    wanted = {f"{name} ({count})" for name, count in said.value_counts().items()}
    found = entries_of(ax.get_legend())
    assert set(found) == wanted
    colours = [to_hex(one.get_facecolor()) for one in ax.get_legend().get_patches()]
    assert len(set(colours)) == len(colours)


def test_significance_map_counts_tiers(incomes):
    panel, w, (lisa, *_) = incomes
    p = lisa.frame["p_value"][lisa.frame["cluster"] != "Not significant"]
    counts = {
        "p < 0.05": int((p > 0.01).sum()),
        "p ≤ 0.01": int(((p <= 0.01) & (p > 0.001)).sum()),
        "p ≤ 0.001": int((p <= 0.001).sum()),
        "Not significant": 48 - len(p),
    }
    ax = nq.plots.significance_map(lisa, panel)
    found = entries_of(ax.get_legend())
    assert found == [f"{name} ({count})" for name, count in counts.items()]
    assert ax.get_legend().get_title().get_text() == "Pseudo p-value, 999 permutations"
    # A stricter alpha has fewer tiers, a rate of false discoveries fewer units.
    strict = nq.esda.lisa(panel, "income", w, period=1929, alpha=0.01, seed=0)
    found = entries_of(nq.plots.significance_map(strict, panel).get_legend())
    assert [text.split(" (")[0] for text in found] == ["p < 0.01", "p ≤ 0.001", "Not significant"]


def test_small_multiples_have_one_legend(incomes):
    panel, _, several = incomes
    figure = nq.plots.lisa_maps(several, panel, significance=True, title="Incomes")
    assert len(figure.axes) == 6
    assert [ax.get_legend() for ax in figure.axes] == [None] * 6
    (legend,) = figure.legends
    found = entries_of(legend)
    assert len(found) == len(set(found))
    assert found[0] == "High-High"
    assert {"p < 0.05", "p ≤ 0.01", "p ≤ 0.001"} <= set(found)
    first = several[0].counts
    title = figure.axes[0].get_title(loc="left")
    assert title.startswith("1929: ")
    assert f"HH {first['High-High']}, LL {first['Low-Low']}" in title
    assert figure.get_suptitle() == "Incomes"
    # Colours of the legend are those of the maps.
    drawn = {to_hex(one.get_facecolor()[0]) for ax in figure.axes for one in ax.collections}
    assert {to_hex(patch.get_facecolor()) for patch in legend.get_patches()} >= drawn
    one = nq.plots.lisa_maps({"收入": several[0]}, panel, significance=True, tiers=True)
    assert len(one.axes) == 2
    assert one.axes[0].get_title(loc="left").startswith("收入: ")
    with pytest.raises(OptionError, match="results must hold at least one"):
        nq.plots.lisa_maps([], panel)
    with pytest.raises(OptionError, match="ax be left out"):
        nq.plots.lisa_maps(several, panel, ax=plt.gca())


def test_scale_bar_has_its_length_and_the_arrow_points_north(incomes):
    from nqp_spatial.errors import GeometryError

    panel, *_ = incomes
    ax = nq.plots.choropleth(
        panel, "income", period=2009, scale_bar=True, north_arrow=True, crs="EPSG:5070"
    )
    (bar,) = [line for line in ax.lines if line.get_label() == "_scale bar"]
    length = np.ptp(bar.get_xdata())
    said = next(text.get_text() for text in ax.texts if text.get_text().endswith(" km"))
    assert length == pytest.approx(float(said.removesuffix(" km").replace(",", "")) * 1000)
    assert "N" in [text.get_text() for text in ax.texts]
    # In the east of a conic map of the country meridians lean to the left, to the pole.
    arrow = next(text for text in ax.texts if getattr(text, "arrow_patch", None) is not None)
    start, tip = np.array(arrow.xyann), np.array(arrow.xy)
    assert -0.6 < (tip - start)[0] / (tip - start)[1] < -0.05
    feet = nq.plots.choropleth(panel, "income", period=2009, scale_bar=True, crs="EPSG:2263")
    (bar,) = [line for line in feet.lines if line.get_label() == "_scale bar"]
    said = next(text.get_text() for text in feet.texts if text.get_text().endswith(" km"))
    metres = np.ptp(bar.get_xdata()) * 0.3048
    assert metres == pytest.approx(
        float(said.removesuffix(" km").replace(",", "")) * 1000, rel=1e-4
    )
    with pytest.raises(GeometryError, match="need a projection with a unit of length"):
        nq.plots.choropleth(panel, "income", period=2009, scale_bar=True, crs=None)


def test_labels_of_the_panel_reach_the_figures(incomes):
    panel, *_ = incomes
    label = "Income per head, dollars"
    chain = nq.dynamics.markov(panel, "income", relative=True)
    legend = nq.plots.steady_states(chain).get_legend().get_title().get_text()
    assert legend == f"State of {label}"
    kernel = nq.dynamics.stochastic_kernel(panel, "income")
    assert nq.plots.kernel_contour(kernel).get_xlabel() == f"{label}, t"


def test_colours_stand_in_one_file():
    """Palettes are chosen together: no figure has colours of its own."""
    for path in SOURCES.rglob("*.py"):
        if path.name != "_theme.py":
            assert not re.findall(r'"#[0-9a-fA-F]{6}"', path.read_text()), path.name


def test_lines_are_broken_where_chinese_may_be():
    text = "新质生产力综合指数（以二〇一二年为基期，经熵值法加权），单位为一。"
    for width in np.linspace(0.6, 2.5, 40):
        lines = nq.plots._theme.wrapped(text, width).split("\n")
        assert "".join(lines) == text
        assert not any(line.startswith(tuple("，。）")) for line in lines)
        assert not any(line.endswith("（") for line in lines)
    assert nq.plots._theme.wrapped("one two\nthree four", 0.7) == "one two\nthree four"
