"""All answers about a project, so that they can be written as files and published without a server."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

from aerchive.errors import AerchiveError, InvalidInputError
from aerchive.states.matrix_pyramid import TILE_SIDE
from aerchive.states.tiles import TILE_BINS
from aerchive.view.answer import Answer, problem
from aerchive.view.counts_view import pages_of
from aerchive.view.interface import DataInterface

PROJECT = "project.json"
_TREE = "tree/node.json"
_MOST_NODES = 100_000
"""The greatest number of nodes of the tree: links of a forged file could lead around for ever."""
_LOOK_AGAIN_S = 0.1
_TILES = {"vector": (TILE_BINS, "{index}"), "matrix": (TILE_SIDE, "{row_tile}-{column_tile}")}
"""The number of bins along a side of a tile, and how it is named, by view."""


def all_answers(interface: DataInterface, *, with_tree: bool = True) -> Iterator[tuple[str, Answer]]:
    """Yields each address with its answer, following the addresses in the answers.

    Passes over large arrays are waited for. An answer that cannot be made is replaced by the sentence that says why.

    Args:
        interface: The answers, which should not be live, so that all are of one moment.
        with_tree: Whether the raw tree is among them.

    Raises:
        InvalidInputError: The tree has too many nodes.
        AerchiveError: The project cannot be read.
    """
    answer = interface.answer(PROJECT)
    yield PROJECT, answer
    keys: list[str] = []
    for column in json.loads(answer.body)["columns"]:
        answer = interface.answer(column["address"])
        yield column["address"], answer
        if column["name"] == "key":
            found = json.loads(answer.body)
            keys = [found["values"][code] for code in found["codes"]] if "codes" in found else found["values"]
    for key in keys:
        yield from _of_run(interface, f"runs/{key}.json")
    if with_tree:
        yield from _of_tree(interface)


def _made(interface: DataInterface, address: str) -> Answer:
    try:
        return interface.answer(address)
    except AerchiveError as error:
        return problem(error)


def _of_run(interface: DataInterface, address: str) -> Iterator[tuple[str, Answer]]:
    answer = _made(interface, address)
    yield address, answer
    document = json.loads(answer.body)
    for experiment in document.get("experiments", ()):
        counts, memory = experiment["counts"], experiment["memory"]
        if counts is not None:
            yield counts["address"], _made(interface, counts["address"])
        for page in range(pages_of(memory["shots"])) if memory is not None else ():
            place = memory["address"].replace("{page}", str(page))
            yield place, _made(interface, place)
    for saved in document.get("saved", ()):
        if saved["array"] is not None:
            yield from _of_array(interface, saved["array"])


def _of_array(interface: DataInterface, address: str) -> Iterator[tuple[str, Answer]]:
    answer, info = _complete(interface, address)
    yield address, answer
    if info.get("infos") is None:
        yield from _of_row(interface, info, 0)
        return
    for row in range(info["rows"]):
        place = info["infos"].replace("{row}", str(row))
        answer, one = _complete(interface, place)
        yield place, answer
        yield from _of_row(interface, one, row)


def _complete(interface: DataInterface, address: str) -> tuple[Answer, Mapping[str, Any]]:
    """The description of an array when the pass over it is complete."""
    while True:
        answer = _made(interface, address)
        info = json.loads(answer.body)
        if "error" in info or info["progress"] == 1:
            return answer, info
        time.sleep(_LOOK_AGAIN_S)


def _of_row(interface: DataInterface, info: Mapping[str, Any], row: int) -> Iterator[tuple[str, Answer]]:
    view = info.get("view")
    if view in _TILES:
        yield from _tiles(interface, info["tiles"], info["levels"], row, view)
    if info.get("diagonal") is not None:
        yield from _tiles(interface, info["diagonal"]["tiles"], info["diagonal"]["levels"], row, "vector")


def _tiles(interface: DataInterface, template: str, levels: int, row: int, view: str) -> Iterator[tuple[str, Answer]]:
    bins, placeholder = _TILES[view]
    for level in range(levels + 1):
        side = range(max(1, 2**level // bins))
        for position in itertools.product(side, repeat=placeholder.count("{")):
            address = template.replace("{row}", str(row)).replace("{level}", str(level))
            address = address.replace(placeholder, "-".join(map(str, position)))
            yield address, _made(interface, address)


def _of_tree(interface: DataInterface) -> Iterator[tuple[str, Answer]]:
    waiting, number = [_TREE], 0
    while waiting:
        address = waiting.pop()
        number += 1
        if number > _MOST_NODES:
            raise InvalidInputError(f"the tree of the project has more than {_MOST_NODES:,} nodes; leave it out")
        answer = _made(interface, address)
        yield address, answer
        document = json.loads(answer.body)
        waiting += [child["address"] for child in document.get("children", ()) if child["address"] is not None]
        if document.get("values") is not None:
            yield document["values"], _made(interface, document["values"])
