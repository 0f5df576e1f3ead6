"""Values attached to runs and to the project: each comes back as it was, from a commit of its own."""

from __future__ import annotations

import datetime
import enum
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qiskit.quantum_info import Clifford, DensityMatrix, Operator, Statevector, random_clifford

import aerchive
from aerchive import AttachedFile
from aerchive.errors import (
    AlreadyExistsError,
    IntegrityError,
    InvalidInputError,
    NotFoundError,
    ProjectLockedError,
    ReadOnlyError,
    TransactionError,
    UnsafeContentError,
    UnsupportedTypeError,
)
from aerchive.limits import Limits, limits, use_limits
from aerchive.models.status import RunStatus
from aerchive.project.catalogue.table import read_rows, run_path
from aerchive.project.writing.runs import stored_draft, write_drafts
from aerchive.times import now
from tests.drafts import draft_of, job_id, project_at
from tests.holding import held
from tests.jobs import make_result, run_stock

Reopen = Callable[[], aerchive.Project]


class Kind(enum.Enum):
    A = 1


GRID = np.arange(300_000.0).reshape(500, 600)


@pytest.fixture
def run(project: aerchive.Project) -> aerchive.Run:
    return project.save(make_result(), name="first")


VALUES: dict[str, Any] = {
    "text": "Größe: ħω\n",
    "empty text": "",
    "odd text": "nul \0, surrogate \ud800, backslash \\0",
    "long text": "0123456789" * 10_000,
    "bytes": bytes(range(256)),
    "bytes that end with zero": b"abc\0\0",
    "no bytes": b"",
    "many bytes": b"\0" * 3_000_000,
    "number": 2.5,
    "none": None,
    "large integer": 7**3000,
    "complex": complex(1, -0.0),
    "numpy scalar": np.float32(0.1),
    "dictionary of numbers": {"a": 1.0, "b": 2.0},
    "nested": {"fit": {"tau": 2e-5, "names": ["x", "y"]}, (1, 2): {3, 4}, "when": datetime.datetime(2026, 1, 2)},
    "looks like a reference": {"$": "reference", "to": ["array", None]},
    "statevector": Statevector([0.6, 0.8j]),
    "density matrix": DensityMatrix([[0.5, 0], [0, 0.5]]),
    "operator": Operator([[0, 1], [1, 0]]),
    "clifford": random_clifford(3, seed=1),
    "list of objects": [Statevector([1, 0]), Operator([[1, 0], [0, 1]])],
}


@pytest.mark.parametrize("name", VALUES)
def test_a_value_comes_back_equal_and_of_the_same_type(run: aerchive.Run, reopen: Reopen, name: str) -> None:
    value = VALUES[name]
    run.attach("it", value)
    found = reopen().latest().attachments["it"]
    assert type(found) is type(value)
    assert found == value
    assert repr(found) == repr(value)
    assert reopen().verify().ok


@pytest.mark.parametrize("compression", ["portable", "none", "fast", "small"])
def test_every_profile_of_compression(path: Path, compression: Any) -> None:
    project = aerchive.open(path, compression=compression)
    project.save(make_result()).attach("it", GRID)
    project.attach("it", GRID)
    for _ in range(2):
        assert np.array_equal(aerchive.open(path).latest().attachments["it"], GRID)
        assert np.array_equal(aerchive.open(path).attachments["it"], GRID)
        assert project.verify().ok
        project.compact(force=True)


