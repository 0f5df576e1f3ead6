"""Validation: whether each node of a file is as ``layout.md`` says, without its large values and without Qiskit.

`aerchive.project.care.verify` checks that nothing was changed since it was written; this checks that it was written as
the format wants it, so that other programs can read and write projects. It runs in a child process with limits, because
the file may be anything. See decision 0035.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from aerchive import layout
from aerchive.display.html import ShownReport
from aerchive.display.text import clean
from aerchive.errors import AerchiveError, UnsafeContentError
from aerchive.models import catalogue, tagged_json
from aerchive.models.base import Document
from aerchive.models.cells import form_from
from aerchive.models.config import RunConfig
from aerchive.models.labels import RunLabels
from aerchive.models.project import ProjectHeader
from aerchive.models.provenance import Provenance
from aerchive.models.status import RunStatus
from aerchive.project.care.verify import catalogue_rows
from aerchive.storage.chunks.group_reader import document_of
from aerchive.storage.chunks.missing import read_missing
from aerchive.storage.file import ProjectFile
from aerchive.storage.hdf5.attributes import read_attributes
from aerchive.storage.hdf5.cached_group import CachedGroup
from aerchive.storage.hdf5.conformity import CONTAINER, TEXT, check_sums, file_findings, node_findings
from aerchive.storage.hdf5.nodes import info_of
from aerchive.storage.hdf5.objects import is_attachment_name, is_object_path, linked_digest
from aerchive.storage.hdf5.verify import noted
from aerchive.storage.medium.interrupts import check_interrupt
from aerchive.storage.sessions import ReadSession
from aerchive.storage.vetting import limited_child

TREE: Final = "2. The tree"
ROOT: Final = "Root attributes (`project.schema.json`)"
CATALOGUE: Final = "`/catalogue`"
COLUMNS: Final = "`/columns`"
RUN: Final = "3. A run"
RESULT: Final = "`result`"
TABLES: Final = "Tables"
ATTACHMENT: Final = "Attachments"
OBJECT: Final = "4. Objects"
SUMS: Final = "5. Checksums and digests"
_MOST = 1000
"""The greatest number of departures in a report."""


class Departure(NamedTuple):
    """A place where a file is not as the format says.

    Attributes:
        node: Path of the node, with ``@NAME`` for an attribute.
        rule: The section of ``layout.md`` with the rule that is broken.
        text: What is wrong.
    """

    node: str
    rule: str
    text: str


@dataclass(frozen=True)
class ValidateReport(ShownReport):
    """The report of `aerchive.validate` on what departs from the format.

    Attributes:
        path: Path of the file.
        nodes: Number of groups and datasets that were looked at.
        departures: Where the file is not as the format says; at most 1,000.
        others: Paths of members that the format does not name and allows, written by other programs or later versions.
    """

    path: str
    nodes: int
    departures: list[Departure] = field(default_factory=list)
    others: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing departs from the format."""
        return not self.departures

    def __str__(self) -> str:
        number = len(self.departures)
        found = f"{number} departure{'s' * (number > 1)} from the format" if number else "as the format says"
        lines = [f"{self.path}: {self.nodes} groups and datasets, {found}"]
        lines += [f"  {one.node}: {one.text}  [layout.md, {one.rule}]" for one in self.departures]
        lines += [f"not named by the format: {path}" for path in self.others]
        return "\n".join(map(clean, lines))


def validate(file: ProjectFile) -> ValidateReport:
    """Validates a project file in a child process; see `aerchive.validate`."""
    path = str(file.path)
    found = limited_child(file.path, "aerchive.project.care.validate", [path, file.lock_timeout_s], "it was validated")
    try:
        departures = [Departure(*map(str, one)) for one in found["departures"]]
        return ValidateReport(path, int(found["nodes"]), departures, [*map(str, found["others"])])
    except (TypeError, KeyError, ValueError) as error:
        raise UnsafeContentError(f"{path}: not validated: the answer of the child is not understandable") from error


