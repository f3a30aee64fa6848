"""One of the processes that answer: its application, made from the project's folder."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from litestar import Litestar

from tillage.api.app import make_app
from tillage.api.ending import end_with_parent
from tillage.api.logins import Logins
from tillage.api.logs import log_as_json
from tillage.api.mending import mending
from tillage.api.page_processes import end_processes, in_processes
from tillage.api.serving import AnyRequest, Serving
from tillage.api.targets import kept
from tillage.contracts.project import Project
from tillage.errors import OperatorError
from tillage.models.basis import Basis, basis_of
from tillage.models.output import Output
from tillage.pages.gate import Gate
from tillage.pages.handlers import Pages, page_handlers
from tillage.pipelines.explain import is_explained
from tillage.pipelines.models import check_routes
from tillage.settings import Settings
from tillage.stores.postgres.lookups import Lookups, column_kinds
from tillage.stores.postgres.served_people import served_people
from tillage.wiring import open_clients, open_house, safe_of, store_dsn

if TYPE_CHECKING:
    from tillage.api.spans import Spans


# How long another thread may keep those waiting who answer; the interpreter's own 5 ms are ten answers.
_SWITCH_S = 0.0005


@dataclass(frozen=True)
class Served:
    """A project, and by model what its routes answer from."""

    project: Project
    outputs: Mapping[str, tuple[Output, ...]]
    bases: Mapping[str, Basis]
    explained: frozenset[str]
    """Paths of routes of which pages can show the lines."""


def checked(root: Path, settings: Settings) -> Served:
    """What the project serves, which is the same in its files and in the store.

    Raises:
        OperatorError: nothing is served, or a model has no table, or one with other columns.
    """
    with open_house(root, settings, say=lambda _: None) as house:
        check_routes(house)
        stored = house.folds.outputs()
        served = sorted({route.model for route in house.project.routes})
        if not served:
            raise OperatorError("tillage.yaml serves nothing; add `serve:` with a path like /spend/{customerId}")
        for model in served:
            if model in stored and stored[model] != house.models.outputs()[model]:
                raise OperatorError(f"models/{model}.sql has other columns than its table; make it anew: tillage run")
        feed_of = {dataset: house.dataset(dataset)[0] for dataset in house.datasets()}
        return Served(
            house.project,
            {model: stored[model] for model in served if model in stored},
            {model: basis_of(house.models, model, feed_of) for model in served},
            frozenset(route.path for route in house.project.routes if is_explained(house, route)),
        )


def application(root: Path, settings: Settings, serving: Serving) -> Litestar:
    """The application of one of the processes; it ends when the one that started it does, however that ended.

    Raises:
        OperatorError: a route cannot be served from what the store has; the message says what to do.
        StoreAwayError: the store does not answer.
    """
    log_as_json()
    sys.setswitchinterval(_SWITCH_S)
    end_with_parent()
    served = checked(root, settings)
    with ExitStack() as stack:
        logins = Logins(stack.enter_context(open_clients(root, settings)).issue)
        stack.callback(logins.close)
        mend = stack.enter_context(mending(lambda: _bring_up(root, settings)))
        if settings.otlp_endpoint:
            spans = spans_class()(settings.otlp_endpoint)
            stack.callback(spans.close)
            serving = replace(serving, traced=spans.answered)
        with store_dsn(root, settings) as dsn:
            people = served_people(dsn, safe_of(root, served.project.environment).keys)
            lookups = Lookups(dsn, served.outputs, column_kinds(dsn), people)
        gate = Gate(in_processes)
        stack.callback(end_processes)
        stack.callback(gate.close)
        app = make_app(
            served.project,
            served.outputs,
            lookups,
            bases=served.bases,
            logins=logins,
            serving=serving,
            on_store_away=mend,
            pages=Pages(page_handlers(root, settings, rest_of=_rest_of, gate=gate), served.explained),
        )
        app.on_shutdown.append(stack.pop_all().close)
    # What is there by now stays; to look through it for garbage would stop all answers for 40 ms, over and over.
    gc.collect()
    gc.freeze()
    atexit.register(_leave)
    return app


def _rest_of(request: AnyRequest) -> tuple[str, ...]:
    return kept(request.scope["state"]).rest


def spans_class() -> type[Spans]:
    """What makes spans, with the packages that it needs.

    Raises:
        OperatorError: they are not installed.
    """
    try:
        from tillage.api.spans import Spans  # noqa: PLC0415  (half a second, and packages that need not be there)
    except ModuleNotFoundError:
        raise OperatorError(
            "TILLAGE_OTLP_ENDPOINT asks for traces, and the packages for them are not installed; "
            "install them: pip install 'tillage[otel]', or unset the variable"
        ) from None
    return Spans


def _leave() -> None:
    """Ends the process at once, when all is answered and closed.

    The interpreter's own end would take its lock from threads of the server, which then abort the process, and would
    have libraries complain of the frozen objects.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _bring_up(root: Path, settings: Settings) -> None:
    """Starts the embedded server again if it was killed; the share of the first process keeps it running afterwards."""
    with store_dsn(root, settings):
        pass