ARRAYS = {
    "large": GRID,
    "fortran": np.asfortranarray(GRID),
    "complex": np.exp(1j * np.arange(5)),
    "truth values": np.array([True, False]),
    "transposed": np.arange(24).reshape(2, 3, 4).transpose(2, 0, 1),
    "zeros": np.zeros(400_000),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_an_array_is_lazy_and_keeps_its_bits(run: aerchive.Run, reopen: Reopen, name: str) -> None:
    value = ARRAYS[name]
    run.attach("it", value)
    found = reopen().latest().attachments["it"]
    assert type(found) is aerchive.StoredArray
    assert (found.shape, found.dtype) == (value.shape, value.dtype)
    assert found[...].tobytes() == value.tobytes()
    assert found[...].flags.f_contiguous == value.flags.f_contiguous
    assert found[-1].tobytes() == value[-1].tobytes()
    assert pickle.loads(pickle.dumps(found))[...].tobytes() == value.tobytes()
    assert reopen().verify().ok


SMALL = {"0-d": np.array(2.5), "text": np.array(["a", "bc"]), "empty": np.zeros((0, 3))}


@pytest.mark.parametrize("value", SMALL.values(), ids=SMALL)
def test_an_array_that_is_not_a_dataset_is_read_whole(run: aerchive.Run, value: np.ndarray[Any, Any]) -> None:
    run.attach("it", value)
    found = run.attachments["it"]
    assert type(found) is np.ndarray
    assert (found.dtype, found.shape, found.tobytes()) == (value.dtype, value.shape, value.tobytes())


def test_arrays_inside_of_other_values(run: aerchive.Run) -> None:
    run.attach("it", {"x": np.arange(5), "fits": [GRID, np.arange(3)], "clifford": Clifford([[1, 0, 0], [0, 1, 0]])})
    found = run.attachments["it"]
    assert np.array_equal(found["x"], np.arange(5))
    assert np.array_equal(found["fits"][0], GRID)
    assert np.array_equal(found["fits"][1], np.arange(3))


def test_only_the_chunks_of_a_slice_are_read(run: aerchive.Run, path: Path) -> None:
    noise = np.random.default_rng(1).random(GRID.shape)
    run.attach("it", noise)
    found = run.attachments["it"]
    assert found.chunks[0] < noise.shape[0]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1  # in the middle of what was attached
    path.write_bytes(content)
    whole = [_is_same(found, noise, row) for row in range(0, 500, 20)]
    assert 0 < whole.count(False) < len(whole)
    assert any("attachments/it/array" in problem for problem in aerchive.open(path, "r").verify().problems)


def _is_same(found: aerchive.StoredArray, values: np.ndarray[Any, Any], row: int) -> bool:
    try:
        return np.array_equal(found[row], values[row])
    except IntegrityError:
        return False


def test_a_file_by_its_path(run: aerchive.Run, tmp_path: Path, reopen: Reopen) -> None:
    file = tmp_path / "größe 1.pdf"
    file.write_bytes(b"%PDF" * 1000)
    run.attach("figure.pdf", file)
    found = reopen().latest().attachments["figure.pdf"]
    assert found == AttachedFile("größe 1.pdf", file.read_bytes())
    folder = tmp_path / "out"
    folder.mkdir()
    assert found.save(folder).read_bytes() == file.read_bytes()
    with pytest.raises(AlreadyExistsError, match="exists; choose another folder"):
        found.save(folder)
    run.attach("again", found)
    assert run.attachments["again"] == found
    assert repr(found) == "AttachedFile('größe 1.pdf', 4000 bytes)"


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (Path("missing"), NotFoundError, "missing: no such file"),
        (Path("/"), InvalidInputError, "/: is a folder; give the path of one file"),
        (Path("/dev/null"), InvalidInputError, "/dev/null: is a pipe or a device"),
        (AttachedFile("../x", b""), InvalidInputError, "'../x' is not the name of a file"),
        (AttachedFile("a\x1b", b""), InvalidInputError, "is not the name of a file"),
        (object(), UnsupportedTypeError, "value: no codec for builtins.object"),
        ({"a": [1, {object}]}, UnsupportedTypeError, "value\\['a'\\]\\[1\\]"),
        ({"a": Kind.A}, UnsupportedTypeError, "Kind is an Enum, which no file can name; attach its value or name"),
        ([np.zeros(2), object()], UnsupportedTypeError, "value\\[1\\]: no codec"),
    ],
    ids=["missing", "folder", "device", "path", "escape", "object", "class in a set", "Enum", "object in a list"],
)
def test_what_cannot_be_attached_changes_nothing(
    run: aerchive.Run, path: Path, value: Any, error: type[Exception], text: str
) -> None:
    before = path.read_bytes()
    with pytest.raises(error, match=text):
        run.attach("it", value)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "name",
    [
        *("", " ", " a", "a ", ".", "..", ".hidden", "a/b", "/", "a\\b", "a\nb", "a\0", "\x1b[2J", "größe", "\ud800"),
        *("x" * 101, "long.a", "a.checksums"),
    ],
    ids=ascii,
)
def test_names_that_are_refused(run: aerchive.Run, path: Path, name: str) -> None:
    before = path.read_bytes()
    with pytest.raises(InvalidInputError, match="cannot be the name of an attachment: a name has 1 to 100 characters"):
        run.attach(name, 1)
    with pytest.raises(NotFoundError, match="no attachment"):
        run.attachments[name]
    assert name not in run.attachments
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "name", ["a", "x" * 100, "T1 (q0), J=0.5.svg", "~", "status", "sha256", "replacement", "value"]
)
def test_names_that_are_taken(run: aerchive.Run, project: aerchive.Project, name: str) -> None:
    run.attach(name, 1)
    project.attach(name, 2)
    assert (run.attachments[name], project.attachments[name]) == (1, 2)
    assert project.verify().ok
    run.attach(name, np.arange(3), replace=True)
    run.detach(name)
    project.detach(name)
    assert (list(run.attachments), list(project.attachments)) == ([], [])
    assert project.verify().ok


