"""The OpenAPI document of the served routes.

Written from `tillage.yaml` and the models, because no Python type stands behind an answer that a framework could read.

Source: OpenAPI Specification 3.1.0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tillage import __version__
from tillage.api.answers import Field
from tillage.api.endpoints import LOGIN, Endpoint
from tillage.api.problems import MEDIA_TYPE
from tillage.domain.money import exponent
from tillage.models.scope import is_by_column

Json = dict[str, Any]
_SCHEME = "client"

_TEXTS = {
    "date": {"type": "string", "format": "date"},
    # Without an offset it is none of JSON Schema's `date-time`.
    "timestamp without time zone": {"type": "string", "description": "Date and time without a time zone."},
    "timestamp with time zone": {"type": "string", "format": "date-time"},
}


def document(name: str, endpoints: Sequence[Endpoint]) -> Json:
    """The document of the project `name`; made of fresh objects, so that YAML needs no anchors."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": name,
            "version": __version__,
            "description": "Look-ups in the models of this project. Amounts are JSON numbers in major units, exact to "
            "the last decimal; read them as decimals, not as binary floating point.",
        },
        "paths": {endpoint.route.path: {"get": _operation(endpoint)} for endpoint in endpoints} | _login(endpoints),
        "security": [],
        "components": {"schemas": {"Problem": _problem_schema()}, **_schemes(endpoints)},
    }


def _schemes(endpoints: Sequence[Endpoint]) -> Json:
    """How to come by a token, if a route asks for one."""
    scopes = sorted({endpoint.route.scope for endpoint in endpoints if endpoint.route.scope})
    if not scopes:
        return {}
    flow = {"tokenUrl": LOGIN, "scopes": dict.fromkeys(scopes, "Given by `tillage client add`.")}
    described = "A token for an hour, for a client's id and secret."
    return {
        "securitySchemes": {_SCHEME: {"type": "oauth2", "description": described, "flows": {"clientCredentials": flow}}}
    }


def _login(endpoints: Sequence[Endpoint]) -> Json:
    """The path that gives tokens, if a route asks for one."""
    if not any(endpoint.route.scope for endpoint in endpoints):
        return {}
    text = {"type": "string"}
    form = {
        "type": "object",
        "required": ["grant_type"],
        "properties": {
            "grant_type": {"const": "client_credentials"},
            "scope": {**text, "description": "Scopes with blanks between them; left out, all of the client's."},
            "client_id": {**text, "description": "Unless it is said by HTTP Basic."},
            "client_secret": text,
        },
    }
    token = {
        "type": "object",
        "required": ["access_token", "token_type", "expires_in", "scope"],
        "properties": {
            "access_token": text,
            "token_type": {"const": "Bearer"},
            "expires_in": {"type": "integer", "description": "Seconds."},
            "scope": text,
        },
    }
    return {
        LOGIN: {
            "post": {
                "operationId": "token",
                "summary": "A token, for a client's id and secret",
                "tags": ["token"],
                "requestBody": {
                    "required": True,
                    "content": {"application/x-www-form-urlencoded": {"schema": form}},
                },
                "responses": {
                    "200": {
                        "description": "A token.",
                        "content": {"application/json": {"schema": token}},
                    },
                    "400": _problem("The form is not a request for a token."),
                    "401": _problem(
                        "Client or secret is wrong, or it lacks a scope.",
                        {"WWW-Authenticate": {"schema": {"type": "string"}}},
                    ),
                    "413": _problem("The body has more than 8,192 bytes."),
                    "503": _problem("The store does not answer, or too many ask.", _retry_after()),
                    "default": _problem("Any other problem."),
                },
            }
        }
    }


def _security(endpoint: Endpoint) -> Json:
    scope = endpoint.route.scope
    return {"security": [{_SCHEME: [scope]}]} if scope else {}


