"""No model is taken up whose text is not the same everywhere; what stands is read as it is."""

from __future__ import annotations

from collections.abc import Collection

from tillage.errors import ModelError
from tillage.models.project import Models
from tillage.ports.engine import Engine


def refuse_unportable(engine: Engine, models: Models, names: Collection[str]) -> None:
    """Every construct of the models that are named gives the same on each engine.

    Raises:
        ModelError: the first that does not, with its line, why, and what to write instead.
    """
    for place in engine.unportable(models, names):
        raise ModelError(str(place))
