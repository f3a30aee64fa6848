"""No load is planned under a contract whose rules cannot be asked."""

from __future__ import annotations

from tillage.errors import ContractError
from tillage.pipelines.house import FeedContract
from tillage.ports.engine import Engine


def refuse_unasked(engine: Engine, contract: FeedContract) -> None:
    """Every row rule, `where` and dataset rule of the contract can be asked of what it describes.

    Raises:
        ContractError: the first that cannot, with its line and the engine's words.
    """
    for line, what in engine.unasked_rules(contract.check.contract):
        raise ContractError(f"contracts/{contract.feed.name}.odcs.yaml, line {line}: {what}")
