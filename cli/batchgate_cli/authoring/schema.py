"""The JSON Schema of policy files, for editors and other programs that read policies.

It is drawn from the structs of `batchgate.policy.model`, as the reader is, and says the reader's rules
wherever JSON Schema can: what only names, time zones or other keys decide is left to
`batchgate policy check`. Every valid document is valid by the schema too.

Draft 7, because every editor completes by it. `5_000_000` is a number in a policy file and a text to the
YAML readers of editors, so the schema takes both.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias, get_args

from msgspec import inspect

from batchgate.jobs.model import KNOWN_OPERATIONS
from batchgate.jobs.request_model import Kind, Shape
from batchgate.policy import model, parameters
from batchgate.policy.model import MAX_NESTING, PLACEHOLDERS, TAG_VALUE_AT_MOST
from batchgate.policy.validation.parameters import ClosedSet, closed_set
from batchgate.policy.validation.prices import priced_by_size
from batchgate_cli.authoring.check_descriptions import CHECKS, FORMS
from batchgate_cli.authoring.key_descriptions import JOINING, KEYS
from batchgate_cli.authoring.operations import (
    RequestParameter,
    element_members,
    generator_members,
    operation_parameters,
)

Schema: TypeAlias = "bool | int | str | list[Schema] | dict[str, Schema] | None"
Part: TypeAlias = dict[str, Schema]
Scalar: TypeAlias = bool | int | str | None

DRAFT: Final = "http://json-schema.org/draft-07/schema#"

_UNDERSCORED = r"^\+?[1-9][0-9]*(_[0-9]+)+$"
_UNDERSCORED_MONEY = rf"^\+?[1-9][0-9]*(_[0-9]+)+(\.[0-9]{{0,{model.MONEY_DECIMALS}}}0*)?$"
_WANTED_GLOB = "expected classes that are closed, as [0-9], and ${account}, ${region} or ${partition} outside of them"
_WANTED_NUMBER = "expected a whole number such as 5_000_000"
_PLACEHOLDER = rf"^([^$]|\$(?!\{{)|\$\{{({'|'.join(PLACEHOLDERS)})\}})*$"
_GLOB = rf"^([^\[$]|\$(?!\{{)|\$\{{({'|'.join(PLACEHOLDERS)})\}}|\[!?\]?[^\]]*\])*$"
_TIME = "([01][0-9]|2[0-3]):[0-5][0-9]"
_MONTH_AND_DAY = "(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_DATE = f"[0-9]{{4}}-{_MONTH_AND_DAY}"
_WANTED_DATES = "expected a date or FIRST..LAST, each YYYY-MM-DD or MM-DD"
_DATES = rf"^({_DATE}(\.\.{_DATE})?|{_MONTH_AND_DAY}(\.\.{_MONTH_AND_DAY})?)$"

_CLOSED: Final[Sequence[ClosedSet]] = ("report.scope", "report.format", "manifest.format")

_EXAMPLES: Mapping[str, Sequence[str]] = {"operation": sorted(KNOWN_OPERATIONS)} | {
    key: closed_set(key) for key in _CLOSED
}
"""What editors offer for a text, by the keys that lead to it; of `_CLOSED` it is all that S3 has."""

_PRICED: Mapping[str, Sequence[str]] = {
    "million_requests": sorted(KNOWN_OPERATIONS),
    "gibibyte": sorted(priced_by_size()),
}
_ZONES = ("UTC", "America/Los_Angeles", "America/New_York", "Asia/Kolkata", "Asia/Tokyo", "Europe/Berlin")


def policy_schema() -> dict[str, Schema]:
    """Make the JSON Schema of one policy file, as plain data that JSON can write; the same every time."""
    writer = _Writer()
    root = writer.of(inspect.type_info(model.PolicyDocument), _Where())
    return {
        "$schema": DRAFT,
        "description": "The policies with which batchgate evaluates S3 Batch Operations jobs.",
        **root,
        "definitions": dict(sorted(writer.definitions.items())),
    }


@dataclass(frozen=True, slots=True)
class _Where:
    """Where in a document a part of the schema stands.

    Attributes:
        nesting: How many `any` and `all` stand around a condition.
        asking: Whether a condition is a requirement's own, in which a person may be asked for.
        denied: Whether it stands inside `not`.
        keys: The keys below the condition that lead here, joined by dots.
    """

    nesting: int = 0
    asking: bool = False
    denied: bool = False
    keys: str = ""


@dataclass(slots=True)
class _Writer:
    """Writes each type of the model once for each kind of place that it stands in."""

    definitions: dict[str, Schema] = field(default_factory=dict)
    named: dict[str, Shape] = field(default_factory=dict)

    def define(self, name: str, make: Callable[[], Part]) -> Part:
        """Refer to a definition, making it when it is first referred to."""
        if name not in self.definitions:
            self.definitions[name] = None  # conditions hold conditions
            self.definitions[name] = make()
        return {"$ref": f"#/definitions/{name}"}

    # --- by the kind of type ----------------------------------------------------------------------

    def of(self, kind: inspect.Type, where: _Where) -> Part:
        """Write one type of the model."""
        extra = kind.extra if isinstance(kind, inspect.Metadata) else None
        if extra == model.GLOB:
            return self.define(
                "glob", lambda: {"type": "string", "pattern": _GLOB, "patternErrorMessage": _WANTED_GLOB}
            )
        match kind.type if isinstance(kind, inspect.Metadata) else kind:
            case inspect.UnionType(types=types):
                return self.union(types, where)
            case inspect.StructType() as struct:
                return self.struct(struct, where)
            case inspect.VarTupleType(item_type=item, min_length=fewest, max_length=most):
                return {"type": "array", "items": self.of(item, where), **_limits(minItems=fewest, maxItems=most)}
            case inspect.DictType(key_type=key, value_type=value, min_length=fewest, max_length=most):
                keys = self.of(key, where)
                return {
                    "type": "object",
                    "additionalProperties": self.of(value, where),
                    **({"propertyNames": keys} if len(keys) > 1 else {}),
                    **_limits(minProperties=fewest, maxProperties=most),
                }
            case inspect.LiteralType(values=values):
                return {"enum": _in_order(values)}
            case inspect.StrType(min_length=fewest, max_length=most, pattern=pattern):
                limits = _limits(minLength=fewest, maxLength=most, pattern=pattern)
                return self.pattern(where) if extra == model.PATTERN else {"type": "string", **limits}
            case inspect.IntType() | inspect.DecimalType() as number:
                return self.any_number(number)
            case inspect.BoolType():
                return {"type": "boolean"}
            case unforeseen:
                raise NotImplementedError(f"the model has a type that the schema does not know: {unforeseen}")

    def union(self, kinds: Sequence[inspect.Type], where: _Where) -> Part:
        """Any of several types; where texts are compared, the same in all places."""
        terms = [kind.cls for kind in kinds if isinstance(kind, inspect.StructType)]
        name = _NAMES.get(terms[0]) if terms else None
        if name is None:
            return {"anyOf": [self.of(kind, where) for kind in kinds]}
        denied = "-inside-not" if where.denied else ""
        return self.define(
            f"{name}{_suffix(where)}{denied}", lambda: {"anyOf": [self.of(kind, where) for kind in kinds]}
        )

    def pattern(self, where: _Where) -> Part:
        """Text in which placeholders may stand."""
        part: Part = {
            "type": "string",
            "pattern": _PLACEHOLDER,
            "patternErrorMessage": "expected ${account}, ${region} or ${partition}; no other ${...} is known",
        }
        if where.keys in _CLOSED:
            part |= _closed(_EXAMPLES[where.keys])
        elif where.keys in _EXAMPLES:
            part["examples"] = list(_EXAMPLES[where.keys])
        if where.keys == "tags":
            part["maxLength"] = TAG_VALUE_AT_MOST
        return self.define(f"pattern{_suffix(where)}", lambda: part)

    def any_number(self, kind: inspect.IntType | inspect.DecimalType) -> Part:
        """A whole number, or an amount of dollars."""
        return self.number(kind.ge) if isinstance(kind, inspect.IntType) else self.define("us-dollars", _money)

    def number(self, lowest: int | None) -> Part:
        """A whole number, also with underscores, which editors read as a text."""
        if lowest is None:
            return {"type": "integer"}  # stands beside text, which underscores are
        return self.define(
            f"count-from-{lowest}" if lowest else "count",
            lambda: {
                "anyOf": [
                    {"type": "integer", "minimum": lowest},
                    {"type": "string", "pattern": _UNDERSCORED, "patternErrorMessage": _WANTED_NUMBER},
                ]
            },
        )

    # --- structs ------------------------------------------------------------------------------------

    def struct(self, kind: inspect.StructType, where: _Where) -> Part:
        """A mapping with the keys of a struct, by the reader's rules for it."""
        if issubclass(kind.cls, model.Condition):
            return self.condition(kind, where)
        if kind.cls is model.GlobTerm:
            return self.define("glob-in-a-list", lambda: self.mapping(kind, where))
        return self.mapping(kind, where)

    def mapping(self, kind: inspect.StructType, where: _Where) -> Part:
        """A mapping with the keys of a struct that is no condition."""
        members = [member for member in kind.fields if not (where.denied and member.encode_name == "not")]
        required: list[Schema] = [member.encode_name for member in members if member.required]
        part: Part = {
            **_title(kind.cls),
            "type": "object",
            "properties": {member.encode_name: self.member(kind.cls, member, where) for member in members},
            **({"required": required} if required else {}),
            "additionalProperties": False,
        }
        if kind.cls is model.OpenRow:
            return {**part, "oneOf": _one_of("days", "dates"), "dependencies": {"from": ["to"], "to": ["from"]}}
        if kind.cls is model.Budget:
            return {**part, "anyOf": _one_of(*model.LIMITS)}
        if not required and kind.cls is not model.PolicyDocument:
            return {**part, "minProperties": 1, **_standing_alone([member.encode_name for member in members])}
        return part

    def member(self, form: type, member: inspect.Field, where: _Where) -> Part:
        """What stands below one key of a struct."""
        key = member.encode_name
        if issubclass(form, model.Statement | model.Exemption):
            inner = _Where(asking=key == "require")
        else:
            keys = where.keys if key == "not" else f"{where.keys}.{key}"
            inner = replace(where, denied=where.denied or key == "not", keys=keys)
        part = self.of(member.type, inner)
        if form is model.Prices and part.get("type") == "object":
            part = {**part, "title": "prices by operation", "propertyNames": {"enum": list(_PRICED[key])}}
        return _described(_narrowed(part, _TEXTS.get((form, key))), KEYS[form][key])

    def condition(self, kind: inspect.StructType, where: _Where) -> Part:
        """One check or one joining of conditions, and, for a requirement, what follows from its violation."""
        is_requirement = issubclass(kind.cls, model.Requirement)
        place = ("requirement" if is_requirement else "condition") + ("-of-require" if where.asking else "")
        name = f"{place}-{where.nesting}" if where.nesting else place
        return self.define(name, lambda: self._condition(kind, where, is_requirement=is_requirement))

    def _condition(self, kind: inspect.StructType, where: _Where, *, is_requirement: bool) -> Part:
        questions: Part = {}
        consequences: Part = {}
        for member in kind.fields:
            key = member.encode_name
            if (key in JOINING and where.nesting >= MAX_NESTING) or (key in _ASKED_FOR and not where.asking):
                continue
            inner = replace(where, keys=key)
            if key in JOINING:
                inner = replace(where, nesting=where.nesting + 1, asking=where.asking and key == "all")
            if key in CHECKS:
                questions[key] = self.check(key, member.type, inner)
            elif key in JOINING:
                questions[key] = _described(self.of(member.type, inner), JOINING[key])
            else:
                consequences[key] = _described(self.of(member.type, _Where()), KEYS[model.Requirement][key])
        part: Part = {
            **_title(kind.cls),
            "type": "object",
            "properties": {**questions, **consequences},
            "additionalProperties": False,
        }
        if not is_requirement:
            return {**part, "minProperties": 1, "maxProperties": 1}
        return {
            **part,
            "if": {"propertyNames": {"enum": list(consequences)}},
            "then": {"required": ["operation"], "errorMessage": "expected one check, any or all"},
            "dependencies": _with_denied(_only_one_of(list(questions))),
        }

    def check(self, key: str, kind: inspect.Type, where: _Where) -> Part:
        """One check's operand, the same in all conditions."""
        where = _Where(keys=where.keys)
        return self.define(f"check-{key}", lambda: {**_check_words(key), **self.operand(key, kind, where)})

    def operand(self, key: str, kind: inspect.Type, where: _Where) -> Part:
        """What a check takes, where its type alone does not say it."""
        if key == "window":
            return self.window(where)
        part = self.of(kind, where)
        if part.get("type") == "object" and "title" not in part:
            part["title"] = "tests by key"
        if key in parameters.CHECKS:
            return self.parameters(key, part)
        return part

    def parameters(self, key: str, part: Part) -> Part:
        """Each path of S3's request model with the tests that its kind allows; below an unknown operation any."""
        known = generator_members() if key == "manifest_generator" else operation_parameters()
        written: Part = {each.path: self.parameter(each) for each in known}
        open_paths: Part = {
            f"^{re.escape(each.path)}\\.(?!\\.)": self.test(each.shape.element)
            for each in known
            if each.shape.kind is Kind.MAP and each.shape.element is not None
        }
        if key == "operation_parameters":
            operation = _described(self.test(Shape(kind=Kind.STRUCTURE)), "Whether the operation is present.")
            written |= dict.fromkeys(sorted(KNOWN_OPERATIONS), operation)
            names = "|".join(sorted(KNOWN_OPERATIONS))
            open_paths[rf"^(?!({names})(\.|$))[^.]+(\.[^.]+)*$"] = part["additionalProperties"]
        patterns: Part = {"patternProperties": open_paths} if open_paths else {}
        return {**part, "properties": written, **patterns, "additionalProperties": False}

    def parameter(self, known: RequestParameter, *, denied: bool = False) -> Part:
        """What stands below a known path."""
        said = f"{known.kind}: {', '.join(known.values)}" if known.values else known.kind
        return _described(self.test(known.shape, known.path, denied=denied), said)

    def test(self, shape: Shape, path: str = "", *, denied: bool = False) -> Part:
        """The tests of a member of S3's request model."""
        name = f"{self.name_of(shape, path)}{'-inside-not' if denied else ''}"
        return self.define(name, lambda: self._test(shape, path, denied=denied))

    def _test(self, shape: Shape, path: str, *, denied: bool) -> Part:
        words = KEYS[model.ParameterTerm]
        terms: Part = {
            word: _described(part, words[word]) for word, part in self.words(shape, path, denied=denied).items()
        }
        if not denied:
            terms["not"] = _described(self.test(shape, path, denied=True), words["not"])
        term: Part = {
            "title": "test",
            "type": "object",
            "properties": terms,
            "additionalProperties": False,
            "minProperties": 1,
            **_standing_alone(list(terms)),
        }
        return {"anyOf": [*self.values(shape, path), term]}

    def name_of(self, shape: Shape, path: str) -> str:
        """What the tests of a type are called: by its kind, or where it is one of its own by who has it first."""
        if not shape.values and shape.kind is not Kind.LIST:
            return f"parameter-{'number' if shape.kind in (Kind.INTEGER, Kind.LONG) else shape.kind}"
        known = next((name for name, named in self.named.items() if named is shape), None)
        if known is None:
            step = f"parameter-{path.rpartition('.')[2]}"
            known = step if step not in self.named else f"parameter-{path.replace('.', '-')}"
            self.named[known] = shape
        return known

    def values(self, shape: Shape, path: str) -> list[Schema]:
        """One value of a member, and a list of them; nothing for what is compared by words only."""
        match shape.kind:
            case Kind.BOOLEAN:
                value: Part = {"type": "boolean"}
            case Kind.INTEGER | Kind.LONG:
                value = {"anyOf": [{"type": "integer"}, {"type": "string", "pattern": _UNDERSCORED}]}
            case Kind.STRING:
                value = self.text(shape, path)
            case _:
                return []
        item: Part = value if shape.kind is not Kind.STRING else {"anyOf": [value, self.glob_in_a_list()]}
        return [value, {"type": "array", "items": item, "minItems": 1}]

    def glob_in_a_list(self) -> Part:
        """`{glob: ...}` beside other values."""
        return self.of(inspect.type_info(model.GlobTerm), _Where())

    def text(self, shape: Shape, path: str) -> Part:
        """A pattern; of a closed set, one that may match some of it."""
        if not shape.values:
            return self.pattern(_Where())
        return self.define(f"{self.name_of(shape, path)}-value", lambda: {"type": "string", **_closed(shape.values)})

    def words(self, shape: Shape, path: str, *, denied: bool) -> dict[str, Part]:
        """The words that a member of this kind takes, beside `not`."""
        words: dict[str, Part] = {}
        match shape.kind:
            case Kind.INTEGER | Kind.LONG:
                words = {"at_least": self.number(0), "at_most": self.number(0)}
            case Kind.STRING:
                words = {"list": {"type": "string"}, "glob": self.of(inspect.type_info(model.Glob), _Where())}
            case Kind.TIMESTAMP:
                words = {
                    "before": dict(_MOMENT_WRITTEN),
                    "after": dict(_MOMENT_WRITTEN),
                    "within": dict(_DURATION_WRITTEN),
                }
            case Kind.LIST if shape.element is not None:
                name = f"{self.name_of(shape, path)}-elements{'-inside-not' if denied else ''}"
                element = shape.element
                elements = self.define(name, lambda: self.elements(element, path, denied=denied))
                words = dict.fromkeys(parameters.ELEMENT_WORDS, elements)
            case _:
                pass
        return {**words, "present": {"type": "boolean"}}

    def elements(self, element: Shape, path: str, *, denied: bool) -> Part:
        """What the elements of a list are compared with."""
        if element.kind is not Kind.STRUCTURE:
            return {"anyOf": [*self.values(element, path), self.of(inspect.type_info(model.NamesTerm), _Where())]}
        members: Part = {each.path: self.parameter(each, denied=denied) for each in element_members(element)}
        return {
            "title": "tests by sub-path",
            "type": "object",
            "properties": members,
            "additionalProperties": False,
            "minProperties": 1,
        }

    def window(self, where: _Where) -> Part:
        """Names of calendars; there is nothing to be present."""
        of_list: Part = {
            "title": "named list",
            "type": "object",
            "properties": {"list": {"type": "string", **_words(KEYS[model.TextTerm]["list"])}},
            "required": ["list"],
            "additionalProperties": False,
        }
        names: list[Schema] = [
            self.pattern(where),
            {"type": "array", "items": self.pattern(where), "minItems": 1},
            of_list,
        ]
        denied: Part = {
            "type": "object",
            "properties": {"not": {"anyOf": list(names), "description": KEYS[model.TextTerm]["not"]}},
            "required": ["not"],
            "additionalProperties": False,
        }
        return {"anyOf": [*names, denied]}


