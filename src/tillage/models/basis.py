"""Which feeds and people the rows of a model are of, and whether as they are or as the last build saw them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from tillage.models.derived import ModelKind
from tillage.models.project import Models


@dataclass(frozen=True)
class Basis:
    """The feeds that a model's rows are of; one that is reached both ways is in both."""

    by_load: tuple[str, ...] = ()
    """Each load of them changes the model at once."""
    by_build: tuple[str, ...] = ()
    """They are as the last build saw them."""
    subjects: tuple[tuple[str, str], ...] = ()
    """Columns that hold subject keys, each with the kind of people."""

    def subject_of(self, column: str) -> str | None:
        """The kind of people whose subject keys a column holds; None: it holds none."""
        return dict(self.subjects).get(column)


def basis_of(models: Models, name: str, feed_of: Mapping[str, str]) -> Basis:
    """The basis of the model `name`; `feed_of` has the feed of each dataset."""
    return replace(_feeds(models, name, feed_of), subjects=tuple(sorted(models.subjects.get(name, {}).items())))


def _feeds(models: Models, name: str, feed_of: Mapping[str, str]) -> Basis:
    derived = models.derived.get(name)
    if derived is not None and derived.kind is ModelKind.VIEW:
        read = [_feeds(models, one, feed_of) for one in derived.reads]
        return Basis(_sorted(f for one in read for f in one.by_load), _sorted(f for one in read for f in one.by_build))
    feeds = _sorted(feed_of[dataset] for dataset in models.datasets_of(name))
    return Basis(by_load=feeds) if derived is None else Basis(by_build=feeds)


def _sorted(feeds: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(feeds)))
