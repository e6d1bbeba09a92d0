"""Figures in the caller's axes: they keep to their cell, in one size of letters.

Each figure that takes axes is drawn in a grid of four, with and without a layout engine. Nothing
of one may lie on another, and within one no label, legend or title on another.
"""

from __future__ import annotations

import inspect
import itertools

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

import nqp_spatial as nq
from nqp_spatial.plots._canvas import wrapped
from nqp_spatial.plots._words import category_axis, row_axis
from nqp_spatial.plots.charts._periods import chosen_periods

NAMES = sorted(set(nq.plots.__all__) - {"COLUMN", "PAGE", "explore", "save", "theme"})
MAPS = {
    "centre_path",
    "choropleth",
    "club_map",
    "coefficient_map",
    "effects_arrows",
    "exposure_map",
    "forecast_map",
    "lisa_map",
    "network_map",
    "policy_effects_map",
    "residual_map",
    "significance_map",
    "unit_effects_map",
    "weights_map",
}  # fmt: skip
SINGLE = [
    name
    for name in NAMES
    if "ax" in inspect.signature(getattr(nq.plots, name)).parameters or name in MAPS
]
GRIDS = [SINGLE[start : start + 4] for start in range(0, len(SINGLE), 4)]
FLAT = 1.0  # pixels by which boxes of letters may touch


def overlap(first, second):
    """Return the smaller side of what two boxes have in common, in pixels."""
    wide = min(first.x1, second.x1) - max(first.x0, second.x0)
    tall = min(first.y1, second.y1) - max(first.y0, second.y0)
    return min(wide, tall)


def tick_labels(axis):
    low, high = sorted(axis.get_view_interval())
    labels = [
        tick.label1
        for tick in axis.get_major_ticks()
        if low - 1e-9 <= tick.get_loc() <= high + 1e-9 and tick.label1.get_text()
    ]
    # Boxes of slanted letters are larger than the letters.
    return [label for label in labels if label.get_visible() and label.get_rotation() % 90 == 0]


def collisions(ax):
    """Return pairs of words within one figure that lie on each other."""
    if ax.name == "3d":
        return []
    titles = [ax.title, ax._left_title]
    axes = [ax.xaxis, ax.yaxis] if ax.axison else []
    words = [text for text in (*titles, *(axis.label for axis in axes)) if text.get_text()]
    words += [] if ax.get_legend() is None else [ax.get_legend()]
    ticks = [label for axis in axes for label in tick_labels(axis)]
    pairs = [
        *itertools.combinations(words, 2),
        *((word, label) for word in words if word not in titles for label in ticks),
        *(pair for axis in axes for pair in itertools.pairwise(tick_labels(axis))),
    ]
    boxes = [(first.get_window_extent(), second.get_window_extent()) for first, second in pairs]
    return [
        (str(first), str(second))
        for (first, second), box in zip(pairs, boxes, strict=True)
        if overlap(*box) > FLAT
    ]


def grid_of(figures, names, lang, layout):
    figure = plt.figure(layout=layout)
    axes = []
    for place, name in enumerate(names, start=1):
        flat = name not in ("density_waterfall", "kernel_surface")
        axes.append(figure.add_subplot(2, 2, place, projection=None if flat else "3d"))
    for place, (ax, name) in enumerate(zip(axes, names, strict=True)):
        function, arguments, options = figures[name]
        assert function(*arguments, **options, lang=lang, ax=ax) is ax, name
        assert not any(other.has_data() for other in axes[place + 1 :]), name
        assert plt.get_fignums() == [figure.number], name
    figure.draw_without_rendering()
    return figure, axes


def require_apart(figure, axes, names):
    boxes = [ax.get_tightbbox() for ax in axes]
    for first, second in itertools.combinations(range(len(axes)), 2):
        assert overlap(boxes[first], boxes[second]) <= FLAT, (names[first], names[second])
    for name, ax, box in zip(names, axes, boxes, strict=True):
        assert min(box.x0, box.y0) > -2, name
        assert box.x1 < figure.bbox.width + 2, name
        assert box.y1 < figure.bbox.height + 2, name
        assert collisions(ax) == [], name
        assert min(ax.get_window_extent().width, ax.get_window_extent().height) > 50, name


