"""How many single changes of the numerical code the tests notice: ``make mutate``.

Works on copies of the project in a temporary folder. Which test runs which line is recorded once
and kept in ``output/mutants/`` until the code or the test changes. The tests that run the lines
of a mutant are run, the fastest first, until one fails. A mutant that takes more than a multiple
of the processor time of the unchanged run counts as noticed. Tests of figures and pages are not
run: they are no tests of numbers.

``make mutate FOLDER=convergence N=60`` takes a part, with its own tests; ``FOLDER=esda/lisa.py``
one module, ``AGAIN=1`` the survivors of the last run; with ``WHOLE=1`` survivors meet all tests of
their folder.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from difflib import unified_diff
from importlib.util import cache_from_source
from itertools import zip_longest
from pathlib import Path
from queue import Queue
from typing import Any

from benchmarks.mutants import Mutant, mutants

ROOT = Path(__file__).parent.parent
OUTPUT = ROOT / "output" / "mutants"
EQUIVALENT = ROOT / "benchmarks" / "equivalent_mutants.toml"
FOLDERS = (
    "regression",
    "spillovers",
    "dynamics",
    "convergence",
    "inequality",
    "structure",
    "esda",
    "weights",
    "composite",
)
CHECKED = (*FOLDERS, "datasets")  # folders whose tests are asked
MULTIPLE, ALLOWANCE = 2, 20  # limit of a test: twice the unchanged (and traced) run, 20 seconds
WALL = 10  # a process that waits instead of working is ended after WALL times the limit


# The copies


def copied(target: Path) -> Path:
    """Copy the project without what git ignores."""
    listed = subprocess.run(
        ["git", "ls-files", "-coz", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    return target


class Copy:
    """A copy of the project and the process that runs tests in it."""

    def __init__(self, folder: Path) -> None:
        self.tree = copied(folder)
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join([str(self.tree), os.environ.get("PYTHONPATH", "")]),
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "NQP_DATA": os.environ.get("NQP_DATA", str(ROOT.parent / "shared")),
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.asked", str(self.tree)],
            cwd=self.tree,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # an interrupt ends this process first, and it ends that one
        )

    def ask(self, limit: float, **request: Any) -> int | None:
        """Run tests within `limit` seconds of processor time; None if they took longer."""
        assert self.process.stdin is not None and self.process.stdout is not None
        log = str(self.tree / "log.txt")
        words = {"limit": limit, "wall": WALL * limit, "log": log, "compile": False} | request
        self.process.stdin.write(json.dumps(words) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError("the process that runs the tests has ended; its words stand above")
        code = json.loads(answer)["code"]
        return None if code == -signal.SIGXCPU else code

    def close(self) -> None:
        """End the process and delete the copy."""
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.tree, ignore_errors=True)


# Which test runs which line


@dataclass
class Record:
    """Processor seconds of each test, and the tests that run each line of each file."""

    seconds: dict[str, float] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    lines: dict[str, dict[int, set[str]]] = field(default_factory=dict)

    def add(self, facts: dict[str, Any]) -> None:
        """Take in what one file of tests gave."""
        self.seconds |= facts["seconds"]
        self.failed += facts["failed"]
        for file, rows in facts["lines"].items():
            table = self.lines.setdefault(file, {})
            for line, tests in rows.items():
                table.setdefault(int(line), set()).update(tests)

    def tests(self, mutant: Mutant) -> list[str]:
        """Return the tests that run the lines of a mutant, of its folder and the fastest first."""
        table = self.lines.get(mutant.file, {})
        first, last = mutant.reach
        if mutant.file.endswith("_numba.py"):  # compiled: what runs in it is not seen
            return self.ordered(self.users(mutant.file), mutant)
        tests = set().union(*(table.get(line, set()) for line in range(first, last + 1)))
        return self.ordered(tests, mutant)

    def users(self, kernels: str) -> set[str]:
        """Return the tests that run a line of a module which imports the compiled one."""
        name = kernels.removesuffix(".py").replace("/", ".")
        files = [f for f in self.lines if name in (ROOT / f).read_text(encoding="utf-8")]
        return {test for file in files for tests in self.lines[file].values() for test in tests}

    def ordered(self, tests: set[str], mutant: Mutant) -> list[str]:
        """Order by folder, by mean seconds of the file, by seconds."""
        folder = Path(mutant.file).parent.name
        known = [test for test in tests if test in self.seconds]
        total, number = Counter[str](), Counter[str]()
        for test in known:
            file = test.split("::")[0]
            total[file] += self.seconds[test]
            number[file] += 1

        def order(test: str) -> tuple[bool, float, str, float]:
            file = test.split("::")[0]
            return (
                Path(file).parent.name != folder,
                total[file] / number[file],
                file,
                self.seconds[test],
            )

        return sorted(known, key=order)


def digest(files: Iterable[Path]) -> str:
    """Return a hash of the names and bytes of files."""
    total = hashlib.sha256()
    for file in sorted(files):
        total.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes())
    return total.hexdigest()[:20]


def recorded(copies: list[Copy], folders: Iterable[str]) -> Record:
    """Record files of tests that are new, or whose code has changed, and read what is recorded."""
    kept = OUTPUT / "recorded"
    kept.mkdir(parents=True, exist_ok=True)
    common = [ROOT / "conftest.py", ROOT / "tests/conftest.py", ROOT / "benchmarks/asked.py"]
    sources: list[Path] = []
    for name in folders:
        sources += sorted((ROOT / "tests" / name).glob("test_*.py"))
        sources.append(ROOT / "nqp_spatial" / name)  # the examples of its docstrings
    places = {f: kept / f"{f.stem}-{digest([*common, *tests_of(f)])}.json" for f in sources}
    new = [source for source, place in places.items() if not valid(place)]

    def task(source: Path, copy: Copy) -> None:
        asked = str(source.relative_to(ROOT))
        part = OUTPUT / f"{os.getpid()}-{source.name}.part"
        code = copy.ask(3600, files=[asked], answer=str(part))
        Path(f"{part}.coverage").unlink(missing_ok=True)
        if not part.exists():
            log = (copy.tree / "log.txt").read_text(errors="replace")
            raise RuntimeError(f"{asked} could not be recorded (exit code {code}):\n{log[-3000:]}")
        part.rename(places[source])

    each(task, new, copies, "recording")
    record = Record()
    for place in places.values():
        record.add(json.loads(place.read_text()))
    return record


def tests_of(source: Path) -> list[Path]:
    """Return a file of tests, or the modules of a folder whose examples are tests."""
    return [source] if source.is_file() else sorted(source.glob("*.py"))


def valid(place: Path) -> bool:
    """Tell whether the code that was recorded is still the same."""
    if not place.exists():
        return False
    code = json.loads(place.read_text())["code"]
    return all(
        (ROOT / file).is_file() and hashlib.sha256((ROOT / file).read_bytes()).hexdigest() == known
        for file, known in code.items()
    )


# The run


def each(
    task: Callable[[Any, Copy], Any], things: list[Any], copies: list[Copy], label: str
) -> list[Any]:
    """Do a task for each thing, in as many copies as there are; return the answers in order."""
    free: Queue[Copy] = Queue()
    for copy in copies:
        free.put(copy)
    start, done = time.monotonic(), 0

    def work(thing: Any) -> Any:
        nonlocal done
        copy = free.get()
        try:
            return task(thing, copy)
        finally:
            free.put(copy)
            done += 1
            minutes = (time.monotonic() - start) / 60
            print(f"\r{label} {done} of {len(things)}, {minutes:.0f} min ", end="", file=sys.stderr)
            sys.stderr.flush()

    with ThreadPoolExecutor(len(copies)) as pool:
        try:
            answers = list(pool.map(work, things))
        except BaseException:  # an interrupt as well: nobody waits for what runs
            pool.shutdown(wait=False, cancel_futures=True)
            for copy in copies:
                copy.process.terminate()
            raise
    if things:
        print(file=sys.stderr)
    return answers


@contextmanager
def applied(mutant: Mutant, tree: Path) -> Iterator[None]:
    """Change a file of a copy, and put it back with its time, for what was compiled from it."""
    file = tree / mutant.file
    source, times = file.read_text(encoding="utf-8"), file.stat()
    compiled = Path(cache_from_source(str(file)))
    hidden = compiled.with_suffix(".hidden")
    if compiled.exists():
        compiled.rename(hidden)
    try:
        file.write_text(mutant.applied(source), encoding="utf-8")
        yield
    finally:
        file.write_text(source, encoding="utf-8")
        os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
        compiled.unlink(missing_ok=True)
        if hidden.exists():
            hidden.rename(compiled)


def verdict(mutant: Mutant, copy: Copy, record: Record, whole: bool) -> str:
    """Return "noticed" or "survived"; with `whole` a survivor meets all tests of its folder.

    That second round is for what the first test of a file had computed and kept for the others.
    """
    tests = record.tests(mutant)
    groups = [tests]
    if whole:
        folder, known = Path(mutant.file).parent.name, set(tests)
        inside = [t for t in record.seconds if Path(t.split("::")[0]).parent.name == folder]
        groups.append([test for test in inside if test not in known])
    kernels = mutant.file.endswith("_numba.py")
    with applied(mutant, copy.tree):
        for group in filter(None, groups):
            limits = {test: MULTIPLE * record.seconds[test] + ALLOWANCE for test in group}
            files = list(dict.fromkeys(test.split("::")[0] for test in group))
            if copy.ask(sum(limits.values()), limits=limits, files=files, compile=kernels) != 0:
                return "noticed"
    return "survived"


def chosen(wanted: str, number: int, seed: int) -> list[Mutant]:
    """Draw mutants, as many from each folder."""
    folders = [wanted.split("/")[0]] if wanted else list(FOLDERS)
    draws = []
    for folder in folders:
        files = sorted((ROOT / "nqp_spatial" / folder).rglob("*.py"))
        if wanted.endswith(".py"):
            files = [file for file in files if file.name == Path(wanted).name]
        pool = [mutant for file in files for mutant in mutants(file, ROOT)]
        if not pool:
            raise SystemExit(f"nothing to change in {wanted}")
        pool.sort(key=lambda mutant: mutant.order(seed))
        draws.append(pool[: round(number / len(folders))])
    # One of each folder in turn, so that a run that is stopped has some of all.
    return [mutant for turn in zip_longest(*draws) for mutant in turn if mutant is not None]


def equivalent() -> dict[tuple[str, str, str, str], str]:
    """Read the list of mutants that change no number, with the reasons."""
    entries = tomllib.loads(EQUIVALENT.read_text(encoding="utf-8"))["mutant"]
    return {(e["file"], e["function"], e["original"], e["mutated"]): e["reason"] for e in entries}


def table(verdicts: dict[Mutant, str]) -> str:
    """Count by folder and module."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for mutant, word in verdicts.items():
        file = mutant.file.removeprefix("nqp_spatial/")
        for row in (file, file.split("/")[0], "~all"):
            counts[row][word] += 1
    lines = [f"{'':34}{'noticed':>9}{'survived':>10}{'equivalent':>12}{'share':>8}"]
    for row in sorted(counts):
        c = counts[row]
        decided = c["noticed"] + c["survived"]
        share = f"{c['noticed'] / decided:.0%}" if decided else "-"
        name = "all" if row == "~all" else row if "/" not in row else "  " + row
        lines.append(
            f"{name:34}{c['noticed']:>9}{c['survived']:>10}{c['equivalent']:>12}{share:>8}"
        )
    return "\n".join(lines)


