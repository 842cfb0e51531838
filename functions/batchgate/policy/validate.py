"""Reading a policy document out of plain data, with every problem told at once.

The shape is walked along the structs of `model`; what a shape alone can't say (names, references,
times, exactly one key) is checked on the way. Only a document without a problem is decoded.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct, field, inspect

from batchgate.errors import PolicyError, Problem
from batchgate.jobs.model import KNOWN_OPERATIONS
from batchgate.policy import calendars, model, moments, parameters, patterns, suggestions
from batchgate.policy.as_written import NUMBER_AT_MOST as _NUMBER_AT_MOST
from batchgate.policy.as_written import keys as _keys
from batchgate.policy.as_written import show as _show
from batchgate.text import shorten

Path: TypeAlias = tuple[str | int, ...]

PLACEHOLDERS = ("account", "region", "partition")
"""What `${...}` may name; the values come from the job's ARN."""

MAX_NESTING = 2
"""How deep `any` and `all` may stand in one another."""

TAG_VALUE_AT_MOST = 256
"""Characters of a tag's value. Source: S3 User Guide, S3 Batch Operations tags; S3 API, Tag."""

_NAMES_NAMED = 12
_DEFINED = {"list": "lists", "calendar": "calendars", "policy or guardrail": "policies or guardrails"}
_FORMS: Mapping[str, Callable[[object], str]] = {
    str(model.DATE["form"]): suggestions.date_meant,
    str(model.TIME["form"]): suggestions.time_meant,
}

_PLACEHOLDER = re.compile(r"\$\{([^}]*)\}?")
_CONDITION_KEYS = frozenset(model.Condition.__struct_encode_fields__)
_REQUIREMENT_KEYS = frozenset(model.Requirement.__struct_encode_fields__)
_KEYS_NAMED = 6
_KEYS_LISTED_AT_MOST = 12
_BRACKETED_AT_MOST = 40
_MESSAGE_AT_MOST = 400
_TERM_WORDS = (
    ("at_least", "at_most"),
    ("before", "after", "within"),
    parameters.ELEMENT_WORDS,
    ("list",),
    ("glob",),
    ("not",),
    ("present",),
)
"""The kinds of tests; only words of one kind may stand side by side."""


def read_document(data: object) -> model.PolicyDocument:
    """Decode one policy document, refusing all that policy-language does not say.

    Args:
        data: What a YAML or JSON parser made of it.

    Raises:
        PolicyError: With every problem found, each with its path.
    """
    problems = find_problems(data)
    if problems:
        raise PolicyError(problems)
    try:
        return msgspec.convert(data, model.PolicyDocument)
    except msgspec.ValidationError as error:
        raise PolicyError([Problem((), str(error))]) from error


def find_problems(data: object, *, references: bool = True) -> list[Problem]:
    """List every problem of a would-be document, in the order of reading.

    Args:
        data: The document.
        references: Also names used twice and names that lead nowhere; False for one file of several.
    """
    reader = _Reader()
    reader.read(data, _document_type(), ())
    if references:
        reader.check_references()
    return reader.problems


def find_reference_problems(data: object) -> list[Problem]:
    """List only names used twice and names that lead nowhere."""
    reader = _Reader()
    reader.read(data, _document_type(), ())
    shape = len(reader.problems)
    reader.check_references()
    return reader.problems[shape:]


@cache
def _document_type() -> inspect.Type:
    return inspect.type_info(model.PolicyDocument)


@cache
def _names_term() -> inspect.Type:
    return inspect.type_info(model.NamesTerm)


