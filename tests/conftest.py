"""What all tests share: where the original data lies, and the report of the acceptance points."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
# Reasons of tests about another account or system than the one that runs them: nothing is amiss with a machine then.
ABOUT_OTHERS = {"about root", "looks at processes through /proc"}
_ORIGINAL = REPOSITORY.parent / "shared" / "data"

CLAIMS = {
    "2.1": "the original 100 customers are served to the cent, under both bases and levels, however often it runs",
    "2.2": "explain gives 5 orders and 11 lines that add up to 89.77",
    "2.3": "invalid JSON lands in quarantine with its bytes, the law balances, exit 0, with --strict 11",
    "2.4": "kill -9 before and after every commit point changes nothing, and seeded bugs are caught",
    "2.5": "net, line nets, folds and verdicts equal an independent oracle; shuffled input, same dump",
    "2.6": "of two runs at once one waits, and the numbers are right",
    "2.7": "a fresh clone sets itself up, runs the demo twice, one file of tests, and the demo from its wheel",
    "3.1": "random contracts and records: the compiled check equals an independent checker",
    "3.2": "each rule of JSON's grammar, kept and broken, has its published verdict, by every format and batch size",
    "3.3": "feeds of every kind are taken by contract alone",
    "3.4": "bad input has its exit code, its code and its bytes, within bounded memory",
    "3.5": "benchmarks B1 and B2 run beside their peers; 1 GB of one JSON array within 1 GB of memory",
    "4.1": "torture: kills, stops, full disks, replays, rebuilds, maintain, backups; each round a model agrees",
    "4.2": "each seeded bug is caught, and the page of them is written by the run that caught them",
    "4.3": "a file an hour: the number of files stays flat, and so does what a load asks for; a day on a long history",
    "4.4": "PostgreSQL killed, away or full, lake read-only, disk full, clock off: each with its code, and then mended",
    "4.5": "a run that was stopped and overtaken is refused at its next write, at Delta and at PostgreSQL",
    "5.1": "random folds over random changes: after each load the state is what plain Python makes of all rows",
    "5.2": "a rate from a day on, a corrected rate and a rebuild: totals as an oracle says; explain shows the rate",
    "5.3": "what differs on Spark is refused with the safe spelling, which is taken and gives what was meant",
    "5.4": "tables over feeds that load side by side, with kills: what readers see is always of one set of loads",
    "5.5": "revenue by customer, product, hour and rate: four folds, one total, to the cent",
    "6.1": "thousands of look-ups a second, none stale: a committed load is in the next answer of every process",
    "6.2": "every page in a real browser without a network: each figure the command's, and nothing for axe to find",
    "6.4": "made-up personal values: in no log, metric, span, problem or page but those that are there to show them",
    "6.3": "no 5xx, no error that is no problem; scopes and broken tokens; floods, idle and slow clients, a gateway",
    "7.1": "the four retail feeds come to their known numbers, in one go, by hours and days, shuffled and twice",
    "7.2": "a late parent releases what waits for it, and nothing else; the law balances at each step",
    "7.3": "files in processed and tables in PostgreSQL are what stands, after each load and after kills at each step",
    "7.4": "the month that a benchmark loads beside a pandas loop: the same bytes again, and what is right of it",
    "8.1": "people who ask to be erased are in no byte that is left, and every number and position stays",
    "8.2": "a dictionary of all ids and addresses finds all of them before, and nobody after",
    "8.3": "erased while everything is killed, restored, replayed or loaded again, people leave nothing and stay away",
    "8.4": "each leak that is known of lake and store is named by the search when it is planted",
    "8.5": "people are erased in one sweep, and pseudonymised in columns, beside peers that do it one by one",
}
"""Number of the point, and what it claims; each has at least one test marked `accept(number)`."""


@pytest.fixture(scope="session")
def original() -> Path:
    """The folder of original data beside the repository."""
    if not _ORIGINAL.is_dir():
        pytest.skip("the original data is not on this machine: not run")
    return _ORIGINAL


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where CI is set a machine must carry every test: one that would be skipped fails, with the reason."""
    report = yield
    if report.skipped and os.environ.get("CI") and not hasattr(report, "wasxfail"):
        reason = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
        if reason.removeprefix("Skipped: ") not in ABOUT_OTHERS:
            report.outcome = "failed"
            report.longrepr = f"{item.nodeid}: in CI nothing may be skipped. {reason}"
    return report


def result_of(outcomes: set[str], *, is_whole: bool) -> str | None:
    """What is said of a point; None where only a part of the tests was asked for, and none of this point.

    Args:
        outcomes: Of its tests: passed, failed, skipped.
        is_whole: All tests were asked for, so a point without any is one that nothing shows.
    """
    if "failed" in outcomes or (not outcomes and is_whole):
        return "FAILED"
    if "skipped" in outcomes:
        return "partly not run" if "passed" in outcomes else "not run"
    return "passed" if outcomes else None


class _Report:
    """One line for each point: number, claim, seconds, result."""

    def __init__(self, *, is_whole: bool) -> None:
        self._is_whole = is_whole
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

    def results(self) -> dict[str, str | None]:
        return {number: result_of(self.outcomes[number], is_whole=self._is_whole) for number in CLAIMS}

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if "FAILED" in self.results().values() and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        results = self.results()
        if not any(results.values()):
            return
        terminalreporter.section("acceptance")
        for number, result in results.items():
            if result is None:
                continue
            claim = CLAIMS[number]
            terminalreporter.write_line(f"{number}  {claim}  {self.seconds[number]:.1f} s  {result}")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("-m") == "accept":
        is_whole = not config.option.keyword and config.args_source is pytest.Config.ArgsSource.TESTPATHS
        config.pluginmanager.register(_Report(is_whole=is_whole))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A mark without a known number would be reported nowhere."""
    for item in items:
        for mark in item.iter_markers("accept"):
            if not mark.args or mark.args[0] not in CLAIMS:
                raise pytest.UsageError(f"{item.nodeid}: accept needs one of {', '.join(CLAIMS)}")
