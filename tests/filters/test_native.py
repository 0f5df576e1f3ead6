"""The kernels in C are used only if they are installed, wanted, of this interface, and give the bytes of the libraries.

The kernels here are Python, and count their calls. Those in C are tested by ``python3 tasks.py native``.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from aerchive.errors import IntegrityError
from aerchive.filters import native
from aerchive.filters.choice import Method, Plan
from aerchive.filters.deflate import Deflater, inflate
from aerchive.filters.pipeline import Packer
from aerchive.filters.planes import Coder, pack_planes
from aerchive.filters.profiles import Codec, unpack_chunk, unpack_piece
from aerchive.filters.shuffle import shuffle, unshuffle
from tests.filters.chunks import CHUNKS, chunk


class PythonKernels:
    """Kernels without C, of the same functions, with a list of the calls."""

    INTERFACE = native.INTERFACE
    HAS_IGZIP = False
    HAS_LIBDEFLATE = True

    def __init__(self) -> None:
        self.calls: list[str] = []
        self._deflater = Deflater()

    def shuffle(self, raw: Any, planes: Any, itemsize: int) -> None:
        self.calls.append("shuffle")
        elements = np.frombuffer(raw, np.uint8)
        whole = elements.size - elements.size % itemsize
        planes[:whole] = elements[:whole].reshape(-1, itemsize).T.tobytes()
        planes[whole:] = elements[whole:].tobytes()

    def unshuffle(self, planes: Any, raw: Any, itemsize: int) -> None:
        self.calls.append("unshuffle")
        elements = np.frombuffer(planes, np.uint8)
        whole = elements.size - elements.size % itemsize
        raw[:whole] = elements[:whole].reshape(itemsize, -1).T.tobytes()
        raw[whole:] = elements[whole:].tobytes()

    def entropy(self, data: Any) -> bytes:
        return self._deflater.entropy(data)

    def runs(self, data: Any) -> bytes:
        return self._deflater.runs(data)

    def pack(self, raw: Any, planes: Any, itemsize: int, coders: bytes, pieces: Any, *compressors: Any) -> bytes:
        self.calls.append("pack")
        if raw is not None:
            self.shuffle(raw, planes, itemsize)
        kinds = [list(Coder)[number] for number in coders]
        given = {Coder.QUICK, Coder.CLOSER, Coder.THOROUGH}
        assert compressors == (None, None)
        shuffled = np.frombuffer(planes, np.uint8)
        for number, kind in enumerate(kinds):
            plane = shuffled[number * (shuffled.size // itemsize) :][: shuffled.size // itemsize]
            assert (pieces[number] is not None) == (kind in given and len(set(plane.tobytes())) > 1)
        return pack_planes(shuffled, itemsize, kinds, self._deflater)

    def unpack(self, stream: Any, raw: Any, itemsize: int) -> bool:
        self.calls.append("unpack")
        try:
            data = inflate(stream, len(raw))
        except IntegrityError:
            return False
        self.unshuffle(data, raw, itemsize)
        return True


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[PythonKernels]:
    """Kernels that are installed."""
    kernels = PythonKernels()
    monkeypatch.setenv("AERCHIVE_NATIVE", "true")
    install(monkeypatch, kernels)
    yield kernels
    forget()


def install(monkeypatch: pytest.MonkeyPatch, kernels: Any) -> None:
    monkeypatch.setitem(sys.modules, "aerchive_native", SimpleNamespace(kernels=kernels))
    forget()


def forget() -> None:
    native._installed.cache_clear()
    native._agree.cache_clear()


@pytest.mark.parametrize("name", CHUNKS)
def test_a_chunk_is_packed_and_unpacked_in_one_call(installed: PythonKernels, name: str) -> None:
    raw, itemsize = chunk(name)
    coders = (Coder.STORED, Coder.QUICK, Coder.THOROUGH, Coder.ENTROPY, Coder.RUNS, Coder.CLOSER)[:itemsize]

    packer = Packer(itemsize)
    stored, mask = packer.pack(raw, Plan(Method.PLANES, coders))
    assert installed.calls.count("pack") == 1
    installed.calls.clear()
    back = unpack_chunk(stored, mask, itemsize, Codec.DEFLATE, np.empty_like(raw))

    assert back.tobytes() == raw.tobytes()
    assert installed.calls.count("unpack") == (mask == 0)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("AERCHIVE_NATIVE", "false")
        installed.calls.clear()
        assert Packer(itemsize).pack(raw, Plan(Method.PLANES, coders)) == (stored, mask)
        assert unpack_chunk(stored, mask, itemsize, Codec.DEFLATE, np.empty_like(raw)).tobytes() == raw.tobytes()
        assert installed.calls == []


def test_a_piece_is_unpacked_with_them(installed: PythonKernels) -> None:
    raw, itemsize = chunk("dense state")
    stored, mask = Packer(itemsize).pack(raw, Plan(Method.PLANES, (Coder.STORED,) * 15 + (Coder.ENTROPY,)))
    shape = (raw.size // itemsize,)

    piece = unpack_piece(stored, mask, itemsize, Codec.DEFLATE, shape, (slice(5, raw.size // itemsize - 7),))

    assert "unpack" in installed.calls
    assert piece.tobytes() == raw[5 * itemsize : -7 * itemsize].tobytes()


def test_large_arrays_are_shuffled_with_them(installed: PythonKernels) -> None:
    raw = np.arange(200_000).astype(np.uint8)

    assert unshuffle(shuffle(raw, 8), 8).tobytes() == raw.tobytes()
    assert installed.calls == ["shuffle", "unshuffle"]


def test_a_damaged_stream_is_what_the_library_says_it_is(installed: PythonKernels) -> None:
    with pytest.raises(IntegrityError, match=r"^a compressed chunk of 3 bytes cannot be expanded to 64$"):
        unpack_chunk(b"abc", 0, 8, Codec.DEFLATE, np.empty(64, np.uint8))

    assert installed.calls == ["unpack"]


def test_without_the_package_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aerchive_native", None)
    forget()

    with warnings.catch_warnings(action="error"):
        assert native.kernels() is None
        assert type(native.deflater()) is Deflater
    forget()


def test_the_setting_turns_them_off(installed: PythonKernels, monkeypatch: pytest.MonkeyPatch) -> None:
    assert native.kernels() is installed
    monkeypatch.setenv("AERCHIVE_NATIVE", "false")

    assert native.kernels() is None
    assert type(native.deflater()) is Deflater


def test_another_interface_is_said_and_not_used(installed: PythonKernels, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, SimpleNamespace(INTERFACE=native.INTERFACE + 1))

    with pytest.warns(RuntimeWarning, match="install the two packages in the same version"):
        assert native.kernels() is None
    assert native.kernels() is None


@pytest.mark.parametrize("coder", ["entropy", "runs"])
def test_other_bytes_are_said_and_not_used(
    installed: PythonKernels, monkeypatch: pytest.MonkeyPatch, coder: str
) -> None:
    """The libraries that are installed may be of another version than those for which the kernels were made."""
    honest = getattr(installed, coder)
    monkeypatch.setattr(installed, coder, lambda data: honest(data) + b"\0")

    with pytest.warns(RuntimeWarning, match=rf"gives other bytes than the installed .* \({coder}"):
        assert native.coding_kernels() is None
    assert type(native.deflater()) is Deflater
    assert native.kernels() is installed  # what they expand is right whatever the versions
