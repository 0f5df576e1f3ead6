"""Drafts of runs without the personal facts of their documents. The page ``personal-facts.md`` lists these facts."""

from __future__ import annotations

import dataclasses
import pathlib
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeVar

from aerchive import layout
from aerchive.errors import NewerFormatError
from aerchive.models.config import RunConfig
from aerchive.models.labels import RunLabels
from aerchive.models.private_values import LEFT_OUT, LeftOut, leave_out, secret_reason
from aerchive.models.provenance import Provenance
from aerchive.models.run import RunRecord
from aerchive.models.status import RunStatus
from aerchive.project.documents.draft import RunDraft
from aerchive.project.documents.personal_text import NEUTRAL, PersonalText
from aerchive.project.documents.plots import view_of
from aerchive.storage.chunks.drafts import GroupDraft, ObjectDraft
from aerchive.storage.chunks.missing import MissingPayload

_D = TypeVar("_D", Provenance, RunStatus)

_MISSING = {"missing": "personal"}
"""What stands in the place of an option that is left out as a whole."""
_SERVICE: Final = frozenset({"client", "private", "usage_seconds", "metrics"})
"""What stays of the information of a cloud service."""
_PROCESSORS = ("x86_64", "amd64", "aarch64", "arm64", "ppc64le", "s390x", "riscv64")
_LIMIT = re.compile(r"[0-9]+(,[0-9]+)*|[A-Za-z]{1,8}")
"""The values of variables that limit threads; older versions of aerchive stored other values, too."""


_VERSIONS = ("qiskit-aer", "qiskit", "numpy", "python")
"""What stays of the environment in which a run gave the same bits: its processor may tell which machine it was."""


def _with_versions(missing: MissingPayload | None) -> MissingPayload | None:
    if missing is None:
        return None
    kept = {name: text for name, text in missing.environment.items() if name in _VERSIONS}
    return dataclasses.replace(missing, environment=kept)