def shown(mutant: Mutant, source: str) -> str:
    """Return a mutant as a difference between two files."""
    pair = [text.splitlines(keepends=True) for text in (source, mutant.applied(source))]
    lines = unified_diff(*pair, fromfile=mutant.file, tofile=f"in {mutant.function or 'module'}")
    return "".join(lines)


def write_survivors(verdicts: dict[Mutant, str], sources: dict[str, str]) -> int:
    """Write the survivors so far as differences, and return their number."""
    found = [mutant for mutant, word in list(verdicts.items()) if word == "survived"]
    found.sort(key=lambda mutant: (mutant.file, mutant.start))
    differences = "\n".join(shown(mutant, sources[mutant.file]) for mutant in found)
    (OUTPUT / "survivors.diff").write_text(differences, encoding="utf-8")
    (OUTPUT / "survivors.json").write_text(json.dumps([m.key for m in found]), encoding="utf-8")
    return len(found)


def report(verdicts: dict[Mutant, str], reasons: dict[Any, str], sources: dict[str, str]) -> None:
    """Print the table, write it, the survivors and the equivalent ones."""
    text = table(verdicts)
    (OUTPUT / "table.txt").write_text(text + "\n", encoding="utf-8")
    print(text)
    for mutant in sorted(verdicts, key=lambda mutant: mutant.key):
        if verdicts[mutant] == "equivalent":
            print(f"equivalent: {mutant.file}: {mutant.mutated}: {reasons[mutant.key]}")
    count = write_survivors(verdicts, sources)
    print(f"{count} survivors: {OUTPUT.relative_to(ROOT)}/survivors.diff")


