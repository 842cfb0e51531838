"""What an author may have meant: the nearest name, the other way to write a value, what the language can't express."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, NamedTuple, get_args

from batchgate.policy import model

_COMPARED_AT_MOST = 64
_SHORT, _LONG = 4, 12
_EDITS_OF_SHORT, _EDITS, _EDITS_OF_LONG = 1, 2, 3
_CLOSED_SETS: Mapping[frozenset[object], tuple[str, ...]] = {
    frozenset(get_args(kind)): get_args(kind)
    for kind in (
        model.Mode,
        model.OnViolation,
        model.UngatedJobs,
        model.Day,
        model.Each,
        model.Per,
    )
}
_WEEK: Final = get_args(model.Day)
_NUMBER = re.compile(
    r"(?P<number>[0-9]+(?:[_, ][0-9]{3})*|[0-9]{1,3}(?:\.[0-9]{3}){2,}|[0-9]+\.[0-9]+)"
    r"\s*(?P<unit>[kKmMgGtTpP]?)(?P<binary>i?)[bB]?"
)
_UNITS = "kmgtp"
_LARGEST = 2**63 - 1
_DATE_IN_ANOTHER_FORM = re.compile(r"([0-9]{4})[-/. ]?([0-9]{1,2})[-/. ]?([0-9]{1,2})")
_DATE_WITH_DOTS = re.compile(r"(0?[1-9]|[12][0-9]|3[01])\.(0?[1-9]|1[0-2])\.([0-9]{4})")
_BETWEEN_DATES = re.compile(r"\s*\.\.\s*|\s+(?:-|\u2013|to|until)\s+")
_TIME_IN_ANOTHER_FORM = re.compile(r"([0-9]{1,2})(?:[:.h]([0-9]{2}))?(?::00)?\s*(am|pm)?", re.IGNORECASE)


def nearest(text: str, known: Iterable[str]) -> str | None:
    """The known name that is nearest, whatever its case and number; None where none is within a few edits.

    One edit in up to four characters, three from twelve on, two between: a typing error, and no other word.
    """
    folded = text[:_COMPARED_AT_MOST].casefold()
    length, stem = len(folded), _stem(folded)
    allowed = _EDITS_OF_SHORT if length <= _SHORT else _EDITS if length < _LONG else _EDITS_OF_LONG
    near: tuple[int, str] | None = None
    for name in known:
        other = name.casefold()
        edits = 0 if stem == _stem(other) else _edits(folded, other, allowed)
        if edits <= allowed and (not edits or edits < length) and (near is None or edits < near[0]):
            near = edits, name
    return near and near[1]


def most_alike(text: str, known: Collection[str]) -> list[str]:
    """The three known names with the fewest edits, however many; of equals the first."""
    folded = text[:_COMPARED_AT_MOST].casefold()
    return sorted(known, key=lambda name: _edits(folded, name.casefold(), _COMPARED_AT_MOST))[:3]


def sharing_a_word(name: str, known: Iterable[str]) -> str | None:
    """The only known name that ends with the last word of a name or, if none does, begins with its first."""
    words = _snake(name).split("_")
    split = {other: _snake(other).split("_") for other in known}
    for place in (-1, 0):
        alike = [other for other, parts in split.items() if parts[place] == words[place]]
        if alike:
            return alike[0] if len(alike) == 1 else None
    return None


def inflected(text: str, known: Iterable[str]) -> str | None:
    """The known name of which a text is another form, such as its plural."""
    stem = _stem(text[:_COMPARED_AT_MOST].casefold())
    return next((name for name in known if _stem(name.casefold()) == stem), None)


@lru_cache(1024)  # the known names, again and again
def _stem(word: str) -> str:
    """A word without the ending of a plural."""
    if word.endswith("ies"):
        return f"{word[:-3]}y"
    if word.endswith(("ches", "shes", "xes")):
        return word[:-2]
    return word.removesuffix("s")


def _edits(one: str, other: str, at_most: int) -> int:
    """How many characters are added, left out, changed or swapped with the next; more than `at_most` is not counted."""
    if abs(len(one) - len(other)) > at_most:
        return at_most + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for number, char in enumerate(one, 1):
        earlier, before, row = before, row, [number]
        for place, wanted in enumerate(other, 1):
            edits = min(before[place] + 1, row[-1] + 1, before[place - 1] + (char != wanted))
            if number > 1 and place > 1 and char == other[place - 2] and wanted == one[number - 2]:
                edits = min(edits, earlier[place - 2] + 1)
            row.append(edits)
        if min(row) > at_most:
            return at_most + 1
    return row[-1]


def in_order(values: Sequence[object]) -> list[str]:
    """A closed set of the language in its natural order, which is not the alphabet's."""
    return list(map(str, _CLOSED_SETS.get(frozenset(values), values)))


