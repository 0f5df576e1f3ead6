"""Turns autosave on in Python processes that a process with autosave starts.

Its folder is on their ``PYTHONPATH``, where Python looks for a module of this name when it starts. It only waits for
the import of Qiskit Aer, and runs the ``sitecustomize`` that it hides. It leaves no trace in ``sys.path`` and
``sys.modules``, and does nothing in an environment without aerchive. Older versions of Python must be able to run it.
"""

import os
import sys
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec

_HERE = os.path.dirname(os.path.abspath(__file__))


class _WaitsForAer:
    """Import hook that turns autosave on once Aer is loaded; it finds no modules itself."""

    def find_spec(self, name: str, path: object, target: object = None) -> object:
        """Returns Aer's own spec with a loader that turns autosave on; ``None`` for every other module."""
        del path, target
        if name != "qiskit_aer":
            return None
        sys.meta_path.remove(self)  # type: ignore[arg-type]  # found in it as well
        spec = find_spec(name)
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def load_and_archive(module: object) -> None:
                load(module)  # type: ignore[arg-type]  # a module
                try:
                    from aerchive.aer.running.autosave import inherit
                except Exception as error:  # noqa: BLE001  (the process must do its work in any case)
                    if getattr(error, "name", None) != "aerchive":  # which the environment may not have
                        import logging

                        logging.getLogger("aerchive").error("autosave cannot be turned on: %s", error)
                else:
                    inherit()

            spec.loader.exec_module = load_and_archive  # type: ignore[method-assign]  # only for this loader
        return spec


def _hand_over() -> None:
    """Runs the ``sitecustomize`` that this one hides, or ends as the import of a module that does not exist."""
    sys.path[:] = [path for path in sys.path if os.path.abspath(path) != _HERE]
    hidden = PathFinder.find_spec("sitecustomize", sys.path)
    if hidden is None or hidden.loader is None:
        raise ImportError("there is no other sitecustomize", name="sitecustomize")
    module = sys.modules["sitecustomize"] = module_from_spec(hidden)
    hidden.loader.exec_module(module)


if os.environ.get("AERCHIVE_AUTOSAVE"):
    sys.meta_path.insert(0, _WaitsForAer())  # type: ignore[arg-type]  # has the one method that is called
_hand_over()
