"""`tillage.merge` and `tillage.version`: what a second unit under one key means."""

from __future__ import annotations

from dataclasses import replace

from tillage.contracts.contract import Dataset, Kind, Merge
from tillage.contracts.document import Document
from tillage.contracts.odcs.terms import Terms

VERSION_KINDS = (Kind.INTEGER, Kind.NUMBER, Kind.DATE, Kind.TIMESTAMP)
"""Texts are no versions: as text, 10 comes before 9."""


def with_merge(document: Document, terms: Terms, dataset: Dataset) -> Dataset:
    """The dataset with its merge; the column of the version is required then.

    Raises:
        ContractError: versions without a key, or a column that cannot tell which is newer.
    """
    named = terms.get("tillage.merge", Merge.REJECT.value)
    path = terms.at("tillage.merge")
    document.check_names(path, [named], list(Merge))
    merge, version = Merge(named), terms.get("tillage.version")
    if merge is Merge.REJECT and version is not None:
        raise document.wrong(
            path, "tillage.version says which of two versions stands: it needs `tillage.merge: upsert`"
        )
    if merge is not Merge.REJECT and not dataset.key:
        raise document.wrong(
            path, f"tillage.merge: {merge} needs a primaryKey, by which versions of one thing are known"
        )
    if version is None:
        return replace(dataset, merge=merge)
    path = terms.at("tillage.version")
    document.check_names(path, [version], [column.name for column in dataset.columns])
    column = dataset.column(version)
    if column.kind not in VERSION_KINDS or column.money:
        raise document.wrong(path, f"tillage.version: '{version}' must be an integer, number, date or timestamp column")
    if version in dataset.key:
        raise document.wrong(path, f"tillage.version: '{version}' is part of the key, so no two versions share a key")
    columns = tuple(replace(one, is_required=True) if one is column else one for one in dataset.columns)
    return replace(dataset, merge=merge, version=version, columns=columns)
