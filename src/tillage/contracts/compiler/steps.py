"""One dataset's check as a chain of steps that each read only the one before, so that every rule is evaluated once.

unit -> valued -> masked -> final (-> derived) -> controlled -> judged -> stored columns, with net beside gross.
"""

from __future__ import annotations

from dataclasses import dataclass

from tillage.contracts.compiler import net, scalar
from tillage.contracts.compiler.amount import carried_fields, derived_fields, operands
from tillage.contracts.compiler.classes import class_value, rate_field
from tillage.contracts.compiler.codes import BIT, BROKEN_OPERAND, NOT_COUNTABLE, ROUNDED, VIOLATION, code_list
from tillage.contracts.compiler.leaves import Leaf, leaves
from tillage.contracts.compiler.level import Level
from tillage.contracts.compiler.number import MAX_MINOR
from tillage.contracts.compiler.scalar import noted
from tillage.contracts.compiler.shape import NOTE
from tillage.contracts.contract import Column, Contract, Dataset, FieldPath, Kind
from tillage.contracts.sql_text import columns, name, pack
from tillage.domain.verdict import Code

PLACE = "_load_seq, _source, _ordinal, _offset, _unit"
_FLAGS = "is_wrong, has_wrong_list, is_unknown, row_bits"
_TYPE = BIT[Code.TYPE]


