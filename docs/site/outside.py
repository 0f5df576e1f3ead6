"""What pages would load from the network: nothing, as a test of the built site."""

from __future__ import annotations

import re
from pathlib import Path

_TAG = re.compile(r"<(?:script|link|img|iframe|source|audio|video|object|embed)\b[^>]*>", re.IGNORECASE)
_ADDRESS = re.compile(r"(?:src|href|data|srcset)\s*=\s*[\"']?((?:https?:)?//[^\"'\s>]+)", re.IGNORECASE)
_IN_STYLES = re.compile(r"(?:@import\s+|url\(\s*)[\"']?((?:https?:)?//[^\"')\s]+)", re.IGNORECASE)


def addresses(site: Path) -> list[tuple[str, str]]:
    """Returns each page or style of a built site that loads something from elsewhere, and what it loads."""
    found = []
    for page in sorted(site.rglob("*.html")):
        text = page.read_text("utf-8")
        loaded = [one for tag in _TAG.findall(text) for one in _ADDRESS.findall(tag)] + _IN_STYLES.findall(text)
        found += [(page.relative_to(site).as_posix(), one) for one in loaded]
    for style in sorted(site.rglob("*.css")):
        found += [(style.relative_to(site).as_posix(), one) for one in _IN_STYLES.findall(style.read_text("utf-8"))]
    return found
