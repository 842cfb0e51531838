"""What is wrong with a key, and what to write instead: loaded only where there is something wrong."""

from collections.abc import Mapping

from msgspec import Struct, inspect

from batchgate.jobs.model import KNOWN_OPERATIONS
from batchgate.jobs.request_model import Kind, Shape
from batchgate.policy import model, suggestions
from batchgate.policy.parameters import CHECKS, Check
from batchgate.policy.validation.kinds import FORMS_OF_TESTS, plain
from batchgate.policy.validation.notes import Path
from batchgate.policy.validation.parameter_messages import element_instead
from batchgate.policy.validation.parameters import NoSuchParameterError, shape_at
from batchgate.policy.validation.value_messages import as_yaml

_KEYS_LISTED_AT_MOST = 14


def keys_meant(value: Mapping[str, object], kind: inspect.StructType, known: Mapping[str, object]) -> dict[str, str]:
    """The known keys that unknown ones are near to, where it is clear which."""
    meant: dict[str, str] = {}
    for key in value:
        synonym = _synonym(str(key), kind)
        if key not in known and (synonym or suggestions.inflected(str(key), known) or not _elsewhere(str(key), kind)):
            near = synonym or suggestions.nearest(str(key), known)
            if near and near not in value and near not in meant.values():
                meant[key] = near
    return meant


def foreign_word(
    value: Mapping[str, object], kind: inspect.StructType, known: Mapping[str, object], path: Path
) -> tuple[str, str] | None:
    """The message about a test without any key of the language, and the key that it is about; None if it has one."""
    if kind.cls not in (*FORMS_OF_TESTS, model.GlobTerm):
        return None
    if not value or any(str(key) in known or suggestions.nearest(str(key), known) for key in value):
        return None
    first = str(next(iter(value)))
    if path[-1] == "operation" and first in KNOWN_OPERATIONS:
        return first, f"write operation: {first}, and in another item operation_parameters: {{{first}.MEMBER: VALUE}}"
    content = next(iter(value.values()))
    if path[-2:] == ("tags", "not") and isinstance(content, str):
        return first, f"write not at the tag: {{{as_yaml(first)}: {{not: {as_yaml(content)}}}}}"
    if path[-1] == "not" and set(value) == {"not"} and isinstance(value["not"], str):
        return first, f"not can't be used inside not; write {as_yaml(path[-2])}: {as_yaml(value['not'])}"
    if kind.cls is model.GlobTerm:
        for word in ("not", "list", "present"):
            if word in value:
                return word, f"{word} can't stand in a list of values; {_ALONE[word]}"
    steps = path[:-1] if isinstance(path[-1], int) else path
    check = next((check for check in CHECKS if steps[-2:-1] == (check,)), None)
    hints = (
        (check and _below(check, str(steps[-1]), str(key)))
        or suggestions.word_of_test(str(key), of_window=path[-1] == "window")
        for key in value
    )
    hint = next(filter(None, hints), f"known here: {', '.join(known)}")
    return first, f"unknown key; {hint}"


def _below(check: Check, path: str, key: str) -> str | None:
    """What to write where a mapping stands below a path whose key is no word of a test; None if S3 has no such."""
    try:
        shape = shape_at(check, path)
    except NoSuchParameterError:
        return None
    match shape:
        case Shape(kind=Kind.STRUCTURE, members=members) if key in members or suggestions.nearest(key, members):
            name = key if key in members else suggestions.nearest(key, members)
            return f"write the whole path: {path}.{name}: ..."
        case Shape(kind=Kind.MAP):
            return f"write the whole path: {path}.{key}: ..."
        case Shape(kind=Kind.LIST):
            return element_instead(shape, path, key)
        case _:
            return None


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
    """The key of an exception, of a budget, or of who may approve, for another word for it."""
    if issubclass(kind.cls, model.Approvers):
        return _OF_APPROVERS.get(key)
    if issubclass(kind.cls, model.Budget):
        return _OF_BUDGETS.get(key)
    return _OF_EXCEPTIONS.get(key) if issubclass(kind.cls, model.Exemption) else None


