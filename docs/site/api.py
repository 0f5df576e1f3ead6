"""The pages that are made of docstrings: the public names, sorted by what a reader looks for."""

from __future__ import annotations

import pkgutil
from typing import NamedTuple

from docs.site.overview import members

FOLDER = "docs/reference/api"


class Topic(NamedTuple):
    """A page of the reference: its title, a sentence, and what it documents."""

    title: str
    about: str
    names: tuple[str, ...]


TOPICS = {
    "open": Topic(
        "Open, archive, look at files",
        "Functions of the package `aerchive`.",
        tuple(f"aerchive.{name}" for name in ("open", "autosave", "validate", "vet", "trust", "read_figure_data")),
    ),
    "project": Topic("The project", "One file with all its runs.", ("aerchive.Project",)),
    "run": Topic("A run", "One archived simulation, and what is read of it.", ("aerchive.Run",)),
    "arrays": Topic(
        "Stored arrays and files",
        "Saved values that are still on disk, and files that were attached.",
        ("aerchive.StoredArray", "aerchive.StackedArray", "aerchive.AttachedFile"),
    ),
    "states": Topic(
        "Stored states and operators",
        "Calculations with saved states, which read them in pieces. Each is also a [`StoredArray`](arrays.md).",
        tuple(f"aerchive.Stored{name}" for name in ("State", "ProductState", "DensityMatrix", "Operator", "SuperOp")),
    ),
    "simulators": Topic(
        "Simulators and primitives",
        "They archive what they run. Everything that is not described here is inherited from Aer.",
        tuple(
            f"aerchive.aer.{name}"
            for name in (
                *("AerSimulator", "archiving", "ArchivingJob"),
                *("SamplerV2", "EstimatorV2", "ArchivingPrimitiveJob"),
            )
        ),
    ),
    "jobs": Topic(
        "Archived jobs and results",
        "Objects of Qiskit that are made from what is stored.",
        tuple(
            f"aerchive.aer.{name}"
            for name in ("ArchivedJob", "ArchivedResult", "ArchivedPrimitiveJob", "ReproduceReport", "Recomputed")
        ),
    ),
    "local-mode": Topic("Local mode of the runtime", "Needs the extra `runtime`.", ("aerchive.runtime.LocalService",)),
    "clusters": Topic(
        "Clusters",
        "Needs the extra `dask`. [Run on a cluster](../../how-to/run-on-a-cluster.md) shows how it is used.",
        tuple(
            f"aerchive.dask.{name}"
            for name in ("run_sweep", "Sweep", "merge_sweep", "expectation_values", "fidelities", "map_stack")
        ),
    ),
    "experiments": Topic(
        "Experiments of qiskit-experiments",
        "Needs the extra `experiments`.",
        ("aerchive.experiments.save_experiment", "aerchive.experiments.load_experiment"),
    ),
    "reports": Topic(
        "Lists and reports",
        "What methods return. None of them is made by a user.",
        (
            "aerchive.project.finding.job_list.JobList",
            "aerchive.project.finding.page.Page",
            "aerchive.project.care.verify.VerifyReport",
            "aerchive.project.care.space.SpaceReport",
            "aerchive.project.care.retention.CleanReport",
            "aerchive.project.care.compact.CompactReport",
            "aerchive.project.care.rebuild.RebuildReport",
            "aerchive.project.care.validate.ValidateReport",
            "aerchive.storage.vetting.VetReport",
        ),
    ),
    "seals": Topic(
        "Seals and proofs",
        "One number for all runs of a project; [Trust](../../explanation/trust.md) says what it proves.",
        ("aerchive.Seal", "aerchive.Proof", "aerchive.read_seal"),
    ),
    "errors": Topic(
        "Errors and warnings",
        "The table in [Errors](../errors.md) says what to do about each.",
        tuple(
            f"aerchive.{name}"
            for name in (
                *("AerchiveError", "NotFoundError", "AlreadyExistsError", "InvalidInputError", "UnsupportedTypeError"),
                *("ProjectLockedError", "ReadOnlyError", "TransactionError", "CommittedError", "UncertainError"),
                *("FormatError", "NewerFormatError", "IntegrityError", "OtherBitsError"),
                *("ReplacedError", "UnsafeContentError"),
                *("ReadError", "WriteError", "MissingExtraError", "ServiceError", "aer.AerJobError", "ArchiveWarning"),
            )
        ),
    ),
}
"""The pages by name of their file, in the order of the navigation."""

MADE_BY_READERS = {
    "aerchive.AttachedFile",
    "aerchive.aer.AerSimulator",
    "aerchive.aer.EstimatorV2",
    "aerchive.aer.SamplerV2",
    "aerchive.runtime.LocalService",
}
"""Classes that are called; objects of the others come from methods."""


def documents() -> list[str]:
    """Returns the documents of all topics, for the navigation."""
    return [f"{FOLDER}/{name}" for name in TOPICS]


def page(topic: Topic) -> str:
    """Returns the text of a page, for Sphinx's autodoc."""
    lines = [f"# {topic.title}", "", topic.about]
    public = members()
    for name in topic.names:
        last = name.rpartition(".")[2]
        lines += ["", "```{eval-rst}"]
        value = pkgutil.resolve_name(name)
        if isinstance(value, type):
            lines += [f".. autoclass:: {name}", *_members_of(value, public.get(last))]
        else:
            lines.append(f".. autofunction:: {name}")
        lines.append("```")
    return "\n".join([*lines, ""])


def _members_of(value: type, public: frozenset[str] | None) -> list[str]:
    """Returns the options that choose the members of a class: those that the overview names, if it has the class."""
    if fields := getattr(value, "_fields", ()):
        return ["   :members:", f"   :exclude-members: {', '.join(fields)}"]  # its docstring describes them
    if public is None:
        return ["   :members:"]
    own = {
        name
        for one in value.__mro__
        if one.__module__.startswith("aerchive.")
        for name in vars(one)
        if not name.startswith("_")
    }
    return [f"   :members: {', '.join(sorted(own & public))}"] if own & public else []
