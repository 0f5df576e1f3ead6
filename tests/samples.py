"""What the tests of the storage floor write: a project file, and drafts with everything the format has."""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path
from typing import Any

import numpy as np

from aerchive.models.catalogue import DTYPE
from aerchive.storage.chunks.drafts import DatasetDraft, GroupDraft, ObjectDraft, text_dataset
from aerchive.storage.file import ProjectFile

CREATED = "2026-11-22T21:30:45.123456Z"
FOLDER = "runs/2026-11-22"
RUN = f"{FOLDER}/run"
OWNER = "6f1b2c3d-0000-4000-8000-000000000001"


def project_file(path: Path, lock_timeout_s: float = 0.1) -> ProjectFile:
    return ProjectFile(path, lock_timeout_s=lock_timeout_s, catalogue_dtype=DTYPE, created_by="aerchive test")


def write_run(path: Path, draft: GroupDraft, name: str = "run", owner: str = OWNER) -> None:
    with project_file(path).write(CREATED) as session:
        session.write_run(FOLDER, name, draft, owner)


def read_values(path: Path, name: str, key: object = ..., run: str = RUN, owner: str = OWNER) -> np.ndarray:
    with project_file(path).read() as session:
        return session.root.group(run).read(name, owner, key)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def float_of(bits: int) -> float:
    return float(struct.unpack(">d", struct.pack(">Q", bits))[0])


def noise(nbytes: int, seed: int = 0) -> np.ndarray:
    """Bytes that no filter makes fewer."""
    return np.random.default_rng(seed).integers(0, 256, nbytes, dtype=np.uint8)


ATTRIBUTES: dict[str, Any] = {
    "true": True,
    "false": False,
    "zero": 0,
    "least": -(2**63),
    "most": 2**63 - 1,
    "unsigned": 2**63,
    "most_unsigned": 2**64 - 1,
    "half": 0.5,
    "minus_zero": -0.0,
    "infinite": float("-inf"),
    "nan": float_of(0x7FF8000000000000),
    "nan_with_payload": float_of(0x7FF8DEADBEEF0001),
    "smallest": 5e-324,
    "plain": "statevector",
    "empty": "",
    "unicode": "Ångström 😀",
    "nul": "a\0b\0",
    "surrogate": "a\ud800",
    "backslash": "C:\\users",
    "at_the_limit": "x" * 32_000,
    "long": "y" * 32_001,
    "long_unicode": "é" * 40_000,
    "long_nul": "\0" * 20_000,
    "name with spaces/and more".replace("/", "."): 1,
    "ключ": "é",
}
"""One of each kind of attribute."""

DATASETS: dict[str, list[np.ndarray]] = {
    "bool": [np.array([True, False, True])],
    "bool_chunked": [np.arange(2000) % 3 == 0],
    "bool_0d": [np.array(True)],
    "u8": [np.arange(256, dtype=np.uint8)],
    "i2": [np.arange(-600, 600, dtype=np.int16)],
    "u8_64": [np.array([0, 2**64 - 1], np.uint64)],
    "i8": [np.array([-(2**63), 2**63 - 1])],
    "f2": [np.array([0.5, np.inf, np.nan], np.float16)],
    "f4": [np.linspace(0, 1, 1000, dtype=np.float32)],
    "f8_0d": [np.array(3.5)],
    "nan_payloads": [np.array([0x7FF8DEADBEEF0001, 0xFFF0000000000001, 1], np.uint64).view(np.float64)],
    "c8": [np.array([1 + 2j, complex(-0.0, np.nan)], np.complex64)],
    "c16": [np.exp(1j * np.arange(300))],
    "empty": [np.empty(0)],
    "empty_2d": [np.empty((0, 3), np.complex128)],
    "zeros_compact": [np.zeros(10)],
    "zeros_chunked": [np.zeros((40, 40))],
    "zeros_many_chunks": [np.zeros(300_000)],
    "noise": [noise(5000)],
    "noise_many_chunks": [noise(2**20 + 2**19).reshape(3, -1)],
    "some_chunks_zero": [np.concatenate([np.zeros(2**17), np.arange(2**17), np.zeros(2**16)])],
    "over_the_edge": [np.arange(3 * 150_001.0).reshape(3, 150_001)],
    "fortran": [np.asfortranarray(np.arange(600.0).reshape(20, 30)).T],
    "at_1024": [np.arange(128.0)],
    "above_1024": [np.arange(129.0)],
    "stacked": [np.arange(400.0) + i for i in range(5)],
    "stacked_small": [np.full((2, 2), i + 1j) for i in range(4)],
    "stacked_large": [np.arange(100_000.0) + i for i in range(3)],
    "stacked_larger": [np.arange(200_000.0) - i for i in range(2)],
    "text": [np.array([b"0x0", b"0x1f", "é".encode()], "S5")],
    "table": [np.array([(1, b"00", 5), (2, b"11", -1)], [("experiment", "<u4"), ("outcome", "S2"), ("count", "<i8")])],
    "long_table": [np.array([(i, b"%x" % i) for i in range(400)], [("experiment", "<u4"), ("outcome", "S8")])],
}
"""One of each kind of dataset; more than one part is stacked."""


def dataset(parts: list[np.ndarray]) -> DatasetDraft:
    return DatasetDraft(parts, stacked=len(parts) > 1, attributes={"kind": "sample", "number": len(parts)})


def expected(parts: list[np.ndarray]) -> np.ndarray:
    """What is read back: truth values are bytes."""
    value = np.stack(parts) if len(parts) > 1 else parts[0]
    return value.view(np.uint8) if value.dtype.kind == "b" else value


def everything() -> GroupDraft:
    """A run with one of each kind of attribute, dataset, group and object."""
    shared = ObjectDraft(
        "circuits",
        {"encoding": "circuits", "encoding_version": 1, "names": "z" * 33_000},
        {"qpy": dataset([noise(3000)]), "aer": text_dataset(b'{"a":1}')},
    )
    return GroupDraft(
        attributes={"job_id": "j"},
        datasets={name: dataset(parts) for name, parts in DATASETS.items()}
        | {"result": text_dataset(b'{"fields":{}}'), "long_result": text_dataset(b"[" + b"1," * 20_000 + b"1]")},
        groups={
            "seal": GroupDraft({"encoding": "run", "encoding_version": 1, "run_uuid": OWNER}),
            "attributes": GroupDraft(ATTRIBUTES),
            "labels": GroupDraft({"name": "n", "notes": "m" * 33_000}, mutable=True),
            "deep": GroupDraft(groups={"deeper": GroupDraft({"a": 1}, {"x": dataset([np.arange(500)])})}),
        },
        objects={"circuits": shared},
    )
