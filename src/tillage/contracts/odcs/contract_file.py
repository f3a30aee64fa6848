"""Reads an ODCS contract file; what is wrong in it is refused with the line, what is allowed, and the nearest name.

What this version cannot check is refused too, so that no rule is ever read and then not applied.

Source: Open Data Contract Standard 3.2.0, bitol.io.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from tillage.contracts.contract import MAX_DEPTH, MAX_RECORD_BYTES, Contract
from tillage.contracts.document import Document, Path, read_document
from tillage.contracts.odcs.dataset import read_dataset
from tillage.contracts.odcs.service_levels import read_service_levels
from tillage.contracts.odcs.standard import check_standard, read_older_rules
from tillage.contracts.odcs.terms import only, own_terms
from tillage.errors import ContractError

CONTRACT_KEYS = {
    *("apiVersion", "kind", "id", "name", "version", "status", "tenant", "domain", "dataProduct", "description"),
    *("schema", "tags", "authoritativeDefinitions", "support", "price", "team", "roles", "servers"),
    *("contractCreatedTs", "customProperties", "slaProperties"),
}
CONTRACT_TERMS = {"tillage.unknownFields", "tillage.limits"}
UNKNOWN_FIELDS = ("ignore", "reject")
LIMITS = {"maxRecordBytes": MAX_RECORD_BYTES, "maxDepth": MAX_DEPTH}


def digest_of(text: str) -> str:
    """SHA-256 of the contract's text in hex: what a load pins."""
    return hashlib.sha256(text.encode()).hexdigest()


def contract_document(name: str, text: str, *, is_kept: bool = False) -> Document:
    """The YAML of a contract, its rules as ODCS 3.2 writes them.

    Raises:
        ContractError: it is no YAML mapping.
    """
    document = read_document(name, text, ContractError, is_kept=is_kept)
    read_older_rules(document.data)
    return document


def read_contract(feed: str, name: str, text: str, *, is_kept: bool = False) -> Contract:
    """The contract of `feed` in `text`; `name` is how messages call the file.

    `is_kept`: a load was decided under this text, so it was held to the standard of its day, and complaints that came
    later and change nothing of what it means are not made (ADR 0024).

    Raises:
        ContractError: not valid ODCS, a wrong value, or a rule that this version cannot check.
    """
    document = contract_document(name, text, is_kept=is_kept)
    if not is_kept:
        check_standard(document)
    only(document, (), document.data, CONTRACT_KEYS, "contract")
    terms = own_terms(document, (), document.data, CONTRACT_TERMS)
    notes: list[str] = []
    datasets = tuple(
        read_dataset(document, ("schema", index), item, notes)
        for index, item in enumerate(document.data.get("schema") or ())
    )
    if not datasets:
        raise document.wrong((), "`schema` must list at least one dataset")
    names = [dataset.name for dataset in datasets]
    for index, dataset in enumerate(names):
        if dataset in names[:index]:
            raise document.wrong(("schema", index), f"dataset '{dataset}' is described twice")
    unknown = terms.get("tillage.unknownFields", "ignore")
    document.check_names(terms.at("tillage.unknownFields"), [unknown], UNKNOWN_FIELDS)
    limits = _limits(document, terms.at("tillage.limits"), terms.get("tillage.limits", {}))
    levels = read_service_levels(document, datasets)
    return Contract(
        feed=feed,
        digest=digest_of(text),
        datasets=datasets,
        is_unknown_rejected=unknown == "reject",
        max_record_bytes=limits["maxRecordBytes"],
        max_depth=limits["maxDepth"],
        notes=tuple(notes),
        retention=levels.retention,
        frequency=levels.frequency,
        latencies=levels.latencies,
    )


def _limits(document: Document, path: Path, value: Any) -> Mapping[str, int]:
    if not isinstance(value, dict):
        raise document.wrong(path, "tillage.limits must be a mapping like {maxRecordBytes: 1048576, maxDepth: 16}")
    document.check_names(path, value, LIMITS)
    for key, found in value.items():
        if isinstance(found, bool) or not isinstance(found, int) or not 1 <= found <= LIMITS[key]:
            raise document.wrong((*path, key), f"tillage.limits: `{key}` is a whole number from 1 to {LIMITS[key]}")
    return LIMITS | value
