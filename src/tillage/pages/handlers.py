"""The pages as handlers of the HTTP server: each opens the house in a thread, and renders what it then is."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from litestar import HttpMethod, Request, Response
from litestar.datastructures.headers import Accept
from litestar.handlers import HTTPRouteHandler

from tillage.errors import TillageError
from tillage.pages.copies import AS_OF, CACHE_CONTROL, is_known, tag_of
from tillage.pages.dataset import dataset
from tillage.pages.erasures import erasures
from tillage.pages.explained import explained
from tillage.pages.gate import Gate
from tillage.pages.loads import load
from tillage.pages.looking import Asked, View, look
from tillage.pages.overview import overview
from tillage.pages.quarantine import quarantine
from tillage.pages.refusals import refusal
from tillage.pages.rendering import render, style
from tillage.pipelines.as_json import as_json
from tillage.settings import Settings

AnyRequest = Request[Any, Any, Any]

VIEWS: dict[View, tuple[str, ...]] = {
    overview: ("/",),
    load: ("/loads", "/loads/{load:str}"),
    quarantine: ("/quarantine",),
    explained: ("/explain", "/explain/{path:str}"),
    dataset: ("/data", "/data/{dataset:str}"),
    erasures: ("/erasures", "/erasures/{erasure:str}"),
}
"""Each view with the paths that it answers; what stands in braces is everything behind the path before it."""

_HTML, _JSON = "text/html", "application/json"
_READS = [HttpMethod.GET, HttpMethod.HEAD]
_FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
_HEADERS = {
    # No script at all, nothing from elsewhere, in nobody's frame; forms ask this server alone.
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_LOG = logging.getLogger("tillage.pages")


@dataclass(frozen=True)
class Pages:
    """What is served for people beside the routes."""

    handlers: Sequence[HTTPRouteHandler] = ()
    """Ids in their paths are found by `kept`."""
    explained: Collection[str] = ()
    """Paths of routes of which they can show the lines."""


def page_handlers(
    root: Path,
    settings: Settings,
    *,
    rest_of: Callable[[AnyRequest], tuple[str, ...]],
    gate: Gate | None = None,
) -> list[HTTPRouteHandler]:
    """All pages of the project in `root`, and their style sheet.

    Args:
        rest_of: What stands in a request's path behind the page's own, decoded; no handler's path holds an id.
    """
    through = (gate or Gate()).through

    def page(view: View, paths: tuple[str, ...]) -> HTTPRouteHandler:
        async def show(request: AnyRequest) -> Response[bytes]:
            asked = Asked(rest_of(request), dict(request.query_params))
            is_json = _is_for_a_program(request)
            try:
                made = await through(partial(_made, root, settings, view, asked, is_json=is_json))
            except TillageError as wrong:
                if not _is_for_a_person(request):
                    raise
                return _refuse(wrong, paths[0])
            return made.answer(request)

        return HTTPRouteHandler(list(paths), http_method=_READS)(show)

    return [*(page(view, paths) for view, paths in VIEWS.items()), _style()]


@dataclass(frozen=True)
class _Made:
    """The bytes of an answer."""

    body: bytes
    media_type: str
    as_of: str | None

    def answer(self, request: AnyRequest) -> Response[bytes]:
        """What is of certain loads says so, and a program may keep it and ask again; a browser keeps nothing."""
        headers = {**_HEADERS, "Vary": "Accept"}
        if self.as_of is not None:
            tag = tag_of(self.body)
            headers |= {AS_OF: self.as_of, "ETag": tag.decode()}
            headers |= {"Cache-Control": CACHE_CONTROL} if self.media_type != _HTML else {}
            if is_known(request.scope["headers"], tag):
                return Response(b"", status_code=304, headers=headers)
        return Response(self.body, media_type=self.media_type, headers=headers)


def _made(root: Path, settings: Settings, view: View, asked: Asked, *, is_json: bool) -> _Made:
    """The page, or the JSON of its command where that is asked for and there is some."""
    page = look(root, settings, view, asked)
    if is_json and page.document is not None:
        return _Made(as_json(page.document).encode(), _JSON, page.as_of)
    return _Made(render(page.template, page.values), _HTML, page.as_of)


def _style() -> HTTPRouteHandler:
    path, text = style()

    def sheet() -> Response[bytes]:
        return Response(text, media_type="text/css", headers=_FOR_EVER)

    return HTTPRouteHandler(path, http_method=_READS, sync_to_thread=False)(sheet)


def _is_for_a_person(request: AnyRequest) -> bool:
    """Whether HTML is asked for, and not only taken too."""
    return _accepted(request).best_match([_JSON, _HTML]) == _HTML


def _is_for_a_program(request: AnyRequest) -> bool:
    return _accepted(request).best_match([_HTML, _JSON]) == _JSON


def _accepted(request: AnyRequest) -> Accept:
    return Accept(",".join(request.headers.getall("accept", ["*/*"])))


def _refuse(wrong: TillageError, page: str) -> Response[bytes]:
    refused = refusal(wrong)
    if refused.status >= 500:
        _LOG.error("%s: %s", page, wrong)
    headers: Mapping[str, str] = _HEADERS
    if refused.retry_after_s is not None:
        headers = {**_HEADERS, "Retry-After": str(refused.retry_after_s)}
    values = {"project": "Tillage", "environment": None, "answer": refused.title, "is_well": False, "refused": refused}
    return Response(render("refused.html", values), media_type=_HTML, status_code=refused.status, headers=headers)
