"""Experiments of qiskit-experiments in a project: an ``ExperimentData`` with its jobs, results, figures and artifacts.

The data is one attachment of the project, each figure another one, and each job a run. What is read is rebuilt by the
table of types in this module: nothing is imported, called or evaluated because a file names it, as the decoder of
qiskit-experiments does. A part of any other type is stored as its text, and stays text (decision 0027).
"""

from __future__ import annotations

import contextlib
import datetime
import io
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

import numpy as np
from qiskit.quantum_info import PTM, Chi, Choi, Pauli, SparsePauliOp
from qiskit.result import Counts

from aerchive.codecs.attachment import AttachedFile, encode_attachment
from aerchive.errors import (
    AerchiveError,
    ArchiveWarning,
    FormatError,
    InvalidInputError,
    UnsupportedTypeError,
    check_version,
)
from aerchive.interop.extras import import_extra
from aerchive.private_names import private
from aerchive.project.project import Project
from aerchive.stored.array import StoredArray
from aerchive.text import listed, type_name, without_surrogates

__all__ = ["load_experiment", "save_experiment"]

_MARK: Final = "@"
"""The key that marks an object of another type among plain values."""
_VERSION: Final = 1
_EXTRA: Final = "experiments"
_MAX_TEXT = 2000
_LEAVES = (type(None), bool, int, float, complex, str, bytes)
_TEXTS: Final = ("experiment_type", "share_level", "notes", "hub", "group", "project")
_TIMES: Final = ("creation_datetime", "start_datetime", "end_datetime", "updated_datetime")
_ARTIFACT: Final = ("name", "data", "artifact_id", "experiment_id", "experiment", "device_components", "created_time")
_FIT: Final = (
    *("method", "model_repr", "success", "nfev", "message", "dof", "init_params", "chisq", "reduced_chisq", "aic"),
    *("bic", "params", "var_names", "x_data", "y_data", "covar"),
)


def save_experiment(project: Project, data: Any, *, replace: bool = False) -> str:
    """Archives an experiment with its jobs, analysis results, figures, artifacts and child experiments.

    It waits for the jobs and for the analysis. Jobs that are not in the project yet are archived as runs; the data,
    analysis results, metadata and artifacts become an attachment of the project, the figures others. All is one commit.

    Args:
        project: The project.
        data: The ``ExperimentData``.
        replace: Whether the experiment is archived again, in the place of an earlier state of it.

    Returns:
        The name of the attachment: ``experiment-`` and the id of the experiment, which `load_experiment` takes.

    Raises:
        MissingExtraError: qiskit-experiments is not installed.
        InvalidInputError: ``data`` is not an ``ExperimentData``, or its id cannot be a part of a name.
        AlreadyExistsError: The experiment is archived already, and ``replace`` is not given.
        AerchiveError: The project cannot be written.

    Warns:
        ArchiveWarning: A part of the experiment has a type that is stored as text, or a job cannot be archived.
    """
    kinds = _Kinds()
    if type(data) is not kinds.experiment_data:
        raise InvalidInputError(f"data must be an ExperimentData of qiskit-experiments; found {type(data).__name__}")
    data.block_for_results()
    name = f"experiment-{data.experiment_id}"
    writer = _Writer(kinds)
    tree = {_MARK: "experiment", "version": _VERSION, **writer.experiment(data)}
    if errors := data.errors():
        writer.lost.append(f"its errors: {errors.strip().splitlines()[-1]:.200}")
    with _transaction(project):
        writer.lost += _save_jobs(project, data)
        project.attach(name, tree, replace=replace)
        figures = {_figure_name(name, number): file for number, file in enumerate(writer.figures)}
        for old in project.attachments if replace else ():
            if old.startswith(f"{name}.") and old not in figures:  # of an earlier state with more figures
                project.detach(old)
        for figure, file in figures.items():
            project.attach(figure, file, replace=replace)
    if writer.lost:
        warnings.warn(
            f"experiment {data.experiment_id} does not come back with all that it has: {listed(writer.lost)}",
            ArchiveWarning,
            stacklevel=2,
        )
    return name


