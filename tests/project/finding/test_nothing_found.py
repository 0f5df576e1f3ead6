"""What is said where a question finds nothing, or an argument is wrong: what there is, and the right form."""

from __future__ import annotations

import datetime
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from time import tzset
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

import aerchive
from aerchive.display.text import format_time
from aerchive.errors import ArchiveWarning, InvalidInputError, NotFoundError, ReadOnlyError
from aerchive.times import span_of
from tests.jobs import make_result

WHEN = datetime.datetime(2026, 3, 1, 12, 30, 5, 250_000, tzinfo=datetime.UTC)
ID = "4ff2da70-6f0e-4be6-9d3f-0c8f3a1b2c{:02x}"
Ask = Callable[[aerchive.Project], Any]


@pytest.fixture
def study(path: Path) -> aerchive.Project:
    """Two runs: ``bell`` with distance 0.5, ``vqe`` with distance 1.5."""
    project = aerchive.open(path)
    for number, tag in enumerate(("bell", "vqe")):
        result = make_result(ID.format(number), WHEN + number * datetime.timedelta(hours=1), energy=number)
        project.save(result, name=f"n{number}", tags=[tag], params={"distance": number + 0.5})
    return project


@pytest.fixture
def misspelt(study: aerchive.Project) -> aerchive.Project:
    """A project that is not there, beside one that is."""
    return aerchive.open(study.path.with_name("projekt.h5"))


# a file that is not there


ONE_THING: dict[str, Ask] = {
    "job": lambda p: p.job("4ff2da70"),
    "key": lambda p: p["4ff2da70"],
    "position": lambda p: p[-1],
    "latest": lambda p: p.latest(params__distance=0.7),
    "the latest": lambda p: p["latest"],
    "to_pandas": lambda p: p.to_pandas(),
    "table": lambda p: p.table(),
    "verify": lambda p: p.verify(),
    "space": lambda p: p.space(),
    "copy": lambda p: p.copy(p.path.with_name("copy.h5")),
    "delete": lambda p: p.delete_job("4ff2da70"),
    "opened for reading": lambda p: aerchive.open(p.path, "r"),
}


@pytest.mark.parametrize("ask", ONE_THING.values(), ids=ONE_THING)
def test_a_missing_file_is_named_and_so_is_a_near_one(misspelt: aerchive.Project, ask: Ask) -> None:
    with pytest.raises(NotFoundError) as caught:
        ask(misspelt)
    assert str(caught.value).startswith(f"{misspelt.path}: no ")
    assert str(caught.value).endswith("; did you mean project.h5?")
    assert not misspelt.path.exists()


MANY: dict[str, Ask] = {
    "find": lambda p: p.find(tags="x"),
    "runs": lambda p: p.runs(),
    "count": lambda p: p.count(),
    "count_by": lambda p: p.count_by("tags"),
    "catalogue": lambda p: list(p.catalogue()),
}
OF_EVERY_START: dict[str, Ask] = {
    "len": len,
    "in": lambda p: "abc" in p,
    "iteration": list,
    "reversed": lambda p: list(reversed(p)),
    "jobs": lambda p: p.jobs(),
}


@pytest.mark.parametrize("ask", [*MANY.values(), *OF_EVERY_START.values()], ids=[*MANY, *OF_EVERY_START])
def test_a_list_that_is_empty_for_want_of_a_file_warns_once(misspelt: aerchive.Project, ask: Ask) -> None:
    with pytest.warns(
        ArchiveWarning, match=r"no such project yet, the first run makes it; did you mean project"
    ) as told:
        assert not ask(misspelt)
    assert [Path(one.filename).name for one in told] == [Path(__file__).name]
    assert not ask(misspelt)
    assert not misspelt.path.exists()


@pytest.mark.parametrize("ask", OF_EVERY_START.values(), ids=OF_EVERY_START)
def test_what_every_program_asks_first_does_not_warn_of_a_new_project(project: aerchive.Project, ask: Ask) -> None:
    assert not ask(project)


@pytest.mark.parametrize("ask", MANY.values(), ids=MANY)
def test_other_lists_do(project: aerchive.Project, ask: Ask) -> None:
    with pytest.warns(ArchiveWarning, match=r"project\.h5: no such project yet, the first run makes it$"):
        ask(project)


