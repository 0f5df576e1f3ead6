"""Drafts as bytes: what a process leaves behind is what it had."""

from __future__ import annotations

import json

import numpy as np
import pytest

from aerchive.errors import FormatError
from aerchive.storage.draft_bytes import draft_from_bytes, draft_to_bytes
from aerchive.storage.nodes import DatasetDraft, GroupDraft, ObjectDraft, bytes_dataset, text_dataset

ODD = np.array([np.nan, -0.0, np.inf, 5e-324, 1 / 3, -1.0, 0.0, 2.0])
TABLE = np.array([(1, b"0x1", 7)], [("experiment", "<u4"), ("outcome", "S8"), ("count", "<i8")])
DRAFT = GroupDraft(
    {"text": "a\0\ud800ä", "whole": 2**63, "negative": -1, "real": float("inf"), "flag": True},
    {
        "complex": DatasetDraft([ODD.view(complex)]),
        "stacked": DatasetDraft([ODD.reshape(2, 4), ODD[::-1].reshape(2, 4).copy()], True, {"label": "ψ"}),
        "table": DatasetDraft([TABLE], attributes={"encoding": "counts", "encoding_version": 1}),
        "text": text_dataset(b'{"a":1}'),
        "bools": DatasetDraft([np.array([True, False])]),
        "bytes": bytes_dataset(b"\0\1"),
    },
    {"config": GroupDraft({"shots": 3}), "labels": GroupDraft({"name": "x"}, mutable=True)},
    {
        "circuits": ObjectDraft(
            "circuits",
            {"count": 1},
            {"qpy": bytes_dataset(b"QISKIT")},
            {"array_0": ObjectDraft("arrays", {"order": "C"}, {"data": DatasetDraft([ODD])})},
        )
    },
)


def flat(draft: GroupDraft) -> dict[str, object]:
    found: dict[str, object] = {"@": {k: int(v) if v is True else v for k, v in draft.attributes.items()}}
    for name, one in draft.datasets.items():
        found[name] = [(p.dtype, p.shape, p.tobytes()) for p in one.parts], one.stacked, dict(one.attributes)
    for name, group in draft.groups.items():
        found[name] = flat(group)
    for name, target in draft.objects.items():
        found[name] = target.digest, target.nbytes
    return {**found, "mutable": draft.mutable}


def test_a_draft_comes_back() -> None:
    assert flat(draft_from_bytes(draft_to_bytes(DRAFT), "here")) == flat(DRAFT)


def test_damaged_bytes_are_refused() -> None:
    data = draft_to_bytes(DRAFT)
    end = 8 + int.from_bytes(data[:8], "little")
    tree = json.loads(data[8:end])
    for damaged in (b"", data[:20], data[: end + 10], b"\xff" * 8 + data[8:]):
        with pytest.raises(FormatError, match="here: is not a draft of a run"):
            draft_from_bytes(damaged, "here")
    for dtype in ("|O", "<M8[s]", "nonsense", [["a", "|O"]]):
        tree["datasets"]["complex"]["dtype"] = dtype
        text = json.dumps(tree).encode()
        with pytest.raises(FormatError, match="is not a draft of a run"):
            draft_from_bytes(len(text).to_bytes(8, "little") + text + data[end:], "here")
    tree["datasets"]["complex"] |= {"dtype": "<c16", "shape": [-4]}
    text = json.dumps(tree).encode()
    with pytest.raises(FormatError, match="reaches over the end"):
        draft_from_bytes(len(text).to_bytes(8, "little") + text + data[end:], "here")
