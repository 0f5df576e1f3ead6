"""The tables of what `bench_states` measured, made of its raw numbers: ``report_states.py states.json``.

``--page docs/explanation/performance.md`` puts them into that page instead, between its markers, and links to the
pictures in the folder ``performance`` beside it.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmarks.measuring import Figures, spread
from tests.benchmarks.storage_methods import GZIP, NATIVE, NONE, NPY, PORTABLE

MIB = 1024 * 1024
PHASES = ("durable", "read", "cold")
"""What is timed in each repetition: written and made durable, read warm, read cold."""
MARK = "~"


# -- what counts


def undisturbed(method: Figures, phase: str) -> list[Figures]:
    """The rounds that count for a phase."""
    return [one for one in method["rounds"] if one["counts"] and not one[phase]["disturbed"]]


def is_lacking(method: Figures) -> bool:
    """Whether there are fewer undisturbed measurements than wanted, of some phase."""
    return any(len(undisturbed(method, phase)) < method["wanted"] for phase in PHASES)


def counting(method: Figures, phase: str) -> tuple[list[Figures], bool]:
    """The rounds of which figures are made, and whether disturbed ones are among them."""
    rounds = undisturbed(method, phase)
    if 2 * len(rounds) >= method["wanted"]:
        return rounds, False
    return [one for one in method["rounds"] if one["counts"]], True


class Value(NamedTuple):
    """A figure of a series.

    Attributes:
        median: Its median.
        p10: 10th percentile.
        p90: 90th percentile.
        marked: Whether disturbed measurements are in it.
    """

    median: float
    p10: float
    p90: float
    marked: bool


def value(series: Sequence[float], *, marked: bool) -> Value | None:
    if not series:
        return None
    figures = spread(series, 6)
    return Value(figures["median"], figures["p10"], figures["p90"], marked)


def speed(family: Figures, name: str, phase: str) -> Value | None:
    """GB/s of raw bytes; phase ``write`` is that without fsync, where it is known."""
    rounds, marked = counting(family["methods"][name], "durable" if phase == "write" else phase)
    seconds = [one.get("write") if phase == "write" else one[phase]["s"] for one in rounds]
    return value([family["raw bytes"] / 1e9 / one for one in seconds if one is not None], marked=marked)


def gain(family: Figures, name: str, base: str, phase: str, clock: str = "s") -> Value | None:
    """How many times faster than another method, in the same rounds.

    Args:
        family: Figures of a family.
        name: The method.
        base: The other method.
        phase: One of `PHASES`.
        clock: ``s``, or ``cpu s`` for processor time, which a busy machine changes little, and threads do not shorten.
    """
    methods = family["methods"]
    if name not in methods or base not in methods:
        return None
    (mine, first), (theirs, second) = counting(methods[name], phase), counting(methods[base], phase)
    seconds = {one["round"]: one[phase][clock] for one in theirs}
    pairs = [(one[phase][clock], seconds[one["round"]]) for one in mine if one["round"] in seconds]
    if not pairs:  # a slow method takes part in the first round, in which the base does not count
        seconds = {one["round"]: one[phase][clock] for one in methods[base]["rounds"]}
        pairs = [(one[phase][clock], seconds[one["round"]]) for one in mine]
    return value([other / own for own, other in pairs if own > 0], marked=first or second)


def compression(family: Figures, name: str) -> float:
    """Raw bytes over stored bytes."""
    return float(family["raw bytes"] / family["methods"][name]["stored bytes"])


# -- tables


def number(amount: float) -> str:
    """Three digits, and no more decimals than make sense."""
    if amount >= 100:
        return f"{amount:,.0f}"
    return f"{amount:.{2 if amount >= 1 else 3}f}" if amount < 10 else f"{amount:.1f}"


def shown(amount: Value | None, *, with_spread: bool = False) -> str:
    if amount is None:
        return "–"
    text = number(amount.median)
    if with_spread:
        text += f" ({number(amount.p10)}–{number(amount.p90)})"
    return text + (MARK if amount.marked else "")


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(lines)


def states_table(data: Figures) -> str:
    """Every family and every method."""
    head = [
        "state",
        "method",
        "ratio",
        "write",
        "+ fsync",
        "read",
        "cold read",
        "of np.save + fsync",
        "of gzip-4 + shuffle",
    ]
    rows = []
    for family in data["families"].values():
        for name, method in family["methods"].items():
            rows.append(
                [
                    family["title"],
                    method["title"],
                    f"{compression(family, name):,.4g}",
                    *(shown(speed(family, name, phase)) for phase in ("write", *PHASES)),
                    shown(gain(family, name, NPY, "durable"), with_spread=True),
                    shown(gain(family, name, GZIP, "durable"), with_spread=True),
                ]
            )
    return markdown(head, rows)


def fresh_table(data: Figures) -> str:
    """First amplitude and memory, of the families that were measured so."""
    head = [
        "state",
        "method",
        "first amplitude, cold, ms",
        "warm, ms",
        "from a handle, cold, ms",
        "extra memory writing, MiB",
        "reading, MiB",
    ]
    rows = []
    for family in data["families"].values():
        for method in family["methods"].values():
            if fresh := method.get("fresh"):
                keys = ("cold ms", "warm ms", "handle cold ms")
                times = [number(statistics.median(fresh[key])) if key in fresh else "" for key in keys]
                rows.append(
                    [
                        family["title"],
                        method["title"],
                        *times,
                        *(f"{fresh[key] / MIB:.0f}" for key in ("write bytes", "read bytes")),
                    ]
                )
    return markdown(head, rows)


def over(data: Figures, figure: Callable[[Figures], float | None], trait: str | None = None) -> dict[str, float]:
    """A figure of each family that has it, and the trait if one is asked for."""
    found = {}
    for family in data["families"].values():
        if trait is None or trait in family["traits"]:
            amount = figure(family)
            if amount is not None:
                found[family["title"]] = amount
    return found


def median_of(amount: Value | None) -> float | None:
    return None if amount is None else amount.median


def methods_table(data: Figures) -> str:
    """Every method over all families: the median, and the worst and best family."""
    head = [
        "method", "size against gzip-4 + shuffle", "write + fsync against it", "processor time of that",
        "read against it", "write + fsync against np.save", "cold read against np.load",
    ]  # fmt: skip
    rows = []
    titles = {name: m["title"] for family in data["families"].values() for name, m in family["methods"].items()}
    for name, title in titles.items():
        figures: list[Callable[[Figures], float | None]] = [
            lambda f, n=name: compression(f, n) / compression(f, GZIP),
            lambda f, n=name: median_of(gain(f, n, GZIP, "durable")),
            lambda f, n=name: median_of(gain(f, n, GZIP, "durable", "cpu s")),
            lambda f, n=name: median_of(gain(f, n, GZIP, "read")),
            lambda f, n=name: median_of(gain(f, n, NPY, "durable")),
            lambda f, n=name: median_of(gain(f, n, NPY, "cold")),
        ]
        cells = []
        for figure in figures:
            values = list(over(data, figure).values())
            cells.append(
                f"{number(statistics.median(values))} ({number(min(values))}–{number(max(values))})" if values else "–"
            )
        rows.append([title, *cells])
    return markdown(head, rows)


def best_ratio(family: Figures) -> float | None:
    """The ratio of aerchive against gzip-4 without shuffle, where that is better than with."""
    if "gzip4" not in family["methods"] or compression(family, "gzip4") <= compression(family, GZIP):
        return None
    return compression(family, PORTABLE) / compression(family, "gzip4")


def goals_table(data: Figures) -> str:
    """The figures that the suite was written to watch, and what they are now."""
    rows: list[list[str]] = []

    def goal(what: str, values: dict[str, float], limit: float, pick: Callable[[Iterable[float]], float] = min) -> None:
        if not values:
            rows.append([what, f"≥ {limit:g}", "not measured", ""])
            return
        now = pick(values.values())
        where = "" if pick is statistics.median else min(values, key=lambda title: abs(values[title] - now))
        rows.append(
            [what, f"≥ {limit:g}", f"{number(now)} {f'({where})' if where else ''}".strip(), verdict(now >= limit)]
        )

    def faster(name: str, base: str, phase: str) -> Callable[[Figures], float | None]:
        return lambda family: median_of(gain(family, name, base, phase))

    def smaller(base: str) -> Callable[[Figures], float | None]:
        return lambda family: compression(family, PORTABLE) / compression(family, base)

    writes = over(data, faster(PORTABLE, GZIP, "durable"))
    goal("write + fsync against gzip-4 + shuffle, median of families", writes, 15, statistics.median)
    goal("the same, worst family", writes, 6)
    with_kernels = over(data, faster(NATIVE, GZIP, "durable"))
    goal("write + fsync with kernels in C, median of families", with_kernels, 20, statistics.median)
    goal("the same, worst family", with_kernels, 8)
    goal("size against gzip-4 + shuffle, worst family", over(data, smaller(GZIP)), 1)
    special = over(data, smaller(GZIP), "conserving") | over(data, smaller(GZIP), "clifford")
    goal("the same, number-conserving and Clifford states", special, 1.15)
    goal("size against gzip-4 without shuffle, where that is better", over(data, best_ratio), 0.97)
    goal("write + fsync against np.save, dense states", over(data, faster(PORTABLE, NPY, "durable"), "dense"), 0.38)
    goal("the same with kernels in C", over(data, faster(NATIVE, NPY, "durable"), "dense"), 0.6)
    goal('the same with "none"', over(data, faster(NONE, NPY, "durable"), "dense"), 0.9)
    ghz = {key: family for key, family in data["families"].items() if key == "ghz"}
    goal("write + fsync against np.save, GHZ", over({"families": ghz}, faster(PORTABLE, NPY, "durable")), 3)
    for name, title in ((PORTABLE, ""), (NATIVE, ", kernels in C")):
        reads = over(data, faster(name, GZIP, "read"))
        goal(f"warm read against gzip-4 + shuffle{title}, median of families", reads, 6, statistics.median)
        goal("the same, worst family", reads, 2.8)
        goal(f"cold read against np.load, dense states{title}", over(data, faster(name, NPY, "cold"), "dense"), 0.8)
    fresh = {
        family["title"]: family["methods"][PORTABLE]["fresh"]
        for family in data["families"].values()
        if "fresh" in family["methods"].get(PORTABLE, {})
    }
    if fresh:
        for title, key in (("from a handle", "handle cold ms"), ("opening included", "cold ms")):
            slowest = max(statistics.median(one[key]) for one in fresh.values())
            rows.append([f"first amplitude, cold, {title}, ms", "≤ 8", number(slowest), verdict(slowest <= 8)])
        most = max(max(one["write bytes"], one["read bytes"]) for one in fresh.values()) / MIB
        rows.append(["extra memory, writing or reading, MiB", "< 128", f"{most:.0f}", verdict(most < 128)])
    return markdown(["figure of aerchive", "to reach", "measured", ""], rows)


def verdict(reached: bool) -> str:
    return "reached" if reached else "**missed**"


def long_table(data: Figures) -> str:
    """The large state."""
    return markdown(["step", "figure"], [[what, str(figure)] for what, figure in data["long"].items()])


def conditions(data: Figures) -> str:
    """When, how and on what."""
    machine = data["machine"]
    versions = ", ".join(f"{name} {version or 'absent'}" for name, version in machine["versions"].items())
    virtual = " (a virtual machine)" if machine["virtual"] else ""
    lines = [
        f"Measured on {data['date']} with `{data['command']}`, on {machine['processor']}{virtual}, "
        f"{machine['memory GiB']} GiB of memory, {machine['file system']}, {machine['system']}, "
        f"Python {machine['python']}, HDF5 {machine['hdf5']}: {versions}."
    ]
    if "families" in data:
        methods = [method for family in data["families"].values() for method in family["methods"].values()]
        rounds = [one for method in methods for one in method["rounds"] if one["counts"]]
        verdicts = [bool(one[phase]["disturbed"]) for one in rounds for phase in PHASES]
        lines.append(
            f"Of {len(verdicts)} measurements {sum(verdicts)} were disturbed. memcpy: {data['memcpy GB/s']} GB/s."
        )
        if 2 * sum(verdicts) > len(verdicts):
            lines.append("**The machine was busy with other work**: of these figures only sizes and memory are firm.")
        commits = " and ".join(
            f"{figure['median']:.1f} ms ({figure['p10']:.1f}–{figure['p90']:.1f}) {name}"
            for name, figure in data["tiny commits ms"].items()
        )
        lines.append(f"A commit of aerchive with a state of 4 qubits takes {commits}; that is in every figure of it.")
        lines += [f"Not measured: {title}: {reason}." for title, reason in data["missing"].items()]
    return "\n\n".join(lines)


def sections(data: Figures) -> dict[str, str]:
    """Everything there is to say, by the name of its markers."""
    texts = {"conditions": conditions(data)}
    if "families" in data:
        texts |= {"goals": goals_table(data), "methods": methods_table(data)}
        if any("fresh" in m for family in data["families"].values() for m in family["methods"].values()):
            texts["fresh"] = fresh_table(data)
        texts["states"] = states_table(data)
    if "long" in data:
        texts["long"] = long_table(data)
    return texts


TITLES = {
    "goals": "Figures to reach",
    "methods": "Over all families: median (worst–best)",
    "fresh": "In fresh processes",
    "states": "GB/s of raw bytes; ratios are medians (10–90 %)",
    "long": "The large state",
}
PICTURES = {
    "gain": "How much faster than h5py gzip-4 with shuffle, by family",
    "states": "Speed of writing against ratio, by family and method",
}


def print_report(data: Figures) -> None:
    """Prints all tables, the large one last."""
    for name, text in sections(data).items():
        title = TITLES.get(name)
        print(f"\n{title}\n\n{text}" if title else text)


def put_into(page: Path, texts: dict[str, str]) -> None:
    """Replaces what is between the markers of a page.

    Raises:
        SystemExit: A marker is missing.
    """
    content = page.read_text("utf-8")
    for name, text in texts.items():
        pattern = re.compile(f"(<!-- measured: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        if not pattern.search(content):
            raise SystemExit(f"{page} has no marker for {name!r}")
        between = f"\n{text}\n\n" if text else ""
        content = pattern.sub(lambda match, between=between: f"{match[1]}{between}{match[2]}", content, count=1)
    page.write_text(content, "utf-8")


def pictures(page: Path) -> str:
    """Links to the pictures that `plot_states` has put beside the page, in a folder of its name."""
    folder = page.with_suffix("")
    found = [(folder / f"{name}.svg", text) for name, text in PICTURES.items()]
    return "\n\n".join(f"![{text}]({folder.name}/{path.name})" for path, text in found if path.exists())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--page", type=Path)
    given = parser.parse_args()
    data: dict[str, Any] = json.loads(given.file.read_text())
    if not given.page:
        print_report(data)
        return
    texts = sections(data)
    if "long" in data:  # the page has one set of conditions, that of the states
        texts["long"] = f"{texts.pop('conditions')}\n\n{texts['long']}"
    else:
        texts["pictures"] = pictures(given.page)
    put_into(given.page, texts)


if __name__ == "__main__":
    main()