def test_a_missing_file_shows(misspelt: aerchive.Project, study: aerchive.Project) -> None:
    assert repr(misspelt) == f"<Project {str(misspelt.path)!r}, mode 'a', no such file yet>"
    assert repr(study) == f"<Project {str(study.path)!r}, mode 'a'>"
    with pytest.warns(ArchiveWarning):
        jobs = misspelt.jobs()
    assert repr(jobs) == f"{misspelt.path}: no such project; did you mean project.h5?"


def test_the_folder_is_told_if_no_name_is_near(study: aerchive.Project) -> None:
    other = aerchive.open(study.path.with_name("hydrogen.h5"))
    with pytest.raises(NotFoundError, match=r"hydrogen\.h5: no such project yet.*; the folder has project\.h5$"):
        other.latest()
    assert len(other) == 0


def test_runs_that_wait_are_there_without_a_file(path: Path) -> None:
    project = aerchive.open(path, durability="exit")
    project.save(make_result("waits"))
    assert [run.job_id for run in project] == ["waits"]
    assert project.latest().job_id == project["waits"].job_id == "waits"


# a question that nothing meets


@pytest.mark.parametrize(
    ("conditions", "text"),
    [
        ({"tags": "scan"}, "no run of 2 meets tags contains scan; tags there are: bell, vqe"),
        ({"tags": ["vqe", "x"]}, "meets tags contains vqe, x; tags there are: vqe, bell"),
        ({"tags": ["bell", "vqe"]}, "meets tags contains bell, vqe; tags there are: bell, vqe"),
        ({"name": "n7"}, "meets name == n7; values of name there are: n0, n1"),
        ({"shots__gt": 10}, "meets shots > 10; values of shots there are: 10"),
        ({"num_qubits": 3}, "meets num_qubits == 3; no run has a value of num_qubits"),
        (
            {"params__distance": 0.7},
            "meets params.distance == 0.7; values of params.distance there are: from 0.5 to 1.5",
        ),
        ({"params__distnce": 0.5}, "no run has params.distnce; parameters there are: distance"),
        ({"tags": "bell", "name": "n1"}, "name == n1; each condition is met by some run, but not all by one"),
        ({"tags": "bell", "outcome": "lost"}, "and outcome == lost; values of outcome there are: ok"),
        (
            {"created__ge": "2026-04-01"},
            f"created >= 2026-04-01; runs were submitted from {format_time(WHEN.isoformat())} to "
            f"{format_time((WHEN + datetime.timedelta(hours=1)).isoformat())}",
        ),
    ],
)
def test_what_there_is_is_said(study: aerchive.Project, conditions: dict[str, Any], text: str) -> None:
    assert study.find(**conditions) == []
    with pytest.raises(NotFoundError) as caught:
        study.latest(**conditions)
    assert str(caught.value).startswith(f"{study.path}: no run of 2 meets ")
    assert str(caught.value).endswith(text)


def test_a_condition_as_text_is_repeated(study: aerchive.Project) -> None:
    with pytest.raises(
        NotFoundError, match="no run of 2 meets shots > 20 or name == x and tags contains bell; values of"
    ):
        study.latest("shots > 20 or name == x", tags="bell")


def test_an_empty_project_says_so(study: aerchive.Project) -> None:
    study.delete_jobs(study)
    with pytest.raises(NotFoundError, match=r"has no runs$"):
        study.latest(tags="bell")


def test_an_empty_list_of_jobs_says_what_there_is(study: aerchive.Project) -> None:
    jobs = study.jobs(job_tags=["scan"])
    text = f"{study.path}: no run of 2 meets tags contains scan; tags there are: bell, vqe"
    assert repr(jobs) == text
    assert f"<header>{text}</header>" in jobs._repr_html_()
    assert repr(pickle.loads(pickle.dumps(jobs))) == text
    study.path.unlink()
    assert repr(jobs) == f"{study.path}: no such project"


def test_an_empty_list_of_runs_says_what_there_is(study: aerchive.Project) -> None:
    for runs in (study.find(tags="scan"), study.runs(tags="scan"), pickle.loads(pickle.dumps(study.find(tags="scan")))):
        assert runs == []
        text = f"[] ({study.path}: no run of 2 meets tags contains scan; tags there are: bell, vqe)"
        assert repr(runs) == text
        runs.append(study[0])
        assert repr(runs) == repr([study[0]])
    assert repr(study.find("tags contains scan")).startswith("[] (")
    assert repr(study.find()) == repr(list(study))


