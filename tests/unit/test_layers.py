"""What an erasure searches is told by names: whoever adds a setting or a mark of columns says here what it is."""

from __future__ import annotations

from dataclasses import fields

import pytest

from tillage.contracts.contract import Column
from tillage.contracts.environments import Environment
from tillage.contracts.project import Feed, Project, read_project
from tillage.settings import Settings
from tillage.wiring import layers

# By class: what names a place or says that something is about people, and what does neither.
KNOWN: dict[type, tuple[set[str], set[str]]] = {
    Settings: (
        {"store_dsn", "env"},
        {"memory_bytes", "threads", "lease_ttl_s", "crash", "otlp_endpoint", "variables"},
    ),
    Project: ({"feeds", "environments", "environment"}, {"name", "routes", "maintain", "zone"}),
    Feed: (
        {"path", "after", "mirror"},
        {"name", "format", "records", "csv", "is_same_content_loaded", "max_quarantine", "schedule"},
    ),
    Environment: ({"name", "store", "paths"}, set()),
    Column: (
        {"is_personal", "subject", "alias_of", "is_hashed"},
        {
            *("name", "paths", "kind", "is_required", "null_values", "limits", "date_format", "time_zone"),
            *("has_offset", "number_format", "money", "vat", "is_control", "is_event_time", "amount", "class_map"),
            *("items", "is_scalar_list", "description", "net_name", "rate_name"),
        },
    ),
}


@pytest.mark.parametrize("kind", KNOWN, ids=lambda kind: kind.__name__)
def test_nothing_new_names_a_place_or_a_person_without_being_known_here(kind: type) -> None:
    places, others = KNOWN[kind]
    assert {one.name for one in fields(kind)} == places | others


def test_every_folder_that_a_project_names_is_searched_under_a_name() -> None:
    project = read_project(
        "tillage.yaml",
        """
project: shop
feeds:
  orders: {path: "in/orders/*.jsonl", format: jsonl, after: archive}
  people: {path: "landing/date=*/people.json", format: json, mirror: [files, tables]}
environments:
  trial: {feeds: {orders: {path: "trial/orders/*.jsonl"}}}
""",
    )
    found = {folder: name for name, folder in layers(project)}
    here = {"in/orders", "landing", "archive", "processed", "data/lake/bronze", "data/lake/silver", "data/lake/gold"}
    assert {folder for folder, name in found.items() if not name.startswith("environment ")} >= here | {"data/store"}
    of_trial = {folder for folder, name in found.items() if name == "environment trial"}
    assert of_trial >= {"data/trial/lake", "data/trial/store", "processed/trial", "safe/trial", "trial/orders"}