class _Reader(Struct):
    """One walk over one document.

    Attributes:
        nesting: How many `any` and `all` stand around the current condition.
        asking: Whether the current condition is a requirement's own (not of match or unless).
    """

    problems: list[Problem] = field(default_factory=list)
    nesting: int = 0
    asking: bool = False
    names: list[tuple[Path, str]] = field(default_factory=list)
    liftable: set[str] = field(default_factory=set)
    lifted: list[tuple[Path, str]] = field(default_factory=list)
    list_uses: list[tuple[Path, str, bool]] = field(default_factory=list)
    tag_lists: set[str] = field(default_factory=set)
    closed_uses: list[tuple[Path, str, tuple[str, ...]]] = field(default_factory=list)
    window_uses: list[tuple[Path, str]] = field(default_factory=list)
    lists: dict[str, object] = field(default_factory=dict)
    calendars: set[str] = field(default_factory=set)

    def wrong(self, path: Path, message: str) -> None:
        self.problems.append(Problem(path, shorten(message, _MESSAGE_AT_MOST)))

    # --- the shape --------------------------------------------------------------------------------

    def read(self, value: object, kind: inspect.Type, path: Path) -> None:
        """Check `value` against one type of the model, then against the rules of that type."""
        form = None
        if isinstance(kind, inspect.Metadata):
            form = (kind.extra or {}).get("form")
            if isinstance(value, str) and kind.extra in (model.PATTERN, model.GLOB):
                self._check_placeholders(value, path)
            if isinstance(value, str) and kind.extra == model.GLOB:
                self._check_glob(value, path)
            kind = kind.type
        if form is not None and not isinstance(value, str):
            self.wrong(path, _expected(form, value) + _write(_FORMS[form](value), value))
            return
        match kind:
            case inspect.UnionType(types=types):
                self._read_union(value, types, path)
            case inspect.StructType():
                self._read_struct(value, kind, path)
            case inspect.VarTupleType():
                self._read_list(value, kind, path)
            case inspect.DictType():
                self._read_mapping(value, kind, path)
            case _:
                self._read_scalar(value, kind, path)

    def _read_union(self, value: object, kinds: Sequence[inspect.Type], path: Path) -> None:
        for kind in kinds:
            if _same_family(value, _plain(kind)):
                self.read(value, kind, path)
                return
        hints = filter(None, (_other_form(value, kind, path[-1]) for kind in kinds))
        self.wrong(path, _expected(_describe_any(kinds), value) + next(hints, ""))

    def _read_struct(self, value: object, kind: inspect.StructType, path: Path) -> None:
        if not isinstance(value, dict):
            self.wrong(path, _expected(_describe(kind), value) + _other_form(value, kind, path[-1] if path else ""))
            return
        fields = {member.encode_name: member for member in kind.fields}
        foreign = _foreign_word(value, kind, fields, path)
        if foreign:
            self.wrong((*path, foreign[0]), foreign[1])
            return
        meant = _meant(value, kind, fields)
        rule = _RULES.get(kind.cls)
        if rule is not None:
            rule(self, {str(meant.get(key, key)): content for key, content in value.items()}, path)
        around = (self.nesting, self.asking)
        for written, content in value.items():
            key = meant.get(written, written)
            if key not in fields or key != written:
                self.wrong((*path, str(written)), _unknown_key(str(written), kind, fields, meant.get(written)))
            if key in fields:  # what a misspelled key says is looked at, too
                self._enter(key, kind.cls)
                if self.nesting <= MAX_NESTING:  # what is deeper has been told, and could go down for ever
                    self._read_member(content, kind.cls, fields[key], (*path, written))
                self.nesting, self.asking = around
        for name, member in fields.items():
            if member.required and name not in value and name not in meant.values():
                self.wrong(path, f"{name} is missing; {_missing(kind.cls, name)}")

    def _read_member(self, content: object, form: type, member: inspect.Field, path: Path) -> None:
        """One member of a struct, which may be a value that S3 chooses from a closed set."""
        sound = len(self.problems)
        self.read(content, member.type, path)
        closed = _CLOSED_SETS.get((form, member.encode_name))
        if closed and len(self.problems) == sound:
            self._note(parameters.closed_set_mistakes(parameters.closed_set(closed), content), path, content)

    def _enter(self, key: str, form: type) -> None:
        """Note where the conditions below `key` stand."""
        if issubclass(form, model.Condition):
            if key in ("any", "all"):
                self.nesting += 1
            elif key == "unless":
                self.nesting, self.asking = 0, False
        elif key in ("match", "require"):
            self.nesting, self.asking = 0, key == "require"

    def _read_list(self, value: object, kind: inspect.VarTupleType, path: Path) -> None:
        if not isinstance(value, list | tuple):
            hint = _as_items(value, kind.item_type) if isinstance(value, dict) else ""
            if isinstance(value, str | int) and not isinstance(_plain(kind.item_type), inspect.StructType):
                bracketed = _as_yaml(value)
                hint = f"; put it in brackets: [{bracketed}]" if len(bracketed) <= _BRACKETED_AT_MOST else ""
            self.wrong(path, _expected(_describe(kind), value) + hint)
            return
        if kind.min_length and not value:
            then = _INSTEAD_OF_NOTHING.get(path[-1], "add one, or remove the key")
            self.wrong(path, f"expected at least one item, got an empty list; {then}")
        for index, item in enumerate(value):
            self.read(item, kind.item_type, (*path, index))

    def _read_mapping(self, value: object, kind: inspect.DictType, path: Path) -> None:
        if not isinstance(value, dict):
            self.wrong(path, _expected(_describe(kind), value) + _as_mapping(value, path))
            return
        if kind.min_length and not value:
            self.wrong(path, "expected at least one key, got none; add one, or remove the check")
        if path[-1] == "tags" and (key := suggestions.key_of_aws_tags(value)) is not None:
            self.wrong(path, f"tags are written {{{_as_yaml(key)}: VALUE}}, without TagSet, Key and Value")
            return
        if path[-1] in parameters.ELEMENT_WORDS and parameters.text_term(value):
            self.read(value, _names_term(), path)
            return
        for key, content in value.items():
            if not isinstance(key, str):
                self.wrong((*path, str(key)), f"expected a text key, got {key!r}; write it in quotes")
            elif not _is_encodable(key):
                self.wrong(path, "expected a text key, got half of a surrogate pair; write the character itself")
            elif path[-1] in (*parameters.ELEMENT_WORDS, *parameters.CHECKS):
                self._read_parameter(key, content, kind.value_type, path)
            else:
                wanted = _plain(kind.key_type)
                if isinstance(wanted, inspect.StrType) and not _has_length(key, wanted):
                    self.wrong((*path, key), _wrong_length(wanted, key))
                self.read(content, kind.value_type, (*path, key))

    def _read_parameter(self, key: str, content: object, kind: inspect.Type, path: Path) -> None:
        """One path into S3's request model with its test; what the model says is asked of a test that has a form."""
        sound = len(self.problems)
        _parameter_path(self, key, (*path, key))
        self.read(content, kind, (*path, key))
        check = next((check for check in parameters.CHECKS if check == path[-1]), None)
        if check and len(self.problems) == sound:
            self._note(parameters.mistakes_in(check, key, content), (*path, key), content)

    def _read_scalar(self, value: object, kind: inspect.Type, path: Path) -> None:
        if not _same_family(value, kind):
            self.wrong(path, _expected(_describe(kind), value) + _other_form(value, kind, path[-1] if path else ""))
            return
        match kind:
            case inspect.LiteralType(values=values):
                if value not in values:
                    meant = suggestions.value_meant(str(value), suggestions.in_order(values))
                    hint = f"; write {meant}" if meant and "," in meant else f"; did you mean {meant}?" if meant else ""
                    hint = hint or _other_form(value, kind)
                    self.wrong(path, _expected(_describe(kind), value) + hint)
            case inspect.IntType(ge=lowest) if isinstance(value, int):
                if abs(value) > _NUMBER_AT_MOST:
                    self.wrong(path, f"expected a whole number up to {_NUMBER_AT_MOST}, got a larger one")
                elif lowest is not None and value < lowest:
                    self.wrong(path, _expected(_describe(kind), value))
            case inspect.StrType() if isinstance(value, str):
                self._read_text(value, kind, path)
            case _:
                pass

    def _read_text(self, value: str, kind: inspect.StrType, path: Path) -> None:
        if not _is_encodable(value):
            self.wrong(path, "expected text, got half of a surrogate pair; write the character itself")
        if not _has_length(value, kind):
            self.wrong(path, _wrong_length(kind, value))
        elif kind.pattern is not None and not re.search(kind.pattern.replace("$", r"\Z"), value):
            hint = _other_text(kind) or _other_form(value, kind, path[-1])
            self.wrong(path, _expected(_describe(kind), value) + hint)

    def _note(self, found: Iterator[parameters.Mistake | parameters.Use], path: Path, test: object) -> None:
        """Take over what is wrong with a test; what a named list says is compared when all lists are known."""
        for each in found:
            if isinstance(each, parameters.Use):
                self.closed_uses.append(((*path, *each.path), each.name, each.values))
            else:
                written = _at(each[0], test)
                is_list = isinstance(written, str) and written in self.lists
                self.wrong((*path, *each[0]), each[1] + (f"; write {{list: {written}}}" if is_list else ""))

    def _check_placeholders(self, value: str, path: Path) -> None:
        for found in _PLACEHOLDER.finditer(value):
            if found.group(1) not in PLACEHOLDERS or not found.group(0).endswith("}"):
                known = ", ".join(f"${{{name}}}" for name in PLACEHOLDERS)
                self.wrong(path, f"expected one of {known}, got {_show(found.group(0))}")

    def _check_glob(self, value: str, path: Path) -> None:
        try:
            patterns.check_glob(value)
        except patterns.GlobError as error:
            self.wrong(path, str(error))

    # --- what the whole document must say ------------------------------------------------------------

    def check_references(self) -> None:
        """Names used twice, and names that lead nowhere."""
        seen: dict[str, Path] = {}
        for path, name in self.names:
            if name in seen:
                first = Problem(seen[name], "").where
                message = f"the name {_show(name)} is already used by {first}; every statement needs a unique name"
                self.problems.append(Problem(path, message, related=seen[name]))
            else:
                seen[name] = path
        for path, name in self.lifted:
            self._must_be_known(path, name, self.liftable, "policy or guardrail")
        for path, name, of_calendars in self.list_uses:
            if self._must_be_known(path, name, self.lists, "list") and of_calendars:
                self._use_in_window(path, self.lists[name])
        self._check_closed_sets()
        for path, name in self.window_uses:
            self._must_be_known(path, name, self.calendars, "calendar")
        for name in sorted(self.tag_lists & self.lists.keys()):
            _tags(self, self.lists[name], ("lists", name))

    def _use_in_window(self, path: Path, values: object) -> None:
        for value in values if isinstance(values, list | tuple) else ():
            if isinstance(value, str):
                self.window_uses.append((path, value))
            elif isinstance(value, dict) and "glob" in value:
                self.wrong(path, _NO_GLOB_IN_WINDOW)

    def _check_closed_sets(self) -> None:
        """Named lists where S3 chooses from a closed set; each list is looked through once for each set."""
        outside = {use[1:]: self._first_outside(*use[1:]) for use in self.closed_uses}
        for path, name, closed in self.closed_uses:
            value = outside[name, closed]
            if value is not None:
                self.wrong(path, f"the list {name}: {parameters.outside(value, closed)}")

    def _first_outside(self, name: str, closed: Sequence[str]) -> patterns.Pattern | None:
        """The first value of a named list that is not of a closed set."""
        return next((value for value in self._values_of(name) if not parameters.is_of_closed_set(value, closed)), None)

    def _values_of(self, name: str) -> Iterator[patterns.Pattern]:
        """The patterns of a named list; of what is none, nothing."""
        values = self.lists.get(name)
        for value in values if isinstance(values, list | tuple) else ():
            pattern = parameters.as_pattern(value)
            if isinstance(pattern, str) or (isinstance(pattern, patterns.Glob) and _is_glob(pattern.text)):
                yield pattern

    def _must_be_known(self, path: Path, name: str, known: Mapping[str, object] | set[str], what: str) -> bool:
        if name in known:
            return True
        near = suggestions.nearest(name, known)
        names = ", ".join(sorted(known)[:_NAMES_NAMED]) + (", ..." if len(known) > _NAMES_NAMED else "")
        hint = f"did you mean {near}?" if near else f"known: {names}" if known else f"define it under {_DEFINED[what]}"
        if what == "policy or guardrail" and name in ("all", "*"):
            hint = f"there is no {name}; name the statements"
        if what == "calendar" and name[:1].isdigit():
            hint = "define a calendar with these times under calendars, and write its name here"
        if what == "calendar" and name in self.lists:
            hint = f"write {{list: {name}}}"
        self.wrong(path, f"no {what} is named {_show(name)}; {hint}")
        return False