def _money() -> Part:
    """US dollars, also with underscores; JSON Schema can't count decimals without rounding."""
    return {
        "anyOf": [
            {"type": "number", "minimum": 0, "maximum": model.MONEY_AT_MOST},
            {
                "type": "string",
                "pattern": _UNDERSCORED_MONEY,
                "patternErrorMessage": "expected dollars such as 5_000.25",
            },
        ]
    }


# --- the reader's rules -------------------------------------------------------------------------------


def _one_of(*keys: str) -> list[Schema]:
    return [{"required": [key]} for key in keys]


def _standing_alone(keys: Sequence[str]) -> Part:
    """Which of a term's words exclude all others."""
    alone = [key for key in keys if key in _ALONE]
    excluded: dict[str, Schema] = {
        key: {"properties": {other: False for other in keys if other != key}} for key in alone if len(keys) > 1
    }
    return {"dependencies": excluded} if excluded else {}


def _only_one_of(keys: Sequence[str]) -> Part:
    """Each excludes those that come after it, so that two together are reported once."""
    message = "one check per item: make each a separate item (- )"
    return {
        key: {"properties": dict.fromkeys(keys[place:], False), "errorMessage": message}
        for place, key in enumerate(keys, 1)
    }


def _with_denied(by_key: Part) -> Part:
    """What stands beside each check, without the consequence that it can't have."""
    return by_key | {
        key: {"allOf": [by_key[key], {"properties": {denied: False}}]} for key, denied in _ASKED_FOR.items()
    }


