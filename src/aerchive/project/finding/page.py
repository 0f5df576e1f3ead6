"""A part of a list of runs, with the values of the columns that are shown beside them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aerchive.display.text import distinct_width
from aerchive.errors import InvalidInputError
from aerchive.interop.columns import Column, Columns
from aerchive.models import catalogue
from aerchive.models.cells import CIRCUIT_NAME
from aerchive.project.catalogue.conditions import SYNONYMS, Clause
from aerchive.project.catalogue.value_conditions import full_name, sources
from aerchive.project.finding.listing import Listing
from aerchive.project.run import Run

CIRCUIT = "circuit"
"""The column with the name of the first circuit, and how many more there are."""
_ALL = ".*"


class Page(NamedTuple):
    """Some of the runs that meet conditions.

    Attributes:
        runs: The runs.
        total: The number of all runs that meet the conditions.
        columns: The values of the runs, by the name of the column.
        id_width: The number of characters after which the job ids of no two runs of the project begin alike.
    """

    runs: list[Run]
    total: int
    columns: Columns
    id_width: int


def wanted_in_columns(names: Sequence[str], clause: Clause) -> Callable[[str], bool]:
    """Returns a function that tells which values beside the catalogue a page needs."""
    groups = tuple(name.removesuffix("*") for name in names if name.endswith(_ALL))
    alone = {
        source
        for name in names
        if name not in catalogue.IN_TABLES
        for source in ((CIRCUIT_NAME,) if name == CIRCUIT else sources(full_name(name), of_points=True))
    }
    return lambda name: name in alone or name.startswith(groups) or clause.wants(name)


def page_of(
    listing: Listing,
    clause: Clause,
    names: Sequence[str],
    *,
    sort: str,
    descending: bool,
    limit: int | None,
    no_name: Callable[[str, int], str],
) -> Page:
    """Takes a page from a list; see `aerchive.Project.page`.

    Args:
        listing: The list.
        clause: The conditions.
        names: Names of columns.
        sort: Name of the column by which the runs are sorted.
        descending: Whether the greatest come first.
        limit: Number of runs, at most.
        no_name: A function that describes that no run has a value of a name, of so many runs.
    """
    places, total = listing.first_places(clause, sort, descending=descending, limit=limit)
    runs = [listing.run(place) for place in places.tolist()]
    columns: Columns = {}
    for name in names:
        if name.endswith(_ALL):
            group = name.removesuffix("*")
            for one in listing.wanted_names():
                if one.startswith(group):
                    columns[one] = listing.values(places, one).column(with_tuples=False)
        elif name == CIRCUIT:
            columns[name] = _circuits(listing, places)
        else:
            columns[name] = _column(listing, places, name)
            if total and not any(one is not None for one in columns[name].values) and not listing.is_known(name):
                raise InvalidInputError(no_name(name, total))
    return Page(runs, total, columns, distinct_width(listing.stored_ids()))


def _column(listing: Listing, places: NDArray[np.intp], name: str) -> Column:
    meant = SYNONYMS.get(full_name(name), full_name(name))
    if meant in catalogue.IN_TABLES and meant != "params":
        return listing.catalogue_column(places, meant)
    values, _ = listing.named(places, name)
    return values.column(with_tuples=False)


def _circuits(listing: Listing, places: NDArray[np.intp]) -> Column:
    """The names of circuits, as viewers show them; ``None`` without a name."""
    names = listing.values(places, CIRCUIT_NAME).listed()
    numbers = listing.catalogue_column(places, "num_circuits").values
    several = (f" and {number - 1} more" if (number or 1) > 1 else "" for number in numbers)
    return Column("text", [None if one is None else f"{one}{more}" for one, more in zip(names, several, strict=True)])