def test_figures_of_one_axes_are_drawn_where_the_caller_says():
    """All are in the grids below, which see that the axes are the caller's."""
    assert set(NAMES) - set(SINGLE) == {name for name in NAMES if takes_a_figure(name)}
    assert len(SINGLE) > 35


def takes_a_figure(name):
    return "fig" in inspect.signature(getattr(nq.plots, name)).parameters


LANGUAGES = ["en", "zh"]
PART = [("en", None, GRIDS[::2]), ("zh", "constrained", GRIDS[1::2])]
CASES = [
    pytest.param(
        grid, lang, layout,
        marks=[] if (lang, layout, grid) in [(a, b, g) for a, b, gs in PART for g in gs]
        else [pytest.mark.slow], id=f"{grid[0]}-{lang}-{layout}",
    )
    for grid in GRIDS for lang in LANGUAGES for layout in (None, "constrained")
]  # fmt: skip


@pytest.mark.parametrize(("names", "lang", "layout"), CASES)
def test_figures_side_by_side_do_not_touch(figures, names, lang, layout):
    figure, axes = grid_of(figures, names, lang, layout)
    require_apart(figure, axes, names)
    letters = {text.get_fontsize() for text in figure.findobj(Text) if text.get_text()}
    assert max(letters) == pytest.approx(8.5) or max(letters) == pytest.approx(8)
    assert figure.get_layout_engine() is None or layout == "constrained"
    for ax in axes:
        if ax.axison and ax.name != "3d":
            assert not ax.spines["top"].get_visible()
            assert not ax.spines["right"].get_visible()


def test_the_test_sees_figures_that_touch(figures, monkeypatch):
    monkeypatch.setattr(nq.plots._canvas, "keep_in_cell", lambda ax: None)
    names = ["dagum", "sigma_lines", "transition_paths", "moran_scatter"]
    with pytest.raises(AssertionError):
        require_apart(*grid_of(figures, names, "en", None), names)


@pytest.mark.filterwarnings("error")
def test_a_layout_of_the_caller_takes_over(figures):
    names = ["dagum", "sigma_lines", "rank_intervals", "moran_scatter"]
    figure, axes = grid_of(figures, names, "en", None)
    shrunk = axes[0].get_position().height
    figure.tight_layout()
    figure.draw_without_rendering()
    boxes = [ax.get_tightbbox() for ax in axes]
    # Ticks may have become wider with the room that matplotlib gave them.
    assert all(overlap(*pair) < 5 for pair in itertools.combinations(boxes, 2))
    assert axes[0].get_position().bounds == axes[0].get_position(original=True).bounds
    assert shrunk != axes[0].get_position().height


def test_margins_of_the_caller_hold(figures):
    figure, axes = plt.subplots(1, 2)
    figure.subplots_adjust(left=0.4)
    function, arguments, options = figures["dagum"]
    function(*arguments, **options, ax=axes[0])
    figure.draw_without_rendering()
    assert axes[0].get_position().x0 == pytest.approx(0.4)
    assert axes[1].get_position().bounds == axes[1].get_position(original=True).bounds


def test_a_title_of_the_figure_is_not_covered(figures):
    figure, axes = plt.subplots(2, 1, figsize=(4, 5))
    title = figure.suptitle("One title\nof two lines", fontsize=16)
    function, arguments, options = figures["effects_matrix"]
    function(*arguments, **options, ax=axes[0])
    figure.draw_without_rendering()
    assert overlap(title.get_window_extent(), axes[0].get_tightbbox()) <= FLAT


