"""Links that are not hard, on every level."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

import h5py

from tests.hostile.corpus import add
from tests.hostile.edits import Hostile, object_path, run_path
from tests.hostile.honest import DAY

_TARGET = "/a target that no other link of the file has"
_USER_DEFINED = 187


class Level(NamedTuple):
    """A member of a group that becomes a link.

    Attributes:
        job: The run below which it lies; empty for the root.
        link: The link to the object below which it lies.
        name: Its path below that.
        refuses: Steps that need it.
    """

    job: str
    link: str
    name: str
    refuses: tuple[str, ...] = ()


LEVELS = (
    Level("", "", "runs", ("show",)),
    Level("", "", f"runs/{DAY}", ("show",)),
    Level("", "", "catalogue", ("ls",)),
    Level("", "", "catalogue.changes"),
    Level("", "", "objects"),
    Level("", "", "deleted"),
    Level("", "", "of no use"),
    Level("", "", run_path("bell"), ("show",)),
    Level("bell", "", "config", ("show",)),
    Level("bell", "", "status", ("show",)),
    Level("bell", "", "labels", ("show",)),
    Level("bell", "", "provenance", ("show",)),
    Level("bell", "", "circuits", ("circuits",)),
    Level("noise", "", "noise_model", ("circuits",)),
    Level("bell", "", "result", ("values",)),
    Level("bell", "", "counts", ("values",)),
    Level("chunks", "", "statevector", ("values",)),
    Level("chunks", "", "statevector.checksums", ("values",)),
    Level("bell", "", "of no use"),
    Level("bell", "", "view"),
    Level("bell", "", "view/counts/shots"),
    Level("bell", "circuits", "qpy", ("circuits",)),
    Level("bell", "circuits", "array_0", ("circuits",)),
    Level("bell", "circuits", "view"),
    Level("bell", "config", "of no use"),
)


def _place(file: h5py.File, level: Level) -> tuple[h5py.Group, str]:
    if level.link == "config":
        group = file[run_path(level.job)][level.link]
    elif level.link:
        group = file[object_path(file, level.job, level.link)]
    else:
        group = file[run_path(level.job)] if level.job else file["/"]
    folder, _, name = level.name.rpartition("/")
    return (group[folder] if folder else group), name


def _take_away(group: h5py.Group, name: str) -> None:
    """The node itself stays in the file, so that a link that is followed leads to what is expected."""
    if name in group:
        group.file.move(f"{group.name.rstrip('/')}/{name}", "/elsewhere")


def _soft(one: Hostile, level: Level) -> None:
    with one.edit(seal=False) as file:
        group, name = _place(file, level)
        _take_away(group, name)
        group[name] = h5py.SoftLink("/elsewhere")


def _external(one: Hostile, level: Level) -> None:
    with one.edit(seal=False) as file:
        group, name = _place(file, level)
        _take_away(group, name)
        group[name] = h5py.ExternalLink(str(one.outside / "other.h5"), "/group" if "." not in name else "/secret")


def _user_defined(one: Hostile, level: Level) -> None:
    with one.edit(seal=False) as file:
        group, name = _place(file, level)
        _take_away(group, name)
        group[name] = h5py.SoftLink(_TARGET)
    value = name.encode() + len(_TARGET).to_bytes(2, "little") + _TARGET.encode()
    with one.bytes() as data:
        # Before the name are its length and the kind of the link; old copies of the message may be left.
        kinds = [match.start() - 2 for match in re.finditer(re.escape(value), data)]
        assert kinds
        assert {data[at] for at in kinds} == {1}, "no soft links"
        for at in kinds:
            data[at] = _USER_DEFINED


WAYS: dict[str, Callable[[Hostile, Level], None]] = {
    "soft": _soft,
    "external": _external,
    "user-defined": _user_defined,
}


def _make(way: str, level: Level) -> Callable[[Hostile], None]:
    return lambda one: WAYS[way](one, level)


for _way in WAYS:
    for _level in LEVELS:
        # A soft link that another program has added, and that nothing follows, does no harm.
        _harmless = _way == "soft" and _level == Level("", "", "of no use")
        _where = " of ".join(part for part in (_level.name.replace("/", " "), _level.link, _level.job) if part)
        add(
            "links",
            f"{_way}, {_where}",
            _make(_way, _level),
            "limited" if _harmless else "refused",
            _level.name.rpartition("/")[2],
            jobs=(_level.job or "bell", "last"),
            refuses=_level.refuses,
        )


def _dangling(one: Hostile) -> None:
    with one.edit(seal=False) as file:
        file[run_path("bell")]["of no use"] = h5py.SoftLink("/nowhere")


def _circular(one: Hostile) -> None:
    with one.edit(seal=False) as file:
        run = file[run_path("bell")]
        del run["counts"]
        run["counts"] = h5py.SoftLink("counts")


def _to_itself(one: Hostile) -> None:
    with one.edit(seal=False) as file:
        run = file[run_path("bell")]
        _take_away(run, "counts")
        run["counts"] = h5py.ExternalLink(one.path.name, "/elsewhere")


def _long_chain(one: Hostile) -> None:
    with one.edit(seal=False) as file:
        run = file[run_path("bell")]
        _take_away(run, "counts")
        chain = file.create_group("deleted/chain")
        for number in range(2000):
            chain[str(number)] = h5py.SoftLink(f"/deleted/chain/{number + 1}")
        run["counts"] = h5py.SoftLink("/deleted/chain/0")


add("links", "dangling", _dangling, "refused", "of no use")
add("links", "soft, to itself", _circular, "refused", "/counts", refuses=("values",))
add("links", "external, to the same file", _to_itself, "refused", "/counts", refuses=("values",))
add("links", "chain of soft links", _long_chain, "refused", "/counts", refuses=("values",))
