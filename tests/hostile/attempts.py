"""A process that tries everything on hostile files, in one forked child for each file.

It imports all that is needed once. A request is one line of JSON on standard input, `Request`; the answer is one line
on standard output, `Answer`. A child has limited memory, its audit hook notes what is opened and started, and it is
killed if one step takes too long; what libhdf5 opens itself is seen only by strace.
"""

from __future__ import annotations

import ast
import contextlib
import csv
import gc
import hashlib
import io
import json
import os
import re
import resource
import select
import signal
import subprocess
import sys
import unicodedata
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import pytest

STEP_LIMIT_S = 10.0
"""A step, or one job of a step, that takes longer is called a hang, and its process is killed.

On a busy machine it may take longer in proportion to the number of processes that wait for a processor.
"""
MEMORY_BYTES = 1536 * 1024 * 1024
"""What a child may take beyond the memory that it has when it begins."""
READING = ("ls", "find", "export", "show", "verify", "values", "circuits", "script")
"""Steps that only read: afterwards the file must have the same bytes as before."""
STEPS = (*READING, "save", "compact", "after")
_WRITE_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_LARGE_BYTES = 2**24
_ADDRESS = re.compile(" at 0x[0-9a-f]+|'id': '[0-9a-f]+'")
"""What the text of an object has that differs between two of the same content."""
_alive: list[Callable[[], object]] = []
"""What tells the parent of a child that the child goes on."""
_FORBIDDEN = frozenset(
    ["socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo", "os.system", "pickle.find_class"]
)


class Request(TypedDict):
    """What is to be tried.

    Attributes:
        path: The project.
        home: Folder of the settings, which may be written as well.
        jobs: Job ids to be shown and read.
        steps: Names of the steps.
    """

    path: str
    home: str
    jobs: Sequence[str]
    steps: Sequence[str]


class Step(TypedDict):
    """What came of a step.

    Attributes:
        name: Its name.
        end: ``ok``, ``refused`` (an AerchiveError, or exit status 1 of a command), ``foreign`` (another exception),
            ``hang`` or ``crash``.
        text: Messages of errors, or what the command printed.
        digests: Digest of what was read or printed of each job that was not refused; of a listing, under no name.
        seconds: Processor time that it took, that of its child processes included.
        wrong: What must not be, in words.
    """

    name: str
    end: str
    text: str
    digests: dict[str, str]
    seconds: float
    wrong: list[str]


class Answer(TypedDict):
    """Attributes: the steps that were begun, and the most memory of the child, in bytes."""

    steps: list[Step]
    peak_bytes: int


class Attempts:
    """The process, as a test starts it and asks it; also a context manager.

    Args:
        command: What comes before the Python interpreter, such as ``strace``.
        forks: Whether the package forks instead of starting Python, see `tests.hostile.forking`.
    """

    def __init__(self, environment: dict[str, str], command: Sequence[str] = (), *, forks: bool = False) -> None:
        self._process = subprocess.Popen(
            [*command, sys.executable, "-m", "tests.hostile.attempts", *(["--forks"] if forks else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)} | environment,
            cwd=Path(__file__).parents[2],
        )

    def __enter__(self) -> Attempts:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait(60)
        self._process.stdout.close()

    def attempt(self, path: Path, home: Path, jobs: Sequence[str], steps: Sequence[str] = STEPS) -> Answer:
        """Tries these steps on one project."""
        assert self._process.stdin
        assert self._process.stdout
        request = Request(path=str(path), home=str(home), jobs=list(jobs), steps=list(steps))
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer: Answer = json.loads(self._process.stdout.readline())
        return answer


# In the process


def serve() -> None:
    """Answers requests until standard input ends."""
    _import_everything()
    if "--forks" in sys.argv:
        from tests.hostile.forking import use_forks

        use_forks(pytest.MonkeyPatch())
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    gc.freeze()  # a child need not copy what it only looks at
    for line in sys.stdin:
        answers.write(json.dumps(_in_a_child(json.loads(line))) + "\n")
        answers.flush()


def _import_everything() -> None:
    import importlib
    import pkgutil

    import aerchive

    skipped = ("aerchive.testing", "aerchive.__main__", "aerchive.aer.running.startup", "aerchive.runtime")
    for module in pkgutil.walk_packages(aerchive.__path__, "aerchive."):
        if not module.name.startswith(skipped):
            importlib.import_module(module.name)
    importlib.import_module("tests.drafts")


