"""``ls``, ``find`` and ``export``: what they print, in which order, and what they say if they cannot."""

from __future__ import annotations

import csv
import datetime
import json
import re
import sys
from pathlib import Path
from typing import Any

import pandas
import pytest

import aerchive
from aerchive.cli import main
from tests import processes
from tests.jobs import make_result

NOW = datetime.datetime.now(datetime.UTC)
Printed = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> aerchive.Project:
    """Thirty runs, one a day back from now, some of them failed."""
    project = aerchive.open(tmp_path_factory.mktemp("study") / "study.h5")
    with project.transaction():
        for day in range(30):
            result = make_result(f"job{day:02}", NOW - datetime.timedelta(days=day), energy=day / 10)
            result.success = result.results[0].success = day % 10 != 3
            tags = ["all", "even" if day % 2 == 0 else "odd"]
            params = {"x": day / 4, "odd": float("inf"), "tuple": (1, day)} if day == 0 else {"x": day / 4}
            project.save(result, name=f"n{day % 3}" if day % 5 else None, tags=tags, params=params)
    return project


def run(project: aerchive.Project, *arguments: str) -> int:
    return main(["-p", str(project.path), *arguments])


def jobs(text: str) -> list[str]:
    return re.findall(r"\bjob\d\d\b", text)


def days(*numbers: int) -> list[str]:
    return [f"job{number:02}" for number in numbers]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--limit", "3"], days(0, 1, 2)),
        (["--all"], days(*range(30))),
        ([], days(*range(20))),
        (["--limit", "0"], []),
        (["--since", "yesterday"], days(0, 1)),
        (["--since", "3 days ago", "--until", "yesterday"], days(1, 2, 3)),
        (["--since", "49 hours ago"], days(0, 1, 2)),
        (["--tag", "odd", "--limit", "2"], days(1, 3)),
        (["--tag", "odd", "--tag", "all", "--limit", "2"], days(1, 3)),
        (["--tag", "odd", "--tag", "even"], []),
        (["--status", "failed"], days(3, 13, 23)),
        (["--nested", "--limit", "1"], days(0)),
    ],
    ids=" ".join,
)
def test_ls(study: aerchive.Project, capsys: Printed, arguments: list[str], expected: list[str]) -> None:
    assert run(study, "ls", *arguments) == 0
    printed = capsys.readouterr().out
    assert jobs(printed) == expected

    assert run(study, "ls", "--json", *arguments) == 0
    assert [one["job_id"] for one in json.loads(capsys.readouterr().out)] == expected


def test_ls_says_how_many_there_are(study: aerchive.Project, capsys: Printed) -> None:
    run(study, "ls", "--limit", "3")
    assert capsys.readouterr().out.splitlines()[-1] == "3 of 30 runs; --all shows the rest"
    run(study, "ls", "--tag", "odd", "--limit", "3")
    assert capsys.readouterr().out.splitlines()[-1] == "3 of 15 runs; --all shows the rest"
    run(study, "ls", "--tag", "odd", "--limit", "15")
    assert capsys.readouterr().out.splitlines()[-1] == "15 of 15 runs"
    run(study, "ls", "--limit", "0")
    assert capsys.readouterr().out == "0 of 30 runs; --all shows the rest\n"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["ls", "--tag", "none"], "no run of 30 meets tags contains none; tags there are: all, odd, even"),
        (["ls", "--tag", "ood"], "tags there are: odd, all, even"),
        (["ls", "--since", "2126-01-01"], "no run of 30 meets created >= 2126-01-01; runs were submitted from "),
        (["ls", "--status", "lost"], "meets outcome == lost; values of outcome there are: ok, failed"),
        (["find", "params.z > 1"], "meets params.z > 1; no run has params.z; parameters there are: "),
        (["find", "name == n7"], "meets name == n7; values of name there are: "),
        (["find", "shots > 100", "and", "tags contains odd"], "values of shots there are: 10"),
    ],
    ids=str,
)
def test_what_there_is_where_nothing_is_found(
    study: aerchive.Project, capsys: Printed, arguments: list[str], text: str
) -> None:
    assert run(study, *arguments) == 0
    assert text in capsys.readouterr().out
    assert run(study, *arguments, "--json") == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out) == []
    assert text in printed.err
    if arguments[0] == "find":
        for option, answer in (("--count", "0\n"), ("--ids", "")):
            assert run(study, *arguments, option) == 0
            printed = capsys.readouterr()
            assert printed.out == answer
            assert text in printed.err


def test_a_table_of_nothing(study: aerchive.Project, capsys: Printed) -> None:
    for more in ([], ["--y", "energy"]):
        assert run(study, "export", "tags contains none", *more) == 0
        assert "no run of 30 meets tags contains none; tags there are: all, odd, even" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["ls"], ["find"], ["show", "job00"], ["rm", "job00"], ["export"], ["verify"]])