_ASKED_FOR: Mapping[str, str] = {"manual_approval": "on_violation", "budget": "unless"}
"""The checks that stand in `require` only, and what may not stand beside each."""

_ALONE = ("list", "glob", "not", "present")

_NAMES: Mapping[type, str] = {
    model.TextTerm: "text",
    model.PlainTextTerm: "text",
    model.ElementTerm: "element-value",
    model.PlainElementTerm: "element-value",
    model.ParameterTerm: "parameter",
    model.PlainParameterTerm: "parameter",
    model.NamesTerm: "names",
}
"""What the forms of an operand are called, by the struct among them."""

_ZONE: Part = {
    "pattern": "^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$",
    "patternErrorMessage": "expected an IANA time zone such as Europe/Berlin",
    "examples": list(_ZONES),
}
_MOMENT_WRITTEN: Part = {
    "type": "string",
    "pattern": rf"^{_DATE}(T{_TIME}(:[0-5][0-9](\.[0-9]{{1,6}})?)?(Z|[+-]{_TIME}))?$",
    "patternErrorMessage": "expected a date such as 2026-03-27 or an instant with its offset such as"
    " 2026-03-27T06:00:00Z",
}
_DURATION_WRITTEN: Part = {
    "type": "string",
    "pattern": r"^(0|[1-9][0-9]{0,8})[smhd]$",
    "patternErrorMessage": "expected a duration such as 365d, 12h or 30m",
    "examples": ["365d"],
}
_TERMS_OF_VALUES = (model.ElementTerm, model.PlainElementTerm, model.ParameterTerm, model.PlainParameterTerm)

