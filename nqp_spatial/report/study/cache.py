"""The output of a step in an earlier run, and whether it may be reused.

A step is reused only if none of its inputs has changed and all of its output still exists: its key
is a hash of files, settings, code, versions and fonts, and each figure and table is recorded with
its size and hash. The cache is plain text (words, cells of tables, names of files); it is verified
before use, HTML is always generated from it, and the names of figures are those of the step. If a
file is damaged, or not of this form, the step runs again.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

from nqp_spatial.plots._fonts import font_state
from nqp_spatial.report.study.config import StudyConfig
from nqp_spatial.report.study.page import Headline, Section, Table
from nqp_spatial.report.study.step import Step

__all__ = ["base_key", "hash_of", "keep", "kept", "move_into", "requirements", "write_text"]

_PACKAGE = "nqp-spatial"
_KEYS = {
    "key", "words", "warnings", "fonts", "tables", "figures", "files", "headlines", "attached",
}  # fmt: skip
_LARGEST = 50_000_000  # bytes of a part that is read


def hash_of(*parts: str) -> str:
    """Return a hash of texts that also depends on how the letters are divided into texts."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def base_key(settings: StudyConfig, setup: str) -> str:
    """Hash the inputs common to all steps: files, set-up, versions, fonts, this package's code."""
    files = [f"{path.name} {_digest(path)}" for path in data_files(settings)]
    return hash_of(
        setup, settings.study.lang, *files, *_versions(), font_state(), *_surroundings(),
        *_own_code(),
    )  # fmt: skip


def _digest(path: Path) -> str:
    """Return a file's size and hash; none if it cannot be read."""
    digest, size = hashlib.sha256(), 0
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
                size += len(block)
    except OSError:
        return "absent"
    return f"{size} {digest.hexdigest()}"


def data_files(settings: StudyConfig) -> Iterator[Path]:
    weights = settings.weights.path if settings.weights.kind == "file" else None
    for name in (settings.data.panel, settings.data.geometry, weights):
        if name:
            yield from _files_of(settings.file(name))


def _files_of(path: Path) -> list[Path]:
    """Return all files of a map or table: a shapefile is several of one name, .gdb is a folder."""
    if path.suffix.lower() == ".gdb" and path.is_dir():
        return sorted(file for file in path.rglob("*") if file.is_file())
    stem = f"{path.stem}.".casefold()
    try:
        beside = [file for file in path.parent.iterdir() if file.is_file()]
    except OSError:
        beside = []
    # Compared as text: brackets in a name are not a pattern, and old files have upper-case endings.
    siblings = [file for file in beside if file.name.casefold().startswith(stem)]
    return sorted({path, *siblings}) if path.suffix.lower() == ".shp" else [path]


def requirements() -> list[str]:
    """Return the packages that this one always requires.

    Examples
    --------
    >>> {"formulaic", "numba"} <= set(requirements())
    True
    """
    return _required(_PACKAGE)


def _required(name: str) -> list[str]:
    try:
        lines = metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return []
    plain = [line for line in lines if not re.search(r";.*\bextra\s*==", line)]
    names = (re.match(r"[A-Za-z0-9._-]+", line.strip()) for line in plain)
    return sorted({match[0] for match in names if match})


def _versions() -> list[str]:
    """Return the versions of Python, of this package and of all its dependencies."""
    waiting, versions = [_PACKAGE], {"Python": platform.python_version()}
    while waiting:
        name = waiting.pop()
        key = re.sub(r"[-_.]+", "-", name).lower()
        if key in versions:
            continue
        try:
            versions[key] = metadata.version(name)
        except metadata.PackageNotFoundError:  # for another operating system
            versions[key] = ""
        waiting += _required(name)
    return [f"{name} {versions[name]}" for name in sorted(versions)]


def _surroundings() -> list[str]:
    """Return the settings of this package outside the file."""
    return [f"{name}={os.environ[name]}" for name in sorted(os.environ) if name.startswith("NQP_")]


def _own_code() -> Iterator[str]:
    folder = Path(__file__).parents[2]
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc":
            yield f"{path.relative_to(folder).as_posix()} {_digest(path)}"


# -- parts on disk ---------------------------------------------------------------------------------


def kept(out: Path, step: Step, key: str) -> Section | None:
    """Return the output of a step, or None if it must run again.

    Parameters
    ----------
    out : Path
        Folder of the report.
    step : Step
    key : str
        Hash of its current inputs.
    """
    try:
        path = _part(out, step.name)
        if path.is_symlink() or path.stat().st_size > _LARGEST:
            return None
        stored = json.loads(path.read_bytes())
        return _section(stored, out, step) if stored["key"] == key else None
    except (OSError, ValueError, TypeError, KeyError, IndexError, RecursionError):
        return None