def test_a_missing_file(study: aerchive.Project, capsys: Printed, arguments: list[str]) -> None:
    missing = study.path.with_name("studdy.h5")
    assert main(["-p", str(missing), *arguments]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == f"aerchive: {missing}: no such project; did you mean study.h5?\n"
    assert not missing.exists()


@pytest.mark.parametrize("option", [["-p", "tag"], ["--project", "tag"], ["--project=tag"], ["-ptag"]])
def test_a_project_with_the_name_of_a_command(
    study: aerchive.Project, capsys: Printed, option: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    study.copy("tag")
    assert main([*option, "ls", "--limit", "1"]) == 0
    assert jobs(capsys.readouterr().out) == ["job00"]
    assert main([*option, "show", "n1", "--json"]) == 1
    assert "the name 'n1' is ambiguous" in capsys.readouterr().err
    assert main([*option, "show", "latest"]) == 0
    assert "run job00" in capsys.readouterr().out


def test_a_listed_time_is_found_again(study: aerchive.Project, capsys: Printed) -> None:
    run(study, "ls", "--limit", "3")
    time = " ".join(capsys.readouterr().out.splitlines()[4].split()[1:3])
    run(study, "find", f"created == {time}", "--ids")
    assert capsys.readouterr().out.split() == days(2)
    run(study, "ls", "--since", time, "--until", time)
    assert jobs(capsys.readouterr().out) == days(2)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["tags contains odd", "--limit", "3"], days(1, 3, 5)),
        (["tags", "contains", "odd", "--limit", "3"], days(1, 3, 5)),
        (["status == failed and params.x > 1"], days(13, 23)),
        (["status == failed", "--ascending"], days(23, 13, 3)),
        (["params.x <= 1", "--sort", "created"], days(0, 1, 2, 3, 4)),
        (["params.x <= 1", "--sort", "name"], days(2, 1, 4, 3, 0)),  # no name comes last
        (["params.x <= 1", "--sort", "name", "--ascending"], days(3, 4, 1, 2, 0)),
        (["created >= yesterday"], days(0, 1)),
        (["id startswith job0 and not status == ok"], days(3)),
        (["job_id in [job05, job07]", "--nested"], days(5, 7)),
        (["--limit", "2"], days(0, 1)),
        (["params.x > 100"], []),
    ],
    ids=" ".join,
)
def test_find(study: aerchive.Project, capsys: Printed, arguments: list[str], expected: list[str]) -> None:
    assert run(study, "find", *arguments) == 0
    assert jobs(capsys.readouterr().out) == expected

    assert run(study, "find", "--json", *arguments) == 0
    assert [one["job_id"] for one in json.loads(capsys.readouterr().out)] == expected


def test_find_only_counts_or_ids(study: aerchive.Project, capsys: Printed) -> None:
    assert run(study, "find", "tags contains odd", "--count") == 0
    assert capsys.readouterr().out == "15\n"
    assert run(study, "find", "tags contains odd", "--ids", "--limit", "1") == 0
    assert capsys.readouterr().out.split() == days(*range(1, 30, 2))
    assert run(study, "find", "status == failed", "--ids", "--ascending") == 0
    assert capsys.readouterr().out.split() == days(23, 13, 3)
    assert run(study, "find", "--ids", "--count") == 2
    assert "--count and --ids exclude each other" in capsys.readouterr().err
    assert run(study, "find", "status == failed", "--ids", "--json") == 0
    assert json.loads(capsys.readouterr().out) == days(3, 13, 23)
    assert run(study, "find", "status == failed", "--count", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"count": 3}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["find", "colour == red"], "no column 'colour'"),
        (["find", "shots >"], "\n  shots >\n         ^\n"),
        (["find", "--sort", "colour"], "cannot sort by 'colour': no column 'colour'; there are name, outcome"),
        (["ls", "--since", "soon"], "'soon' is not a time"),
        (["ls", "--limit", "-1"], "--limit must be 0 or more; found -1"),
        (["ls", "--columns", "nope"], "none of 30 runs has 'nope'; there are params.odd"),
        (["ls", "--columns", ","], "--columns takes names, separated by commas"),
        (["find", "--nope"], "No such option '--nope'"),
        (["show"], "Missing argument 'JOB'; see aerchive show --help"),
        (["find", "oddd == 1"], "did you mean params.odd?"),
        (["export", "colour == red"], "no column 'colour'"),
        (["export", "--y", "nope"], "no run has 'nope'"),
        (["export", "--format", "parquet"], "name it with -o FILE"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_use(study: aerchive.Project, capsys: Printed, arguments: list[str], message: str) -> None:
    assert run(study, *arguments) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert printed.out == ""


def test_json_has_what_the_catalogue_has(study: aerchive.Project, capsys: Printed) -> None:
    run(study, "find", "job_id in [job00, job03]", "--json")
    first, second = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)

    assert first["params"] == {"x": 0.0, "odd": "inf", "tuple": "(1, 0)"}
    assert first["created"] == study["job00"].created
    assert second["tags"] == ["all", "odd"]
    assert second["outcome"] == "failed"
    assert second["name"] == "n0"
    assert (second["num_qubits"], second["seed"], second["noisy"], second["pending"]) == (None, None, False, False)
    assert second.keys() == {
        *("job_id", "created", "outcome", "pending", "name", "tags", "params", "program", "parent", "backend"),
        *("method", "precision", "message", "noisy", "num_circuits", "num_clbits", "num_qubits", "seconds", "seed"),
        *("num_points", "circuit_depth", "circuit_size"),
        *("shots", "nbytes", "in_pending_file", "is_recomputed"),
    }


