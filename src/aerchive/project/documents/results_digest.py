"""The digest of the results of a run alone: what was asked for, and what came out of it.

Two runs of the same study with the same seeds have the same digest, on whatever day and machine they ran. It covers

* the circuits, the noise model and the target, by their content, without the UUIDs that Qiskit gives to parameters;
* the parameter binds or pubs;
* the options of the backend, the run and the primitive, but those that say only how many threads and how much memory;
* the seed, the method and the shots that the simulator used, and the outcome;
* all values of the result, with their labels: counts in order of the bit strings, arrays by their stored digests.

Gates with expressions of several parameters are an exception: Qiskit writes such parameters in the order of random
numbers, so the digests of circuits that two processes have made may differ, and with them the digests of the results.

It does not cover times, hosts, versions, names, labels, job ids, messages and metadata. It is computed from digests in
the file when it is asked for, and no array is read. Decision 0041.
"""

from __future__ import annotations

import hashlib
import json
import re
import struct
from collections.abc import Iterator
from typing import Any, Final

from aerchive import layout
from aerchive.models.base import to_text
from aerchive.models.config import RunConfig
from aerchive.project.documents.record import read_own_record
from aerchive.storage.chunks.drafts import attribute_array
from aerchive.storage.chunks.group_reader import GroupReader
from aerchive.storage.chunks.missing import read_missing
from aerchive.storage.chunks.read_plan import value_dtype
from aerchive.storage.hdf5.objects import object_path
from aerchive.storage.hdf5.writer import NodeDigest

_WITHOUT_INFLUENCE: Final = frozenset(
    {
        *("max_parallel_threads", "max_parallel_experiments", "max_parallel_shots", "max_memory_mb", "executor"),
        *("max_job_size", "max_shot_size", "statevector_parallel_threshold", "num_threads_per_device"),
        *("noise_model", "job_tags", "job_name", "log_level"),
    }
)
"""Options that say only how the work is done; the noise model is covered by its content."""
_USED: Final = ("seed_simulator", "method", "precision", "shots")
_PARAMETERS: Final = ("parameter/1", "parameter_vector_element/1")
_ELEMENT: Final = re.compile(r"(.*)\[\d+\]", re.DOTALL)
_UUID_BYTES: Final = 16


