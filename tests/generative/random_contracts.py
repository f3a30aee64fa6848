"""Random contracts, valid by docs/reference/contracts.md, over the whole language, as the mapping that their YAML is.

What the reference leaves open is not asked for: bounds beside `currencyBy`, money of several currencies in one unit
that the law counts, taxes inside objects, local times that a change of the clock skips or repeats.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeAlias

Property: TypeAlias = dict[str, Any]

MEMBERS = ("Customer-Id", "a b", "größe", "x.y", "Type", "#no", "select", "_id", "1st")
FOLDERS = ("head", "meta", "deep")
PATTERNS: Mapping[str, Sequence[str]] = {
    "^[A-Z]{2}[0-9]+$": ("AB1", "DE007", "ab1", "AB", "xAB1", "AB1x", "AB1\\n"),
    "b+": ("abc", "b", "ac", "B", "bb"),
    r"^\d{2}-\w+": ("12-a", "1-a", "12-ü", "٣٣-a", "12-aü"),
    "^(hot|cold)$": ("hot", "cold", "hotter", " cold", "HOT"),
    "[^a-z ]": ("abc", "a1", "A", " ", "ä"),
}
TEXT_FORMATS: Mapping[str, Sequence[str]] = {
    "email": ("a.b@example.com", "a+1@b.example.org", "a.example.com", "a@", "@example.com", "a b@example.com"),
    "uuid": ("123e4567-e89b-12d3-a456-426614174000", "123E4567-E89B-12D3-A456-42661417400", "x"),
    "uri": ("https://example.com/a?b=c#d", "urn:isbn:0451450523", "not a uri", "/path"),
    "hostname": ("example.com", "a-b.example", "-a.example", "a..b", "a_b"),
    "ipv4": ("10.0.0.255", "1.2.3.4", "10.0.0.256", "1.2.3", "1.2.3.4.5"),
    "ipv6": ("2001:db8::1", "::1", "1.2.3.4", "2001:db8::g", ":::"),
}
DATE_FORMATS = {
    "date": ("dd/MM/yyyy", "d.M.yy", "yyyyMMdd", "EEE, d MMM uuuu", "d MMMM yyyy", "MM-dd-yyyy", "uuuu/M/d"),
    "timestamp": (
        *("yyyy-MM-dd HH:mm:ss", "dd.MM.yyyy h:mm a", "yyyy-MM-dd'T'HH:mm:ss.SSSXXX", "yyyyMMddHHmmss"),
        *("M/d/yy H:mm", "yyyy-MM-dd HH:mm X", "yyyy-MM-dd'T'HH:mm:ss.SSSSSSZ", "d MMM uuuu 'at' hh:mm a xxx"),
    ),
    "time": ("H.mm", "HHmmss", "hh:mm a", "HH:mm:ss.SSS"),
}
DAYS = ("2020-02-29", "2020-12-31", "2021-01-01", "2021-06-15")
CLASSES = ("hot food", "cold food", "beverage", "hot", " a", "ü")
KINDS = ("string", "string", "integer", "number", "boolean", "date", "timestamp", "time")


@dataclass
class Names:
    """Gives every column of a contract a name of its own."""

    rng: Random
    count: int = 0
    members: list[str] = field(default_factory=lambda: list(MEMBERS))

    def next(self, kind: str) -> str:
        self.count += 1
        return f"{kind[:4]}_{self.count}"

    def spelled(self, found: Property, *, is_in_list: bool) -> Property:
        """Perhaps under another name, from the record, or with further spellings."""
        chance = self.rng.randrange(12)
        if chance == 0 and self.members:
            found["physicalName"] = self.members.pop(self.rng.randrange(len(self.members)))
        elif chance == 1 and not is_in_list:
            found["physicalName"] = f"$.{self.rng.choice(FOLDERS)}.{found['name']}"
        if not self.rng.randrange(8):
            others = [f"{found['name']}_too"]
            if not is_in_list:
                others.append(f"$.{self.rng.choice(FOLDERS)}.{found['name']}_also")
            custom(found, "tillage.aliases", others[: self.rng.randrange(1, 3)])
        return found


UNITS = """$.body["line items"]['all'][*]"""


def contract(rng: Random) -> dict[str, Any]:
    """One to three datasets; `schema[0]` may take the record itself, rows of it, or the elements of a list."""
    names = Names(rng)
    version = rng.choice(("v3.2.0", "v3.2.0", "v3.1.0", "v3.0.2"))
    document: dict[str, Any] = {
        "apiVersion": version,
        "kind": "DataContract",
        "id": "shop",
        "version": "1.0.0",
        "status": "active",
        "schema": [],
    }
    shape = rng.randrange(10)
    if shape < 2:
        document["schema"].append(_grouped(names, version))
    elif shape < 9:
        document["schema"].append(_dataset(names, version, ""))
    if shape == 9 or (shape > 2 and rng.randrange(2)):
        document["schema"].append(_dataset(names, version, rng.choice(("$.orders[*]", "$.body.orders[*]", UNITS))))
        _share(rng, document["schema"])
    if 2 < shape < 9 and not rng.randrange(4):
        document["schema"].append(_dataset(names, version, ""))
    for number, dataset in enumerate(document["schema"]):
        dataset["name"] = f"data_{number}"
    if shape < 9 and not rng.randrange(4):
        custom(document, "tillage.unknownFields", "reject")
    if not rng.randrange(6):
        limits = {"maxRecordBytes": rng.randrange(600, 2000), "maxDepth": rng.randrange(4, 7)}
        custom(document, "tillage.limits", dict(rng.sample(sorted(limits.items()), rng.randrange(1, 3))))
    return document


def custom(item: Property, name: str, value: Any) -> None:
    item.setdefault("customProperties", []).append({"property": name, "value": value})


def customs(item: Mapping[str, Any]) -> dict[str, Any]:
    return {entry["property"]: entry["value"] for entry in item.get("customProperties", ())}


def _dataset(names: Names, version: str, unit: str) -> Property:
    rng = names.rng
    properties = _properties(names, version, is_in_list=False)
    for _ in range(rng.choice((0, 0, 1, 1, 2))):
        properties.append(rng.choice((_object, _list, _list, _scalar_list))(names, version))
    _mark_control(rng, properties)
    _share_currency(rng, properties)
    found: Property = {"properties": properties}
    if unit:
        custom(found, "tillage.unit", unit)
    if rng.randrange(2):
        _key(rng, properties)
    if not rng.randrange(4):
        custom(found, "tillage.where", rng.choice(_conditions(rng, properties)))
    if not rng.randrange(6):
        custom(found, "tillage.distinct", True)
    _add_rules(rng, found)
    rng.shuffle(properties)
    return found


def _share_currency(rng: Random, properties: Sequence[Property]) -> None:
    """Perhaps the currency of the unit serves the amounts of its lists, too: all of a list that holds a made one."""
    codes = [one["name"] for one in properties if one["name"].startswith("curr")]
    for one in properties if codes else ():
        inside = one.get("items", {}).get("properties", ())
        is_made = any("tillage.amount" in customs(member) for member in inside)
        is_shared = rng.randrange(2)
        for member in inside:
            for entry in member.get("customProperties", ()):
                if entry["property"] == "tillage.money" and (is_shared if is_made else rng.randrange(2)):
                    entry["value"] = {"currencyBy": codes[0]}
                    member.pop("logicalTypeOptions", None)


def _grouped(names: Names, version: str) -> Property:
    """Rows that are one unit by a column or two, with what they share and a list of what they do not."""
    rng = names.rng
    by = [_keyed(names, version) for _ in range(rng.choice((1, 1, 2)))]
    heads = [_scalar(names, version, is_in_list=False) for _ in range(rng.randrange(2))]
    rows = _list(names, version, is_made_of_rows=True)
    _mark_control(rng, [*heads, rows])
    found: Property = {"properties": [*by, *heads, rows]}
    custom(found, "tillage.unit", {"groupBy": [column["name"] for column in by]})
    if rng.randrange(2):
        by[0]["primaryKey"] = True
    if not rng.randrange(4):
        custom(found, "tillage.where", rng.choice(_conditions(rng, by)))
    _add_rules(rng, found)
    return found


def _keyed(names: Names, version: str) -> Property:
    """A column of few values, so that units meet."""
    found: Property = {"name": names.next("key"), "logicalType": names.rng.choice(("string", "integer"))}
    return _required(names.rng, found, version)


def _key(rng: Random, properties: Sequence[Property]) -> None:
    candidates = [
        one
        for one in properties
        if one["logicalType"] in {"string", "integer", "date"}
        and not {"tillage.money", "tillage.map"} & customs(one).keys()
    ]
    keyed = rng.sample(candidates, min(len(candidates), rng.choice((1, 1, 2))))
    for position, one in enumerate(keyed, 1):
        one["primaryKey"] = True
        if len(keyed) > 1:
            one["primaryKeyPosition"] = position


def _share(rng: Random, datasets: Sequence[Property]) -> None:
    """A column of the last dataset that reads, from the record, what a column of the first reads."""
    first, last = datasets[0]["properties"], datasets[-1]["properties"]
    plain = [one for one in first if one["logicalType"] not in {"object", "array"} and "physicalName" not in one]
    own = [one for one in last if one["logicalType"] not in {"object", "array"} and not customs(one)]
    if len(datasets) > 1 and plain and own:
        rng.choice(own)["physicalName"] = f"$.{rng.choice(plain)['name']}"


def _required(rng: Random, found: Property, _: str) -> Property:
    if not rng.randrange(3):
        found["required"] = True
    return found


def _properties(names: Names, version: str, *, is_in_list: bool) -> list[Property]:
    """The scalar columns of a unit or of an element."""
    rng = names.rng
    found = [_scalar(names, version, is_in_list=is_in_list) for _ in range(rng.randrange(1, 5))]
    if rng.randrange(2):
        found += _moneys(names, version, is_in_list=is_in_list)
    return found


def _scalar(names: Names, version: str, *, is_in_list: bool) -> Property:
    rng = names.rng
    kind = rng.choice(KINDS)
    found: Property = _required(rng, {"name": names.next(kind), "logicalType": kind}, version)
    _limit(rng, found, version)
    if not rng.randrange(5):
        custom(found, "tillage.nullValues", rng.sample(("", "ERROR", "n/a", "-1", "1"), rng.randrange(1, 3)))
    if kind in {"integer", "number"}:
        _spell(rng, found)
    return names.spelled(found, is_in_list=is_in_list)


def _spell(rng: Random, found: Property) -> None:
    """Perhaps a format of numbers, one that says something."""
    if rng.randrange(4):
        return
    decimal = rng.choice(".,,")
    form: Property = {"decimal": decimal} if decimal == "," or rng.randrange(2) else {}
    if rng.randrange(2):
        form["group"] = rng.choice([sign for sign in (".", ",", "'", " ") if sign != decimal])
    if rng.randrange(2):
        form["symbols"] = rng.sample(("€", "EUR", "Fr.", "$", "kr", "kr.", "a b"), rng.randrange(1, 4))
    if rng.randrange(2):
        form["negative"] = rng.choice(("minus", "trailing", "parentheses"))
    if form not in ({}, {"decimal": "."}, {"negative": "minus"}, {"decimal": ".", "negative": "minus"}):
        custom(found, "tillage.numberFormat", form)


def _limit(rng: Random, found: Property, version: str) -> None:
    kind, options = found["logicalType"], {}
    if kind == "string":
        options = _text_options(rng)
    elif kind in {"integer", "number"}:
        options = _bounds(rng, (-3, 0, 2, 5) if kind == "integer" else (-1.5, 0, 0.25, 10))
        if not rng.randrange(6):
            options["multipleOf"] = rng.choice((2, 3) if kind == "integer" else (0.05, 0.25, 2))
    elif kind != "boolean":
        options = _moment_options(rng, kind)
    if options:
        found["logicalTypeOptions"] = options
    allowed: dict[str, Sequence[Any]] = {
        "string": ["a", "b", " a", "ü"],
        "integer": [-1, 0, 2],
        "number": [0.5, 2, 1000000],
        "date": list(DAYS),
    }
    if kind in allowed and not rng.randrange(5):
        _allow(rng, found, version, rng.sample(allowed[kind], rng.randrange(1, len(allowed[kind]))))


def _text_options(rng: Random) -> Property:
    what = rng.randrange(8)
    if what == 0:
        return {"pattern": rng.choice(list(PATTERNS))}
    if what == 1:
        return {"format": rng.choice(list(TEXT_FORMATS))}
    if what == 2:
        return {"minLength": rng.randrange(3), "maxLength": rng.randrange(2, 5)}
    return {}


def _bounds(rng: Random, values: Sequence[Any]) -> Property:
    """A lower bound that is not above the upper one, either of them excluded perhaps."""
    what = rng.randrange(8)
    low, high = sorted(rng.sample(range(len(values)), 2))
    lower = {rng.choice(("minimum", "minimum", "exclusiveMinimum")): values[low]}
    upper = {rng.choice(("maximum", "maximum", "exclusiveMaximum")): values[high]}
    return lower if what == 0 else upper if what == 1 else lower | upper if what == 2 else {}


def _moment_options(rng: Random, kind: str) -> Property:
    bounds: dict[str, Sequence[str]] = {
        "date": DAYS,
        "timestamp": [f"{day}T00:00:00Z" for day in DAYS],
        "time": ("06:00:00", "12:00:00", "18:30:00"),
    }
    options = _bounds(rng, bounds[kind])
    if rng.randrange(2):
        options["format"] = rng.choice(DATE_FORMATS[kind])
    if kind == "timestamp" and "format" not in options and not rng.randrange(4):
        options["timezone"] = rng.choice((True, False))
    if kind == "timestamp" and not rng.randrange(4):
        options["defaultTimezone"] = rng.choice(("Europe/Berlin", "America/New_York", "Asia/Kolkata", "Etc/UTC"))
    return options


def _allow(rng: Random, found: Property, version: str, values: Sequence[Any]) -> None:
    """An enum, in the spelling of the version: `enum` from 3.2 on, or the metric that older ones have."""
    if version.startswith("v3.2") and rng.randrange(2):
        found["enum"] = [{"value": value} for value in values]
    else:
        arguments: Property = {"validValues": list(values)}
        if found["logicalType"] == "string" and not rng.randrange(3):
            arguments["pattern"] = rng.choice(list(PATTERNS))
        found["quality"] = [{"type": "library", "metric": "invalidValues", "arguments": arguments, "mustBe": 0}]
        if version.startswith("v3.0") and "pattern" not in arguments:
            older: Property = {"type": "library", "rule": "invalidValues", "mustBe": 0}
            found["quality"] = [older | {"validValues": list(values)}]


def _object(names: Names, version: str) -> Property:
    rng = names.rng
    members = [_scalar(names, version, is_in_list=True) for _ in range(rng.randrange(1, 4))]
    if not rng.randrange(3):
        members.append(_money(names, is_taxed=False, code=None))
    if not rng.randrange(4):
        inner = [_scalar(names, version, is_in_list=True) for _ in range(rng.randrange(1, 3))]
        members.append({"name": names.next("object"), "logicalType": "object", "properties": inner})
    if not rng.randrange(5):
        members.append(_scalar_list(names, version))
    found: Property = {"name": names.next("object"), "logicalType": "object", "properties": members}
    return _required(rng, found, version)


def _list(names: Names, version: str, *, is_made_of_rows: bool = False) -> Property:
    rng = names.rng
    properties = _properties(names, version, is_in_list=True)
    if not rng.randrange(5) and not is_made_of_rows:
        inner = [_scalar(names, version, is_in_list=True) for _ in range(rng.randrange(1, 3))]
        properties.append({"name": names.next("object"), "logicalType": "object", "properties": inner})
    found: Property = {
        "name": names.next("list"),
        "logicalType": "array",
        "items": {"logicalType": "object", "properties": properties},
    }
    return _sized(rng, found if is_made_of_rows else _required(rng, found, version))


def _scalar_list(names: Names, version: str) -> Property:
    item: Property = _required(names.rng, {"logicalType": names.rng.choice(KINDS)}, version)
    _limit(names.rng, item, version)
    if item["logicalType"] in {"integer", "number"}:
        _spell(names.rng, item)
    item.pop("quality", None)
    found: Property = {"name": names.next("list"), "logicalType": "array", "items": item}
    return _sized(names.rng, _required(names.rng, found, version))


def _sized(rng: Random, found: Property) -> Property:
    if not rng.randrange(4):
        found["logicalTypeOptions"] = rng.choice(({"minItems": 1}, {"maxItems": 2}, {"minItems": 1, "maxItems": 3}))
    return found


def _moneys(names: Names, version: str, *, is_in_list: bool) -> list[Property]:
    """Money columns with the columns that they need: class, day, currency, operands."""
    rng = names.rng
    found: list[Property] = []
    code = None
    if not rng.randrange(3) and not is_in_list:
        code = names.next("currency")
        found.append(_required(rng, {"name": code, "logicalType": "string"}, version))
    vats = [_vat(names, version, found) for _ in range(rng.choice((0, 1, 1, 2)))]
    found += [_money(names, is_taxed=True, code=code, vat=vat) for vat in vats]
    found += [_money(names, is_taxed=False, code=code) for _ in range(rng.randrange(2) if vats else 1)]
    if not rng.randrange(3):
        found += _computed(names, found, code)
    return found


def _mark_control(rng: Random, properties: Sequence[Property]) -> None:
    """Perhaps one of the money columns, wherever it lies."""
    inside = [*properties, *(member for one in properties for member in one.get("items", {}).get("properties", []))]
    moneys = [one for one in inside if "tillage.money" in customs(one)]
    if moneys and not rng.randrange(4):
        custom(rng.choice(moneys), "tillage.control", True)


def _money(names: Names, *, is_taxed: bool, code: str | None, vat: Property | None = None) -> Property:
    rng = names.rng
    found: Property = {"name": names.next("money"), "logicalType": "number"}
    money: Property = {"currencyBy": code} if code else {"currency": rng.choice(("EUR", "EUR", "JPY", "KWD", "CLF"))}
    if not rng.randrange(5):
        money["input"] = "minor"
    else:
        policy = rng.choice(("", "", "reject", "round", "warn"))
        money |= {"excessDecimals": policy} if policy else {}
    custom(found, "tillage.money", money["currency"] if money.keys() == {"currency"} and rng.randrange(2) else money)
    if is_taxed:
        custom(found, "tillage.vat", vat)
    if not code and (options := _bounds(rng, (-100, 0, 0.5, 1000))):
        found["logicalTypeOptions"] = options
    if not rng.randrange(8):
        custom(found, "tillage.nullValues", ["", "ERROR"])
    _spell(rng, found)
    return names.spelled(_required(rng, found, ""), is_in_list=True)


def _vat(names: Names, version: str, found: list[Property]) -> Property:
    rng = names.rng
    vat: Property = {}
    if not rng.randrange(4):
        vat["rate"] = rng.choice((19, 0, 5.5, 7.25))
    else:
        vat["rateBy"] = names.next("class")
        classes = rng.sample(CLASSES, rng.randrange(1, 4))
        vat["rates"] = {name: rng.choice((15, 7, 9, 0, 5.5)) for name in classes}
        by: Property = {"name": vat["rateBy"], "logicalType": "string"}
        if not rng.randrange(3):
            source: Property = {"name": names.next("product"), "logicalType": "string"}
            mapped = {spelling: rng.choice(classes) for spelling in rng.sample(("Cola", "cola", "Soup", ""), 2)}
            default = rng.choice(("reject", "reject", rng.choice(classes)))
            custom(by, "tillage.map", {"column": source["name"], "values": mapped, "default": default})
            found.append(source)
        found.append(by | {"required": True})
        if not rng.randrange(3):
            day: Property = {"name": names.next("day"), "logicalType": rng.choice(("date", "timestamp"))}
            found.append(day | {"required": True})
            vat["dateBy"] = day["name"]
            changed = rng.sample(CLASSES, rng.randrange(1, 3))
            days = rng.sample(DAYS, rng.randrange(1, 3))
            vat["validFrom"] = {day: {name: rng.choice((16, 5, 0)) for name in changed} for day in days}
    return vat | rng.choice(({}, {"basis": "deduct"}, {"basis": "inclusive"})) | rng.choice(({}, {"level": "line"}))


def _computed(names: Names, found: list[Property], code: str | None) -> list[Property]:
    """An amount that is made of a count, a price and perhaps another amount."""
    rng = names.rng
    count: Property = {"name": names.next("count"), "logicalType": "integer"}
    price: Property = {"name": names.next("price"), "logicalType": "number"}
    currency = code or rng.choice(("EUR", "JPY"))
    moneys = [one["name"] for one in found if _currency(one) == currency]
    texts = ["{q} * {p}", "{q} * {p} * (1 - 0.25)", "{p} + {q} - 2.005", "{p} * 0.5"]
    texts += ["{q} * {m}", "{m} * 0.125 + {p}", "{m} - {p} * {q}"] if moneys else []
    text = rng.choice(texts).format(q=count["name"], p=price["name"], m=rng.choice(moneys) if moneys else "")
    amount: Property = {"name": names.next("amount"), "logicalType": "number"}
    custom(amount, "tillage.money", {"currencyBy": code} if code else currency)
    custom(amount, "tillage.amount", text)
    if not rng.randrange(3) and not any("tillage.vat" in customs(one) for one in found):
        custom(amount, "tillage.vat", {"rate": rng.choice((19, 5.5))})
    return [count, price, amount]


def _currency(one: Property) -> str | None:
    """The currency of a money column, or the column that holds it."""
    money = customs(one).get("tillage.money")
    return money if money is None or isinstance(money, str) else money.get("currency") or money["currencyBy"]


def _add_rules(rng: Random, found: Property) -> None:
    for number in range(rng.choice((0, 0, 1, 1, 2))):
        rule = {"type": "custom", "engine": "tillage"}
        rule["implementation"] = rng.choice(_conditions(rng, found["properties"]))
        rule[rng.choice(("id", "name"))] = f"r{number}"
        severity = rng.choice(("", "error", "warning"))
        rule |= {"severity": severity} if severity else {}
        holder = rng.choice((found, found, rng.choice(found["properties"])))
        holder.setdefault("quality", []).append(rule)


def _conditions(rng: Random, properties: Sequence[Property]) -> list[str]:
    """SQL booleans over the columns; those that can fail on a row stand alone."""
    found = [text for one in properties for text in _simple(rng, one)]
    joined = f"({rng.choice(found)}) {rng.choice(('and', 'or'))} ({rng.choice(found)})"
    both = [*found, joined, f"not ({joined})"]
    failing = [text for one in properties for text in _failing(one)]
    return [*both, *failing]


def _simple(rng: Random, one: Property) -> list[str]:
    kind, name = one["logicalType"], one["name"]
    if "tillage.money" in customs(one):
        return [f"{name}_minor >= 0", f"{name}_minor <> 100", f"{name}_minor is not null"]
    if kind == "object":
        inner = [
            text for member in one["properties"][:1] for text in _simple(rng, member) if text[:4] == member["name"][:4]
        ]
        return [f"{name}.{text}" for text in inner] or [f"{name} is not null or true"]
    texts: dict[str, Callable[[], list[str]]] = {
        "string": lambda: [f"{name} <> 'b'", f"length({name}) < 3", f"{name} in ('a', 'b', 'hot food')"],
        "integer": lambda: [f"{name} >= 0", f"{name} not in (1, 2)", f"coalesce({name}, 1) <> 2"],
        "number": lambda: [f"{name} <= 1.5", f"{name} <> 0"],
        "boolean": lambda: [name, f"not {name}"],
        "date": lambda: [f"{name} >= date '{rng.choice(DAYS)}'"],
        "timestamp": lambda: [f"{name} < timestamptz '{rng.choice(DAYS)} 00:00:00+00:00'"],
        "time": lambda: [f"{name} >= '10:00:00'"],
        "array": lambda: [f"len({name}) <= 1", f"{name} is not null"],
    }
    return texts[kind]()


def _failing(one: Property) -> list[str]:
    if one["logicalType"] != "integer":
        return []
    name = one["name"]
    return [f"10 / {name} > 1", f"10 // {name} > 1", f"{name} * {name} >= 0", f"cast({name} as integer) > -2"]
