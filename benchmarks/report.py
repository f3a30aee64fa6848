"""Writes BENCHMARKS.md from what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from benchmarks.about import HOW
from benchmarks.jobs import said
from benchmarks.orders import Input
from benchmarks.ratios import Ratio, ratio
from benchmarks.rounds import FEWEST_ROUNDS, Result
from benchmarks.served import Served

_MB = 1_000_000
_WIDTH = 118


@dataclass(frozen=True)
class Goal:
    """The least ratio that is claimed, of a peer's time by ours."""

    least: float


@dataclass(frozen=True)
class Section:
    """One benchmark: which job the others are held against, and what is claimed."""

    heading: str
    about: Sequence[str]
    results: Mapping[str, Result]
    ours: str
    engine: str
    """The job whose own seconds the work of the others is held against."""
    goals: Mapping[str, Goal]
    is_by_work: bool = False
    """Whether goals are about the work alone, not about whole processes."""
    notes: Sequence[str] = ()

    def table(self) -> list[str]:
        """What each job took."""
        return _table(self)


@dataclass(frozen=True)
class ServedSection:
    """A benchmark of servers under load: how many requests a second, and how long the slowest of a hundred takes."""

    heading: str
    about: Sequence[str]
    servers: Mapping[str, Served]
    ours: str
    goal: float
    """The least ratio of requests a second, and of the peer's p99 by ours."""
    reason: str = ""
    notes: Sequence[str] = ()
    results: Mapping[str, Result] = field(default_factory=dict)

    def table(self) -> list[str]:
        """What each server did."""
        if self.reason:
            return _folded(f"not run: {self.reason}")
        head = ["server", "req/s", "p50 ms", "p99 ms", "CPU µs", "peak MB", "wrong", "rounds"]
        head += ["ratio", "lower", "p99 ratio", "lower", "goal"]
        rows = [head, ["---", *["---:"] * (len(head) - 2), "---"]]
        rows += [[name, *_served(one), *self._compared(name, one)] for name, one in self.servers.items()]
        return [f"| {' | '.join(row)} |" for row in rows]

    def _compared(self, name: str, one: Served) -> list[str]:
        ours = self.servers[self.ours]
        if name == self.ours:
            return ["1", "", "1", "", ""]
        if ours.wrong:
            return ["0", "0", "0", "0", "ours was wrong"]
        rate, tail = ratio(ours.per_s, one.per_s), ratio(one.p99_ms, ours.p99_ms)
        goals = "; ".join(f"{_goal(Goal(self.goal), found)}" for found in (rate, tail))
        return [f"{rate.median:.2f}", f"{rate.lower:.2f}", f"{tail.median:.2f}", f"{tail.lower:.2f}", goals]


def _served(one: Served) -> list[str]:
    middles = (median(one.per_s), median(one.p50_ms), median(one.p99_ms), median(one.cpu_ms))
    return [
        f"{middles[0]:,.0f}",
        *(f"{middle:.2f}" for middle in middles[1:3]),
        f"{middles[3]:.0f}",
        f"{one.peak_bytes / _MB:,.0f}",
        f"{one.wrong:,}",
        f"{len(one.per_s)}",
    ]


def document(machine: Mapping[str, str], inputs: Sequence[Input], sections: Sequence[Section | ServedSection]) -> str:
    """The whole page."""
    lines = [
        "# Benchmarks",
        "",
        *_folded(HOW),
        "",
        *(line for name, value in machine.items() for line in _item(f"{name}: {value}")),
        *(line for source in inputs for line in _item(_described(source))),
    ]
    for section in sections:
        lines += ["", f"## {section.heading}", ""]
        for paragraph in section.about:
            lines += [*_folded(paragraph), ""]
        lines += section.table()
        for note in section.notes:
            lines += ["", *_folded(note)]
    return "\n".join(lines) + "\n"


def _described(source: Input) -> str:
    return (
        f"input: {source.size_bytes:,} bytes, {source.lines:,} records, {source.orders:,} orders; "
        f"SHA-256 `{source.sha256}`"
    )


def _item(text: str) -> list[str]:
    """A list item, folded."""
    first, *others = _folded(text)
    return [f"- {first}", *(f"  {line}" for line in others)]


def _table(section: Section) -> list[str]:
    head = ["job", "wall s", "work s", "CPU s", "peak MB", "rounds", "ratio", "lower", "work ratio", "lower", "goal"]
    rows = [head, ["---", *["---:"] * (len(head) - 2), "---"]]
    not_run = []
    for name, result in section.results.items():
        if result.reason:
            not_run.append(f"{name}: not run: {result.reason}")
        else:
            rows.append([name, *_figures(result), *_compared(section, name, result)])
    table = [f"| {' | '.join(row)} |" for row in rows]
    return [*table, *(line for reason in not_run for line in ("", *_folded(reason)))]


def _figures(result: Result) -> list[str]:
    costs = result.costs
    works = work_seconds(result)
    return [
        f"{median(cost.wall_s for cost in costs):.2f}",
        f"{median(works):.2f}" if works else "",
        f"{median(cost.cpu_s for cost in costs):.2f}",
        f"{max(cost.peak_bytes for cost in costs) / _MB:,.0f}",
        f"{len(costs)}",
    ]


def _compared(section: Section, name: str, result: Result) -> list[str]:
    ours, engine = section.results[section.ours], section.results[section.engine]
    goal = section.goals.get(name)
    if name == section.ours or ours.reason:
        return ["1" if not ours.reason else "", "", "", "", ""]
    if not result.digest.agrees(ours.digest):
        return ["0", "0", "", "", ", ".join(part for part in (_goal(goal, None), "outputs differ") if part)]
    whole, work = by_wall(result, ours), by_work(result, engine)
    claimed = work if section.is_by_work else whole
    inner = [f"{work.median:.2f}", f"{work.lower:.2f}"] if work and result is not engine else ["", ""]
    return [f"{whole.median:.2f}", f"{whole.lower:.2f}", *inner, _goal(goal, claimed)]


def by_wall(result: Result, ours: Result) -> Ratio:
    """The result's wall time by ours, round by round."""
    return ratio([cost.wall_s for cost in result.costs], [cost.wall_s for cost in ours.costs])


def by_work(result: Result, engine: Result) -> Ratio | None:
    """The time of the result's work by that of our engine; None if one of them does not say."""
    works, others = work_seconds(result), work_seconds(engine)
    return ratio(works, others) if works and others else None


def work_seconds(result: Result) -> list[float]:
    """What the job said its work alone took, in each round; empty if it does not say."""
    return [float(seconds) for cost in result.costs if (seconds := said(cost).get("work_s")) is not None]


def _goal(goal: Goal | None, found: Ratio | None) -> str:
    if goal is None:
        return ""
    if found and found.rounds < FEWEST_ROUNDS:
        return f"{goal.least:g}: too few rounds"
    is_met = found is not None and found.lower >= goal.least
    return f"{goal.least:g}: {'met' if is_met else 'missed'}"


def _folded(paragraph: str) -> list[str]:
    """The paragraph in lines no longer than documents may have."""
    lines, line = [], ""
    for word in paragraph.split():
        if line and len(line) + 1 + len(word) > _WIDTH:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    return [*lines, line]
