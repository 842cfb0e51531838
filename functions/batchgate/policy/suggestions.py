"""What an author may have meant: the nearest name, the other way to write a value, what the language can't say."""

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Final, NamedTuple, get_args

from batchgate.policy import model

_COMPARED_AT_MOST = 64
_LIKE, _SURELY_LIKE = 0.6, 0.74
_CLOSED_SETS: Mapping[frozenset[object], tuple[str, ...]] = {
    frozenset(get_args(kind)): get_args(kind) for kind in (model.Mode, model.OnViolation, model.UngatedJobs, model.Day)
}
_WEEK: Final = get_args(model.Day)
_NUMBER = re.compile(
    r"(?P<number>[0-9]+(?:[_, ][0-9]{3})*|[0-9]+\.[0-9]+)\s*(?P<unit>[kKmMgGtTpP]?)(?P<binary>i?)[bB]?"
)
_UNITS = "kmgtp"
_LARGEST = 2**63 - 1
_DATE_IN_ANOTHER_FORM = re.compile(r"([0-9]{4})[-/. ]?([0-9]{1,2})[-/. ]?([0-9]{1,2})")
_TIME_IN_ANOTHER_FORM = re.compile(r"([0-9]{1,2})(?:[:.h]([0-9]{2}))?(?::00)?\s*(am|pm)?", re.IGNORECASE)


def nearest(text: str, known: Iterable[str], *, surely: bool = False) -> str | None:
    """The known name that is nearest, whatever its case; None where none is near, or none is `surely` meant."""
    by_folded_name = {name.casefold(): name for name in reversed(list(known))}
    likeness = _SURELY_LIKE if surely else _LIKE
    near = get_close_matches(text[:_COMPARED_AT_MOST].casefold(), by_folded_name, 1, likeness)
    return by_folded_name[near[0]] if near else None


def in_order(values: Sequence[object]) -> list[str]:
    """A closed set of the language in its natural order, which is not the alphabet's."""
    return list(map(str, _CLOSED_SETS.get(frozenset(values), values)))


def one_of(values: Sequence[str]) -> str:
    """The values as a sentence lists them."""
    return " or ".join(filter(None, (", ".join(values[:-1]), *values[-1:])))


def value_meant(text: str, values: Sequence[str]) -> str | None:
    """The value of a closed set that a text means; a weekday may be written in full, in English."""
    if set(values) == set(_WEEK) and text[:3].casefold() in values:
        return text[:3].casefold()
    return nearest(text, values)


def boolean_meant(value: object) -> str:
    """`true` or `false`, where a value means one of them; "" otherwise."""
    folded = str(value).casefold()
    if folded in ("true", "yes", "on", "y", "1", "required", "enabled"):
        return "true"
    return "false" if folded in ("false", "no", "off", "n", "0", "disabled") else ""


def number_meant(value: object) -> str:
    """A whole number as YAML and this language write it, where a value means one; "" otherwise."""
    if isinstance(value, float) and value.is_integer() and abs(value) <= _LARGEST:
        return f"{int(value):_}"
    found = _NUMBER.fullmatch(value.strip()) if isinstance(value, str) and len(value) <= _COMPARED_AT_MOST else None
    if found is None:
        return ""
    power = _UNITS.index(found["unit"].casefold()) + 1 if found["unit"] else 0
    base = 1024 if found["binary"] else 1000
    meant = float(found["number"]) if "." in found["number"] else int(re.sub(r"[_, ]", "", found["number"]))
    number = meant * base**power
    return f"{int(number):_}" if number == int(number) and number <= _LARGEST else ""


def date_meant(value: object) -> str:
    """A date as YYYY-MM-DD, where a value begins with the year; "" otherwise, for nobody knows then what is meant."""
    found = _DATE_IN_ANOTHER_FORM.fullmatch(str(value)) if isinstance(value, str | int) else None
    return f"{found[1]}-{int(found[2]):02}-{int(found[3]):02}" if found else ""


def time_meant(value: object) -> str:
    """A time as HH:MM, where a value means one of a day; "" otherwise."""
    found = _TIME_IN_ANOTHER_FORM.fullmatch(str(value).strip()) if isinstance(value, str | int) else None
    if not found:
        return ""
    hours, minutes = int(found[1]), found[2] or "00"
    if found[3]:
        hours = hours % 12 + (12 if found[3].casefold() == "pm" else 0)
    return f"{hours:02}:{minutes}" if hours < 24 and minutes < "60" else ""  # noqa: PLR2004 a clock's own numbers


class Wish(NamedTuple):
    """Something that teams wish to say and that the language can't.

    Attributes:
        wish: What they want, in their words.
        keys: What they write for it.
        why: Why it can't be said.
        instead: What can.
    """

    wish: str
    keys: tuple[str, ...]
    why: str
    instead: str