def test_hostile_tags_do_no_harm_in_a_hint(study: aerchive.Project) -> None:
    study[0].add_tags("\x1b[31m<b>")
    jobs = study.jobs(job_tags="x")
    assert "\\x1b[31m<b>" in repr(jobs)
    assert "&lt;b&gt;" in jobs._repr_html_()


# names that are nearly right


@pytest.mark.parametrize("wrong", [ID[:7] + "z", "4f2da70", "4ff2dda70", ID[:12] + "z", ID[:30] + "zz", "3ff2da70"])
def test_an_id_with_a_typing_mistake_has_near_ones(study: aerchive.Project, wrong: str) -> None:
    with pytest.raises(NotFoundError, match=rf"no run with id '{wrong}'; near ones: 4ff2da70-"):
        study[wrong]


def test_a_misspelt_name_has_near_ones(study: aerchive.Project) -> None:
    study[0].rename("hydrogen")
    with pytest.raises(NotFoundError, match="near ones: hydrogen"):
        study["hydrogn"]


@pytest.mark.parametrize(
    ("ask", "texts"),
    [
        (lambda p: p.find("distanc > 0.1"), ["no column 'distanc'", "did you mean params.distance?"]),
        (lambda p: p.find(distanc__gt=0.1), ["no column 'distanc'", "no run has a value of this name"]),
        (lambda p: p.latest(distnce=0.1), ["did you mean params.distance?"]),
        (lambda p: p.find("qubits > 2"), ["no column 'qubits'; did you mean num_qubits"]),
        (lambda p: p.find(tgas="x"), ["no column 'tgas'; did you mean tags"]),
        (lambda p: p.runs(sort="shot"), ["cannot sort by 'shot'", "did you mean shots"]),
        (lambda p: p.count_by("created"), ["cannot count by 'created': each run has a time of its own"]),
        (lambda p: p.count_by("metod"), ["cannot count by 'metod'", "did you mean method"]),
    ],
)
def test_a_misspelt_column_has_near_ones(study: aerchive.Project, ask: Ask, texts: list[str]) -> None:
    with pytest.raises(InvalidInputError) as caught:
        ask(study)
    for text in texts:
        assert text in str(caught.value)


# arguments of another kind


def test_one_text_is_one_tag(study: aerchive.Project) -> None:
    assert [job.job_id() for job in study.jobs(job_tags="vqe")] == [ID.format(1)]
    assert [job.job_id() for job in study.jobs(job_tags=("vqe",))] == [ID.format(1)]


