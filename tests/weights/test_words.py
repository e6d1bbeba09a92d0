"""What weights say of how they were made: wholly Chinese but for names, and data in files."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import nqp_spatial as nq
from nqp_spatial.core.text import Message, label, t, translate
from nqp_spatial.errors import WeightsError
from nqp_spatial.weights._spec import WeightsSpec, spec_from_data, spec_to_data

NAMES = {"Queen", "Rook", "Delaunay", "Gabriel", "Jaccard", "K", "libpysal", "Graph", "W"}


@pytest.fixture(scope="module")
def panel():
    income = nq.datasets.us_income().select(periods=[1990, 1991])
    return income.assign(
        units=lambda d: d["income"], level=lambda d: d["relative_income"], group=lambda d: d["name"]
    )


def every_weights(panel):
    """One matrix of each kind, and the names of the caller that its words hold."""
    from libpysal.graph import Graph

    queen = nq.weights.contiguity(panel)
    west = pd.Series(panel.units.isin(["CA", "OR", "WA"]), panel.units, name="west")
    edges = pd.DataFrame({"origin": ["a", "b"], "destination": ["b", "a"], "flow": [1.0, 2.0]})
    profiles = pd.DataFrame(np.array([[1, 1, 0], [1, 0, 1], [1, 1, 1]]), index=list("abc"))
    graph = Graph.from_dicts({"a": {"b": 1}, "b": {"a": 1}})
    rings = nq.weights.bands(panel, edges_km=[0, 900, 2500])
    blocks = nq.weights.partition(queen, west.map({True: "units", False: "level"}))
    return {
        "queen": (queen, ()),
        "rook, order": (nq.weights.contiguity(panel, kind="rook", order=2, tolerance=5.0), ()),
        "knn": (nq.weights.knn(panel, k=4), ()),
        "knn, either": (nq.weights.knn(panel, k=4, symmetrize="either", metric="geodesic"), ()),
        "knn, both": (nq.weights.knn(panel, k=9, symmetrize="both"), ()),
        "projected": (nq.weights.knn(projected(panel), k=4), ("NAD83 / Conus Albers",)),
        "band": (nq.weights.distance_band(panel, cutoff_km=900, power=1), ()),
        "inverse": (nq.weights.inverse_distance(panel, cutoff_km=900, islands="keep"), ()),
        "islands": (nq.weights.inverse_distance(panel, cutoff_km=250, islands="keep"), ()),
        "exponential": (nq.weights.exponential(panel, scale_km=300, standardize="spectral"), ()),
        "triangulation": (nq.weights.triangulation(panel), ()),
        "gabriel": (nq.weights.triangulation(panel, kind="gabriel", standardize="minmax"), ()),
        "relative": (nq.weights.triangulation(panel, kind="relative"), ()),
        "economic": (nq.weights.economic(panel, "units", periods=[1990], floor=1.0), ("units",)),
        "economic, mask": (nq.weights.economic(panel, "level", mask=queen), ("level",)),
        "directed": (nq.weights.directed_economic(panel, "level", base=queen), ("level",)),
        "gravity": (nq.weights.gravity(panel, "units", periods=[1990, 1991]), ("units",)),
        "nested": (nq.weights.nested(queen, nq.weights.economic(panel, "units")), ("units",)),
        "product": (nq.weights.nested(queen, nq.weights.knn(panel), how="product"), ()),
        "cosine": (nq.weights.similarity(profiles, least=0.1), ()),
        "jaccard": (nq.weights.similarity(profiles, measure="jaccard"), ()),
        "flows": (nq.weights.flows(edges, flow="flow"), ("origin", "destination", "flow")),
        "edges": (nq.weights.from_edges(edges, focal="destination", neighbor="origin"), ()),
        "dense": (nq.weights.from_dense(np.array([[0, 2], [1, 0]]), ["a", "b"]), ()),
        "rounded": (
            nq.weights.from_dense(np.array([[0, 0.999999], [1, 0]]), ["a", "b"]), ("e-06",)
        ),
        "graph": (nq.weights.from_pysal(graph), ("O",)),
        "W": (nq.weights.from_pysal(graph.to_W()), ("O",)),
        "within": (nq.weights.within(queen, west), ("west",)),
        "across": (nq.weights.across(queen, west.rename(None)), ()),
        "across, named": (nq.weights.across(queen, west.rename("level")), ("level",)),
        "within, unnamed": (nq.weights.within(queen, west.to_dict()), ()),
        "partition": (blocks["units", "level"], ("units", "level")),
        "ring": (rings[900.0, 2500.0], ()),
        "subset": (queen.subset(["CA", "OR", "NY"]), ()),
        "nested ring": (nq.weights.nested(rings[0.0, 900.0], nq.weights.within(queen, west)),
                        ("west",)),
    }  # fmt: skip


def projected(panel):
    geometry = panel.geometry.to_crs("EPSG:5070")
    return nq.SpatialPanel(
        panel.frame.reset_index(), unit="unit", period="period", geometry=geometry
    )


def test_words_are_chinese_but_for_names(panel):
    for kind, (w, names) in every_weights(panel).items():
        words = w.spec.words
        assert isinstance(words, Message), kind
        assert words == w.spec.describe()
        chinese = translate(words, "zh")
        bare = chinese
        for name in names:
            assert name in bare, (kind, chinese)
            bare = bare.replace(name, "")
        assert set(re.findall(r"[A-Za-z]+", bare)) <= NAMES, (kind, chinese)
        assert re.findall(r"\d+", chinese.replace(" 1 的最大偏差", "")) == re.findall(
            r"\d+", words
        ), kind


def test_every_builder_is_walked(panel):
    builders = set(nq.weights.__all__) - {
        "SpatialWeights", "WeightsSpec", "compare", "compare_groups", "read", "bands", "partition",
    }  # fmt: skip
    source = Path(__file__).read_text(encoding="utf-8")
    assert {name for name in builders if f"nq.weights.{name}(" not in source} == set()


def test_files_keep_messages_as_data(panel, tmp_path):
    for kind, (w, _) in every_weights(panel).items():
        path = w.write(tmp_path / "w.parquet")
        again = nq.weights.read(path)
        assert again.spec == w.spec, kind
        assert translate(again.spec.words, "zh") == translate(w.spec.words, "zh")
    name = nq.weights.contiguity(panel).write(tmp_path / "level.csv")
    assert translate(nq.weights.read(name, units=panel.units).spec.words, "zh") == (
        "读自 level.csv，未标准化"
    )


def test_data_of_a_specification_are_plain():
    spec = WeightsSpec(
        t("links from {sender} to {receiver} of {weights}", sender="a", receiver="b",
          weights=t("gravity")),
        {"variable": "units", "edges_km": (0.0, 5.0), "order": np.int64(2), "power": None},
        "row", t("{count} units", count=np.int64(4)),
    )  # fmt: skip
    data = json.loads(json.dumps(spec_to_data(spec)))
    again = spec_from_data(data)
    assert again.words == spec.words.replace("(0.0, 5.0)", "[0.0, 5.0]")
    assert again.kind.values["weights"].template == "gravity"
    assert data["parameters"]["variable"] == "units"


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": 3},
        {"kind": "x", "parameters": []},
        {"kind": {"message": ["{0}", {"a": 1}, None]}},
        {"kind": {"message": ["{a.b}", {"a": 1}, None]}},
        {"kind": {"message": ["{a", {"a": 1}, None]}},
        {"kind": {"message": [1, {}, None]}},
        {"kind": {"message": ["x", {}, 5]}},
        {"kind": {"message": []}},
        {"unknown": 1},
    ],
)
def test_damaged_specifications_are_refused(panel, tmp_path, wrong):
    import pyarrow as pa
    from pyarrow import parquet

    path = nq.weights.contiguity(panel).write(tmp_path / "w.parquet")
    table = parquet.read_table(path)
    about = {**table.schema.metadata, b"nqp_spatial.weights": json.dumps(wrong).encode()}
    assert isinstance(table, pa.Table)
    parquet.write_table(table.replace_schema_metadata(about), path)
    with pytest.raises(WeightsError, match="damaged"):
        nq.weights.read(path)


def test_facts_keep_the_message(panel):
    facts = nq.weights.contiguity(panel).describe()
    assert translate(facts["specification"], "zh") == "Queen 邻接，行标准化"
    for name in facts.index:
        assert re.search("[一-鿿]", translate(label("column", name), "zh")), name


def test_weights_and_panels_draw_themselves(panel):
    plt = pytest.importorskip("matplotlib.pyplot")
    axes = nq.weights.contiguity(panel).subset(["CA", "OR", "NV"]).plot()
    assert len(axes.get_yticklabels()) == 3
    assert panel.plot(variable="income", period=1990) is not None
    plt.close("all")


def test_a_rounded_matrix_warns_in_both_languages():
    with pytest.warns(nq.errors.NqpWarning) as heard:
        nq.weights.from_dense(np.array([[0, 0.999], [1, 0]]), ["level", "units"])
    text = heard[0].message.args[0]
    assert text.startswith("user-supplied matrix: rows add to one within 0.001 only")
    assert translate(text, "zh").startswith("用户提供的矩阵：行和与 1 的偏差达 0.001")
