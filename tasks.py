#!/usr/bin/env python3
"""The tasks of this checkout, each named once: ``python3 tasks.py TASK [arguments]``.

Needs nothing but Python 3.11 and pip. The first task makes a virtual environment in ``.venv`` and installs the project
there, and its development tools unless the task is ``demo``; later ones reuse it until ``pyproject.toml`` changes.
"""

from __future__ import annotations

import hashlib
import importlib.util
import itertools
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
SCRIPTS = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = SCRIPTS / ("python.exe" if os.name == "nt" else "python")
OLDEST = ROOT / ".venv-oldest"
OLDEST_PYTHON = OLDEST / PYTHON.relative_to(VENV)
OLDEST_EXTRAS = ("arrow", "dask", "pandas", "plugins", "remote", "xarray")
"""The extras of the oldest environment: `runtime` needs a newer Qiskit, and `benchmarks` only measures."""
SCHEMAS = ROOT / "schemas" / "v1"
BENCHMARKS = ROOT / "tests" / "benchmarks"
CLIENTS = ROOT / "tests" / "clients"
CLIENTS_VENV = ROOT / ".venv-clients"
VIEWERS = ROOT / "tests" / "viewers"
VIEWERS_VENV = ROOT / ".venv-viewers"
NOTEBOOKS_VENV = ROOT / ".venv-notebooks"
WEB = ROOT / "web"
PAGE = ROOT / "src" / "aerchive" / "view" / "page"
DOCS_VENV = ROOT / ".venv-docs"
REMOTE_VENV = ROOT / ".venv-remote"
VIEWERS_PROGRAMS = {
    "chromedriver": "chromium-driver",
    "chromium": "chromium",
    "h5dump": "hdf5-tools",
    "octave-cli": "octave",
    "Rscript": "r-cran-hdf5r r-bioc-rhdf5",
}
"""Programs that only the checks of viewers use, and the packages of Debian that have them and what they load."""
PROGRAMS = {
    "chromium": "chromium",
    "h5clear": "hdf5-tools",
    "h5dump": "hdf5-tools",
    "h5ls": "hdf5-tools",
    "nginx": "nginx-light",
    "openssl": "openssl",  # certificates for nginx
    "rsync": "rsync",
    "ssh-keygen": "openssh-client",
    "strace": "strace",
}
"""Programs that tests use, and the packages of Debian that have them."""
PACKAGE, DEVELOPMENT = ("--editable", "."), ("--editable", ".[dev]")
"""What is installed: the package with what it needs, and also what it is developed and tested with."""
LINES_S, MOVES_S = 10.0, 0.2
"""Seconds between two lines that say what pip does, and between two states of the line that moves on a terminal."""
NATIVE = ROOT / "native"
NATIVE_BUILD = ROOT / "build" / "native"
NATIVE_PROGRAMS = {"cc": "gcc libc6-dev", "nasm": "nasm"}
"""What the kernels in C are built with; nasm is the assembler of igzip."""
S3_PROGRAMS = {"radosgw": "radosgw", "ceph-mon": "ceph-mon", "ceph-osd": "ceph-osd"}
"""The gateway of Ceph, which speaks S3, and what it needs."""
SPREAD = ["-n", "3", "--dist", "worksteal"]
"""Three processes, each of which takes tests from the others when it has none left; a file's fixtures are made once."""
OLDEST_SAMPLE = [
    "tests/golden",
    "tests/codecs/test_symbols.py",
    "tests/codecs/test_target.py",
    "tests/codecs/circuits/test_qpy_order.py",
    "tests/codecs/circuits/test_qpy_versions.py",
    "tests/aer/again/test_rerun.py",
    "tests/project/catalogue/test_conditions.py",
    "tests/project/catalogue/test_expression.py",
]
"""The tests that `.ci/run` runs with the oldest versions."""
WHOLLY_COVERED = ("overlay", "journal", "recovery", "superblock")

Arguments = Sequence[str]


class Task(NamedTuple):
    """One named task.

    Attributes:
        line: The line that describes it.
        function: What it does.
        takes_arguments: Whether it passes arguments on.
        needs_tools: Whether it needs the development tools.
    """

    line: str
    function: Callable[[Arguments], int]
    takes_arguments: bool
    needs_tools: bool