@dataclass(frozen=True)
class Steps:
    """The chain for one dataset; `folders` are the members that files' folders give."""

    contract: Contract
    dataset: Dataset
    folders: frozenset[str]

    @property
    def unit(self) -> Level:
        """The columns of the unit."""
        return Level(tuple(leaves(self.dataset.columns)))

    def elements(self, leaf: Leaf) -> Level:
        """The columns of a list's elements."""
        return Level(tuple(leaves(leaf.column.items)), "b.", self.unit)

    @property
    def lists(self) -> list[Leaf]:
        """The lists of the unit."""
        return [leaf for leaf in self.unit.leaves if leaf.kind is Kind.LIST]

    @property
    def where_columns(self) -> tuple[str, ...]:
        """Columns whose violations keep a unit that `where` cannot decide."""
        return self.dataset.where.columns if self.dataset.where else ()

    def sql(self) -> str:
        """SELECT of place, stored columns, codes, warnings, control, and the masks of `where_columns`."""
        steps = [
            f"unit as ({self._exploded()})",
            f"valued as (select {PLACE}, is_text, {_FLAGS}, {columns(self._valued())} from unit)",
            f"masked as (select *, {columns(self._masked())} from valued)",
            f"final as (select {self._carried()}, {columns(self._final())} from masked)",
        ]
        last = "final"
        derived = self._derived()
        if derived:
            steps.append(f"derived as (select {derived} from final)")
            last = "derived"
        steps += [
            f"controlled as materialized (select *, {self._control()} as _control from {last})",
            f"judged as (select *, {self._mask()} as _mask from controlled)",
        ]
        chain = f"with {', '.join(steps)}"
        taxed = [leaf for leaf in self.lists if net.taxed(tuple(leaves(leaf.column.items)))]
        if not taxed:
            return f"{chain} select {self._outcome({})} from judged"
        short = " and ".join(f"({net.is_short(self._final_list(leaf), self.elements(leaf).leaves)})" for leaf in taxed)
        made, joins = [], []
        for leaf in taxed:
            made_name = name("made:" + leaf.key)
            made.append(f"{made_name} as ({self._made_list(leaf)})")
            joins.append(f"left join (select {PLACE}, made as {made_name} from {made_name}) using ({PLACE})")
        long = {leaf.key: name("made:" + leaf.key) for leaf in taxed}
        fine = f"_mask & {VIOLATION} = 0"
        return (
            f"{chain}, long as (select * from judged where {fine} and not ({short})), {', '.join(made)} "
            f"select {self._outcome({})} from judged where not ({fine}) or ({short}) "
            f"union all by name select {self._outcome(long)} from long {' '.join(joins)}"
        )

    def _exploded(self) -> str:
        """Units of the dataset: `x` the unit, `r` its record; `is_wrong`: it is no object; `has_wrong_list`: another
        dataset's units would lie in it, but there is no list.
        """
        head = "select _load_seq, _source, _ordinal, _offset, is_text, r, f,"
        path = self.dataset.unit_path
        if self.dataset.group_by:
            return (
                f"{head} 0::bigint as _unit, r as x, {is_wrong('r')} as is_wrong, false as has_wrong_list, "
                f"{self._unknown('r')} as is_unknown, row_bits from parsed"
            )
        if not path:
            lists = [noted("r", other.unit_path) for other in self.contract.datasets if other.unit_path]
            wrong = f"{is_wrong('r')} as is_wrong, {' or '.join(lists) or 'false'} as has_wrong_list"
            return (
                f"{head} 0::bigint as _unit, r as x, {wrong}, "
                f"{self._unknown('r')} as is_unknown, 0 as row_bits "
                "from parsed"
            )
        units = f"r.{name(*path)}"
        elements = f"{head} unnest({units}) as x, generate_subscripts({units}, 1) - 1 as _unit from parsed"
        has_record_unit = any(not other.unit_path for other in self.contract.datasets)
        unknown = self._unknown("x") if has_record_unit else f"{self._unknown('x')} or {self._unknown('r')}"
        flags = f"{is_wrong('x')} as is_wrong, false as has_wrong_list, {unknown} as is_unknown, 0 as row_bits"
        exploded = f"{head} _unit, x, {flags} from ({elements})"
        if has_record_unit:
            return exploded
        # No dataset takes the record itself, so what is wrong with it is counted here.
        wrong_record = f"{is_wrong('r')} or {noted('r', path)}"
        lost = (
            f"{head} 0::bigint as _unit, ({units})[1] as x, true as is_wrong, false as has_wrong_list, "
            f"false as is_unknown, 0 as row_bits from parsed where {wrong_record}"
        )
        return f"{exploded} union all by name {lost}"

    def _unknown(self, base: str) -> str:
        """Whether the exact look noted that a record or unit holds a member that no column reads."""
        return noted(base, ("",)) if self.contract.is_unknown_rejected else "false"

    def _valued(self) -> dict[str, str]:
        fields: dict[str, str] = {}
        for leaf in self.unit.leaves:
            if leaf.kind is Kind.LIST:
                fields |= self._list_value(leaf)
            elif leaf.kind is Kind.OBJECT:
                base, path = self.located(leaf.paths[0])
                fields[f"has:{leaf.key}"] = f"{base}.{name(*path)} is not null or {noted(base, path)}"
                fields[f"wrong:{leaf.key}"] = noted(base, path)
            else:
                found = [self.texts(path, "x") for path in leaf.paths]
                wrong = [noted(*_parent(*self.located(path))) for path in leaf.paths]
                fields |= scalar.value_fields(leaf, [one for each in found for one in each], wrong)
        return fields

    def located(self, path: FieldPath) -> tuple[str, tuple[str, ...]]:
        """The struct that a path starts at, and its members."""
        return ("r" if path.is_from_record else "x"), path.steps

    def texts(self, path: FieldPath, base: str) -> list[str]:
        """JSON texts of a value, the record's own before its folder's."""
        base = "r" if path.is_from_record else base
        found = [f"cast({base}.{name(*path.steps)} as varchar)"]
        is_member = path.is_from_record or (base == "x" and not self.dataset.unit_path)
        if is_member and len(path.steps) == 1 and path.steps[0] in self.folders:
            found.append(f"f.{name(path.steps[0])}")
        return found

    def _list_value(self, leaf: Leaf) -> dict[str, str]:
        paths = [self.located(path) for path in leaf.paths]
        lists = [f"{base}.{name(*path)}" for base, path in paths]
        found = f"coalesce({', '.join(lists)})" if len(lists) > 1 else lists[0]
        level = self.elements(leaf)
        fields = {}
        if leaf.column.is_scalar_list:
            fields["is_wrong"] = "false"
            fields |= scalar.value_fields(level.leaves[0], ["cast(b as varchar)"], [])
        else:
            fields["is_wrong"] = is_wrong("b")
            for item in level.leaves:
                if item.kind is Kind.OBJECT:
                    path = item.paths[0].steps
                    fields[f"has:{item.key}"] = f"b.{name(*path)} is not null or {noted('b', path)}"
                    continue
                texts = [f"cast(b.{name(*path.steps)} as varchar)" for path in item.paths]
                wrong = [noted(*_parent("b", path.steps)) for path in item.paths]
                fields |= scalar.value_fields(item, texts, wrong)
        return {
            f"wrong:{leaf.key}": " or ".join(noted(base, path) for base, path in paths),
            f"value:{leaf.key}": f"list_transform({found}, lambda b: {pack(fields)})",
        }

    def _masked(self) -> dict[str, str]:
        fields: dict[str, str] = {}
        for leaf in self.unit.leaves:
            if leaf.kind is Kind.LIST:
                fields[f"masked:{leaf.key}"] = self._masked_list(leaf)
            elif leaf.kind is Kind.OBJECT:
                fields[f"mask:{leaf.key}"] = _object_mask(self.unit, leaf)
            elif leaf.column.amount is None:
                fields[f"mask:{leaf.key}"] = scalar.mask_field(self.unit, leaf)
        return fields

    def _masked_list(self, leaf: Leaf) -> str:
        level = self.elements(leaf)
        elements = {"is_wrong": "b.is_wrong"}
        for item in level.leaves:
            if item.kind is Kind.OBJECT:
                absent = BIT[Code.MISSING] if item.column.is_required else 0
                elements[f"mask:{item.key}"] = f"if(b.{name('has:' + item.key)}, 0, {absent})"
            elif item.column.amount is None:
                if item.paths:
                    elements[f"has:{item.key}"] = f"b.{name('has:' + item.key)}"
                    elements[f"value:{item.key}"] = f"b.{name('value:' + item.key)}"
                elements[f"mask:{item.key}"] = scalar.mask_field(level, item)
        return f"list_transform({name('value:' + leaf.key)}, lambda b: {pack(elements)})"

    def _carried(self) -> str:
        return f"{PLACE}, {_FLAGS}"

    def _final(self) -> dict[str, str]:
        """Stored values and rates; for a list its elements with their masks, and its own mask."""
        fields: dict[str, str] = {}
        for leaf in self.unit.leaves:
            key = leaf.key
            if leaf.kind is Kind.LIST:
                fields[f"final:{key}"] = self._final_elements(leaf)
                fields[f"wrong:{key}"] = name(f"wrong:{key}")
                continue
            if leaf.kind is Kind.OBJECT:
                fields[f"mask:{key}"] = name(f"mask:{key}")
                fields[f"has:{key}"] = name(f"has:{key}")
                continue
            if leaf.column.amount is None:
                fields[f"final:{key}"] = scalar.final_field(self.unit, leaf)
                fields[f"mask:{key}"] = name(f"mask:{key}")
            if leaf.column.vat:
                fields[f"rate:{key}"] = rate_field(self.unit, leaf)
        currency_by = self.dataset.currency_by
        if currency_by:
            fields["_code"] = class_value(self.unit, currency_by)
        for amount in self._amounts(self.unit):
            fields |= carried_fields(self.unit, amount)
        return fields

    def _amounts(self, level: Level) -> list[Leaf]:
        return [leaf for leaf in level.leaves if leaf.column.amount is not None]

    def _kept_masks(self, leaf: Leaf) -> set[str]:
        """Keys of elements whose masks later steps read on their own."""
        level = self.elements(leaf)
        used = {one for amount in self._amounts(level) for one in operands(amount.column.amount or "")}
        control = self.dataset.control()
        if control and control[0] is leaf.column:
            used.add(control[1].name)
        return used & {item.key for item in level.leaves}

    def _final_elements(self, leaf: Leaf) -> str:
        level = self.elements(leaf)
        elements: dict[str, str] = {"is_wrong": "b.is_wrong"}
        bits = [f"b.{name('mask:' + item.key)}" for item in level.leaves if item.column.amount is None]
        elements["bits"] = f"if(b.is_wrong, {_TYPE}, {' | '.join(bits)})"
        kept = self._kept_masks(leaf)
        for item in level.leaves:
            key = item.key
            if item.kind is Kind.OBJECT:
                continue
            if item.column.amount is None:
                elements[f"final:{key}"] = scalar.final_field(level, item)
                if key in kept:
                    elements[f"mask:{key}"] = f"b.{name('mask:' + key)}"
            else:
                elements |= carried_fields(level, item)
            if item.column.vat:
                elements[f"rate:{key}"] = rate_field(level, item)
        return f"list_transform({name('masked:' + leaf.key)}, lambda b: {pack(elements)})"

    def _derived(self) -> str | None:
        """A select list that adds the amounts of the unit and those of lists' elements; None if there are none."""
        added: dict[str, str] = {}
        replaced: dict[str, str] = {}
        for leaf in self._amounts(self.unit):
            added |= derived_fields(self.unit, leaf)
        for leaf in self.lists:
            level = self.elements(leaf)
            made: dict[str, str] = {}
            for amount in self._amounts(level):
                made |= derived_fields(level, amount)
            if made:
                inserted = ", ".join(f"{name(key)} := {value}" for key, value in made.items())
                final = self._final_list(leaf)
                replaced[f"final:{leaf.key}"] = f"list_transform({final}, lambda b: struct_insert(b, {inserted}))"
        if not added and not replaced:
            return None
        every = f"* replace ({columns(replaced)})" if replaced else "*"
        return ", ".join([every, *([columns(added)] if added else [])])

    def _final_list(self, leaf: Leaf) -> str:
        return name("final:" + leaf.key)

    def _list_mask(self, leaf: Leaf) -> str:
        final, column = self._final_list(leaf), leaf.column
        absent = BIT[Code.MISSING] if column.is_required else 0
        amounts = [f"b.{name('mask:' + amount.key)}" for amount in self._amounts(self.elements(leaf))]
        bits = f"if(b.is_wrong, b.bits, {' | '.join(['b.bits', *amounts])})" if amounts else "b.bits"
        worst = f"coalesce(list_bit_or(list_transform({final}, lambda b: {bits})), 0)"
        limits = column.limits
        if limits.min_length is not None:
            worst += f" | if(len({final}) < {limits.min_length}, {BIT[Code.LENGTH]}, 0)"
        if limits.max_length is not None:
            worst += f" | if(len({final}) > {limits.max_length}, {BIT[Code.LENGTH]}, 0)"
        wrong = name("wrong:" + leaf.key)
        return f"(case when {wrong} then {_TYPE} when {final} is null then {absent} else {worst} end)"

    def _control(self) -> str:
        """What the law counts in money, HUGEINT; null where it cannot be counted, or the dataset has no money."""
        found = self.dataset.control()
        if found is None:
            return "null::hugeint"
        parent, column = found
        if parent is None:
            amount = f"coalesce({name('final:' + column.name)}::hugeint, 0)"
            return f"if({name('mask:' + column.name)} & {NOT_COUNTABLE} <> 0, null, {amount})"
        leaf = next(one for one in self.lists if one.column is parent)
        final = self._final_list(leaf)
        uncounted = f"if(b.is_wrong, 1, b.{name('mask:' + column.name)} & {NOT_COUNTABLE})"
        broken = f"coalesce(list_bit_or(list_transform({final}, lambda b: {uncounted})), 0) <> 0"
        amounts = f"coalesce(list_sum(list_transform({final}, lambda b: b.{name('final:' + column.name)})), 0)"
        absent = "null" if parent.is_required else "0"
        wrong = name("wrong:" + leaf.key)
        return (
            f"case when {wrong} then null when {final} is null then {absent} when {broken} then null "
            f"else {amounts} end::hugeint"
        )

    def _mask(self) -> str:
        bits = [
            self._list_mask(leaf) if leaf.kind is Kind.LIST else name("mask:" + leaf.key) for leaf in self.unit.leaves
        ]
        overflow = f"if(coalesce(abs(_control) > {MAX_MINOR}, false), {BIT[Code.MONEY_OVERFLOW]}, 0)"
        flags = [f"if(has_wrong_list, {_TYPE}, 0)", overflow]
        if self.contract.is_unknown_rejected:
            flags.append(f"if(is_unknown, {BIT[Code.UNKNOWN_FIELD]}, 0)")
        if self.dataset.group_by:
            flags.append("row_bits")
        return f"if(is_wrong, {_TYPE}, {' | '.join([*bits, *flags])})"

    def _outcome(self, long: dict[str, str]) -> str:
        """The columns as silver keeps them; net and lists null where the unit has a violation."""
        fields: dict[str, str] = {}
        for column in self.dataset.columns:
            fields |= self._stored(column, "", long)
        countable = f"not is_wrong and abs(_control) <= {MAX_MINOR}"
        fields["_codes"] = code_list("_mask")
        fields["_warnings"] = f"if(_mask & {ROUNDED} <> 0, ['{Code.MONEY_SCALE}'], []::varchar[])"
        fields["_control_minor"] = f"if({countable}, _control, null)::decimal(38,0)"
        fields["_control_currency"] = self._control_currency(countable)
        if self.dataset.where:
            fields["_wrong"] = "is_wrong"
        for column_name in self.where_columns:
            own = [leaf for leaf in self.unit.leaves if f"{leaf.key}.".startswith(f"{column_name}.")]
            masks = [self._list_mask(leaf) if leaf.kind is Kind.LIST else name("mask:" + leaf.key) for leaf in own]
            mask = f"({' | '.join(masks)})"
            fields[f"mask:{column_name}"] = f"{mask} & {VIOLATION | BROKEN_OPERAND}"
        return f"{PLACE}, {columns(fields)}"

    def _control_currency(self, countable: str) -> str:
        if self.dataset.currency_by is None:
            return "null::varchar"
        return f"if({countable}, _code, null)"

    def _stored(self, column: Column, key: str, long: dict[str, str]) -> dict[str, str]:
        """Name and expression of all that silver keeps of one column."""
        own = f"{key}{column.name}"
        fine = f"_mask & {VIOLATION} = 0"
        if column.kind is Kind.OBJECT:
            inner: dict[str, str] = {}
            for item in column.items:
                inner |= self._stored(item, f"{own}.", long)
            return {column.name: f"if({name('has:' + own)}, {pack(inner)}, null)"}
        final = name("final:" + own)
        if column.kind is Kind.LIST:
            leaf = next(one for one in self.lists if one.key == own)
            if own in long:
                return {column.name: f"if({final} is null, null, coalesce({long[own]}, []))"}
            leaves_ = self.elements(leaf).leaves
            nets = net.short_nets(final, leaves_)
            made = f"list_transform({final}, lambda b, k: {_element(column, nets)})"
            if nets:  # of a broken unit there are none, and its lists may be long
                bare = f"list_transform({final}, lambda b, k: {_element(column, dict.fromkeys(nets, 'null'))})"
                made = f"case when {fine} then {made} else {bare} end"
            return {column.name: made}
        fields = {column.stored_name: final}
        if column.vat:
            made = net.net(f"{final}::hugeint", name("rate:" + own), column.vat.basis)
            fields[column.net_name] = f"if({fine}, {made}, null)::bigint"
            fields[column.rate_name] = f"{name('rate:' + own)}::integer"
        return fields

    def _made_list(self, leaf: Leaf) -> str:
        """SELECT of place and the list with its nets, for units whose lists are long or whose amounts are large."""
        elements, nets = net.any_nets("long", PLACE, self._final_list(leaf), self.elements(leaf).leaves)
        made = _element(leaf.column, nets)
        return f"select {PLACE}, list({made} order by k) as made from ({elements}) group by {PLACE}"


def _element(column: Column, nets: dict[str, str], key: str = "") -> str:
    """One element `b` as silver keeps it."""
    if column.is_scalar_list and not key:
        return f"b.{name('final:' + column.items[0].name)}"
    fields: dict[str, str] = {}
    for item in column.items:
        own = f"{key}{item.name}"
        if item.kind is Kind.OBJECT:
            fields[item.name] = _element(item, nets, f"{own}.")
            continue
        fields[item.stored_name] = f"b.{name('final:' + own)}"
        if item.vat:
            fields[item.net_name] = f"({nets[own]})::bigint"
            fields[item.rate_name] = f"b.{name('rate:' + own)}::integer"
    return pack(fields)


def is_wrong(value: str) -> str:
    return f"coalesce({value}.{name(NOTE)} = '\"type\"', false)"


def _parent(base: str, path: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    return base, path[:-1]


def _object_mask(level: Level, leaf: Leaf) -> str:
    absent = BIT[Code.MISSING] if leaf.column.is_required else 0
    wrong = level.field("wrong:", leaf)
    return f"(case when {wrong} then {_TYPE} when not {level.field('has:', leaf)} then {absent} else 0 end)"
