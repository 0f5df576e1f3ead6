"""Names in code, such as ``Project.find``, become links to what their docstrings say."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

from docs.site.api import FOLDER

OVERVIEW = "docs/reference/python"
"""The page whose sections are named like classes; code in its tables names their members."""
_VARIABLES = {"project": "Project", "run": "Run", "state": "StoredState"}
"""Names that the pages give to objects of these classes."""
_PACKAGES = re.compile(r"^aerchive\.(?:(?:aer|experiments|runtime)\.)?(?=[A-Za-z])")
_NAME = re.compile(r"([A-Za-z_][\w.]*)(?:\(.*)?(?: -> .*)?", re.DOTALL)


class CodeLinks(SphinxPostTransform):
    """Looks at code in the text of pages; what is no public name, or a link already, stays as it is."""

    default_priority = 5

    def run(self, **_: Any) -> None:
        """Replaces the code of one page by links."""
        here = self.env.docname
        if here.startswith(FOLDER):
            return  # autodoc has made the links there
        known = self._known()
        for node in list(self.document.findall(nodes.literal)):
            if is_within(node, (nodes.reference, nodes.title)):
                continue
            found = _NAME.fullmatch(node.astext())
            name = found and next((one for one in self._readings(found[1], node) if one in known), None)
            if name:
                document, anchor = known[name]
                link = nodes.reference("", "", internal=True, classes=["code-link"])
                link["refuri"] = f"{self.app.builder.get_relative_uri(here, document)}#{anchor}"
                node.replace_self(link)
                link += node

    def _known(self) -> dict[str, tuple[str, str]]:
        """Returns the page and the anchor of each public name, as pages write them: ``Project.find``."""
        known = {}
        for name, entry in self.env.domains.python_domain.objects.items():
            short = _PACKAGES.sub("", name)
            if not entry.aliased and entry.docname.startswith(FOLDER):
                known[short if short[0].isupper() else name] = (entry.docname, entry.node_id)
        return known

    def _readings(self, name: str, node: nodes.Node) -> list[str]:
        """Returns what a name can mean, the likeliest first."""
        first, _, rest = name.partition(".")
        readings = [f"{_VARIABLES[first]}.{rest}"] if first in _VARIABLES and rest else []
        if self.env.docname == OVERVIEW and is_within(node, (nodes.table,)):
            readings += [f"{heading}.{name}" for heading in headings(node)]
        return [*readings, name, _PACKAGES.sub("", name)]


def is_within(node: nodes.Node, kinds: tuple[type[nodes.Node], ...]) -> bool:
    """Whether a node is inside a node of one of some kinds."""
    parent = node.parent
    while parent is not None and not isinstance(parent, kinds):
        parent = parent.parent
    return parent is not None


def headings(node: nodes.Node) -> list[str]:
    """Returns the names in the heading of the section that a node is in."""
    parent = node.parent
    while parent is not None and not isinstance(parent, nodes.section):
        parent = parent.parent
    return [] if parent is None else [one.astext() for one in parent[0].findall(nodes.literal)]


def setup(app: Sphinx) -> dict[str, bool]:
    """Adds the transform; called by Sphinx."""
    app.add_post_transform(CodeLinks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