TASKS: dict[str, Task] = {}


def task(
    line: str, *, takes_arguments: bool = False, needs_tools: bool = True
) -> Callable[[Callable[[Arguments], int]], Callable[[Arguments], int]]:
    """Enters a function into `TASKS` under its own name."""

    def enter(function: Callable[[Arguments], int]) -> Callable[[Arguments], int]:
        TASKS[function.__name__] = Task(line, function, takes_arguments, needs_tools)
        return function

    return enter


def say(text: str) -> None:
    """Prints one line about what is being done, apart from the output of the tools."""
    print(f"tasks: {text}", file=sys.stderr, flush=True)


def run(*command: str | Path, env: dict[str, str] | None = None) -> int:
    """Runs a command at the root of the checkout and returns its exit code."""
    return subprocess.run(command, cwd=ROOT, env=env, check=False).returncode


def python(*arguments: str | Path) -> int:
    """Runs the Python of the environment."""
    return run(PYTHON, *arguments)


# The environment


def python_version(python: Path) -> str | None:
    """Returns what the Python of an environment says it is, or None if there is none that works."""
    try:
        answer = subprocess.run(
            [python, "-c", "import sys; print(sys.version)"], capture_output=True, text=True, check=False
        )
    except OSError:
        return None
    return answer.stdout if answer.returncode == 0 else None


def fingerprint(python: Path, what: Sequence[str | Path]) -> str:
    """Returns a hash of everything that decides what is installed: the settings, the place, the Python, and files."""
    files = (ROOT / "pyproject.toml", *(one for one in what if isinstance(one, Path)))
    words = (os.fsencode(one) for one in (*what, ROOT))  # the package with and without tools are two things
    parts = (*(one.read_bytes() for one in files), *words, (python_version(python) or "").encode())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def make_environment(venv: Path) -> int:
    """Makes an empty virtual environment in place of any other.

    Debian keeps ensurepip, which gives an environment its own pip, in the package python3-venv. Where that is absent
    the environment is made without pip, and `pip_command` uses the pip outside.
    """
    say(f"making a virtual environment in {venv.name}")
    make = [sys.executable, "-m", "venv", "--clear"]
    if importlib.util.find_spec("ensurepip") is not None:
        answer = subprocess.run([*make, venv], capture_output=True, text=True, check=False)
        if answer.returncode == 0:
            return 0
    return run(*make, "--without-pip", venv)


def pip_command(python: Path) -> list[str | Path]:
    """Returns the start of a pip command that installs into an environment.

    Raises:
        SystemExit: There is no pip, inside or outside.
    """
    inside = subprocess.run([python, "-m", "pip", "--version"], capture_output=True, check=False)
    if inside.returncode == 0:
        return [python, "-m", "pip"]
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip", "--python", python]
    raise SystemExit("tasks: this Python has neither ensurepip nor pip; on Debian: apt-get install python3-pip")


def is_prepared(venv: Path, python: Path, what: Sequence[str | Path]) -> bool:
    """Whether all of this was installed into an environment for this very pyproject.toml."""
    stamp = venv / "installed-from"
    return stamp.is_file() and stamp.read_text() == fingerprint(python, what)


def prepare(venv: Path = VENV, python: Path = PYTHON, what: Sequence[str | Path] = DEVELOPMENT) -> int:
    """Makes an environment and installs into it, if that was not done for this very pyproject.toml."""
    if is_prepared(venv, python, what):
        return 0
    if python_version(python) is None and make_environment(venv) != 0:
        say("could not make the virtual environment")
        return 1
    pip = pip_command(python)
    stamp = venv / "installed-from"
    stamp.unlink(missing_ok=True)
    tools = "" if what == PACKAGE else " and what it is tested with"
    say(f"installing aerchive{tools} into {venv.name}; the first time takes a few minutes")
    start = time.monotonic()
    code, output = run_showing(*pip, "install", "--no-input", "--disable-pip-version-check", *what)
    if code != 0:
        print(output, file=sys.stderr)
        say("pip failed; its output is above")
        return code
    stamp.write_text(fingerprint(python, what))
    say(f"installed in {time.monotonic() - start:.0f} s")
    return 0