def _in_a_child(request: Request) -> Answer:
    receiver, sender = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(receiver)
        os.setpgid(0, 0)
        with os.fdopen(sender, "w") as pipe:
            _attempt(request, pipe)
        os._exit(0)
    os.close(sender)
    steps: list[Step] = []
    is_hanging = False
    with os.fdopen(receiver, "rb", buffering=0) as pipe:
        text = b""
        while True:
            busy = max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
            ready, _, _ = select.select([pipe], [], [], STEP_LIMIT_S * busy)
            if not ready:
                is_hanging = True
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child, signal.SIGKILL)
                break
            piece = pipe.read(1 << 20)
            if not piece:
                break
            text += piece
    steps = [json.loads(line) for line in text.splitlines() if line]
    _, status, usage = os.wait4(child, 0)
    if is_hanging or status:
        end = "hang" if is_hanging else "crash"
        name = request["steps"][len(steps)] if len(steps) < len(request["steps"]) else "the end"
        words = "did not end" if is_hanging else f"ended the process with status {status}"
        steps.append(Step(name=name, end=end, text="", digests={}, seconds=STEP_LIMIT_S, wrong=[f"{name}: {words}"]))
    return Answer(steps=steps, peak_bytes=usage.ru_maxrss * 1024)


def _attempt(request: Request, pipe: Any) -> None:
    os.chdir(Path(request["path"]).parent)
    os.environ |= {f"XDG_{name}_HOME": request["home"] for name in ("CONFIG", "DATA", "CACHE", "STATE")}
    os.environ |= {"HOME": request["home"], "AERCHIVE_PROJECT": f"{request['home']}/default.h5"}
    from aerchive.errors import ArchiveWarning

    warnings.simplefilter("error")
    warnings.simplefilter("default", ArchiveWarning)
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY_BYTES,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    noted: list[str] = []
    _alive.append(lambda: pipe.write("\n") and pipe.flush())
    sys.addaudithook(_Watch(request, noted))
    before = _stat(request["path"])
    for name in request["steps"]:
        step = _step(name, request)
        step["wrong"] += [f"{name}: {what}" for what in noted]
        noted.clear()
        if name in READING and _stat(request["path"]) != before:
            step["wrong"].append(f"{name}: changed the file")
            before = _stat(request["path"])
        pipe.write(json.dumps(step) + "\n")
        pipe.flush()


def _stat(path: str) -> tuple[int, ...] | None:
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


class _Watch:
    """An audit hook that notes what a reader of projects has no business with."""

    def __init__(self, request: Request, noted: list[str]) -> None:
        folder, home = str(Path(request["path"]).parent), request["home"]
        self._own = (f"{folder}/", f"{home}/")
        here = str(Path(__file__).resolve().parents[2])
        import aerchive

        package = str(Path(aerchive.__file__).resolve().parents[1])
        self._read = (
            *self._own,
            sys.prefix,
            sys.base_prefix,
            here,
            package,
            "/proc/",
            "/sys/",
            "/dev/null",
            "/dev/urandom",
        )
        self._read += ("/usr/", "/lib", "/etc/")
        self._noted = noted
        self._folders = folder, home

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            self._opened(*arguments)
        elif event in ("os.remove", "os.rename", "os.truncate", "os.chmod", "os.link", "os.symlink", "os.mkdir"):
            for path in arguments[: 2 if event in ("os.rename", "os.link") else 1]:
                if isinstance(path, str | bytes) and not self._is_own(path, follow=event == "os.truncate"):
                    self._noted.append(f"{event} of {path!r}")
        elif event in ("subprocess.Popen", "os.posix_spawn", "os.exec"):
            if os.fsdecode(arguments[0] or arguments[1][0]) not in (sys.executable, "git"):
                self._noted.append(f"starts {arguments[0]!r}")
        elif event == "ctypes.dlopen":
            if arguments[0] and not str(arguments[0]).startswith(self._read):
                self._noted.append(f"loads {arguments[0]!r}")
        elif event in _FORBIDDEN:
            self._noted.append(f"{event} {arguments!r:.100}")

    def _opened(self, path: Any, _mode: Any, flags: int) -> None:
        if not isinstance(path, str | bytes):
            return
        if flags & _WRITE_FLAGS:
            if not self._is_own(path, follow=not flags & os.O_NOFOLLOW):
                self._noted.append(f"opens {path!r} for writing")
            return
        follow = not flags & os.O_NOFOLLOW
        if not self._is_own(path, follow=follow) and not self._real(path, follow=follow).startswith(self._read):
            self._noted.append(f"opens {path!r}")

    def _is_own(self, path: str | bytes, *, follow: bool) -> bool:
        real = self._real(path, follow=follow)
        return real.startswith(self._own) or real in self._folders or real == "/dev/null"

    @staticmethod
    def _real(path: str | bytes, *, follow: bool) -> str:
        text = os.path.abspath(os.fsdecode(path))
        if follow:
            return os.path.realpath(text)
        return os.path.join(os.path.realpath(os.path.dirname(text)), os.path.basename(text))