def answer(path: str, lock_timeout_s: float) -> dict[str, Any]:
    """What the child of `validate` does; the names and values of a `ValidateReport` without the path."""
    os.environ["AERCHIVE_VET"] = "off"
    Document.further = None, lambda tag, _tree: tag  # values of Qiskit's types are not made
    file = ProjectFile(Path(path), lock_timeout_s=lock_timeout_s, catalogue_dtype=catalogue.DTYPE, created_by="")
    try:
        with file.read() as session:
            validation = _Validation(session)
            validation.run()
    except AerchiveError as error:
        return {"nodes": 0, "departures": [("/", CONTAINER, str(error).removeprefix(f"{path}: "))], "others": []}
    return {"nodes": validation.nodes, "departures": validation.departures[:_MOST], "others": validation.others[:_MOST]}


# -- what may be where


class _Kind(NamedTuple):
    """What the format says of one kind of node.

    Attributes:
        rule: The section of ``layout.md``.
        attributes: Names of the attributes that a node of this kind must have.
        optional: Names of those that it may have.
        model: The document that the attributes of a group are.
        members: Kind of each member of a group, by a regular expression for its name.
        required: Names of members that there must be.
        columns: Names and kinds of the columns of a table, as numpy has them; or the kind of the values of a dataset.
        is_open: Whether other programs may add members.
    """

    rule: str
    attributes: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    model: type[Document] | None = None
    members: Mapping[str, str] = {}
    required: tuple[str, ...] = ()
    columns: Mapping[str, str] | str | None = None
    is_open: bool = False


