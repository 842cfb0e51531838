"""What is wrong with a file that YAML can't read, in an author's words: where, what was expected, what to do."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ruamel.yaml.error import MarkedYAMLError, StringMark

from batchgate.text import shorten

_SHOWN_AT_MOST = 40
_KEY = re.compile(r"\s*(?:- +)*(?:\"[^\"]*\"|'[^']*'|[^\s\"'#\[\]{},][^#]*?):(?:\s|$)")
_BEFORE_KEY = re.compile(r"\s*(?:- +)*")
_QUOTE_OPENS = re.compile(r"(?:^\s*|[:\[{,-]\s+|[\[{])(\")")
_BRACKET = re.compile(r"\"(?:\\.|[^\"\\])*\"|(?<![^\s\[{,])'[^']*'|(?:^|\s)#.*|[\[\]{}]")
_LITERAL = re.compile(r"[*&!%][\w.*/:-]*")
_OPENS = {"[": "]", "{": "}"}


@dataclass(frozen=True, slots=True)
class NotYaml:
    """Why a file can't be read as YAML.

    Attributes:
        message: What was expected, what is there, what to do.
        line: Counted from 1.
        column: Counted from 1.
    """

    message: str
    line: int
    column: int


def in_plain_words(error: MarkedYAMLError, text: str) -> NotYaml:
    """Say what the YAML reader's error means for whoever wrote the text; never fails."""
    seen = _Seen(error, text.splitlines() or [""])
    for matches, say in _WORDS:
        if matches(seen):
            return say(seen)
    return seen.here(f"expected YAML, got what its reader calls: {seen.problem}; look at quotes, brackets, indentation")


@dataclass(frozen=True, slots=True)
class _Seen:
    """An error and the lines around it."""

    error: MarkedYAMLError
    lines: Sequence[str]

    @property
    def problem(self) -> str:
        return str(self.error.problem or "")

    @property
    def context(self) -> str:
        return str(self.error.context or "")

    @property
    def mark(self) -> StringMark:
        mark: StringMark = self.error.problem_mark or self.error.context_mark
        return mark

    @property
    def began(self) -> StringMark:
        """Where what could not be read began."""
        mark: StringMark = self.error.context_mark or self.error.problem_mark
        return mark

    @property
    def line(self) -> str:
        return self.lines[self.mark.line] if self.mark.line < len(self.lines) else ""

    @property
    def first_line(self) -> str:
        return self.lines[self.began.line] if self.began.line < len(self.lines) else ""

    @property
    def char(self) -> str:
        """The character at which the reader stopped."""
        return self.line[self.mark.column : self.mark.column + 1]

    @property
    def rest(self) -> str:
        """From there on, as much as a message shows."""
        return _shown(self.line[self.mark.column :])

    @property
    def before(self) -> int:
        """The last line above that says something, counted from 0; -1 for none."""
        above = range(min(self.mark.line, len(self.lines)) - 1, -1, -1)
        return next((number for number in above if says_something(self.lines[number])), -1)

    def here(self, message: str) -> NotYaml:
        """At the place where the reader stopped; at the end of the last line if that is behind it."""
        line = min(self.mark.line, len(self.lines) - 1)
        return NotYaml(message, line + 1, self.mark.column + 1 if line == self.mark.line else len(self.lines[line]) + 1)

    def there(self, message: str) -> NotYaml:
        """At the place where what could not be read began."""
        line = min(self.began.line, len(self.lines) - 1)
        return NotYaml(message, line + 1, self.began.column + 1)


def says_something(line: str) -> bool:
    """Whether a line holds more than a comment."""
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _shown(text: str) -> str:
    text = "".join(char if char.isprintable() else " " for char in text.strip())
    return shorten(text, _SHOWN_AT_MOST, sentence=True)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _key_column(line: str) -> int:
    """Where the first key of a line begins, behind its dashes."""
    found = _BEFORE_KEY.match(line)
    return found.end() if found else 0


def _spaces(count: int) -> str:
    return f"{count or 'no'} space{'' if count == 1 else 's'}"


# --- one function a kind of mistake: each says where, what and what to do -----------------------------


def _tab(seen: _Seen) -> NotYaml:
    message = "expected spaces, got a tab; indent with spaces only"
    if seen.char == "\t":
        return seen.here(message)
    number = seen.mark.line if "\t" in _leading(seen.line) else seen.before
    return NotYaml(message, number + 1, seen.lines[number].index("\t") + 1)


