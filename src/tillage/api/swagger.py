"""`/docs`: Swagger UI over `/openapi.json`, all of it from this server.

The package `swagger-ui-py` is only where its files come from.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources

from litestar import HttpMethod, Response
from litestar.handlers import HTTPRouteHandler

PAGE, SCRIPT, STYLE, START = "/docs", "/docs/swagger-ui.js", "/docs/swagger-ui.css", "/docs/start.js"
PATHS = frozenset({PAGE, SCRIPT, STYLE, START})
_SHELL = b"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="ui"></div>
<script src="/docs/swagger-ui.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""
# Without a validator, which would be asked on another host.
_STARTED = b'SwaggerUIBundle({url: "/openapi.json", dom_id: "#ui", validatorUrl: null, deepLinking: true});\n'
_HEADERS = {
    # Its styles are set by its script, line by line.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, max-age=3600",
}


def swagger_handlers() -> list[HTTPRouteHandler]:
    """The page and what it loads."""
    files = resources.files("swagger_ui") / "static"
    return [
        _handler(PAGE, "text/html", _SHELL),
        _handler(SCRIPT, "text/javascript", files.joinpath("swagger-ui-bundle.js").read_bytes()),
        _handler(STYLE, "text/css", files.joinpath("swagger-ui.css").read_bytes()),
        _handler(START, "text/javascript", _STARTED),
    ]


def _handler(path: str, media_type: str, body: bytes) -> HTTPRouteHandler:
    headers: Mapping[str, str] = _HEADERS

    def file() -> Response[bytes]:
        return Response(body, media_type=media_type, headers=headers)

    return HTTPRouteHandler(path, http_method=[HttpMethod.GET, HttpMethod.HEAD], sync_to_thread=False)(file)
