"""Texts: letters, parts and patterns of them, and what is read from them or written as one."""

from __future__ import annotations

from sqlglot import exp

from tillage.models.portable.difference import CASTS, Difference, bare, conditions, is_number, words
from tillage.models.portable.kind import Kind, Types
from tillage.models.portable.regexps import fits, fits_nothing, is_portable

_UPPER, _LOWER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz"
_PATTERNS = (exp.RegexpLike, exp.RegexpExtract, exp.RegexpReplace)
# Texts that one of the two reads as a value of the kind, and the other as another one or as none.
_READ_OTHERWISE = {
    Kind.INTEGER: ("-3.5", "1e3", "12.50", ".5", "5.", "1_000", "0x1F", "1e-3"),
    Kind.DECIMAL: ("1_000", "0x1F", "\u0663"),
    Kind.DOUBLE: ("1_000", "0x1F", "\u0663", "inf", "1d", "1f"),
    Kind.DATE: ("infinity", "epoch", "0012", "2024-02", "10000-01-01"),
    Kind.TIMESTAMP: ("infinity", "epoch", "0012", "2024-02", "10000-01-01", "10:00"),
}
_KIND_OF = {
    **dict.fromkeys((exp.DType.BIGINT, exp.DType.INT, exp.DType.SMALLINT, exp.DType.TINYINT), Kind.INTEGER),
    **dict.fromkeys((exp.DType.TIMESTAMP, exp.DType.TIMESTAMPNTZ, exp.DType.TIMESTAMPTZ), Kind.TIMESTAMP),
    exp.DType.DECIMAL: Kind.DECIMAL,
    exp.DType.DOUBLE: Kind.DOUBLE,
    exp.DType.DATE: Kind.DATE,
}


def _literal(node: exp.Expr | None) -> str | None:
    node = bare(node) if node is not None else None
    return node.name if isinstance(node, exp.Literal) and node.is_string else None


def _has_odd_pattern(node: exp.Expr, _: Types) -> bool:
    pattern = _literal(node.expression)
    return pattern is not None and not is_portable(pattern)


def _has_no_pattern(node: exp.Expr, _: Types) -> bool:
    return _literal(node.expression) is None


def _has_options(node: exp.Expr, _: Types) -> bool:
    options = node.args.get("parameters") or node.args.get("flag") or node.args.get("modifiers")
    return options is not None and _literal(options) != ("g" if isinstance(node, exp.RegexpReplace) else "")


def _replaces_one(node: exp.Expr, _: Types) -> bool:
    return isinstance(node, exp.RegexpReplace) and node.args.get("modifiers") is None


def _refers_back(node: exp.Expr, _: Types) -> bool:
    pattern, replacement = _literal(node.expression), _literal(node.args.get("replacement"))
    if replacement is None or set(replacement) & set("\\$"):
        return True
    return pattern is not None and is_portable(pattern) and fits_nothing(pattern)


def _trims_spaces(node: exp.Expr, _: Types) -> bool:
    return node.expression is None


def _leaves_the_text(node: exp.Expr, _: Types) -> bool:
    """A part of a text that begins before it, or has fewer letters than none."""
    if isinstance(node, exp.Left | exp.Right):
        return not _is_from(node.expression, 0)
    length = node.args.get("length")
    return not _is_from(node.args.get("start"), 1) or (length is not None and not _is_from(length, 0))


def _is_from(node: exp.Expr | None, least: int) -> bool:
    """Whether a number is known to be at least that."""
    if node is None:
        return False
    node = bare(node)
    if isinstance(node, exp.Greatest):
        return any(is_number(one, least) for one in (node.this, *node.expressions))
    if isinstance(node, exp.Length | exp.StrPosition):
        return least == 0
    return is_number(node, least) or (isinstance(node, exp.Add) and _is_from(node.left, 0) and _is_from(node.right, 1))


def _splits_oddly(node: exp.Expr, _: Types) -> bool:
    separator, index = _literal(node.args.get("delimiter")), node.args.get("part_index")
    return not separator or not (is_number(index, 1) or (isinstance(index, exp.Neg) and is_number(index.this, 1)))


