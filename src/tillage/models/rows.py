"""The inner rows of a fold: what they may be made of, and the currency of each of their columns."""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp

from tillage.contracts.contract import Dataset
from tillage.errors import ModelError
from tillage.models.currency import currency_of, described, merged, named_columns
from tillage.models.scope import BY, Columns, Currency, Scope, is_by_column, placed, scope_of_dataset

_NO_FOLD = ("having", "order", "limit", "offset", "distinct", "qualify", "windows", "with_", "with")


class NoFoldError(ModelError):
    """The model is of another kind; `reason` is what a fold cannot have."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(
            f"models/{name}.sql is no fold: {reason}. A fold is select, filter, unnest, union all over one dataset in "
            "each branch, under one group by with sum and count"
        )
        self.reason = reason


def no_fold(name: str, what: str) -> NoFoldError:
    return NoFoldError(name, what)


def refuse_clauses(name: str, select: exp.Expr, *, allow_group: bool) -> None:
    """No clause that a fold, or its inner rows, cannot have.

    Raises:
        ModelError: names the clause.
    """
    for clause in (*_NO_FOLD, *(() if allow_group else ("group",))):
        if select.args.get(clause):
            raise no_fold(name, f"a select has {clause.strip('_')}")


def source_of(name: str, select: exp.Expr) -> exp.Expr:
    """What a SELECT reads from."""
    source = select.args.get("from_")
    if not isinstance(source, exp.From):
        raise no_fold(name, "a select reads nothing")
    found = source.this
    if not isinstance(found, exp.Expr):
        raise no_fold(name, "a select reads nothing")
    return found


class InnerRows:
    """Walks the inner rows, checks what they may be made of, and gives the currency of each of their columns."""

    def __init__(self, model: str, datasets: Mapping[str, Dataset]) -> None:
        self.model = model
        self.datasets = datasets
        self.used: set[str] = set()
        self._seen: list[tuple[Scope, exp.Expr]] = []

    def source(self, node: exp.Expr) -> tuple[str, Columns, dict[tuple[str, str], Columns]]:
        """Alias, columns, and lists of what a FROM names."""
        if isinstance(node, exp.Table):
            dataset = self.datasets.get(node.name)
            if dataset is None or node.db:
                known = ", ".join(sorted(self.datasets))
                raise ModelError(f"models/{self.model}.sql reads '{node.sql()}'; the datasets are: {known}")
            self.used.add(node.name)
            alias = node.alias_or_name
            columns, lists = scope_of_dataset(dataset, alias)
            return alias, columns, {(alias, column): element for column, element in lists.items()}
        if isinstance(node, exp.Subquery):
            return node.alias, placed(self.rows(node.this), node.alias), {}
        raise no_fold(self.model, f"it reads from '{node.sql()[:60]}'")

    def rows(self, node: exp.Expr) -> Columns:
        """Columns of a SELECT or UNION ALL without aggregates, in order."""
        if isinstance(node, exp.Union):
            return self._union(node)
        if isinstance(node, exp.Subquery):
            return self.rows(node.this)
        if not isinstance(node, exp.Select):
            raise no_fold(self.model, f"it reads from '{node.sql()[:60]}'")
        return self._select(node)

    def _union(self, node: exp.Union) -> Columns:
        if node.args.get("distinct"):
            raise no_fold(self.model, "its union is not union all")
        if node.args.get("by_name"):
            raise no_fold(self.model, "its union is by name; write the columns out")
        left, right = self.rows(node.left), self.rows(node.right)
        if len(left) != len(right):
            raise ModelError(
                f"models/{self.model}.sql: the sides of a union all have {len(left)} and {len(right)} columns"
            )
        # The right side's names do not matter, so what names a currency there is found by its place.
        names = dict(zip(right, left, strict=True))
        return {
            column: merged(self.model, currency, renamed(other, names), f"column '{column}' of the union")
            for (column, currency), other in zip(left.items(), right.values(), strict=True)
        }

    def _select(self, node: exp.Select) -> Columns:
        refuse_clauses(self.model, node, allow_group=False)
        scope = Scope()
        alias, columns, lists = self.source(source_of(self.model, node))
        scope.tables[alias] = columns
        scope.lists.update(lists)
        self.joins(node, scope)
        self.see(node, scope)
        found: dict[str, Currency] = {}
        for index, projection in enumerate(node.expressions):
            if projection.find(exp.AggFunc):
                raise no_fold(self.model, "an inner select has an aggregate")
            # sqlglot calls a bare 0 by its digits; in a later part of a union two of them are no clash.
            is_named = isinstance(projection, exp.Alias | exp.Column | exp.Dot)
            column = projection.alias_or_name if is_named else f"column{index}"
            self.refuse_name(column)
            if column in found:
                raise ModelError(f"models/{self.model}.sql: two columns of an inner select have the name '{column}'")
            found[column] = currency_of(self.model, projection, scope)
        kept = passed_on(self.model, node, scope)
        return {column: named_by(self.model, currency, kept) for column, currency in found.items()}

    def see(self, node: exp.Select, scope: Scope) -> None:
        """Remembers a SELECT for `check_names`."""
        self._seen += [(scope, part) for part in (*node.expressions, node.args.get("where")) if part is not None]

    def check_names(self) -> None:
        """Every column that a SELECT names is one of the dataset's, or of the SELECT that it reads.

        Conditions have no currency that would have to be found, and what a load carries along has names too.

        Raises:
            ModelError: names the first that is not.
        """
        for scope, part in self._seen:
            for column in named_columns(part):
                scope.resolve(self.model, column)

    def refuse_name(self, name: str) -> None:
        """A name with _ in front may be one of the columns that a fold carries along."""
        if name.startswith("_"):
            raise ModelError(f"models/{self.model}.sql: '{name}': names that begin with _ are taken; choose another")

    def joins(self, node: exp.Select, scope: Scope) -> None:
        """Each join is `cross join unnest(list) as t(element)` of a list in scope."""
        for join in node.args.get("joins") or ():
            unnest = join.this
            if not isinstance(unnest, exp.Unnest) or join.side or join.args.get("on") or join.args.get("using"):
                raise no_fold(self.model, "it joins something other than `cross join unnest(list) as t(element)`")
            alias = unnest.args.get("alias")
            if not isinstance(alias, exp.TableAlias) or len(alias.columns) != 1 or len(unnest.expressions) != 1:
                raise no_fold(self.model, "an unnest needs one list and one name, as in `unnest(o.lines) as t(l)`")
            source = unnest.expressions[0]
            if not isinstance(source, exp.Column):
                raise no_fold(self.model, "an unnest reads something other than a list column")
            tables = (
                [source.table] if source.table else [table for table, column in scope.lists if column == source.name]
            )
            if len(tables) != 1 or (tables[0], source.name) not in scope.lists:
                raise ModelError(f"models/{self.model}.sql: '{source.sql()}' is no list of a dataset that it reads")
            self.unnest(scope, alias, scope.lists[tables[0], source.name])

    def unnest(self, scope: Scope, alias: exp.TableAlias, elements: Columns) -> None:
        """Puts the element of a list into the scope: the columns of an object, or the value itself."""
        name = alias.columns[0].name
        self.refuse_name(name)
        table = alias.name if "" in elements else name
        if table in scope.tables:
            raise ModelError(f"models/{self.model}.sql: two tables have the name '{table}'")
        scope.tables[table] = {name: elements[""]} if "" in elements else placed(elements, name)


def passed_on(model: str, node: exp.Select, scope: Scope) -> dict[tuple[str, str], str]:
    """Columns that a SELECT passes on as they are, and the names that it gives them."""
    return {
        scope.resolve(model, projection.unalias()): projection.alias_or_name
        for projection in node.expressions
        if isinstance(projection.unalias(), exp.Column | exp.Dot)
    }


def named_by(model: str, currency: Currency, passed: Mapping[tuple[str, str], str]) -> Currency:
    """`@o.currency` under the name that the SELECT gives to that column.

    Raises:
        ModelError: it leaves the column out, so nobody could say what the amounts are.
    """
    if currency is None or not is_by_column(currency):
        return currency
    table, _, column = currency.removeprefix(BY).partition(".")
    if (table, column) not in passed:
        raise ModelError(
            f"models/{model}.sql: an amount is in {described(currency)}, which is not selected beside it; "
            f"select {table}.{column} too and group by it"
        )
    return f"{BY}{passed[table, column]}"


def renamed(currency: Currency, names: Mapping[str, str]) -> Currency:
    """`@currency` under the name that the other side of a union has at that place."""
    if currency is None or not is_by_column(currency):
        return currency
    return f"{BY}{names[currency.removeprefix(BY)]}"
