"""`tillage data`: what the columns of a dataset mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tillage.cli.opening import HERE, Json, Project, on_project, open_project, print_json

if TYPE_CHECKING:
    from tillage.pipelines.dictionary import Meaning


@on_project
def data(
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="The name of a dataset, as contracts have it.")],
    project: Project = HERE,
    as_json: Json = False,
) -> None:
    """What each column of a dataset means, what it must be to pass, where it comes from, and who may see it."""
    from tillage.pipelines.dictionary import meaning
    from tillage.pipelines.documents import meaning_document

    with open_project(project) as house:
        found = meaning(house, dataset)
    if as_json:
        print_json(meaning_document(found))
    else:
        _print(found)


def _print(found: Meaning) -> None:
    from tillage.cli.tables import console, grid, put

    out = console()
    out.print(f"{found.dataset}: {found.description}" if found.description else found.dataset, soft_wrap=True)
    out.print(f"each {found.unit} of {found.path}, as {found.contract} describes it", soft_wrap=True)
    rows = [
        (one.name, one.kind, ", ".join(one.comes_from), "; ".join(one.rules), one.description) for one in found.columns
    ]
    put(out, grid(("column", "type", "comes from", "rules", "means"), rows))
    for rule in found.rules:
        out.print(f"{rule.severity} {rule.name}: {rule.words}", soft_wrap=True)
    out.print(f"models made of it: {', '.join(found.models) or 'none'}")
    seen = [(f"{one.method} {one.path}", f"rows of {one.model}", one.who) for one in found.routes]
    seen += [(f"{one.method} {one.path}", f"the lines behind a row of {one.model}", one.who) for one in found.pages]
    seen += [(one.path, one.holds, one.read_by) for one in found.places]
    put(out, grid(("seen at", "what", "by whom"), seen))