def _joins_no_texts(node: exp.Expr, types: Types) -> bool:
    allowed = {Kind.TEXT, Kind.NULL}
    if isinstance(node, exp.DPipe):
        if types.kind(node.left) is Kind.LIST:
            return False
        return not {types.kind(side) for side in (node.left, node.right)} <= allowed | {Kind.INTEGER, Kind.DECIMAL}
    return not {types.kind(part) for part in node.expressions} <= allowed


def _is_written_otherwise(node: exp.Expr, types: Types) -> bool:
    if node.args["to"].this not in {exp.DType.TEXT, exp.DType.VARCHAR}:
        return False
    plain = {Kind.TEXT, Kind.INTEGER, Kind.DECIMAL, Kind.BOOLEAN, Kind.DATE, Kind.TIMESTAMP, Kind.NULL}
    return types.kind(node.this) not in plain


def _is_read_otherwise(node: exp.Expr, types: Types) -> bool:
    """A cast of a text whose form nothing says."""
    kind = _KIND_OF.get(node.args["to"].this)
    if kind is None or isinstance(node.this, exp.Literal) or types.kind(node.this) not in {Kind.TEXT, Kind.UNKNOWN}:
        return False
    named = {column.sql() for column in node.this.find_all(exp.Column)}
    for one in conditions(node):
        pattern = _literal(one.expression) if isinstance(one, exp.RegexpLike) else None
        if pattern is None or not is_portable(pattern):
            continue
        is_of_it = named <= {column.sql() for column in one.this.find_all(exp.Column)}
        if is_of_it and not any(fits(pattern, value) for value in _READ_OTHERWISE[kind]):
            return False
    return True


def _has_a_backslash(node: exp.Expr, _: Types) -> bool:
    if isinstance(node.parent, exp.Escape):
        return False
    pattern = _literal(node.expression)
    return pattern is not None and "\\" in pattern