@pytest.mark.parametrize("name", ["estimates", "reach", "dagum", "sigma_lines", "choropleth"])
def test_a_title_set_later_cuts_nothing(figures, name, tmp_path):
    function, arguments, options = figures[name]
    ax = function(*arguments, **options)
    ax.set_title("A title of the caller")
    ax.figure.savefig(tmp_path / "figure.png", dpi=100)
    room = ax.figure.get_tightbbox()
    assert min(room.x0, room.y0) > -0.02
    assert room.x1 < ax.figure.get_figwidth() + 0.02
    assert room.y1 < ax.figure.get_figheight() + 0.02
    assert collisions(ax) == []


# -- words -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["Relative transition path (mean of all = 1)", "Income per head, t", "Income, t + 5"]
)
def test_no_line_begins_or_ends_with_a_lone_sign(text):
    for width in np.linspace(0.4, 3, 60):
        for line in wrapped(text, width).split("\n")[1:]:
            assert len(line) > 2, wrapped(text, width)
        for line in wrapped(text, width).split("\n"):
            assert not line.endswith(("=", "+", "/"))
        assert wrapped(text, width).replace("\n", " ") == text


def test_names_of_categories_stand_straight_wrap_or_slant():
    figure, axes = plt.subplots(3, 1, figsize=(3.5, 6))
    short, long = (
        ["a", "b", "c"],
        ["north and far east", "south and far west", "the far north west"],
    )
    many = [f"group number {number}" for number in range(12)]
    for ax, names in zip(axes, (short, long, many), strict=True):
        category_axis(ax, range(len(names)), names, 2.7)
    shown = [[label.get_text() for label in ax.get_xticklabels()] for ax in axes]
    assert shown[0] == short
    assert [name.replace("\n", " ") for name in shown[1]] == long
    assert any("\n" in name for name in shown[1])
    assert all(label.get_rotation() == 0 for label in axes[1].get_xticklabels())
    assert all(label.get_rotation() > 0 for label in axes[2].get_xticklabels())
    figure.draw_without_rendering()
    for ax in axes[:2]:
        assert collisions(ax) == []
    # Slanted lines are as far apart as their steps seen from the side.
    labels = axes[2].get_xticklabels()
    angle = np.deg2rad(labels[0].get_rotation())
    step = axes[2].bbox.width / len(many) / figure.dpi * 72
    assert step * np.sin(angle) > labels[0].get_fontsize()


@pytest.mark.parametrize("step", [1, 2, 3, 5])
@pytest.mark.parametrize("count", [2, 7, 16, 31, 53, 81])
def test_periods_are_chosen_at_even_steps(step, count):
    periods = pd.Index(range(1929, 1929 + step * count, step))
    for most in (2, 5, 17):
        shown = chosen_periods(periods, most)
        assert 1 <= len(shown) <= most
        assert len(set(np.diff(shown))) <= 1


@pytest.mark.parametrize("name", ["density_waterfall", "kernel_surface"])
def test_numbers_meet_at_no_corner_of_a_box(figures, name):
    function, arguments, options = figures[name]
    space = function(*arguments, **options)
    space.figure.draw_without_rendering()
    ends = [
        [label.get_window_extent() for label in axis.get_ticklabels() if label.get_text()]
        for axis in (space.xaxis, space.yaxis)
    ]
    assert all(overlap(x, y) <= FLAT for x in ends[0] for y in ends[1])


def test_rows_with_long_names_are_higher_and_narrow_ones_are_named_in_turn(figures):
    _, arguments, options = figures["index_weights"]
    names = dict.fromkeys(options["labels"], "A long name of an indicator, in many words")
    ax = nq.plots.index_weights(*arguments, labels=names)
    short = nq.plots.index_weights(*arguments, **options)
    assert ax.figure.get_figheight() > short.figure.get_figheight()
    assert ax.get_yticklabels()[0].get_fontsize() == short.get_yticklabels()[0].get_fontsize()
    figure, axes = plt.subplots(figsize=(3, 1))
    row_axis(axes, range(30), [f"row {number}" for number in range(30)], 1.0, 0.7)
    figure.draw_without_rendering()
    assert collisions(axes) == []
    shown = [label.get_text() for label in axes.get_yticklabels()]
    assert shown[:2] in (["row 0", "row 3"], ["row 0", "row 4"], ["row 0", "row 5"])