def one_of(values: Sequence[str]) -> str:
    """The values as a sentence lists them."""
    return " or ".join(filter(None, (", ".join(values[:-1]), *values[-1:])))


def value_meant(text: str, values: Sequence[str]) -> str | None:
    """The value of a closed set that a text means; a weekday may be written in full, in English."""
    if set(values) == set(_WEEK):
        full = nearest(text, _DAYS_IN_FULL) if len(text) > _SHORT else None
        return days_meant(text) or (full[:3] if full else nearest(text, values))
    return nearest(text, values)


def days_meant(text: str) -> str | None:
    """The weekdays that a text means, joined by commas: one in full, or several as mon-fri; None for none."""
    folded = text.casefold()
    if folded in _DAYS_TOGETHER:
        folded = _DAYS_TOGETHER[folded]
    ends = [next((day for day in _WEEK if part.strip().startswith(day)), "") for part in _DASH.split(folded)]
    if not set(ends) <= set(_WEEK) or len(ends) > 2:  # noqa: PLR2004 the two ends
        return None
    first, last = _WEEK.index(ends[0]), _WEEK.index(ends[-1])
    return ", ".join((*_WEEK, *_WEEK)[first : (last if last >= first else last + len(_WEEK)) + 1])


_DAYS_IN_FULL = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DASH = re.compile(r"\s*(?:\.\.+|-|\u2013|\bto\b)\s*")
_DAYS_TOGETHER = {
    **dict.fromkeys(("weekdays", "workdays"), "mon-fri"),
    **dict.fromkeys(("weekend", "weekends"), "sat-sun"),
    **dict.fromkeys(("daily", "*", "all", "everyday"), "mon-sun"),
}


def boolean_meant(value: object) -> str:
    """`true` or `false`, where a value means one of them; "" otherwise."""
    folded = str(value).casefold()
    if folded in ("true", "yes", "on", "y", "1", "required", "enabled"):
        return "true"
    return "false" if folded in ("false", "no", "off", "n", "0", "disabled") else ""


