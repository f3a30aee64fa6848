"""What a person sees: tables on stdout, progress on stderr, amounts with their currency."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from types import TracebackType
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TextColumn, TransferSpeedColumn
from rich.progress import Progress as Bar

from tillage.cli.tables import Grid, console, grid, put
from tillage.pipelines.as_json import plain
from tillage.pipelines.for_people import amount, by_currency, took, when

if TYPE_CHECKING:
    from tillage.cli.doctor import Finding
    from tillage.domain.conservation import Counts, Law
    from tillage.pipelines.audit import Audited
    from tillage.pipelines.changes import Changed
    from tillage.pipelines.reconcile import Reconciled
    from tillage.pipelines.run import RunReport
    from tillage.pipelines.status import Status
    from tillage.ports.engine import Figure, Share

_ROWS = 1_000


class Progress:
    """A bar on a terminal, plain lines elsewhere; always on stderr."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        self._bar = Bar(*columns, console=self._console, transient=True) if self._console.is_terminal else None
        self._task: Any = None

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, kind: type[BaseException] | None, wrong: BaseException | None, at: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()

    def say(self, line: str) -> None:
        """One line of progress."""
        self._console.print(line)

    def bytes(self, done: int, total: int) -> None:
        """How much of a load's files has been read."""
        if self._bar is None:
            return
        if self._task is None:
            self._bar.start()
            self._task = self._bar.add_task("reading", total=total)
        self._bar.update(self._task, completed=done, total=total)


def show_run(report: RunReport, currencies: Mapping[str, str | None]) -> None:
    """One conservation table for each load."""
    out = console()
    if not report.loads and not report.built and not report.erased:
        out.print("nothing was loaded; totals unchanged" if report.problems() else "nothing new; totals unchanged")
    for load, datasets in report.loads.items():
        how = "resumed from its receipts, sealed" if load in report.resumed else "sealed"
        out.print(f"load {load}: {how}")
        put(out, _law(datasets, currencies, _OF_A_LOAD))
    if report.built:
        made = [*report.built.tables, *report.built.views, *(f"{name} (gone)" for name in report.built.dropped)]
        out.print(f"load {report.built.load_seq}: built {', '.join(made)}")
    for one in report.erased:
        out.print(f"erasure {one.erasure}: {one.people:,} people; the receipt: tillage erase receipt {one.erasure}")
    if report.quarantined_rows:
        out.print(f"{report.quarantined_rows:,} units wait in quarantine; why: tillage status")
    rules = sum(sum(counts.warning_rows.values()) for load in report.loads.values() for counts in load.values())
    if rules:
        out.print(f"{rules:,} times a rule of severity warning was broken; the units are accepted")


_OF_A_LOAD = ("read", "accepted", "quarantined", "duplicate", "suppressed")
_FOR_ALL_TIME = ("read", "accepted", "waiting", "duplicate", "suppressed", "discarded")


def _law(
    datasets: Mapping[str, Counts] | Mapping[str, Law], currencies: Mapping[str, str | None], parts: Sequence[str]
) -> Grid:
    headers = ("", "read", "=", parts[1], *(f"+ {part}" for part in parts[2:]), "difference", "")
    rows = [row for name, counts in datasets.items() for row in _law_rows(name, counts, currencies[name], parts)]
    return grid(headers, rows, figures=range(1, len(headers) - 1))


def _law_rows(name: str, counts: Counts | Law, currency: str | None, parts: Sequence[str]) -> Iterator[list[str]]:
    """One row of counts, and one of amounts for each currency."""
    figures = [getattr(counts, f"{part}_rows") for part in parts]
    uncounted = f"({counts.not_countable_rows:,} rows not countable)" if counts.not_countable_rows else ""
    minor = [getattr(counts, f"{part}_minor") for part in parts]
    amounts = by_currency([*minor, counts.difference_minor()], currency)
    yield _law_row(
        name, [f"{figure:,}" for figure in (*figures, counts.difference_rows())], "" if amounts else uncounted
    )
    for index, (code, row) in enumerate(amounts.items()):
        # The amounts alone: the row names the currency.
        cells = [amount(figure, code).removesuffix(f" {code}") for figure in row]
        yield _law_row(f"{name} {code}", cells, "" if index else uncounted)


def _law_row(name: str, figures: Sequence[str], note: str) -> list[str]:
    return [name, figures[0], "", *figures[1:], note]


def show_status(status: Status) -> None:
    """The law over all loads, and what waits in quarantine."""
    out = console()
    loads = f"{status.sealed_loads:,} sealed"
    loads += f", {status.voided_loads:,} voided" if status.voided_loads else ""
    loads += f", open: {', '.join(map(str, status.open_loads))} (finish with: tillage run)" if status.open_loads else ""
    failed = ", ".join(map(str, status.failed_loads))
    loads += f", failed: {failed} (decide with: tillage load show {status.failed_loads[0]})" if failed else ""
    out.print(f"loads  {loads}", soft_wrap=True)
    put(out, _law(status.datasets, status.currencies, _FOR_ALL_TIME))
    out.print("the law balances" if status.balances() else "THE LAW DOES NOT BALANCE: please report this, it is a bug")
    out.print()
    put(out, _statistics(status))
    for name, one in status.statistics.items():
        if one.uncounted_loads:
            loads = "load of an older version is" if one.uncounted_loads == 1 else "loads of an older version are"
            out.print(f"{name}: events of {one.uncounted_loads:,} {loads} not among these")
    if not status.reasons:
        return
    out.print()
    rows = []
    for reason in status.reasons:
        currency = status.currencies[reason.dataset]
        amounts = by_currency([reason.minor], currency)
        at_stake = ", ".join(amount(minor, code) for code, (minor,) in amounts.items())
        uncounted = f"({reason.not_countable_rows:,} not countable)" if amounts and reason.not_countable_rows else ""
        rows.append((reason.dataset, reason.code, f"{reason.rows:,}", at_stake, uncounted))
    put(out, grid(("quarantine", "reason", "rows", "money at stake", ""), rows, figures=(2, 3)))
    out.print(f'look at them: tillage query "select * from quarantine.{status.reasons[0].dataset} limit 5"')