_GRACE: Part = {"patternErrorMessage": "expected a duration such as 0s, 5m, 2h or 1d", "examples": ["5m", "0s"]}
_TEXTS: Mapping[tuple[type, str], Part] = {
    **{(form, word): _MOMENT_WRITTEN for form in _TERMS_OF_VALUES for word in ("before", "after")},
    **{(form, "within"): _DURATION_WRITTEN for form in _TERMS_OF_VALUES},
    (model.Exemption, "expires"): {
        "pattern": f"^{_DATE}$",
        "patternErrorMessage": "expected a date in the form YYYY-MM-DD",
    },
    (model.OpenRow, "from"): {"pattern": f"^{_TIME}$", "patternErrorMessage": 'expected "00:00" to "23:59"'},
    (model.OpenRow, "to"): {"pattern": f"^({_TIME}|24:00)$", "patternErrorMessage": 'expected "00:00" to "24:00"'},
    (model.OpenRow, "dates"): {"pattern": _DATES, "patternErrorMessage": _WANTED_DATES},
    (model.CalendarForm, "closed"): {"pattern": _DATES, "patternErrorMessage": _WANTED_DATES},
    (model.CalendarForm, "timezone"): _ZONE,
    (model.Exemption, "timezone"): _ZONE,
    (model.Budget, "timezone"): _ZONE,
    (model.PolicyDocument, "cancel_held_after"): {
        "patternErrorMessage": "expected a duration such as 21d, 5m, 2h or 1d",
        "examples": ["21d"],
    },
    (model.PolicyDocument, "cancel_grace"): _GRACE,
    (model.Requirement, "grace"): _GRACE,
    (model.PolicyDocument, "version"): {"default": 1},
}
"""What the reader asks of a text beside its type, by struct and key."""