def approvals_meant(value: object) -> int:
    """How many approvals a value means; 0 where it means no number."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        return max(value, 0)
    return _NUMBERS_OF_PEOPLE.get(str(value).casefold(), 0)


_NUMBERS_OF_PEOPLE: Mapping[str, int] = {
    **dict.fromkeys(("1", "one", "once", "yes", "on", "true", "always"), 1),
    **dict.fromkeys(("2", "two", "twice", "both"), 2),
    **dict.fromkeys(("3", "three"), 3),
}


def number_meant(value: object) -> str:
    """A whole number as YAML and this language write it, where a value means one; "" otherwise."""
    if isinstance(value, float) and value.is_integer() and abs(value) <= _LARGEST:
        return f"{int(value):_}"
    found = _NUMBER.fullmatch(value.strip()) if isinstance(value, str) and len(value) <= _COMPARED_AT_MOST else None
    if found is None:
        return ""
    power = _UNITS.index(found["unit"].casefold()) + 1 if found["unit"] else 0
    base = 1024 if found["binary"] else 1000
    is_fraction = found["number"].count(".") == 1
    meant = float(found["number"]) if is_fraction else int(re.sub(r"[_, .]", "", found["number"]))
    number = meant * base**power
    return f"{int(number):_}" if number == int(number) and number <= _LARGEST else ""


def duration_meant(value: object, unit: str) -> str:
    """A duration as this language writes it, in `unit` where a value gives none; "" where it means no duration."""
    text = str(value).strip().casefold() if isinstance(value, str | int) and not isinstance(value, bool) else ""
    found = _DURATION_IN_ANOTHER_FORM.fullmatch(text)
    if not found:
        return ""
    word = found["unit"] or unit
    days = {"w": 7, "y": 365}
    if word.startswith("mo"):
        return f"{int(found['number']) * 30}d"
    number = int(found["number"]) * days.get(word[0], 1)
    return f"{number}{'d' if word[0] in days else word[0]}"


_DURATION_IN_ANOTHER_FORM = re.compile(
    r"(?P<number>[1-9][0-9]{0,5})\s*(?P<unit>|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|weeks?|months?"
    r"|y|years?)"
)


def dates_meant(value: object) -> str:
    """A date as YYYY-MM-DD, or a range as FIRST..LAST; "" where a value means none."""
    ends = [*map(date_meant, _BETWEEN_DATES.split(value) if isinstance(value, str) else [value])]
    return "..".join(ends) if all(ends) and len(ends) <= 2 else ""  # noqa: PLR2004 the two ends


def date_meant(value: object) -> str:
    """A date as YYYY-MM-DD, which may not exist; "" where the order is ambiguous, such as 03/04/2026."""
    text = str(value) if isinstance(value, str | int) else ""
    dotted = _DATE_WITH_DOTS.fullmatch(text)
    if dotted:
        text = f"{dotted[3]}-{dotted[2]}-{dotted[1]}"
    found = _DATE_IN_ANOTHER_FORM.fullmatch(text)
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
    """Something that teams wish to express and that the language can't.

    Attributes:
        wish: What they want, in their words.
        keys: What they write for it.
        why: Why the language can't express it.
        instead: What can.
        stems: Words that mean this wish wherever they stand in a key, as cost in max_cost.
    """

    wish: str
    keys: tuple[str, ...]
    why: str
    instead: str
    stems: tuple[str, ...] = ()


WISHES: tuple[Wish, ...] = (
    Wish(
        "how many jobs may run at once",
        ("concurrency", "concurrent_jobs", "parallel", "max_jobs"),
        "this version evaluates one job at a time",
        "limit priority, or the window in which jobs may start",
        ("concurrency", "concurrent", "parallel"),
    ),
    Wish(
        "the owner of a copy's destination",
        ("destination_owner", "bucket_owner", "destination_account", "destination_accounts", "target_account"),
        "S3 does not report who owns a destination bucket",
        "list the buckets' names in destination_buckets: {only: [...]}",
    ),
    Wish(
        "who created the job",
        ("requester", "requesters", "user", "users", "principal", "created_by", "creator", "caller", "owner"),
        "S3 does not report who created a job",
        "use role (the job's own IAM role) or account; to keep whoever created a job from approving it, write"
        " not_requester: true in approvals or manual_approval",
        ("requester", "requested", "requestor", "user", "principal", "creator", "submitter", "submitted"),
    ),
    Wish(
        "keys and prefixes of the objects",
        ("prefix", "prefixes", "key", "keys", "object_keys", "rows", "paths", "objects_in"),
        "the gate counts the rows of manifests and compares no keys",
        "use manifest: {bucket: ..., key: ...} for where the manifest itself is stored, or require manual_approval",
        ("prefix", "suffix", "extension", "row", "path"),
    ),
    Wish(
        "what is in the objects: their tags, storage class, encryption, age, owner",
        ("object_tags", "storage_class", "storage", "encryption", "object_age", "object_owner", "metadata", "content"),
        "S3 Batch Operations reports nothing about single objects before the job runs",
        "use operation_parameters for what the job would set",
        ("age", "encryption", "encrypted", "metadata"),
    ),
    Wish(
        "deleting objects",
        ("delete", "deletes", "deletion", "deletions"),
        "S3 Batch Operations has no operation that deletes",
        "restrict LambdaInvoke.FunctionArn, and the tags set by S3PutObjectTagging that a lifecycle rule expires by",
        ("delete", "deletion"),
    ),
    Wish(
        "regular expressions",
        ("regex", "regexp", "pattern", "matches"),
        "patterns have * and ?, and no regular expressions",
        'write {glob: "CHG-[0-9][0-9][0-9][0-9]"} inside the check for values of a fixed form; list several forms',
        ("regex", "regexp"),
    ),
    Wish(
        "expressions that compute or compare two facts",
        ("expression", "expr", "if", "when", "cel", "rego", "script"),
        "a condition compares one fact with literal values",
        "write one statement for each case, each with its own match",
    ),
    Wish(
        "changing a job: its priority, its report, its tags",
        ("set", "mutate", "patch", "then", "action", "actions", "default"),
        "the gate approves, holds or cancels jobs and changes nothing else",
        "require what you want, with a message that says what to create",
    ),
    Wish(
        "notifying people, or waiting a while before approving",
        ("notify", "notification", "notifications", "email", "slack", "delay", "wait", "after", "timeout"),
        "a policy only decides",
        "use the setting notify_email of the deployment or the decision events; for times use window",
        ("notify", "notification", "email", "slack"),
    ),
)
"""In the order in which the reference lists them."""

_CAN_BE_SAID: tuple[Wish, ...] = (
    Wish(
        "two approvers, or who may approve",
        ("approvers", "approved_by", "approval", "reviewers", "approver"),
        "manual_approval says how many people must approve, and who",
        "write manual_approval: {by: [...], at_least: 2} in require",
        ("approval", "approver", "approve", "approved", "reviewer", "eyes", "quorum"),
    ),
    Wish(
        "what a job costs",
        ("costs", "price", "usd", "dollars", "max_cost"),
        "cost is an estimate in US dollars, by the prices at the top of the file",
        "write cost: {at_most: ...}, and prices",
        ("cost", "price", "usd", "dollar", "spend", "spending", "euro", "eur"),
    ),
    Wish(
        "the bytes of the objects",
        ("bytes", "total_bytes", "object_size", "object_sizes", "size_bytes", "gb", "tb"),
        "object_bytes is the objects' sizes added up",
        "write object_bytes: {at_most: ...}",
        (
            *("byte", "size", "volume", "kilobyte", "megabyte", "gigabyte", "terabyte", "petabyte"),
            *("kb", "mb", "gb", "tb", "gib", "tib"),
        ),
    ),
    Wish(
        "budgets, the totals of a team or of a period",
        (
            *("quota", "quotas", "rate", "per_day", "jobs_per_day", "daily", "monthly", "limit", "team_tasks"),
            *("sum_total_tasks", "sum", "sum_at_most", "period", "amount", "total"),
        ),
        "totals are kept by budgets",
        "define one under budgets, and write budget: NAME in require",
        (
            *("budget", "quota", "rate", "per", "daily", "weekly", "monthly", "yearly", "month", "week"),
            *("sum", "amount", "period"),
        ),
    ),
)
"""What the language can express, in other words."""

_OTHER_WORDS: Mapping[str, str] = {
    "and": "remove it: all conditions of a list must be met; inside any, write all",
    "or": "write any",
    "not": "write not inside the check, such as {region: {not: eu-*}}",
    "allow": "write a policy: what it matches is approved where its require is met",
    "deny": "write a guardrail, and what it must not be as {not: ...} in its require",
    "forbid": "write a guardrail, and what it must not be as {not: ...} in its require",
    "rules": "write policies and guardrails",
    "statements": "write policies and guardrails",
    "exemptions": "write exceptions",
    "conditions": "write match for the jobs that it is about, and require for what they must meet",
    "bucket": "write source_buckets, destination_buckets, manifest: {bucket: ...} or report: {bucket: ...}",
    "buckets": "write source_buckets or destination_buckets",
    "target_bucket": "write destination_buckets",
    "dest_bucket": "write destination_buckets",
    "output_bucket": "write destination_buckets",
    "input_bucket": "write source_buckets",
    "unconfirmed_jobs": "write ungated_jobs",
    "partition": "write region, from which the partition follows",
    "status": "remove it: the gate evaluates only jobs that wait for confirmation",
    "objects": "write total_tasks, the number of objects",
    "object_count": "write total_tasks, the number of objects",
    "max_objects": "write total_tasks: {at_most: ...}",
    "tasks": "write total_tasks",
    "count": "write total_tasks, the number of objects",
    "function": "write operation_parameters: {LambdaInvoke.FunctionArn: ...}",
    "functions": "write operation_parameters: {LambdaInvoke.FunctionArn: ...}",
    "lambda": "write operation_parameters: {LambdaInvoke.FunctionArn: ...}",
    "parameters": "write operation_parameters",
    "time": "write window, with the name of a calendar under calendars",
    "schedule": "write window, with the name of a calendar under calendars",
    "calendar": "write window, with the name of a calendar under calendars",
    "hours": "write window, with the name of a calendar under calendars",
    "day": "write window, with the name of a calendar under calendars",
    "days": "write window, with the name of a calendar under calendars",
    "iam_role": "write role",
    "approve": "remove it: nothing grants; a policy approves when its requirements are met",
    "defaults": "there are no defaults; write on_violation in the statement",
    "until": "write before at a parameter that is a time, or expires in an exception",
    "before": "write before at a parameter that is a time, or expires in an exception",
    "statement": "write policies and guardrails; a policy of IAM is another language",
    "freeze": "write window: {not: NAME}, with the name of a calendar under calendars",
    "weekday": "write window, with the name of a calendar under calendars",
    "weekdays": "write window, with the name of a calendar under calendars",
    "cron": "cron expressions are not read; write a calendar under calendars, and its name in window",
    "confirmation": "write manual_approval: required",
}
"""Words that people write for something that the language calls otherwise."""


_LANGUAGE = frozenset(
    key
    for form in (model.PolicyDocument, model.Policy, model.Requirement, model.Exemption, model.CalendarForm)
    for key in form.__struct_encode_fields__
)
_STEM_OF_OTHER: Mapping[str, str] = {_stem(word): instead for word, instead in _OTHER_WORDS.items()}
_MEMBERS: Mapping[str, tuple[str, ...]] = {
    "report": model.PlainReport.__struct_encode_fields__,
    "manifest": model.PlainManifest.__struct_encode_fields__,
}
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def _snake(key: str) -> str:
    return _HUMP.sub("_", key[:_COMPARED_AT_MOST]).casefold().replace("-", "_").replace(" ", "_")


def other_word(key: str) -> str | None:
    """What to write instead of a key that is another name for what the language has, or can't express."""
    folded = _snake(key)
    check, _, below = key.partition(".")
    if below and check in ("tags", "report", "manifest", "operation_parameters", "manifest_generator"):
        return f"write {check}: {{{below}: ...}}"
    if folded in _OTHER_WORDS:
        return _OTHER_WORDS[folded]
    wish = next((wish for wish in (*WISHES, *_CAN_BE_SAID) if folded in wish.keys), None)
    if wish:
        return _in_words(wish)
    of, _, member = folded.partition("_")
    if member in _MEMBERS.get(of, ()):
        return f"write {of}: {{{member}: ...}}"
    return None if folded in _LANGUAGE else _STEM_OF_OTHER.get(_stem(folded))