def test_texts_that_were_cut_are_whole_in_json(tmp_path: Path, capsys: Printed) -> None:
    project = aerchive.open(tmp_path / "cut.h5")
    result = make_result("j" * 60)
    result.success = result.results[0].success = False
    result.status = "m" * 200
    project.save(result, name="n" * 60, tags=["t" * 60], params={"p": "v" * 100})

    run(project, "ls", "--json")
    (one,) = json.loads(capsys.readouterr().out)

    assert (one["job_id"], one["name"], one["tags"]) == ("j" * 60, "n" * 60, ["t" * 60])
    assert one["params"] == {"p": "v" * 100}
    assert one["message"].endswith("m" * 200)


def test_neither_opens_a_run_nor_imports_qiskit(study: aerchive.Project) -> None:
    script = """
        import sys
        from aerchive.cli import main
        from aerchive.project.run import Run
        Run.record = property(lambda self: sys.exit("a run was opened"))
        for line in ("ls", "ls --json --tag odd", "find params.x>2 --sort name", "export"):
            assert main(["-p", sys.argv[1], *line.split()]) == 0
        print("qiskit" in sys.modules)
    """
    runs = study.find("params.x > 0")
    assert runs
    part = aerchive.open(study.path.with_name("plain.h5"))
    with part.transaction():
        for day in range(30):
            part.save(make_result(f"job{day:02}", NOW - datetime.timedelta(days=day)), tags=["odd"], params={"x": day})

    assert processes.run(script, part.path).splitlines()[-1] == "False"


# export


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.splitlines()))


def test_export_prints_the_catalogue(study: aerchive.Project, capsys: Printed) -> None:
    assert run(study, "export", "status == failed") == 0
    first, *_ = rows = rows_of(capsys.readouterr().out)
    assert [row["job_id"] for row in rows] == days(23, 13, 3)
    assert first["created"] == study["job23"].created
    assert json.loads(first["tags"]) == ["all", "odd"]
    assert first["params.x"] == "5.75"

    assert run(study, "export", "job_id in [job00, job01]", "--format", "json") == 0
    first, second = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert (second["params.odd"], second["params.tuple"]) == ("inf", "[1, 0]") or second["params.tuple"] == "(1, 0)"
    assert first["params.odd"] is None
    assert first["tags"] == ["all", "odd"]


def test_export_prints_what_was_saved(study: aerchive.Project, capsys: Printed) -> None:
    assert run(study, "export", "params.x < 1", "--x", "x", "--y", "energy") == 0
    assert capsys.readouterr().out == "x,energy\n0.0,0.0\n0.25,0.1\n0.5,0.2\n0.75,0.3\n"
    assert run(study, "export", "params.x < 0.5", "--values") == 0
    assert [row["energy"] for row in rows_of(capsys.readouterr().out)] == ["0.1", "0.0"]


@pytest.mark.parametrize("name", ["out.csv", "out.json", "out.parquet", "out"])
def test_export_into_a_file(study: aerchive.Project, tmp_path: Path, capsys: Printed, name: str) -> None:
    path = tmp_path / name
    assert run(study, "export", "--output", str(path)) == 0
    assert capsys.readouterr().out == f"{path}: 30 rows\n"

    readers: dict[str, Any] = {".json": pandas.read_json, ".parquet": pandas.read_parquet}
    frame = readers.get(path.suffix, pandas.read_csv)(path)
    assert frame["job_id"].tolist() == days(*range(29, -1, -1))

    content = path.read_bytes()
    assert run(study, "export", "-o", str(path)) == 1
    assert "exists; choose another name" in capsys.readouterr().err
    assert path.read_bytes() == content


def test_export_leaves_nothing_of_a_table_that_it_could_not_write(
    study: aerchive.Project, tmp_path: Path, capsys: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert run(study, "export", "-o", str(tmp_path / "a.parquet")) == 1
    assert "pip install 'aerchive[arrow]'" in capsys.readouterr().err

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(csv, "writer", full)
    assert run(study, "export", "-o", str(tmp_path / "a.csv")) == 1
    assert f"{tmp_path / 'a.csv'}: No space left on device" in capsys.readouterr().err
    assert run(study, "export", "-o", str(tmp_path / "no" / "a.csv")) == 1
    assert "No such file" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