class Anonymiser:
    """Makes drafts of runs without personal facts.

    Args:
        names: Names of users and machines that the project tells; those of this process are added.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._text = PersonalText(names)
        self._provenances: dict[str, tuple[Provenance, list[str]]] = {}
        """Provenance without personal facts, and what was left out, by digest of the original."""

    def draft(self, draft: RunDraft) -> RunDraft:
        """Returns the draft of a run without personal facts; its configuration lists what was left out.

        Raises:
            NewerFormatError: A later version has added something to the run, which may be personal.
        """
        if draft.newer.groups:
            raise NewerFormatError(
                f"run {draft.job_id}: has content of a later version, which may be personal: upgrade it"
            )
        places: list[str] = []
        objects = dict(draft.objects)
        provenance = draft.provenance
        if (stored := objects.pop(layout.PROVENANCE, None)) is not None:
            provenance, found = self._stored_provenance(stored)
            places += found
        elif provenance is not None:
            provenance = self._provenance(provenance, places)
        status, config = self._status(draft.status, places), self._config(draft.config, places)
        labels = self._labels(draft.labels, places)
        if draft.attachments:
            places.append(layout.ATTACHMENTS)
        config = _listing(config, places)
        return dataclasses.replace(
            draft,
            config=config,
            status=status,
            labels=labels,
            provenance=provenance,
            objects=objects,
            attachments={},
            missing=_with_versions(draft.missing),
            view=self._view(draft.view),
            is_neutral=True,
        )

    def record(self, record: RunRecord) -> RunRecord:
        """Returns the documents of a run without personal facts; its configuration lists what was left out."""
        places: list[str] = []
        provenance = None if record.provenance is None else self._provenance(record.provenance, places)
        status, config = self._status(record.status, places), self._config(record.config, places)
        labels = self._labels(record.labels, places)
        new = {"config": _listing(config, places), "status": status, "labels": labels, "provenance": provenance}
        return record.model_copy(update=new)

    def line(self, text: str) -> str:
        """Returns a text, such as the message of an error, with paths, addresses and names replaced."""
        return self._text.line(text)

    def has_facts(self, text: str) -> bool:
        """Whether a text has personal facts."""
        return self._text.has_facts(text)

    def _labels(self, old: RunLabels, places: list[str]) -> RunLabels:
        labels = old.written_like()  # names of classes of an ``Enum`` are those of a user's modules
        if labels.history or labels.stamps or labels.tag_marks:  # the marks name tags that were removed
            labels = labels.model_copy(update=dict.fromkeys(("history", "stamps", "tag_marks")))
            places.append("labels.history")
        return labels

    def _view(self, view: GroupDraft | None) -> GroupDraft | None:
        """Plots without pictures, and without those whose texts have personal facts."""
        if view is None:
            return None

        def is_kept(plot: GroupDraft) -> bool:
            values = [plot.attributes, *(one.attributes for one in plot.datasets.values())]
            texts = [text for attributes in values for text in attributes.values()]
            is_picture = any("CLASS" in one.attributes for one in plot.datasets.values())
            return not is_picture and not any(isinstance(text, str) and self._text.has_facts(text) for text in texts)

        return view_of({name: plot for name, plot in view.groups.items() if is_kept(plot)})

    def _stored_provenance(self, stored: ObjectDraft) -> tuple[Provenance, list[str]]:
        known = self._provenances.get(stored.digest)
        if known is None:
            places: list[str] = []
            document = self._provenance(Provenance.from_attributes(stored.attributes, stored.path), places)
            known = self._provenances[stored.digest] = document, places
        return known

    def _provenance(self, old: Provenance, places: list[str]) -> Provenance:
        processor = next((name for name in _PROCESSORS if name in old.platform), None)
        system = re.split(r"[^A-Za-z]", old.platform, maxsplit=1)[0]
        new = {
            "host": NEUTRAL,
            "platform": "-".join(filter(None, (system, processor))),
            "threads": {name: text for name, text in old.threads.items() if _LIMIT.fullmatch(str(text))},
            "script": None,
            "notebook": None,
            "git_commit": None,
            "git_dirty": None,
        }
        return _changed(old, "provenance", new, places)

    def _status(self, old: RunStatus, places: list[str]) -> RunStatus:
        new = {
            "message": old.message and self._text.line(old.message),
            "traceback": old.traceback and self._text.traceback(old.traceback),
        }
        return _changed(old, "status", new, places)

    def _config(self, old: RunConfig, places: list[str]) -> RunConfig:
        found: list[LeftOut] = []
        new: dict[str, Any] = {name: self._options(name, getattr(old, name), found) for name in _OPTIONS}
        service = {name: value for name, value in old.service.items() if name in _SERVICE}
        new["service"] = self._mapping("service", service, found)
        new["missing"] = old.missing and [self._text.line(text) for text in old.missing]
        places += [f"config.{self._text.line(path)}" for path, _ in found]
        places += [f"config.service.{name}" for name in old.service if name not in _SERVICE]
        if new["missing"] != old.missing:
            places.append("config.missing")
        return old.model_copy(update=new).written_like()

    def _options(self, name: str, options: Mapping[str, Any], found: list[LeftOut]) -> dict[str, Any]:
        return {
            key: _MISSING if value is LEFT_OUT else value for key, value in self._left(name, options, found).items()
        }

    def _mapping(self, name: str, values: Mapping[str, Any], found: list[LeftOut]) -> dict[str, Any]:
        return {key: value for key, value in self._left(name, values, found).items() if value is not LEFT_OUT}

    def _left(self, name: str, values: Mapping[str, Any], found: list[LeftOut]) -> dict[str, Any]:
        return {key: leave_out(key, value, self._why, found, f"{name}.{key}") for key, value in values.items()}

    def _why(self, name: str, value: Any) -> str | None:
        texts = (name, str(value) if isinstance(value, pathlib.PurePath) else value)
        if any(isinstance(text, str) and self._text.has_facts(text) for text in texts):
            return "a path, an address, or the name of a user or machine"
        return secret_reason(name, value)


_OPTIONS = ("options", "primitive_options", "used")
"""Fields of the configuration that are options; ``used`` is what Aer reports, and never has a secret."""


def _listing(config: RunConfig, places: list[str]) -> RunConfig:
    """Returns a configuration that lists the places that were left out."""
    if not places:
        return config
    known = {*(config.anonymised or ()), *places}
    return config.model_copy(update={"anonymised": sorted(known)})


def _changed(old: _D, name: str, new: Mapping[str, Any], places: list[str]) -> _D:
    """Returns a document with new values; the places where they differ from the old ones are added to the list."""
    places += [f"{name}.{field}" for field, value in new.items() if value != getattr(old, field)]
    return old.model_copy(update=dict(new))