# --- rules of single structs ------------------------------------------------------------------------


def _document(reader: _Reader, value: Mapping[str, object], _path: Path) -> None:
    for key in ("lists", "calendars"):
        named = value.get(key)
        if isinstance(named, dict):
            names = {str(name): content for name, content in named.items()}
            if key == "lists":
                reader.lists = names
            else:
                reader.calendars = set(names)
                most = model.CALENDARS_AT_MOST
                if len(names) > most:
                    reader.wrong((key,), f"expected at most {most} calendars, got {len(names)}; combine some of them")


def _statement(reader: _Reader, value: Mapping[str, object], path: Path) -> None:
    name = value.get("name")
    if isinstance(name, str):
        reader.names.append(((*path, "name"), name))
        reader.liftable.add(name)
    asked = value.get("require")
    for index, requirement in enumerate(asked if isinstance(asked, list | tuple) else ()):
        if isinstance(requirement, dict) and "grace" in requirement:
            nearest = requirement.get("on_violation", value.get("on_violation", "hold"))
            if nearest != "cancel" or "manual_approval" in requirement:
                reader.wrong(
                    (*path, "require", index, "grace"),
                    "grace is allowed only beside on_violation: cancel; a held job is not cancelled",
                )


def _exemption(reader: _Reader, value: Mapping[str, object], path: Path) -> None:
    name, lifts, expires = value.get("name"), value.get("lifts"), value.get("expires")
    if isinstance(name, str):
        reader.names.append(((*path, "name"), name))
    for index, lifted in enumerate(lifts if isinstance(lifts, list | tuple) else ()):
        if isinstance(lifted, str):
            reader.lifted.append(((*path, "lifts", index), lifted))
    if isinstance(expires, str):
        try:
            calendars.parse_date(expires)
        except calendars.CalendarValueError as error:
            reader.wrong((*path, "expires"), f"{error}{_write(suggestions.date_meant(expires), expires)}")
    _zone(reader, value, path)


