"""What every test gets: settings, a default project and user folders that are its own."""

from __future__ import annotations

import gc
import itertools
import re
import signal
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

import aerchive
from tests.shares import ALL

NO_RUNTIME = "qiskit-ibm-runtime is not installed: its versions that aerchive supports need Qiskit 2.3"
collect_ignore = [] if find_spec("qiskit_ibm_runtime") else ["aer/service"]
LONG = ("corpus", "crash", "hostile", "stateful", "benchmarks")
"""Folders whose tests take seconds each."""


settings.register_profile(
    "tests",
    deadline=None,
    max_examples=100 if ALL else 40,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=not ALL,
    database=None,
)
settings.load_profile("tests")
"""A busy machine fails no test, and a run tries what the one before tried; `tests.shares.ALL` tries something new."""


def pytest_configure() -> None:
    """Lets Ctrl-C be tested: Python takes over that a shell ignores it for what it starts in the background."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts long tests first: what is left at the end, when one process may have to wait for the other, is short."""
    items.sort(key=lambda item: item.path.parent.name not in LONG)


def pytest_collection_finish() -> None:
    """Leaves what was collected out of later searches for garbage, which would take tenths of a second each."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _own_settings_of_the_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """For what is made once for many tests, before `_own_settings` of the first of them."""
    with pytest.MonkeyPatch.context() as patch:
        _isolate(patch, tmp_path_factory.mktemp("home"))
        yield


@pytest.fixture(scope="session")
def _names(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Paths of new folders, numbered here: pytest reads the names of all earlier folders to number the next."""
    folder = tmp_path_factory.mktemp("tests")
    return (folder / str(number) for number in itertools.count())


@pytest.fixture
def tmp_path(_names: Iterator[Path], request: pytest.FixtureRequest) -> Path:
    """A new folder, as pytest's own fixture of this name gives it."""
    folder = next(_names)
    folder = folder.with_name(f"{folder.name}-{re.sub(r'[^a-z]', '_', request.node.name)[:30]}")
    folder.mkdir()
    return folder


@pytest.fixture(autouse=True)
def _own_settings(_names: Iterator[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads the settings of whoever runs it, and none writes to their default project."""
    home = next(_names)
    home.mkdir()
    _isolate(monkeypatch, home)


def _isolate(patch: pytest.MonkeyPatch, home: Path) -> None:
    for name in ("SAVE_JOBS", "LOCK_TIMEOUT", "ON_ERROR", "PROGRESS", "PENDING_FOLDER"):
        patch.delenv(f"AERCHIVE_{name}", raising=False)
    patch.setenv("AERCHIVE_PROJECT", str(home / "default.h5"))
    patch.setenv("AERCHIVE_VET", "off")  # tests damage files by the hundred; those of vetting turn it on
    for name in ("CONFIG", "DATA", "CACHE", "STATE"):
        patch.setenv(f"XDG_{name}_HOME", str(home / name.lower()))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Prints what tests recorded as their ``summary``: a figure that a passing test would not show."""
    for report in terminalreporter.stats.get("passed", []):
        for name, line in report.user_properties:
            if name == "summary":
                terminalreporter.write_line(str(line))


@pytest.fixture
def cloud() -> Any:
    """The module `tests.aer.cloud`; its tests are skipped where IBM's client is missing."""
    pytest.importorskip("qiskit_ibm_runtime", reason=NO_RUNTIME)
    return import_module("tests.aer.cloud")


@pytest.fixture
def no_window() -> Iterator[None]:
    """Lets matplotlib draw without a window, and closes what a test drew."""
    pyplot = import_module("matplotlib.pyplot")
    pyplot.switch_backend("Agg")
    yield
    pyplot.close("all")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a project may be made."""
    return tmp_path / "project.h5"


@pytest.fixture
def project(path: Path) -> aerchive.Project:
    """A project without a file yet."""
    return aerchive.open(path)


@pytest.fixture
def reopen(path: Path) -> Callable[[], aerchive.Project]:
    """The project as another reader opens it."""
    return lambda: aerchive.open(path, "r")
