"""`/data/{dataset}`: what does this column mean, who may see it, what does it pass, where does it come from?"""

from __future__ import annotations

from tillage.pages.figures import Document
from tillage.pages.looking import Asked, Page
from tillage.pages.words import listed, words
from tillage.pipelines.dictionary import meaning
from tillage.pipelines.documents import meaning_document
from tillage.pipelines.house import House


def dataset(house: House, asked: Asked) -> Page:
    """One dataset, or without a name the list of them.

    Raises:
        UnknownDatasetError: none is called that.
    """
    if not asked.rest:
        every = [meaning_document(meaning(house, name)) for name in house.datasets()]
        names = listed([one["dataset"] for one in every])
        here = words("Here ", "is " if len(every) == 1 else "are ", names, ".")
        return Page("datasets.html", {"answer": here, "is_well": True, "rows": every})
    name = "/".join(asked.rest)
    document = Document(f"data {name}", meaning_document(meaning(house, name)))
    found = document.at()
    paths = ", ".join(route["path"] for route in found["routes"])
    served = f", and answers {paths}" if paths else ""
    models = f"; {', '.join(found['models'])} {'is' if len(found['models']) == 1 else 'are'} made of it{served}"
    answer = f"{name} comes from {found['path']}{models if found['models'] else ''}."
    return Page("dataset.html", {"answer": answer, "is_well": True, "data": found}, found)
