"""When something happened that a unit tells of: a moment, or a day where that is all that is said."""

from __future__ import annotations

from datetime import UTC, date, datetime


def event_of(moment: datetime | None, *, is_date: bool) -> datetime | date | None:
    """The moment in UTC; of a date, which is kept as the beginning of its day in UTC, that day."""
    if moment is None:
        return None
    found = moment.astimezone(UTC)
    return found.date() if is_date else found
