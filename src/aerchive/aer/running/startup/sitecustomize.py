"""Turns autosave on in Python processes that a process with autosave starts.

Its folder is on their ``PYTHONPATH``, where Python looks for a module of this name when it starts. It only waits for
the import of Qiskit Aer, and runs the ``sitecustomize`` that it hides.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys
from collections.abc import Sequence
from types import ModuleType

_HERE = os.path.dirname(os.path.abspath(__file__))


def _hand_over() -> None:
    elsewhere = [path for path in sys.path if os.path.abspath(path) != _HERE]
    hidden = importlib.machinery.PathFinder.find_spec("sitecustomize", elsewhere)
    if hidden is not None and hidden.loader is not None:
        hidden.loader.exec_module(importlib.util.module_from_spec(hidden))


class _WaitsForAer(importlib.abc.MetaPathFinder):
    """Import hook that turns autosave on once Aer is loaded; it finds no modules itself."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Returns Aer's own spec with a loader that turns autosave on; ``None`` for every other module."""
        del path, target
        if name != "qiskit_aer":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def load_and_archive(module: ModuleType) -> None:
                load(module)
                from aerchive.aer.running.autosave import inherit

                inherit()

            spec.loader.exec_module = load_and_archive  # type: ignore[method-assign]  # only for this loader
        return spec


if os.environ.get("AERCHIVE_AUTOSAVE"):
    sys.meta_path.insert(0, _WaitsForAer())
_hand_over()