def test_a_name_that_is_there(run: aerchive.Run, project: aerchive.Project) -> None:
    for holder in (run, project):
        holder.attach("it", GRID)
        before = holder.attachments["it"]
        with pytest.raises(
            AlreadyExistsError, match="there is an attachment 'it' already; replace=True \\(--replace\\) replaces it"
        ):
            holder.attach("it", 2)
        assert np.array_equal(holder.attachments["it"], GRID)
        holder.attach("it", GRID + 1, replace=True)
        assert np.array_equal(holder.attachments["it"], GRID + 1)
        with pytest.raises(NotFoundError, match="attachments/it: was replaced; ask for the attachment again"):
            before[0]
        now = holder.attachments["it"]
        holder.detach("it")
        with pytest.raises(NotFoundError, match="attachments/it: the attachment was removed"):
            now[0]
        with pytest.raises(NotFoundError, match="attachments/it: no such attachment"):
            holder.detach("it")
    assert project.verify().ok


def test_the_mapping(run: aerchive.Run, project: aerchive.Project) -> None:
    assert (len(run.attachments), dict(project.attachments)) == (0, {})
    assert repr(run.attachments) == f"{project.path}: run made-by-hand: no attachments"
    run.attach("populations", GRID)
    run.attach("fit", {"tau": 2.5})
    run.attach("note", "a note")
    run.attach("state", Statevector([1, 0]))
    assert list(run.attachments) == ["fit", "note", "populations", "state"]
    assert ("fit" in run.attachments, "fits" in run.attachments, len(run.attachments)) == (True, False, 4)
    assert run.attachments.get("fits") is None
    with pytest.raises(NotFoundError, match="no attachment 'fits'; there are 'fit'"):
        run.attachments["fits"]
    lines = [line.rsplit("  ", 1)[0].rstrip() for line in repr(run.attachments).splitlines()]
    assert lines == [
        "name         kind         shape    dtype     size",
        "───────────  ───────────  ───────  ─────  ───────",
        "fit          json                            11 B",
        "note         text                             6 B",
        "populations  array        500×600  <f8    2.3 MiB",
        "state        statevector  2        <c16     210 B",
    ]
    (row,) = (row for row in run.attachments.table() if row.name == "populations")
    assert repr(run.attachments["populations"]) == (
        "<StoredArray shape=(500, 600) dtype=float64 of attachment populations>"
    )
    assert (row.kind, row.shape, row.dtype, row.filename) == ("array", (500, 600), "<f8", None)
    assert row.nbytes >= GRID.nbytes


def test_the_run_stays_as_it_was(path: Path) -> None:
    project = aerchive.open(path)
    run = project.save(run_stock())
    before = run.core_sha256, run.nbytes, run.record
    run.attach("fit", GRID)
    run = aerchive.open(path)[run.job_id]
    assert (run.core_sha256, run.nbytes, run.record) == before
    assert run.reproduce().verdict == "identical"
    assert project.rebuild_catalogue().changed == 0
    assert project.verify().ok