def wish_in(key: str) -> str | None:
    """What to write instead of a key with a word for what the language can't express, as cost in max_cost."""
    words = {_stem(word) for word in _snake(key).split("_")}
    wish = next((wish for wish in (*WISHES, *_CAN_BE_SAID) if words.intersection(map(_stem, wish.stems))), None)
    return _in_words(wish) if wish else None


def _in_words(wish: Wish) -> str:
    return f"{wish.why}; {wish.instead}"


_WORDS_OF_TESTS: Mapping[str, str] = {
    **dict.fromkeys(("max", "maximum", "lte", "le", "at_maximum", "up_to"), "write at_most"),
    **dict.fromkeys(("min", "minimum", "gte", "ge"), "write at_least"),
    **dict.fromkeys(
        ("less_than", "lt", "below", "under"), "write at_most, which includes the number, or {not: {at_least: ...}}"
    ),
    **dict.fromkeys(
        ("more_than", "greater_than", "gt", "above", "over"),
        "write at_least, which includes the number, or {not: {at_most: ...}}",
    ),
    **dict.fromkeys(("between", "range"), "write {at_least: ..., at_most: ...}"),
    **dict.fromkeys(("equals", "equal", "eq", "is", "value", "arn", "name", "id"), "write the value itself"),
    **dict.fromkeys(("in", "any_of", "one_of", "values"), "write a list: [..., ...]"),
    **dict.fromkeys(("not_in", "none_of", "not_equals", "ne", "except"), "write {not: ...}"),
    **dict.fromkeys(("exists", "required", "absent"), "write {present: true} or {present: false}"),
    **dict.fromkeys(("starts_with", "begins_with"), 'write a pattern: "TEXT*"'),
    "ends_with": 'write a pattern: "*TEXT"',
    "contains": 'write a pattern: "*TEXT*"',
    "like": "write the pattern itself",
    **dict.fromkeys(("older_than", "newer_than", "since", "until"), "write before, after or within"),
}
_OF_WINDOW = ("from", "to", "days", "dates", "open", "closed", "timezone", "start", "end", "hours", "between")