class _Refused(Exception):
    """A step that was refused for some runs: the messages."""


def _step(name: str, request: Request) -> Step:
    out = io.StringIO()
    digests: dict[str, str] = {}
    wrong: list[str] = []
    end, text = "ok", ""
    start = _processor_seconds()
    from aerchive.errors import AerchiveError

    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            _DO[name](request, digests, wrong)
    except AerchiveError as error:
        end, text = "refused", str(error)
    except _Refused as error:
        end, text = "refused", str(error)
    except SystemExit as error:
        end, text = "refused", f"exit {error.code}"
    except BaseException as error:  # noqa: BLE001 - that is what is looked for
        place = _place_of(error)
        end, text = "foreign", f"{type(error).__name__}: {error!s:.300} ({place})"
        wrong.append(f"{name}: foreign exception {text}")
    seconds = _processor_seconds() - start
    printed = out.getvalue()
    if "Traceback (most recent" in printed:
        wrong.append(f"{name}: prints a traceback")
    odd = {c for c in printed if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp", "Cs", "Co") and c not in "\n"}
    if odd:
        wrong.append(f"{name}: prints {sorted(map(ascii, odd))}")
    return Step(name=name, end=end, text=f"{text}\n{printed}"[:200_000], digests=digests, seconds=seconds, wrong=wrong)


def _processor_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _place_of(error: BaseException) -> str:
    trace, place = error.__traceback__, ""
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if "/aerchive/" in file:
            place = f"{Path(file).name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place


def _command(*words: str) -> None:
    from aerchive import cli

    if cli.main(words):
        raise _Refused


def _printed(*words: str) -> str:
    """What a command prints on standard output; it is printed here as well."""
    out = io.StringIO()
    try:
        with contextlib.redirect_stdout(out):
            _command(*words)
    finally:
        print(out.getvalue().replace("\r", ""), end="")
    return out.getvalue()


def _each(jobs: Sequence[str], digests: dict[str, str], act: Callable[[str, Any], object]) -> None:
    """Does something for each job, those after a refused one as well; it gets the job and a hash."""
    from aerchive.errors import AerchiveError

    messages = []
    for job in jobs:
        digest = hashlib.sha256()
        try:
            act(job, digest)
        except (AerchiveError, _Refused) as error:
            messages.append(f"{job}: {error}")
        except Exception as error:
            if not any(base.__name__ in ("AerJobError", "QiskitError") for base in type(error).__mro__):
                raise
            messages.append(f"{job}: {error}")
        else:
            digests[job] = digest.hexdigest()
        for tell in _alive:
            tell()
    if messages:
        raise _Refused("\n".join(messages))


def _ls(request: Request, digests: dict[str, str], _wrong: list[str]) -> None:
    digests[""] = _digest(_printed("-p", request["path"], "ls"))


def _find(request: Request, digests: dict[str, str], _wrong: list[str]) -> None:
    ids = _printed("-p", request["path"], "find", "--ids")
    digests[""] = _digest(ids + _printed("-p", request["path"], "find", "shots > 1"))


def _export(request: Request, digests: dict[str, str], wrong: list[str]) -> None:
    text = _printed("-p", request["path"], "export")
    digests[""] = _digest(text)
    csv.field_size_limit(len(text) + 1)
    for row in csv.reader(io.StringIO(text, newline="")):
        for cell in row:
            if cell[:1] in tuple("=+-@\t\r") and not _is_number(cell):
                wrong.append(f"export: a cell begins a formula: {cell!r:.60}")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _is_number(text: str) -> bool:
    with contextlib.suppress(ValueError):
        float(text)
        return True
    return False


def _show(request: Request, digests: dict[str, str], _wrong: list[str]) -> None:
    def show(job: str, digest: Any) -> None:
        digest.update(_printed("-p", request["path"], "show", job).encode("utf-8", "surrogatepass"))

    _each(request["jobs"], digests, show)


def _verify(request: Request, _digests: dict[str, str], _wrong: list[str]) -> None:
    _command("verify", request["path"])


def _attached(value: Any) -> bytes:
    import aerchive

    if isinstance(value, aerchive.StoredArray):
        return b"" if value.nbytes > _LARGE_BYTES else value[...].tobytes()
    return repr(value).encode("utf-8", "backslashreplace")


def _values(request: Request, digests: dict[str, str], _wrong: list[str]) -> None:
    import aerchive

    project = aerchive.open(request["path"], "r")

    def read(job: str, digest: Any) -> None:
        run = project[job]
        if run.outcome != "ok":
            return
        for value in run.saved:
            if value.nbytes > _LARGE_BYTES:
                content: Any = run.array(value.label, value.experiment)[:4]
            elif value.label == "counts":
                content = run.counts(value.experiment)
            else:
                content = run.value(value.label, value.experiment)
            for piece in _pieces(content):
                digest.update(piece)
        for attached in run.attachments.values():
            digest.update(_attached(attached))
        run.result()

    _each(request["jobs"], digests, read)


def _pieces(value: Any) -> Iterator[bytes]:
    data = getattr(value, "data", value)
    if isinstance(data, np.ndarray):
        yield np.asarray(data).tobytes()
    else:
        with contextlib.suppress(ValueError):  # an integer of too many digits to be written
            yield repr(value).encode("utf-8", "surrogatepass")


def _circuits(request: Request, digests: dict[str, str], _wrong: list[str]) -> None:
    import aerchive

    project = aerchive.open(request["path"], "r")

    def read(job: str, digest: Any) -> None:
        run = project[job]
        if run.outcome == "error":
            return
        instructions = [(i.operation.name, i.operation.params) for circuit in run.circuits() for i in circuit.data]
        model = run.noise_model()
        for value in (instructions, run.parameter_binds(), model and model.to_dict()):
            digest.update(_ADDRESS.sub("", repr(value)).encode("utf-8", "surrogatepass"))

    _each(request["jobs"], digests, read)


def _script(request: Request, digests: dict[str, str], wrong: list[str]) -> None:
    """A program that is handed out must be Python, whose names are those of our programs."""

    def write(job: str, _digest: Any) -> None:
        try:
            tree = ast.parse(_printed("-p", request["path"], "script", job))
        except (SyntaxError, ValueError) as error:
            wrong.append(f"script: the program is no Python: {error}")
            return
        imported = {a.name for node in ast.walk(tree) if isinstance(node, ast.Import) for a in node.names}
        imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        strange = {
            name
            for name in imported
            if name.partition(".")[0] not in ("qiskit", "qiskit_aer", "numpy", "aerchive", "math")
        }
        if strange:
            wrong.append(f"script: the program imports {sorted(strange)}")

    _each([job for job in request["jobs"] if job != "failed"], digests, write)


def _rerun(request: Request, digests: dict[str, str], _wrong: list[str]) -> None:
    _each(
        [job for job in request["jobs"] if job != "failed"],
        digests,
        lambda job, _: _command("-p", request["path"], "rerun", "--untrusted", job),
    )


def _save(request: Request, _digests: dict[str, str], _wrong: list[str]) -> None:
    from tests.drafts import draft_of, project_at

    project = project_at(Path(request["path"]), lock_timeout_s=1.0)
    project.archive(draft_of(77))
    project.close()


def _compact(request: Request, _digests: dict[str, str], _wrong: list[str]) -> None:
    _command("compact", "--force", request["path"])


_DO: dict[str, Callable[[Request, dict[str, str], list[str]], None]] = {
    "ls": _ls,
    "find": _find,
    "export": _export,
    "show": _show,
    "verify": _verify,
    "values": _values,
    "circuits": _circuits,
    "script": _script,
    "rerun": _rerun,
    "save": _save,
    "compact": _compact,
    "after": _ls,
    "again": _verify,
    "kept": _values,
}


if __name__ == "__main__":
    serve()
