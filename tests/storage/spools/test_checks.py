"""The tree of a shared object in a spool: it may have a view, and nothing else that an object does not have."""

from __future__ import annotations

from typing import Any

import pytest

from aerchive.errors import UnsafeContentError
from aerchive.storage.spools.checks import check_tree

LINK = ["objects/arrays/aa/" + "a" * 40, 512]


def group(**parts: dict[str, Any]) -> dict[str, Any]:
    return {"attributes": {}, "datasets": {}, "groups": {}, "objects": {}, "links": {}} | parts


def shared(**groups: dict[str, Any]) -> dict[str, Any]:
    return group(attributes={"object": LINK[0]}, groups=groups)


TEXT = {"attributes": {}, "dtype": "|S1", "shape": [1], "at": 0}


def test_a_view_may_have_one_level_of_groups() -> None:
    tree = shared(view=group(datasets={"a": TEXT}, groups={"circuit_0": group(datasets={"a": TEXT})}))

    assert check_tree(tree, "here") is tree


@pytest.mark.parametrize(
    "tree",
    [
        shared(other=group()),
        shared(view=group(), config=group()),
        shared(view=group(objects={"array_0": LINK})),
        shared(view=group(groups={"circuit_0": group(objects={"array_0": LINK})})),
        shared(view=group(groups={"circuit_0": group(links={"matrix": "data"})})),
        shared(view=group(groups={"circuit_0": group(groups={"deeper": group()})})),
        shared(view=group(groups={"../circuit_0": group()})),
        group(groups={"config": group(groups={"view": group()})}),
    ],
)
def test_what_no_object_has(tree: dict[str, Any]) -> None:
    with pytest.raises(UnsafeContentError, match=r"^here"):
        check_tree(tree, "here")