def keep(out: Path, section: Section, files: Mapping[str, str]) -> None:
    """Write the output of a step; `files` are the names of its files with sizes and hashes."""
    stored = {
        "key": section.key, "words": section.words, "warnings": section.warnings,
        "fonts": section.fonts, "tables": [asdict(table) for table in section.tables],
        "figures": [file for _, file in section.figures], "files": dict(files),
        "headlines": [asdict(headline) for headline in section.headlines],
        "attached": section.attached,
    }  # fmt: skip
    path = _part(out, section.name)
    if not path.is_dir():
        write_text(path, json.dumps(stored, ensure_ascii=False))


def _part(out: Path, name: str) -> Path:
    return out / "parts" / f"{name}.json"


def _section(stored: Any, out: Path, step: Step) -> Section:
    """Return the section that a part describes; raise ValueError where it is not of that form."""
    if set(stored) != _KEYS:
        raise ValueError("keys of a part")
    captions = {f"figures/{name}.png": caption for name, caption in step.figures}
    figures = [(captions[file], file) for file in _texts(stored["figures"])]
    files = stored["files"]
    if not isinstance(files, dict) or not {file for _, file in figures} <= set(files):
        raise ValueError("files of a part")
    for name, known in files.items():
        _inside(name)
        if (out / name).is_symlink() or _digest(out / name) != known:
            raise ValueError("a file has changed")
    attached = _texts(stored["attached"])
    if not set(attached) <= set(files):
        raise ValueError("files of a part")
    headlines = [_headline(headline) for headline in _list(stored["headlines"])]
    return Section(
        step.name, step.title, step.code, _texts(stored["words"]),
        [_table(table) for table in _list(stored["tables"])], figures, _texts(stored["warnings"]),
        "", step.skip_reason, stored["key"], _texts(stored["fonts"]),
        headlines, attached,
    )  # fmt: skip


def _inside(name: str) -> None:
    """Refuse names of files that a step cannot have written."""
    if not re.fullmatch(r"(?:figures|tables)/[A-Za-z0-9_]+\.[a-z]+|explore\.html", name):
        raise ValueError("a name of a file")


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("not a list")
    return value


def _texts(value: Any) -> list[str]:
    if not all(isinstance(text, str) for text in _list(value)):
        raise TypeError("not texts")
    return list(value)


def _headline(value: Any) -> Headline:
    if set(value) != {"term", "value", "detail"}:
        raise ValueError("keys of a headline")
    return Headline(*_texts([value["term"], value["value"], value["detail"]]))


def _table(value: Any) -> Table:
    """Return a table whose rows all have the same number of cells and of names."""
    keys = {"caption", "head", "side", "cells", "files"}
    if set(value) != keys or not isinstance(value["caption"], str):
        raise ValueError("keys of a table")
    files = _texts(value["files"])
    if not all(re.fullmatch("[A-Za-z0-9_]+", name) for name in files):
        raise ValueError("a name of a file")
    head, side, cells = (
        [_texts(row) for row in _list(value[k])] for k in ("head", "side", "cells")
    )
    if not head or len(cells) != len(side) or {len(row) for row in cells} - {len(head)}:
        raise ValueError("shape of a table")
    for names in (head, side):
        if len({len(row) for row in names}) > 1 or any(not row for row in names):
            raise ValueError("names of a table")
    return Table(value["caption"], head, side, cells, files)


# -- files -----------------------------------------------------------------------------------------


def move_into(out: Path, made: Path) -> dict[str, str]:
    """Move the output of a step into the report, each file at once, and return sizes and hashes.

    Parameters
    ----------
    out : Path
        Folder of the report.
    made : Path
        Folder with the same subfolders that only this step has written to.
    """
    digests: dict[str, str] = {}
    for path in sorted(made.rglob("*")):
        if path.is_file():
            name = path.relative_to(made).as_posix()
            digests[name] = _digest(path)
            _replace(out / name, path.read_bytes())
    return digests


def write_text(path: Path, text: str) -> None:
    """Write a file completely or not at all: a study may be interrupted, or run twice."""
    _replace(path, text.encode("utf-8", "backslashreplace"))


def _replace(path: Path, data: bytes) -> None:
    partial = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}.partial")
    try:
        partial.write_bytes(data)
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