_ENCODED = ("encoding", "encoding_version")
_CHUNKS = ("crc32", "blake3", "filter_hint", "piece_shape")
_ARRAY = ("kind", "layout", "dtype", "order", "number")
_PLOTTED = ("long_name", "interpretation", "units", "note")
_LOSSY = ("max_infidelity", "infidelity_bound", "infidelity", "grid", "bonds", "exact", "members", "precision")
_LONG = {r"long\..+": "text"}
_KINDS: dict[str, _Kind] = {
    "root": _Kind(
        ROOT,
        model=ProjectHeader,
        members={
            layout.README: "page",
            layout.FORMAT_PAGES: "pages",
            layout.CATALOGUE: "catalogue",
            layout.CATALOGUE + r"\.changes": "changes",
            layout.COLUMNS: "columns",
            layout.RUNS: "runs",
            layout.OBJECTS: "objects",
            layout.ATTACHMENTS: "attachments",
            layout.DELETED: "deleted",
            layout.DELETIONS: "deletions",
            layout.COVER: "view",
        },
        required=(layout.CATALOGUE, layout.RUNS),
        is_open=True,
    ),
    "pages": _Kind(TREE, members={r".+\.(md|schema\.json)": "page"}),
    "page": _Kind(TREE, optional=_CHUNKS, columns="S"),
    "catalogue": _Kind(CATALOGUE, columns={}),
    "changes": _Kind("`/catalogue.changes`", columns={"row": "i8", "crc32": "u4"}),
    "columns": _Kind(COLUMNS, members={r"[!-.0-~ ]+": "column"}),
    "column": _Kind(COLUMNS, ("name", "type"), ("shape",), columns="V"),
    "deleted": _Kind(TREE, is_open=True),
    "deletions": _Kind(
        "`/deletions`", columns={"uuid": "S", "when_us": "i8", "created_us": "i8", "deleted": "u1", "crc32": "u4"}
    ),
    "runs": _Kind(TREE, members={r"\d{4}-\d\d-\d\d(\.\d{3,})?": "day"}, is_open=True),
    "day": _Kind(TREE, members={r"\d{6}_[A-Za-z0-9_.]+": "run"}, is_open=True),
    "run": _Kind(
        RUN,
        ("job_id", "created"),
        layout.SHOWN,
        members={
            **{name: name for name in ("seal", "config", "status", "labels")},
            **dict.fromkeys(layout.LINKS, "link"),
            layout.INPUTS: "json",
            layout.RESULT: "json",
            layout.COUNTS: "counts",
            layout.MEMORY: "memory",
            "table": "numbers",
            "parameter_names": "memory",
            layout.ATTACHMENTS: "attachments",
            layout.VIEW: "view",
            layout.MISSING: "missing",
            **_LONG,
            r"[a-z][a-z0-9_]*(\.[a-z_]+)?": "array",
        },
        required=("seal", "config", "status"),
    ),
    "seal": _Kind(RUN, (*_ENCODED, "run_uuid", "core_sha256"), ("requires", "uses")),
    "missing": _Kind(
        RUN,
        ("sha256",),
        ("original", layout.RECOMPUTED, "environment"),
        members={"datasets": "text", r"[a-z][a-z0-9_]*\.(indices|values)": "witness", **_LONG},
        required=("datasets",),
    ),
    "witness": _Kind(RUN, (), _CHUNKS, columns="biufc"),
    "view": _Kind(RUN, ("sha256",), is_open=True, members={r"[A-Za-z0-9_]+": "view of a part"}),
    "view of a part": _Kind(RUN, is_open=True, members={r"[A-Za-z0-9_.]+": "view of a part"}),
    "config": _Kind(RUN, model=RunConfig, members=_LONG),
    "status": _Kind(RUN, ("sha256",), model=RunStatus, members=_LONG),
    "labels": _Kind(RUN, ("sha256",), model=RunLabels, members=_LONG),
    "json": _Kind(RESULT, _ENCODED, _CHUNKS, columns="Su"),
    "text": _Kind(TEXT, (), _CHUNKS, columns="Su"),
    "bytes": _Kind(ATTACHMENT, (), _CHUNKS, columns="u"),
    "counts": _Kind(
        TABLES, _ENCODED, _CHUNKS, columns={"experiment": "u4", "bitstring": "S", "count": "i8", "outcome": "S"}
    ),
    "numbers": _Kind(TABLES, _ENCODED, _CHUNKS, columns="V"),
    "memory": _Kind(TABLES, _ENCODED, _CHUNKS, columns="S"),
    "array": _Kind(
        RESULT, (*_ENCODED, *_ARRAY), ("label", "experiment", *_PLOTTED, *_CHUNKS, *_LOSSY), columns="biufc"
    ),
    "attachments": _Kind(ATTACHMENT, members={r".+": "attachment"}),
    "attachment": _Kind(
        ATTACHMENT,
        (*_ENCODED, layout.ATTACHMENT_UUID, "kind", "created", "sha256"),
        ("filename",),
        members={"text": "text", "bytes": "bytes", "file": "bytes", "value": "json", r"[a-z][a-z0-9_]*": "array"},
    ),
    "objects": _Kind(OBJECT, members={r"[a-z_]{1,32}": "objects of a kind"}, is_open=True),
    "objects of a kind": _Kind(OBJECT, members={r"[0-9a-f]{2}": "objects of two digits"}, is_open=True),
    "objects of two digits": _Kind(OBJECT, members={r"[0-9a-f]{40}": "object"}, is_open=True),
    "circuits": _Kind(
        OBJECT,
        (*_ENCODED, "object", "count", "names"),
        members={"qpy": "bytes", "aer": "text", r"array_\d+": "link", layout.VIEW: "view", **_LONG},
        required=("qpy", "aer"),
    ),
    "arrays": _Kind(OBJECT, (*_ENCODED, "object", "dtype", "order"), members={"data": "data"}, required=("data",)),
    "data": _Kind(OBJECT, optional=_CHUNKS, columns="biufcS"),
    "noise_model": _Kind(
        OBJECT, (*_ENCODED, "object"), ("number_of_errors",), members={"model": "text", **_LONG}, required=("model",)
    ),
    "target": _Kind(
        OBJECT,
        (*_ENCODED, "object"),
        ("description", "num_qubits", "dt", "granularity", "min_length", "pulse_alignment", "acquire_alignment"),
        members={"target": "text", "operations": "link", **_LONG},
        required=("target",),
    ),
    "provenance": _Kind(OBJECT, ("object",), model=Provenance, members=_LONG),
}
_OWNERS = ("object", layout.ATTACHMENT_UUID, "project_uuid")
"""Attributes of groups that name the owner in the checksums of the datasets in them."""
_PATTERNS = {
    kind: [(re.compile(rf"(?:{pattern})\Z"), member) for pattern, member in found.members.items()]
    for kind, found in _KINDS.items()
}


