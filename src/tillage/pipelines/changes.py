"""`tillage changes --since LOAD`: what stands otherwise now than after that load."""

from __future__ import annotations

from tillage.errors import OperatorError
from tillage.pipelines.house import House
from tillage.pipelines.visible import at_one_moment
from tillage.ports.lake import Rows


def changes(house: House, since: int, dataset: str | None = None) -> dict[str, Rows]:
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
    return at_one_moment(
        house,
        lambda published: {name: house.engine.changes(name, house.visible(name, published), since) for name in wanted},
    )
