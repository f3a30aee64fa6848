"""No model is taken up whose text is not the same everywhere; what stands is read as it is."""

from __future__ import annotations

from collections.abc import Collection

from tillage.errors import ModelError
from tillage.models.project import Models
from tillage.ports.engine import Engine


def refuse_unportable(engine: Engine, models: Models, names: Collection[str] | None = None) -> None:
    """Every construct of the models, or of those that are named, gives the same on each engine.

    Raises:
        ModelError: the first that does not, with its line, why, and what to write instead.
    """
    for model, places in engine.unportable(models).items():
        if names is None or model in names:
            raise ModelError(str(places[0]))