def results_digest(group: GroupReader) -> str:
    """The digest of the results of a run, as SHA-256 in 64 hexadecimal digits.

    Args:
        group: The group of the run.

    Raises:
        FormatError: The run does not follow the format.
        IntegrityError: What is read of it is damaged.
    """
    record = read_own_record(group)
    owner, config = record.run_uuid, record.config
    inputs = json.loads(group.read_json(layout.INPUTS, owner)) if layout.INPUTS in group else None
    names = _parameter_names(inputs)
    for name in config.bound or ():
        element = _ELEMENT.fullmatch(name)
        names.add(name if element is None else element[1])
    covered = {
        "program": config.program,
        "outcome": record.status.outcome,
        "options": _options(config),
        "used": {name: to_text(config.used.get(name)) for name in _USED},
        "circuits": _circuits(group, names),
        "objects": {
            name: object_path(group.group(name)) for name in (layout.NOISE_MODEL, layout.TARGET) if name in group
        },
        "inputs": _without_uuids(inputs),
        "values": _values(group, owner),
        "counts": _counts(group, owner),
        "result": _data(group, owner),
    }
    text = json.dumps(covered, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _options(config: RunConfig) -> dict[str, str]:
    named = {**config.primitive_options, **config.options}
    return {name: to_text(value) for name, value in named.items() if name not in _WITHOUT_INFLUENCE}


def _values(group: GroupReader, owner: str) -> dict[str, str]:
    """Digests of the datasets with values, by name; of those that a run lacks as well."""
    missing = read_missing(group, owner)
    found = {} if missing is None else missing.digests
    others = (layout.RESULT, layout.INPUTS, layout.COUNTS, layout.PARAMETER_NAMES)
    for name in group.names():
        if not (name in others or name.endswith(layout.CHECKSUMS_SUFFIX) or group.is_group(name)):
            found[name] = node_digest(group, name, owner)
    return found


def node_digest(group: GroupReader, name: str, owner: str) -> str:
    """The digest of the node of a dataset of a run, from the stored digests of its chunks.

    Args:
        group: The group of the run.
        name: Name of the dataset.
        owner: UUID of the run.
    """
    attributes, what = group.dataset_attributes(name), group.describe(name)
    digest = NodeDigest(name)
    for key in sorted(attributes.keys() - layout.STORAGE_ATTRIBUTES):
        digest.attribute(key, attribute_array(attributes[key]))
    digest.content(value_dtype(what.dtype, attributes.get("dtype")), what.shape)
    plan = group.plan(name, owner)
    if plan.values is not None:
        digest.data(plan.values.tobytes())
    else:
        for one in group.digests(name):
            digest.data(one)
    return digest.hexdigest()


def _counts(group: GroupReader, owner: str) -> str:
    """The digest of the counts, whose order in the Result says nothing."""
    if layout.COUNTS not in group:
        return ""
    rows = group.read(layout.COUNTS, owner)
    return hashlib.sha256(b"".join(sorted(row.tobytes() for row in rows))).hexdigest()


def _data(group: GroupReader, owner: str) -> Any:
    """The values of each experiment as the document of the result has them, with their labels."""
    if layout.RESULT not in group:
        return None
    tree = json.loads(group.read_json(layout.RESULT, owner))
    experiments = tree.get("experiments") if isinstance(tree, dict) else None
    if not isinstance(experiments, list):
        return None
    return [one.get("data") if isinstance(one, dict) else None for one in experiments]


# -- parameters, to which Qiskit gives random UUIDs


def _walk(tree: Any) -> Iterator[dict[str, Any]]:
    todo = [tree]
    while todo:
        one = todo.pop()
        if isinstance(one, dict):
            yield one
            todo += one.values()
        elif isinstance(one, list):
            todo += one


def _parameter_names(tree: Any) -> set[str]:
    """The names of the parameters and vectors of a tree."""
    found = (one.get("name") or one.get("vector") for one in _walk(tree) if one.get("$") in _PARAMETERS)
    return {name for name in found if isinstance(name, str)}


def _without_uuids(tree: Any) -> Any:
    for one in _walk(tree):
        if one.get("$") in _PARAMETERS:
            one.pop("uuid", None)
    return tree


def _circuits(group: GroupReader, names: set[str]) -> str:
    """The digest of the circuits without the UUIDs of their parameters."""
    if layout.CIRCUITS not in group:
        return ""
    circuits = group.group(layout.CIRCUITS)
    path = object_path(circuits)
    if not names:
        return path.rpartition("/")[2]
    payload = circuits.read_bytes("qpy", path)
    known = {uuid: text for name in sorted(names) for uuid, text in _uuids(payload, name).items()}
    for uuid, text in known.items():
        payload = payload.replace(uuid, text)
    rest = _without_uuids(json.loads(circuits.read_bytes("aer", path)))
    digest = hashlib.sha256(payload)
    digest.update(json.dumps(rest, sort_keys=True).encode("ascii"))
    return digest.hexdigest()


def _uuids(payload: bytes, name: str) -> dict[bytes, bytes]:
    """The UUIDs that a payload of QPY has for the parameter or vector of a name, each with what takes its place.

    A parameter is the length of its name (2 bytes), its UUID and its name. An element of a vector is the length of the
    name of the vector (2 bytes), the length of the vector (8 bytes), its UUID and the name of the vector. UUIDs of the
    elements of a vector are successive numbers.
    """
    text = name.encode("utf-8", "surrogatepass")
    length, end = re.escape(struct.pack(">H", len(text))), re.escape(text)
    pattern = length + rb"(?:.{8})?(.{16})" + end
    found = sorted({int.from_bytes(uuid, "big") for uuid in re.findall(pattern, payload, re.DOTALL)})
    token = hashlib.sha256(text).digest()[: _UUID_BYTES // 2]
    return {
        one.to_bytes(_UUID_BYTES, "big"): token + ((one - found[0]) % 2**64).to_bytes(_UUID_BYTES // 2, "big")
        for one in found
    }