def load_experiment(project: Project, experiment_id: str) -> Any:
    """Rebuilds an experiment that `save_experiment` has archived.

    Its jobs are those of the project, by their ids; figures are SVG, as the service of qiskit-experiments keeps them;
    correlations between numbers with uncertainties are not kept, nor the objects of the experiment and of its backend.

    Args:
        project: The project.
        experiment_id: The id of the experiment, or the name of its attachment.

    Returns:
        An ``ExperimentData``.

    Raises:
        MissingExtraError: qiskit-experiments is not installed.
        NotFoundError: There is no such experiment; the message lists similar names.
        FormatError: The attachment is not an experiment, or was written by a newer aerchive.
    """
    kinds = _Kinds()
    name = experiment_id if experiment_id.startswith("experiment-") else f"experiment-{experiment_id}"
    tree = project.attachments[name]
    where = f"{project.path}: /attachments/{name}"
    if type(tree) is not dict or tree.get(_MARK) != "experiment":
        raise FormatError(f"{where}: is not an experiment")
    check_version(tree.get("version"), _VERSION, f"{where}: experiment")
    try:
        return _Reader(kinds, project).experiment(tree)
    except AerchiveError:
        raise
    except Exception as error:
        raise FormatError(f"{where}: is not an experiment that can be rebuilt: {error!r:.300}") from error


def _figure_name(name: str, number: int) -> str:
    return f"{name}.figure-{number}"


def _transaction(project: Project) -> contextlib.AbstractContextManager[None]:
    """A transaction of the project, unless this thread has opened one."""
    return project.transaction() if project.parts.waiting is None else contextlib.nullcontext()


def _save_jobs(project: Project, data: Any) -> list[str]:
    """Archives the jobs of an experiment and its children; returns descriptions of those that cannot be archived."""
    lost = []
    for job in data.jobs():
        if job is None or job.job_id() in project:
            continue
        try:
            project.save(job)
        except AerchiveError as error:
            lost.append(f"job {job.job_id()}: {error}")
    for child in data.child_data():
        lost += _save_jobs(project, child)
    return lost


class _Kinds:
    """The classes of qiskit-experiments and of its dependencies that are written and rebuilt."""

    def __init__(self) -> None:
        framework = import_extra("qiskit_experiments.framework", _EXTRA)
        database = import_extra("qiskit_experiments.database_service", _EXTRA)
        curves = import_extra("qiskit_experiments.curve_analysis", _EXTRA)
        self.experiment_data = framework.ExperimentData
        self.db_data = import_extra("qiskit_experiments.database_service.db_experiment_data", _EXTRA).DbExperimentData
        self.figure_data = framework.FigureData
        self.artifact_data = framework.ArtifactData
        self.scatter_table = curves.ScatterTable
        self.fit = curves.CurveFitResult
        self.components = {kind.__name__: kind for kind in (database.Qubit, database.Resonator)}
        self.unknown_component = database.UnknownComponent
        self.enumerations = {kind.__name__: kind for kind in (framework.MeasLevel, framework.MeasReturnType)}
        self.uncertainties = import_extra("uncertainties", _EXTRA)
        self.pandas = import_extra("pandas", _EXTRA)
        self.channels: dict[str, Any] = {"Choi": Choi, "PTM": PTM, "Chi": Chi}


class _Form(NamedTuple):
    """The form in which objects of one type are stored.

    Attributes:
        tag: The text that marks them.
        fields: A function that gives the fields of an object; values that are not plain are encoded in turn.
    """

    tag: str
    fields: Callable[[Any], Mapping[str, Any]]