class _Validation:
    """The validation of one state of a file.

    Args:
        session: An open session of the file.
    """

    def __init__(self, session: ReadSession) -> None:
        self._session = session
        self._root = CachedGroup.of(session.root)
        self._known: set[int] = set()
        """Addresses of the nodes that were looked at."""
        self._takes_more = False
        """Whether a feature that this version does not know explains what it does not know."""
        self.nodes = 0
        self.departures: list[Departure] = []
        self.others: list[str] = []

    def run(self) -> None:
        """Looks at all nodes."""
        for rule, _, what in file_findings(self._root):
            self._depart(self._root.where(), rule, what)
        self._group(self._root, "root", "")

    # -- what is found

    def _depart(self, where: str, rule: str, text: str) -> None:
        """Adds a departure; a text that begins with file and node itself has its own node."""
        prefix = f"{self._root.file}: "
        text = text.removeprefix(prefix)
        node, _, rest = text.partition(": ")
        if not (rest and node.startswith("/")):
            node, rest = where.removeprefix(prefix), text
        self.departures.append(Departure(node, rule, rest))

    @contextlib.contextmanager
    def _by(self, rule: str, where: str) -> Iterator[None]:
        """Takes what an error of the block says for a departure from a rule."""
        found: list[str] = []
        with noted(found, where):
            yield
        for text in found:
            self._depart(where, rule, text)

    # -- nodes

    def _enter(self, node: Any, where: str) -> bool:
        """Looks at how a node is stored; returns whether it was not looked at before."""
        check_interrupt()
        info = info_of(node, where)
        if info.address in self._known:
            self._depart(where, TREE, "is linked twice, or contains itself")
            return False
        self._known.add(info.address)
        self.nodes += 1
        with self._by(CONTAINER, where):
            for rule, attribute, what in node_findings(node, where):
                self._depart(f"{where}@{attribute}" if attribute else where, rule, what)
        return True

    def _group(self, group: CachedGroup, kind: str, owner: str) -> None:
        of_kind, where = _KINDS[kind], group.where()
        if not self._enter(group.gid, where):
            return
        with self._by(of_kind.rule, where):
            attributes = group.attributes(owner)
            named = (
                group.run_uuid() if kind == "run" else next((attributes[n] for n in _OWNERS if n in attributes), owner)
            )
            owner = str(named)
            own = {name: attributes.pop(name) for name in of_kind.attributes if name in attributes}
            self._missing(where, of_kind.rule, "attribute", set(of_kind.attributes) - own.keys())
            self._special(group, kind, attributes)
            if of_kind.model is not None:
                of_kind.model.from_attributes(attributes, where)
            elif not kind.startswith("view"):
                self._unknown(where, of_kind, attributes)
        with self._by(CONTAINER, where):
            names = group.names()
            self._missing(where, of_kind.rule, "member", set(of_kind.required) - set(names))
            for name in sorted(names, key=lambda name: name == layout.VIEW):  # it may link to what is looked at before
                with self._by(TREE, group.where(name)):
                    self._member(group, kind, name, owner)

    def _member(self, group: CachedGroup, kind: str, name: str, owner: str) -> None:
        where, of_kind = group.where(name), _KINDS[kind]
        if name.endswith(layout.CHECKSUMS_SUFFIX):
            if name.removesuffix(layout.CHECKSUMS_SUFFIX) not in group:
                self._depart(where, SUMS, "there is no dataset that these are checksums of")
            return
        found = next((member for pattern, member in _PATTERNS[kind] if pattern.match(name)), None)
        if found is None:
            self._other(where, of_kind, "member")
        elif found == "link":
            with self._by(OBJECT, where):
                linked_digest(group, name, self._root)
        elif found == "deleted":  # it is no part of the project
            self._enter(group.open(name), where)
        elif found == "object":
            self._object(group, name)
        elif found == "view of a part" and not group.is_group(name):
            self._shown(group, name, owner)
        elif group.is_group(name) == (_KINDS[found].columns is not None):
            self._depart(
                where, of_kind.rule, f"must not be a {'dataset' if _KINDS[found].columns is None else 'group'}"
            )
        elif group.is_group(name):
            self._group(group.group(name), found, owner)
        else:
            self._dataset(group, name, found, owner)

    def _object(self, group: CachedGroup, name: str) -> None:
        inner = group.group(name)
        kind = inner.path.split("/")[1]
        if not is_object_path(inner.path) or inner.attribute("object") != inner.path:
            self._depart(inner.where(), OBJECT, "the attribute 'object' is not its path")
        if kind in _KINDS:
            self._group(inner, kind, inner.path)
        elif self._takes_more:
            self.others.append(f"/{inner.path}")
        else:
            self._depart(inner.where(), OBJECT, f"the format has no objects of kind {kind!r}")

    def _dataset(self, group: CachedGroup, name: str, kind: str, owner: str) -> None:
        of_kind, where = _KINDS[kind], group.where(name)
        if not self._enter(group.open(name), where):
            return
        if kind == "catalogue":
            problems: list[str] = []
            catalogue_rows(self._session, problems)
            for problem in problems:
                self._depart(where, CATALOGUE, problem)
            return
        with self._by(CONTAINER, where):
            if kind in ("changes", "column", "deletions"):
                table = group.open_table(name)
                self._columns(where, of_kind, table.what.dtype)
                if kind == "column":
                    attributes = read_attributes(table.dsid, where)
                    self._unknown(where, of_kind, attributes)
                    form_from(attributes, table.what.dtype, where)
                return
            self._columns(where, of_kind, group.open_array(name).what.dtype)
            attributes = group.dataset_attributes(name)
            self._missing(where, of_kind.rule, "attribute", set(of_kind.attributes) - attributes.keys())
            self._unknown(where, of_kind, attributes)
            with self._by(SUMS, where):
                check_sums(group, name, owner)
            if kind in ("json", "text"):
                with self._by(TEXT, where):
                    data = document_of(group.plan(name, owner), group.fd)
                    if kind == "json":
                        self._references(group, where, tagged_json.loads(data, where))
                    else:
                        data.decode()

    def _shown(self, group: CachedGroup, name: str, owner: str) -> None:
        """Looks at a dataset in a view, which may be one of the run's own."""
        if info_of(group.open(name), group.where(name)).address in self._known:
            return
        self._enter(group.open(name), group.where(name))
        with self._by(SUMS, group.where(name)):
            check_sums(group, name, owner)

    def _columns(self, where: str, of_kind: _Kind, dtype: np.dtype[Any]) -> None:
        wanted = of_kind.columns
        if isinstance(wanted, str):
            if dtype.kind not in wanted:
                self._depart(where, of_kind.rule, f"has values of type {dtype}")
        elif wanted is not None:
            found = {column: dtype[column].str[1:] for column in dtype.names or ()}
            wanted = {column: one for column, one in wanted.items() if column in found or column != "outcome"}
            if found.keys() != wanted.keys() or not all(
                found[column].startswith(kind) for column, kind in wanted.items()
            ):
                self._depart(where, of_kind.rule, f"has the columns {found}, not {dict(wanted)}")

    def _references(self, group: CachedGroup, where: str, tree: Any) -> None:
        """Checks that all references in a document lead to members of its group."""
        todo, missing = [tree], read_missing(group, str(group.run_uuid()))
        known = {*group.names(), *(() if missing is None else missing.datasets)}
        while todo:
            one = todo.pop()
            if isinstance(one, dict) and one.get("$") == "reference":
                name = next(iter(one.get("to") or ()), None)
                if not isinstance(name, str) or name not in known:
                    self._depart(where, RESULT, f"refers to {name!r}, which is not there")
            todo += one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()

    def _special(self, group: CachedGroup, kind: str, attributes: Mapping[str, Any]) -> None:
        """Checks what only nodes of one kind have."""
        if kind == "root":
            uses = str(attributes.get("uses", "")).split()
            self._takes_more = bool(set(uses) - layout.FEATURES)
        elif kind == "attachments":
            for name in group.names():
                if not is_attachment_name(name):
                    self._depart(group.where(name), ATTACHMENT, "is not the name of an attachment")

    def _missing(self, where: str, rule: str, what: str, names: set[str]) -> None:
        for name in sorted(names):
            self._depart(where, rule, f"the {what} {name!r} is missing")

    def _unknown(self, where: str, of_kind: _Kind, attributes: Mapping[str, Any]) -> None:
        for name in sorted(attributes.keys() - {*of_kind.attributes, *of_kind.optional}):
            self._other(f"{where}@{name}", of_kind, "attribute")

    def _other(self, where: str, of_kind: _Kind, what: str) -> None:
        """Notes what the format does not name: that is allowed in some places, or where a feature explains it."""
        if of_kind.is_open or self._takes_more:
            self.others.append(where.removeprefix(f"{self._root.file}: "))
        else:
            self._depart(where, of_kind.rule, f"the format names no such {what} here")
