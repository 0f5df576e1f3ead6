"""The ways of storing a state that are measured against each other, each as somebody would use it who knows it well.

Matrices come in Fortran order. Everybody but aerchive gets them transposed, which is a view and no copy: h5py alone
would copy the whole matrix. What is read is compared in the same way.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import importlib
import importlib.util
import inspect
import mmap
import os
import pickle
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

MIB = 1024 * 1024
_LIBC = ctypes.CDLL(None, use_errno=True)
Shape = tuple[int, ...]


class Payload:
    """A state in memory.

    Args:
        original: Amplitudes or matrix, as Aer gave them.
        kind: As in `tests.benchmarks.state_families.Family`.
    """

    def __init__(self, original: NDArray[np.complex128], kind: str) -> None:
        self.original = original
        self.kind = kind

    @property
    def values(self) -> NDArray[np.complex128]:
        """The same bytes in C order: a matrix is transposed."""
        return self.original if self.original.flags.c_contiguous else self.original.T

    @functools.cached_property
    def result(self) -> Any:
        """A Qiskit Result that holds the state in the class that Aer uses, without a copy."""
        from qiskit.result import Result
        from qiskit.result.models import ExperimentResult, ExperimentResultData
        from qiskit_aer.backends import compatibility

        classes = {
            "statevector": compatibility.Statevector,
            "density_matrix": compatibility.DensityMatrix,
            "unitary": compatibility.Operator,
        }
        value = classes[self.kind](self.original)
        if not np.shares_memory(value.data, self.original):
            raise RuntimeError("Qiskit copied the state, so memory would be measured wrongly")
        data = ExperimentResultData(**{self.kind: value})
        experiment = ExperimentResult(shots=1, success=True, data=data, status="DONE")
        return Result(backend_name="aer_simulator", job_id="state", success=True, results=[experiment])


def tiny_payload(kind: str) -> Payload:
    """A state of four qubits, to warm up with."""
    shape = (16,) if kind == "statevector" else (16, 16)
    return Payload(np.asfortranarray(np.full(shape, 0.25, np.complex128)), kind)


def element(array: Any, place: int) -> Any:
    """The element at a place in C order, of an array in memory or of one that a library has opened."""
    return array[tuple(int(part) for part in np.unravel_index(place, array.shape))]


@dataclass(frozen=True)
class Method:
    """A way of storing a state in a file or folder.

    Attributes:
        title: For tables.
        write: Stores; the file is closed afterwards.
        read: Reads all: `Payload.values`, or `Payload.original` if ``keeps_order``; a raw file gives it flat.
        amplitude: Reads one element of these by its place in C order, opening the file for it.
        handle: Opens the array, which `element` takes that amplitude of; of methods that hold no file open meanwhile.
        needs: Modules without which it does not work.
        slow: Whether it takes part in few repetitions.
        durable: Whether `write` makes the file durable by itself, so that the time without fsync is not known.
        keeps_order: Whether Fortran order comes back.
        lossless: Whether every bit comes back.
        options: For `Project.save`; a version that does not know them cannot be measured so.
    """

    title: str
    write: Callable[[Path, Payload], None]
    read: Callable[[Path], Any]
    amplitude: Callable[[Path, int], Any]
    handle: Callable[[Path], Any] | None = field(default=None, kw_only=True)
    needs: tuple[str, ...] = ()
    slow: bool = False
    durable: bool = False
    keeps_order: bool = False
    lossless: bool = True
    options: dict[str, Any] = field(default_factory=dict)

    def missing(self) -> str:
        """Why it cannot be measured here; empty if it can."""
        absent = [name for name in self.needs if importlib.util.find_spec(name) is None]
        if absent:
            how = "python3 tasks.py native" if "aerchive_native" in absent else "pip install 'aerchive[benchmarks]'"
            return f"{' and '.join(absent)} not installed ({how})"
        if self.options:
            from aerchive import Project

            accepted = inspect.signature(Project.save).parameters
            unknown = [name for name in self.options if name not in accepted]
            if unknown:
                return f"Project.save of this version takes no {' and no '.join(unknown)}"
            from aerchive import InvalidInputError

            with tempfile.TemporaryDirectory() as folder:
                try:
                    self.write(Path(folder) / "state", tiny_payload("statevector"))
                except InvalidInputError as error:  # a package that this profile needs, as aerchive says it
                    return str(error)
        return ""

    def comes_back(self, payload: Payload) -> NDArray[np.complex128]:
        """What `read` is to give back."""
        return payload.original if self.keeps_order else payload.values

    def checked(self, path: Path, payload: Payload) -> float:
        """Reads a state back and compares it.

        Returns:
            The infidelity; of a lossless method 0.

        Raises:
            AssertionError: A bit differs, or the memory order.
        """
        wanted = self.comes_back(payload)
        values = np.asarray(self.read(path))
        if values.ndim == 1:
            values = values.reshape(wanted.shape)
        assert values.shape == wanted.shape, f"{self.title}: shape {values.shape} instead of {wanted.shape}"
        assert values.dtype == wanted.dtype, f"{self.title}: dtype {values.dtype} instead of {wanted.dtype}"
        assert values.flags.f_contiguous == wanted.flags.f_contiguous, f"{self.title}: another memory order"
        if self.lossless:
            flat, same = (array.reshape(-1, order="A").view(np.uint64) for array in (values, wanted))
            assert np.array_equal(flat, same), f"{self.title}: other values came back"
            return 0.0
        lost = np.vdot(values, wanted)
        return float(1 - abs(lost) ** 2 / (np.linalg.norm(values) * np.linalg.norm(wanted)) ** 2)


# -- files and folders


def files_of(path: Path) -> Iterator[Path]:
    """The file, or all files of the folder."""
    if path.is_dir():
        yield from (inner for inner in path.rglob("*") if inner.is_file())
    else:
        yield path


def stored_bytes(path: Path) -> int:
    """Size of the file, or of all files of the folder."""
    return sum(file.stat().st_size for file in files_of(path))


def make_durable(path: Path) -> None:
    """An fsync of each file, of each folder in it, and of the folder it is in."""
    folders = [inner for inner in path.rglob("*") if inner.is_dir()] + [path] if path.is_dir() else []
    for one in [*files_of(path), *folders, path.parent]:
        fd = os.open(one, os.O_RDONLY)
        os.fsync(fd)
        os.close(fd)


_WINDOW_BYTES = 64 * 1024 * 1024


def drop_from_cache(path: Path) -> None:
    """Has the system forget the pages of files, by ``posix_fadvise(POSIX_FADV_DONTNEED)``.

    Pages of other files stay, so nobody else on the machine is slowed down, and the directory entries stay, too. Only
    clean pages can be forgotten, so the files are made durable first.

    Raises:
        RuntimeError: More than a page in a hundred is still there.
    """
    for file in files_of(path):
        fd = os.open(file, os.O_RDONLY)
        try:
            for _ in range(5):
                os.fsync(fd)
                os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
                share = cached_share(fd)
                if share <= 0.01:
                    break
                time.sleep(0.05)  # another processor may still hold a page in its own list
            else:
                raise RuntimeError(f"{share:.0%} of {file} stays in the page cache; is its file system in memory?")
        finally:
            os.close(fd)


def cached_share(fd: int) -> float:
    """Which part of the pages of a file is in the page cache, as ``mincore`` says; reading would bring them there."""
    size = os.fstat(fd).st_size
    if size == 0:
        return 0.0
    here = 0
    for start in range(0, size, _WINDOW_BYTES):  # a process may have less room than a file
        length = min(_WINDOW_BYTES, size - start)
        present = (ctypes.c_ubyte * -(-length // mmap.PAGESIZE))()
        with mmap.mmap(fd, length, access=mmap.ACCESS_COPY, offset=start) as mapped:
            first = ctypes.c_char.from_buffer(mapped)
            failed = _LIBC.mincore(ctypes.c_void_p(ctypes.addressof(first)), ctypes.c_size_t(length), present)
            del first
        if failed:
            raise OSError(ctypes.get_errno(), "mincore failed")
        here += int(np.count_nonzero(np.frombuffer(present, np.uint8) & 1))
    return here / -(-size // mmap.PAGESIZE)


# -- numpy and pickle


def write_tofile(path: Path, payload: Payload) -> None:
    payload.values.tofile(path)


def write_npy(path: Path, payload: Payload) -> None:
    with path.open("wb") as file:
        np.save(file, payload.values)


def write_pickle(path: Path, payload: Payload) -> None:
    with path.open("wb") as file:
        pickle.dump(payload.values, file, protocol=5)


def read_pickle(path: Path) -> Any:
    with path.open("rb") as file:
        return pickle.load(file)


def read_raw(path: Path) -> Any:
    return np.fromfile(path, np.complex128)


def from_raw(path: Path, place: int) -> Any:
    return np.fromfile(path, np.complex128, count=1, offset=16 * place)[0]


# -- HDF5


def chunk_shape(shape: Shape) -> Shape:
    """Chunks of at most 1 MiB, whole rows of a matrix."""
    left = MIB // 16
    chunk = []
    for length in reversed(shape):
        chunk.append(max(1, min(length, left)))
        left = max(1, left // length)
    return tuple(reversed(chunk))


def hdf5(title: str, storage: Callable[[Shape], Any], needs: tuple[str, ...] = (), *, slow: bool = False) -> Method:
    """A dataset of h5py.

    Args:
        title: For tables.
        storage: For a shape, the arguments of ``create_dataset``.
        needs: Modules beside h5py.
        slow: See `Method`.
    """

    def write(path: Path, payload: Payload) -> None:
        import h5py

        values = payload.values
        with h5py.File(path, "w") as file:
            file.create_dataset("state", data=values, **storage(values.shape))

    def read(path: Path) -> Any:
        import h5py

        for name in needs:
            importlib.import_module(name)
        with h5py.File(path, "r") as file:
            return file["state"][...]

    def amplitude(path: Path, place: int) -> Any:
        import h5py

        for name in needs:
            importlib.import_module(name)
        with h5py.File(path, "r") as file:
            return element(file["state"], place)

    return Method(title, write, read, amplitude, ("h5py", *needs), slow)


def gzip_4(*, shuffle: bool) -> Callable[[Shape], Any]:
    return lambda shape: {
        "chunks": chunk_shape(shape),
        "compression": "gzip",
        "compression_opts": 4,
        "shuffle": shuffle,
    }


def with_plugin(make: Callable[[Any], Any]) -> Callable[[Shape], Any]:
    """The same with a filter of hdf5plugin."""

    def storage(shape: Shape) -> Any:
        import hdf5plugin

        return {"chunks": chunk_shape(shape), "compression": make(hdf5plugin)}

    return storage


# -- other libraries


def write_zarr(path: Path, payload: Payload) -> None:
    import zarr

    values = payload.values
    array = zarr.create_array(store=str(path), shape=values.shape, dtype=values.dtype, chunks=chunk_shape(values.shape))
    array[...] = values


def open_zarr(path: Path) -> Any:
    import zarr

    return zarr.open_array(store=str(path), mode="r")


def write_joblib(path: Path, payload: Payload) -> None:
    import joblib

    joblib.dump(payload.values, path, compress=("lz4", 1))


def read_joblib(path: Path) -> Any:
    import joblib

    return joblib.load(path)


def write_pytables(path: Path, payload: Payload) -> None:
    import tables

    values = payload.values
    filters = tables.Filters(complevel=1, complib="blosc2:zstd", shuffle=True)
    with tables.open_file(str(path), "w") as file:
        file.create_carray("/", "state", obj=values, filters=filters, chunkshape=chunk_shape(values.shape))


def from_pytables(path: Path, take: Callable[[Any], Any]) -> Any:
    import tables

    with tables.open_file(str(path), "r") as file:
        return take(file.root.state)


# -- aerchive


def aerchive_method(
    title: str, *, lossless: bool = True, native: bool = True, needs: tuple[str, ...] = (), **options: Any
) -> Method:
    """`Project.save` of a Result that holds the state, into a new project.

    Args:
        title: For tables.
        lossless: See `Method`.
        native: Whether kernels in C are used.
        needs: See `Method`.
        **options: For `Project.save`.
    """

    def write(path: Path, payload: Payload) -> None:
        import aerchive

        with kernels(native):
            aerchive.open(path, "x").save(payload.result, **options)

    def read(path: Path) -> Any:
        with kernels(native):
            return open_aerchive(path)[...]

    def amplitude(path: Path, place: int) -> Any:
        with kernels(native):
            return element(open_aerchive(path), place)

    return Method(
        title,
        write,
        read,
        amplitude,
        handle=open_aerchive,
        needs=needs,
        durable=True,
        keeps_order=True,
        lossless=lossless,
        options=options,
    )


@contextlib.contextmanager
def kernels(wanted: bool) -> Iterator[None]:
    """Turns the kernels in C on or off by the setting."""
    before = os.environ.get("AERCHIVE_NATIVE")
    os.environ["AERCHIVE_NATIVE"] = str(wanted)
    try:
        yield
    finally:
        del os.environ["AERCHIVE_NATIVE"]
        if before is not None:
            os.environ["AERCHIVE_NATIVE"] = before


def open_aerchive(path: Path) -> Any:
    import aerchive

    return aerchive.open(path, "r").latest().array()


NPY, GZIP = "npy", "gzip4-shuffle"
PORTABLE, NATIVE, NONE = "aerchive", "aerchive-native", "aerchive-none"
METHODS: dict[str, Method] = {
    "tofile": Method("ndarray.tofile", write_tofile, read_raw, from_raw),
    NPY: Method("np.save", write_npy, np.load, lambda path, place: element(np.load(path, mmap_mode="r"), place)),
    "pickle": Method(
        "pickle, protocol 5", write_pickle, read_pickle, lambda path, place: element(read_pickle(path), place)
    ),
    "contiguous": hdf5("h5py contiguous", lambda shape: {}),
    GZIP: hdf5("h5py gzip-4 + shuffle, 1 MiB", gzip_4(shuffle=True)),
    "gzip4": hdf5("h5py gzip-4, 1 MiB", gzip_4(shuffle=False), slow=True),
    "gzip4-auto": hdf5(
        "h5py gzip-4, automatic chunks", lambda shape: {"compression": "gzip", "compression_opts": 4}, slow=True
    ),
    "blosc2-lz4": hdf5(
        "hdf5plugin Blosc2 lz4", with_plugin(lambda plugin: plugin.Blosc2(cname="lz4", clevel=5)), ("hdf5plugin",)
    ),
    "blosc2-zstd": hdf5(
        "hdf5plugin Blosc2 zstd", with_plugin(lambda plugin: plugin.Blosc2(cname="zstd", clevel=1)), ("hdf5plugin",)
    ),
    "bitshuffle": hdf5(
        "hdf5plugin Bitshuffle lz4", with_plugin(lambda plugin: plugin.Bitshuffle(cname="lz4")), ("hdf5plugin",)
    ),
    "zarr": Method(
        "zarr 3, 1 MiB",
        write_zarr,
        lambda path: open_zarr(path)[...],
        lambda path, place: element(open_zarr(path), place),
        ("zarr",),
    ),
    "joblib": Method(
        "joblib lz4",
        write_joblib,
        read_joblib,
        lambda path, place: element(read_joblib(path), place),
        ("joblib", "lz4"),
        slow=True,
    ),
    "pytables": Method(
        "PyTables Blosc2 zstd",
        write_pytables,
        lambda path: from_pytables(path, lambda array: array[...]),
        lambda path, place: from_pytables(path, lambda array: element(array, place)),
        ("tables",),
        slow=True,
    ),
    PORTABLE: aerchive_method("**aerchive**", native=False),
    NATIVE: aerchive_method("**aerchive, kernels in C**", needs=("aerchive_native",)),
    NONE: aerchive_method('aerchive, "none"', compression="none"),
    "aerchive-fast": aerchive_method('aerchive, "fast"', compression="fast"),
    "aerchive-small": aerchive_method('aerchive, "small"', compression="small"),
    "aerchive-structure": aerchive_method('aerchive, "structure"', compression="structure"),
    "aerchive-certified": aerchive_method("aerchive, max_infidelity=1e-12", lossless=False, max_infidelity=1e-12),
}
