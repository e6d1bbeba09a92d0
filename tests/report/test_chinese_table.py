"""The settings that are proposed for a yearbook's table, in Chinese, as it stands."""

import numpy as np
import openpyxl
import pandas as pd
import pytest

import nqp_spatial as nq
from nqp_spatial.report.study.check import check, starter
from nqp_spatial.report.study.steps.convergence import _read


def yearbook() -> pd.DataFrame:
    """Return a table of the cities of three provinces, one of them misspelt."""
    china = nq.datasets.china_prefectures()
    units = china[china["province_zh"].isin(["安徽省", "河北省", "江西省"])]
    rng = np.random.default_rng(3)
    rows = []
    for place, unit in enumerate(units.itertuples()):
        for year in range(2008, 2012):
            income = 1e4 * np.exp(rng.normal() + 0.1 * (year - 2008))
            density = 3000 * np.exp(rng.normal(0, 0.4))
            rows.append([
                place + 1, unit.name_zh.replace("亳州", "毫州"), year, unit.province_zh,
                "中部" if unit.province_zh != "河北省" else "东部", int(place % 4 == 0),
                density * 500, density, rng.uniform(20, 60), income,
            ])  # fmt: skip
    names = [
        "序号", "地区", "年份", "所属省份", "板块", "是否核心城市", "总人口（人）", "人口密度",
        "第三产业占比（%）", "人均GDP（元）",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=names)


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("yearbook")
    yearbook().to_excel(folder / "年鉴.xlsx", index=False)
    text = starter(folder / "年鉴.xlsx", folder=folder)
    (folder / "study.toml").write_text(text, encoding="utf-8")
    return folder, text


def test_misspelt_name_is_sought_among_places_that_the_table_lacks(settings):
    """毫州市 is as near to 沧州市, 滁州市 and others, which are in the table or elsewhere."""
    _, text = settings
    assert '# "毫州市" = "亳州市"' in text


def test_outcome_logs_groups_and_labels(settings):
    """A number of the row is no outcome; large positive columns are in logs, shares are not."""
    _, text = settings
    lines = text.splitlines()
    assert any(line.startswith('variable = "人均GDP（元）"') for line in lines)
    assert any(line.startswith("logs = true") for line in lines)
    assert any(line.startswith('province = "所属省份"') for line in lines)
    assert any(line.startswith('region = "板块"') for line in lines)
    assert any(line.startswith('centre = "是否核心城市"') for line in lines)
    assert '"是否核心城市=1" = "核心城市", "是否核心城市=0" = "非核心城市"' in text
    # Total population and density differ by a constant in logs: only one of them can stay.
    formula = next(line for line in lines if line.startswith("# formula"))
    assert "log(`人均GDP（元）`) ~ log(`总人口（人）`) + `第三产业占比（%）`" in formula


def test_proposal_is_accepted_when_its_lines_are_taken(settings):
    """Taking the # away is all that is asked of the user."""
    folder, text = settings
    for line in ('"毫州市"', "formula ="):
        text = text.replace(f"# {line}", line)
    (folder / "taken.toml").write_text(text, encoding="utf-8")
    findings = check(folder / "taken.toml")
    assert [finding for finding in findings if finding.level == "fails"] == []


def test_title_above_and_source_below_the_table(tmp_path):
    """A merged title and a line with the source are common in Excel; the file stays as it is."""
    table = yearbook()
    with pd.ExcelWriter(tmp_path / "t.xlsx") as book:
        table.to_excel(book, index=False, startrow=2)
        sheet = book.book.active
        sheet["A1"] = "2008—2011年城市数据"
        sheet.merge_cells("A1:J1")
        sheet.cell(sheet.max_row + 2, 1).value = "资料来源：统计年鉴"
    assert openpyxl.load_workbook(tmp_path / "t.xlsx").active.max_row == len(table) + 5
    text = starter(tmp_path / "t.xlsx", folder=tmp_path)
    assert "header_row = 3" in text
    assert "footer_rows = 2" in text
    for line in ('"毫州市"', "formula ="):
        text = text.replace(f"# {line}", line)
    (tmp_path / "study.toml").write_text(text, encoding="utf-8")
    findings = check(tmp_path / "study.toml")
    assert [finding for finding in findings if finding.level == "fails"] == []
    bad = text.replace("footer_rows = 2", "footer_rows = 0")
    (tmp_path / "bad.toml").write_text(bad, encoding="utf-8")
    words = [str(finding) for finding in check(tmp_path / "bad.toml")]
    assert any("footer_rows" in text for text in words)


def test_dispersion_of_levels_that_grow_is_explained():
    """Income of all states grows: its standard deviation rises while the states converge."""
    panel = nq.datasets.us_income()
    w = nq.weights.knn(panel, k=4)
    results = {}
    for measure, logs in (("sd", False), ("sd_log", True)):
        names = {
            "sigma": nq.convergence.sigma(panel, "income", which=[measure, "cv"]),
            "beta": nq.convergence.beta(panel, "income", logs=logs),
            "spatial_beta": nq.convergence.beta(panel, "income", w, model="sem", logs=logs),
            "all_units": nq.convergence.log_t(panel, "income", logs=logs),
            "clubs": nq.convergence.clubs(panel, "income", logs=logs),
            "joins": None,
        }
        results[logs] = " ".join(map(str, _read(names).words))
    assert "[outcome] logs = true" in results[False]
    assert "[outcome] logs = true" not in results[True]
