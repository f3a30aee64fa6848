"""What a person sees: tables on stdout, progress on stderr, amounts with their currency."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from decimal import Decimal
from types import TracebackType
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TextColumn, TransferSpeedColumn
from rich.progress import Progress as Bar
from rich.table import Table

from tillage.domain.money import show

if TYPE_CHECKING:
    from tillage.domain.conservation import Counts
    from tillage.pipelines.explain import Explanation, Part
    from tillage.pipelines.reconcile import Reconciled
    from tillage.pipelines.run import RunReport
    from tillage.pipelines.status import Status
    from tillage.ports.engine import Figure

_WIDE = 200  # columns where there is no terminal: a table in a log is never cut
_FIRST = 5
_ROWS = 1_000


def _console() -> Console:
    width = None if sys.stdout.isatty() else _WIDE
    return Console(width=width, highlight=False, emoji=False, markup=False)


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


def plain(value: Any) -> Any:
    """What JSON has no type for."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else str(value)
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    return str(value)


def show_run(report: RunReport, currencies: Mapping[str, str | None]) -> None:
    """One conservation table for each load."""
    console = _console()
    if not report.loads:
        console.print("nothing new; totals unchanged")
    for load, datasets in report.loads.items():
        how = "resumed from its receipts, sealed" if load in report.resumed else "sealed"
        console.print(f"load {load}: {how}")
        console.print(_law(datasets, currencies))
    if report.quarantined_rows:
        console.print(f"{report.quarantined_rows:,} units wait in quarantine; why: tillage status")


def _law(datasets: Mapping[str, Counts], currencies: Mapping[str, str | None]) -> Table:
    table = _table(
        "", "read", "=", "accepted", "+ quarantined", "+ duplicate", "+ suppressed", "difference", "", left=1
    )
    for name, counts in datasets.items():
        figures = (counts.accepted_rows, counts.quarantined_rows, counts.duplicate_rows, counts.suppressed_rows)
        uncounted = f"({counts.not_countable_rows:,} rows not countable)" if counts.not_countable_rows else ""
        has_money = counts.read_minor is not None
        table.add_row(
            name,
            f"{counts.read_rows:,}",
            "",
            *(f"{figure:,}" for figure in figures),
            f"{counts.difference_rows():,}",
            "" if has_money else uncounted,
        )
        if has_money:
            currency = currencies[name]
            minor = (counts.accepted_minor, counts.quarantined_minor, counts.duplicate_minor, counts.suppressed_minor)
            table.add_row(
                f"{name} {currency}",
                _amount(counts.read_minor, currency),
                "",
                *(_amount(figure, currency) for figure in minor),
                _amount(counts.difference_minor(), currency),
                uncounted,
            )
    return table


def _amount(minor: int | None, currency: str | None) -> str:
    """The amount alone; the row names the currency."""
    return show(minor, currency).removesuffix(f" {currency}")


def _table(*headers: str, left: int) -> Table:
    """A table without lines; the first `left` columns and the last are text, the others figures."""
    table = Table(box=None, pad_edge=False, header_style=None, padding=(0, 3, 0, 0))
    for index, header in enumerate(headers):
        is_text = index < left or index == len(headers) - 1
        table.add_column(header, justify="left" if is_text else "right", no_wrap=True)
    return table


def show_status(status: Status) -> None:
    """The law over all loads, and what waits in quarantine."""
    console = _console()
    loads = f"{status.sealed_loads:,} sealed"
    loads += f", {status.voided_loads:,} voided" if status.voided_loads else ""
    loads += f", open: {', '.join(map(str, status.open_loads))} (finish with: tillage run)" if status.open_loads else ""
    console.print(f"loads  {loads}")
    console.print(_law(status.datasets, status.currencies))
    console.print(
        "the law balances" if status.balances() else "THE LAW DOES NOT BALANCE: please report this, it is a bug"
    )
    if not status.reasons:
        return
    console.print()
    table = _table("quarantine", "reason", "rows", "money at stake", "", left=2)
    for reason in status.reasons:
        currency = status.currencies[reason.dataset]
        uncounted = f"({reason.not_countable_rows:,} not countable)" if currency and reason.not_countable_rows else ""
        amount = show(reason.minor, currency) if currency else ""
        table.add_row(reason.dataset, reason.code, f"{reason.rows:,}", amount, uncounted)
    console.print(table)
    console.print(f'look at them: tillage query "select * from quarantine.{status.reasons[0].dataset} limit 5"')