def test_the_project_has_attachments_before_it_has_runs(project: aerchive.Project, path: Path) -> None:
    assert not project.attachments
    assert not path.exists()
    project.attach("plan", {"points": [1, 2, 3]})
    assert project.attachments["plan"] == {"points": [1, 2, 3]}
    assert (len(project), project.verify().ok) == (0, True)


def test_neither_text_nor_arrays_nor_json_need_qiskit(path: Path) -> None:
    program = f"""
import sys, numpy as np, aerchive
project = aerchive.open({str(path)!r})
for name, value in dict(array=np.arange(5), text="x", json={{"a": [1.5, None]}}, data=b"x").items():
    project.attach(name, value)
print(project.attachments, project.attachments["array"][2], project.attachments["json"], project.attachments["text"])
assert not any(name.startswith("qiskit") for name in sys.modules)
"""
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, timeout=120)


def test_in_a_transaction(run: aerchive.Run, project: aerchive.Project, path: Path) -> None:
    values = np.arange(5)
    before = path.read_bytes()
    with project.transaction():
        saved = project.save(make_result("second"))
        saved.attach("fit", values)
        run.attach("fit", {"a": values})
        project.attach("plan", "text")
        values[:] = 0  # what was attached is as it was then
        assert path.read_bytes() == before
    assert saved.attachments["fit"][...].tolist() == [0, 1, 2, 3, 4]
    assert run.attachments["fit"]["a"].tolist() == [0, 1, 2, 3, 4]
    assert project.attachments["plan"] == "text"
    with project.transaction():
        run.detach("fit")
        project.attach("plan", "other", replace=True)
    assert (list(run.attachments), project.attachments["plan"]) == ([], "other")
    assert project.verify().ok


def test_a_transaction_that_fails_attaches_nothing(run: aerchive.Run, project: aerchive.Project, path: Path) -> None:
    run.attach("fit", 1)
    before = path.read_bytes()

    def attach(*names: str) -> None:
        with project.transaction():
            for name in names:
                run.attach(name, 2)

    with pytest.raises(AlreadyExistsError, match="there is an attachment 'fit' already"):
        attach("new", "fit")
    with pytest.raises(AlreadyExistsError, match="there is an attachment 'new' already"):
        attach("new", "new")
    assert path.read_bytes() == before


@pytest.mark.parametrize("durability", ["batch", "exit"])
def test_a_run_that_waits_for_its_commit_is_committed_first(path: Path, durability: Any) -> None:
    project = aerchive.open(path, durability=durability)
    run = project.save(make_result())
    run.attach("fit", GRID)
    assert aerchive.open(path, "r").latest().attachments.keys() == {"fit"}
    assert run.durable


def test_while_another_program_keeps_the_project(run: aerchive.Run, path: Path) -> None:
    project = aerchive.open(path, lock_timeout=0.1)
    with held(path):
        with pytest.raises(ProjectLockedError):
            project.latest().attach("fit", 1)
        with pytest.raises(ProjectLockedError, match="its attachments cannot wait in a spool"):
            _save_and_attach(project)
        spooled = project.save(make_result("third"))
        with pytest.raises(TransactionError, match="third is in a spool beside the project; change it once it is"):
            spooled.attach("fit", 1)
        assert dict(spooled.attachments) == {}
    spooled.attach("fit", 1)
    assert [run.job_id for run in project] == ["made-by-hand", "third"]
    assert project["third"].attachments["fit"] == 1
    assert project.verify().ok


def _save_and_attach(project: aerchive.Project) -> None:
    with project.transaction():
        project.save(make_result("second"))
        project.attach("plan", 1)


def test_a_run_that_was_lost_and_then_comes(path: Path) -> None:
    project = project_at(path)
    lost = draft_of(1)
    project.archive(type(lost)(lost.job_id, lost.created, lost.config, RunStatus(outcome="lost")))
    project[job_id(1)].attach("why", "the machine was switched off")
    project[job_id(1)].attach("grid", GRID)
    project.archive(draft_of(1))
    run = project[job_id(1)]
    assert run.outcome == "ok"
    assert run.attachments["why"] == "the machine was switched off"
    assert np.array_equal(run.attachments["grid"], GRID)
    assert project.verify().ok


