"""What a small change of a large project costs the programs that carry it: changed blocks, rsync, Git LFS, git-annex.

``--mb`` is the size of a project with runs of 2 MB that cannot be compressed. A run gets a tag, and a tiny run is
saved, in turn. After each change the blocks of 4 KiB that differ are counted, rsync brings a copy up to date, and the
file is committed again in a repository of Git LFS and in one of git-annex. Prints JSON. All programs must be there.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.changed_blocks import BLOCK, blocks_changed_by, sent_by_rsync
from tests.drafts import draft_of, job_id, project_at, project_of

_RUN_BYTES = 2_000_000
_NEW = 1_000_000
"""Number of the first tiny run that is added."""


class Repository:
    """A repository in which the project is committed again and again.

    Args:
        folder: The folder of the repository, which is made.
        begin: The commands that make it keep large files.
        add: The command that adds the file.
        kept: Where it keeps the content of large files.
    """

    def __init__(self, folder: Path, begin: list[list[str]], add: list[str], kept: str) -> None:
        folder.mkdir()
        self.folder, self._add, self._kept = folder, add, folder / ".git" / kept
        for command in [["git", "init", "--quiet"], *begin]:
            self._run(command)

    def _run(self, command: list[str]) -> None:
        names = {f"GIT_{who}_{what}": "a@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        environment = os.environ | names | {"HOME": str(self.folder)}
        subprocess.run(command, cwd=self.folder, check=True, env=environment, stdout=subprocess.DEVNULL)

    def commit(self, path: Path) -> int:
        """Commits a file as it is now, and returns by how many bytes the kept content has grown."""
        before = self._size()
        shutil.copyfile(path, self.folder / "project.h5")
        self._run(self._add)
        self._run(["git", "commit", "--quiet", "--all", "--message", "as it is now"])
        return self._size() - before

    def _size(self) -> int:
        return sum(one.stat().st_size for one in self._kept.rglob("*") if one.is_file())


def repositories(folder: Path) -> dict[str, Repository]:
    lfs = [["git", "lfs", "install", "--local"], ["git", "lfs", "track", "*.h5"]]
    annex = [["git", "annex", "init", "--quiet"], ["git", "config", "annex.addunlocked", "true"]]
    return {
        "git_lfs": Repository(folder / "lfs", lfs, ["git", "add", "--all"], "lfs/objects"),
        "git_annex": Repository(folder / "annex", annex, ["git", "annex", "add", "--quiet", "."], "annex/objects"),
    }


def measure(folder: Path, size: int, times: int) -> dict[str, Any]:
    """Makes the project and the changes, and returns the figures of each change."""
    number = max(2, size // _RUN_BYTES)
    runs = (draft_of(one, extra_bytes=min(_RUN_BYTES, size)) for one in range(number))
    path = project_of(folder / "project.h5", runs)
    kept = repositories(folder)
    figures: dict[str, Any] = {"bytes": path.stat().st_size, "runs": number, "tag": [], "tiny_run": []}
    figures["first_commit"] = {name: one.commit(path) for name, one in kept.items()}
    for turn in range(times):
        for name, change in (
            ("tag", lambda turn=turn: project_at(path)[job_id(number // 2)].add_tags(f"paper {turn}")),
            ("tiny_run", lambda turn=turn: project_at(path).archive(draft_of(_NEW + turn))),
        ):
            before = folder / "before.h5"
            blocks = blocks_changed_by(change, path, before)
            sent = {}
            for option in ((), (f"--block-size={BLOCK}",)):
                copy = Path(shutil.copyfile(before, folder / "copy.h5"))
                sent["rsync " + " ".join(option)] = sent_by_rsync(path, copy, "--inplace", *option).literal
            grown = {program: one.commit(path) for program, one in kept.items()}
            figures[name].append({"blocks": len(blocks)} | sent | grown)
    return figures


def main(arguments: list[str] | None = None) -> int:
    """Measures, and prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--mb", type=float, default=500)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where the files are written for the time being")
    options = parser.parse_args(arguments)
    missing = [name for name in ("rsync", "git", "git-lfs", "git-annex") if shutil.which(name) is None]
    if missing:
        print(f"not installed: {', '.join(missing)}", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        try:
            figures = measure(Path(folder), int(options.mb * 1_000_000), options.times)
        finally:  # git-annex takes the right to write away from what it keeps
            for one in Path(folder).rglob("*"):
                if one.is_dir() and not one.is_symlink():
                    one.chmod(0o700)
    print(json.dumps(figures, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