def show_rows(rows: Any) -> None:
    """An Arrow table as text; long results are cut with a note."""
    console = _console()
    shown = rows.slice(0, _ROWS).to_pylist()
    table = _table(*rows.column_names, "", left=len(rows.column_names))
    for row in shown:
        table.add_row(*("" if value is None else str(plain_text(value)) for value in row.values()), "")
    console.print(table)
    if rows.num_rows > _ROWS:
        console.print(f"... {rows.num_rows - _ROWS:,} more rows; use limit, or --json for all")


def plain_text(value: Any) -> Any:
    """A cell for people."""
    return plain(value) if isinstance(value, Decimal | bytes) else value


def show_reconciled(found: Sequence[Reconciled]) -> None:
    """For each model, keys and totals of both paths."""
    console = _console()
    if not found:
        console.print("no model has a table yet; run: tillage run")
    for one in found:
        compared = one.comparison
        totals = ", ".join(_equation(column, *pair, one.currencies[column]) for column, pair in compared.totals.items())
        console.print(
            f"{one.model}: {compared.keys:,} keys recomputed from bronze, {compared.differ:,} differ; {totals}"
        )
        if compared.differ:
            console.print(f"  first that differ: {', '.join(compared.examples)}. Please report this: it is a bug")


def _equation(column: str, left: Figure, right: Figure, currency: str | None) -> str:
    return f"{column} {show(left, currency)} {'=' if left == right else '<>'} {show(right, currency)}"


def show_explanation(found: Explanation, *, show_all: bool) -> None:
    """Records in order, each with the lines that it adds, and the sum beside what is served."""
    console = _console()
    records: dict[tuple[str, int, int], list[Part]] = {}
    for part in found.parts:
        if part.element is not None or any(part.adds.values()):
            records.setdefault((part.file, part.line, part.unit), []).append(part)
    files = {file for file, _, _ in records}
    elements = sum(part.element is not None for part in found.parts)
    path = f"{found.route.rsplit('/', 1)[0]}/{found.key}"
    console.print(f"{path}   {len(records):,} units, {elements:,} lines, {len(files):,} files")
    table = _table("file:line", "byte", "", left=1)
    for index, ((file, line, unit), parts) in enumerate(records.items()):
        if index == _FIRST and not show_all:
            break
        table.add_row(f"{file}:{line}", f"{parts[0].offset:,}", f"{parts[0].dataset} unit {unit}{_adds(found, parts)}")
        for part in parts:
            if part.element is not None:
                table.add_row("", "", "  " + _element(part.element, found))
    console.print(table)
    if len(records) > _FIRST and not show_all:
        console.print(f"... {len(records) - _FIRST:,} more (--all)")
    for column, total in found.sums().items():
        currency = found.currencies[column]
        sign = "=" if total == found.served[column] else "<>"
        console.print(
            f"{column}: sum of the lines {show(total, currency)} {sign} served {show(found.served[column], currency)}"
        )


def _adds(found: Explanation, parts: Sequence[Part]) -> str:
    whole = [part for part in parts if part.element is None]
    added = {column: sum(part.adds[column] or 0 for part in whole) for column in found.currencies}
    text = ", ".join(f"{column} {show(amount, found.currencies[column])}" for column, amount in added.items() if amount)
    return f"   + {text}" if text else ""


def _element(element: Mapping[str, Any], found: Explanation) -> str:
    """The fields of a list element; minor units in the currency that its column adds up in."""
    currency = next((currency for currency in found.currencies.values() if currency), None)
    cells = []
    for name, value in element.items():
        if name.endswith("_minor") and currency and isinstance(value, int):
            cells.append(f"{name.removesuffix('_minor')} {show(value, currency)}")
        elif name.endswith("_bp") and isinstance(value, int):
            cells.append(f"{name.removesuffix('_bp')} {value / 100:g} %")
        elif value is not None:
            cells.append(str(value))
    return "   ".join(cells)
