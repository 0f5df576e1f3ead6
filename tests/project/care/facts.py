"""A project full of personal facts, made by a process of another user on another machine."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np

from aerchive import AttachedFile
from tests import processes
from tests.drafts import draft_of, project_at

USER, HOST, HOME, FOLDER = "usermarker", "hostmarker", "homemarker", "foldermarker"
PROGRAM, CODE, VARIABLE, SECRET = "programmarker", "codemarker", "variablemarker", "secretmarker"
COMMIT = "c0ffee" * 6
ACCOUNT, SESSION, CALLER = "accountmarker", "sessionmarker", "callermarker"
GONE = "gonemarker"
"""In deleted runs, and in labels that were removed or replaced."""
FACTS = (USER, HOST, HOME, FOLDER, PROGRAM, CODE, COMMIT, ACCOUNT, SESSION, CALLER)
NEVER = (VARIABLE, SECRET)
"""In no project at all."""
KEPT = "keptmarker"
"""In texts that the user wrote, which stay."""

SCRIPT = '''
import logging, socket, sys
logging.getLogger("aerchive").setLevel("CRITICAL")

socket.gethostname = lambda: "{HOST}.example"
sys.argv[0] = "/home/{HOME}/{PROGRAM}.py"
import aerchive
from aerchive.aer.capturing import provenance
from qiskit import QuantumCircuit
from aerchive.aer import AerSimulator

ask = provenance._ask_git
provenance._ask_git = lambda folder, *words: "{COMMIT}" if words[0] == "rev-parse" else " M x"
path = sys.argv[1]
project = aerchive.open(path)

def circuit(name):
    made = QuantumCircuit(2, name=name, metadata={{"note": "{KEPT}"}})
    made.h(0)
    made.save_statevector()
    made.measure_all()
    return made

sim = AerSimulator(project=path, seed_simulator=3)
sim.options.update_options(work_folder="/home/{HOME}/data")
def run(circuits, **options):
    job = sim.run(circuits, **options)
    try:
        job.result()
    except Exception:
        pass
    return job.run

where = {{"out": [{{"file": "~/{FOLDER}/x.npy"}}], "by": "me on {HOST}", "token": "{SECRET}", "keep": 1}}
first = run(circuit("{KEPT}"), shots=9, name="{KEPT}", tags=["{KEPT}", "{GONE}"], notes="{GONE}", where=where)
project.tag(job_ids=[first.job_id], remove=["{GONE}"])
project[first.job_id].annotate(notes="{KEPT}", params={{"p": "{KEPT}"}})

# a run that raises: the program lies in the home folder of its user
source = """
def {CODE}():
    raise RuntimeError("cannot read /home/{HOME}/{FOLDER}/x.npy on {HOST} for {USER}")
"""
space = {{}}
exec(compile(source, "/home/{HOME}/{PROGRAM}.py", "exec"), space)
from qiskit_aer.backends.aer_simulator import AerSimulator as Stock
execute = Stock._execute_circuits_job
def failing(self, *args, **named):
    space["{CODE}"]()
Stock._execute_circuits_job = failing
failed = run(circuit("failing"), shots=5)
assert failed.outcome == "error", failed.outcome
Stock._execute_circuits_job = execute

large = QuantumCircuit(16, name="large")
large.h(range(16))
large.rz(0.3, range(16))
large.save_statevector()
run(large, shots=2)

gone = run(circuit("{GONE}"), shots=3, notes="{GONE}", tags=["{GONE}"])
project.delete_job(gone.job_id)
project.rebuild_catalogue()

# a run that waits in a spool
import fcntl
waiting = aerchive.open(path, lock_timeout=0.05)
with open(path, "rb") as file:
    fcntl.flock(file, fcntl.LOCK_EX)
    sim = AerSimulator(project=waiting, seed_simulator=3, durability="each")
    sim.run(circuit("waiting"), shots=4, file="/home/{HOME}/y", notes="{KEPT}").result()
'''


def make(path: Path) -> None:
    """Makes the project at a path, and beside it a spool with one run."""
    names = {name: value for name, value in globals().items() if isinstance(value, str) and name.isupper()}
    names.pop("SCRIPT")
    environment = {"HOME": f"/home/{HOME}", "USER": USER, "LOGNAME": USER, "USERNAME": USER, "X_VARIABLE": VARIABLE}
    processes.run(SCRIPT.format(**names), path, environment=environment, warnings="ignore")

    draft = draft_of(7, extra_bytes=3_000_000)
    service = {
        "client": "qiskit-ibm-runtime 1",
        "instance": f"crn:v1:{ACCOUNT}",
        "session_id": SESSION,
        "image": f"{ACCOUNT}/image",
        "usage_seconds": 3,
        "metrics": {"timestamps": {"created": "2026"}, "caller": f"~/{CALLER}.py", "usage": {"seconds": 3}},
        "inputs": {"x": ACCOUNT},
        "later": ACCOUNT,
    }
    config = draft.config.model_copy(
        update={"service": service, "primitive_options": {"file": f"/home/{HOME}/z"}, "missing": [f"in /home/{HOME}"]}
    )
    project = project_at(path)
    run = project.archive(dataclasses.replace(draft, config=config))
    for holder in (run, project):
        holder.attach(f"of {USER}", AttachedFile(f"{USER}.txt", f"/home/{HOME}/{FOLDER}".encode()))
        holder.attach("notes", {"by": f"{USER}@{HOST}"})
        holder.attach("text", f"{CODE} by {GONE}")
        holder.detach("text")


def texts(path: Path) -> Iterator[tuple[str, str]]:
    """All attributes and datasets of a file as text, each with its place."""

    def as_text(value: object) -> str:
        array = np.asarray(value)
        if array.dtype == np.uint8:
            return array.tobytes().decode("latin-1")
        if array.dtype.kind == "S" and array.ndim == 1:
            return b"".join(array.tolist()).decode()  # rows of one text
        return str(array.tolist()) if array.dtype.kind in "SUOV" else ""

    with h5py.File(path, "r") as file:
        seen = set()

        def walk(group: h5py.Group, place: str) -> Iterator[tuple[str, str]]:
            for name, value in group.attrs.items():
                yield f"{place}@{name}", as_text(value)
            for name in group:
                node, inner = group[name], f"{place}/{name}"
                if isinstance(node, h5py.Dataset):
                    yield inner, as_text(node[()])
                    for key, value in node.attrs.items():
                        yield f"{inner}@{key}", as_text(value)
                elif h5py.h5o.get_info(node.id).addr not in seen:
                    seen.add(h5py.h5o.get_info(node.id).addr)
                    yield from walk(node, inner)

        yield from walk(file["/"], "")


_FREE = re.compile(r"@(options|primitive_options|used|service|params|threads)(_json)?(\.\w+)?$")


def place_of(place: str) -> str:
    """A place as the page of personal facts names it: without the run or object, and the keys of free mappings."""
    place = re.sub(r"^/(runs/[^/]+|deleted)/\d[^/@]*|^/deleted/runs-[^/@]*", "", place)
    place = re.sub(r"^/objects/(\w+)/[^/]+/[^/@]+", r"/\1", place).lstrip("/")
    place = re.sub(r"^(deleted/)?attachments/.*|^/?runs/.*/attachments/.*", r"\1attachments", place)
    place = re.sub(r"^(deleted/tables/)?columns/.*", r"\1columns", place)
    return _FREE.sub(r"@\1.*", place)
