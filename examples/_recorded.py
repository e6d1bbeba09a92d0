"""One example in a process of its own, which tells of each figure and warning as it comes.

A message is a line of the standard output that begins with `MARK`; all other lines are what the
example prints.
"""

from __future__ import annotations

import json
import runpy
import sys
import warnings
from pathlib import Path
from typing import Any

MARK = "\x1e"


def tell(kind: str, **values: object) -> None:
    """Send a message to the runner."""
    sys.stderr.flush()
    print(MARK + json.dumps({"kind": kind, **values}), flush=True)


def caption_of(figure: Any) -> str:
    """Return the words in a figure that say what it shows: titles, else labels of axes."""
    figure = figure.get_figure() if hasattr(figure, "get_figure") else figure
    texts = [figure.get_suptitle()]
    for ax in figure.axes:
        texts += [ax.get_title(loc=side) for side in ("left", "center", "right")]
    if not any(texts):
        for ax in figure.axes:
            labels = [text for text in (ax.get_ylabel(), ax.get_xlabel()) if text]
            texts.append(" against ".join(labels))
            legend = ax.get_legend()
            texts.append(legend.get_title().get_text() if legend else "")
    lines = dict.fromkeys(" ".join(text.split()) for text in texts if text)
    return "; ".join(line for line in lines if line)


def record_figures() -> None:
    """Let `nqp_spatial.plots.save` tell of the files that it has written."""
    from nqp_spatial import plots

    save = plots.save

    def recorded(figure: Any, *args: Any, **options: Any) -> list[Path]:
        caption = caption_of(figure)  # before the figure is closed
        files = save(figure, *args, **options)
        tell("figure", files=[str(Path(file).absolute()) for file in files], caption=caption)
        return files

    plots.save = recorded  # type: ignore[assignment]


def record_warnings() -> None:
    """Let warnings be told as well as shown."""
    show = warnings.showwarning

    def recorded(message: Any, category: Any, *where: Any, **options: Any) -> None:
        tell("warning", category=category.__name__, text=str(message))
        show(message, category, *where, **options)

    warnings.showwarning = recorded


def main(script: Path) -> None:
    sys.argv = [str(script)]
    sys.path[0] = str(script.parent)
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    record_warnings()
    if "nqp_spatial" in script.read_text(encoding="utf-8"):
        record_figures()
    runpy.run_path(str(script), run_name="__main__")


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