def _at(path: Path, value: object) -> object:
    """What stands at a path below a value; None where it leads nowhere."""
    for step in path:
        if isinstance(value, dict):
            value = value.get(step)
        else:
            value = value[step] if isinstance(value, list | tuple) and isinstance(step, int) else None
    return value


def _is_glob(text: str) -> bool:
    try:
        patterns.check_glob(text)
    except patterns.GlobError:
        return False
    return True


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _condition(reader: _Reader, value: Mapping[str, object], path: Path) -> None:
    keys = [key for key in value if key in _CONDITION_KEYS]
    if not keys and not any(key not in _REQUIREMENT_KEYS for key in value):
        then = "add the check, such as total_tasks"
        if value and path[-2:-1] == ("require",) and path[-1] != 0:
            then = f"remove the dash: {next(iter(value))} belongs beside the check of the item above"
        reader.wrong(path, f"expected one check, any or all; got {_keys(value)}; {then}")
    elif len(keys) > 1:
        reader.wrong(path, f"expected one check per item, got {', '.join(keys)}; make each a separate item (`- `)")
    for key in ("any", "all"):
        if key in value and reader.nesting >= MAX_NESTING:
            reader.wrong(
                (*path, key),
                f"any and all may be nested at most {MAX_NESTING} deep; split this into several items or statements",
            )
    if "manual_approval" in value and not reader.asking:
        reader.wrong(
            (*path, "manual_approval"),
            "allowed only in require, not in match, unless or exceptions; move it to require",
        )
    if "tags" in value:
        _tags(reader, value["tags"], (*path, "tags"))
    if "window" in value:
        _window(reader, value["window"], (*path, "window"))


def _requirement(reader: _Reader, value: Mapping[str, object], path: Path) -> None:
    _condition(reader, value, path)
    if "manual_approval" in value and "on_violation" in value:
        reader.wrong(
            (*path, "on_violation"), "manual_approval is never violated, the job waits for it; remove on_violation"
        )


def _window(reader: _Reader, value: object, path: Path) -> None:
    """Note the calendars that a window names, in whatever form."""
    if isinstance(value, str):
        reader.window_uses.append((path, value))
    elif isinstance(value, list | tuple):
        for index, name in enumerate(value):
            if isinstance(name, str) or (isinstance(name, dict) and "glob" in name):  # others are told as such
                _window(reader, name, (*path, index))
    elif isinstance(value, dict):
        if "present" in value:
            reader.wrong((*path, "present"), "window takes the names of calendars and has no present; name a calendar")
        if "glob" in value:
            reader.wrong((*path, "glob"), _NO_GLOB_IN_WINDOW)
        if isinstance(value.get("list"), str):
            reader.list_uses.append(((*path, "list"), value["list"], True))
        if "not" in value and path[-1] != "not":
            _window(reader, value["not"], (*path, "not"))


_NO_GLOB_IN_WINDOW = "a window takes calendars' names, each written out; list the calendars that are meant"


def _is_of_window(path: Path) -> bool:
    """Whether a term is a window's own: a tag may be called window too."""
    steps = path[:-1] if path[-1] == "not" else path
    return steps[-1] == "window" and isinstance(steps[-2], int)