def _refusals(endpoint: Endpoint) -> Json:
    """What a guarded route answers besides."""
    if endpoint.route.scope is None:
        return {}
    challenge = {"WWW-Authenticate": {"schema": {"type": "string"}}}
    return {
        "401": _problem("No token was sent, or one that does not count.", challenge),
        "403": _problem("The token lacks the scope.", challenge),
        "429": _problem("The client asks faster than it may.", _retry_after()),
    }


def _retry_after() -> Json:
    return {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 1}}}


def _operation(endpoint: Endpoint) -> Json:
    route = endpoint.route
    return {
        # Routes are of letters, digits, - and _, so with dots for slashes each has a name of its own.
        "operationId": f"get{route.prefix.replace('/', '.')}",
        "summary": f"One row of {route.model}, by its {route.parameter}",
        "tags": [route.model],
        **_security(endpoint),
        "parameters": [
            {
                "name": route.parameter,
                "in": "path",
                "required": True,
                "description": "Percent-encoded UTF-8, at most 1,024 bytes when decoded; a slash is written %2F.",
                "schema": _type(endpoint.key.kind),
            },
            {
                "name": "If-None-Match",
                "in": "header",
                "required": False,
                "description": "The ETag of an answer that the caller has; the same one is not sent again.",
                "schema": {"type": "string"},
            },
        ],
        "responses": {
            "200": {
                "description": "What is known under this key.",
                "headers": _headers(),
                "content": {"application/json": {"schema": _answer_schema(endpoint)}},
            },
            "304": {"description": "The caller has this answer.", "headers": _headers()},
            "400": _problem("The key is missing, or the request cannot be read."),
            "404": _problem("Nothing is known under this key."),
            "405": _problem("The method is not GET, HEAD or OPTIONS.", {"Allow": {"schema": {"type": "string"}}}),
            "414": _problem("The key is longer than 1,024 bytes."),
            "500": _problem("Something failed in the server."),
            "503": _problem(
                "The store does not answer, or more is asked for than can be answered.",
                _retry_after(),
            ),
            **_refusals(endpoint),
            "default": _problem("Any other problem."),
        },
    }


def _headers() -> Json:
    return {
        "ETag": {"description": "Of these very bytes.", "schema": {"type": "string"}},
        "Tillage-As-Of": {
            "description": "By feed, the last load that all of the answer holds, as in `orders=7, products=3`.",
            "schema": {"type": "string"},
        },
    }


def _answer_schema(endpoint: Endpoint) -> Json:
    return {
        "type": "object",
        "required": [field.name for field in endpoint.fields],
        "properties": {field.name: _field_schema(field) for field in endpoint.fields},
    }


def _field_schema(field: Field) -> Json:
    if field.currency is None:
        schema = _type(field.kind)
    elif is_by_column(field.currency):
        schema = {"type": "number", "description": "Amount in the currency that the key names, with all its decimals."}
    else:
        decimals = exponent(field.currency)
        unit = f"with {decimals} decimals" if decimals else "without decimals"
        schema = {"type": "number", "description": f"Amount in {field.currency}, {unit}, exact."}
    # A sum of nothing but nulls is null; the key was given, so it is not.
    return schema if field.is_key else {**schema, "type": [schema["type"], "null"]}


def _type(kind: str) -> Json:
    if kind in _TEXTS:
        return dict(_TEXTS[kind])
    if kind == "text":
        return {"type": "string"}
    if kind == "boolean":
        return {"type": "boolean"}
    is_whole = kind in {"smallint", "integer", "bigint"} or kind.endswith(",0)")
    return {"type": "integer" if is_whole else "number"}


def _problem(description: str, headers: Json | None = None) -> Json:
    response: Json = {"description": description}
    if headers:
        response["headers"] = headers
    return {**response, "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}


def _problem_schema() -> Json:
    return {
        "type": "object",
        "description": "A problem document (RFC 9457).",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": {"type": "string", "format": "uri", "description": "The kind of problem; compare this."},
            "title": {"type": "string", "description": "The kind of problem, for people."},
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "detail": {"type": "string", "description": "What to do about it."},
            "instance": {"type": "string", "description": "The path as it is declared here, without the key."},
        },
    }
