"""Says in pytest's summary what became of the corpus, for a passing test prints nothing."""

from __future__ import annotations

from typing import Any

from tests.corpus.test_shared_corpus import SUMMARY


def pytest_terminal_summary(terminalreporter: Any, config: Any) -> None:
    for line in config.stash.get(SUMMARY, []):
        terminalreporter.write_line(line)