def _tags(reader: _Reader, tests: object, path: Path, depth: int = 3) -> None:
    """Values that no tag is long enough for; below a key, in a list and inside `not`, and no deeper."""
    if isinstance(tests, str):
        if len(tests) > TAG_VALUE_AT_MOST:
            reader.wrong(path, f"expected at most {TAG_VALUE_AT_MOST} characters, got {len(tests)} of them")
    elif isinstance(tests, list | tuple):
        for index, value in enumerate(tests):
            if isinstance(value, str):
                _tags(reader, value, (*path, index))
    elif isinstance(tests, dict) and depth:
        for key, test in tests.items():
            if key == "list" and depth < 3 and isinstance(test, str):  # noqa: PLR2004 - a tag may be called list, too
                reader.tag_lists.add(test)
            else:
                _tags(reader, test, (*path, str(key)), depth - 1)


def _term(reader: _Reader, value: Mapping[str, object], path: Path) -> None:
    kinds = sum(any(word in value for word in words) for words in _TERM_WORDS)
    if kinds != 1 and (kinds or not value):  # what has no word of a test has been told
        then = "keep one here, and move the others to separate items" if kinds else "write one, such as {not: ...}"
        reader.wrong(path, f"expected exactly one kind of test here, got {_keys(value)}; {then}")
    _note_list(reader, value, path)
    for word in ("before", "after"):
        text = value.get(word)
        if isinstance(text, str):
            try:
                moments.parse_moment(text)
            except ValueError:
                what = "a date such as 2026-03-27 or an instant with its offset such as 2026-03-27T06:00:00Z"
                reader.wrong((*path, word), _wrong_moment(text, what))


def _wrong_moment(text: str, what: str) -> str:
    """What is wrong with a moment: of one in the form of a date, which part of it."""
    meant = suggestions.date_meant(text)
    if meant == text:
        try:
            calendars.parse_date(text)
        except calendars.CalendarValueError as error:
            return str(error)
    return _expected(what, text) + _write(meant, text)


def _note_list(reader: _Reader, value: Mapping[str, object], path: Path) -> None:
    if isinstance(value.get("list"), str) and not _is_of_window(path):
        reader.list_uses.append(((*path, "list"), str(value["list"]), False))


def _group(reader: _Reader, value: Mapping[str, object], path: Path) -> None:
    """Several words that must all hold, or `not` alone."""
    if not value:
        reader.wrong(path, "expected at least one test, got none; write one, or remove the check")
    if len(value) > 1 and "not" in value:
        reader.wrong((*path, "not"), "not must be the only key here; move the other keys into it or to another item")
    if len(value) > 1 and "present" in value:
        reader.wrong((*path, "present"), "present must be the only key here; move the other keys to another item")
    if path[-1] == "not":
        for key, content in value.items():
            if isinstance(content, dict) and "not" in content:
                reader.wrong((*path, key, "not"), "not can't be used inside not; remove one of the two")


def _open_row(reader: _Reader, value: Mapping[str, object], path: Path) -> None:
    if ("days" in value) == ("dates" in value):
        reader.wrong(
            path,
            f"expected either days or dates, got {_keys(value)}; write one here, and the other in a separate row",
        )
    _dates(reader, value.get("dates"), (*path, "dates"))
    times: dict[str, int] = {}
    for key in ("from", "to"):
        text = value.get(key)
        if isinstance(text, str):
            try:
                times[key] = calendars.parse_time(text, closing=key == "to")
            except calendars.CalendarValueError as error:
                ends = [*map(suggestions.time_meant, text.split("-"))]
                both = f'from: "{ends[0]}", to: "{ends[-1]}"' if len(ends) == 2 and all(ends) else ""  # noqa: PLR2004
                reader.wrong((*path, key), f"{error}{_write(both or suggestions.time_meant(text), text)}")
    if ("from" in value) != ("to" in value):
        reader.wrong(path, "from and to are used together or not at all; add the other one")
    if len(times) == 2 and times["from"] == times["to"]:  # noqa: PLR2004
        reader.wrong((*path, "to"), "from and to are equal; remove both for whole days")


def _zone(reader: _Reader, value: Mapping[str, object], path: Path) -> None:
    zone = value.get("timezone")
    if isinstance(zone, str):
        try:
            calendars.parse_zone(zone)
        except calendars.CalendarValueError as error:
            reader.wrong((*path, "timezone"), str(error))


def _calendar(reader: _Reader, value: Mapping[str, object], path: Path) -> None:
    _zone(reader, value, path)
    _dates(reader, value.get("closed"), (*path, "closed"))


def _dates(reader: _Reader, value: object, path: Path) -> None:
    for index, text in enumerate(value if isinstance(value, list | tuple) else ()):
        if isinstance(text, str):
            try:
                calendars.parse_dates(text)
            except calendars.CalendarValueError as error:
                reader.wrong((*path, index), f"{error}{_write(suggestions.date_meant(text), text)}")


def _parameter_path(reader: _Reader, key: str, path: Path) -> None:
    if not all(key.split(".")):
        reader.wrong(path, f"expected a dotted path such as LambdaInvoke.FunctionArn, got {_show(key)}")


_RULES: Mapping[type, Callable[[_Reader, Mapping[str, Any], Path], None]] = {
    model.PolicyDocument: _document,
    model.Policy: _statement,
    model.Guardrail: _statement,
    model.Exemption: _exemption,
    model.Condition: _condition,
    model.Requirement: _requirement,
    model.TextTerm: _term,
    model.PlainTextTerm: _term,
    model.ParameterTerm: _term,
    model.PlainParameterTerm: _term,
    model.ElementTerm: _term,
    model.PlainElementTerm: _term,
    model.Range: _term,
    model.PlainRange: _term,
    model.NamesTerm: _term,
    model.Report: _group,
    model.PlainReport: _group,
    model.Manifest: _group,
    model.PlainManifest: _group,
    model.Buckets: _group,
    model.PlainBuckets: _group,
    model.OpenRow: _open_row,
    model.CalendarForm: _calendar,
}

