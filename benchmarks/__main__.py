"""`make bench`: generates the input, runs every benchmark, prints the page and writes it to BENCHMARKS.md."""

from __future__ import annotations

import argparse
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from statistics import median

from benchmarks import erasing, history, jobs, pseudonyms, retail, served
from benchmarks.about import ARRAY, B1, B2, B5, B8, B9, B11, RETAIL
from benchmarks.jobs import Bench, said
from benchmarks.measure import JobFailedError, adopt_orphans
from benchmarks.orders import Input, array_file, orders_file
from benchmarks.report import Goal, Section, ServedSection, by_work, document
from benchmarks.rounds import Job, Result, run_rounds

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / "build" / "bench"
PEERS = CACHE / "venv" / "bin" / "python"
_SMALL = 0.05
_ARRAY_LIMIT_BYTES = 1_000_000_000
_SHARES = {
    "B1": 0.32,
    "B2": 0.13,
    "B8": 0.05,
    "B9": 0.10,
    "B11": 0.10,
    "array": 0.10,
    "B5": 0.10,
    "retail": 0.10,
}  # of the time, where all are run
_B1_GOALS = {jobs.COPY: Goal(0.5), "Polars": Goal(3), "pandas": Goal(15), jobs.SPARK: Goal(10)}
_B2_GOAL_PERCENT = 25
_B8_GOALS = dict.fromkeys(pseudonyms.PEERS, Goal(20))
_B9_GOALS = {erasing.DELETES: Goal(100)}
_B5_GOAL = 5


def main() -> int:
    arguments = _arguments()
    adopt_orphans()
    folder = CACHE / "data"
    source = orders_file(folder, arguments.scale)
    bench = Bench(folder / source.path, PEERS, timeout_s=60 + 2400 * arguments.scale)
    inputs = [source]
    sections: list[Section | ServedSection] = []
    for name in arguments.only:
        budget_s = 60 * arguments.minutes * _SHARES[name]
        if name == "array":
            array = array_file(folder, arguments.scale)
            inputs.append(array)
            sections.append(_array(bench, folder / array.path, array, budget_s))
        elif name == "B11":
            sections.append(_b11(bench, arguments.scale, budget_s))
        elif name == "B5":
            sections.append(_b5(bench))
        elif name == "B8":
            sections.append(_b8(bench, arguments.scale, budget_s))
        elif name == "B9":
            sections.append(_b9(bench, arguments.scale, budget_s))
        elif name == "retail":
            sections.append(_retail(bench, arguments.scale, budget_s))
        else:
            sections.append({"B1": _b1, "B2": _b2}[name](bench, budget_s))
    page = document(_machine(arguments.scale, sections), inputs, sections)
    print(page)
    if arguments.only == list(_SHARES):
        (ROOT / "BENCHMARKS.md").write_text(page)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--scale", type=float, default=_SMALL, help="size of the input in GB")
    parser.add_argument("--minutes", type=float, help="about how long all of it may take; default 8, more if larger")
    parser.add_argument("--only", nargs="+", choices=list(_SHARES), default=list(_SHARES), help="writes no file")
    arguments = parser.parse_args()
    if not 0.0001 <= arguments.scale <= 100:
        parser.error("--scale is from 0.0001 to 100")
    arguments.minutes = arguments.minutes or 8 * max(1.0, arguments.scale / _SMALL / 2)
    return arguments


def _b1(bench: Bench, budget_s: float) -> Section:
    results = _rounds(jobs.compared(bench), budget_s)
    return Section(
        "B1: orders to bronze and silver", B1, results, jobs.OURS, jobs.ENGINE, _B1_GOALS, notes=_steps(results)
    )


def _steps(results: Mapping[str, Result]) -> list[str]:
    """Where the engine's time went, as its steps."""
    found = [said(cost).get("steps_s", {}) for cost in results[jobs.ENGINE].costs]
    if not found:
        return []
    steps = ", ".join(f"{step} {median(each[step] for each in found):.2f} s" for step in found[0])
    return [f"The engine's steps, medians: {steps}."]


