"""All that a project shows, to aerchive and to stock h5py."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from h5py import h5a, h5d, h5g, h5o

from aerchive import layout
from aerchive.models import catalogue
from aerchive.project.catalogue.table import read_rows
from aerchive.project.documents.record import read_record
from aerchive.project.project import Project
from aerchive.storage.chunks.group_reader import GroupReader
from tests.drafts import Model, Values, project_at, type_name


def project_view(path: Path | Project, jobs: Collection[str] | None = None) -> Model:
    """What aerchive shows, of these jobs or all; each row of the catalogue must be the one that its run gives."""
    project = path if isinstance(path, Project) else project_at(path)
    found: Model = {}
    with project.file.read() as session:
        for row in read_rows(session):
            if row["deleted"] or (jobs is not None and catalogue.row_text(row, "job_id") not in jobs):
                continue
            where = catalogue.row_text(row, "path")
            group = session.root.group(f"{layout.RUNS}/{where}")
            record = read_record(group)
            _check_row(row, catalogue.make_row(record, where, int(row["nbytes"]))[0])
            assert record.job_id not in found, f"{record.job_id} is there twice"
            when = dict.fromkeys(("history", "stamps", "tag_marks"))  # when and by whom is not in the model
            labels = record.labels.model_copy(update=when)
            found[record.job_id] = record.model_copy(update={"labels": labels}), _values(group, record.run_uuid)
            _touch_objects(group)
    return found


def _check_row(row: Any, expected: Any) -> None:
    """Parameters are a mapping: their order in the row is free."""
    for column in catalogue.DTYPE.names or ():
        if column == "params" and not catalogue.is_cut(row, "params"):
            texts = [catalogue.row_text(either, "params") or "{}" for either in (row, expected)]
            assert json.loads(texts[0]) == json.loads(texts[1])
        elif column not in ("params", "crc32"):
            assert row[column].tobytes() == expected[column].tobytes(), f"{column} of {row['job_id']} is another"


def _values(group: GroupReader, owner: str) -> Values:
    found: Values = {}
    for name in group.names():
        if name in (layout.RESULT, layout.COUNTS, "statevector", "noise"):
            value = group.read(name, owner)
            found[name] = type_name(value.dtype), value.shape, value.tobytes()
    for attached in group.group(layout.ATTACHMENTS).names() if layout.ATTACHMENTS in group else ():
        one = group.group(f"{layout.ATTACHMENTS}/{attached}")
        value = one.read("array", str(one.attribute(layout.ATTACHMENT_UUID)))
        found[f"{layout.ATTACHMENTS}/{attached}"] = type_name(value.dtype), value.shape, value.tobytes()
    return found


def _touch_objects(group: GroupReader) -> None:
    if layout.CIRCUITS in group:
        circuits = group.group(layout.CIRCUITS)
        owner = str(circuits.attributes()["object"])
        assert circuits.read_bytes("qpy", owner) == b"q" * 300


StockView = dict[str, str]
"""Digest of each node by its path; of the catalogue and its list of changes, each row."""


def stock_view(path: Path) -> StockView:
    """What stock h5py shows, all nodes, attributes and values being read.

    Raises:
        OSError: HDF5 does not open the file.
    """
    found: StockView = {}
    with h5py.File(path, "r") as file:
        _walk(h5g.open(file.id, b"/"), "", found)
    return found


def _walk(gid: h5g.GroupID, path: str, found: StockView) -> None:
    found[path or "/"] = _attributes(gid).hexdigest()
    for name in gid:
        child = h5o.open(gid, name)
        where = f"{path}/{name.decode()}"
        if isinstance(child, h5g.GroupID):
            _walk(child, where, found)
        else:
            digest, values = _attributes(child), _dataset(child)
            if where in (f"/{layout.CATALOGUE}", f"/{layout.CATALOGUE}{layout.CHANGES_SUFFIX}"):  # both only grow
                found |= {f"{where}[{i}]": row.tobytes().hex() for i, row in enumerate(values)}
                digest.update(str(values.dtype).encode())
            else:
                digest.update(f"{values.dtype.descr}{values.shape}".encode() + values.tobytes())
            found[where] = digest.hexdigest()


def _attributes(oid: Any) -> Any:
    digest = hashlib.sha256()
    for index in range(h5a.get_num_attrs(oid)):
        attribute = h5a.open(oid, index=index)
        value = np.empty(attribute.shape, attribute.dtype)
        attribute.read(value)
        digest.update(attribute.name + str(attribute.dtype).encode() + value.tobytes())
    return digest


def _dataset(dsid: h5d.DatasetID) -> np.ndarray:
    value = np.empty(dsid.shape, dsid.dtype)
    if value.size:
        dsid.read(h5py.h5s.ALL, h5py.h5s.ALL, value)
    return value


def stock_values(path: Path, last: int = 0) -> dict[str, Values]:
    """Values of each run, or of the last ones, by job id, read as a user of h5py would."""
    found: dict[str, Values] = {}
    with h5py.File(path, "r") as file:
        for row in file[layout.CATALOGUE][-last or None :]:
            if row["deleted"]:
                continue
            group = file[layout.RUNS][row["path"].decode()]
            nodes = dict(group.items())
            for name, one in group.get(layout.ATTACHMENTS, {}).items():
                nodes[f"{layout.ATTACHMENTS}/{name}"] = one["array"]
            found[row["job_id"].decode()] = {
                name: (type_name(node.dtype), node.shape, np.asarray(node[()]).tobytes())
                for name, node in nodes.items()
                if isinstance(node, h5py.Dataset) and not name.endswith(layout.CHECKSUMS_SUFFIX)
            }
    return found
