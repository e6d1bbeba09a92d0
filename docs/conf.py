"""The documentation: sphinx, with pages whose examples run as they are built."""

from __future__ import annotations

import os
import sys
from importlib.metadata import version as version_of
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))
# Cells of the shell find the command nqp-spatial of this Python.
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

project = "nqp_spatial"
author = copyright = "The nqp_spatial developers"
version = release = version_of("nqp-spatial")

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_nb",
    "sphinx_design",
    "native_math",
    "gallery",
    "parity",
    "reference",
]
exclude_patterns = ["_build", "_ext"]

# -- pages -----------------------------------------------------------------------------------------
myst_enable_extensions = ["dollarmath", "colon_fence", "deflist"]
myst_heading_anchors = 3
nb_execution_mode = "force"  # a cache would not know that the package has changed
nb_execution_raise_on_error = True
nb_execution_timeout = -1  # none: a machine may have other work
nb_execution_in_temp = True
nb_output_stderr = "remove-warn"
nb_merge_streams = True

# -- reference -------------------------------------------------------------------------------------
autosummary_generate = True
autodoc_typehints = "none"  # numpydoc's sections say types in words
numpydoc_show_class_members = False
default_role = "py:obj"

# -- looks: nothing from the network ---------------------------------------------------------------
html_theme = "furo"
html_title = f"nqp_spatial {release}"
html_math_renderer = "mathml"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
templates_path = ["_templates"]
html_theme_options = {"navigation_with_keys": False}
