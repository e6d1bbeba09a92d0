"""The runner of the examples and its page, with scripts of a few lines."""

from __future__ import annotations

import importlib
import os
import re
import struct
import subprocess
import sys
import textwrap
import zlib
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.browser import CHROMIUM, browser

ROOT = Path(__file__).parents[2]
HOSTILE = """06_<img src=x onerror=alert(1)> & "quotes" 100% #1?"""


@pytest.fixture(scope="module")
def runner():
    sys.path.insert(0, str(ROOT / "examples"))
    try:
        yield importlib.import_module("run")
    finally:
        sys.path.remove(str(ROOT / "examples"))


def png(width=3, height=2):
    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    rows = b"".join(b"\0" + b"\x80" * width for _ in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = (b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


SCRIPTS = {
    "01_good.py": '''
        """A good example: it prints, saves and warns.

        More about it.
        """
        import warnings
        from pathlib import Path
        from _recorded import tell
        for number in range(300):
            print("line", number)
        out = Path("output")
        (out / "01_table.csv").write_text("a,b")
        (out / "01_table.docx").write_bytes(b"")
        (out / "01_map.png").write_bytes(PNG)
        tell("figure", files=[str((out / "01_map.png").absolute())], caption="人均 GDP, 2010")
        warnings.simplefilter("always")
        for _ in range(2):
            warnings.warn("be careful <b>here</b>", UserWarning, stacklevel=2)
    ''',
    "02_bad.py": '''
        """A bad example."""
        print("before it fails")
        raise ValueError("no such <thing>")
    ''',
    "03_none.py": '''
        """An example without data."""
        print("03: skipped, no data")
    ''',
    "06_report.py": '''
        """An example with a report of its own and hostile names."""
        from pathlib import Path
        from _recorded import tell
        folder = Path("output/06_study/report")
        (folder / "figures").mkdir(parents=True)
        (folder / "figures" / "map.png").write_bytes(PNG)
        (folder / "index.html").write_text(
            '<figure><img src="figures/map.png"><figcaption>A map &amp; more.</figcaption></figure>'
        )
        name = Path("output") / (NAME + ".png")
        name.write_bytes(PNG)
        tell("figure", files=[str(name.absolute())], caption="<script>alert(2)</script>")
        tell("figure", files=["/nowhere/moved.png"], caption="was moved")
        (Path("output") / (NAME + ".csv")).write_text("a")
    ''',
    "_helper.py": "raise SystemExit('is no example')",
}


@pytest.fixture(scope="module")
def ran(runner, tmp_path_factory):
    """All scripts run: the folder, the exit code, and what was printed."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "output").mkdir()
    (folder / "output" / "01_old.csv").write_text("of an earlier run")
    stale = (folder / "output" / "01_old.csv").stat().st_mtime - 3600
    os.utime(folder / "output" / "01_old.csv", (stale, stale))
    for name, text in SCRIPTS.items():
        text = textwrap.dedent(text).strip()
        text = text.replace("PNG", repr(png())).replace("NAME", repr(HOSTILE))
        text = text.replace(
            "from _recorded import tell",
            f"import sys; sys.path.append({str(ROOT / 'examples')!r}); from _recorded import tell",
        )
        (folder / name).write_text(text, encoding="utf-8")
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT / 'examples')!r}); import run; "
        "from pathlib import Path; sys.exit(run.main(folder=Path('.').absolute()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, encoding="utf-8"
    )
    return folder, done


def test_each_figure_has_a_line_and_what_is_printed_has_a_file(ran):
    folder, done = ran
    lines = done.stdout.splitlines()
    assert lines[0].startswith("4 examples, about ")
    assert "1/4  A good example: it prints, saves and warns" in lines
    assert any(re.fullmatch(r"     01: 1 figure, 1 table in \d+ s", line) for line in lines)
    begun = lines.index("1/4  A good example: it prints, saves and warns")
    figure = lines.index("     01_map: 人均 GDP, 2010")
    ended = next(k for k, line in enumerate(lines) if line.startswith("     01: 1 figure"))
    assert begun < figure < ended
    assert "     03: nothing was made: 03: skipped, no data" in lines
    assert len(lines) < 40 and max(map(len, lines)) <= 100
    assert not any("line 299" in line for line in lines)
    log = (folder / "output" / "01_good.txt").read_text(encoding="utf-8")
    assert log.count("line ") >= 300 and "\x1e" not in log and "UserWarning" in log


def test_warnings_and_failures_are_shown_and_the_others_run(ran):
    _, done = ran
    assert done.returncode == 1, done.stderr
    assert "warning: UserWarning: be careful <b>here</b> (2 times)" in done.stdout
    assert "FAILED after" in done.stdout
    assert "| ValueError: no such <thing>" in done.stdout and "| before it fails" in done.stdout
    assert "1 of 4 failed: 02_bad.py" in done.stdout
    last = done.stdout.splitlines()[-1]
    assert last.startswith("All figures and tables, after ")
    assert last.endswith("open output/index.html")


def test_the_page_shows_all_and_every_link_leads_somewhere(ran):
    folder, _ = ran
    text = (folder / "output" / "index.html").read_text(encoding="utf-8")
    addresses = re.findall(r'(?:href|src)="([^"#]+)"', text)
    assert len(addresses) > 15
    for address in addresses:
        assert not address.startswith(("http", "/"))
        assert (folder / "output" / unquote(address)).is_file(), address
    assert '<span lang="zh">人均 GDP, 2010.</span>' in text
    assert 'width="3" height="2"' in text
    assert "06_study/report/index.html" in text and "A map &amp; more." in text
    assert "01_old" not in text  # of an earlier run
    assert "was moved" not in text
    assert "1 figure, 1 table</span>" in text
    assert "More about it." in text and "be careful &lt;b&gt;here&lt;/b&gt; (2 times)" in text
    assert "no such &lt;thing&gt;" in text


def test_names_and_captions_are_escaped(ran):
    text = (ran[0] / "output" / "index.html").read_text(encoding="utf-8")
    assert "<script" not in text and "<img src=x" not in text and "<b>here" not in text
    assert "&lt;script&gt;alert(2)&lt;/script&gt;" in text


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_the_page_in_a_browser(ran):
    with browser() as tab:
        for width in (400, 1000, 1400):
            tab.open(ran[0] / "output" / "index.html", width)
            assert tab.complaints() == [], width
            assert tab.evaluate("[...document.images].every(i => i.naturalWidth > 0)"), width
            assert tab.evaluate("document.documentElement.scrollWidth") <= width


def test_examples_are_chosen_by_how_their_names_begin(runner):
    chosen = runner.examples_in(ROOT / "examples", ["01", "08"])
    assert [example.script.name[:2] for example in chosen] == ["01", "08"]
    every = runner.examples_in(ROOT / "examples")
    assert [example.number for example in every] == list(runner.SECONDS)
    assert all(example.title and not example.title.startswith("0") for example in every)
    with pytest.raises(SystemExit, match="no example begins with 99; there are 01_us"):
        runner.examples_in(ROOT / "examples", ["99"])


def test_captions_come_from_the_figures(runner):
    import matplotlib.pyplot as plt

    recorded = importlib.import_module("_recorded")
    figure, (left, right) = plt.subplots(1, 2)
    left.set_xlabel("Income")
    left.set_ylabel("Growth\nper year")
    right.plot([0, 1], label="a")
    right.legend(title="Places")
    assert recorded.caption_of(left) == "Growth per year against Income; Places"
    left.set_title("First", loc="left")
    right.set_title("Second")
    assert recorded.caption_of(figure) == "First; Second"
    plt.close(figure)


def test_make_figures_runs_all_examples():
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "\nfigures: plan $(STAMP)" in text and "examples/run.py" in text
