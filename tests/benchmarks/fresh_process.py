"""What only a process of its own can tell: the first amplitude from a cold handle, and the peak of memory.

Started by `ask` with a task in JSON, answers in JSON on the last line of its output.

*First amplitude*: the process has imported what the method needs and read one number from a tiny file with it. Then
the pages of the file are dropped from the page cache, and the time from opening the file to one amplitude is taken;
then once more, with a new handle, the pages being there now. Of a method whose handles hold no file open also with a
handle that is there already, the pages being dropped again.

*Extra memory*: the state is in memory, and the method has stored and read a tiny one. The peak of the resident memory
(``VmHWM``, set back through ``/proc/self/clear_refs``) minus the resident memory before, while the state is written;
and while it is read, minus the size of what is read.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

from tests.benchmarks.storage_methods import (
    METHODS,
    Method,
    Payload,
    drop_from_cache,
    element,
    make_durable,
    tiny_payload,
)

MIB = 1024 * 1024


def ask(script: str | Path, **task: Any) -> dict[str, Any]:
    """Has a script here carry out a task in a process of its own.

    Raises:
        RuntimeError: It failed; with its last words.
    """
    done = subprocess.run(
        [sys.executable, script, json.dumps(task)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{Path(script).name} {task} failed: {done.stderr.strip()[-2000:]}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def memory(field: str) -> int:
    """Bytes of memory: ``VmRSS`` resident now, ``VmHWM`` at its peak, ``VmPeak`` of address space at its peak."""
    for line in Path("/proc/self/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return 1024 * int(value.split()[0])
    raise RuntimeError(f"/proc/self/status has no {field}")


def start_of_peak() -> int:
    """Sets the peak of memory back to the resident memory, which is returned."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")
    return memory("VmRSS")


def first_amplitude(method: Method, path: Path, tiny: Path, place: int) -> dict[str, Any]:
    """Milliseconds from opening to one amplitude, cold and warm, and from a handle; and the amplitude's bytes."""
    method.amplitude(tiny, 1)
    drop_from_cache(path)
    times = {}
    for name in ("cold ms", "warm ms"):
        begun = time.perf_counter()
        value = method.amplitude(path, place)
        times[name] = 1000 * (time.perf_counter() - begun)
    if method.handle is not None:
        array = method.handle(path)
        drop_from_cache(path)
        begun = time.perf_counter()
        assert element(array, place) == value
        times["handle cold ms"] = 1000 * (time.perf_counter() - begun)
    return {**times, "value": np.complex128(value).tobytes().hex()}


def extra_memory(method: Method, state: Path, kind: str, folder: Path) -> dict[str, Any]:
    """Bytes beyond the state, while it is written and while it is read."""
    tiny = tiny_payload(kind)
    method.write(folder / "memory-tiny", tiny)
    method.checked(folder / "memory-tiny", tiny)
    payload = Payload(np.load(state), kind)
    if method.durable:
        payload.result  # noqa: B018  (what the user holds anyway)
    before = start_of_peak()
    path = folder / "memory"
    method.write(path, payload)
    figures = {"write bytes": memory("VmHWM") - before}
    make_durable(path)
    before = start_of_peak()
    values = method.read(path)
    figures["read bytes"] = memory("VmHWM") - before - values.nbytes
    return {name: max(0, value) for name, value in figures.items()}


def expected(method: Method, payload: Payload, place: int) -> str:
    """What `first_amplitude` must answer as value, for a lossless method."""
    return np.complex128(element(method.comes_back(payload), place)).tobytes().hex()


def answer(task: dict[str, Any]) -> dict[str, Any]:
    """Carries out a task in this process."""
    method = METHODS[task["method"]]
    if task["what"] == "amplitude":
        return first_amplitude(method, Path(task["path"]), Path(task["tiny"]), task["place"])
    return extra_memory(method, Path(task["state"]), task["kind"], Path(task["folder"]))


def main() -> None:
    print(json.dumps(answer(json.loads(sys.argv[1]))))


if __name__ == "__main__":
    main()