_CLOSED_SETS: Mapping[tuple[type, str], parameters.ClosedSet] = {
    (model.Report, "scope"): "report.scope",
    (model.PlainReport, "scope"): "report.scope",
    (model.Report, "format"): "report.format",
    (model.PlainReport, "format"): "report.format",
    (model.Manifest, "format"): "manifest.format",
    (model.PlainManifest, "format"): "manifest.format",
}


# --- words --------------------------------------------------------------------------------------------


def _plain(kind: inspect.Type) -> inspect.Type:
    return kind.type if isinstance(kind, inspect.Metadata) else kind


def _same_family(value: object, kind: inspect.Type) -> bool:
    match kind:
        case inspect.StructType() | inspect.DictType():
            return isinstance(value, dict)
        case inspect.VarTupleType():
            return isinstance(value, list | tuple)
        case inspect.BoolType():
            return isinstance(value, bool)
        case inspect.IntType():
            return isinstance(value, int) and not isinstance(value, bool)
        case inspect.StrType():
            return isinstance(value, str)
        case inspect.LiteralType(values=values):
            return type(value) is type(values[0])
        case _:
            return False


def _describe(kind: inspect.Type) -> str:
    """A type in words."""
    kind = _plain(kind)
    match kind:
        case inspect.StructType(cls=model.GlobTerm):
            return "{glob: PATTERN}"
        case inspect.StructType(fields=fields):
            names = [member.encode_name for member in fields]
            return f"a mapping with {', '.join(names[:_KEYS_NAMED])}{', ...' if len(names) > _KEYS_NAMED else ''}"
        case inspect.DictType():
            return "a mapping"
        case inspect.VarTupleType(item_type=item):
            return f"a list of items, each {_describe(item)}"
        case inspect.UnionType(types=types):
            return " or ".join(_describe(member) for member in types)
        case inspect.LiteralType(values=values):
            return suggestions.one_of(suggestions.in_order(values))
        case inspect.StrType():
            return _describe_text(kind)
        case inspect.IntType(ge=lowest):
            return "a whole number" if lowest is None else f"a whole number >= {lowest}"
        case _:
            return "true or false"


def _describe_any(kinds: Sequence[inspect.Type]) -> str:
    """Several types in words, a list of the others' after them."""
    lists = any(isinstance(_plain(kind), inspect.VarTupleType) for kind in kinds)
    words = [_describe(kind) for kind in kinds if not isinstance(_plain(kind), inspect.VarTupleType)]
    return suggestions.one_of([*words[:-1], "a list", words[-1]] if lists else words)


def _describe_text(kind: inspect.StrType) -> str:
    if kind.max_length is not None:
        return f"1 to {kind.max_length} {'printable ASCII ' if kind.pattern else ''}characters"
    if kind.pattern is not None:
        return f"a duration such as {'0s' if kind.pattern.startswith('^(0|') else '21d'}, 5m, 2h or 1d"
    return "text that is not empty" if kind.min_length else "text"


def _has_length(text: str, kind: inspect.StrType) -> bool:
    return len(text) >= (kind.min_length or 0) and (kind.max_length is None or len(text) <= kind.max_length)


_PLAIN = re.compile(r"(?!(?:true|false|null|yes|no|on|off)$)[A-Za-z][A-Za-z0-9_./*-]*", re.IGNORECASE)


def _as_yaml(value: object) -> str:
    """A text as YAML reads it as text: in quotes where it needs them."""
    text = str(value)
    return text if isinstance(value, str) and _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def _as_mapping(value: object, path: Path) -> str:
    """What to do about a list or a text where a mapping of tags is expected."""
    if path[-1] != "tags":
        return ""
    pairs = [_pair(each) for each in value] if isinstance(value, list | tuple) else []
    if pairs and all(pairs):
        written = f"{{{', '.join(f'{_as_yaml(key)}: {_as_yaml(test)}' for key, test in filter(None, pairs))}}}"
        return f"; write {written if len(written) <= _BRACKETED_AT_MOST else '{KEY: VALUE}'}"
    texts = value if isinstance(value, list | tuple) and len(value) == 2 else ()  # noqa: PLR2004 a key and a value
    key, test = map(_as_yaml, texts) if texts and all(isinstance(each, str) for each in texts) else ("KEY", "VALUE")
    return f"; write {{{key}: {test}}}" if len(key) + len(test) <= _BRACKETED_AT_MOST else "; write {KEY: VALUE}"


def _pair(tag: object) -> tuple[str, str] | None:
    """The key and the value of a tag that is written as AWS's APIs do; None for anything else."""
    match tag:
        case {"Key": str(key), "Value": str(value), **more} if not more:
            return key, value
        case _:
            return None


def _as_items(value: Mapping[str, object], item: inspect.Type) -> str:
    """What to do about a mapping where a list of mappings is expected."""
    form = _plain(item)
    named = {key: content for key, content in value.items() if isinstance(content, dict)}
    has_name = isinstance(form, inspect.StructType) and any(member.encode_name == "name" for member in form.fields)
    if value and len(named) == len(value) and has_name:
        name = shorten(str(next(iter(named))), _BRACKETED_AT_MOST)
        return f"; make each an item that begins with its name: `- name: {name}`"
    return "; put `- ` before it"


def _wrong_length(kind: inspect.StrType, text: str) -> str:
    got = f"{len(text)} of them; shorten it" if text else f"{_show(text)}; write it, or remove the key"
    return f"expected {_describe_text(kind)}, got {got}"


