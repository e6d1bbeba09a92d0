"""Formulas hold columns, operators and a list of functions; everything else is refused unseen."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pandas as pd
import pytest

import nqp_spatial as nq
from nqp_spatial.errors import (
    CollinearityError,
    DomainError,
    NqpError,
    OptionError,
    PanelError,
    UnknownColumnError,
)
from nqp_spatial.regression._evaluation import evaluate, model_matrix
from nqp_spatial.regression._formulas import columns_of, quoted, read_formula, terms_of
from nqp_spatial.regression._shared_evaluations import shared_evaluations


@pytest.fixture(scope="module")
def odd(lattice):
    """A panel whose columns have names and types of every sort, and its weights."""
    rng = np.random.default_rng(0)
    keys = pd.MultiIndex.from_product([range(16), range(2010, 2016)], names=["id", "year"])
    frame = pd.DataFrame({"x1": rng.normal(size=96), "x2": rng.normal(size=96)}, keys).reset_index()
    frame["y"] = 1 + frame.x1 - 0.5 * frame.x2 + rng.normal(size=96)
    frame["人均GDP(元)"] = np.exp(frame.x1)
    frame["城镇化率（%）"] = frame["a b"] = frame["x2"]
    frame["GDP.g"] = frame["ｗｉｄｅ"] = frame["x1"]
    frame["count"] = rng.integers(1, 9, 96)
    frame["large"] = rng.integers(4 * 10**9, 9 * 10**9, 96)
    frame["text"] = frame["count"].astype(str)
    frame["side"] = np.where(frame.x1 > 0, "p", "q")
    frame["flag"] = frame.x1 > 0
    frame["when"] = pd.Timestamp("2020-01-01") + pd.to_timedelta(frame["count"], unit="D")
    frame["spell"] = pd.to_timedelta(frame["count"], unit="D")
    frame["complex"] = frame.x1 + 1j
    return nq.SpatialPanel(frame, unit="id", period="year"), lattice(4, 4)


CODE = [
    "I(x1 + 0*np.ctypeslib.ctypes.CDLL(None).system(b'touch {mark}'))",
    "I(x1 * open('{mark}', 'w').write('b'))",
    "open('{mark}', 'w')",
    "__import__('os').system('touch {mark}')",
    "{{open('{mark}', 'w')}}",
    "np.savetxt('{mark}', x1)",
    "I(().__class__.__base__.__subclasses__())",
    "x1[open('{mark}', 'w')]",
    "I([open('{mark}', 'w') for i in x1])",
    "I((lambda: open('{mark}', 'w'))())",
    'I(f\'{{open("{mark}", "w")}}\')',
    "I((a := open('{mark}', 'w')))",
    "I(x1)(open('{mark}', 'w'))",
    "center(open('{mark}', 'w'))",
    "center(x1, _state=open('{mark}', 'w'))",
    "I(open('{mark}', 'w')).get_required_variables()",
    "C(side, contr.treatment(open('{mark}', 'w')))",
    "C(side, levels=open('{mark}', 'w'))",
    "bs(x1, df=4, extrapolation='\\x22+open({mark!r},\\x22w\\x22))#')",
    "bs(x1, df=open('{mark}', 'w'))",
    "I(`a'+open('{mark}','w')+'`)",
    "I(`lambda`: 3)",
    "Q('x1')",
    "hashed(x1, levels=3)",
    "eval('1')",
    "getattr(x1, 'values')",
    "x1.values.tofile('{mark}')",
    "np.log(x1, x2)",
    "np.log(x1, out=x2)",
    "log(*x1)",
    "log(**x1)",
    "I(x1 if x2 else y)",
    "I(x1 and x2)",
    "I(x1 @ x2)",
    "I('{mark}')",
    "I(await_(x1))",
]


@pytest.mark.parametrize("term", CODE)
@pytest.mark.parametrize("where", ["right", "left", "durbin", "instruments"])
def test_code_is_refused_and_never_runs(odd, tmp_path, term, where):
    panel, w = odd
    mark = tmp_path / "ran"
    before = panel.frame.copy(deep=True)
    term = term.format(mark=mark)
    calls = {
        "right": lambda: nq.fit(f"y ~ x1 + {term}", panel, w),
        "left": lambda: nq.fit(f"{term} ~ x1", panel, w),
        "durbin": lambda: nq.fit("y ~ x1 + x2", panel, w, durbin=term),
        "instruments": lambda: nq.fit(
            "y ~ x1", panel, w, model="sar", estimator="gs2sls", endogenous="x1", instruments=term
        ),
    }
    with pytest.raises(OptionError, match=r"contains|cannot be read|inside a function"):
        calls[where]()
    assert not mark.exists()
    pd.testing.assert_frame_equal(panel.frame, before)


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        ("y ~ I(9**9**9)", "a number in it is too large"),
        ("y ~ I(x1 * 10**10**10)", "a number in it is too large"),
        ("y ~ I(x1**100000)", "powers go up to 100"),
        ("y ~ x1**100000", "whole number from 1 to 10"),
        (f"y ~ ({'+'.join('abcdefghij')})**9", "multiplies out into"),
        (f"y ~ {'*'.join('abcdefghijklmnop')}", "multiplies out into"),
        ("y ~ bs(x1, df=10**9)", "50 columns at most"),
        ("y ~ poly(x1, 10000)", "50 columns at most"),
        ("y ~ poly(x1, degree=10000)", "50 columns at most"),
        (f"y ~ I({'(' * 99}x1{')' * 99})", "deeper than 50 brackets"),
        (f"y ~ {'x1 + ' * 9000}x1", "longer than 20,000 signs"),
        (f"y ~ I({'- ' * 9000}x1)", "nested too deeply|too long"),
    ],
)
def test_work_without_bound_is_refused_before_it_begins(odd, formula, words):
    with pytest.raises(OptionError, match=words):
        read_formula(formula)


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        ("", "nothing on its right side"),
        ("~", "nothing on its right side"),
        ("y ~", "nothing on its right side"),
        ("y", "with one '~'; it has 0"),
        ("y ~ x1 ~ x2", "with one '~'; it has 2"),
        ("~ x1", "must have an outcome on its left"),
        ("1 ~ x1", "one numeric column on its left"),
        ("0 ~ x1", "one numeric column on its left"),
        ("2 ~ x1", "cannot be read"),
        ("y + x2 ~ x1", "one numeric column on its left side, it has 'y', 'x2'"),
        ("side ~ x1", "one numeric column, it gives"),
        ("y ~ x1 | x2", "give endogenous= and instruments="),
        ("y ~ .", "name the columns"),
        ("y ~ 'x1'", "without quotes"),
        ("y ~ lag(x1)", "shifts rows across units"),
        ("y ~ y", "cannot explain itself"),
        ("log(y) ~ y", "cannot explain itself"),
        ("y ~ x1 + I(y ** 2)", "cannot explain itself"),
        ("y ~ x1:y", "cannot explain itself"),
        ("y ~ (x1", "cannot be read"),
        ("y ~ ``", "no name between them"),
        (3, "formula must be a string"),
        (None, "formula must be a string"),
        (["y ~ x1"], "formula must be a string"),
        (b"y ~ x1", "formula must be a string"),
    ],
)
def test_formulas_that_are_none(odd, formula, words):
    panel, w = odd
    with pytest.raises(OptionError, match=words) as caught:
        nq.fit(formula, panel, w)
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize(
    ("formula", "name"),
    [
        ("y ~ 人均GDP(元)", "人均GDP(元)"),
        ("y ~ log(人均GDP(元))", "人均GDP(元)"),
        ("y ~ 城镇化率（%）", "城镇化率（%）"),
        ("y ~ a b", "a b"),
        ("y ~ log(GDP.g)", "GDP.g"),
    ],
)
def test_names_with_signs_are_told_to_stand_in_backticks(odd, formula, name):
    panel, w = odd
    with pytest.raises(OptionError) as caught:
        nq.fit(formula, panel, w)
    assert f"write `{name}`, in backticks" in str(caught.value)
    assert "\x1b" not in str(caught.value)
    res = nq.fit(f"y ~ {quoted(name)}", panel, w, model="sar")
    assert res.params["x"].index.tolist() == [name]


def test_names_in_lists_are_taken_as_they_are(odd):
    panel, w = odd
    options = {"model": "sar", "estimator": "gs2sls"}
    by_list = nq.fit(
        "y ~ x1 + x2", panel, w, endogenous=["x1"], instruments=["人均GDP(元)", "count"], **options
    )
    by_formula = nq.fit(
        "y ~ x1 + x2", panel, w, endogenous="x1", instruments="`人均GDP(元)` + count", **options
    )
    pd.testing.assert_series_equal(by_list.params, by_formula.params)
    lagged = nq.fit("y ~ `人均GDP(元)` + x2", panel, w, durbin=["人均GDP(元)"])
    assert lagged.params["wx"].index.tolist() == ["人均GDP(元)"]
    with pytest.raises(UnknownColumnError, match="no column 'x9'"):
        nq.fit("y ~ x1", panel, w, endogenous="x1", instruments=["x9"], **options)
    for wrong in (3, [3], [None]):
        with pytest.raises(OptionError, match="durbin must be a string, a list"):
            nq.fit("y ~ x1", panel, w, durbin=wrong)


def test_quoted_is_read_as_the_name():
    for name in [
        "gdp",
        "人均GDP(元)",
        "a b",
        "2010",
        "x.y",
        "log",
        "class",
        "a'b",
        'a"b',
        "1",
        "%",
    ]:
        assert columns_of(f"y ~ {quoted(name)}") == ("y", name)
    assert quoted("gdp") == "gdp"
    for name in ["", "a`b", "a\\"]:
        with pytest.raises(OptionError, match="rename it"):
            quoted(name)


def test_terms_and_columns():
    formula = "log(y) ~ x1 * C(`a b`) + np.log(x2 / x3) - 1"
    assert columns_of(formula) == ("y", "x1", "a b", "x2", "x3")
    assert terms_of(formula) == ("x1", "C(`a b`)", "np.log(x2 / x3)", "x1:C(`a b`)")


VALUES = {
    "log1p(abs(x1))": lambda d: np.log1p(abs(d.x1)),
    "np.sqrt(np.abs(x1))": lambda d: np.sqrt(abs(d.x1)),
    "log2(`人均GDP(元)`)": lambda d: np.log2(d["人均GDP(元)"]),
    "log10(abs(x1)) ": lambda d: np.log10(abs(d.x1)),
    "maximum(x1, 0)": lambda d: np.maximum(d.x1, 0),
    "np.minimum(x1, x2)": lambda d: np.minimum(d.x1, d.x2),
    "clip(x1, -1, 1)": lambda d: np.clip(d.x1, -1, 1),
    "sign(x1)": lambda d: np.sign(d.x1),
    "arcsinh(x1)": lambda d: np.arcsinh(d.x1),
    "{x1 + x2}": lambda d: d.x1 + d.x2,
    "I(x1 ** (1 + 1))": lambda d: d.x1**2,
    "I((x1 > 0) & (x2 < 1))": lambda d: (d.x1 > 0) & (d.x2 < 1),
    "I(~flag)": lambda d: ~d.flag,
    "I(side == 'p')": lambda d: d.side == "p",
    "I(flag + flag)": lambda d: 2.0 * d.flag,
    "I(large ** 2)": lambda d: d.large.astype(float) ** 2,
    "center(x1)": lambda d: d.x1 - d.x1.mean(),
    "scale(x1)": lambda d: (d.x1 - d.x1.mean()) / d.x1.std(),
    "x1:x2": lambda d: d.x1 * d.x2,
}


@pytest.mark.parametrize("term", VALUES)
def test_what_is_offered_is_computed(odd, term):
    panel, _ = odd
    res = nq.fit(f"y ~ {term}", panel, model="ols", effects="none")
    x = VALUES[term](panel.frame).to_numpy(dtype=float)
    slope = np.cov(x, panel.frame["y"])[0, 1] / np.var(x, ddof=1)
    assert res.params.iloc[1] == pytest.approx(slope, rel=1e-7)


@pytest.mark.parametrize(
    "term",
    ["poly(x1, 2)", "bs(x1, df=4)", "0 + cr(x1, df=4)", "C(side, contr.sum)", "C(year)", "C(id)"],
)
def test_new_data_follow_the_first(odd, term):
    """Predictions for the panel itself are those of the fit: centres, knots, levels are kept."""
    panel, _ = odd
    res = nq.fit(f"y ~ {term}", panel, model="ols", effects="none")
    np.testing.assert_allclose(res.predict(panel), res.predict(), atol=1e-10)


def test_functions_of_the_caller(odd):
    panel, w = odd
    functions = {"cube": np.square}
    res = nq.fit("y ~ cube(x1) + x2", panel, w, functions=functions)
    same = nq.fit("y ~ I(x1 * x1) + x2", panel, w)
    np.testing.assert_allclose(res.params, same.params, rtol=1e-9)
    np.testing.assert_allclose(
        res.predict(panel, w, kind="trend"), res.predict(kind="trend"), atol=1e-9
    )
    assert pickle.loads(pickle.dumps(res)).params.equals(res.params)
    assert copy.deepcopy(res).params.equals(res.params)
    half = pd.Series(np.arange(16) % 2, panel.units)
    options = {"effects": "unit", "functions": functions}
    part = nq.spillovers.partitioned("y ~ cube(x1)", panel, w, group=half, **options)
    assert part.tests
    assert (
        nq.spillovers.barrier("y ~ cube(x1)", panel, w, group=half, **options).share.notna().all()
    )
    known = nq.spillovers.threshold(
        "y ~ cube(x1)",
        panel,
        w,
        score=pd.Series(np.arange(16.0), panel.units),
        gamma=7.5,
        **options,
    )
    assert known.gamma == 7.5
    checked = nq.diagnostics("y ~ cube(x1)", panel, w, **options)
    assert checked.models["sdm"].params["x"].index.tolist() == ["cube(x1)"]
    grid = nq.regression.model_grid(["y ~ cube(x1)"], panel, {"a": w}, functions=functions).models
    assert len(grid) == 1


@pytest.mark.parametrize(
    ("functions", "words"),
    [
        (3, "must be a mapping"),
        ({"f": 3}, "functions must be a mapping such as a dict"),
        ({3: abs}, "functions must be a mapping such as a dict"),
        ({"a b": abs}, "functions must map names such as 'f' to functions"),
        ({"log": abs}, "have a function 'log' already"),
        ({"f": lambda x: 1 / 0}, "cannot be evaluated"),
        ({"f": lambda x: "a"}, "do not give numbers|cannot be evaluated"),
        ({"f": lambda x: [1, 2]}, "cannot be evaluated"),
        ({"f": lambda x: x * np.nan}, "is undefined for 96"),
        ({"f": lambda x: x + 1j}, "cannot be evaluated|do not give numbers"),
    ],
)
def test_functions_that_do_not_serve(odd, functions, words):
    panel, w = odd
    with pytest.raises(NqpError, match=words):
        nq.fit("y ~ f(x1)", panel, w, model="sar", functions=functions)


@pytest.mark.parametrize(
    ("term", "words"),
    [
        ("text", r"column 'text' is text although its cells are numbers.*write C"),
        ("log(text)", "column 'text' is text although"),
        ("log(side)", "column 'side' must be numeric"),
        ("when", "holds dates"),
        ("spell", "holds durations"),
        ("complex", "complex numbers"),
        ("I(complex * 2)", "complex numbers"),
        ("C(side, levels=['p'])", "categories that the model does not know: 'q'"),
        ("C(side, contr.treatment('zz'))", "cannot be evaluated"),
        ("np", "no column 'np'"),
        ("log", "no column 'log'"),
        ("I(x1 * 1e200)", "whose squares cannot be held: rescale it"),
        ("I(x1 * 1e-200)", "whose squares cannot be held: rescale it"),
    ],
)
def test_columns_that_are_no_regressors(odd, term, words):
    panel, w = odd
    with pytest.raises(PanelError, match=words):
        nq.fit(f"y ~ {term}", panel, w, model="sar")


def test_wide_letters_inside_functions(odd):
    panel, w = odd
    with pytest.raises(OptionError, match="wide letters are read as 'wide': rename the column"):
        nq.fit("y ~ exp(ｗｉｄｅ)", panel, w)
    assert nq.fit("y ~ ｗｉｄｅ", panel, w, model="sar").params["x"].index.tolist() == ["ｗｉｄｅ"]


def test_categories_are_asked_for_or_real_text(odd):
    panel, w = odd
    assert len(nq.fit("y ~ C(text)", panel, w, model="sar").params["x"]) == 7
    assert nq.fit("y ~ side", panel, w, model="sar").params["x"].index.tolist() == ["side[T.q]"]


@pytest.mark.parametrize("cell", ["—", "1,234"])
def test_one_odd_cell_does_not_make_dummies(odd, cell):
    panel, w = odd
    frame = panel.frame.reset_index()
    frame["k"] = frame["count"].astype(str)
    frame.loc[7, "k"] = cell
    other = nq.SpatialPanel(frame, unit="unit", period="period")
    with pytest.raises(DomainError, match=rf"column 'k' is text: numbers except '{cell}' at"):
        nq.fit("y ~ k", other, w)


# -- periods and what is equal across units --------------------------------------------------------


@pytest.mark.parametrize("effects", ["random", "correlated-random"])
def test_period_dummies_beside_random_effects(odd, effects):
    panel, w = odd
    res = nq.fit("y ~ x1 + C(year)", panel, w, effects=effects)
    assert res.params["wx"].index.tolist() == ["x1"]
    assert any("equal across units, so not lagged" in note for note in res.notes)
    copied = panel.assign(time=lambda d: d.index.get_level_values("period"))
    same = nq.fit("y ~ x1 + C(time)", copied, w, effects=effects, durbin=["x1"])
    np.testing.assert_allclose(res.params, same.params, rtol=1e-9)
    if effects == "correlated-random":
        assert res.params["mean"].index.tolist() == ["x1"]


def test_a_trend_beside_unit_effects(odd):
    panel, w = odd
    res = nq.fit("y ~ x1 + year", panel, w, effects="unit")
    assert res.params["x"].index.tolist() == ["x1", "year"]
    assert res.params["wx"].index.tolist() == ["x1"]
    with pytest.raises(CollinearityError, match=r"'year' are equal across units.*out of durbin="):
        nq.fit("y ~ x1 + year", panel, w, effects="unit", durbin=["x1", "year"])
    split = nq.spillovers.partitioned(
        "y ~ x1 + year", panel, w, group=pd.Series(np.arange(16) % 2, panel.units), effects="unit"
    )
    assert set(split.params["wx"].index.get_level_values("variable")) == {"x1"}


# -- an intercept alone ----------------------------------------------------------------------------


def dummies(panel, effects):
    n, t = panel.n_units, panel.n_periods
    columns = [np.ones(n * t)]
    if effects in ("unit", "two-way"):
        columns += [np.repeat(np.arange(n) == i, t).astype(float) for i in range(1, n)]
    if effects in ("period", "two-way"):
        columns += [np.tile(np.arange(t) == s, n).astype(float) for s in range(1, t)]
    return np.column_stack(columns)


@pytest.mark.parametrize("effects", ["none", "unit", "two-way"])
@pytest.mark.parametrize("model", ["sar", "sem", "sdm"])
def test_no_regressors_by_brute_force(odd, model, effects):
    """The dummy-variable likelihood on a grid of rho or lam, with dense matrices."""
    from scipy.optimize import minimize_scalar

    panel, w = odd
    n, t = 16, 6
    res = nq.fit("y ~ 1", panel, w, model=model, effects=effects, correction="none")
    y = panel.values("y").ravel()
    kronecker = np.kron(w.sparse.toarray(), np.eye(t))
    d = dummies(panel, effects)

    def minus(at):
        a = np.eye(n * t) - at * kronecker
        x = d if model != "sem" else a @ d
        e = a @ y - x @ np.linalg.lstsq(x, a @ y, rcond=None)[0]
        s2 = e @ e / (n * t)
        return n * t / 2 * (np.log(2 * np.pi * s2) + 1) - np.linalg.slogdet(a)[1]

    best = minimize_scalar(minus, bounds=(-0.95, 0.95), method="bounded", options={"xatol": 1e-10})
    assert res.params["spatial"].iloc[0] == pytest.approx(best.x, abs=1e-5)
    assert res.loglik == pytest.approx(-best.fun, abs=1e-6)


def test_no_regressors_and_no_weights(odd):
    panel, _ = odd
    assert nq.fit("y ~ 1", panel, model="ols", effects="none").params.iloc[0] == pytest.approx(
        panel.frame["y"].mean()
    )
    with pytest.raises(OptionError, match="no coefficients to estimate"):
        nq.fit("y ~ 1", panel, model="ols")


@pytest.mark.parametrize(
    "formula", ["y ~ GDP %", "y ~ log(人均GDP（元）)", "y ~ my column", "y ~ x (y%)"]
)
def test_what_cannot_be_read_is_shown_plainly_with_advice_on_backticks(formula):
    with pytest.raises(OptionError) as caught:
        columns_of(formula)
    message = str(caught.value)
    assert "in backticks: `GDP (yuan)`" in message
    assert not {"\x1b", "⧛", "⧚"} & set(message) and "[0m" not in message and "[1;" not in message


@pytest.mark.parametrize(
    "formula",
    [
        "y ~ x1 + x2",
        "y ~ 0 + x1 + count",
        "y ~ 1",
        "y ~ `人均GDP(元)` + large",
        "y ~ x1 - 1 + year",
    ],
)
def test_columns_of_numbers_are_those_of_formulaic(odd, formula):
    """They are taken from the panel as they are, without formulaic."""
    panel, _ = odd
    read = read_formula(formula)
    names = {"id": "unit", "year": "period"}
    frame = panel.frame.reset_index()
    data = pd.DataFrame({name: frame[names.get(name, name)] for name in read.columns})
    matrices = model_matrix(read.parsed, data, read)
    y, x, sides = evaluate(formula, panel)
    truths = matrices.lhs, matrices.rhs
    for columns, truth, side in zip((y, x), truths, sides, strict=True):
        assert list(columns.columns) == list(truth.columns)
        np.testing.assert_array_equal(columns.to_numpy(dtype=float), truth.to_numpy(dtype=float))
        assert side.spec == truth.model_spec
        np.testing.assert_array_equal(side.columns(panel), truth)


def test_formulas_that_share_their_text_share_nothing_that_can_be_changed(odd):
    panel, w = odd
    first = nq.fit("y ~ x1 + x2", panel, w)
    first.params.index.names = ["kind", "name"]
    first.params.iloc[0] = 9.0
    second = nq.fit("y ~ x1 + x2", panel, w)
    assert list(second.params.index.names) == ["block", "variable"]
    assert second.params.iloc[0] != 9.0
    assert first.params.index.names == ["kind", "name"]


def test_evaluations_are_shared_within_a_block_and_by_panel(odd):
    panel, _ = odd
    other = panel.assign(x1=0.0)
    with shared_evaluations():
        once = evaluate("y ~ x1", panel)
        with shared_evaluations():
            assert evaluate("y ~ x1", panel) is once
        assert evaluate("y ~ x2", panel) is not once
        assert evaluate("y ~ f(x1)", panel, {"f": np.exp}) is not evaluate(
            "y ~ f(x1)", panel, {"f": np.expm1}
        )
        assert (evaluate("y ~ x1", other)[1]["x1"] == 0).all()
        assert evaluate("y ~ x1", panel) is once
    assert evaluate("y ~ x1", panel) is not once
