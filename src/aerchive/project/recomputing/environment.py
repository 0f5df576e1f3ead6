"""Software and processor on which the bits of a simulation depend."""

from __future__ import annotations

import functools
import os
import platform
import re
from collections.abc import Mapping
from importlib import metadata

from aerchive.threads import processors

_PACKAGES = ("qiskit-aer", "qiskit", "numpy")
_FEATURES = ("avx", "fma", "sse", "ssse", "asimd", "sve", "neon")
"""The beginnings of the names of features by which libraries choose their loops."""


THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""Variables that are in a child that runs a run again as in its parent, because they may change the bits of results."""

_NUMBERS = re.compile(r"\d{1,6}(,\d{1,6}){0,7}", re.ASCII)


def environment() -> dict[str, str]:
    """Versions of the libraries that compute, the processor with its vector features, and the number of threads."""
    return {**_installed(), **threads()}


def threads() -> dict[str, str]:
    """The variables in `THREADS` as they are now; only numbers of threads are told, as the project may be published."""
    found = {name: os.environ.get(name, "not set") for name in THREADS}
    return {
        name: text if text == "not set" or _NUMBERS.fullmatch(text) else "other text" for name, text in found.items()
    }


@functools.lru_cache(maxsize=1)
def _installed() -> dict[str, str]:
    found = {name: _version(name) for name in _PACKAGES}
    found["python"] = platform.python_version()
    found["platform"] = f"{platform.system()} {platform.machine()}, {' '.join(platform.libc_ver())}".strip(", ")
    found["processor"], found["features"] = _processor()
    found["processors"] = str(processors())
    return {name: text for name, text in found.items() if text}


def changes(then: Mapping[str, str], now: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """What differs between two environments, of what is known of both: name to (then, now)."""
    return {name: (then[name], now[name]) for name in sorted(then.keys() & now.keys()) if then[name] != now[name]}


def changes_text(changed: Mapping[str, tuple[str, str]]) -> str:
    """Says in words what differs; of the features of processors those that only one has."""
    texts = []
    for name, (then, now) in changed.items():
        if name == "features":
            gone, new = sorted({*then.split()} - {*now.split()}), sorted({*now.split()} - {*then.split()})
            both = " ".join([*(f"-{one}" for one in gone), *(f"+{one}" for one in new)])
            texts.append(f"features of the processor: {both}")
        else:
            texts.append(f"{name} was {then}, is {now}")
    return "; ".join(texts)


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _processor() -> tuple[str, str]:
    """The name of the processor, and its vector features, as the system says them; empty where it does not."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            lines = [line.partition(":") for line in file]
    except OSError:
        return platform.processor(), ""
    known = {name.strip().lower(): text.strip() for name, _, text in reversed(lines) if text}
    flags = (known.get("flags") or known.get("features") or "").split()
    return known.get("model name", platform.processor()), " ".join(
        sorted(one for one in flags if one.startswith(_FEATURES))
    )