TEXTS = (
    Difference(
        "`lower(x)`, `upper(x)`",
        "letters as İ, ß and a last Σ become others",
        f"`translate(x, '{_UPPER}', '{_LOWER}')`, with the other letters that there are",
        "upper(part)",
        f"translate(part, '{_LOWER}', '{_UPPER}')",
        is_silent=True,
        gives="letters that are not named stay as they are",
        calls=words("lower upper lcase ucase initcap"),
    ),
    Difference(
        "`trim(x)`, `ltrim(x)`, `rtrim(x)` without letters",
        "only the common space is taken away, where DuckDB takes every kind",
        "`trim(x, ' ')`",
        "trim(part)",
        "trim(part, ' ')",
        is_silent=True,
        gives="kinds of spaces that are not named stay",
        nodes=(exp.Trim,),
        found=_trims_spaces,
    ),
    Difference(
        "`reverse(x)`",
        "accents that are letters of their own come before what they belong to",
        "what it is for without it: `split_part(x, '-', -1)` for the last part, `right(x, n)` for the end",
        "reverse(part)",
        "right(part, 1)",
        is_silent=True,
        gives="the last letter",
        calls=words("reverse"),
    ),
    Difference(
        "`substring(x, from, n)`, `left(x, n)`, `right(x, n)` with from < 1 or n < 0",
        "it is counted from elsewhere, or nothing is left",
        "literals from 1 and 0 on, or `greatest(0, length(x) - 1)`",
        "left(label, -1)",
        "left(label, greatest(0, length(label) - 1))",
        is_silent=True,
        nodes=(exp.Substring, exp.Left, exp.Right),
        found=_leaves_the_text,
    ),
    Difference(
        "`split_part(x, separator, n)` with an empty or computed separator, or n = 0",
        "an empty separator splits nothing, and part 0 fails",
        "a literal separator and a literal n; `left(x, 1)` for the first letter",
        "split_part(label, '', 1)",
        "left(label, 1)",
        is_silent=True,
        nodes=(exp.SplitPart,),
        found=_splits_oddly,
    ),
    Difference(
        "`strlen(x)`",
        "there is no such function",
        "`length(x)`, which counts letters, or `octet_length(encode(x))`",
        "strlen(part)",
        "octet_length(encode(part))",
        is_silent=False,
        calls=words("strlen"),
    ),
    Difference(
        "`prefix(x, y)`, `suffix(x, y)`",
        "there is no such function",
        "`starts_with(x, y)`, `ends_with(x, y)`",
        "prefix(part, 'a')",
        "starts_with(part, 'a')",
        is_silent=False,
        calls=words("prefix suffix"),
    ),
    Difference(
        "`concat(x, y)` with another kind than text, `x || y` with a double or a moment",
        "a null fails, and numbers are written otherwise",
        "`concat(x, cast(y as varchar))`",
        "concat(part, whole)",
        "concat(part, cast(whole as varchar))",
        is_silent=True,
        nodes=(exp.Concat, exp.ConcatWs, exp.DPipe),
        found=_joins_no_texts,
    ),
    Difference(
        "`cast(x as varchar)` of a double, a timestamp with time zone, a list or an object",
        "it is another text",
        "`cast(cast(x as decimal(38,6)) as varchar)`, `strftime(x, '%Y-%m-%d %H:%M:%S')`; lists element by element",
        "cast(sold as varchar)",
        "strftime(sold, '%Y-%m-%d %H:%M:%S')",
        is_silent=True,
        gives="the text without the time zone and parts of seconds",
        nodes=CASTS,
        found=_is_written_otherwise,
    ),
    Difference(
        "`cast(x as t)`, `try_cast(x as t)` of a text in any form",
        "`-3.5`, `1e3`, `1_000` and `infinity` are other numbers or dates, or none",
        r"`case when regexp_matches(x, '^-?[0-9]{1,18}\z') then cast(x as bigint) end`, with a pattern for each type",
        "try_cast(part as bigint)",
        r"case when regexp_matches(part, '^-?[0-9]{1,18}\z') then cast(part as bigint) end",
        is_silent=True,
        gives="null for what is not of that form",
        nodes=CASTS,
        found=_is_read_otherwise,
    ),
    Difference(
        "`strptime(x, f)`, `try_strptime(x, f)`",
        "there is no such function, or it is of another type",
        r"`case when regexp_matches(x, '^[0-9]{2}[.][0-9]{2}[.][0-9]{4}\z') then try_cast(concat(right(x, 4), '-', "
        "substring(x, 4, 2), '-', left(x, 2)) as date) end`",
        "try_strptime(code, '%d.%m.%Y')",
        r"case when regexp_matches(code, '^[0-9]{2}[.][0-9]{2}[.][0-9]{4}\z') then "
        "try_cast(concat(right(code, 4), '-', substring(code, 4, 2), '-', left(code, 2)) as date) end",
        is_silent=False,
        calls=words("strptime try_strptime"),
    ),
    Difference(
        "`x like '..\\..'` without `escape`",
        "the backslash says that the next letter stands for itself",
        "`x like '..' escape '!'`",
        r"label like '%\%'",
        r"label like '%\%' escape '!'",
        is_silent=True,
        nodes=(exp.Like,),
        found=_has_a_backslash,
    ),
    Difference(
        "`x like y` where y is no literal",
        "a backslash in a value of y is read otherwise, or fails",
        "`contains(x, y)`, `starts_with(x, y)`",
        "part like label",
        "contains(part, label)",
        is_silent=True,
        gives="y as it stands, without `%` and `_`",
        nodes=(exp.Like,),
        found=_has_no_pattern,
    ),
    Difference(
        "`x ilike y`",
        "as `lower`, it knows other small letters",
        "`regexp_matches(x, '^[Aa]')`, or `like` over `translate(x, ..)`",
        "part ilike 'iz%'",
        "regexp_matches(part, '^[iIİ][zZ]')",
        is_silent=True,
        nodes=(exp.ILike,),
    ),
    Difference(
        "`x glob y`, `x similar to y`, `collate`",
        "there is no such operator",
        r"`x like 'a%'`, `regexp_matches(x, '^(?:a+)\z')`, `x in ('a', 'A')`",
        "label glob 'a*'",
        "label like 'a%'",
        is_silent=False,
        nodes=(exp.Glob, exp.SimilarTo, exp.Collate),
    ),
    Difference(
        "`regexp_full_match(x, p)`",
        "there is no such function",
        r"`regexp_matches(x, '^(?:p)\z')`",
        "regexp_full_match(label, '[ab]+')",
        r"regexp_matches(label, '^(?:[ab]+)\z')",
        is_silent=False,
        calls=words("regexp_full_match"),
    ),
    Difference(
        "patterns with `$`, `.`, `\\s`, `\\b`, `\\p{..}`, `[[:alpha:]]`, `(?i)` or other such parts",
        "ends of lines, letters of other scripts and classes are read otherwise",
        r"`\z` for `$`, `[^\n]` for `.` or `(?s)` before it, `[ \t\n]` for `\s`, `[A-Za-z]`; `^` only at the begin",
        "regexp_matches(label, 'a$')",
        r"regexp_matches(label, 'a\z')",
        is_silent=True,
        nodes=_PATTERNS,
        found=_has_odd_pattern,
    ),
    Difference(
        "patterns that are no literals",
        "nobody can say whether they are read otherwise",
        "`contains(x, y)`, `starts_with(x, y)`, or the pattern itself",
        "regexp_matches(part, label)",
        "contains(part, label)",
        is_silent=True,
        gives="y as it stands",
        nodes=_PATTERNS,
        found=_has_no_pattern,
    ),
    Difference(
        "`regexp_matches(x, p, 'i')` and other options",
        "the options are left out",
        "`regexp_matches(x, '[Aa]')`",
        "regexp_matches(label, 'A', 'i')",
        "regexp_matches(label, '[Aa]')",
        is_silent=True,
        nodes=_PATTERNS,
        found=_has_options,
    ),
    Difference(
        "`regexp_replace(x, p, y)` without `'g'`",
        "all that fits is replaced, not only the first",
        "`regexp_replace(x, p, y, 'g')`",
        "regexp_replace(label, 'a', 'x')",
        "regexp_replace(label, 'a', 'x', 'g')",
        is_silent=True,
        gives="all that fits replaced",
        nodes=(exp.RegexpReplace,),
        found=_replaces_one,
    ),
    Difference(
        "`regexp_replace` with `\\1` or `$` in its text, or with a pattern that fits nothing, as `x*`",
        "groups are named otherwise, and what is between letters is found otherwise",
        "a plain text, and a pattern of one letter at least",
        r"regexp_replace(label, '([a-z])', '<\1>', 'g')",
        "regexp_replace(label, '[a-z]', '<>', 'g')",
        is_silent=True,
        gives="what the plain text says",
        nodes=(exp.RegexpReplace,),
        found=_refers_back,
    ),
    Difference(
        "`hash(x)`",
        "it is another number",
        "`md5(x)` or `sha256(x)` of a text",
        "hash(part)",
        "md5(part)",
        is_silent=True,
        gives="a digest",
        calls=words("hash"),
    ),
    Difference(
        "`printf(f, ..)`, `format(f, ..)`, `to_json(x)`, `typeof(x)`",
        "it is another text",
        "`||` of texts, `cast(x as varchar)`",
        "printf('%s-%s', label, code)",
        "label || '-' || code",
        is_silent=True,
        calls=words("printf format to_json typeof json_object json_array row_to_json array_to_json"),
    ),
    Difference(
        "`from_json`, `json_transform`, `json_extract`",
        "there is no such function, or it has another structure",
        "`x ->> 'name'`, a text",
        """from_json('{"a": "b"}', '{"a": "VARCHAR"}')""",
        """'{"a": "b"}' ->> 'a'""",
        is_silent=False,
        gives="a text",
        calls=words("from_json json_transform json_transform_strict json_extract json_structure json_valid json_keys"),
    ),
)
