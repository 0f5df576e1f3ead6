"""Files of seals and proofs: they come back as they were, and what was changed in them is refused."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import pytest

import aerchive
from aerchive import Proof, Seal, read_seal
from aerchive.errors import (
    AerchiveError,
    AlreadyExistsError,
    FormatError,
    IntegrityError,
    InvalidInputError,
    MissingExtraError,
    NewerFormatError,
    NotFoundError,
)
from aerchive.project.sealing.kept_proofs import KeptProofs
from tests.project.sealed import Keys, keys_in, leaves_of, needs_openssh

SEAL = dataclasses.replace(Seal.of(list(leaves_of(11)), "project"), claimed_time="2026-12-01T12:00:00.000000Z")


def test_a_seal_comes_back_from_its_file(tmp_path: Path) -> None:
    path = SEAL.save(tmp_path / "a.seal")
    assert path.read_bytes() == SEAL.to_bytes()
    assert read_seal(path) == SEAL
    short = read_seal(SEAL.save(tmp_path / "b.seal", leaves=False))
    assert short == dataclasses.replace(SEAL, leaves=None)
    with pytest.raises(InvalidInputError, match="without its leaves"):
        short.proof("run-00001")
    with pytest.raises(AlreadyExistsError):
        SEAL.save(path)
    empty = Seal.of([], "project")
    assert read_seal(empty.save(tmp_path / "c.seal")) == empty


@pytest.mark.parametrize(
    ("before", "after", "error"),
    [
        ("run-00003 ", "run-00013 ", IntegrityError),  # not in order
        ("run-00003 ", "run-00002 ", IntegrityError),  # twice
        (f"{3:064x}", f"{33:064x}", IntegrityError),
        ('"run-00004', '7, "run-00004', FormatError),
        ('"run-00004', '"run 00004', FormatError),
        ('"runs": 11', '"runs": 12', IntegrityError),
        (SEAL.root, "0" * 64, IntegrityError),
        (SEAL.root, "0", FormatError),
        ('"version": 1', '"version": 2', NewerFormatError),
        ('"version": 1', '"version": true', FormatError),
        ('"aerchive seal"', '"another"', FormatError),
        ('"project_uuid"', '"other"', FormatError),
        (SEAL.claimed_time, "\\u001b[2J", FormatError),
        ("]\n}", "", FormatError),
    ],
)
def test_a_changed_seal_is_refused(before: str, after: str, error: type[Exception], tmp_path: Path) -> None:
    path, text = tmp_path / "a.seal", SEAL.to_bytes().decode()
    assert before in text
    path.write_text(text.replace(before, after, 1))
    with pytest.raises(error) as raised:
        read_seal(path)
    assert str(path) in str(raised.value)
    assert "\x1b" not in str(raised.value)


@pytest.mark.parametrize("content", [b"", b"[]", b"[" * 100_000, b"\xff", b'{"format": ["aerchive seal"]}'])
def test_what_is_no_seal_or_proof_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(content)
    for read in (read_seal, Proof.read):
        with pytest.raises(FormatError, match="is not an aerchive"):
            read(path)
    with pytest.raises(NotFoundError):
        read_seal(tmp_path / "none")


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for read in (read_seal, Proof.read):
        with pytest.raises(InvalidInputError, match="is a pipe or a device"):
            read(tmp_path / "pipe")


def test_a_proof_holds_for_its_run_and_root_alone(tmp_path: Path) -> None:
    proof = SEAL.proof("run-00005")
    assert (proof.index, proof.runs, proof.leaf) == (5, 11, list(leaves_of(11))[5])
    assert proof.check(SEAL.root)
    assert proof.check(SEAL.root.upper())
    assert not proof.check("0" * 64)
    for no_root in (SEAL, None, "0"):
        with pytest.raises(InvalidInputError, match="root must be 64"):
            proof.check(no_root)  # type: ignore[arg-type]
    assert Proof.read(proof.save(tmp_path / "a.proof")) == proof
    for change in ({"run_uuid": "run-00006"}, {"core_sha256": "0" * 64}, {"status_sha256": "0" * 64}, {"index": 6}):
        assert not dataclasses.replace(proof, **change).check(SEAL.root)  # type: ignore[arg-type]
    with pytest.raises(NotFoundError, match="none with the run_uuid 'run-0001'; near ones: run-0001"):
        SEAL.proof("run-0001")
    document = json.loads(proof.to_json())
    for wrong in ({"path": ["x"]}, {"path": [1]}, {"index": "5"}, {"run_uuid": "a b"}, {"more": 1}):
        with pytest.raises(FormatError):
            Proof.from_json(json.dumps(document | wrong))


def test_kept_proofs_share_hashes_and_hold() -> None:
    wanted = {f"run-{number:05d}" for number in (2, 3, 7)}
    kept = KeptProofs.of(SEAL, {*wanted, "another project's"})
    again = KeptProofs.from_document(json.loads(json.dumps(kept.to_document())), "here")
    assert again == kept
    assert again.proven(SEAL.root).keys() == wanted
    assert again.proven("0" * 64) == {}
    assert again.part(["run-00007"]).proven(SEAL.root).keys() == {"run-00007"}
    assert len(kept.hashes) < 3 * 4
    everything = KeptProofs.of(SEAL, [leaf.run_uuid for leaf in leaves_of(11)])
    assert len(everything.hashes) <= 2 * 11
    document = kept.to_document()
    forged = document | {"leaves": document["leaves"] | {"3": next(leaves_of(1)).line}}
    assert KeptProofs.from_document(forged, "here").proven(SEAL.root).keys() == wanted - {"run-00003"}
    for wrong in ({"leaves": {"x": "y"}}, {"leaves": {"11": next(leaves_of(1)).line}}, {"hashes": {"0": "0" * 64}}):
        with pytest.raises(FormatError):
            KeptProofs.from_document(document | wrong, "here")


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return keys_in(tmp_path_factory.mktemp("keys"))


@needs_openssh
def test_ssh_keygen_accepts_the_signature_of_its_signer_alone(keys: Keys, tmp_path: Path) -> None:
    path = SEAL.save(tmp_path / "a.seal", key=keys.ann)
    assert read_seal(path, signers=keys.signers, identity="ann@example.org") == SEAL
    for identity in ("bob@example.org", "-I"):
        with pytest.raises(IntegrityError, match="is not a signature of"):
            read_seal(path, signers=keys.signers, identity=identity)
    other = SEAL.save(tmp_path / "b.seal", key=keys.other)
    with pytest.raises(IntegrityError):
        read_seal(other, signers=keys.signers, identity="ann@example.org")
    with pytest.raises(NotFoundError, match="no such file of signers"):
        read_seal(path, signers=tmp_path / "none", identity="ann@example.org")
    with pytest.raises(InvalidInputError):
        read_seal(path, signers=keys.signers)
    for identity in ("", "ann\0"):
        with pytest.raises(InvalidInputError, match="identity must be the name"):
            read_seal(path, signers=keys.signers, identity=identity)

    # The claimed time is a part of what is signed.
    path.write_bytes(path.read_bytes().replace(SEAL.claimed_time.encode(), b"2020-01-01T00:00:00.000000Z"))
    assert read_seal(path).root == SEAL.root
    with pytest.raises(IntegrityError, match="incorrect signature"):
        read_seal(path, signers=keys.signers, identity="ann@example.org")


@needs_openssh
def test_a_signature_that_cannot_be_made_leaves_nothing(keys: Keys, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"did not sign with this key: .*No such file"):
        SEAL.save(tmp_path / "a.seal", key=tmp_path / "none")
    (tmp_path / "a.seal.sig").write_text("of another one")
    with pytest.raises(AlreadyExistsError, match=r"a\.seal\.sig: exists"):
        SEAL.save(tmp_path / "a.seal", key=keys.ann)
    assert [one.name for one in tmp_path.iterdir()] == ["a.seal.sig"]


def test_without_openssh_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingExtraError, match="apt-get install openssh-client"):
        SEAL.save(tmp_path / "a.seal", key=tmp_path / "key")
    assert list(tmp_path.iterdir()) == []
    assert issubclass(MissingExtraError, AerchiveError)
    assert aerchive.Seal is Seal