WISHES: tuple[Wish, ...] = (
    Wish(
        "what a job costs",
        ("cost", "costs", "price", "prices", "usd", "dollars"),
        "this version estimates no cost",
        "limit total_tasks, which most of a job's price follows",
    ),
    Wish(
        "budgets, and so many jobs or objects a day, week or month",
        ("budget", "budgets", "quota", "quotas", "rate", "per", "per_day", "jobs_per_day", "daily", "monthly", "limit"),
        "this version looks at one job at a time and adds nothing up",
        "limit total_tasks of each job, and require manual_approval above it",
    ),
    Wish(
        "how many jobs may run at once",
        ("concurrency", "concurrent_jobs", "parallel", "max_jobs"),
        "this version looks at one job at a time",
        "limit priority, or the window in which jobs may start",
    ),
    Wish(
        "two approvers, or who may approve",
        ("approvals", "approvers", "approved_by", "approval", "reviewers", "approver"),
        "manual_approval takes one decision by any operator; two approvers can't be required",
        "write manual_approval: required, and say in IAM who may decide",
    ),
    Wish(
        "who created the job",
        ("requester", "requesters", "user", "users", "principal", "created_by", "creator", "caller", "owner"),
        "S3 does not say who created a job",
        "use role (the job's own IAM role) or account; tags say only what the requester wrote",
    ),
    Wish(
        "the bytes of the objects",
        ("bytes", "total_bytes", "object_size", "object_sizes", "size_bytes", "gb", "tb"),
        "this version reads no manifest's rows, so no sizes are known and object_bytes holds every job",
        "limit total_tasks",
    ),
    Wish(
        "keys and prefixes of the objects",
        ("prefix", "prefixes", "key", "keys", "object_keys", "rows", "paths", "objects_in"),
        "this version reads no manifest's rows",
        "use manifest: {bucket: ..., key: ...} for where the list itself lies, or require manual_approval",
    ),
    Wish(
        "what is in the objects: their tags, storage class, encryption, age, owner",
        ("object_tags", "storage_class", "storage", "encryption", "object_age", "object_owner", "metadata", "content"),
        "S3 Batch Operations says nothing about single objects before the job runs",
        "use operation_parameters for what the job would set",
    ),
    Wish(
        "deleting objects",
        ("delete", "deletes", "deletion", "deletions"),
        "S3 Batch Operations has no operation that deletes",
        "rule on LambdaInvoke.FunctionArn, and on tags set by S3PutObjectTagging that a lifecycle rule expires by",
    ),
    Wish(
        "regular expressions",
        ("regex", "regexp", "pattern", "matches"),
        "patterns have * and ?, and no regular expressions",
        'write {glob: "CHG-[0-9][0-9][0-9][0-9]"} inside the check for what must have a form; list several forms',
    ),
    Wish(
        "expressions that compute or compare two facts",
        ("expression", "expr", "if", "when", "cel", "rego", "script"),
        "a condition compares one fact with values that are written out",
        "write one statement for each case, each with its own match",
    ),
    Wish(
        "changing a job: its priority, its report, its tags",
        ("set", "mutate", "patch", "then", "action", "actions", "default", "defaults"),
        "the gate approves, holds or cancels jobs and changes nothing else",
        "require what you want, with a message that says what to create",
    ),
    Wish(
        "notifying somebody, or waiting a while before approving",
        ("notify", "notification", "notifications", "email", "slack", "delay", "wait", "after", "timeout"),
        "a policy only decides",
        "use the setting notify_email of the deployment or the decision events; for times use window",
    ),
)
"""In the order in which the reference lists them."""

_OTHER_WORDS: Mapping[str, str] = {
    "and": "a list of conditions means all of them; inside any write all",
    "or": "write any",
    "not": "write not inside the check, as {region: {not: eu-*}}",
    "allow": "write a policy: what it matches is approved where its require is met",
    "deny": "write a guardrail, and what it must not be as {not: ...} in its require",
    "forbid": "write a guardrail, and what it must not be as {not: ...} in its require",
    "rules": "write policies and guardrails",
    "statements": "write policies and guardrails",
    "exemptions": "write exceptions",
    "conditions": "write match for the jobs that it is about, and require for what they must meet",
    "bucket": "write source_buckets, destination_buckets, manifest: {bucket: ...} or report: {bucket: ...}",
    "buckets": "write source_buckets or destination_buckets",
    "objects": "write total_tasks, the number of objects",
    "object_count": "write total_tasks, the number of objects",
    "max_objects": "write total_tasks: {at_most: ...}",
    "tasks": "write total_tasks",
    "count": "write total_tasks, the number of objects",
    "size": "write total_tasks, the number of objects",
    "function": "write operation_parameters: {LambdaInvoke.FunctionArn: ...}",
    "functions": "write operation_parameters: {LambdaInvoke.FunctionArn: ...}",
    "lambda": "write operation_parameters: {LambdaInvoke.FunctionArn: ...}",
    "parameters": "write operation_parameters",
    "time": "write window, with a calendar that calendars defines",
    "schedule": "write window, with a calendar that calendars defines",
    "calendar": "write window, with a calendar that calendars defines",
    "hours": "write window, with a calendar that calendars defines",
    "day": "write window, with a calendar that calendars defines",
    "days": "write window, with a calendar that calendars defines",
    "iam_role": "write role",
    "confirmation": "write manual_approval: required",
}
"""Words that people write for something that the language calls otherwise."""


def other_word(key: str) -> str | None:
    """What to do where a key is not the language's, but somebody's word for what it has or can't say."""
    folded = key.casefold().replace("-", "_")
    if folded in _OTHER_WORDS:
        return _OTHER_WORDS[folded]
    wish = next((wish for wish in WISHES if folded in wish.keys), None)
    return f"{wish.why}; {wish.instead}" if wish else None