def _b2(bench: Bench, budget_s: float) -> Section:
    results = _rounds(jobs.with_and_without_rules(bench), budget_s)
    notes = []
    full, free = results[jobs.ENGINE], results[jobs.NO_RULES]
    work = by_work(free, full)
    if work:
        notes.append(
            f"Full checking costs {100 / work.median - 100:.0f} % more of the engine's time than no rules, at most "
            f"{100 / work.lower - 100:.0f} % (by the bound). The goal is at most {_B2_GOAL_PERCENT} %."
        )
    goals = {jobs.NO_RULES: Goal(1 / (1 + _B2_GOAL_PERCENT / 100))}
    return Section(
        "B2: the cost of checking", B2, results, jobs.ENGINE, jobs.ENGINE, goals, is_by_work=True, notes=notes
    )


def _b8(bench: Bench, scale: float, budget_s: float) -> Section:
    ids = pseudonyms.ids_file(CACHE / "data", scale)
    results = _rounds(pseudonyms.compared(bench, ids), budget_s)
    ours = pseudonyms.DIGESTS
    return Section("B8: people become keys", B8, results, ours, ours, _B8_GOALS, is_by_work=True)


def _b9(bench: Bench, scale: float, budget_s: float) -> Section:
    rows = erasing.rows_file(CACHE / "data", scale)
    results = _rounds(erasing.compared(bench, rows), budget_s)
    return Section("B9: people are erased", B9, results, erasing.OURS, erasing.OURS, _B9_GOALS, is_by_work=True)


def _b11(bench: Bench, scale: float, budget_s: float) -> Section:
    results = _rounds(history.days(bench, CACHE, scale), budget_s)
    goals = {history.SHORT: Goal(1 / 1.3)}
    return Section("B11: a day on a long history", B11, results, history.LONG, history.LONG, goals)


def _b5(bench: Bench) -> ServedSection:
    servers, reason = {}, ""
    try:
        servers = served.compared(CACHE, PEERS, bench.timeout_s, _say)
    except JobFailedError as wrong:
        reason = str(wrong)
    return ServedSection("B5: one row by its key over HTTP", B5, servers, served.OURS, _B5_GOAL, reason)


def _retail(bench: Bench, scale: float, budget_s: float) -> Section:
    landed = retail.month(CACHE / "data" / "retail", scale)
    results = _rounds(retail.compared(bench, landed), budget_s)
    notes = [f"The month: {landed}."]
    for name, result in results.items():
        if result.costs:
            took_s = median(cost.wall_s for cost in result.costs)
            notes.append(
                f"{name}: {landed.files / took_s:,.0f} files and {landed.rows / took_s:,.0f} records a second."
            )
    return Section("Four retail feeds", RETAIL, results, jobs.OURS, jobs.OURS, {}, notes=notes)


def _array(bench: Bench, path: Path, array: Input, budget_s: float) -> Section:
    both = jobs.array_and_lines(bench, path)
    results = _rounds(both, budget_s)
    notes = []
    found = results[both[0].name]
    if not found.reason:
        peak_bytes = max(cost.peak_bytes for cost in found.costs)
        notes.append(
            f"Peak memory with an array of {array.size_bytes / 1e9:.2f} GB: {peak_bytes / 1e6:,.0f} MB, all processes "
            f"included; the limit is {_ARRAY_LIMIT_BYTES / 1e6:,.0f} MB, whatever the size: "
            f"{'kept' if peak_bytes <= _ARRAY_LIMIT_BYTES else 'broken'}."
        )
    return Section("One JSON array", ARRAY, results, both[0].name, both[0].name, {}, notes=notes)


def _rounds(compete: list[Job], budget_s: float) -> dict[str, Result]:
    """A job gets an equal part of the time; who is fast leaves some for the others."""
    each_s = 1.5 * budget_s / len(compete)
    deadline = time.monotonic() + budget_s
    return run_rounds(compete, CACHE / "work", budget_s=each_s, deadline=deadline, say=_say)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _machine(scale: float, sections: Sequence[Section | ServedSection]) -> dict[str, str]:
    versions = {name: metadata.version(name) for name in ("tillage", "duckdb", "deltalake", "pyarrow", "numpy")}
    for section in sections:
        for result in section.results.values():
            for cost in result.costs[:1]:
                versions |= said(cost).get("versions", {})
    java = _java()
    return {
        "scale": f"{scale:g} of 1 GB",
        "cores": f"{os.cpu_count()}",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 1e9:.0f} GB",
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}{java}",
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
    }


def _java() -> str:
    try:
        said_by_java = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr
    except OSError:
        return ""
    version = re.search(r'version "([\w.]+)"', said_by_java)
    return f", Java {version[1]}" if version else ""


if __name__ == "__main__":
    sys.exit(main())
