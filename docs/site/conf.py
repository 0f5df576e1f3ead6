"""Settings of Sphinx for the site; `docs/site/build.py` calls it (decision 0040)."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from importlib.metadata import version as version_of

project = "aerchive"
author = "The aerchive authors"
copyright = f"{author}, Apache License 2.0"
version = release = version_of("aerchive")

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "docs.site.code_links",
    "docs.site.docstrings",
]
root_doc = "docs/index"
include_patterns = ["*.md", "docs/**.md", "examples/*.md", "examples/*.ipynb", "schemas/**.md"]
exclude_patterns = ["docs/changelog/*/*"]  # fragments, one for each change

myst_heading_anchors = 4  # the anchors that code hosts make
myst_links_external_new_tab = False

# Notebooks are kept without outputs, and executed for the site; an error in a cell is a warning, which fails the build.
nb_execution_mode = "force"
nb_execution_in_temp = True
nb_execution_show_tb = True
nb_execution_timeout = 300
nb_merge_streams = True
_home = tempfile.mkdtemp()  # of kernels, instead of that of the user
os.environ |= {f"XDG_{name}_HOME": _home for name in ("CONFIG", "DATA", "STATE")} | {"IPYTHONDIR": _home}
os.makedirs(os.path.join(_home, "profile_default"))
with open(os.path.join(_home, "profile_default", "ipython_kernel_config.py"), "w", encoding="utf-8") as _config:
    _config.write("get_config().IPKernelApp.log_level = 'ERROR'\n")
atexit.register(shutil.rmtree, _home, ignore_errors=True)

default_role = "py:obj"
add_module_names = False
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_preprocess_types = False

html_theme = "furo"
html_title = f"aerchive {release}"
html_static_path = [os.path.join(os.path.dirname(__file__), "static")]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {"navigation_with_keys": True}
html_use_index = True
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"
copybutton_prompt_text = r"\$ |>>> "
copybutton_prompt_is_regexp = True
copybutton_only_copy_prompt_lines = True
