"""Builds the site: ``python3 tasks.py docs FOLDER``. A broken link fails, and a page that is in no list.

Sources are put together in a temporary folder, for some pages are made of docstrings and commands (`staging.py`).
"""

from __future__ import annotations

import logging
import shutil
import sys
import tempfile
import time
from pathlib import Path

from sphinx.cmd.build import main as sphinx

from docs.site.outside import addresses
from docs.site.staging import stage

_OF_A_SITE = "searchindex.js"
_TO_INDEX = """\
<!doctype html>
<meta charset="utf-8">
<meta http-equiv="refresh" content="0; url=docs/index.html">
<title>aerchive</title>
<a href="docs/index.html">aerchive</a>
"""


def build(target: Path) -> int:
    """Builds the site into a folder, in which an earlier site is replaced; 1 if something is wrong."""
    started = time.monotonic()
    logging.disable(logging.INFO)  # of the libraries that the pages of docstrings import
    if target.exists() and not (target / _OF_A_SITE).is_file() and any(target.iterdir()):
        print(f"{target} has files that are not of a site; name a new folder, or empty this one", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as made:
        sources, site, trees = (Path(made, name) for name in ("sources", "site", "trees"))
        sources.mkdir()
        stage(sources)
        folders = ["-c", Path(__file__).parent, "-d", trees, sources, site]
        failed = sphinx(["-b", "html", "-q", "-E", "-W", "--keep-going", *map(str, folders)]) != 0
        if not (site / _OF_A_SITE).is_file():
            return 1
        (site / ".buildinfo").unlink(missing_ok=True)
        (site / "index.html").write_text(_TO_INDEX, "utf-8")
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(site, target)
    loaded = addresses(target)
    for page, address in loaded:
        print(f"{page}: loads {address} from the network", file=sys.stderr)
    pages = sum(1 for _ in target.rglob("*.html"))
    size = sum(one.stat().st_size for one in target.rglob("*") if one.is_file())
    print(f"{target}: {pages} pages, {size / 2**20:.1f} MiB, {time.monotonic() - started:.0f} s")
    return 1 if failed or loaded else 0


if __name__ == "__main__":
    sys.exit(build(Path(sys.argv[1]).absolute()))