class _Writer:
    """Makes plain values of an experiment.

    Args:
        kinds: The classes of qiskit-experiments.

    Attributes:
        figures: The figures so far, in the order of their numbers.
        lost: Descriptions of what is stored as text.
    """

    def __init__(self, kinds: _Kinds) -> None:
        self._kinds = kinds
        self.figures: list[AttachedFile] = []
        self.lost: list[str] = []
        forms: dict[Any, _Form] = {
            kinds.unknown_component: _Form("component", lambda one: {"component": one.component}),
            kinds.scatter_table: _Form("scatter_table", lambda one: {"columns": _columns(one.dataframe)}),
            kinds.fit: _Form("curve_fit", lambda one: {name: getattr(one, name) for name in _FIT}),
            Pauli: _Form("pauli", lambda one: {"label": one.to_label()}),
            SparsePauliOp: _Form("sparse_pauli", lambda one: {"labels": one.paulis.to_labels(), "coeffs": one.coeffs}),
            Counts: _Form("counts", _counts),
        }
        for kind in kinds.components.values():
            forms[kind] = _Form("component", lambda one: {"class": type(one).__name__, "index": one.index})
        for kind in kinds.enumerations.values():
            forms[kind] = _Form("enum", lambda one: {"class": type(one).__name__, "value": one.value})
        for kind in kinds.channels.values():
            forms[kind] = _Form("channel", _channel)
        self._forms = forms

    def experiment(self, data: Any) -> dict[str, Any]:
        """Makes a plain mapping of an experiment; its figures are added to ``figures``."""
        results = data.analysis_results(dataframe=True, columns="all")
        experiment = data.experiment
        return {
            "experiment_id": data.experiment_id,
            "parent_id": data.parent_id,
            **{name: getattr(data, name) for name in (*_TEXTS, *_TIMES)},
            "backend": data.backend_name or None,
            "experiment": None if experiment is None else _text(experiment),
            "tags": list(data.tags),
            "job_ids": list(data.job_ids),
            "metadata": self.value(data.metadata, "metadata"),
            "data": [self.value(one, f"data[{number}]") for number, one in enumerate(data.data())],
            "results": [
                {str(key): self.value(one, f"analysis result {row['name']!s}, {key}") for key, one in row.items()}
                for _, row in results.iterrows()
            ],
            "figures": [self._figure(data.figure(name), name) for name in data.figure_names],
            "artifacts": [
                {field: self.value(getattr(one, field), f"artifact {one.name!s}, {field}") for field in _ARTIFACT}
                for one in _as_list(data.artifacts())
            ],
            "children": [self.experiment(child) for child in data.child_data()],
        }

    def _figure(self, figure: Any, name: str) -> dict[str, Any]:
        content, metadata = figure, {}
        if type(figure) is self._kinds.figure_data:
            content, metadata = figure.figure, figure.metadata
        is_text = type(content) is str
        if is_text:
            content = content.encode()
        elif type(content) is not bytes:
            content = _svg(content)
        number = len(self.figures)
        self.figures.append(AttachedFile(f"figure-{number}.svg", content))
        return {
            "name": name,
            "number": number,
            "is_text": is_text,
            "metadata": self.value(metadata, f"metadata of figure {name}"),
        }

    def value(self, value: Any, where: str) -> Any:
        """Makes a plain value; what has no form becomes text, and is noted in ``lost``."""
        kind = type(value)
        if kind in _LEAVES:
            return value
        if kind is dict:
            items = [[key, self.value(one, f"{where}[{key!r:.60}]")] for key, one in value.items()]
            if all(type(key) is str and key != _MARK for key, _ in items):
                return dict(items)
            return {_MARK: "dict", "items": [[self.value(key, f"a key of {where}"), one] for key, one in items]}
        if kind in (list, tuple):
            return kind(self.value(one, where) for one in value)
        if kind in (set, frozenset):
            return {_MARK: kind.__name__, "items": [self.value(one, where) for one in value]}
        if kind is np.ndarray and value.dtype.kind == "O":
            items = [self.value(one, where) for one in value.ravel().tolist()]
            return {_MARK: "objects", "shape": list(value.shape), "items": items}
        form = self._forms.get(kind)
        if form is not None:
            return {_MARK: form.tag, **{name: self.value(one, where) for name, one in form.fields(value).items()}}
        if isinstance(value, self._kinds.uncertainties.UFloat):
            return {_MARK: "ufloat", "nominal": float(value.nominal_value), "std_dev": float(value.std_dev)}
        if value is self._kinds.pandas.NA:
            return {_MARK: "na"}
        with contextlib.suppress(UnsupportedTypeError):
            encode_attachment(value)
            return value
        self.lost.append(f"{where} is text: a {type_name(kind)}")
        return {_MARK: "text", "type": type_name(kind), "text": _text(value)}