def word_of_test(key: str, *, of_window: bool = False) -> str | None:
    """What to write instead of a key that is another name for a test, or for one that the language can't express."""
    folded = _snake(key)
    if of_window and folded in _OF_WINDOW:
        return "define a calendar under calendars, and write its name here"
    if folded in ("matches", "pattern"):
        return other_word(folded)
    return _WORDS_OF_TESTS.get(folded) or wish_in(folded)


def word_of_buckets(key: str) -> str | None:
    """What to write where a key stands beside any, only and none of buckets and is none of them."""
    folded = _snake(key)
    if folded in ("list", "glob"):
        return f"write {{only: {{{folded}: ...}}}}, or any or none"
    return other_word("destination_owner") if folded.endswith(("owner", "account")) else None


def money_meant(value: object) -> str:
    """An amount of dollars as YAML and this language write it, where a value means one; "" otherwise."""
    found = _MONEY.fullmatch(str(value).strip()) if isinstance(value, int | float | str) else None
    amount = re.sub(r"[_, ]", "", found["amount"]) if found and len(found["amount"]) <= _SHORT + _LONG else ""
    return amount.rstrip("0").rstrip(".") if "." in amount else amount


_MONEY = re.compile(
    r"(?:<=?\s*)?(?:\$|USD|US\$)?\s*(?P<amount>[0-9]+(?:[_, ][0-9]{3})*(?:\.[0-9]{1,4})?)\s*(?:\$|USD)?", re.IGNORECASE
)