def _narrowed(part: Part, more: Part | None) -> Part:
    if more is None:
        return part
    items = part.get("items")
    return {**part, "items": {**items, **more}} if isinstance(items, dict) else {**part, **more}


_TITLES: Mapping[type, str] = {
    model.Approvals: "approvals",
    model.Approvers: "approvers",
    model.Buckets: "bucket tests",
    model.Budget: "budget",
    model.CalendarForm: "calendar",
    model.Condition: "condition",
    model.Exemption: "exception",
    model.GlobTerm: "glob",
    model.Guardrail: "guardrail",
    model.NamesTerm: "named list or glob",
    model.Manifest: "manifest words",
    model.OpenRow: "row",
    model.MoneyRange: "range of US dollars",
    model.PlainMoneyRange: "range of US dollars",
    model.Prices: "prices",
    model.EachTag: "tag",
    model.ElementTerm: "test",
    model.ParameterTerm: "test",
    model.PlainElementTerm: "test",
    model.PlainBuckets: "bucket tests",
    model.PlainManifest: "manifest words",
    model.PlainParameterTerm: "test",
    model.PlainRange: "range",
    model.PlainReport: "report words",
    model.PlainTextTerm: "test",
    model.Policy: "policy",
    model.PolicyDocument: "batchgate policy",
    model.Range: "range",
    model.Report: "report words",
    model.Requirement: "requirement",
    model.TextTerm: "test",
}
"""What editors call a mapping when it is missing."""


