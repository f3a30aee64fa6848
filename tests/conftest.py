"""What all tests share: where the original data lies, and the report of the acceptance points."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
_ORIGINAL = REPOSITORY.parent / "shared" / "data"

CLAIMS = {
    "2.1": "the original 100 customers are served to the cent, under both bases and levels, however often it runs",
    "2.2": "explain gives 5 orders and 11 lines that add up to 89.77",
    "2.3": "invalid JSON lands in quarantine with its bytes, the law balances, exit 0, with --strict 11",
    "2.4": "kill -9 before and after every commit point changes nothing, and seeded bugs are caught",
    "2.5": "net, line nets, folds and verdicts equal an independent oracle; shuffled input, same dump",
    "2.6": "of two runs at once one waits, and the numbers are right",
    "2.7": "a fresh clone runs the demo",
}
"""Number of the point, and what it claims; each has at least one test marked `accept(number)`."""


@pytest.fixture(scope="session")
def original() -> Path:
    """The folder of original data beside the repository; its absence fails where CI is set."""
    if not _ORIGINAL.is_dir():
        if os.environ.get("CI"):
            pytest.fail("the original data is missing, which CI must have")
        pytest.skip("the original data is not on this machine: not run")
    return _ORIGINAL


class _Report:
    """One line for each point: number, claim, seconds, result."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.outcomes: defaultdict[str, set[str]] = defaultdict(set)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Iterator[None]:
        outcome = yield
        report = outcome.get_result()  # type: ignore[attr-defined]
        for mark in item.iter_markers("accept"):
            number = mark.args[0]
            self.seconds[number] += report.duration
            if report.when == "call" or report.outcome != "passed":
                self.outcomes[number].add(report.outcome)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self.outcomes:
            return
        terminalreporter.section("acceptance")
        for number, claim in CLAIMS.items():
            found = self.outcomes.get(number)
            if not found:
                continue
            result = "FAILED" if "failed" in found else "not run" if found == {"skipped"} else "passed"
            terminalreporter.write_line(f"{number}  {claim}  {self.seconds[number]:.1f} s  {result}")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("-m") == "accept":
        config.pluginmanager.register(_Report())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A mark without a known number would be reported nowhere."""
    for item in items:
        for mark in item.iter_markers("accept"):
            if not mark.args or mark.args[0] not in CLAIMS:
                raise pytest.UsageError(f"{item.nodeid}: accept needs one of {', '.join(CLAIMS)}")