def _expected(what: str, value: object) -> str:
    return f"expected {what}, got {_show(value)}"


_INSTEAD_OF_NOTHING: Mapping[object, str] = {
    "require": "add a requirement, or remove the guardrail",
    "match": "add a condition, or remove match: without it the statement governs every job",
}
_UNIT_OF: Mapping[object, str] = {"cancel_grace": "m", "grace": "m"}
"""The unit of a setting's default, where it is not days: what a number without a unit means."""


def _other_mapping(value: object, form: type, key: object) -> str:
    """The same for what should be a mapping of one form."""
    if issubclass(form, model.PlainRange):
        meant = suggestions.range_meant(value)
        if key == "object_bytes":
            return "; it can't be measured yet, so every job is held for it; limit total_tasks"
        return f"; write {meant}" if meant else ""
    if issubclass(form, model.PlainBuckets):
        names = [value] if isinstance(value, str) else value if isinstance(value, list | tuple) else []
        shown = f"[{', '.join(map(_as_yaml, names))}]"
        shown = shown if names and len(shown) <= _BRACKETED_AT_MOST else "..."
        return f"; write {{any: {shown}}}, {{only: {shown}}} or {{none: {shown}}}"
    if issubclass(form, model.PlainReport) and isinstance(value, bool):
        return f"; write {{enabled: {str(value).lower()}}}"
    if issubclass(form, model.PlainTextTerm) and value is None and key not in _OF_EVERY_JOB:
        return "; write {present: true} or {present: false}"
    return _other_condition(value) if issubclass(form, model.Condition) and isinstance(value, str) else ""


_OF_EVERY_JOB = ("operation", "role", "account", "region")


def _other_condition(text: str) -> str:
    check, colon, _ = text.partition(":")
    if colon and check in _CONDITION_KEYS:
        return f"; a space is missing after the colon: {check}: ..."
    return f"; write operation: {text}" if text in KNOWN_OPERATIONS else ""


def _other_form(value: object, kind: inspect.Type, key: object = "") -> str:
    """How to write a value of another type so that it is of this one; "" where that is not clear."""
    match _plain(kind):
        case inspect.StrType(pattern=None) if isinstance(value, bool):
            return f'; write it in quotes: "{str(value).lower()}"'
        case inspect.StrType(pattern=None) if isinstance(value, int | float):
            since = suggestions.instant_meant(value) if key in ("before", "after") else ""
            if since:
                return f"; seconds since 1970 are not read; write {since}"
            return f'; write it in quotes: "{value}"' if abs(value) <= _NUMBER_AT_MOST else ""
        case inspect.StrType(pattern=str(), max_length=None):
            return _write(suggestions.duration_meant(value, _UNIT_OF.get(key, "d")), value)
        case inspect.BoolType():
            return _unquoted(suggestions.boolean_meant(value), value)
        case inspect.IntType() | inspect.LiteralType(values=(int(),)):
            duration = suggestions.duration_meant(value, "") if isinstance(value, str) and value[-1:].isalpha() else ""
            meant = _unquoted(suggestions.number_meant(value), value)
            return meant or (f"; only a time takes a duration, such as {{within: {duration}}}" if duration else "")
        case inspect.StructType(cls=form):
            return _other_mapping(value, form, key)
        case inspect.LiteralType(values=("required",)):
            counts = suggestions.counts_approvers(value)
            return (
                f"; {suggestions.other_word('approvals')}"
                if counts
                else f"; write {'manual_approval: ' if isinstance(value, dict) else ''}required"
            )
        case _:
            return ""


def _other_text(kind: inspect.StrType) -> str:
    """What to do about a text that is short enough and has a character too many."""
    return "" if kind.max_length is None else "; write it in one line of ASCII"


def _write(meant: str, value: object) -> str:
    """What to write instead of a value, where that is known and something else."""
    return f"; write {meant}" if meant and meant != value else ""


def _unquoted(meant: str, value: object) -> str:
    """The same for what is no text."""
    if isinstance(value, str) and meant and value == meant.replace("_", ""):
        return f"; write it without quotes: {value}"
    return _write(meant, value)


def _meant(value: Mapping[str, object], kind: inspect.StructType, known: Mapping[str, object]) -> dict[str, str]:
    """The known keys that unknown ones are near to, where it is clear which."""
    meant: dict[str, str] = {}
    for key in value:
        synonym = _synonym(str(key), kind)
        if key not in known and (synonym or suggestions.inflected(str(key), known) or not _elsewhere(str(key), kind)):
            near = synonym or suggestions.nearest(str(key), known)
            if near and near not in value and near not in meant.values():
                meant[key] = near
    return meant


def _foreign_word(
    value: Mapping[str, object], kind: inspect.StructType, known: Mapping[str, object], path: Path
) -> tuple[str, str] | None:
    """The one thing to say of a test that has no word of the language at all, and at which key; None if it has one."""
    if _RULES.get(kind.cls) is not _term and kind.cls is not model.GlobTerm:
        return None
    if not value or any(str(key) in known or suggestions.nearest(str(key), known) for key in value):
        return None
    first = str(next(iter(value)))
    if path[-1] == "operation" and first in KNOWN_OPERATIONS:
        return first, f"write operation: {first}, and in another item operation_parameters: {{{first}.MEMBER: VALUE}}"
    if path[-2:] == ("tags", "not") and isinstance(value[first], str):
        return first, f"write not at the tag: {{{_as_yaml(first)}: {{not: {_as_yaml(value[first])}}}}}"
    if path[-1] == "not" and set(value) == {"not"} and isinstance(value["not"], str):
        return first, f"not can't be used inside not; write {_as_yaml(path[-2])}: {_as_yaml(value['not'])}"
    if kind.cls is model.GlobTerm:
        for word in ("not", "list", "present"):
            if word in value:
                return word, f"{word} can't stand in a list of values; {_ALONE[word]}"
    steps = path[:-1] if isinstance(path[-1], int) else path
    check = next((check for check in parameters.CHECKS if steps[-2:-1] == (check,)), None)
    hints = (
        (check and parameters.below(check, str(steps[-1]), str(key)))
        or suggestions.word_of_test(str(key), of_window=path[-1] == "window")
        for key in value
    )
    hint = next(filter(None, hints), f"known here: {', '.join(known)}")
    return first, f"unknown key; {hint}"


