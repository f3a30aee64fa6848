"""`tillage changes --since LOAD`: what stands otherwise now than after that load."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tillage.errors import OperatorError
from tillage.pipelines.house import House
from tillage.pipelines.visible import at_one_moment
from tillage.ports.lake import Rows


@dataclass(frozen=True)
class Changed:
    """What stands otherwise in one dataset."""

    rows: Rows
    as_of: int
    """The last load that is in it, and what to ask for next time: later ones of its feed have higher numbers. Of all
    feeds together no number would do, since a load may become visible after one of another feed with a higher number.
    """


def changes(house: House, since: int, dataset: str | None = None) -> dict[str, Changed]:
    """By dataset, the rows that were inserted, updated or deleted by the visible loads after load `since`; 0 for all.

    Raises:
        OperatorError: no dataset has that name, or no load that number.
    """
    names = house.datasets()
    if dataset is not None and dataset not in names:
        raise OperatorError(f"no dataset is called that; there are: {', '.join(names)}")
    if since and house.ledger.load(since) is None:
        raise OperatorError("there is no load of that number; they are listed by: tillage load show")
    wanted = names if dataset is None else [dataset]

    def found(published: Mapping[str, int]) -> dict[str, Changed]:
        return {
            name: Changed(
                house.engine.changes(name, house.visible(name, published), since),
                as_of=published.get(house.dataset(name)[0], 0),
            )
            for name in wanted
        }

    return at_one_moment(house, found)
