"""Numbers that a change of structure must not change.

Each case (`cases.py`) is a name and a function without arguments that returns labelled numbers,
made by the public interface from small data of the package. ``tests/reference/numbers_0_1_0.json``
has what version 0.1.0 gives, and ``tests/test_pinned.py`` compares::

    python -m tests.pinned --write     writes that file (run it at the version of reference only)
    python -m tests.pinned --compare   the largest difference of each case, beside its tolerance
    python -m tests.pinned --noise     how far rounding alone moves each case on this machine

Labels are chosen here and do not follow the names of attributes, columns or arguments of the
package: after a rename, change the calls in the cases and the helpers in `reading.py`.

Tolerances are relative: 1e-12 for closed forms. Where a search, an eigensolver or nearly collinear
columns let the last digits vary, a case states a larger one with its reason: 100 times what
``--noise`` and other numbers of threads show, rounded up to a power of ten.
"""

from __future__ import annotations

import argparse
import sys

from tests.pinned.compare import compare, noise, write


def main() -> int:
    """Write, compare, or measure the noise."""
    parser = argparse.ArgumentParser(prog="python -m tests.pinned")
    choice = parser.add_mutually_exclusive_group(required=True)
    choice.add_argument("--write", action="store_true")
    choice.add_argument("--compare", action="store_true")
    choice.add_argument("--noise", action="store_true")
    options = parser.parse_args()
    if options.write:
        write()
    elif options.noise:
        noise()
    else:
        return compare()
    return 0


if __name__ == "__main__":
    sys.exit(main())
