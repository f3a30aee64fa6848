"""The OpenAPI document: by the rules of 3.1, and true about the answers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator, ValidationError

import tillage
from tillage.api.answers import Field
from tillage.api.endpoints import Endpoint
from tillage.api.openapi import document
from tillage.contracts.project import Route
from tillage.stores.postgres.lookups import LookUp

TYPES = {
    "text": "string",
    "smallint": "integer",
    "integer": "integer",
    "bigint": "integer",
    "numeric(38,0)": "integer",
    "numeric(38,6)": "number",
    "boolean": "boolean",
    "date": "string",
    "timestamp without time zone": "string",
    "timestamp with time zone": "string",
}


def endpoint(path: str, kind: str = "text") -> Endpoint:
    parameter = path.rsplit("{", 1)[1].removesuffix("}")
    fields = (
        Field(parameter, "customer_id", kind, None, is_key=True),
        Field("orders", "orders", "numeric(38,0)", None, is_key=False),
        Field("total Net-Eur", "net_minor", "numeric(38,0)", "EUR", is_key=False),
        Field("yen", "yen", "numeric(38,0)", "JPY", is_key=False),
    )
    return Endpoint(
        Route(path, parameter, "customer_spend", tuple((f.name, f.column) for f in fields)),
        fields,
        LookUp("customer_spend", (), ""),
    )


@pytest.fixture
def described() -> dict[str, Any]:
    return document(
        "food-orders", [endpoint("/spend/{customerId}"), endpoint("/a/b-c/{x}"), endpoint("/a/{y}", "bigint")]
    )


def operations(described: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in described["paths"].items():
        assert list(item) == ["get"]
        yield path, item["get"]


def answer_schema(operation: dict[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = operation["responses"]["200"]["content"]["application/json"]["schema"]
    return schema


def test_document_names_project_and_version(described: dict[str, Any]) -> None:
    assert described["openapi"] == "3.1.0"
    assert described["info"]["title"] == "food-orders"
    assert described["info"]["version"] == tillage.__version__
    assert list(described["paths"]) == ["/spend/{customerId}", "/a/b-c/{x}", "/a/{y}"]


def test_every_object_has_what_openapi_requires_and_nothing_else(described: dict[str, Any]) -> None:
    assert set(described) <= {"openapi", "info", "servers", "paths", "components", "security", "tags"}
    names = []
    for path, operation in operations(described):
        assert set(operation) == {"operationId", "summary", "tags", "parameters", "responses"}
        names.append(operation["operationId"])
        templated = re.findall(r"\{([^}]+)\}", path)
        assert [(p["name"], p["in"], p["required"]) for p in operation["parameters"]] == [
            *((name, "path", True) for name in templated),
            ("If-None-Match", "header", False),
        ]
        for status, response in operation["responses"].items():
            assert re.fullmatch("[1-5][0-9][0-9]|default", status)
            assert response["description"]
            assert set(response) <= {"description", "headers", "content"}
            assert ("content" in response) == (status != "304")
            for header in response.get("headers", {}).values():
                assert set(header) <= {"description", "schema"}
            for media in response.get("content", {}).values():
                assert set(media) == {"schema"}
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-zA-Z0-9._-]+", name) for name in described["components"]["schemas"])


def test_every_schema_is_json_schema_2020_12(described: dict[str, Any]) -> None:
    Draft202012Validator.check_schema(described["components"]["schemas"]["Problem"])
    for _, operation in operations(described):
        Draft202012Validator.check_schema(operation["parameters"][0]["schema"])
        Draft202012Validator.check_schema(answer_schema(operation))


def test_every_error_is_the_problem_schema(described: dict[str, Any]) -> None:
    for _, operation in operations(described):
        errors = {status: response for status, response in operation["responses"].items() if status >= "400"}
        assert {"400", "404", "500", "503", "default"} <= set(errors)
        for response in errors.values():
            assert response["content"] == {
                "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
            }
        assert "Retry-After" in errors["503"]["headers"]


def test_amounts_are_numbers_and_name_their_currency(described: dict[str, Any]) -> None:
    schema = answer_schema(next(operations(described))[1])
    assert schema["properties"] == {
        "customerId": {"type": "string"},
        "orders": {"type": ["integer", "null"]},
        "total Net-Eur": {"type": ["number", "null"], "description": "Amount in EUR, with 2 decimals, exact."},
        "yen": {"type": ["number", "null"], "description": "Amount in JPY, without decimals, exact."},
    }


def test_schema_tells_right_answers_from_wrong_ones(described: dict[str, Any]) -> None:
    validator = Draft202012Validator(answer_schema(next(operations(described))[1]))
    validator.validate({"customerId": "c1", "orders": 5, "total Net-Eur": Decimal("89.77"), "yen": None})
    with pytest.raises(ValidationError, match="is not of type"):
        validator.validate({"customerId": "c1", "orders": 5, "total Net-Eur": "89.77", "yen": 1})
    with pytest.raises(ValidationError, match="is a required property"):
        validator.validate({"customerId": "c1", "orders": 5, "yen": 1})


@pytest.mark.parametrize(("kind", "expected"), TYPES.items())
def test_key_has_the_type_of_its_column(kind: str, expected: str) -> None:
    _, operation = next(operations(document("shop", [endpoint("/a/{x}", kind)])))
    assert operation["parameters"][0]["schema"]["type"] == expected
    assert answer_schema(operation)["properties"]["x"]["type"] == expected


def test_yaml_repeats_rather_than_refers(described: dict[str, Any]) -> None:
    text = yaml.safe_dump(described)
    assert yaml.safe_load(text) == described
    assert not re.search(r"&id\d|\*id\d", text)


def test_nothing_is_loaded_from_elsewhere(described: dict[str, Any]) -> None:
    assert "http" not in yaml.safe_dump(described)


def test_amount_in_the_currency_of_its_row_is_a_number_that_may_have_any_decimals() -> None:
    fields = (
        Field("currency", "code", "text", None, is_key=True),
        Field("total", "total", "numeric(38,0)", "@code", is_key=False),
    )
    route = Route("/totals/{currency}", "currency", "totals", (("currency", "code"), ("total", "total")))
    operation = document("shop", [Endpoint(route, fields, LookUp("totals", (), ""))])["paths"]["/totals/{currency}"][
        "get"
    ]
    total = answer_schema(operation)["properties"]["total"]
    assert total["type"] == ["number", "null"]
    assert "the currency that the key names" in total["description"]


def test_a_guarded_route_says_its_scope_how_to_get_a_token_and_what_else_it_answers() -> None:
    fields = (Field("a", "a", "text", None, is_key=True),)
    routes = [Route(f"/{name}/{{a}}", "a", "m", (("a", "a"),), auth) for name, auth in (("x", "x:read"), ("y", "none"))]
    described = document("shop", [Endpoint(route, fields, LookUp("m", (), "")) for route in routes])
    guarded, free = (described["paths"][route.path]["get"] for route in routes)
    assert guarded["security"] == [{"client": ["x:read"]}]
    assert "security" not in free
    assert guarded["responses"].keys() - free["responses"].keys() == {"401", "403", "429"}
    flow = described["components"]["securitySchemes"]["client"]["flows"]["clientCredentials"]
    assert (flow["tokenUrl"], [*flow["scopes"]]) == ("/token", ["x:read"])
    login = described["paths"]["/token"]["post"]
    Draft202012Validator.check_schema(login["responses"]["200"]["content"]["application/json"]["schema"])
    Draft202012Validator.check_schema(login["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"])
    assert "securitySchemes" not in document("shop", [Endpoint(routes[1], fields, LookUp("m", (), ""))])["components"]