_OF_EXCEPTIONS: Mapping[str, str] = {
    **dict.fromkeys(("until", "end", "ends", "expiry", "expiration", "valid_until", "expires_at"), "expires"),
    **dict.fromkeys(("reason", "why", "justification", "ticket"), "because"),
    **dict.fromkeys(("for", "of", "policy", "policies", "guardrail", "guardrails", "statement"), "lifts"),
}
_OF_BUDGETS: Mapping[str, str] = {
    **dict.fromkeys(("period", "every", "interval", "duration", "reset", "resets"), "per"),
    **dict.fromkeys(("by", "for_each", "group_by", "of", "scope"), "each"),
    **dict.fromkeys(("tasks", "total_tasks", "max_objects", "count"), "objects"),
    **dict.fromkeys(("bytes", "size", "total_bytes", "max_bytes"), "object_bytes"),
    **dict.fromkeys(("dollars", "usd", "money", "amount", "max_cost", "price"), "cost"),
    **dict.fromkeys(("zone", "tz", "time_zone"), "timezone"),
}
_OF_APPROVERS: Mapping[str, str] = {
    **dict.fromkeys(("who", "approvers", "from", "of", "roles", "role", "users", "groups", "people", "callers"), "by"),
    **dict.fromkeys(("min", "minimum", "min_approvals", "count", "number", "approvals", "at_minimum"), "at_least"),
    **dict.fromkeys(("exclude_requester", "not_self", "not_creator", "four_eyes"), "not_requester"),
}
_WITH_OTHER_WORDS = (model.Condition, model.Statement, model.PolicyDocument)
_KEYED = (*_WITH_OTHER_WORDS, model.Exemption, model.Budget, model.CalendarForm, model.OpenRow)
_PLACES: Mapping[type[Struct], str] = {
    model.PolicyDocument: "at the top of the file",
    model.Policy: "in an item of policies or guardrails",
    model.Condition: "in an item of match, require or unless",
    model.Requirement: "in an item of require, beside its check",
    model.CalendarForm: "in a calendar",
    model.Exemption: "in an item of exceptions",
    model.OpenRow: "in an item of a calendar's open",
}


def unknown_key(key: str, kind: inspect.StructType, known: Mapping[str, object], meant: str | None) -> str:
    """A key that its place does not have; `meant` is the one that it clearly stands for."""
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


def misplaced_key(key: str, value: Mapping[str, object], known: Mapping[str, inspect.Field]) -> str | None:
    """A key that stands beside the empty one under which it belongs: it was not indented."""
    for name, member in known.items():  # those of the value may be thousands
        if name in value and value[name] is None and _takes(member.type, key):
            return f"{key} belongs to {name}: indent it by two more spaces than {name}"
    return None


def _takes(kind: inspect.Type, key: str) -> bool:
    kind = plain(kind)
    if isinstance(kind, inspect.UnionType):
        return any(_takes(each, key) for each in kind.types)
    if isinstance(kind, inspect.StructType):
        return any(each.encode_name == key for each in kind.fields)
    return isinstance(kind, inspect.DictType)


_OF_REQUIRED: Mapping[str, str] = {
    **dict.fromkeys(("required", "enabled"), "write manual_approval: required"),
    "not": "an approval can't be denied; write manual_approval: required, or remove it",
    "session_names": "session_names belongs in approvals, at the top of the file",
    "at_most": "write at_least: more people may always approve",
}


def _listed(key: str, known: Mapping[str, object]) -> str:
    """The known keys; of many, the most similar ones and how many more there are."""
    if len(known) <= _KEYS_LISTED_AT_MOST:
        return ", ".join(known)
    near = suggestions.most_alike(key, known)
    return f"{', '.join(near)} and {len(known) - len(near)} more: docs/policy-reference.md"


def _in_other_words(key: str, kind: inspect.StructType) -> str | None:
    """The meaning of a key that is near to none of its place: a key of another place, or a wish that it names."""
    if kind.cls in FORMS_OF_TESTS:
        if issubclass(kind.cls, model.PlainRange) and key.isdigit():
            return "a comma separates keys here; write numbers without it, as 1_000"
        return suggestions.word_of_test(key)
    if issubclass(kind.cls, model.Approvers):
        return _OF_REQUIRED.get(key)
    if issubclass(kind.cls, model.Prices) and key in ("thousand_requests", "thousand_objects"):
        return f"write {key.replace('thousand', 'million')}, with a thousand times the price"
    if issubclass(kind.cls, model.PlainBuckets):
        return suggestions.word_of_buckets(key)
    if not issubclass(kind.cls, _KEYED):
        return None
    for form, place in _PLACES.items():
        other = suggestions.inflected(key, form.__struct_encode_fields__)
        if other:
            return f"did you mean {other}? It belongs {place}"
    return suggestions.wish_in(key) if issubclass(kind.cls, _WITH_OTHER_WORDS) else None


def missing(form: type, name: str) -> str:
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
    "per": "write how long a period is: day, week or month",
    "tag": "write the tag's key, as {tag: team}",
    "open": "write when it is open, such as open: [{days: [sat, sun]}]",
    "glob": 'write the pattern, such as {glob: "CHG-[0-9][0-9]"}',
}