@pytest.mark.parametrize(
    ("ask", "text"),
    [
        (lambda p: p.jobs(limit="3"), "limit must be a whole number, such as 1, or None; found '3' (str)"),
        (lambda p: p.jobs(limit=True), "limit must be a whole number, such as 1, or None; found True (bool)"),
        (lambda p: p.jobs(10, 2.5), "skip must be a whole number, such as 1; found 2.5 (float)"),
        (
            lambda p: p.jobs(job_tags=[1]),
            "job_tags must be a text or a list of texts, such as ['vqe', 'paper'], or None",
        ),
        (lambda p: p.jobs(pending="no"), "pending must be True or False, or None; found 'no' (str)"),
        (lambda p: p.jobs(created_after=5), "created_after must be a time: a datetime, or text such as '2026-11-22'"),
        (lambda p: p.jobs(created_before="soon"), "created_before must be a time: a datetime, or text such as"),
        (lambda p: p.jobs(limit=-1), "limit and skip must not be negative"),
        (lambda p: p.runs(-1), "limit and skip must not be negative"),
        (lambda p: p.runs(where=5), "where must be text, or None; found 5 (int)"),
        (lambda p: p.find(5), "expression must be text, or None; found 5 (int)"),
        (lambda p: p.find(["shots > 3"]), "expression must be text, or None; found ['shots > 3'] (list)"),
        (lambda p: p.count_by(None), "column must be text; found None (NoneType)"),
        (lambda p: p.table(x=5), "x must be a text or a list of texts"),
        (
            lambda p: p.delete_jobs([5]),
            "job_ids must be a job id, which is text and not empty, or a run of the project",
        ),
        (lambda p: p.delete_jobs(5), "job_ids must be a job id, which is text and not empty, or a run of the project"),
        (lambda p: p.delete_job(None), "job_id must be a job id, which is text and not empty, or a run of the project"),
        (lambda p: p.job(5), "job_id must be a job id, which is text and not empty, or a run of the project; found 5"),
        (lambda p: p.restore(b"4f"), "job_id must be a job id, which is text and not empty"),
        (
            lambda p: p.save(make_result("c"), params=0.7),
            "params must be a dictionary, such as {'distance': 0.7}, or None",
        ),
        (lambda p: p.save(make_result("c"), params="x"), "params must be a dictionary"),
        (lambda p: p.save(make_result("c"), tags=3), "tags must be a text or a list of texts"),
        (lambda p: p.save(make_result("c"), name=3), "name must be text, or None; found 3 (int)"),
        (
            lambda p: p.save(make_result("c"), max_infidelity="0"),
            "max_infidelity must be a number, such as 1e-6, or None",
        ),
        (lambda p: p.clean(keep=1, dry_run="yes"), "dry_run must be True or False; found 'yes' (str)"),
        (lambda p: p.copy(5), "target must be the path of a file; found 5 (int)"),
        (lambda p: p.verify(3), "progress must be a function of the work done and all of it, or None; found 3 (int)"),
        (lambda p: p[0].counts("bell"), "experiment must be a whole number, such as 1; found 'bell' (str)"),
        (lambda p: p[0].memory(0.0), "experiment must be a whole number, such as 1; found 0.0 (float)"),
        (lambda p: p[0].array(5), "label must be text, or None; found 5 (int)"),
        (lambda p: p[0].state(bind="first"), "bind must be a whole number, such as 1, or None; found 'first' (str)"),
        (lambda p: p[0].state(condition=1.5), "condition must be a whole number or text, or None; found 1.5 (float)"),
        (lambda p: p[0].stack(5), "labels must be a text or a list of texts"),
        (lambda p: p[0].value(None), "label must be text; found None (NoneType)"),
        (lambda p: p[0].add_tags(["a", "b"]), "tags must be text; found ['a', 'b'] (list)"),
        (lambda p: p[0].annotate(params=[1]), "params must be a dictionary"),
        (lambda p: p[0].change_labels({"name": "x"}), "change must be an aerchive.models.labels.LabelChange; found {"),
        (lambda p: p[0].rerun(save=1), "save must be True or False; found 1 (int)"),
        (lambda p: aerchive.open(5), "5 is neither a path nor an open binary file; give the name of a project file"),  # type: ignore[arg-type]
        (lambda p: p[0].counts(experiment="x" * 200), f"found '{'x' * 78}… (str)"),
    ],
)
def test_a_wrong_argument_names_itself_and_the_right_form(study: aerchive.Project, ask: Ask, text: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        ask(study)
    assert text in str(caught.value)
    assert len(study) == 2


def test_what_is_natural_is_taken(study: aerchive.Project, tmp_path: Path) -> None:
    assert study.jobs(limit=np.int32(1))[0].job_id() == ID.format(1)
    saved = study.save(make_result("c"), tags=None, params=MappingProxyType({"x": 1.5}), name=np.str_("n"))
    assert (saved.tags, saved.params, saved.name) == ((), {"x": 1.5}, "n")
    assert saved.value("counts", np.int64(0)) == {"0x1": 10}
    assert study.copy(tmp_path / "copy.h5").path.exists()


def test_a_run_stands_for_its_id(study: aerchive.Project, tmp_path: Path) -> None:
    first, second = study
    assert study[first] == study.job(first).run == study[first.job()] == first
    assert first in study
    study.delete_jobs([first])
    assert (first in study, second in study) == (False, True)
    assert study.restore(first) == [first.job_id]
    study.delete_jobs(first)
    study.delete_job(second.job())
    assert len(study) == 0

    other = aerchive.open(tmp_path / "other.h5")
    copy = other.save(make_result(first.job_id))
    assert copy not in study
    with pytest.raises(InvalidInputError, match=rf"job_id: run {first.job_id} is in .*other\.h5, not in .*project\.h5"):
        study.restore(copy)


def test_a_text_is_one_id_to_delete(path: Path) -> None:
    project = aerchive.open(path)
    for job_id in ("4", "f", "44"):
        project.save(make_result(job_id))
    with pytest.raises(NotFoundError, match="no run with id '4f'"):
        project.delete_jobs("4f")
    assert len(project) == 3
    project.delete_jobs("44")
    assert [run.job_id for run in project] == ["4", "f"]


def test_checks_come_before_all_else(study: aerchive.Project) -> None:
    with pytest.raises(InvalidInputError):
        aerchive.open(study.path, "r").delete_jobs([5])  # type: ignore[list-item]
    with pytest.raises(ReadOnlyError):
        aerchive.open(study.path, "r").delete_jobs(["x"])


# a collection with look-up


def test_look_up(study: aerchive.Project) -> None:
    first, second = study
    assert list(reversed(study)) == [second, first]
    assert (study[0], study[1], study[-1], study[-2]) == (first, second, second, first)
    assert study["latest"] == study["n1"] == study[ID.format(1)] == second
    for position in (2, -3):
        with pytest.raises(NotFoundError, match=rf"has 2 runs; there is no position {position}$"):
            study[position]


def test_a_key_that_means_several_runs(study: aerchive.Project) -> None:
    first, second = study
    with pytest.raises(NotFoundError, match=f"the id '4ff' is ambiguous: {first.job_id}, {second.job_id}"):
        study["4ff"]
    second.rename("n0")
    with pytest.raises(NotFoundError, match=f"the name 'n0' is ambiguous: {first.job_id}, {second.job_id}"):
        study["n0"]
    second.rename("4ff")
    assert study["4ff"] == second  # no unambiguous beginning, and the name of exactly one
    study.save(make_result("other"), name="4ff")
    with pytest.raises(NotFoundError, match=r"the id or name '4ff' is ambiguous: 4ff2da70.*, other$"):
        study["4ff"]


def test_a_run_that_is_called_latest(study: aerchive.Project) -> None:
    assert study["latest"] == study[-1]
    study[0].rename("latest")
    assert study["latest"] == study[0]


def test_a_beginning_of_one_id_that_is_the_name_of_another_run(study: aerchive.Project) -> None:
    study.save(make_result("h2-0.5"), name="other")
    study.save(make_result("x"), name="h2")
    with pytest.raises(NotFoundError, match=r"the id or name 'h2' is ambiguous: h2-0\.5, x"):
        study["h2"]


# times


@pytest.fixture(params=["America/New_York", "Asia/Kolkata", "UTC"])
def _zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", request.param)
        tzset()
        yield
    tzset()


@pytest.mark.usefixtures("_zone")
def test_a_time_from_a_listing_finds_its_run(study: aerchive.Project) -> None:
    first, _ = study
    line = repr(study.jobs()).splitlines()[-1]
    listed = " ".join(line.split()[1:3])
    assert listed == format_time(first.created)
    assert listed in repr(first)
    assert datetime.datetime.fromisoformat(listed) == WHEN.replace(microsecond=0)
    local = listed[:19]
    for text in (listed, local, local.replace(" ", "T"), first.created):
        assert study.find(created=text) == [first]
        assert study.find(f"created == '{text}'") == [first]
        assert study.find(f"created <= '{text}'") == [first]
        assert study.find(created__lt=text) == []
        assert [job.run for job in study.jobs(created_before=text)] == [first]
    assert study.find(f"created == {listed}") == [first]


def test_a_text_to_the_second_is_the_whole_second() -> None:
    assert [stop - start for start, stop in map(span_of, ("2026-11-22 14:00:03", "2026-11-22T14:00:03Z"))] == [
        10**6
    ] * 2
    assert [stop - start for start, stop in map(span_of, ("2026-11-22 14:00:03.5", "2026-11-22T14:00", "now"))] == [
        1
    ] * 3


def test_a_time_without_a_local_one_is_printed_all_the_same() -> None:
    assert format_time(WHEN.isoformat()) == format_time(int(WHEN.timestamp() * 1e6))
    assert format_time("never") == "never"
    assert format_time(2**62) == str(2**62)


def test_pending_means_still_running(study: aerchive.Project) -> None:
    run = study[0]
    assert (run.pending, run.in_pending_file) == (False, False)
    assert study.jobs(pending=True) == []
    assert len(study.jobs(pending=False)) == 2
