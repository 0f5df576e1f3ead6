"""The section of one run in a report: everything that its documents say, and pictures and tables of its values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from aerchive.display.html import MOST_ROWS, Markup, bar, element, facts, join, mark, paragraphs, table
from aerchive.display.text import clean, cut, format_time
from aerchive.errors import AerchiveError, NewerFormatError, NotFoundError
from aerchive.kinds import KINDS
from aerchive.models.base import Document
from aerchive.models.run import RunRecord
from aerchive.models.shown import safe, shown_attributes
from aerchive.project.documents.anonymise import Anonymiser
from aerchive.project.documents.plots import COUNTS, CURVES, MATRIX, MOST_BINS
from aerchive.project.documents.record import read_run_seal
from aerchive.project.drawing.drawings import ShownCircuit, folded, shown_circuits
from aerchive.project.drawing.sketch import sketch_of
from aerchive.project.run import Run
from aerchive.project.run_card import attached_values, saved_values, shown_fact
from aerchive.project.run_facts import facts_of, several
from aerchive.stored.result import SavedValue
from aerchive.view.counts_view import counts_view
from aerchive.view.svg_plot import matrix_svg, plot_svg

_ONE_BAR = 6
"""The number of points of the outline of one bar, which shows no more than the number beside it."""
_MOST_TEXT, _MOST_TRACEBACK = 2000, 20_000
"""The greatest number of characters of a value in a document, and of messages and tracebacks."""
_ABOVE = frozenset({"message", "traceback"})
"""Fields of the status that are shown above the tables."""
_MOST_FIELDS = 200
_MOST_EXPERIMENTS = 4
"""The greatest number of experiments whose counts are shown."""
_MOST_BARS = 16
"""The greatest number of outcomes that are shown of each of several experiments."""
_MOST_COUNTED = 2**22
"""The greatest number of outcomes that are read to find the most frequent ones."""
_MOST_LISTED = 1000
"""The greatest number of experiments whose saved values are listed."""
_MOST_DRAWN = 4
_MOST_DRAWN_ROWS = 240
_DRAWING_WIDTH = 100
"""The greatest number of characters of a row of a drawing, so that it fits a page of paper."""
_WITHOUT_LABEL = frozenset({"counts", "memory"})


class ReportRun(NamedTuple):
    """A run of a report.

    Attributes:
        run: The run.
        record: Its documents, as they are shown; ``None`` if they cannot be read.
        anonymiser: What leaves out personal facts; ``None`` if they are shown.
        problem: Why the documents cannot be read.
    """

    run: Run
    record: RunRecord | None
    anonymiser: Anonymiser | None = None
    problem: str = ""

    @classmethod
    def of(cls, run: Run, anonymiser: Anonymiser | None) -> ReportRun:
        """Reads the documents of a run."""
        try:
            record = run.record
            if anonymiser is None:
                return cls(run, record)
            if run.place.is_known:
                with run.opened() as group:
                    if read_run_seal(group).has_newer:
                        where = f"run {run.job_id}"
                        raise NewerFormatError(
                            f"{where}: has content of a later version, which may be personal: upgrade aerchive"
                        )
            return cls(run, anonymiser.record(record), anonymiser)
        except AerchiveError as error:
            return cls(run, None, anonymiser, _said(error, anonymiser))

    @property
    def title(self) -> str:
        """What the run is called: by its name, its circuit or its program, or else by its job id."""
        if self.record is None:
            return f"run {clean(self.run.job_id)}"
        return self.record.labels.name or str(shown_attributes(self.record)["title"]).rpartition(":")[0]


def run_section(one: ReportRun, number: int, file: str, problems: list[str], *, has_heading: bool) -> Markup:
    """Returns the section of a run.

    Args:
        one: The run.
        number: Its number in the report, from 1.
        file: The name of the project file, for the lines that read the run.
        problems: What could not be read is added to this list.
        has_heading: Whether the section begins with the title of the run.
    """
    parts = [part for part in _parts(one, file, problems) if part]
    heading = element("h2", cut(one.title, 80)) if has_heading else Markup()
    return element("article", heading, *parts, id=f"run-{number}")


def _parts(one: ReportRun, file: str, problems: list[str]) -> Iterator[Markup]:
    run, record, anonymiser = one.run, one.record, one.anonymiser

    def part(make: Any, *arguments: Any) -> Markup:
        try:
            made: Markup = make(*arguments)
        except NotFoundError as error:
            return element("p", paragraphs(_said(error, anonymiser), _MOST_TEXT), class_="faint")
        except AerchiveError as error:
            problems.append(f"run {run.job_id}: {_said(error, anonymiser)}")
            return element("p", paragraphs(_said(error, anonymiser), _MOST_TEXT), class_="bad")
        return made

    if record is None:
        problems.append(f"run {run.job_id}: {one.problem}")
        yield element("p", element("code", run.job_id))
        yield element("p", paragraphs(one.problem, _MOST_TEXT), class_="bad")
        return
    status = record.status
    when = record.created if anonymiser is not None else format_time(record.created)
    yield element("p", mark(status.outcome), " ", element("code", run.job_id), f" submitted {when}")
    if run.in_pending_file:
        yield element("p", "This run is in a file beside the project: it waits until the project can be written.")
    if status.message:
        yield element("p", paragraphs(status.message, _MOST_TRACEBACK), class_="bad")
    yield part(lambda: facts(map(shown_fact, facts_of(run, record))))
    if run.place.is_known:
        yield part(_circuits, run)
        counts = part(_counts, run, record)
        yield counts
        yield part(lambda: _plots(one, record, has_counts=bool(counts)))
        if (record.config.num_experiments or 1) > _MOST_LISTED:
            number = record.config.num_experiments or 1
            yield _titled("Saved values", element("p", f"The values of {number:,} experiments are not listed here."))
        else:
            yield part(lambda: _listed(saved_values(run)))
        if anonymiser is None:
            yield part(lambda: _listed(attached_values(run)))
    labels = record.labels.model_copy(update={"history": None})
    if status.traceback:
        yield _titled("Traceback", element("pre", _value("traceback", status.traceback)))
    side = [_document("Labels", labels), _document("Status", status)]
    if record.provenance is not None:
        side.append(_document("Provenance", record.provenance))
    yield element(
        "div", element("div", _document("Configuration", record.config)), element("div", *side), class_="documents"
    )
    if run.place.is_known:
        yield part(_identity, one, record)
        yield part(lambda: _titled("Read it again", element("pre", Markup(_reading(run, file)))))


def _said(error: AerchiveError, anonymiser: Anonymiser | None) -> str:
    return str(error) if anonymiser is None else anonymiser.line(str(error))


def _titled(title: str, *parts: str) -> Markup:
    return element("section", element("h3", title), *parts)


def _listed(found: tuple[str, Markup] | None) -> Markup:
    if found is None:
        return Markup()
    title, rows = found
    return _titled(f"{title[0].upper()}{title[1:]}", rows)


def _circuits(run: Run) -> Markup:
    with run.opened() as group:
        found = shown_circuits(group, _MOST_DRAWN)
    if not found.circuits:
        return Markup()
    left = found.number - len(found.circuits)
    rest = f"{left:,} more circuits of this run are not shown here." if left > 0 else ""
    title = f"Circuits: {found.number:,}" if found.are_several else "Circuit"
    return _titled(title, *map(_circuit, found.circuits), element("p", rest, class_="faint") if rest else "")


def _circuit(circuit: ShownCircuit) -> Markup:
    rows = folded(circuit.drawing, _DRAWING_WIDTH)
    left = len(rows) - _MOST_DRAWN_ROWS
    notes = [f"Left out: {circuit.left_out}"] if circuit.left_out else []
    if left > 0:
        notes.append(f"{left:,} more lines of the drawing are not shown here.")
    if not rows and not notes:
        notes.append("Not drawn, because it was too large when it was archived; `aerchive illustrate` draws it.")
    drawing = "\n".join(map(clean, rows[:_MOST_DRAWN_ROWS]))
    return join(
        element("p", circuit.title),
        element("p", paragraphs(circuit.operations, _MOST_TEXT)) if not rows else "",
        element("pre", paragraphs(drawing, len(drawing) + 1)) if rows else "",
        *(element("p", note, class_="faint") for note in notes),
    )


def _counts(run: Run, record: RunRecord) -> Markup:
    experiments = record.config.num_experiments or 1
    most = MOST_ROWS if experiments == 1 else _MOST_BARS
    parts = [_bars(run, number, most, experiments) for number in range(min(experiments, _MOST_EXPERIMENTS))]
    parts = [one for one in parts if one]
    if not parts:
        return Markup()
    left = experiments - _MOST_EXPERIMENTS
    rest = f"The counts of {several(left, 'more experiment')} are not shown here." if left > 0 else ""
    return _titled("Counts", *parts, element("p", rest, class_="faint") if rest else "")


def _bars(run: Run, experiment: int, most: int, experiments: int) -> Markup:
    try:
        known = run.stored_result.num_outcomes(experiment) or 0
        if known > _MOST_COUNTED:
            return element("p", f"The counts of {known:,} outcomes are not read here.", class_="faint")
        counts = counts_view(run, experiment)
    except NotFoundError:
        return Markup()
    first, shots = counts["first"][:most], counts["shots"]
    largest = max((count for _, count in first), default=0)
    ordered = sorted(first) if counts["outcomes"] <= most else first
    rows = [
        (
            element("code", outcome),
            bar(count / largest if largest else 0),
            f"{count:,}",
            _percent(count / shots) if shots else "",
        )
        for outcome, count in ordered
    ]
    which = f"experiment {experiment} of {experiments:,}: " if experiments > 1 else ""
    text = f"{which}{several(counts['outcomes'], 'outcome')}, {several(shots, 'shot')}; last bit: classical bit 0"
    left = counts["outcomes"] - len(first)
    note = f"{left:,} less frequent outcomes are not shown: {shots - sum(count for _, count in first):,} shots."
    return join(
        element("p", f"{text[0].upper()}{text[1:]}"),
        table(("outcome", "", "shots", "share"), rows, (2, 3)),
        element("p", note, class_="faint") if left > 0 else "",
    )


def _percent(share: float) -> str:
    return f"{share:.1%}" if share >= 0.001 else f"{100 * share:.2g}%"


def _plots(one: ReportRun, record: RunRecord, *, has_counts: bool) -> Markup:
    """The plots that the run has stored, with counts if they have no table, and its matrix if that is not large."""
    run = one.run
    sizes = [value.shape[-1] for value in _saved(run, record) if value.kind in KINDS and _is_square(value.shape)]
    wanted = {name for name in CURVES if name != COUNTS or not has_counts}
    if sizes and sizes[0] <= MOST_BINS:
        wanted.add(MATRIX)
    with run.opened() as group:
        sketch = sketch_of(group, record, wanted)
    plots = {name: plot for name, plot in sketch.plots.items() if len(plot.values) > _ONE_BAR}
    parts = [plot_svg(name, plot) for name, plot in plots.items() if _is_shown(one, plot.label, plot.axis_label)]
    if sketch.matrix is not None:
        parts.append(matrix_svg(sketch.matrix))
    elif sizes and sizes[0] > MOST_BINS:
        note = f"The matrix of {sizes[0]:,} rows is not drawn here; `aerchive plot` draws it."
        parts.append(element("p", note, class_="faint"))
    return _titled("Plots" if len(parts) > 1 else "Plot", *parts) if parts else Markup()


def _is_square(shape: tuple[int, ...]) -> bool:
    return len(shape) > 1 and shape[-1] == shape[-2]


def _is_shown(one: ReportRun, *texts: str) -> bool:
    """Whether a plot may be shown; an anonymous copy leaves out those with personal facts as well."""
    return one.anonymiser is None or not any(map(one.anonymiser.has_facts, texts))


def _saved(run: Run, record: RunRecord) -> list[SavedValue]:
    if (record.config.num_experiments or 1) > _MOST_LISTED:
        return []
    try:
        return run.saved
    except NotFoundError:
        return []


def _document(title: str, document: Document) -> Markup:
    fields: Mapping[str, Any] = document.to_attributes()
    if not fields:
        return Markup()
    fields = {name: value for name, value in fields.items() if name not in _ABOVE}
    shown = [(_field(name), _value(name, str(value))) for name, value in [*fields.items()][:_MOST_FIELDS]]
    left = len(fields) - len(shown)
    rest = element("p", f"{left:,} more fields are not shown here.", class_="faint") if left else ""
    return _titled(title, element("div", facts(shown), class_="document"), rest)


def _field(name: str) -> str:
    """The name of a field, whichever way its value is stored: ``used.fusion`` for ``used_json.fusion``."""
    return cut(name.replace("_json.", ".", 1).removesuffix("_json"), 80)


def _value(name: str, value: str) -> Markup:
    most = _MOST_TRACEBACK if name in _ABOVE else _MOST_TEXT
    left = len(value) - most
    note = element("span", f" ({left:,} more characters)", class_="faint") if left > 0 else ""
    return join(paragraphs(value, most) if value else element("span", "empty", class_="faint"), note)


def _identity(one: ReportRun, record: RunRecord) -> Markup:
    """What identifies the run; a digest of before anonymisation would allow to guess what was left out."""
    digest = one.run.core_sha256 if one.anonymiser is None else ""
    found = [("job id", record.job_id), ("UUID", record.run_uuid), ("SHA-256 of the run", digest)]
    note = join(element("code", "run.core_sha256"), " is this digest, which a change of labels does not change.")
    return _titled("Identity", facts(found), element("p", note, class_="faint") if digest else "")


def _reading(run: Run, file: str) -> str:
    """Lines of Python that read the run, as HTML."""
    lines = ["import aerchive", "", f"run = aerchive.open({file!r})[{run.job_id!r}]"]
    is_raised = run.outcome in ("error", "cancelled")
    what = "raises what the job raised" if is_raised else "the Result of Qiskit, as it was"
    lines.append(f"result = run.result()  # {what}")
    found: dict[str, str] = {}
    try:
        for value in run.saved:
            label = "" if value.kind in _WITHOUT_LABEL else repr(value.label)
            method = value.kind if value.kind in _WITHOUT_LABEL else "state" if value.kind in KINDS else "value"
            name = safe(value.kind).replace(".", "_")
            found.setdefault(value.kind, f"{name} = run.{method}({label})")
    except NotFoundError:
        found = {}
    lines += [clean(line) for line in [*found.values()][:6]]
    return join(paragraphs("\n".join(lines), _MOST_TEXT))