def _leading(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _has_tab(seen: _Seen) -> bool:
    above = seen.lines[seen.before] if seen.before >= 0 else ""
    return "\t" in _leading(seen.line) or seen.char == "\t" or "\t" in _leading(above)


def _reserved(seen: _Seen) -> NotYaml:
    return seen.here(
        f"expected a key or a value, got {seen.char}, which unquoted text can't begin with; put it in quotes"
    )


def _second_colon(seen: _Seen) -> NotYaml:
    before = seen.before
    above = seen.lines[before] if before >= 0 else ""
    if _KEY.match(seen.line[: seen.mark.column]) or ": " in seen.line[: seen.mark.column].strip():
        return seen.here(
            "expected one `key: value` here, got a second colon; put a value that contains a colon in quotes"
        )
    if before >= 0 and (not _KEY.match(above) or _key_column(above) == _key_column(seen.line)):
        return NotYaml(
            f'expected `key: value` or a list item, got "{_shown(above)}"; write a colon and a space after the key',
            before + 1,
            _indent(above) + 1,
        )
    return NotYaml(
        f"expected {_spaces(_key_column(above))} before this key, as in line {before + 1}, got"
        f" {_key_column(seen.line)}; line {before + 1} already has a value, so nothing can be nested below it",
        seen.mark.line + 1,
        _key_column(seen.line) + 1,
    )


def _wrong_indentation(seen: _Seen) -> NotYaml:
    of_list = "collection" in seen.context or "sequence" in seen.context
    begins_line = _indent(seen.line) == seen.mark.column
    if of_list and begins_line and seen.char != "-":
        items = [number for number in range(seen.began.line, seen.mark.line) if _is_item(seen, number)]
        item = max(items, default=seen.began.line)
        return seen.here(
            f"expected {_spaces(_key_column(seen.lines[item]))} before this key, as after the dash in line {item + 1},"
            f" got {seen.mark.column}; indent the keys of an item alike"
        )
    if begins_line and seen.char == "-" and not of_list:
        lines = range(seen.mark.line - 1, seen.began.line - 1, -1)
        item = next((number for number in lines if _begins_item(seen.lines[number])), seen.began.line)
        if _begins_item(seen.lines[item]) and _indent(seen.lines[item]) > seen.began.column:
            return seen.here(
                f"expected {_spaces(_indent(seen.lines[item]))} before the dash, as in line {item + 1}, got"
                f" {seen.mark.column}; indent the items of one list alike"
            )
    if begins_line and seen.mark.column != seen.began.column:
        what = "items of one list" if of_list else "keys of one mapping"
        return seen.here(
            f"expected {_spaces(seen.began.column)} before it, as in line {seen.began.line + 1}, got"
            f" {seen.mark.column}; indent the {what} alike"
        )
    if seen.char == "-":
        return seen.here(
            f"expected a key, as in line {seen.began.line + 1}, got a list item; indent it below the key that it"
            " belongs to, or remove the dash"
        )
    return seen.here(
        f'expected the end of the line, got "{seen.rest}" after a complete value; put the whole value in quotes, or'
        " remove this"
    )


def _begins_item(line: str) -> bool:
    return line.lstrip(" ").startswith("- ")


def _is_item(seen: _Seen, number: int) -> bool:
    return number == seen.began.line or seen.lines[number][seen.began.column :].startswith("-")


def _no_colon(seen: _Seen) -> NotYaml:
    line = seen.first_line
    for quote in ('"', "'"):
        if line.lstrip(" -").startswith(quote) and line.count(quote) % 2:
            return _open_quote(seen)
    return seen.there(f'expected `key: value`, got "{_shown(line)}"; write a colon and a space after the key')


_OPEN_QUOTE = "expected a closing quote for the quote that opens here; add it at the end of the value"


def _open_quote(seen: _Seen) -> NotYaml:
    return seen.there(_OPEN_QUOTE)


def _lines_with_open_quote(seen: _Seen) -> list[tuple[int, int]]:
    """Where a double quote opens that its line does not close, above the place or at it."""
    found = []
    for number, line in enumerate(seen.lines[: seen.mark.line + 1]):
        opens = list(_QUOTE_OPENS.finditer(line)) if line.count('"') % 2 and says_something(line) else []
        if opens:
            found.append((number, opens[-1].start(1)))
    return found


def _quote_above(seen: _Seen) -> NotYaml:
    line, column = _lines_with_open_quote(seen)[0]
    return NotYaml(_OPEN_QUOTE, line + 1, column + 1)


def _flow(seen: _Seen) -> NotYaml:
    opened = seen.first_line[seen.began.column : seen.began.column + 1]
    closing = _OPENS.get(opened, "]")
    if seen.mark.line != seen.began.line or not seen.line[seen.mark.column :].strip():
        return seen.there(f"expected {closing} to close the {opened or '['} here; add it")
    return seen.here(
        f'expected , or {closing}, got "{seen.rest}"; separate the values by commas, close the {opened}, and put text'
        " with brackets, commas or colons in quotes"
    )


def _open_bracket(seen: _Seen) -> tuple[int, int, str] | None:
    """Line, column and kind of the innermost bracket that is open where the reader stopped."""
    opened: list[tuple[int, int, str]] = []
    for number, line in enumerate(seen.lines[: seen.mark.line + 1]):
        end = seen.mark.column if number == seen.mark.line else len(line)
        for found in _BRACKET.finditer(line[:end]):
            if found[0] in _OPENS:
                opened.append((number, found.start(), found[0]))
            elif found[0] in _OPENS.values() and opened:
                opened.pop()
    return opened[-1] if opened else None


def _no_value(seen: _Seen) -> NotYaml:
    opened = _open_bracket(seen)
    if opened and (opened[0] < seen.mark.line or not seen.rest):
        line, column, bracket = opened
        return NotYaml(f"expected {_OPENS[bracket]} to close the {bracket} here; add it", line + 1, column + 1)
    return seen.here(f'expected a value, got "{seen.rest}"; remove it, or put it in quotes if it is text')


def _needs_quotes(seen: _Seen) -> NotYaml:
    text = _shown(seen.first_line[seen.began.column :].split(" #")[0])
    first = text[:1]
    meaning = _MEANINGS.get(first, "does not begin text")
    literal = _LITERAL.match(text)
    example = f': "{literal[0]}"' if literal and len(literal[0]) > 1 and literal[0][-1] != ":" else ""
    return seen.there(
        f"expected a value, got {first}, which {meaning} in YAML; if it is text, put it in quotes{example}"
    )


_MEANINGS = {
    "*": "refers to an anchor",
    "&": "defines an anchor",
    "!": "begins a tag",
    "|": "begins multi-line text",
    ">": "begins multi-line text",
    "%": "begins a directive",
    "?": "begins a key",
}


def _item_behind_key(seen: _Seen) -> NotYaml:
    return seen.here("expected a value, got a list item after a key; put it on its own line below, indented")


def _second_document(seen: _Seen) -> NotYaml:
    return seen.here("expected one document, got a second one after ---; move it to its own file")


def _end_of_document(seen: _Seen) -> NotYaml:
    number = next((number for number, line in enumerate(seen.lines) if says_something(line)), 0)
    message = f'expected a comment (#) or `key: value`, got "{_shown(seen.lines[number])}"; begin with version: 1'
    if _KEY.match(seen.lines[number]):
        spaces = _indent(seen.lines[number])
        key = _shown(seen.lines[number].partition(":")[0])
        return NotYaml(
            f"expected no spaces before the first key, got {spaces}; indent {key} as"
            f" {_shown(seen.line.partition(':')[0])}, which has none",
            number + 1,
            spaces + 1,
        )
    return NotYaml(message, number + 1, _indent(seen.lines[number]) + 1)


def _escape(seen: _Seen) -> NotYaml:
    return seen.here(
        "expected an escape that YAML knows, such as \\n or \\\\, after the backslash in double quotes; use single"
        " quotes, in which a backslash has no special meaning"
    )


def _version(seen: _Seen) -> NotYaml:
    return seen.here("expected YAML 1.2, got another version; remove the line that begins with %")


def _says(words: str) -> Callable[[_Seen], bool]:
    return lambda seen: words in seen.problem or words in seen.context


_WORDS: Sequence[tuple[Callable[[_Seen], bool], Callable[[_Seen], NotYaml]]] = (
    (_says("single document"), _second_document),
    (_has_tab, _tab),
    (lambda seen: bool(_lines_with_open_quote(seen)), _quote_above),
    (_says("cannot start any token"), _reserved),
    (_says("mapping values are not allowed"), _second_colon),
    (_says("unexpected end of stream"), _open_quote),
    (_says("document separator"), _open_quote),
    (_says("escape"), _escape),
    (_says("while parsing a flow mapping"), _flow),
    (_says("while parsing a flow sequence"), _flow),
    (_says("undefined alias"), _needs_quotes),
    (_says("while scanning an alias"), _needs_quotes),
    (_says("while scanning an anchor"), _needs_quotes),
    (_says(" tag"), _needs_quotes),
    (_says("while scanning a block scalar"), _needs_quotes),
    (_says("mapping keys are not allowed"), _needs_quotes),
    (_says("incompatible"), _version),
    (_says("directive"), _needs_quotes),
    (_says("sequence entries are not allowed"), _item_behind_key),
    (_says("could not find expected ':'"), _no_colon),
    (_says("expected the node content"), _no_value),
    (_says("expected <block end>"), _wrong_indentation),
    (_says("<document start>"), _end_of_document),
)
"""By the words of ruamel.yaml's reader; the first that fits."""
