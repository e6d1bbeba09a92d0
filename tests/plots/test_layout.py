"""What all figures keep: their page, their colours, their lines of text."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.text import Text

import nqp_spatial as nq
from nqp_spatial.plots._canvas import figure_of, percent, wrapped

NAMES = sorted(set(nq.plots.__all__) - {"COLUMN", "PAGE", "explore", "save", "theme"})
LABELLED = [
    name for name in NAMES if "label" in inspect.signature(getattr(nq.plots, name)).parameters
]
PANELS = [
    "choropleth_periods",
    "effects",
    "effects_at",
    "event_study",
    "forecast",
    "group_estimates",
    "lisa_maps",
    "panel_threshold",
    "specification_curve",
    "transitions",
]
LABELS = [
    "An index of new quality productive forces of cities at the level of prefectures, 2012 = 1",
    "按地级市计算的新质生产力综合指数（以二〇一二年为基期，经熵值法加权，单位为一）",
]
# Each figure with one of the labels; with the other too among the slow tests.
LONG = [
    pytest.param(name, label, id=f"{name}-{lang}",
                 marks=[] if place % 2 == turn else [pytest.mark.slow])
    for place, name in enumerate(LABELLED)
    for turn, (lang, label) in enumerate(zip(("en", "zh"), LABELS, strict=True))
]  # fmt: skip
# Names that the caller gave.
MODELS = {"SDEM", "SDM", "SLX"}
GIVEN = {
    "border_loss": {"zone"}, "probabilities": MODELS, "log_t": {"log"},
    "specification_curve": {"SAR"},
}  # fmt: skip
GIVEN |= {name: {"south"} for name in ["geodetector", "interactions", "strata_means", "theil"]}
TICK = 0.02  # inches: half a stroke, or a letter that leans out of its box


def require_inside(drawn, path):
    """Nothing may lie beyond the edge of the page when it is saved."""
    figure = figure_of(drawn)
    nq.plots.save(drawn, path / "figure.png", dpi=80)
    room = figure.get_tightbbox()
    assert min(room.x0, room.y0) > -TICK
    assert room.x1 < figure.get_figwidth() + TICK
    assert room.y1 < figure.get_figheight() + TICK


def words_of(drawn):
    return {text.get_text() for text in figure_of(drawn).findobj(Text) if text.get_text().strip()}


def words_and_page(drawer, lang, path):
    """Draw a figure, see that all is on its page, and return its words."""
    function, arguments, options = drawer
    before = dict(mpl.rcParams)
    drawn = function(*arguments, lang=lang, **options)
    assert dict(mpl.rcParams) == before
    words = words_of(drawn)
    require_inside(drawn, path)
    # Figures of one axes return axes and those of several a figure.
    parameters = inspect.signature(function).parameters
    if function.__name__ in PANELS:
        assert isinstance(drawn, plt.Figure)
        assert "fig" in parameters
        assert "ax" not in parameters
    else:
        assert isinstance(drawn, plt.Axes)
        assert "fig" not in parameters
    return words


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_cut_at_the_edge_and_chinese_figures_have_no_english_words(
    figures, name, tmp_path
):
    """The figures are drawn once for what all must keep: drawing is what takes long."""
    english, chinese = (words_and_page(figures[name], lang, tmp_path) for lang in ("en", "zh"))
    latin = {word for text in chinese for word in re.findall(r"[A-Za-z]{3,}", text)}
    assert not latin - GIVEN.get(name, set())
    # The numbers are the same in both languages.
    numbers = [sorted(re.findall(r"\d+\.\d{2,}", " ".join(sorted(t)))) for t in (chinese, english)]
    assert numbers[0] == numbers[1]


@pytest.mark.parametrize(("name", "label"), LONG)
def test_long_labels_are_broken_into_lines(figures, name, label, tmp_path):
    function, arguments, options = figures[name]
    require_inside(function(*arguments, **{**options, "label": label}), tmp_path)


def test_lines_are_broken_where_chinese_may_be():
    assert wrapped("跨Province、Region内", 0.8) == "跨\nProvince、\nRegion内"
    text = "新质生产力综合指数（以二〇一二年为基期，经熵值法加权），单位为一。"
    for width in np.linspace(0.6, 2.5, 40):
        lines = wrapped(text, width).split("\n")
        assert "".join(lines) == text
        assert not any(line.startswith(tuple("，。）")) for line in lines)
        assert not any(line.endswith("（") for line in lines)
    assert wrapped("one two\nthree four", 0.7) == "one two\nthree four"


def test_levels_are_percent():
    assert [percent(level) for level in (0.9, 0.95, 0.995)] == ["90%", "95%", "99.5%"]


def test_colours_stand_in_one_file():
    """Palettes are chosen together: no figure has colours of its own."""
    for path in Path(nq.plots.__file__).parent.rglob("*.py"):
        if path.name != "_theme.py":
            assert not re.findall(r'"#[0-9a-fA-F]{6}"', path.read_text()), path.name


# -- where figures are drawn -----------------------------------------------------------------------


@pytest.mark.parametrize("name", PANELS)
def test_figures_of_several_panels_are_drawn_where_the_caller_says(figures, name):
    function, arguments, options = figures[name]
    whole = plt.figure(figsize=(10, 4), layout="constrained")
    left, right = whole.subfigures(1, 2)
    assert function(*arguments, fig=right, **options) is whole
    assert right.axes
    assert not left.axes
    assert plt.get_fignums() == [whole.number]
    whole.canvas.draw()


def test_a_title_set_afterwards_leaves_the_legend_within_the_figure(states):
    """Shrinking a map moves its legend: one pass of the layout left it below the edge."""
    panel, _ = states
    for words in ("Income", "Income\nand more", "One\ntwo\nthree"):
        for place in ("left", "center"):
            ax = nq.plots.choropleth(panel, "lgsp", period=1986, width=3.4)
            ax.set_title(words, loc=place, fontsize=16)
            ax.figure.canvas.draw()
            legend = ax.get_legend().get_window_extent()
            assert legend.y0 > -0.5, (words, place)
            assert legend.y1 < ax.get_window_extent().y0 + 1
            plt.close(ax.figure)


@pytest.mark.parametrize("width", [3.4, 7.0])
def test_effects_of_horizons_have_their_label_above_the_legend(states, width):
    panel, w = states
    model = nq.fit("unemp ~ lpc + lemp", panel, w, effects="unit", time_lag=True)
    figure = nq.plots.effects(model.effects(method="delta"), width=width)
    figure.canvas.draw()
    (legend,) = figure.legends
    title, *texts = legend.get_title(), *legend.get_texts()
    assert title.get_text().replace("\n", " ") == "Effect, with 95% confidence interval"
    assert not figure.get_supxlabel()
    assert all(title.get_window_extent().y0 >= text.get_window_extent().y1 - 1 for text in texts)
    for ax in figure.axes:
        labels = [label.get_window_extent().y0 for label in ax.get_xticklabels()]
        assert title.get_window_extent().y1 < min(labels)
    plt.close(figure)


def test_equal_numbers_of_neighbours_are_one_bar_at_a_whole_number(states):
    panel, _ = states
    ax = nq.plots.neighbour_histogram(nq.weights.knn(panel, k=5))
    ax.figure.canvas.draw()
    low, high = ax.get_xlim()
    assert all(tick == round(tick) for tick in ax.get_xticks() if low <= tick <= high)
    (bar,) = ax.patches
    assert bar.get_width() < (high - low) / 3
    plt.close(ax.figure)


def test_legends_have_true_minus_signs(states):
    panel, _ = states
    centred = panel.assign(gap=panel.frame["lgsp"] - panel.frame["lgsp"].mean())
    ax = nq.plots.choropleth(centred, "gap", period=1986)
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts[0].startswith("−") and " to " in texts[0]
    assert not any("-" in text for text in texts)
    plt.close(ax.figure)
