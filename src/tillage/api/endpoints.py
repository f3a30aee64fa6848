"""The routes of `tillage.yaml`, resolved against the models as the store has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tillage.api import swagger
from tillage.api.addresses import Segments
from tillage.api.answers import Field
from tillage.contracts.project import Project, Route
from tillage.errors import ModelError, OperatorError, ProjectFileError
from tillage.models.basis import Basis
from tillage.models.output import Output
from tillage.pages import ROOTS
from tillage.stores.postgres.keys import KINDS
from tillage.stores.postgres.lookups import ColumnKinds, LookUp

HEALTH, READY, OPENAPI_JSON, OPENAPI_YAML = "/healthz", "/readyz", "/openapi.json", "/openapi.yaml"
LOGIN, METRICS = "/token", "/metrics"
OPEN_PATHS = frozenset({HEALTH, READY, OPENAPI_JSON, OPENAPI_YAML, LOGIN})
OWN_PATHS = OPEN_PATHS | {METRICS} | swagger.PATHS


@dataclass(frozen=True)
class Endpoint:
    """One route with all that is needed to answer it."""

    route: Route
    fields: tuple[Field, ...]
    look_up: LookUp

    @property
    def key(self) -> Field:
        return next(field for field in self.fields if field.name == self.route.parameter)

    @property
    def prefix(self) -> Segments:
        return tuple(self.route.prefix.split("/")[1:])


def read_endpoints(
    project: Project, outputs: Mapping[str, tuple[Output, ...]], kinds: ColumnKinds, bases: Mapping[str, Basis]
) -> list[Endpoint]:
    """One endpoint for each route, in order.

    Raises:
        OperatorError: a model has no table in the store yet, or not with these columns; the message says what to run.
        ProjectFileError: two routes have the same path, or one has the path of a page of the server's own.
        ModelError: a route selects by an amount, or by what no key equals exactly.
    """
    endpoints: dict[Segments, Endpoint] = {}
    for route in project.routes:
        fields = _fields(route, outputs, kinds)
        key = next(field.column for field in fields if field.name == route.parameter)
        basis = bases.get(route.model, Basis())
        endpoint = Endpoint(route, fields, LookUp(route.model, tuple(field.column for field in fields), key, basis))
        if endpoint.prefix in endpoints:
            other = endpoints[endpoint.prefix].route
            raise ProjectFileError(f"tillage.yaml: {other.path} and {route.path} are the same path; rename one of them")
        if route.prefix in OWN_PATHS:
            raise ProjectFileError(f"tillage.yaml: {route.prefix} is a path of the server's own; rename {route.path}")
        if endpoint.prefix[0] in ROOTS:
            raise ProjectFileError(f"tillage.yaml: /{endpoint.prefix[0]} is a page of ours; rename {route.path}")
        endpoints[endpoint.prefix] = endpoint
    return list(endpoints.values())


def _fields(route: Route, outputs: Mapping[str, tuple[Output, ...]], kinds: ColumnKinds) -> tuple[Field, ...]:
    if route.model not in outputs:
        raise OperatorError(f"{route.path}: model {route.model} has no table in the store yet; make it: tillage run")
    columns = {output.name: output for output in outputs[route.model]}
    stored = kinds.get(route.model, {})
    fields = []
    for name, column in route.fields:
        if column not in columns or column not in stored:
            raise OperatorError(
                f"{route.path}: the table of model {route.model} has no column '{column}' in the store; "
                "bring it up to date: tillage run"
            )
        output = columns[column]
        fields.append(Field(name, column, stored[column], output.currency, output.is_key))
        if name == route.parameter and stored[column].partition("(")[0] not in KINDS:
            raise ModelError(
                f"tillage.yaml: {route.path} selects by '{column}', whose type {stored[column]} no key equals exactly; "
                "select by another column"
            )
        if name == route.parameter and output.currency is not None:
            raise ModelError(
                f"tillage.yaml: {route.path} selects by '{column}', which is an amount; select by another column"
            )
    return tuple(fields)