def _title(form: type) -> Part:
    return {"title": _TITLES[form]}


# --- words --------------------------------------------------------------------------------------------


def _suffix(where: _Where) -> str:
    return f"-of-{where.keys.replace('.', '-')}" if where.keys in _EXAMPLES or where.keys == "tags" else ""


def _in_order(values: Sequence[Scalar]) -> list[Schema]:
    """A closed set; the days in the order of the week."""
    return list(get_args(model.Day) if set(get_args(model.Day)) == set(values) else values)


def _limits(**limits: Scalar) -> Part:
    """The limits that there are."""
    return {name: limit for name, limit in limits.items() if limit is not None}


def _described(part: Part, words: str) -> Part:
    """A part with its description; beside a reference it would not count."""
    if "$ref" in part:
        return {**_words(words), "allOf": [part]}
    return {**_words(words), **part}


def _words(markdown: str) -> Part:
    plain = markdown.replace("`", "")
    return {"description": plain} if plain == markdown else {"description": plain, "markdownDescription": markdown}


def _check_words(key: str) -> Part:
    check = CHECKS[key]
    said = f"{check.looks_at} Takes {FORMS.get(check.takes, check.takes)}."
    more = f" {check.remark}" if check.remark else ""
    return {
        "description": said.replace("`", ""),
        "markdownDescription": f"{said}{more}\n\n```yaml\n{check.example}\n```\n\n*Source:* {check.source}",
    }


def _closed(values: Sequence[str]) -> Part:
    """A text of a closed set, or a pattern or placeholder that may match some of it."""
    return {
        "anyOf": [{"enum": list(values)}, {"pattern": r"[*?]|\$\{"}],
        "errorMessage": f"expected {' or '.join(values)}, or a pattern that matches one of them",
        "examples": list(values),
    }