def range_meant(value: object) -> str:
    """How to write a number, or a comparison with one, as a range; "" where none is meant."""
    text = str(value).strip() if isinstance(value, int | float | str) else ""
    sign = _COMPARISON.match(text)
    number = number_meant(text[sign.end() :] if sign else text)
    if not sign or not number:
        return f"{{at_most: {number}}} or {{at_least: {number}}}" if number else ""
    whole = int(number.replace("_", ""))
    if sign[1] == "<" and not whole:
        return ""
    return {
        "<": f"{{at_most: {whole - 1:_}}}",
        "<=": f"{{at_most: {number}}}",
        ">": f"{{at_least: {whole + 1:_}}}",
        ">=": f"{{at_least: {number}}}",
    }[sign[1]]


_COMPARISON = re.compile(r"([<>]=?)\s*")


def instant_meant(value: object) -> str:
    """Seconds since 1970 as an instant; "" for anything else."""
    if not isinstance(value, int) or isinstance(value, bool) or not _SECONDS_FROM <= value < _SECONDS_TO:
        return ""
    return f"{datetime.fromtimestamp(value, UTC):%Y-%m-%dT%H:%M:%SZ}"


_SECONDS_FROM, _SECONDS_TO = 10**8, 10**10
"""From 1973 on, so that no other number is taken for one, and before the year 2287."""

