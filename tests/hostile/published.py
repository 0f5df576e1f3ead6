"""Tries published files that have crashed libhdf5: aerchive's process must survive each.

The files are not part of this repository. Those of the HDF Group are at github.com/HDFGroup/cve_hdf5. Each one is
opened for reading and for writing, in a process of its own, once by aerchive and once by h5py.

    python3 tasks.py published FOLDER
"""

from __future__ import annotations

import argparse
import collections
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SIGNATURE = b"\x89HDF\r\n\x1a\n"
SECONDS = 30
REFUSED = 3
LIMIT = "import resource; resource.setrlimit(resource.RLIMIT_AS, (6 << 30,) * 2)\n"
AERCHIVE = f"""
import sys, aerchive
try:
    project = aerchive.open(sys.argv[1], "r" if sys.argv[2] == "r" else "a")
    len(project)
    project.verify()
except aerchive.errors.AerchiveError:
    sys.exit({REFUSED})
"""
H5PY = """
import sys, h5py
def look(name, node):
    dict(node.attrs)
    if isinstance(node, h5py.Dataset) and node.size is not None and node.size < 10**6:
        node[()]
h5py.File(sys.argv[1], sys.argv[2]).visititems(look)
"""


def end_of(code: str, file: Path, mode: str) -> str:
    """How a process that opens the file ends: ``read``, ``refused``, ``exception``, ``hang`` or ``signal N``."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", LIMIT + code, str(file), mode], capture_output=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return "hang"
    if done.returncode < 0:
        return f"signal {-done.returncode}"
    return {0: "read", REFUSED: "refused"}.get(done.returncode, "exception")


def main() -> int:
    """Tries all files of a folder, and prints how each process ended."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    files = sorted(file for file in parser.parse_args().folder.rglob("*") if file.is_file())
    files = [file for file in files if SIGNATURE in file.read_bytes()]
    ends = {name: collections.Counter[str]() for name in ("aerchive", "h5py")}
    bad = []
    with tempfile.TemporaryDirectory() as folder:
        for file in files:
            for mode in ("r", "r+"):
                for name, code in (("aerchive", AERCHIVE), ("h5py", H5PY)):
                    copy = Path(shutil.copyfile(file, Path(folder) / "published.h5"))
                    end = end_of(code, copy, mode)
                    ends[name][end] += 1
                    if name == "aerchive" and end not in ("read", "refused"):
                        bad.append(f"{file.name}, mode {mode}: {end}")
    print("\n".join(bad))
    print(json.dumps({"files": len(files), **{name: dict(counts) for name, counts in ends.items()}}))
    return 1 if bad or not files else 0


if __name__ == "__main__":
    sys.exit(main())
