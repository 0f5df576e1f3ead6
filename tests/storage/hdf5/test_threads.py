"""Threads that open and read projects at the same time, in a process of its own: a fault of HDF5 would end it."""

from __future__ import annotations

from pathlib import Path

import aerchive
from tests import processes
from tests.jobs import make_result

PROGRAM = """
import sys, threading
import h5py
from aerchive.storage.hdf5.opening import _without_plugins

sys.setswitchinterval(1e-5)
is_over = threading.Event()

def take_away():
    while not is_over.is_set():
        with _without_plugins():
            pass

def read():
    for _ in range(60):
        with open(sys.argv[1], "rb") as source, h5py.File(source) as file:
            file["catalogue"][:]
            list(file["runs"].items())

other = threading.Thread(target=take_away)
readers = [threading.Thread(target=read) for _ in range(8)]
for one in (other, *readers):
    one.start()
for one in readers:
    one.join()
is_over.set()
other.join()
print("whole")
"""


def test_folders_of_plugins_are_taken_away_while_others_read(path: Path) -> None:
    project = aerchive.open(path)
    for number in range(20):
        project.save(make_result(f"job-{number}", counts={"0x0": 1}))
    assert processes.run(PROGRAM, path) == "whole\n"
