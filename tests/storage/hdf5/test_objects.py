"""Objects that link objects: their digests, what is on disk, copies, and links that lead elsewhere."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from aerchive.errors import FormatError, UnsafeContentError
from aerchive.storage.chunks.drafts import DatasetDraft, GroupDraft, ObjectDraft
from aerchive.storage.chunks.group_reader import GroupReader
from aerchive.storage.hdf5.objects import object_path
from aerchive.storage.hdf5.transfer import object_draft
from aerchive.storage.hdf5.verify import GroupVerifier, object_problems
from tests.samples import OWNER, RUN, noise, project_file, write_run


def array(seed: int = 0, nbytes: int = 3000) -> ObjectDraft:
    return ObjectDraft("arrays", {"order": "C"}, {"data": DatasetDraft([noise(nbytes, seed)])})


def circuits(*arrays: ObjectDraft, **attributes: Any) -> ObjectDraft:
    links = {f"array_{number}": draft for number, draft in enumerate(arrays)}
    return ObjectDraft("circuits", {"count": 1, **attributes}, {"qpy": DatasetDraft([noise(50)])}, links)


def run_of(circuits: ObjectDraft) -> GroupDraft:
    return GroupDraft(objects={"circuits": circuits})


def problems(path: Path) -> list[str]:
    found = []
    with project_file(path).read() as session:
        for run in session.root.group(RUN.rpartition("/")[0]).groups():
            verifier = GroupVerifier(run, OWNER, session.root)
            found += list(verifier.problems(frozenset(), frozenset({"circuits"})))
        for kind in session.root.group("objects").groups():
            for head in kind.groups():
                for name in head.names():
                    where = f"{head.path}/{name}"
                    found += object_problems(session.root.group(where), where.split("/")[1], session.root)
    return found


def test_the_digest_is_that_of_the_format() -> None:
    draft, linked = circuits(array()), array().digest

    content = b"circuits|@count|<i8|" + (1).to_bytes(8, "little")
    content += b"|qpy|[('', '|u1')]|(50,)|" + noise(50).tobytes() + f"|>array_0|{linked}|".encode()
    assert draft.digest == hashlib.sha256(content).hexdigest()[:40]


@pytest.mark.parametrize("other", [circuits(), circuits(array(1)), circuits(array(), array(1))])
def test_other_links_are_another_object(other: ObjectDraft) -> None:
    assert other.digest != circuits(array()).digest


def test_what_is_shared_is_stored_once(tmp_path: Path) -> None:
    path = tmp_path / "p.h5"
    write_run(path, run_of(circuits(array())))
    size = path.stat().st_size
    write_run(path, run_of(circuits(array(), array(), name="second")), "second")
    write_run(path, run_of(circuits(array())), "third")

    assert path.stat().st_size - size < 5000
    with h5py.File(path, "r") as file:
        (stored,) = (node for head in file["objects/arrays"].values() for node in head.values())
        assert len([name for head in file["objects/circuits"].values() for name in head]) == 2
        second = file[f"{RUN.rpartition('/')[0]}/second/circuits"]
        assert second["array_0"] == second["array_1"] == file[f"{RUN}/circuits/array_0"] == stored
        assert second["array_0"].attrs["object"].decode() == array().path
        assert second["array_0/data"][...].tobytes() == noise(3000).tobytes()
    assert problems(path) == []


def test_an_object_with_a_long_attribute_is_what_its_name_says(tmp_path: Path) -> None:
    path, draft = tmp_path / "p.h5", circuits(names="é" * 20_000)
    write_run(path, run_of(draft))

    assert problems(path) == []
    with project_file(path).read() as session:
        copy = object_draft(session.root.group(f"{RUN}/circuits"), {})
        assert copy.digest == draft.digest == object_path(session.root.group(f"{RUN}/circuits")).rpartition("/")[2]


def test_a_copy_has_all_links(tmp_path: Path) -> None:
    path, other = tmp_path / "p.h5", tmp_path / "other.h5"
    write_run(path, run_of(circuits(array(), array(1))))

    with project_file(path).read() as session:
        known: dict[str, ObjectDraft] = {}
        draft = object_draft(session.root.group(f"{RUN}/circuits"), known)
        assert object_draft(session.root.group(f"{RUN}/circuits"), known) is draft
        assert set(known) == {circuits(array(), array(1)).path, array().path, array(1).path}
        write_run(other, run_of(draft))

    assert problems(other) == []
    with h5py.File(other, "r") as file:
        assert file[f"{RUN}/circuits/array_1/data"][...].tobytes() == noise(3000, 1).tobytes()


def relink(path: Path, name: str, target: str) -> None:
    with h5py.File(path, "r+") as file:
        del file[name]
        file[name] = file[target]


def test_a_link_to_another_array_is_found(tmp_path: Path) -> None:
    path, draft = tmp_path / "p.h5", circuits(array())
    write_run(path, run_of(circuits(array(1), name="other")), "other")
    write_run(path, run_of(draft))
    relink(path, f"{draft.path}/array_0", array(1).path)

    (problem,) = problems(path)

    assert problem == f"{path}: /{draft.path}: its content does not match its name, which is a digest of it"


@pytest.mark.parametrize("where", ["objects", "run"])
def test_a_link_to_a_forged_object_is_found(where: str, tmp_path: Path) -> None:
    path, draft = tmp_path / "p.h5", circuits(array())
    write_run(path, run_of(draft))
    name, right = (f"{draft.path}/array_0", array().path) if where == "objects" else (f"{RUN}/circuits", draft.path)
    with h5py.File(path, "r+") as file:
        file.copy(file[right], "forged")
        forged = file[f"forged/{'data' if where == 'objects' else 'qpy'}"]
        forged[0] = forged[0] ^ 1
    relink(path, name, "forged")

    found = problems(path)

    assert f"{path}: /{name}: says that it is /{right}, and is not; restore it from a copy" in found


@pytest.mark.parametrize(
    "path_in_file", ["circuits", "objects/circuits/ab/" + "cd" * 20, "objects/x/../" + "ab" * 20, 5, None]
)
def test_what_is_no_object_is_refused(path_in_file: Any, tmp_path: Path) -> None:
    path = tmp_path / "p.h5"
    write_run(path, run_of(circuits()))
    with h5py.File(path, "r+") as file:
        del file[f"{RUN}/circuits"].attrs["object"]
        if path_in_file is not None:
            value = path_in_file if isinstance(path_in_file, int) else np.bytes_(path_in_file)
            file[f"{RUN}/circuits"].attrs["object"] = value

    with project_file(path).read() as session:
        group: GroupReader = session.root.group(f"{RUN}/circuits")
        with pytest.raises(FormatError, match=r"/circuits: is not a shared object; its path would be "):
            object_draft(group, {})
    assert any("is not a shared object" in problem for problem in problems(path))


def test_objects_that_link_themselves_are_refused(tmp_path: Path) -> None:
    path, draft = tmp_path / "p.h5", circuits(array())
    write_run(path, run_of(draft))
    relink(path, f"{draft.path}/array_0", draft.path)

    with project_file(path).read() as session, pytest.raises(UnsafeContentError, match="link objects more than 2 deep"):
        object_draft(session.root.group(f"{RUN}/circuits"), {})
    assert any("does not match its name" in problem for problem in problems(path))


def view_of(number: int = 1) -> GroupDraft:
    parts = {f"part_{k}": GroupDraft({"number": k}, {"text": DatasetDraft([noise(2000, k)])}) for k in range(number)}
    return GroupDraft({"title": "what it is"}, {"text": DatasetDraft([noise(100)])}, parts, mutable=True)


def test_a_view_is_no_part_of_the_digest_and_goes_along_in_copies(tmp_path: Path) -> None:
    path, other = tmp_path / "p.h5", tmp_path / "other.h5"
    draft = dataclasses.replace(circuits(array()), view=view_of)
    assert draft.path == circuits(array()).path
    write_run(path, run_of(draft))

    with project_file(path).read() as session:
        write_run(other, run_of(object_draft(session.root.group(f"{RUN}/circuits"))))

    for one in (path, other):
        assert problems(one) == []
        with h5py.File(one, "r") as file:
            view = file[draft.path]["view"]
            assert view.attrs["title"] == b"what it is"
            assert "sha256" not in view["part_0"].attrs
            assert view["part_0/text"][...].tobytes() == noise(2000, 0).tobytes()
    with h5py.File(other, "r+") as file:
        file[draft.path]["view/part_0"].attrs["number"] = 5
    (problem,) = problems(other)
    assert problem.endswith("/view: its digest does not match: something in it was changed")


def test_a_view_is_made_only_for_a_new_object(tmp_path: Path) -> None:
    made = []

    def make() -> GroupDraft:
        made.append(1)
        return view_of()

    for name in ("one", "two"):
        write_run(tmp_path / "p.h5", run_of(dataclasses.replace(circuits(), view=make)), name)

    assert made == [1]
