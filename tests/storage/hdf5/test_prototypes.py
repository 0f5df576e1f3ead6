"""Groups that are copies of a prototype are as if they had been made one by one."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from aerchive.storage.chunks.drafts import AttributeValue, DatasetDraft, GroupDraft, ObjectDraft, text_dataset
from aerchive.storage.hdf5 import prototypes, writer
from tests.samples import CREATED, FOLDER, OWNER, everything, project_file


@pytest.fixture(autouse=True)
def copies(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the groups that were copied; no prototype is known at first."""
    made: list[str] = []
    real = prototypes.copied

    def noted(parent: Any, name: str, *arguments: Any) -> Any:
        found = real(parent, name, *arguments)
        if found is not None:
            made.append(name)
        return found

    monkeypatch.setattr("aerchive.storage.hdf5.writer.copied", noted)
    monkeypatch.setattr(prototypes._known, "forms", {})
    monkeypatch.setattr(prototypes._known, "root", None)
    return made


def write(path: Path, *drafts: GroupDraft) -> str:
    """Writes runs in one session; returns the path of the last."""
    with project_file(path).write(CREATED) as session:
        for number, draft in enumerate(drafts):
            session.write_run(FOLDER, f"run{number}", draft, OWNER)
    return f"{FOLDER}/run{len(drafts) - 1}"


def described(node: Any) -> dict[str, Any]:
    """All that stock h5py sees of a node, attributes with the bytes of their types and values."""
    found: dict[str, Any] = {}
    for name in node.attrs:
        attribute = h5py.h5a.open(node.id, name.encode())
        found[f"@{name}"] = attribute.get_type().encode(), attribute.shape, node.attrs[name].tobytes()
    if isinstance(node, h5py.Dataset):
        properties = node.id.get_create_plist()
        found[""] = node.id.get_type().encode(), node.shape, node.chunks, properties.get_layout(), node[()].tobytes()
        found["filters"] = [properties.get_filter(number) for number in range(properties.get_nfilters())]
        return found
    return found | {name: described(node[name]) for name in node}


def alone_and_copied(tmp_path: Path, before: GroupDraft, draft: GroupDraft) -> list[dict[str, Any]]:
    """A run written as the first of its form, and after two others of this form."""
    found = []
    for name, drafts in {"alone": [draft], "copied": [before, before, draft]}.items():
        prototypes._known.forms = {}
        run = write(tmp_path / f"{name}.h5", *drafts)
        with h5py.File(tmp_path / f"{name}.h5") as file:
            found.append(described(file[run]))
    return found


def test_a_copy_of_everything_is_the_same(tmp_path: Path, copies: list[str]) -> None:
    alone, copied = alone_and_copied(tmp_path, everything(), everything())
    assert copies == ["run1", "run2"]
    assert alone == copied


def point(attributes: dict[str, AttributeValue], *, angle: float = 0.5, counts: int = 3) -> GroupDraft:
    circuits = ObjectDraft("circuits", {"count": 1}, {"qpy": DatasetDraft([np.full(200, angle)])})
    return GroupDraft(
        {"job_id": "j", "seconds": angle, "title": "run: ok"},
        {"counts": DatasetDraft([np.arange(counts)]), "result": text_dataset(b'{"angle":%f}' % angle)},
        {
            "config": GroupDraft(attributes),
            "status": GroupDraft({"finished": f"{angle:.3f}"}, mutable=True),
            "view": GroupDraft(groups={"plot": GroupDraft(links={"y": "counts"})}, mutable=True),
        },
        {"circuits": circuits},
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(1, 2, id="an integer"),
        pytest.param(1, 2**63, id="an integer without sign"),
        pytest.param(1, True, id="one and the truth value"),
        pytest.param(0.0, -0.0, id="the sign of zero"),
        pytest.param(0.5, float("nan"), id="no number"),
        pytest.param("abc", "abd", id="a text of the same length"),
        pytest.param("abc", "a longer text", id="a longer text"),
        pytest.param("abc", "é", id="another character set"),
        pytest.param("abc", "x" * 40_000, id="a text that needs a dataset"),
        pytest.param(("x", "y"), ("x", "y", "z"), id="more texts"),
    ],
)
def test_what_differs_is_written(tmp_path: Path, before: AttributeValue, after: AttributeValue) -> None:
    alone, copied = alone_and_copied(
        tmp_path, point({"value": before, "other": 7}), point({"value": after, "other": 7})
    )
    assert alone == copied


@pytest.mark.parametrize("counts", [3, 4, 2000], ids="{} counts".format)
def test_values_and_shapes_may_differ(tmp_path: Path, counts: int) -> None:
    before, after = point({"a": 1}), point({"a": 1}, angle=-0.25, counts=counts)
    alone, copied = alone_and_copied(tmp_path, before, after)
    assert alone == copied


def test_the_first_of_a_form_is_not_copied_and_the_others_are(tmp_path: Path, copies: list[str]) -> None:
    write(tmp_path / "sweep.h5", *(point({"a": number}, angle=number / 7) for number in range(5)))
    assert [name for name in copies if name.startswith("run")] == ["run1", "run2", "run3", "run4"]
    assert len(copies) == 8  # and the objects


def test_forms_are_forgotten_when_they_are_too_many(
    tmp_path: Path, copies: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prototypes, "_MOST", 4)
    drafts = [dataclasses.replace(point({"a": 1}), objects={}) for _ in range(2)]
    others = [GroupDraft({f"n{number}": 1}) for number in range(6)]
    write(tmp_path / "many.h5", *drafts, *others, *drafts)
    assert copies == ["run1", "run9"]
    assert len(prototypes._known.forms) <= 4


def test_a_prototype_that_could_not_be_made_is_made_again(
    tmp_path: Path, copies: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = writer._prototype
    write(tmp_path / "first.h5", GroupDraft({"a": 1}))
    with monkeypatch.context() as patched:

        def fails(*arguments: Any) -> None:
            real(*arguments)
            raise MemoryError

        patched.setattr(writer, "_prototype", fails)
        with pytest.raises(MemoryError):
            write(tmp_path / "second.h5", GroupDraft({"a": 2}))

    write(tmp_path / "third.h5", GroupDraft({"a": 3}))

    assert copies == ["run0"]