def run_showing(*command: str | Path) -> tuple[int, str]:
    """Runs pip and shows how long it has worked, and on what: on a terminal in a line that moves, else now and then.

    Returns:
        The exit code, and the output.
    """
    lines: list[str] = []
    doing = "pip starts"

    def read(output: Iterable[str]) -> None:
        nonlocal doing
        for line in output:
            lines.append(line.rstrip())
            if not line.startswith("WARNING"):
                doing = line.strip() or doing

    moves, start = sys.stderr.isatty(), time.monotonic()
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=os.environ | {"PIP_ROOT_USER_ACTION": "ignore"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        reader = threading.Thread(target=read, args=[process.stdout])
        reader.start()
        try:
            while reader.is_alive():
                reader.join(MOVES_S if moves else LINES_S)
                if reader.is_alive():
                    now = f"tasks: {time.monotonic() - start:3.0f} s: {doing}"
                    width = shutil.get_terminal_size().columns - 1
                    print(f"\r{now[:width]}\x1b[K" if moves else now[:120], end="" if moves else "\n", file=sys.stderr)
                    sys.stderr.flush()
        except BaseException:  # an interrupt, which pip gets as well
            process.terminate()
            raise
        finally:
            reader.join()
            if moves:
                print("\r\x1b[K", end="", file=sys.stderr, flush=True)
    return process.returncode, "\n".join(lines)


def oldest_versions(extras: Sequence[str] = OLDEST_EXTRAS) -> list[str]:
    """Returns the lower bound of each dependency in pyproject.toml as the only version: ``qiskit==2.1``."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    more = [bound for extra in extras for bound in project["optional-dependencies"][extra]]
    bounds = (*project["dependencies"], *more)
    return [re.sub(r"\[[^]]*\]", "", bound).replace(">=", "==") for bound in bounds]  # constraints have no extras


def provide_programs(programs: Mapping[str, str] = PROGRAMS) -> None:
    """Installs programs that tests use, such as h5dump and strace, if they are missing and that is possible.

    Where it is not possible it says why; the tests that need them are then skipped, with a reason.
    """
    missing = [program for program in programs if shutil.which(program) is None]
    if not missing:
        return
    names = " and ".join(missing)
    packages = sorted({package for program in missing for package in programs[program].split()})
    if not Path("/etc/debian_version").exists() or shutil.which("apt-get") is None:
        say(
            f"{names} not found, and this is no Debian to install {' and '.join(packages)} on: "
            "tests that use them are skipped"
        )
        return
    if os.geteuid() != 0:
        say(f"{names} not found (apt-get install {' '.join(packages)}, as root): tests that use them are skipped")
        return
    say(f"installing {' and '.join(packages)}, for the tests that use {names}")
    for arguments in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
        answer = subprocess.run(
            ["apt-get", "--quiet", *arguments],
            env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if answer.returncode != 0:
            print(answer.stdout, file=sys.stderr)
            say(f"apt-get {arguments[0]} failed; its output is above: tests that use {names} are skipped")
            return


# The tasks


@task("a run archived and read back, to look at: `aerchive demo`", takes_arguments=True, needs_tools=False)
def demo(arguments: Arguments) -> int:
    """Runs the demo command."""
    return python("-m", "aerchive", "demo", *arguments)


@task("all tests; arguments go to pytest: `test -k counts`", takes_arguments=True)
def test(arguments: Arguments) -> int:
    """Runs pytest in three processes, unless the arguments say otherwise; its closing line is the last one printed."""
    provide_programs()
    spread = [] if any(word.startswith(("-n", "-p", "--pdb", "-s")) for word in arguments) else SPREAD
    # Tests start hundreds of programs: without their bytecode, each would compile the package anew.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return run(PYTHON, "-m", "pytest", *spread, *arguments, env=environment)


@task("the tests with the oldest version of each dependency: `oldest`, `oldest --sample`", takes_arguments=True)
def oldest(arguments: Arguments) -> int:
    """Runs the tests, or a sample of them, in an environment of its own; other arguments go to pytest."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as constraints:
        constraints.write("\n".join(oldest_versions()))
        constraints.flush()
        tools = ("hypothesis", "pytest", "pytest-xdist")
        what = ("--constraint", constraints.name, *tools, "--editable", f".[{','.join(OLDEST_EXTRAS)}]")
        code = prepare(OLDEST, OLDEST_PYTHON, what)
    if code != 0:
        return code
    sample = OLDEST_SAMPLE if "--sample" in arguments else ["--ignore", "tests/benchmarks"]
    rest = [word for word in arguments if word != "--sample"]
    return run(OLDEST_PYTHON, "-m", "pytest", *SPREAD, *sample, *rest)


@task(
    "which Qiskit and Python read and rerun what others wrote, minutes: `versions --folder DIR`", takes_arguments=True
)
def versions(arguments: Arguments) -> int:
    """Makes an environment for each of them, and prints the table of docs/reference/versions.md."""
    return python("-m", "tests.compatibility.matrix", *arguments)


@task("the tests, and which lines and branches they reach; arguments go to pytest", takes_arguments=True)
def coverage(arguments: Arguments) -> int:
    """Runs pytest under coverage; what commits and recovers must be reached in every line and branch."""
    provide_programs()
    failed = python("-m", "pytest", *SPREAD, "--cov", "--cov-report=term-missing:skip-covered", *arguments)
    say(f"lines and branches of {', '.join(WHOLLY_COVERED)}, of which none may be missing")
    include = ",".join(f"*/storage/commits/{name}.py" for name in WHOLLY_COVERED)
    missed = python("-m", "coverage", "report", f"--include={include}", "--fail-under=100", "--show-missing")
    return failed or missed


@task(
    "the long crash tests, after all cases of which the tests try a share: `crash --states 10000 --kills 1000`",
    takes_arguments=True,
)
def crash(arguments: Arguments) -> int:
    """Runs the tests that otherwise try a share of their cases, then ``tests/crash/long.py`` with the arguments."""
    provide_programs()
    shares = [path for path in sorted((ROOT / "tests").rglob("test_*.py")) if "from tests.shares" in path.read_text()]
    failed = run(PYTHON, "-m", "pytest", *SPREAD, *shares, env=os.environ | {"AERCHIVE_TEST_ALL": "1"})
    return python("tests/crash/long.py", *arguments) or failed


@task(
    "a sweep on a cluster whose processes are killed, minutes: `cluster --points 500 --kills 20`", takes_arguments=True
)
def cluster(arguments: Arguments) -> int:
    """Runs ``tests/dask/storm.py`` with the arguments; `benchmarks clusters` measures what a sweep costs."""
    return python("-m", "tests.dask.storm", *arguments)


@task("every hostile file of the corpus, some minutes: `hostile --match links`", takes_arguments=True)
def hostile(arguments: Arguments) -> int:
    """Tries all of them, of which the tests have some of each kind, watched by strace."""
    provide_programs()
    return python("tests/hostile/every.py", *arguments)


@task("published files that crash libhdf5: `published FOLDER`", takes_arguments=True)
def published(arguments: Arguments) -> int:
    """Tries them with the arguments of ``tests/hostile/published.py``."""
    return python("tests/hostile/published.py", *arguments)


@task("mutants of a project, each in a process of its own: `fuzz --mutants 10000 --seed 1`", takes_arguments=True)
def fuzz(arguments: Arguments) -> int:
    """Makes and tries them with the arguments of ``tests/hostile/fuzz.py``."""
    return python("tests/hostile/fuzz.py", *arguments)


@task("decode predicted states with other versions of numpy, some minutes: `bits`, `bits 2.1.3`", takes_arguments=True)
def bits(arguments: Arguments) -> int:
    """Compares the bits in new environments with the versions of the arguments, or with some."""
    return python("-m", "tests.states.predicted.other_numpys", *arguments)


@task("states of 28 qubits, some minutes and 13 GiB of disk: `large --folder DIR --qubits 26`", takes_arguments=True)
def large(arguments: Arguments) -> int:
    """Runs the long benchmark without the writes that are only compared, which need the memory for a state."""
    return python(BENCHMARKS / "bench_states.py", "--long", "--repetitions", "0", *arguments)


@task("every case of the corpora of Aer jobs, hours: `corpus --every 60 --match noise`", takes_arguments=True)
def corpus(arguments: Arguments) -> int:
    """Runs the tests of the corpora without leaving cases out, then all of our own with the arguments of its script."""
    names = ("shared", "autosave")
    tests = [f"tests/corpus/test_{name}_corpus.py" for name in names]
    environment = os.environ | {"AERCHIVE_TEST_CORPUS_EVERY": "1"}
    failed = run(PYTHON, "-m", "pytest", *tests, env=environment)
    with tempfile.TemporaryDirectory() as folder:
        code = python("-m", "tests.corpus.archive", folder, *arguments)
        return code or python("-m", "tests.corpus.compare", folder, "--again", "--fail") or failed


@task("programs of client libraries, plain and archived: `clients --match mitiq`", takes_arguments=True)
def clients(arguments: Arguments) -> int:
    """Installs the libraries beside each other where they can be, and compares what their programs print."""
    for requirements in sorted(CLIENTS.glob("*/requirements.txt")):
        venv = CLIENTS_VENV / requirements.parent.name
        if code := prepare(venv, venv / PYTHON.relative_to(VENV), ("--editable", ".", "--requirement", requirements)):
            return code
    return python(CLIENTS / "compare.py", CLIENTS_VENV, *arguments)


@task("what other programs read and show of a project: `viewers`, `viewers --pictures FOLDER`", takes_arguments=True)
def viewers(arguments: Arguments) -> int:
    """Installs the programs, and runs the checks; with a folder also the pictures of what two viewers show."""
    provide_programs(VIEWERS_PROGRAMS)
    requirements = VIEWERS / "requirements.txt"
    if code := prepare(VIEWERS_VENV, VIEWERS_VENV / PYTHON.relative_to(VENV), ("--requirement", requirements)):
        return code
    if arguments[:1] == ["--pictures"] and len(arguments) == 2:
        return python("-m", "tests.viewers.screenshots", VIEWERS_VENV / PYTHON.relative_to(VENV), arguments[1])
    return python("-m", "pytest", VIEWERS / "checks.py", *arguments)


@task("projects in a real S3 server, the gateway of Ceph: `remote`; some minutes", takes_arguments=True)
def remote(arguments: Arguments) -> int:
    """Installs the server and s3fs, and runs the checks; other arguments go to pytest."""
    provide_programs(S3_PROGRAMS)
    what = ("--editable", ".[remote,s3]", "pytest>=8.3")
    if code := prepare(REMOTE_VENV, REMOTE_VENV / PYTHON.relative_to(VENV), what):
        return code
    checks = ROOT / "tests" / "storage" / "remote" / "s3_checks.py"
    interpreter = REMOTE_VENV / PYTHON.relative_to(VENV)
    return run(interpreter, "-m", "pytest", "--noconftest", checks, *arguments)


@task("execute the example notebook and take pictures of what notebooks show: `notebooks FOLDER`", takes_arguments=True)
def notebooks(arguments: Arguments) -> int:
    """Installs Jupyter's kernel and Chromium, executes notebooks, and takes the pictures; 1 if a card is cut off."""
    if len(arguments) != 1:
        say("notebooks takes the folder for the pictures")
        return 2
    provide_programs({"chromium": "chromium"})
    interpreter = NOTEBOOKS_VENV / PYTHON.relative_to(VENV)
    what = ("--editable", ".[pandas,plot]", "--requirement", ROOT / "tests" / "notebooks" / "requirements.txt")
    if code := prepare(NOTEBOOKS_VENV, interpreter, what):
        return code
    return run(interpreter, "-m", "tests.notebooks.screenshots", arguments[0])


@task(
    "the documentation as a site: `docs`, `docs FOLDER`, `docs --look FOLDER`, `docs --pictures`", takes_arguments=True
)
def docs(arguments: Arguments) -> int:
    """Builds it, by default into ``build/site``; looks at what is there in Chromium; or makes the gallery anew."""
    site = ROOT / "build" / "site"
    interpreter = DOCS_VENV / PYTHON.relative_to(VENV)
    requirements = ROOT / "docs" / "site" / "requirements.txt"
    what = ("--editable", ".[experiments,pandas,plot,runtime,xarray]", "--requirement", requirements)
    if code := prepare(DOCS_VENV, interpreter, what):
        return code
    if arguments[:1] == ["--look"] and len(arguments) == 2:
        provide_programs({"chromium": "chromium"})
        return run(interpreter, "-m", "docs.site.look", arguments[1])
    if list(arguments) == ["--pictures"]:
        provide_programs({"chromium": "chromium", "chromedriver": "chromium-driver"})
        silx = VIEWERS_VENV / PYTHON.relative_to(VENV)
        if code := prepare(VIEWERS_VENV, silx, ("--requirement", VIEWERS / "requirements.txt")):
            return code
        return run(interpreter, "-m", "docs.site.build", site) or run(interpreter, "-m", "docs.site.pictures", silx)
    if len(arguments) > 1 or any(one.startswith("-") for one in arguments):
        say("docs takes the folder for the site, or --look and a folder, or --pictures")
        return 2
    return run(interpreter, "-m", "docs.site.build", arguments[0] if arguments else site)


@task("pictures of what commands print in a terminal: `terminal FOLDER`", takes_arguments=True)
def terminal(arguments: Arguments) -> int:
    """Makes them with ``tests/cli/pictures.py``, at 80 and 120 columns, light and dark, to be looked at."""
    if len(arguments) != 1:
        say("terminal takes the folder for the pictures")
        return 2
    return python("-m", "tests.cli.pictures", *arguments)


@task("the optional kernels in C, built, installed and tested: `native`, `native --fuzz SECONDS`", takes_arguments=True)
def native(arguments: Arguments) -> int:
    """Builds and installs aerchive-native and runs its tests; or builds it with sanitizers and feeds it bad data."""
    if arguments and (arguments[0] != "--fuzz" or len(arguments) != 2 or not arguments[1].isdecimal()):
        say("native takes --fuzz and a number of seconds, or nothing")
        return 2
    provide_programs(NATIVE_PROGRAMS)
    if not (sources := library_sources()):
        return 1
    if arguments:
        return fuzz_kernels(sources, arguments[1])
    if code := install_kernels(sources):
        return code
    return python("-m", "pytest", "-n", "2", NATIVE / "tests")


def library_sources() -> list[str]:
    """Returns the options of the build that name the sources of the libraries, and fetches them if need be."""
    requirements = NATIVE / "requirements-sources.txt"
    stamp = NATIVE_BUILD / "sources-from"
    if not stamp.is_file() or stamp.read_text() != requirements.read_text():
        shutil.rmtree(NATIVE_BUILD, ignore_errors=True)
        NATIVE_BUILD.mkdir(parents=True)
        say("fetching the sources of igzip and libdeflate")
        what: list[str | Path] = ["--no-deps", "--no-binary", "isal,deflate", "--dest", NATIVE_BUILD]
        what += ["--require-hashes", "--requirement", requirements]
        code, output = run_showing(*pip_command(PYTHON), "download", *what)
        if code != 0:
            print(output, file=sys.stderr)
            say("pip failed; its output is above")
            return []
        for archive in NATIVE_BUILD.glob("*.tar.gz"):
            with tarfile.open(archive) as opened:
                opened.extractall(NATIVE_BUILD, filter="data")
        stamp.write_text(requirements.read_text())
    isal = next(NATIVE_BUILD.glob("isal-*/src/isal/isa-l"))
    libdeflate = next(NATIVE_BUILD.glob("deflate-*/**/libdeflate.h")).parent
    return [f"-Disal={isal}", f"-Dlibdeflate={libdeflate}"]


def install_kernels(options: Sequence[str], *more: str) -> int:
    """Builds and installs the kernels with pip; ``options`` go to the build, and ``more`` to pip."""
    settings = [f"--config-settings=setup-args={option}" for option in options]
    what: list[str | Path] = ["install", "--no-deps", "--force-reinstall", *settings, *more, NATIVE]
    code, output = run_showing(*pip_command(PYTHON), *what)
    if code != 0:
        print(output, file=sys.stderr)
        say("pip failed; its output is above")
    return code


def fuzz_kernels(sources: Sequence[str], seconds: str) -> int:
    """Builds the kernels with sanitizers of addresses and undefined behaviour, and runs ``native/tests/fuzz.py``."""
    target = NATIVE_BUILD / "sanitized"
    shutil.rmtree(target, ignore_errors=True)
    options = (
        "-Db_sanitize=address,undefined",
        "-Db_lundef=false",
        "-Dbuildtype=debugoptimized",
        "-Dc_args=-fno-sanitize-recover=all",
    )
    if code := install_kernels([*sources, *options], "--target", str(target)):
        return code
    asked = [
        subprocess.run(["cc", f"-print-file-name=lib{one}.so"], capture_output=True, text=True, check=True)
        for one in ("asan", "ubsan")
    ]
    environment = os.environ | {
        "LD_PRELOAD": " ".join(answer.stdout.strip() for answer in asked),
        "ASAN_OPTIONS": "detect_leaks=0",  # Python itself keeps memory until it ends
        "PYTHONMALLOC": "malloc",  # so that the sanitizer knows where each object ends
        "PYTHONPATH": str(target),
    }
    return run(PYTHON, NATIVE / "tests" / "fuzz.py", "--seconds", seconds, env=environment)


@task("style and likely bugs: ruff, checking only")
def lint(_: Arguments) -> int:
    """Runs both checks of ruff, the second also if the first found something."""
    found = python("-m", "ruff", "check", ".")
    unformatted = python("-m", "ruff", "format", "--check", ".")
    return found or unformatted


@task("ruff again, changing files: formats, and corrects what it can")
def format(_: Arguments) -> int:
    """Corrects first, because a correction may need formatting."""
    left = python("-m", "ruff", "check", "--fix", ".")
    return python("-m", "ruff", "format", ".") or left


@task("mypy, strict")
def types(_: Arguments) -> int:
    """Runs mypy on what pyproject.toml names."""
    return python("-m", "mypy")


@task("who imports whom: import-linter reads the floors in pyproject.toml")
def floors(_: Arguments) -> int:
    """Runs import-linter."""
    return run(SCRIPTS / "lint-imports", "--no-logo")


@task("write the JSON Schemas of all documents to schemas/v1; `schemas --check` only compares", takes_arguments=True)
def schemas(arguments: Arguments) -> int:
    """Writes the schemas, or writes them elsewhere and compares."""
    if not arguments:
        return python("-m", "aerchive.models.json_schema", SCHEMAS)
    if list(arguments) != ["--check"]:
        say("schemas takes --check or nothing")
        return 2
    with tempfile.TemporaryDirectory() as folder:
        code = python("-m", "aerchive.models.json_schema", folder)
        if code != 0:
            return code
        now = schema_texts(Path(folder))
    kept = schema_texts(SCHEMAS)
    if is_stale(SCHEMAS, now, kept, "is of no document"):
        say("run `python3 tasks.py schemas` and read the difference: it is a change of the format")
        return 1
    say(f"{len(now)} schemas agree with the models")
    return 0


def is_stale(folder: Path, made: Mapping[str, object], kept: Mapping[str, object], extra: str) -> bool:
    """Says of each file of a folder that differs from what was made now how it does, and whether there is one."""
    stale = sorted(name for name in made.keys() | kept.keys() if made.get(name) != kept.get(name))
    for name in stale:
        state = "is missing" if name not in kept else extra if name not in made else "is out of date"
        say(f"{folder.relative_to(ROOT) / name} {state}")
    return bool(stale)


def schema_texts(folder: Path) -> dict[str, str]:
    """Returns the text of every schema under a folder, by its path below that folder."""
    return {path.relative_to(folder).as_posix(): path.read_text("utf-8") for path in sorted(folder.rglob("*.json"))}


@task("check and build the web page of `aerchive view`, with npm; `web --check` only compares", takes_arguments=True)
def web(arguments: Arguments) -> int:
    """Installs the packages of web/package-lock.json, checks types, tests, and builds; the build checks the size."""
    if list(arguments) not in ([], ["--check"]):
        say("web takes --check or nothing")
        return 2
    if shutil.which("npm") is None:
        say("npm is not there; it comes with Node.js 20.19 or newer")
        return 1
    for command in (("ci", "--no-audit", "--no-fund"), ("run", "check"), ("test",)):
        if code := npm(*command):
            return code
    if not arguments:
        return npm("run", "build")
    with tempfile.TemporaryDirectory() as folder:
        if code := npm("run", "build", "--", "--outDir", folder):
            return code
        built, kept = page_files(Path(folder)), page_files(PAGE)
    if is_stale(PAGE, built, kept, "is of an older page"):
        say("run `python3 tasks.py web` and commit the page that it builds")
        return 1
    say(f"the page is the one that {WEB.relative_to(ROOT)} builds, {len(built)} files")
    return 0


def npm(*arguments: str) -> int:
    """Runs npm in the folder of the page's sources."""
    return subprocess.run(["npm", *arguments], cwd=WEB, stdin=subprocess.DEVNULL, check=False).returncode


def page_files(folder: Path) -> dict[str, bytes]:
    """Returns every file of a built page, by its path below the folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


@task("the measurements in tests/benchmarks, or those named: `benchmarks states --qubits 24`", takes_arguments=True)
def benchmarks(arguments: Arguments) -> int:
    """Runs the scripts `bench_*.py` that the first arguments name, or all, each with the other arguments."""
    scripts = {path.stem.removeprefix("bench_"): path.stem for path in sorted(BENCHMARKS.glob("bench_*.py"))}
    names = list(itertools.takewhile(scripts.__contains__, arguments))
    codes = [python("-m", f"tests.benchmarks.{scripts[name]}", *arguments[len(names) :]) for name in names or scripts]
    return max(codes, default=1)


@task("what a change must pass: lint, types, floors, schemas --check, and the tests last")
def ci(_: Arguments) -> int:
    """Runs every check, also after one failed, so that one look shows all there is to do."""
    checks: dict[str, int] = {}
    for name, function, arguments in (
        ("lint", lint, []),
        ("types", types, []),
        ("floors", floors, []),
        ("schemas --check", schemas, ["--check"]),
        ("test", test, []),
    ):
        say(name)
        checks[name] = function(arguments)
    failed = [name for name, code in checks.items() if code != 0]
    if failed:
        say(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


@task("only make the environment that the other tasks use")
def environment(_: Arguments) -> int:
    """Does nothing more: `main` has prepared the environment by now."""
    say(f"{PYTHON.relative_to(ROOT)} is ready")
    return 0


def usage() -> str:
    """Returns the list of tasks, one a line."""
    width = max(map(len, TASKS))
    lines = [f"  {name:<{width}}  {TASKS[name].line}" for name in TASKS]
    return "\n".join(["usage: python3 tasks.py TASK [arguments]", "", *lines])


def main(arguments: Arguments) -> int:
    """Runs the task that is named first, with the arguments after it, and returns its exit code."""
    if sys.version_info < (3, 11):  # noqa: UP036 - said here, because an older Python gets this far
        say("aerchive needs Python 3.11 or newer")
        return 1
    if not arguments or arguments[0] in {"-h", "--help", "help"}:
        print(usage())
        return 0 if arguments else 2
    name, *rest = arguments
    if name not in TASKS:
        print(f"There is no task {name!r}.\n\n{usage()}", file=sys.stderr)
        return 2
    if rest and not TASKS[name].takes_arguments:
        say(f"{name} takes no arguments")
        return 2
    has_tools = TASKS[name].needs_tools or is_prepared(VENV, PYTHON, DEVELOPMENT)
    return prepare(what=DEVELOPMENT if has_tools else PACKAGE) or TASKS[name].function(rest)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
