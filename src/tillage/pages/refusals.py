"""Why a page cannot be shown, and what to do about it; the texts are fixed, so that nothing of a request is in them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tillage.errors import (
    NotExplainedError,
    OverloadedError,
    StoreAwayError,
    TillageError,
    TimeLimitError,
    TooManyLinesError,
    TransientError,
    UnknownDatasetError,
    UnknownKeyError,
    UnknownLoadError,
    UnknownRouteError,
)


@dataclass(frozen=True)
class Refusal:
    """What a person is told."""

    status: int
    title: str
    advice: str
    link: str
    """Where to go on."""
    label: str
    retry_after_s: int | None = None


_OVERVIEW = ("/", "What came in, and whether it balances")
_KNOWN: dict[type[TillageError], Refusal] = {
    UnknownLoadError: Refusal(404, "There is no load of this number.", "Every load that was ever planned is in the "
                              "list of loads.", "/loads", "All loads"),
    UnknownDatasetError: Refusal(404, "No dataset is called that.", "Datasets have the names that the contracts give "
                                 "them.", "/data", "All datasets"),
    UnknownRouteError: Refusal(404, "There is nothing under this path.", "A number is explained under the path that "
                               "tillage.yaml serves it at, with its key.", "/explain", "What can be explained"),
    UnknownKeyError: Refusal(404, "Nothing is known under this key.", "No record that was accepted has it up to now; "
                             "it may wait in quarantine.", "/quarantine", "What waits"),
    NotExplainedError: Refusal(404, "This number is not added up line by line.", "Its model is built whole from "
                               "others. Explain what it is made of instead.", "/explain", "What can be explained"),
    TooManyLinesError: Refusal(404, "This number is made of too many lines for a page.", "The command lists all of "
                               "them: tillage explain", "/explain", "What can be explained"),
    OverloadedError: Refusal(503, "Too many pages are being made at once.", "Wait some seconds, then load it again.",
                             *_OVERVIEW),
    TimeLimitError: Refusal(503, "This page took longer than it may.", "Nothing was changed. The command of the same "
                            "name has no limit: tillage explain, tillage load show.", *_OVERVIEW),
    StoreAwayError: Refusal(503, "The store does not answer.", "It is started again if it is the embedded one. Wait "
                            "some seconds, then load the page again.", *_OVERVIEW),
    TransientError: Refusal(503, "This cannot be read just now.", "Wait some seconds, then load the page again.",
                            *_OVERVIEW),
}  # fmt: skip
_OTHER = Refusal(
    500,
    "The project cannot be read as it is.",
    "The server's log says why, and so does: tillage doctor",
    *_OVERVIEW,
)


def refusal(wrong: TillageError) -> Refusal:
    """The refusal for the error's class, or for the nearest one that it is of."""
    found = next((_KNOWN[one] for one in type(wrong).__mro__ if one in _KNOWN), _OTHER)
    if not isinstance(wrong, TransientError):
        return found
    return Refusal(found.status, found.title, found.advice, found.link, found.label, math.ceil(wrong.retry_after_s))
