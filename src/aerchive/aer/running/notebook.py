"""``%load_ext aerchive``: archives every run of Aer in a notebook."""

from __future__ import annotations

from aerchive.aer.running.autosave import Autosave, autosave

_switches: list[Autosave] = []


def load() -> None:
    """Turns archiving on, and says where the runs are archived.

    Raises:
        AerchiveError: The project of the settings cannot be written.
    """
    switch = autosave()
    if switch is not None:
        _switches.append(switch)
        print(f"aerchive: runs of Aer are archived in {switch.project.path}")  # noqa: T201  (the answer of a magic)


def unload() -> None:
    """Turns the archiving off that `load` turned on."""
    while _switches:
        _switches.pop().stop()
