"""Food orders as JSON lines, most of them broken somewhere: by value, by member, by spelling or by byte.

Everything is drawn from the `Random` that is passed in, so that Hypothesis can drive and shrink it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableSequence
from dataclasses import dataclass, field
from random import Random
from typing import TypeAlias

GROSS = "grossMerchandiseValueEur"
CLASSES = ("hot food", "cold food", "beverage")


@dataclass
class Members:
    """An object: names as JSON text, in quotes, and values."""

    pairs: list[tuple[str, Tree]] = field(default_factory=list)


@dataclass
class Elements:
    values: list[Tree] = field(default_factory=list)


Tree: TypeAlias = "Members | Elements | str"  # a str is JSON text as it stands
Joint: TypeAlias = Callable[[], str]

ODD_VALUES = r"""
null true false 0 1 -1 "\t" "null" "true" [] {} [null] [[]] [{}] {"a":1} {"a":null} {"":""} ["a"] [1] "a" "1" 1e2
1E400 -1e-7 1.0e+2 0e0 -0 -0.0 0.000 1. .5 01 -01 +1 0x10 1_000 NaN -NaN Infinity -Infinity inf nan Nan "NaN"
"Infinity" tru nul True None undefined 'a' ` 1/*x*/ [1,] [,] {"a":1,} {,} {"a":1,"a":1} {"a":null,"a":null}
{"a":1,"\u0061":2} {"a"} {"a":} {a:1} [1 [1,2 {"a":1 ]} "a 1d 1n - -- "\ud800" "\udc00\ud800" "\uD83D\uDE00" "\u0000"
"a\u0000" {"\u0000":1} {"\ud800":1} "\x41" "\'" "\u12" "\U00000041" "\u0020" "\u00a0\u3000" "\u200b" "#tillage"
{"#tillage":"type"} {"#tillage":{"number":"1"}} {"\u0023tillage":"type"} [{"#tillage":"type"}] "type"
{"number":"1.00"} 1.00 1.001 18.9800000001 "18.980000000000000000000001" 0.30000000000000004 0.1234567890123456789
9223372036854775807 -9223372036854775808 92233720368547758.07 92233720368547758.08 -92233720368547758.07
-92233720368547758.08 "92233720368547758.07" "92233720368547758.08" 99999999999999999999999999999999999999
12345678901234567890.123456789012345678 1e-30 1e15 1E2 1.5e1 9007199254740993 900719925474099.3 "9007199254740993.00"
0.01 0.001 0.0000001 0.00000001 1.10 999999.999 99999999. 99999999.9 9999999.99 999999.995 -99999.995 "-9999.995"
"1,5" "+1" "1." ".5" "1e2" "0x1" "1_0" "-" "--1" "٣" "\uff11" "\u0031" "1\u0000" "\u00201" "00" "007.50" "-0"
""".split()
ODD_VALUES += (
    '" a "|"\u00a0"|"\u3000 \u2028"|"1\u00a0"|"\u2003-1.5\u205f"|"\x85"|"\u180e"|"\ufeff"|"\v\f"|"\0"|"\x1f"'.split("|")
)
ODD_VALUES += (
    '"\x7f"|"\t"|"\uffff\U0010ffff"|"e\u0301\u0301"|"👨\u200d👩"|""|":|" "|"1.5 "|" 1.5"|"- 1"|"1 0"|[1, 2]'.split("|")
)
ODD_VALUES += ['"hot food "', '"HOT FOOD"', r'"hot\u0020food"']
ODD_VALUES += [r'"x\": null"', r'"\":null,\"orders\":"', *':"\\/{}[]']
# Everything that Unicode calls white space and fits into a JSON string, some that it does not call so, and all escaped.
SPACES = " \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
for space in (*SPACES, *"\u180e\u200b\u2060\ufeff\x7f\xad\u2800\u3164"):
    ODD_VALUES += [f'"{space}"', f'"{space}1.5{space}"', f'"\\u{ord(space):04x}"', f'"{space}hot food"']
for space in "\t\n\v\f\r\x1c\x1f\b":
    ODD_VALUES += [f'"\\u{ord(space):04x}"', f'"1.5\\u{ord(space):04X}"']
PARTS = r"a B ü 寿 🍕 e\u0301 \" \\ \/ \b \f \n \r \t \u0041 \u00e9 \ud83d\ude00 \ud83d \ude00 \u0000 \u0020".split()
PARTS += r'\u2003 ": \": \":null \": , : { } [ ] , ,] ,} :NaN [Infinity 1e5 :0123456789012345678 #tillage null'.split()
PARTS += [*" \xa0\u3000\u2028\ufeff\x85\x7f\x01\0\ufffd\U0010ffff'\\$", "\\u", r"\u0023tillage"]
NAMES = [
    "customerId",
    "orders",
    "orderId",
    "basket",
    "productId",
    "productType",
    GROSS,
    "CUSTOMERID",
    "ORDERS",
    "Basket",
]
NAMES += ["orderid", "customer_id", "x", "", " ", "#tillage", "$", "$.orders", "0", "*", "ü"]
JSON_BLANKS = ("", " ", "\t", "\r", "  ", " \t ")
OTHER_BLANKS = ("\f", "\v", "\xa0", "\ufeff", "\u2028", "\u3000", "\x85", "\x00", "//\r", "/**/", "#")
BYTES = b"\"\\:,{}[]0159-+.eEnulNaItrf \t\r\n\f\v\0\x01\x1f\x7f/*#'$_"
WILD_BYTES = (
    *(bytes([byte]) for byte in BYTES),
    b"\xff",
    b"\xc3",
    b"\xa9",
    b"\xc0\x80",
    b"\xed\xa0\x80",
    b"\xf0\x9f\x8d",
)
WILD_BYTES += (
    b"\xf4\x90\x80\x80",
    b"\xe2\x80\xa8",
    b"\xef\xbb\xbf",
    b"\x80",
    b'":null',
    b'": null',
    b",null",
    b"NaN",
    b"\\u0000",
)


def line(rng: Random, orders: int) -> bytes:
    """Order numbers are drawn below `orders`: the fewer, the more of them meet again."""
    tree: Tree = customer(rng, orders)
    for _ in range(rng.choice((0, 0, 1, 1, 1, 2, 3))):
        tree = changed(rng, tree)
    stored = text(tree, joint(rng)).encode("utf-8", "surrogatepass")
    for _ in range(rng.choice((0, 0, 0, 0, 0, 1, 2))):
        stored = _other_bytes(rng, stored)
    return stored


def customer(rng: Random, orders: int) -> Members:
    """A valid record."""
    name = rng.choice(('"c1"', '"c2"', '"c3"', '"ü\\n"', '"\\u0063\\u0031"', '" c1 "'))
    found = Members([('"customerId"', name)])
    if rng.randrange(8):
        placed: list[Tree] = [order(rng, orders) for _ in range(rng.randrange(4))]
        found.pairs.append(('"orders"', Elements(placed)))
    if not rng.randrange(4):
        rng.shuffle(found.pairs)
    return found


def order(rng: Random, orders: int) -> Members:
    number = rng.randrange(orders)
    # Of few contents, so that the same order comes again as well as another under its number.
    contents = rng if not rng.randrange(3) else Random(number % 7 + (not rng.randrange(4)))
    basket: list[Tree] = [item(contents, rng) for _ in range(contents.randrange(4))]
    return Members([('"orderId"', f'"{number}"'), ('"basket"', Elements(basket))])


def item(contents: Random, rng: Random) -> Members:
    minor = contents.choice((0, 1, 10, 541, 1024, 99_999, 10**9, 2**53 + 1, 10**17)) * contents.choice((1, 1, -1))
    return Members(
        [
            ('"productId"', f'"p{contents.randrange(3)}"'),
            ('"productType"', f'"{contents.choice(CLASSES)}"'),
            (f'"{GROSS}"', amount(rng, minor)),
        ]
    )


def amount(rng: Random, minor: int) -> str:
    """`minor` cents in one of the spellings that are equal."""
    sign, (whole, cents) = "-" if minor < 0 else "", divmod(abs(minor), 100)
    plain = f"{sign}{whole}.{cents:02}" + "0" * rng.choice((0, 0, 0, 1, 7, 30))
    if not cents % 10 and rng.randrange(2):
        plain = f"{sign}{whole}.{cents // 10}"
    if not cents and rng.randrange(2):
        plain = f"{sign}{whole}"
    if rng.randrange(3):
        return plain
    zeros = "0" * rng.choice((0, 0, 1, 25))
    blank = rng.choice(("", "", " ", "\\t", "\u2003", "\\u00a0"))
    return f'"{blank}{sign}{zeros}{plain.removeprefix("-")}{blank}"'


def number(rng: Random) -> str:
    """Something like a number, with any count of digits, as a number or in quotes."""
    digits = "".join(
        rng.choice("0123456789") for _ in range(rng.choice((1, 2, 3, 7, 8, 9, 15, 16, 17, 18, 19, 20, 21, 38, 40)))
    )
    found = rng.choice(("", "", "-", "+")) + (digits.lstrip("0") or "0" if rng.randrange(4) else digits)
    if rng.randrange(3):
        places = rng.choice((0, 1, 2, 2, 3, 6, 7, 12, 17, 18, 19, 25))
        found += "." + "".join(rng.choice("0000012345678999") for _ in range(places)) + "0" * rng.choice((0, 0, 1, 20))
    if not rng.randrange(4):
        found += (
            rng.choice("eE")
            + rng.choice(("", "+", "-"))
            + rng.choice(("0", "1", "2", "02", "17", "18", "30", "308", "400"))
        )
    return f'"{found}"' if not rng.randrange(4) else found


def string(rng: Random) -> str:
    return '"' + "".join(rng.choice(PARTS) for _ in range(rng.randrange(5))) + '"'


def deep(rng: Random) -> str:
    """Nested around the limit."""
    depth = rng.choice((3, 59, 60, 61, 62, 63, 64, 65, 66, 200))
    if rng.randrange(2):
        return (
            "[" * depth + rng.choice(("", "1", '"]["', '"\\"[["')) + "]" * rng.choice((depth, depth, depth, depth - 1))
        )
    return '{"a":' * depth + rng.choice(("1", "null", "{}")) + "}" * depth


def odd(rng: Random) -> str:
    return rng.choice((lambda: rng.choice(ODD_VALUES), lambda: number(rng), lambda: string(rng), lambda: deep(rng)))()


def changed(rng: Random, tree: Tree) -> Tree:
    """The tree with one thing in it changed, in place where that goes."""
    places = list(_places(tree))
    if not places or not rng.randrange(30):
        return rng.choice((odd(rng), Elements([tree]), Members([('"orders"', Elements([tree]))])))
    holder, index = rng.choice(places)
    if isinstance(holder, Members):
        name, value = holder.pairs[index]
        _change_member(rng, holder.pairs, index, name, value)
    else:
        _change_element(rng, holder.values, index)
    return tree


def _change_member(rng: Random, pairs: list[tuple[str, Tree]], index: int, name: str, value: Tree) -> None:
    other = '"' + rng.choice((*NAMES, name[1:-1], _escaped(rng, name[1:-1]))) + '"'
    what = rng.randrange(13)
    if what < 6:
        pairs[index] = (name, odd(rng))
    elif what == 6:
        del pairs[index]
    elif what == 7:
        pairs[index] = (other, value)
    elif what == 8:
        pairs.insert(rng.randrange(len(pairs) + 1), (other, odd(rng)))
    elif what == 9:
        pairs.insert(
            rng.randrange(len(pairs) + 1), (_escaped(rng, name), rng.choice((value, "null", "null", odd(rng))))
        )
    elif what == 10:
        unread = rng.choice(('"x"', '"y"', '"\\u0078"'))
        pairs += [
            (unread, rng.choice(("null", odd(rng)))),
            (rng.choice((unread, '"x"')), rng.choice(("null", odd(rng)))),
        ]
    elif what == 11:
        pairs[index] = (name, rng.choice((Elements([value]), Members([(other, value)]))))
    else:
        pairs[index] = (string(rng), value)


def _change_element(rng: Random, values: list[Tree], index: int) -> None:
    what = rng.randrange(4)
    if what == 0:
        del values[index]
    elif what == 1:
        values[index] = Elements([values[index]])
    elif what == 2:
        values.insert(index, values[index])
    else:
        values[index] = odd(rng)


def _escaped(rng: Random, name: str) -> str:
    """The same name, perhaps with a letter escaped."""
    at = rng.randrange(len(name) + 1)
    if at == len(name) or not name[at].isalpha() or not rng.randrange(2):
        return name
    return f"{name[:at]}\\u{ord(name[at]):04x}{name[at + 1 :]}"


def _places(tree: Tree) -> Iterator[tuple[Members | Elements, int]]:
    if isinstance(tree, Members):
        for index, (_, value) in enumerate(tree.pairs):
            yield tree, index
            yield from _places(value)
    elif isinstance(tree, Elements):
        for index, value in enumerate(tree.values):
            yield tree, index
            yield from _places(value)


def text(tree: Tree, joint: Joint) -> str:
    if isinstance(tree, Members):
        inner = [f"{joint()}{name}{joint()}:{joint()}{text(value, joint)}{joint()}" for name, value in tree.pairs]
        return "{" + ",".join(inner) + joint() + "}"
    if isinstance(tree, Elements):
        return "[" + ",".join(f"{joint()}{text(value, joint)}{joint()}" for value in tree.values) + joint() + "]"
    return tree


def joint(rng: Random) -> Joint:
    """What goes where JSON allows blanks: mostly nothing, or blanks throughout, and rarely something else once."""
    style = rng.randrange(12)
    if style < 6:
        return lambda: ""
    if style < 8:
        return lambda: rng.choice(("", "", "", " "))
    if style < 11:
        return lambda: rng.choice(JSON_BLANKS)
    return lambda: "" if rng.randrange(20) else rng.choice(OTHER_BLANKS)


def _other_bytes(rng: Random, stored: bytes) -> bytes:
    """One byte left out, put in, put in place of another, or what follows cut off."""
    found: MutableSequence[int] = bytearray(stored)
    at = rng.randrange(len(found) + 1)
    what = rng.randrange(8)
    if what == 0:
        return bytes(found[:at])
    if what == 7:  # a comma before a bracket that closes
        before, closing, after = stored.rpartition(rng.choice((b"}", b"]")))
        return before + b"," * bool(closing) + closing + after
    until = at if what < 4 else at + rng.choice((1, 1, 1, 2, 6))
    return bytes(found[:at]) + (b"" if what == 6 else rng.choice(WILD_BYTES)) + bytes(found[until:])