def test_a_run_that_goes_to_another_project_takes_them_along(path: Path, tmp_path: Path) -> None:
    source, target = project_at(path), project_at(tmp_path / "other.h5")
    for project in (source, target):
        project.archive(draft_of(1))
    source[job_id(1)].attach("grid", GRID)
    source[job_id(1)].attach("note", "of the source")
    target[job_id(1)].attach("note", "of the target")
    for _ in range(2):  # the second time nothing is added
        with source.file.read() as session:
            (row,) = read_rows(session)
            draft = stored_draft(session.root.group(run_path(row)), row)
            target.file.commit(lambda writing, draft=draft: write_drafts(writing, [draft]), now())
    run, uuid = target[job_id(1)], str(draft.attachments["note"].attributes["attachment_uuid"])
    assert list(run.attachments) == ["grid", "note", f"note~{uuid[:8]}"]
    assert np.array_equal(run.attachments["grid"], GRID)
    assert run.attachments["note"] == "of the target"
    assert run.attachments[f"note~{uuid[:8]}"] == "of the source"
    assert target.verify().ok


def test_a_project_for_reading(run: aerchive.Run, reopen: Reopen) -> None:
    run.attach("fit", 1)
    for holder in (reopen(), reopen().latest()):
        with pytest.raises(ReadOnlyError):
            holder.attach("it", 1)
        with pytest.raises(ReadOnlyError):
            holder.detach("fit")


def test_deletion_and_restoration(run: aerchive.Run, project: aerchive.Project) -> None:
    run.attach("fit", GRID)
    found = run.attachments["fit"]
    project.delete_job(run.job_id)
    with pytest.raises(NotFoundError):
        found[0]
    with pytest.raises(NotFoundError):
        list(run.attachments)
    project.restore(run.job_id)
    assert np.array_equal(found[...], GRID)
    assert project.verify().ok


def test_compaction_keeps_attachments_and_gives_back_removed_ones(run: aerchive.Run, project: aerchive.Project) -> None:
    noise = np.random.default_rng(1).random(200_000)
    run.attach("kept", noise)
    project.attach("kept", noise + 1)
    run.attach("replaced", noise + 2)
    run.attach("replaced", "small", replace=True)
    project.attach("removed", noise + 3)
    project.detach("removed")
    found = run.attachments["kept"]
    before = project.space()
    assert before.deleted_bytes > 2 * noise.nbytes * 0.8
    report = project.compact()
    assert report.done
    assert report.bytes_given_back > 2 * noise.nbytes * 0.8
    assert np.array_equal(found[...], noise)
    assert np.array_equal(project.attachments["kept"][...], noise + 1)
    assert run.attachments["replaced"] == "small"
    assert (list(run.attachments), list(project.attachments)) == (["kept", "replaced"], ["kept"])
    assert project.verify().ok


def test_a_compaction_that_only_attachments_came_before_is_not_worth_it(
    run: aerchive.Run, project: aerchive.Project
) -> None:
    run.attach("fit", GRID)
    project.attach("plan", GRID)
    assert not project.space().replaced
    assert not project.compact().done
    run.detach("fit")
    assert project.compact().done