def main() -> None:
    """Draw, run and report."""
    parser = argparse.ArgumentParser(prog="make mutate", description=__doc__)
    parser.add_argument("--folder", default="", help="one folder, or one module of it")
    parser.add_argument("--number", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--again", action="store_true", help="the survivors of the last run")
    parser.add_argument("--whole", action="store_true", help="survivors meet the whole folder")
    options = parser.parse_args()
    OUTPUT.mkdir(parents=True, exist_ok=True)
    reasons = equivalent()
    if options.again:
        last = {tuple(key) for key in json.loads((OUTPUT / "survivors.json").read_text())}
        everything = (m for f in FOLDERS for m in chosen(f, 10**6, options.seed))
        draw = [mutant for mutant in everything if mutant.key in last]
    else:
        draw = chosen(options.folder, options.number, options.seed)
    # as they are now: the caller may go on working
    sources = {m.file: (ROOT / m.file).read_text(encoding="utf-8") for m in draw}
    verdicts = {m: "equivalent" for m in draw if m.key in reasons}
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    copies: list[Copy] = []
    try:
        for _ in range(options.jobs):
            copies.append(Copy(Path(tempfile.mkdtemp(prefix="mutants-"))))
        part = options.folder or options.again
        folders = sorted({Path(m.file).parent.name for m in draw}) if part else CHECKED
        record = recorded(copies, folders)
        if record.failed:
            print("left out, for they fail unchanged:", *record.failed, sep="\n  ")

        def decided(mutant: Mutant, copy: Copy) -> None:
            verdicts[mutant] = verdict(mutant, copy, record, options.whole)
            if verdicts[mutant] == "survived":
                write_survivors(verdicts, sources)

        each(decided, [m for m in draw if m not in verdicts], copies, "mutants")
    except (KeyboardInterrupt, SystemExit):
        print(f"\nstopped after {len(verdicts)} of {len(draw)}")
    finally:
        for copy in copies:
            copy.close()
    report(verdicts, reasons, sources)


if __name__ == "__main__":
    main()
