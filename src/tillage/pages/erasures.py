"""`/erasures` and `/erasures/{erasure}`: are these people gone, and what proves it?"""

from __future__ import annotations

from tillage.domain.signature import is_signed, public_key
from tillage.errors import UnknownLoadError
from tillage.pages.figures import Document, moment
from tillage.pages.looking import Asked, Page
from tillage.pages.words import words
from tillage.pipelines.documents import erasure_documents
from tillage.pipelines.house import House, erasing_of

_MOST_DIGITS = 18


def erasures(house: House, asked: Asked) -> Page:
    """One sweep with its receipt, or without a number the list of them.

    Raises:
        UnknownLoadError: there is none of that number.
    """
    every = erasure_documents(house)
    if not asked.rest:
        return _list(house, every)
    text = "/".join(asked.rest)
    known = {str(one["erasure"]): one for one in every} if len(text) <= _MOST_DIGITS else {}
    if text not in known:
        raise UnknownLoadError("there is no erasure of that number; see: tillage erase list")
    found, now = known[text], house.now()
    if found["state"] != "proved" or not found["receipt"]:
        listed = Document("erase list", every)
        answer: object = "It is under way: nothing is proved yet."
        if found["state"] == "proved":
            answer = "It was done before this copy of the data was made, and its receipt is not in it."
        place = every.index(found)
        values = {"erasure": found, "people": listed.count(place, "people"), "receipt": None, "is_well": False}
        return Page("erasure.html", {**values, "answer": answer, "begun_at": moment(listed.at(place, "begun_at"), now)})
    document = Document(f"erase receipt {text}", found["receipt"])
    receipt = document.at()
    is_ours = is_signed(receipt, public_key(erasing_of(house).vault.keys().signing))
    layers = [
        (
            layer["layer"],
            layer["method"],
            document.count("layers", place, "files"),
            document.size("layers", place, "stored_bytes"),
            document.size("layers", place, "decoded_bytes"),
            document.count("layers", place, "hits"),
            len(layer["explained"]),
        )
        for place, layer in enumerate(receipt["layers"])
    ]
    answer = "Nothing of them was found anywhere, and the receipt is as it was signed."
    if not is_ours:
        answer = "The receipt is not as this project signed it: do not trust it."
    return Page(
        "erasure.html",
        {
            "answer": answer,
            "is_well": is_ours,
            "erasure": found,
            "receipt": receipt,
            "people": len(receipt["people"]),
            "begun_at": moment(receipt["begun_at"], now),
            "searched_at": moment(receipt["searched_at"], now),
            "layers": layers,
        },
        receipt,
    )


def _list(house: House, every: list[dict[str, object]]) -> Page:
    document, now = Document("erase list", every), house.now()
    rows = [
        (one, document.count(place, "people"), moment(str(one["begun_at"]), now))
        for place, one in enumerate(document.at())
    ][::-1]
    is_open = [one["erasure"] for one in every if one["state"] == "open"]
    answer: object = "Everybody who was to be erased is." if every else "Nobody was erased yet."
    if is_open:
        answer = words(f"Erasure {is_open[0]} is under way: it goes on with the next run.")
    return Page("erasures.html", {"answer": answer, "is_well": not is_open, "rows": rows}, document.at())
