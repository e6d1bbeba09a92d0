"""A notebook from a clean kernel: from a GeoDataFrame to a map and a table."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")

ROOT = Path(__file__).parent.parent
CELLS = [
    """
    %matplotlib inline
    import geopandas as gpd
    import numpy as np
    import pandas as pd
    from shapely.geometry import box
    import nqp_spatial as nq

    rng = np.random.default_rng(1)
    places = [(x, y) for x in range(5) for y in range(5)]
    years = range(2015, 2021)
    frame = gpd.GeoDataFrame(
        [{"city": f"c{x}{y}", "year": year, "x": rng.normal(), "geometry": box(x, y, x + 1, y + 1)}
         for x, y in places for year in years], crs=3857)
    frame["y"] = frame["x"] + rng.normal(size=len(frame))
    """,
    'panel = nq.SpatialPanel(frame, unit="city", period="year")\npanel',
    "w = nq.weights.contiguity(panel)\nw",
    'model = nq.fit("y ~ x", panel, w, model="SDM", effects="Two-Way")\nmodel',
    "model.effects(draws=100)",
    'nq.plots.choropleth(panel, "y", period=2020)',
    "nq.esda.moran(panel, 'y', w, permutations=99).tests",
    "nq.compare({'SDM': model})",
    'nq.fit("y ~ x", panel, w, modle="SDM")',
    """
    from IPython.core.completer import provisionalcompleter

    def completions(text):
        with provisionalcompleter():
            found = get_ipython().Completer.completions(text, len(text))
            return [completion.text for completion in found]

    completions("model.")
    """,
    'completions("nq.plots.")',
]


def cleaned(cell):
    lines = cell.strip("\n").splitlines()
    indent = len(lines[0]) - len(lines[0].lstrip())
    return "\n".join(line[indent:] for line in lines)


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_code_cell(cleaned(cell)) for cell in CELLS]
    client = nbclient.NotebookClient(
        notebook, timeout=300, kernel_name="python3", allow_errors=True,
        resources={"metadata": {"path": str(tmp_path_factory.mktemp("notebook"))}},
    )  # fmt: skip
    client.execute(env={**os.environ, "PYTHONPATH": str(ROOT)})
    return notebook.cells


def data(cell):
    """All that a cell shows, by MIME type."""
    shown = {}
    for output in cell.outputs:
        shown |= dict(output.get("data", {}))
    return shown


def test_no_cell_fails_but_the_one_that_should(cells):
    failed = [
        place
        for place, cell in enumerate(cells)
        if any(o.output_type == "error" for o in cell.outputs)
    ]
    assert failed == [8], [cells[place].outputs for place in failed if place != 8]
    error = next(o for o in cells[8].outputs if o.output_type == "error")
    assert error.ename == "UnknownArgumentError"
    assert "fit has no option 'modle'; did you mean 'model'?" in error.evalue


def test_objects_show_as_html_and_as_text(cells):
    for place in (1, 2, 3, 4, 6, 7):
        shown = data(cells[place])
        assert shown["text/html"].startswith("<p><b>")
        assert max(map(len, shown["text/plain"].splitlines())) <= 80
    for place in (1, 3, 4, 6, 7):
        assert "<table" in data(cells[place])["text/html"]
    assert "25 units x 6 periods (2015 to 2020), 2 columns, geometry in WGS 84" in " ".join(
        data(cells[1])["text/plain"].split()
    )


def test_a_map_is_drawn_once(cells):
    pictures = [o for o in cells[5].outputs if "image/png" in o.get("data", {})]
    assert len(pictures) == 1


def test_names_complete(cells):
    results = data(cells[9])["text/plain"]
    assert "effects" in results and "params" in results
    assert not re.search(r"'\.?_", results)
    figures = data(cells[10])["text/plain"]
    assert "choropleth" in figures and "_canvas" not in figures and "charts" not in figures