def _text(value: Any) -> str:
    try:
        return without_surrogates(repr(value)[:_MAX_TEXT])
    except Exception as error:  # noqa: BLE001  (a foreign __repr__ may raise anything)
        return f"<repr raised {type(error).__name__}>"


def _as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, Iterable) else [value]


def _columns(frame: Any) -> dict[str, list[Any]]:
    return {str(name): frame[name].tolist() for name in frame.columns}


def _counts(counts: Any) -> dict[str, Any]:
    names = ("time_taken", "creg_sizes", "memory_slots")
    return {"counts": dict(counts), **{name: getattr(counts, name, None) for name in names}}


def _channel(channel: Any) -> dict[str, Any]:
    dims = {"input_dims": channel.input_dims(), "output_dims": channel.output_dims()}
    return {"class": type(channel).__name__, "data": channel.data, **dims}


def _svg(figure: Any) -> bytes:
    out = io.BytesIO()
    figure.savefig(out, format="svg", bbox_inches="tight")
    return out.getvalue()


class _Reader:
    """Rebuilds an experiment from plain values.

    Args:
        kinds: The classes of qiskit-experiments.
        project: The project, which has the figures and the jobs.
    """

    def __init__(self, kinds: _Kinds, project: Project) -> None:
        self._kinds = kinds
        self._project = project
        self._builders: dict[str, Callable[[dict[str, Any]], Any]] = {
            "dict": lambda fields: dict(fields["items"]),
            "set": lambda fields: set(fields["items"]),
            "frozenset": lambda fields: frozenset(fields["items"]),
            "objects": _objects,
            "ufloat": self._ufloat,
            "na": lambda _: kinds.pandas.NA,
            "text": lambda fields: _checked(fields["text"], str),
            "component": self._component,
            "enum": lambda fields: kinds.enumerations[fields["class"]](fields["value"]),
            "scatter_table": self._scatter_table,
            "curve_fit": lambda fields: kinds.fit(**{name: fields[name] for name in _FIT}),
            "channel": self._channel,
            "pauli": lambda fields: Pauli(_checked(fields["label"], str)),
            "sparse_pauli": lambda fields: SparsePauliOp(_checked(fields["labels"], list), fields["coeffs"]),
            "counts": self._counts,
        }

    def experiment(self, tree: Mapping[str, Any], name: str | None = None) -> Any:
        """Rebuilds an experiment with its children.

        Args:
            tree: What `_Writer.experiment` has made.
            name: Name of the attachment, which those of figures begin with; ``None``: the one of the experiment itself.
        """
        fields = {key: self.value(one) for key, one in tree.items() if key not in ("children", "version", _MARK)}
        name = name or f"experiment-{fields['experiment_id']}"
        job_ids = [_checked(job_id, str) for job_id in fields["job_ids"]]
        known = {
            key: _checked(fields[key], str, type(None)) for key in (*_TEXTS, "experiment_id", "parent_id", "backend")
        }
        known |= {key: _checked(fields[key], datetime.datetime, type(None)) for key in _TIMES}
        db_data = self._kinds.db_data(
            **known,
            tags=[_checked(tag, str) for tag in fields["tags"]],
            job_ids=job_ids,
            metadata=_checked(fields["metadata"], dict),
        )
        children = [self.experiment(child, name) for child in tree["children"]]
        data = self._kinds.experiment_data(db_data=db_data, child_data=children or None)
        data.add_data([_checked(one, dict) for one in fields["data"]])
        for row in fields["results"]:
            given = {_checked(key, str): one for key, one in row.items() if key not in ("self", "results")}
            data.add_analysis_result(**given)
        for figure in fields["figures"]:
            self._add_figure(data, figure, name)
        data.add_artifacts(
            [self._kinds.artifact_data(**{key: one[key] for key in _ARTIFACT}) for one in fields["artifacts"]]
        )
        for job_id in job_ids:
            if job_id in self._project:  # data of the job is there already, so the job is only named as its source
                private(data, "_jobs")[job_id] = self._project.job(job_id)
        return data

    def _add_figure(self, data: Any, figure: Mapping[str, Any], name: str) -> None:
        file = self._project.attachments[_figure_name(name, _checked(figure["number"], int))]
        content: Any = _checked(file, AttachedFile).data
        metadata, figure_name = _checked(figure["metadata"], dict), _checked(figure["name"], str)
        if figure["is_text"]:
            content = content.decode()
        data.add_figures(self._kinds.figure_data(content, figure_name, metadata), figure_name)

    def value(self, tree: Any) -> Any:
        """Rebuilds a value.

        Raises:
            FormatError: An object has a tag that is not in the table.
        """
        kind = type(tree)
        if kind is StoredArray:
            return tree[...]
        if kind in (list, tuple):
            return kind(self.value(one) for one in tree)
        if kind is not dict:
            return tree
        if _MARK not in tree:
            return {key: self.value(one) for key, one in tree.items()}
        builder = self._builders.get(tree[_MARK])
        if builder is None:
            raise FormatError(f"an experiment has no objects of type {tree[_MARK]!r:.60}; a newer aerchive may read it")
        return builder({key: self.value(one) for key, one in tree.items() if key != _MARK})

    def _ufloat(self, fields: Mapping[str, Any]) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a deviation of zero is what was stored
            return self._kinds.uncertainties.ufloat(
                _checked(fields["nominal"], float), _checked(fields["std_dev"], float)
            )

    def _component(self, fields: Mapping[str, Any]) -> Any:
        if "component" in fields:
            return self._kinds.unknown_component(_checked(fields["component"], str))
        return self._kinds.components[fields["class"]](_checked(fields["index"], int))

    def _scatter_table(self, fields: Mapping[str, Any]) -> Any:
        frame = self._kinds.pandas.DataFrame(_checked(fields["columns"], dict))
        return self._kinds.scatter_table.from_dataframe(frame)

    def _channel(self, fields: Mapping[str, Any]) -> Any:
        kind = self._kinds.channels[fields["class"]]
        values = _checked(fields["data"], np.ndarray)
        return kind(values, input_dims=fields["input_dims"], output_dims=fields["output_dims"])

    def _counts(self, fields: Mapping[str, Any]) -> Any:
        names = ("time_taken", "creg_sizes", "memory_slots")
        return Counts(_checked(fields["counts"], dict), **{name: fields[name] for name in names})


def _objects(fields: Mapping[str, Any]) -> Any:
    items = fields["items"]
    values = np.empty(len(items), object)
    values[:] = items
    return values.reshape([_checked(length, int) for length in fields["shape"]])


def _checked(value: Any, *kinds: type) -> Any:
    """Returns a value of one of these exact types.

    Raises:
        TypeError: It has another type.
    """
    if type(value) not in kinds:
        raise TypeError(f"{' or '.join(kind.__name__ for kind in kinds)} is expected; found a {type(value).__name__}")
    return value
