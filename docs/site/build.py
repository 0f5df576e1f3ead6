"""Builds the site: ``python3 tasks.py docs FOLDER``. A broken link fails, and a page that is in no list.

Sources are put together in a temporary folder, for some pages are made of docstrings and commands (`staging.py`).
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from sphinx.cmd.build import main as sphinx

from docs.site.outside import addresses
from docs.site.staging import ROOT, stage

_TO_INDEX = """\
<!doctype html>
<meta charset="utf-8">
<meta http-equiv="refresh" content="0; url=docs/index.html">
<title>aerchive</title>
<a href="docs/index.html">aerchive</a>
"""


def build(target: Path) -> int:
    """Builds the site into a folder, in which earlier pages are replaced; 1 if something is wrong."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as made:
        sources = Path(made, "sources")
        sources.mkdir()
        stage(sources)
        shutil.rmtree(target, ignore_errors=True)
        conf = os.fspath(ROOT / "docs" / "site")
        arguments = ["-b", "html", "-q", "-E", "-W", "--keep-going", "-c", conf, "-d", os.path.join(made, "trees")]
        if sphinx([*arguments, os.fspath(sources), os.fspath(target)]) != 0:
            return 1
    shutil.rmtree(target / ".doctrees", ignore_errors=True)
    (target / ".buildinfo").unlink(missing_ok=True)
    (target / "index.html").write_text(_TO_INDEX, "utf-8")
    loaded = addresses(target)
    for page, address in loaded:
        print(f"{page}: loads {address} from the network", file=sys.stderr)
    pages = sum(1 for _ in target.rglob("*.html"))
    size = sum(one.stat().st_size for one in target.rglob("*") if one.is_file())
    print(f"{target}: {pages} pages, {size / 2**20:.1f} MiB, {time.monotonic() - started:.0f} s")
    return 1 if loaded else 0


if __name__ == "__main__":
    sys.exit(build(Path(sys.argv[1]).absolute()))