def test_what_is_attached_during_a_compaction_is_kept(
    run: aerchive.Run, project: aerchive.Project, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from aerchive.project.care import compact

    run.attach("before", GRID)
    project.attach("before", GRID)
    other, passes = aerchive.open(path).latest(), iter(range(10))
    verify = compact._Compaction._verify

    def attach_meanwhile(*arguments: Any) -> None:
        verify(*arguments)
        if next(passes) == 0:
            other.attach("meanwhile", GRID + 1)
            other.attach("before", GRID + 2, replace=True)
            aerchive.open(path).attach("meanwhile", GRID + 3)

    monkeypatch.setattr(compact._Compaction, "_verify", attach_meanwhile)
    project.compact(force=True)
    assert np.array_equal(run.attachments["meanwhile"], GRID + 1)
    assert np.array_equal(run.attachments["before"], GRID + 2)
    assert np.array_equal(project.attachments["meanwhile"], GRID + 3)
    assert np.array_equal(project.attachments["before"], GRID)
    assert project.verify().ok


def test_copies(run: aerchive.Run, project: aerchive.Project, tmp_path: Path) -> None:
    run.attach("fit", GRID)
    project.attach("plan", "of Alice")
    plain = project.copy(tmp_path / "plain.h5")
    assert np.array_equal(plain.latest().attachments["fit"], GRID)
    assert plain.attachments["plan"] == "of Alice"
    anonymous = project.copy(tmp_path / "anonymous.h5", anonymous=True)
    assert (len(anonymous.attachments), len(anonymous.latest().attachments)) == (0, 0)
    assert "attachments" in anonymous.latest().record.config.anonymised
    assert b"of Alice" not in (tmp_path / "anonymous.h5").read_bytes()
    assert anonymous.verify().ok


def test_what_they_take_is_measured(run: aerchive.Run, project: aerchive.Project) -> None:
    noise = np.random.default_rng(1).random(200_000)
    run.attach("fit", noise)
    project.attach("plan", noise)
    space = project.space()
    (kind,) = (kind for kind in space.kinds if kind.kind == "attachments")
    assert kind.nbytes >= 2 * noise.nbytes
    assert space.runs[0].stored_bytes > noise.nbytes * 0.8
    known = sum(kind.stored_bytes for kind in space.kinds) + space.structure_bytes + space.catalogue_bytes
    assert space.file_bytes == known + space.deleted_bytes + space.unused_bytes
    assert space.foreign_bytes == 0
    assert aerchive.vet(project.path).ok


def test_limits(run: aerchive.Run) -> None:
    old = limits()
    use_limits(Limits(attachments=2, document_bytes=2**20))
    try:
        run.attach("a", 1)
        run.attach("b", 1)
        with pytest.raises(InvalidInputError, match="has 2 attachments, and the limit 'attachments' is 2"):
            run.attach("c", 1)
        run.attach("b", 2, replace=True)
        for value in ("x" * (2**20 + 1), b"x" * (2**20 + 1), list(range(2**19))):
            with pytest.raises(InvalidInputError, match="bytes, and the limit 'document_bytes' is 1,048,576"):
                run.attach("b", value, replace=True)
        use_limits(Limits(attachments=1))
        with pytest.raises(aerchive.UnsafeContentError, match="has 2 attachments, and the limit 'attachments' is 1"):
            len(run.attachments)
    finally:
        use_limits(old)


def test_damage_is_found_and_named(run: aerchive.Run, project: aerchive.Project, path: Path) -> None:
    run.attach("note", "a text to be found")
    project.attach("note", "another text")
    for text, node in (
        (b"a text to be found", "_made_by_/attachments/note"),
        (b"another text", "/attachments/note"),
    ):
        content = path.read_bytes()
        assert content.count(text) == 1
        path.write_bytes(content.replace(text, b"X" + text[1:]))
        assert any(node in problem for problem in aerchive.open(path, "r").verify().problems)
        path.write_bytes(content)
    assert project.verify().ok


def test_a_large_document_of_another_person_is_not_read(tmp_path: Path) -> None:
    project = project_at(tmp_path / "own.h5")
    values = {"points": [[0, 1, 2, "a, [text]"]] * 4000}
    project.attach("points", values)
    project.attach("text", ",[" * 20_000)
    shutil.copyfile(project.path, tmp_path / "copy.h5")
    before = limits()
    use_limits(before.model_copy(update={"document_values": 20_000}))
    try:
        copy = project_at(tmp_path / "copy.h5")
        assert project.attachments["points"] == values
        assert copy.attachments["text"] == ",[" * 20_000
        with pytest.raises(
            UnsafeContentError,
            match=r"/attachments/points/value: the document has up to 28001 values, the file is not trusted, and the "
            "limit 'document_values' is 20000",
        ):
            copy.attachments["points"]
        use_limits(before)
        assert copy.attachments["points"] == values
    finally:
        use_limits(before)
