"""A house whose loads break given rules of their datasets, whatever its contract says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any

from tillage.contracts.contract import DatasetRule, Severity
from tillage.pipelines.house import House
from tillage.ports.engine import BrokenRule, Engine, Workspace
from tillage.ports.lake import Silver


def ruled(house: House, broken: Sequence[BrokenRule]) -> House:
    """The same house, with these rules broken by every load."""
    return replace(house, engine=_Ruled(house.engine, broken))


def broken_rule(severity: Severity = Severity.ERROR, *, name: str = "few", found: str = "3") -> BrokenRule:
    rule = DatasetRule(name, "select count(*) from orders", "mustBeLessThan", (Decimal(3),), severity)
    return BrokenRule("orders", rule, found)


class _Ruled:
    """An engine of which only the answer to `broken_rules` is given."""

    def __init__(self, engine: Engine, broken: Sequence[BrokenRule]) -> None:
        self._engine = engine
        self._broken = list(broken)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    @contextmanager
    def workspace(self, *given: Any, **named: Any) -> Iterator[Workspace]:
        def broken_rules(_: Mapping[str, Silver]) -> list[BrokenRule]:
            return self._broken

        with self._engine.workspace(*given, **named) as workspace:
            workspace.broken_rules = broken_rules  # type: ignore[method-assign,assignment]
            yield workspace