_ALONE: Mapping[str, str] = {
    "not": "make two items, one of them with {not: ...} alone",
    "list": "write {list: NAME} without the brackets, or make two items under any",
    "present": "make two items under any, one of them with {present: ...} alone",
}


def _elsewhere(key: str, kind: inspect.StructType) -> str | None:
    """What to do with a key that has its place elsewhere, or that the language has another word for, or none at all."""
    if not issubclass(kind.cls, _KEYED):
        return None
    place = next((words for form, words in _PLACES.items() if key in form.__struct_encode_fields__), None)
    if place:
        return f"{key} belongs {place}"
    return suggestions.other_word(key) if issubclass(kind.cls, _WITH_OTHER_WORDS) else None


def _synonym(key: str, kind: inspect.StructType) -> str | None:
    """The key of an exception that people call otherwise."""
    return _OF_EXCEPTIONS.get(key) if issubclass(kind.cls, model.Exemption) else None


_OF_EXCEPTIONS: Mapping[str, str] = {
    **dict.fromkeys(("until", "end", "ends", "expiry", "expiration", "valid_until", "expires_at"), "expires"),
    **dict.fromkeys(("reason", "why", "justification", "ticket"), "because"),
    **dict.fromkeys(("for", "of", "policy", "policies", "guardrail", "guardrails", "statement"), "lifts"),
}
_WITH_OTHER_WORDS = (model.Condition, model.Statement, model.PolicyDocument)
_KEYED = (*_WITH_OTHER_WORDS, model.Exemption, model.CalendarForm, model.OpenRow)
_PLACES: Mapping[type[Struct], str] = {
    model.PolicyDocument: "at the top of the file",
    model.Policy: "in an item of policies or guardrails",
    model.Condition: "in an item of match, require or unless",
    model.Requirement: "in an item of require, beside its check",
    model.CalendarForm: "in a calendar",
    model.Exemption: "in an item of exceptions",
    model.OpenRow: "in an item of a calendar's open",
}


def _unknown_key(key: str, kind: inspect.StructType, known: Mapping[str, object], meant: str | None) -> str:
    near = meant or suggestions.nearest(key, known)
    synonym = _synonym(key, kind)
    hint = (
        (f"write {synonym}" if synonym else f"did you mean {meant}?" if meant else None)
        or _elsewhere(key, kind)
        or (f"did you mean {near}?" if near else None)
        or _in_other_words(key, kind)
        or f"known here: {_listed(key, known)}"
    )
    return f"unknown key; {hint}"


def _listed(key: str, known: Mapping[str, object]) -> str:
    """The known keys; of many those that are most alike, and how many more there are."""
    if len(known) <= _KEYS_LISTED_AT_MOST:
        return ", ".join(known)
    near = suggestions.most_alike(key, known)
    return f"{', '.join(near)} and {len(known) - len(near)} more: docs/policy-reference.md"


def _in_other_words(key: str, kind: inspect.StructType) -> str | None:
    """What a key means that is near to none of its place: one of another place, or a wish that a word of it says."""
    if _RULES.get(kind.cls) is _term:
        if issubclass(kind.cls, model.PlainRange) and key.isdigit():
            return "a comma separates keys here; write numbers without it, as 1_000"
        return suggestions.word_of_test(key)
    if issubclass(kind.cls, model.PlainBuckets):
        return suggestions.word_of_buckets(key)
    if not issubclass(kind.cls, _KEYED):
        return None
    for form, place in _PLACES.items():
        other = suggestions.inflected(key, form.__struct_encode_fields__)
        if other:
            return f"did you mean {other}? It belongs {place}"
    return suggestions.wish_in(key) if issubclass(kind.cls, _WITH_OTHER_WORDS) else None


def _missing(form: type, name: str) -> str:
    """What to do where a key is not there."""
    if form is model.Policy and name == "require":
        return "write what jobs must meet, or require: [] if the match is enough"
    return _TO_WRITE[name]


_TO_WRITE: Mapping[str, str] = {
    "version": "write version: 1",
    "name": "give it a unique name",
    "require": "write what the jobs that it matches must meet",
    "lifts": "name the policies and guardrails whose requirements it lifts, in brackets: [NAME]",
    "match": "write which jobs it is for",
    "expires": "write its last day, such as expires: 2026-12-31",
    "because": "write why there is an exception, such as a ticket",
    "timezone": "write an IANA time zone, such as Europe/Berlin",
    "open": "write when it is open, such as open: [{days: [sat, sun]}]",
    "glob": 'write the pattern, such as {glob: "CHG-[0-9][0-9]"}',
}


def placeholders_in(text: str) -> Iterator[str]:
    """The names that stand in `${...}` in a valid pattern."""
    for found in _PLACEHOLDER.finditer(text):
        yield found.group(1)
