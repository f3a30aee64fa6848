"""The OpenAPI document of the served routes.

Written from `tillage.yaml` and the models, because no Python type stands behind an answer that a framework could read.

Source: OpenAPI Specification 3.1.0.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from tillage import __version__
from tillage.api.answers import Field
from tillage.api.endpoints import LOGIN, Endpoint
from tillage.api.problems import MEDIA_TYPE
from tillage.contracts.project import HOUSE_SCOPE
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


def document(name: str, endpoints: Sequence[Endpoint], explained: Collection[str] = ()) -> Json:
    """The document of the project `name`; made of fresh objects, so that YAML needs no anchors.

    Args:
        explained: Paths of routes that have an explanation beside them.
    """
    operations = {endpoint.route.path: {"get": _operation(endpoint)} for endpoint in endpoints}
    explanations = {
        f"/explain{endpoint.route.path}": {"get": _explanation(endpoint)}
        for endpoint in endpoints
        if endpoint.route.path in explained
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": name,
            "version": __version__,
            "description": "Look-ups in the models of this project. Amounts are JSON numbers in major units, exact to "
            "the last decimal; read them as decimals, not as binary floating point.",
        },
        "paths": operations | explanations | _login(endpoints, is_needed=bool(explanations)),
        "security": [],
        "components": {
            "schemas": {"Problem": _problem_schema()},
            **_schemes(endpoints, has_explanations=bool(explanations)),
        },
    }


def _schemes(endpoints: Sequence[Endpoint], *, has_explanations: bool) -> Json:
    """How to come by a token, if anything asks for one."""
    scopes = sorted({endpoint.route.scope for endpoint in endpoints if endpoint.route.scope})
    if not scopes and not has_explanations:
        return {}
    scopes += [HOUSE_SCOPE] if has_explanations else []
    flow = {"tokenUrl": LOGIN, "scopes": dict.fromkeys(scopes, "Given by `tillage client add`.")}
    described = "A token for an hour, for a client's id and secret."
    return {
        "securitySchemes": {_SCHEME: {"type": "oauth2", "description": described, "flows": {"clientCredentials": flow}}}
    }


def _login(endpoints: Sequence[Endpoint], *, is_needed: bool) -> Json:
    """The path that gives tokens, if anything asks for one."""
    if not is_needed and not any(endpoint.route.scope for endpoint in endpoints):
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
                    "400": _problem("It is no request for a token, or asks for a scope that the client lacks."),
                    "401": _problem(
                        "Client or secret is wrong.",
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
        "parameters": [_key(endpoint), _known_tag()],
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


def _explanation(endpoint: Endpoint) -> Json:
    """What `tillage explain --json` prints, a hundred parts at a time."""
    route = endpoint.route
    page = {"name": "page", "in": "query", "required": False, "schema": {"type": "integer", "minimum": 1}}
    every = {"type": "object"}
    count = {"type": "integer", "minimum": 1}
    schema = {
        "type": "object",
        "required": ["served", "sums", "adds_up", "files", "parts", "as_of", "page", "pages"],
        "properties": {
            "served": {**every, "description": "What the route serves, amounts in minor units."},
            "sums": {**every, "description": "What all parts add up to, of all pages."},
            "adds_up": {"type": "boolean", "description": "Whether both are the same."},
            "files": {"type": "array", "items": {**every}, "description": "What each file adds."},
            "parts": {"type": "array", "items": {**every}, "maxItems": 100, "description": "Where each line stands."},
            "as_of": {**every, "description": "By feed, the last visible load."},
            "page": {**count},
            "pages": {**count},
        },
    }
    return {
        "operationId": f"explain{route.prefix.replace('/', '.')}",
        "summary": f"Which lines of which files make one row of {route.model}",
        "description": "At most two are made at a time in a process. A server that listens for other machines asks for "
        f"a token with the scope {HOUSE_SCOPE}; one for this machine alone asks for none.",
        "tags": [route.model],
        "security": [{}, {_SCHEME: [HOUSE_SCOPE]}],
        "parameters": [_key(endpoint), page, _known_tag()],
        "responses": {
            "200": {
                "description": "The lines; a page for people where HTML is asked for.",
                "headers": _headers(),
                "content": {"application/json": {"schema": schema}, "text/html": {"schema": {"type": "string"}}},
            },
            "304": {"description": "The caller has this answer.", "headers": _headers()},
            "404": _problem("Nothing is known under this key, or it is not added up line by line."),
            "503": _problem("Too many are being made, it takes too long, or the store is away.", _retry_after()),
            "default": _problem("Any other problem."),
        },
    }


def _key(endpoint: Endpoint) -> Json:
    return {
        "name": endpoint.route.parameter,
        "in": "path",
        "required": True,
        "description": "Percent-encoded UTF-8, at most 1,024 bytes when decoded; a slash is written %2F.",
        "schema": _type(endpoint.key.kind),
    }


def _known_tag() -> Json:
    return {
        "name": "If-None-Match",
        "in": "header",
        "required": False,
        "description": "The ETag of an answer that the caller has; the same one is not sent again.",
        "schema": {"type": "string"},
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
            "error": {"type": "string", "description": "Of POST /token: the error code of RFC 6749."},
        },
    }