def _statistics(status: Status) -> Grid:
    headers = ("dataset", "files", "bytes", "last load", "took", "first event", "last event")
    rows = [
        (
            name,
            f"{one.files:,}",
            f"{one.size_bytes:,}",
            str(one.last_load or ""),
            took(one.last_load_seconds, is_resumed=one.last_load_is_resumed),
            when(one.first_event_time),
            when(one.last_event_time),
        )
        for name, one in status.statistics.items()
    ]
    return grid(headers, rows, figures=(1, 2, 3))


def show_rows(rows: Any) -> None:
    """An Arrow table as text; long results are cut with a note."""
    out = console()
    cells = [[cell_text(value) for value in column.to_pylist()] for column in rows.slice(0, _ROWS).columns]
    figures = [index for index, column in enumerate(rows.columns) if _is_figure(column.type)]
    put(out, grid(rows.column_names, zip(*cells, strict=True), figures=figures))
    if rows.num_rows > _ROWS:
        out.print(f"... {rows.num_rows - _ROWS:,} more rows; use limit, or --json for all")


def cell_text(value: Any) -> str:
    """A value as it stands in a table: nothing for null, lists and structs as JSON."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return json.dumps(value, default=plain, ensure_ascii=False)
    if isinstance(value, Decimal):
        return f"{value:f}"
    return str(value if isinstance(value, int | float | str) else plain(value))


def _is_figure(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_integer(kind) or pa.types.is_decimal(kind) or pa.types.is_floating(kind))


def show_reconciled(found: Sequence[Reconciled]) -> None:
    """For each model, keys and totals of both paths."""
    out = console()
    if not found:
        out.print("no model has a table yet; run: tillage run")
    for one in found:
        compared = one.comparison
        totals = ", ".join(_equation(column, *pair, one.currencies[column]) for column, pair in compared.totals.items())
        out.print(f"{one.model}: {compared.keys:,} keys recomputed from bronze, {compared.differ:,} differ; {totals}")
        if compared.differ:
            out.print(f"  first that differ: {', '.join(compared.examples)}. Please report this: it is a bug")
        for share in one.shares:
            if share.silver_rows or share.astray_rows:
                _show_share(out, share, one.control_currencies[share.dataset])


def _show_share(out: Console, share: Share, currency: str | None) -> None:
    """How much of a dataset was recomputed, and how much could only be taken from silver."""
    amounts = by_currency([share.minor, share.silver_minor], currency)
    own, taken = (", ".join(["", *(amount(pair[side], code) for code, pair in amounts.items())]) for side in (0, 1))
    out.print(
        f"  {share.dataset}: {share.rows:,} units{own} recomputed from bytes; {share.silver_rows:,} units{taken} whose "
        "bytes are forgotten taken from silver",
        soft_wrap=True,
    )
    if share.astray_rows:
        out.print(
            f"  {share.astray_rows:,} units whose bytes are forgotten are not in silver as bronze has them. Please "
            "report this: it is a bug"
        )


def _equation(column: str, left: Figure, right: Figure, currency: str | None) -> str:
    return f"{column} {amount(left, currency)} {'=' if left == right else '<>'} {amount(right, currency)}"


def show_changes(found: Mapping[str, Changed]) -> None:
    """A table of changed rows for each dataset that has any, and how to ask for those after them."""
    out = console()
    for name, changed in found.items():
        if changed.rows.num_rows:
            out.print(f"{name}: {changed.rows.num_rows:,} changed")
            show_rows(changed.rows)
            out.print(f"later ones: tillage changes --dataset {name} --since {changed.as_of}", soft_wrap=True)
    if not any(changed.rows.num_rows for changed in found.values()):
        out.print("nothing has changed since")


def show_audited(found: Audited) -> None:
    """One line for each thing that is wrong, with the first place where."""
    out = console()
    for one in found.findings:
        out.print(f"{one.what}: {one.where}", soft_wrap=True)
    looked = f"{found.loads:,} loads, {found.units:,} verdicts"
    if found.findings:
        out.print(f"{looked}: {len(found.findings)} disagree. Nothing was changed; please report this: it is a bug")
    else:
        out.print(f"{looked}: ledger, bronze, silver, quarantine, totals and tables agree")


def show_findings(found: Sequence[Finding]) -> None:
    """One line each, what is wrong last, so that it is what a person reads first."""
    out = console()
    order = ("ok", "note", "wrong")
    for finding in sorted(found, key=lambda finding: order.index(finding.level)):
        mend = f"   -> {finding.mend}" if finding.mend else ""
        out.print(f"{finding.level.upper():<6}{finding.area:<14}{finding.text}{mend}", soft_wrap=True)
    wrong = sum(finding.level == "wrong" for finding in found)
    out.print(f"{wrong} wrong" if wrong else "nothing is wrong")