CITY_OF_FIXED_ZONE: Mapping[str, str] = {
    "EST": "America/New_York",
    "MST": "America/Denver",
    "HST": "Pacific/Honolulu",
}
"""Zones without summer time, and the city whose time is usually meant. Source: tz database, file northamerica."""

_ZONES_OF_ABBREVIATIONS: Mapping[str, str] = {
    **dict.fromkeys(("CEST", "MEZ", "MESZ"), "Europe/Berlin"),
    **dict.fromkeys(("EEST",), "Europe/Athens"),
    **dict.fromkeys(("BST",), "Europe/London"),
    **dict.fromkeys(("EDT",), "America/New_York"),
    **dict.fromkeys(("CST", "CDT"), "America/Chicago"),
    **dict.fromkeys(("MDT",), "America/Denver"),
    **dict.fromkeys(("PST", "PDT"), "America/Los_Angeles"),
    **dict.fromkeys(("AEST", "AEDT"), "Australia/Sydney"),
    "IST": "Asia/Kolkata",
    "JST": "Asia/Tokyo",
    "SGT": "Asia/Singapore",
    "Z": "UTC",
    **CITY_OF_FIXED_ZONE,
}
_OFFSET = re.compile(r"(?:Etc/)?(?:UTC|GMT)?\s*[+-](?P<hours>[0-9]{1,2})(?::?(?P<minutes>[0-9]{2}))?", re.IGNORECASE)


def zone_meant(text: str, known: Collection[str]) -> str:
    """What to write instead of a name that is no zone, as a clause; "" where nothing is near.

    Never a zone whose clock is another one, nor one at a fixed offset other than UTC: it would lack summer time.
    """
    offset = _OFFSET.fullmatch(text.strip())
    if offset:
        if not int(offset["hours"]) and not int(offset["minutes"] or 0):
            return "; write UTC"
        return "; write the zone of a city, which includes summer time, or write UTC, and times in UTC"
    known = [name for name in known if name not in CITY_OF_FIXED_ZONE and not _OFFSET.fullmatch(name)]
    zone = _ZONES_OF_ABBREVIATIONS.get(text.upper())
    if zone is None and "/" in text:
        zone = nearest(text, sorted(known))
    elif zone is None and (len(text) > _SHORT or text.upper() in known):
        places = {name.rpartition("/")[2]: name for name in sorted(known) if "/" in name or len(name) > _SHORT}
        place = nearest(text.replace(" ", "_"), places)
        zone = places[place] if place else None
        zone = text.upper() if text.upper() in known else zone
    return f"; did you mean {zone}?" if zone else ""
