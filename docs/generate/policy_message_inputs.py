"""An input for every message that a policy author can cause; `policy_messages` makes a page of them."""
# ruff: noqa: E501 - the inputs are files in one string each

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from batchgate_cli.authoring import policy_file

Content = str | bytes
_DEFAULT = "policy.yaml"


def _nothing(_: Path) -> None:
    """Some inputs are more than files."""


@dataclass(frozen=True, slots=True)
class Input:
    """A mistake.

    Attributes:
        title: What is wrong, in words of its own.
        files: Their contents by name.
        shown: What the page shows instead; empty for the files themselves.
        load: The files and directories to load, if not all files.
        prepare: What else is done in the files' directory.
    """

    title: str
    files: Mapping[str, Content]
    shown: str = ""
    load: tuple[str, ...] = ()
    prepare: Callable[[Path], None] = _nothing


def _file(title: str, content: Content, shown: str = "") -> Input:
    return Input(title, {_DEFAULT: content}, shown)


def _required(title: str, requirement: str, more: str = "") -> Input:
    """A policy with one requirement, in flow style or as a block."""
    lines = requirement.split("\n")
    item = "\n".join([f"      - {lines[0]}", *(f"        {line}" for line in lines[1:])])
    return _file(
        title,
        f"version: 1\npolicies:\n  - name: p\n    match: [{{operation: S3PutObjectCopy}}]\n    require:\n{item}\n{more}",
    )


def _matched(title: str, match: str, require: str = "") -> Input:
    text = f"version: 1\npolicies:\n  - name: p\n    match: [{match}]\n    require: [{require}]\n"
    return _file(title, text)


def _document(title: str, text: str) -> Input:
    return _file(title, f"version: 1\n{text}\n")


def _excepted(title: str, **changed: str) -> Input:
    said = {
        "name": "e",
        "lifts": "[p]",
        "match": "[{region: eu-*}]",
        "expires": "2027-03-31",
        "because": "CHG-1",
        **changed,
    }
    keys = "".join(f"    {key}: {value}\n" for key, value in said.items() if value)
    return _file(
        title,
        "version: 1\npolicies:\n  - {name: p, match: [{operation: S3PutObjectCopy}], require: [{priority: {at_most: 5}}]}\n"
        f"exceptions:\n  -\n{keys}",
    )


def _open(title: str, row: str, more: str = "") -> Input:
    return _document(title, f"calendars:\n  c:\n    timezone: UTC\n    open:\n      - {row}\n{more}".rstrip())


_BASE = (
    "version: 1\npolicies:\n  - name: copies\n    match:\n      - operation: S3PutObjectCopy\n    require:\n"
    "      - region: eu-*\n        message: see the wiki\n"
)


def _yaml(title: str, old: str, new: str) -> Input:
    return _file(title, _BASE.replace(old, new))


_RETAIN_UNTIL = "S3PutObjectRetention.Retention.RetainUntilDate"


def _calendars(count: int) -> str:
    rows = "".join(f"  c{number}: {{timezone: UTC, open: [{{days: [mon]}}]}}\n" for number in range(count))
    return f"version: 1\ncalendars:\n{rows}"


def _slow_clock() -> str:
    """More calendars than the clock can follow, all asked for at once."""
    names = ", ".join(f"c{number}" for number in range(110))
    return (
        f"{_calendars(110)}policies:\n  - name: p\n    match: [{{operation: S3PutObjectCopy}}]\n"
        f"    require: [{{window: [{names}]}}]\n"
    )


FILES: Sequence[Input] = (
    _yaml("A tab", "    match:", "\tmatch:"),
    _file("A tab in a text of several lines", 'version: 1\nmode: "shadow\n\tmode" x\n'),
    _yaml("Keys of an item with different indentation", "    match:", "   match:"),
    _yaml("A key below a key that has its value", "    match:", "      match:"),
    _yaml("A key of the file that is indented", "policies:", "  policies:"),
    _yaml(
        "Items of a list with different indentation",
        "      - region: eu-*",
        "      - region: eu-*\n     - priority: {at_most: 5}",
    ),
    _file("Keys of one mapping, indented differently", "lists:\n    a: [x]\n  b: [y]\nversion: 1\n"),
    _file("A list item among keys", "version: 1\nlists:\n  a: [x]\n  - b\n"),
    _yaml("No colon", "policies:", "policies"),
    _yaml("No colon after the last key", "see the wiki\n", "see the wiki\n      region\n"),
    _yaml("A colon in a value", "see the wiki", "see: the wiki"),
    _yaml("A quote that is not closed", "see the wiki", '"see the wiki'),
    _yaml("A single quote that is not closed", "see the wiki", "'see the wiki"),
    _yaml("Text after a closing quote", "see the wiki", '"see" the wiki'),
    _yaml("A backslash in double quotes", "see the wiki", '"see \\wiki"'),
    _yaml("A bracket that is not closed", "    require:", "    on_violation: [hold\n    require:"),
    _yaml("A brace that is not closed, before more lines", "region: eu-*", "tags: {team: lake"),
    _file("A bracket that is not closed, before items", "version: 1\npolicies: [\n  - name: p\n    require: []\n"),
    _file("Keys of the file with different indentation", "  version: 1\nmode: shadow\n"),
    _yaml("No comma", "region: eu-*", "tags: {team: {present: true} ticket: x}"),
    _yaml("Nothing between commas", "region: eu-*", "region: [eu-*,, us-*]"),
    _yaml("A pattern that begins with a star", "region: eu-*", "region: *-1"),
    _yaml("Text that begins with an ampersand", "see the wiki", "& see the wiki"),
    _yaml("Text that begins with an exclamation mark", "see the wiki", "!(see) the wiki"),
    _yaml("Text that begins with a bar", "see the wiki", "|see the wiki"),
    _yaml("Text that begins with a question mark", "see the wiki", "? see the wiki"),
    _yaml("Text that begins with an at sign", "see the wiki", "@wiki"),
    _yaml("A list item after a key", "see the wiki", "- see the wiki"),
    _yaml("A second document", "    require:", "    require: []\n---\nmore:"),
    _file("Text before the first key", "Policies of the lake\n- version: 1\n"),
    _file("Text after the document", "[version]\nmode: shadow\n"),
    _file("Another version of YAML", "%YAML 3.0\n---\nversion: 1\n"),
    _file("A line that begins with a percent sign", "% policies\nversion: 1\n"),
    _yaml("An escape that is not a character", "see the wiki", '"\\UFFFFFFFF"'),
    _yaml("A key twice", "        message:", "        message: once\n        message:"),
    _yaml("A tag", "see the wiki", "!text see the wiki"),
    _yaml("A list as a key", "    require:", "    ? [a]\n    : b\n    require:"),
    _yaml("A number that begins with 0", "region: eu-*", "account: 012345678901"),
    _yaml("A number with too many digits", "region: eu-*", f"priority: {{at_most: {'9' * 20}}}"),
    _yaml(
        "A number with too many digits where nothing is expected", "    match:", f"    number: {'9' * 20}\n    match:"
    ),
    _file("An alias inside its own anchor", "version: 1\nlists: &l {a: *l}\n"),
    _file("An empty file", ""),
    _file("A file with only comments", "# nothing yet\n"),
    _file("A byte that is not UTF-8", _BASE.encode() + b"# gr\xfcn\n", "version: 1\n...\n# gr\\xfcn"),
    _file("A control character", _BASE + "# \x1b[31m\n", "version: 1\n...\n# \\x1b[31m"),
    _file("No text at all", b"\x7fELF\x02\x01\x01\x00\x00\x00\x00", "the bytes of a program"),
    _file("A file that is too large", "#" * (policy_file.FILE_BYTES_AT_MOST + 1), "# 131,073 characters"),
    _file("Too many brackets", "a: " + "[" * (policy_file.BRACKETS_AT_MOST + 1), "a: [[[[[[... # 10,001 brackets"),
    _file("Nesting that is too deep", "a: " + "[" * 9_000 + "]" * 9_000, "a: [[[[[[... # 9,000 brackets"),
    _file(
        "Aliases that expand to too much",
        "a: &a [x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]\n"
        "c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b]\nd: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c]\n"
        "e: &e [*d, *d, *d, *d, *d, *d, *d, *d, *d]\nf: [*e, *e, *e]\n",
    ),
    _file(
        "Several parts that can't be read, and mistakes in what can",
        "version: 1\nlists:\n  a: [x\npolicies:\n  - name: p\n\tmatch: []\n  - name: q\n    requires: []\n",
    ),
)

POLICIES: Sequence[Input] = (
    *(
        _required(f"A requirement in a different form: {requirement}", requirement)
        for requirement in (
            "manual_approval: 2",
            "manual_approval: {required: 2}",
            "manual_approval: [alice, bob]",
            "tags: {TagSet: [{Key: team, Value: lake}]}",
            "tags: {team: [{Key: lake}]}",
            "tags: {not: {team: lake}}",
            "tags: {team: null}",
            "tags.team: lake",
            "region: {not: {not: eu-*}}",
            "operation_parameters: {S3PutObjectCopy.ObjectLockRetainUntilDate: {before: 1767225600}}",
            "destination_buckets: {list: prod}",
            "destination_buckets: {owner: prod}",
            "destination_owner: prod",
            "object_bytes: 50TB",
            'total_tasks: "<= 50000000"',
            "total_tasks: {at_most: 1,000}",
            "total_tasks: {sum: 5}",
            "report: true",
            "operation: {S3PutObjectCopy: {StorageClass: GLACIER}}",
            "operation:S3PutObjectCopy",
            "S3PutObjectCopy",
            "window: 22:00-06:00",
            "until: 2026-01-01",
            "zzzz: 1",
        )
    ),
    *(
        _required(f"Days and dates: {row}", "window: c", f"calendars: {{c: {{timezone: UTC, open: [{row}]}}}}\n")
        for row in (
            "{days: [wendesday]}",
            '{days: ["*"]}',
            "{dates: [24.12.2026]}",
            "{dates: [2026-12-24 - 2026-12-31]}",
        )
    ),
    _document("A policy with nothing required", "policies: [{name: p, match: all, require: {}}]"),
    _document("A policy with a number for a name", "policies: [{name: 5, require: []}]"),
    _document("A limit that is a word", "policies: [{name: p, require: [{priority: high}, {cost: high}]}]"),
    _document("A guardrail without requirements", "guardrails: [{name: g, match: [], require: []}]"),
    _document(
        "An exception for all",
        "guardrails: [{name: g, require: [{region: eu-*}]}]\n"
        "exceptions: [{name: e, lifts: [all], match: [{region: eu-*}], expires: 2026-12-31, because: x}]",
    ),
    _file("A file that is not a mapping", "- version: 1\n"),
    _file("No version", "policies: [{name: p, require: []}]\n"),
    _file("Another version", "version: 2\n"),
    _file("A version in quotes", 'version: "1"\n'),
    _document("A misspelled key, and a mistake below it", "polices:\n  - name: p\n    require: [{regio: []}]"),
    _document("An unknown key", "zzz: 1"),
    _document("A key in the wrong place", "policies: [{name: p, region: eu-*, require: []}]"),
    _document("Something that the language can't express", "concurrency: 5"),
    _required("A different word for a key of the language", "objects: {at_most: 5}"),
    _required("A key that is not a check", "owner: ana"),
    _required("A test with different words", "total_tasks: {less_than: 5}"),
    _required("A window instead of a calendar", 'window: {from: "22:00", to: "06:00"}'),
    _file("A job instead of a policy", '{"Job": {"JobId": "1"}}\n'),
    _document("A policy without require", "policies: [{name: p}]"),
    _document("A guardrail without require", "guardrails: [{name: g}]"),
    _document("A policy without a name", "policies: [{require: []}]"),
    _document("A name that is empty", 'policies: [{name: "", require: []}]'),
    _document(
        "A name twice",
        "policies:\n  - {name: p, require: [{priority: {at_most: 5}}]}\nguardrails:\n  - {name: p, require: [{region: eu-*}]}",
    ),
    _document("No items", "policies: []"),
    _document("A mapping where a list is expected", "policies: {name: p, require: []}"),
    _required("Text where a list is expected", "any: eu-*"),
    _required("Text where a mapping is expected", "tags: lake"),
    _required("Tags as AWS's APIs write them", "tags: [{Key: team, Value: lake}]"),
    _required("No keys", "tags: {}"),
    _required("No tests", "report: {}"),
    _required("Nothing where a value is expected", "region:"),
    _required("No check", "message: why"),
    _required("Two checks in one item", "region: eu-*\npriority: {at_most: 5}"),
    _required("Nested too deeply", "any: [{all: [{any: [{region: x}]}]}]"),
    _required("A word of a closed set", "region: eu-*\non_violation: stop"),
    _required("Words that S3 does not have", "report: {scope: All, format: CSV}"),
    _document("A word in capitals", "mode: Shadow"),
    _required("A number where a range is expected", "total_tasks: 5_000"),
    _required("A number with a unit", "total_tasks: {at_most: 10M}"),
    _required("A number in quotes", 'total_tasks: {at_most: "5000"}'),
    _required("A number that is not whole", "total_tasks: {at_most: 1.5}"),
    _required("A number below 0", "total_tasks: {at_most: -1}"),
    _required("A number that is too large", "total_tasks: {at_most: 9223372036854775808}"),
    _required("yes for true", "report: {enabled: yes}"),
    _required("A number where text is expected", "account: 111122223333"),
    _required("true where text is expected", "tags: {urgent: true}"),
    _required("A test of two kinds", "tags: {team: {present: true, not: x}}"),
    _required("A test without a kind", "tags: {team: {}}"),
    _required("not with other keys", "report: {enabled: true, not: {scope: AllTasks}}"),
    _required("present with other keys", "report: {enabled: true, present: true}"),
    _required("not inside not", "report: {not: {scope: {not: AllTasks}}}"),
    _required("An unknown placeholder", 'role: "${owner}"'),
    _required("A class that is not closed", 'tags: {ticket: {glob: "CHG-[0-9"}}'),
    _required("A class of a regular expression", 'tags: {ticket: {glob: "CHG-[[:digit:]]"}}'),
    _required("A class that is negated as in a regular expression", 'tags: {ticket: {glob: "CHG-[^0-9]"}}'),
    _required("A range that runs backwards", 'tags: {ticket: {glob: "CHG-[9-0]"}}'),
    _required("A placeholder in a class", 'tags: {ticket: {glob: "[${account}]"}}'),
    _required("A glob without its pattern", "region: [{}]"),
    _required("A parameter without its operation", "operation_parameters: {.FunctionArn: x}"),
    _required("Half of a surrogate pair", 'region: "\\uD800"'),
    _required("Half of a surrogate pair in a key", 'tags: {"\\uD800": x}'),
    _required("A message that is too long", f"region: eu-*\nmessage: {'too long ' * 12}"),
    _required("manual_approval of nobody", "manual_approval: {}"),
    _required(
        "Keys of manual_approval with different names",
        'manual_approval: {approvers: ["*:user/ana"], min_approvals: 2}',
    ),
    _required("An empty by, and at_least 0", "manual_approval: {by: [], at_least: 0}"),
    _required("manual_approval as an alternative", "any: [{manual_approval: required}, {region: eu-*}]"),
    _required("Trusted names in a requirement", "manual_approval: {session_names: trusted}"),
    _document("A budget without a limit", "budgets: [{name: b, per: month}]"),
    _document(
        "A test that is not indented",
        "policies:\n  - name: p\n    require:\n      - total_tasks:\n        at_most: 5",
    ),
    _document("A budget without a period", "budgets: [{name: b, jobs: 5}]"),
    _document("A budget for each value of a tag", "budgets: [{name: b, per: month, each: team, jobs: 5}]"),
    _document("A budget without a valid time zone", "budgets: [{name: b, per: month, timezone: Berlin, jobs: 5}]"),
    _document("A budget with an empty each", "budgets: [{name: b, per: month, each: {}, jobs: 5}]"),
    _document(
        "A budget as an alternative",
        "budgets: [{name: b, per: month, jobs: 5}]\n"
        "policies: [{name: p, require: [{any: [{budget: b}, {region: eu-*}]}]}]",
    ),
    _document(
        "A budget where it can't stand",
        "budgets: [{name: b, per: month, jobs: 5}]\npolicies: [{name: p, match: [{budget: b}], require: []}]",
    ),
    _document(
        "A budget that something lifts",
        "budgets: [{name: b, per: month, jobs: 5}]\n"
        "policies: [{name: p, require: [{budget: b, unless: [{region: eu-*}]}]}]\n"
        "exceptions: [{name: e, lifts: [b], match: [{region: eu-*}], expires: 2026-12-31, because: x}]",
    ),
    _document(
        "A budget that does not exist",
        "budgets: [{name: team-month, per: month, jobs: 5}]\npolicies: [{name: p, require: [{budget: team-moth}]}]",
    ),
    _file(
        "Too many budgets",
        "version: 1\nbudgets:\n" + "".join(f"  - {{name: b{number}, per: day, jobs: 1}}\n" for number in range(46)),
        "version: 1\nbudgets:\n  - {name: b0, per: day, jobs: 1}\n... # 46 budgets",
    ),
    _document("approvals of nobody", "approvals: {}"),
    _document("approvals in a different form", 'approvals: ["*:user/ana"]'),
    _document("Names that are trusted by a flag", "approvals: {session_names: true}"),
    _required("manual_approval of something else", "manual_approval: yes"),
    _required("manual_approval where it can't stand", "region: eu-*\nunless: [{manual_approval: required}]"),
    _required("manual_approval that is violated", "manual_approval: required\non_violation: cancel"),
    _required("An unknown calendar", "window: nights"),
    _required(
        "A calendar that is misspelled",
        "window: night",
        "calendars: {nights: {timezone: UTC, open: [{days: [mon]}]}}\n",
    ),
    _required("A list in place of a calendar", "window: hours", "lists: {hours: [nights]}\n"),
    _required(
        "A window with not in a list",
        "window: [nights, {not: freeze}]",
        "calendars: {nights: {timezone: UTC, open: [{days: [mon]}]}}\n",
    ),
    _required(
        "A list's name where S3 takes certain values",
        "operation_parameters: {S3PutObjectCopy.StorageClass: cold}",
        "lists: {cold: [GLACIER, DEEP_ARCHIVE]}\n",
    ),
    _required("An unknown list", "account: {list: sandboxes}", "lists: {prod: [a]}\n"),
    _required("A window that asks for presence", "window: {present: true}"),
    _required("A window that is a glob", 'window: {glob: "night[s]"}'),
    _required("A window with a list of globs", "window: {list: l}", 'lists: {l: [{glob: "night[s]"}]}\n'),
    _document("Days without d", "cancel_held_after: 21"),
    _document("A duration in a different form", "cancel_grace: 0.5h"),
    _required("A grace where nothing is cancelled", "region: eu-*\ngrace: 1h"),
    _required(
        "A date of a parameter in a different form", f"operation_parameters: {{{_RETAIN_UNTIL}: {{before: 2027/3/31}}}}"
    ),
    _required(
        "A list with a value that S3 does not have",
        "operation_parameters: {S3PutObjectCopy.StorageClass: {list: l}}",
        "lists: {l: [GLACIER, GLACIR]}\n",
    ),
    _required("A tag's key and its value that are too long", f"tags: {{{'k' * 129}: x, team: {'v' * 257}}}"),
    _file(
        "Too many calendars",
        _calendars(257),
        "version: 1\ncalendars:\n  c0: {timezone: UTC, open: [{days: [mon]}]}\n... # 257 calendars",
    ),
    _document("An unknown time zone", "calendars: {c: {timezone: Europe/Berln, open: [{days: [mon]}]}}"),
    _document(
        "An unknown time zone that resembles no other", "calendars: {c: {timezone: Nowhere, open: [{days: [mon]}]}}"
    ),
    _document("A calendar without a zone", "calendars: {c: {open: [{days: [mon]}]}}"),
    _document("A calendar without rows", "calendars: {c: {timezone: UTC}}"),
    _open("An unknown day", "{days: [Monday, someday]}"),
    _open("Neither days nor dates", '{from: "22:00", to: "06:00"}'),
    _open("A time in a different form", '{days: [mon], from: "6:00", to: "8pm"}'),
    _open("A time that is a number", "{days: [mon], from: 22, to: 23}"),
    _open("A time that no day has", '{days: [mon], from: "25:00", to: "24:01"}'),
    _open("from without to", '{days: [mon], from: "22:00"}'),
    _open("from and to that are equal", '{days: [mon], from: "22:00", to: "22:00"}'),
    _open("Dates in different forms", "{dates: [31.12.2026, 2026-3-1, 20260301]}"),
    _open("Dates that do not exist", "{dates: [2027-02-29, 2027-04-31, 2027-13-01, 0000-01-01]}"),
    _open("A range that ends before it begins", "{dates: [2027-01-02..2026-12-24]}"),
    _open("A range with one year", "{dates: [2026-12-24..01-02]}"),
    _excepted("An exception that lifts an unknown statement", lifts="[q]"),
    _excepted("An exception that lifts text", lifts="p"),
    _excepted("An exception without a target", lifts=""),
    _excepted("An exception without a match", match=""),
    _excepted("An exception without an end", expires=""),
    _excepted("An exception without a reason", because=""),
    _excepted("An exception with different keys", expires="", because="", until="2027-03-31", reason="CHG-1"),
    _excepted("An exception whose end does not exist", expires="2027-02-29"),
    _excepted("An exception whose end is in a different form", expires="2027/3/31"),
    _file("A file of test cases", "policy: p.yaml\ncases: []\n"),
    _document(
        "Prices of nothing, and prices with too many decimals",
        "prices: {job: 0.25001, million_objects: $1, million_requests: {}}",
    ),
    _document(
        "Prices of what S3 does not have",
        "prices:\n  million_requests: {S3PutObjectTaging: 5, S3InitiateRestoreObject.BULK: 5}\n"
        "  gibibyte: {S3InitiateRestoreObject.BULC: 1, S3PutObjectCopy.BULK: 1}",
    ),
    _document(
        "One price, and one for each tier",
        "prices: {gibibyte: {S3InitiateRestoreObject: 0.01, S3InitiateRestoreObject.BULK: 0.0025}}",
    ),
    _required("A cost that is not a range", "cost: $1,500"),
    _required("A cost with too many decimals", "cost: {at_most: 0.00001}"),
)


def _directory(directory: Path) -> None:
    (directory / "below").mkdir()
    (directory / "below" / "policy.yaml").write_text("version: 1\n", encoding="utf-8")


def _pipe(directory: Path) -> None:
    os.mkfifo(directory / "pipe")


SETS: Sequence[Input] = (
    Input(
        "Two files set the same keys",
        {
            "a.yaml": "version: 1\nmode: shadow\nlists: {l: [x]}\npolicies:\n  - {name: p, require: []}\n",
            "b.yaml": "version: 1\nmode: enforce\nlists: {l: [y]}\npolicies:\n  - {name: p, require: []}\n",
        },
    ),
    Input("A file twice", {"a.yaml": "version: 1\n"}, load=("a.yaml", "a.yaml")),
    Input("A directory without policies", {}, "a directory that holds a directory with policies", (".",), _directory),
    Input("No file", {}, "a pipe instead of a file", ("pipe",), _pipe),
)

FINDINGS: Sequence[Input] = (
    _matched("matches-nothing", "{operation: S3PutObjectCopy}, {operation: S3PutObjectTagging}"),
    _file(
        "matches-nothing: conditions of different kinds",
        'version: 1\npolicies:\n  - name: p\n    match: [{operation: LambdaInvoke}, {priority: {at_most: 5}}, {priority: {at_least: 6}}]\n    require: [{operation_parameters: {LambdaInvoke.FunctionArn: "*:f:7"}}]\n',
    ),
    _required("matches-nothing: a requirement", "region: {not: '*'}"),
    _required("matches-nothing: an alternative", "any: [{operation: S3PutObjectTagging}, {priority: {at_most: 5}}]"),
    _required("matches-nothing: an unless", "priority: {at_most: 5}\nunless: [{region: {not: '*'}}]"),
    _required(
        "matches-nothing: an unless that contradicts the match",
        "priority: {at_most: 5}\nunless: [{operation: S3PutObjectTagging}]",
    ),
    _required("contradicts-match", "operation: S3PutObjectTagging"),
    _required("repeats-match", "operation: S3Put*"),
    _required("repeats-match: an unless", "priority: {at_most: 5}\nunless: [{operation: S3Put*}]"),
    _file(
        "contradicts-requirement",
        "version: 1\npolicies:\n  - name: p\n    match: [{operation: S3PutObjectCopy}]\n    require: [{region: eu-west-1}, {region: us-*}]\n",
    ),
    _required("impossible-value: buckets", "destination_buckets: {any: ['arn:aws:s3:::lake', '*:']}"),
    _required("impossible-value: accounts", 'account: ["12345", "my-account"]'),
    _required("impossible-value: Regions", "region: [eu-west-1a, EU-WEST-1, frankfurt]"),
    _required("impossible-value: roles", "role: migrator"),
    _required(
        "impossible-value: ARNs",
        "operation_parameters: {S3PutObjectCopy.TargetResource: {not: lake-prod}}",
    ),
    _required("impossible-value: members of the generator", "manifest_generator: {SourceBucket: secret}"),
    _matched(
        "impossible-value: KMS keys",
        "{operation: S3UpdateObjectEncryption}",
        "{operation_parameters: {S3UpdateObjectEncryption.ObjectEncryption.SSEKMS.KMSKeyArn: 'alias/lake'}},"
        " {manifest_generator: {Filter.MatchAnyObjectEncryption: {only: {SSEKMS.KmsKeyArn: 1234abcd-*}}}}",
    ),
    _required(
        "list-name-as-text",
        "account: {not: sandboxes}",
        'lists:\n  sandboxes: ["111122223333", "222233334444"]\n',
    ),
    _required("list-name-as-text: in a list", "account: {list: all}", "lists: {all: [some], some: ['111122223333']}\n"),
    _matched(
        "absent-fails: a default",
        "{operation: S3PutObjectRetention}",
        "{operation_parameters: {S3PutObjectRetention.BypassGovernanceRetention: false}}",
    ),
    _required(
        "absent-fails: values with the default among them",
        "operation_parameters: {S3PutObjectCopy.StorageClass: [STANDARD, GLACIER]}",
    ),
    _required(
        "absent-fails: a limited date",
        "operation_parameters: {S3PutObjectCopy.ObjectLockRetainUntilDate: {within: 365d}}",
    ),
    _matched(
        "any-but",
        "{operation: S3PutObjectTagging}",
        "{operation_parameters: {S3PutObjectTagging.TagSet: {any: {Key: {not: expire}}}}}",
    ),
    _required("tags-as-in-aws", "tags: {Key: team, Value: lake}"),
    _matched(
        "one-approval-for-both: in one statement",
        "{operation: S3PutObjectCopy}",
        "{manual_approval: required}, {manual_approval: required}",
    ),
    _required("too-many-approvals", 'manual_approval: {by: "*:assumed-role/prod-owner/*", at_least: 2}'),
    _document("too-many-approvals: more than are kept", "approvals: {at_least: 51}"),
    _document("trusted-names-of-any-role", "approvals: {session_names: trusted}"),
    _required(
        "impossible-value: a role where a session is compared",
        'manual_approval: {by: "arn:aws:iam::*:role/prod-owner"}',
    ),
    _document(
        "one-approval-for-both: in two statements",
        "guardrails:\n"
        "  - {name: owners, match: [{operation: LambdaInvoke}], require: [{manual_approval: required}]}\n"
        "  - {name: security, match: [{operation: LambdaInvoke}], require: [{manual_approval: required}]}",
    ),
    _required("function-without-arn", 'operation_parameters: {LambdaInvoke.FunctionArn: {not: "delete-*"}}'),
    _required("regular-expression", r'tags: {ticket: ["CHG-[0-9][0-9]", "^CHG-\\d{2}$", "a|b"]}'),
    _required("empty-range", "priority: {at_least: 9, at_most: 5}"),
    _matched(
        "empty-range: times",
        "{operation: S3PutObjectRetention}",
        f"{{operation_parameters: {{{_RETAIN_UNTIL}: {{after: 2027-06-01, before: 2027-01-01}}}}}}",
    ),
    _required(
        "window-never-opens, closed-dates-past",
        "window: c",
        "calendars:\n  c:\n    timezone: UTC\n    open: [{dates: [2026-01-01]}]\n    closed: [2026-01-02]\n",
    ),
    _required(
        "window-never-opens: several together",
        "all: [{window: a}, {window: b}]",
        "calendars:\n  a: {timezone: UTC, open: [{days: [mon]}]}\n  b: {timezone: UTC, open: [{days: [tue]}]}\n",
    ),
    _excepted("expired-exception", expires="2026-03-31"),
    _file(
        "lifts-nothing",
        "version: 1\npolicies:\n  - {name: p, match: [{operation: S3PutObjectCopy}], require: [{priority: {at_most: 5}}]}\n"
        "  - {name: q, match: [{operation: S3PutObjectAcl}], require: []}\n"
        "exceptions:\n  - {name: e, lifts: [p, q], match: [{operation: S3PutObjectTagging}], expires: 2027-03-31, because: CHG-1}\n",
    ),
    _file(
        "matches-nothing: an exception",
        "version: 1\npolicies:\n  - {name: p, match: [{operation: S3PutObjectCopy}], require: [{priority: {at_most: 5}}]}\nexceptions:\n  - {name: e, lifts: [p], match: [{region: {not: '*'}}], expires: 2027-03-31, because: CHG-1}\n",
    ),
    _document(
        "dodged-by-requester",
        "guardrails:\n  - name: g\n    match: [{tags: {stage: prod}}]\n    require: [{priority: {at_most: 5}}]",
    ),
    _required("claimed-by-requester: a tag", "total_tasks: {at_most: 5}\nunless: [{tags: {ticket: CHG-*}}]"),
    _required(
        "claimed-by-requester: the description, in an alternative",
        "any: [{total_tasks: {at_most: 5}}, {description: urgent}]",
    ),
    _required("not-on-tag", "tags: {stage: {not: prod}}"),
    _matched("lambda-without-function", "{operation: LambdaInvoke}", "{priority: {at_most: 5}}"),
    _matched("lambda-without-function: among others", "{region: eu-*}", "{priority: {at_most: 5}}"),
    _matched(
        "lambda-without-function: one value of several",
        "{operation: LambdaInvoke}",
        '{operation_parameters: {LambdaInvoke.FunctionArn: ["*:function:clean:7", "*:function:*"]}}',
    ),
    *(
        _file(
            f"lambda-latest: {words}",
            "version: 1\npolicies:\n  - name: p\n    match: [{operation: LambdaInvoke}]\n"
            f'    require: [{{operation_parameters: {{LambdaInvoke.FunctionArn: "{function}"}}}}]\n',
        )
        for words, function in (
            ("no version", "*:function:clean"),
            ("every version", "*:function:clean:*"),
            ("by name", "*:function:clean:$LATEST"),
        )
    ),
    _matched("unknown-operation: misspelled", "{operation: S3PutObjectTaging}", "{priority: {at_most: 5}}"),
    _matched("unknown-operation: deletion", "{operation: S3DeleteObject}", "{priority: {at_most: 5}}"),
    _matched("unknown-operation: similar to no other", "{operation: S3GetObject*}", "{priority: {at_most: 5}}"),
    _file(
        "parameter-of-other-operation",
        "version: 1\npolicies:\n  - name: p\n    match: [{operation: [S3InitiateRestoreObject, S3PutObjectCopy]}]\n    require: [{operation_parameters: {S3InitiateRestoreObject.GlacierJobTier: BULK}}]\n",
    ),
    _document(
        "unreadable-manifest-holds, setting-off",
        "guardrails:\n  - name: g\n    require: [{manifest: {bytes: {at_most: 1_000}}}]",
    ),
    _required("setting-off, sizes-written-by-requester", "object_bytes: {at_most: 5}"),
    _required("setting-off: buckets of rows", "source_buckets: {only: lake-*}"),
    _required("missing-price", "cost: {at_most: 5}"),
    _required(
        "missing-price: requests of the operation",
        "cost: {at_most: 500}",
        "prices:\n  job: 0.25\n  million_objects: 1\n  million_requests: {S3PutObjectTagging: 5}\n",
    ),
    _document("approves-everything", "policies: [{name: p, require: []}]"),
    _document(
        "contradicts-statement",
        "policies:\n  - name: small\n    match: [{operation: S3PutObjectCopy}]\n    require: [{total_tasks: {at_most: 50_000_000}}]\n"
        "  - name: large\n    match: [{operation: S3PutObjectCopy}]\n    require: [{total_tasks: {at_least: 50_000_001}}]",
    ),
    _document(
        "contradicts-statement: a guardrail of more jobs",
        "policies: [{name: p, match: [{operation: S3PutObjectCopy}], require: [{region: eu-west-1}]}]\n"
        "guardrails: [{name: g, require: [{region: us-*}]}]",
    ),
    _document(
        "lifts-for-every-job, distant-expiry",
        "guardrails: [{name: g, require: [{priority: {at_most: 5}}]}]\n"
        'exceptions: [{name: e, lifts: [g], match: [{role: "arn:*:iam::*:role/*"}], expires: 2099-12-31, because: x}]',
    ),
    _document(
        "lifts-for-every-job: all that is governed",
        "guardrails: [{name: g, match: [{region: eu-west-1}], require: [{priority: {at_most: 5}}]}]\n"
        "exceptions: [{name: e, lifts: [g], match: [{region: eu-*}], expires: 2026-12-31, because: x}]",
    ),
    _required(
        "either-window: nearly always",
        "window: [nights, calm]",
        "calendars:\n  nights: {timezone: UTC, open: [{days: [mon], from: '22:00', to: '06:00'}]}\n"
        "  calm: {timezone: UTC, open: [{days: [mon, tue, wed, thu, fri, sat, sun]}], closed: [12-20..01-06]}\n",
    ),
    _required(
        "either-window: one within another",
        "window: [mondays, weekdays]",
        "calendars:\n  mondays: {timezone: UTC, open: [{days: [mon]}]}\n"
        "  weekdays: {timezone: UTC, open: [{days: [mon, tue, wed, thu, fri]}]}\n",
    ),
    _required("fixed-zone", "window: c", "calendars: {c: {timezone: Etc/GMT+1, open: [{days: [mon]}]}}\n"),
    _required("fixed-zone: an abbreviation", "window: c", "calendars: {c: {timezone: EST, open: [{days: [mon]}]}}\n"),
    _document("met-without-destination", "guardrails: [{name: g, require: [{destination_buckets: {only: [lake]}}]}]"),
    _required("word-as-text", "tags: {ticket: present, team: absent}"),
    *(_required(f"word-as-tag: {key}", f"tags: {{{key}: lake}}") for key in ("not", "any", "list", "TagSet")),
    _required("manifest-size, setting-off", "manifest: {bytes: {at_most: 50_000_000_000_000}}"),
    _file(
        "lambda-alias",
        "version: 1\npolicies:\n  - name: p\n    match: [{operation: LambdaInvoke}]\n"
        '    require: [{operation_parameters: {LambdaInvoke.FunctionArn: "*:function:clean:live"}}]\n',
    ),
    _document(
        "cancelled-outside-window",
        "unmatched: cancel\npolicies: [{name: p, match: [{operation: S3PutObjectCopy}, {window: c}], require: []}]\n"
        "calendars: {c: {timezone: UTC, open: [{days: [mon]}]}}",
    ),
    *(
        _required(f"regular-expression: {words}", f'tags: {{ticket: "{text}"}}')
        for words, text in (
            ("digits", "CHG-##"),
            ("percent", "CHG-%"),
            ("a comparison", ">5"),
            ("a negation", "!lake"),
            ("a range", "1..5"),
        )
    ),
    _required("regular-expression: braces", 'role: "arn:aws:iam::*:role/{a,b}"'),
    _required("impossible-value: an assumed role", 'role: "arn:aws:sts::*:assumed-role/migration/*"'),
    _document("cancel-after-expiry", "cancel_held_after: 30d"),
    _required("cancel-before-grace", "region: eu-*\non_violation: cancel\ngrace: 2h", "cancel_held_after: 1h\n"),
    _required("no-grace-for-tags", "tags: {team: {present: true}}\non_violation: cancel\ngrace: 0s"),
    _required(
        "no-grace-for-tags: of the whole set",
        "tags: {team: {present: true}}\non_violation: cancel",
        "cancel_grace: 0s\n",
    ),
    _file(
        "slow-clock",
        _slow_clock(),
        "version: 1\ncalendars:\n  c0: {timezone: UTC, open: [{days: [mon]}]}\n...\n  c109: {timezone: UTC, open: [{days: [mon]}]}\n"
        "policies:\n  - name: p\n    match: [{operation: S3PutObjectCopy}]\n    require: [{window: [c0, ..., c109]}]",
    ),
    _document(
        "name-without-room",
        f"policies:\n  - {{name: {'long-' * 12}, match: [{{operation: S3PutObjectCopy}}], require: []}}\n  - {{name: für-alle, match: [{{operation: S3PutObjectCopy}}], require: []}}",
    ),
    _document(
        "unused-budget, budget-of-requesters-tag",
        "budgets:\n  - {name: a, per: day, jobs: 5}\n  - {name: b, per: day, each: {tag: team}, jobs: 5}\n"
        "guardrails: [{name: g, require: [{budget: b}]}]",
    ),
    _document(
        "matches-nothing: a budget",
        "budgets: [{name: b, per: day, jobs: 0}]\nguardrails: [{name: g, require: [{budget: b}]}]",
    ),
    _document(
        "lifts-nothing: a budget",
        "budgets: [{name: b, per: day, jobs: 5}]\nguardrails: [{name: g, require: [{budget: b}]}]\n"
        "exceptions: [{name: e, lifts: [g], match: [{region: eu-*}], expires: 2026-12-31, because: x}]",
    ),
    _document(
        "unused-list, unused-calendar", "lists: {l: [x]}\ncalendars: {c: {timezone: UTC, open: [{days: [mon]}]}}"
    ),
    _document(
        "silence-without-reason, unknown-lint, unused-silence",
        "lists: {l: [x]} # batchgate: allow(unused-list)\nmode: shadow # batchgate: allow(unused-lists) because x\n"
        "unmatched: hold # batchgate: allow(empty-range) because x\nungated_jobs: report # batchgate: allow() because x",
    ),
    _document("unknown-lint: similar to no other", "mode: shadow # batchgate: allow(zzz) because x"),
)


def _cases(title: str, text: str) -> Input:
    return Input(title, {"p.yaml": _TRIED, "cases.yaml": text})


def _case(title: str, said: str, job: str = "{operation: S3PutObjectCopy, total_tasks: 10}") -> Input:
    return _cases(title, f"policy: p.yaml\ncases:\n  - name: c\n    job: {job}\n{_lines(said)}")


def _lines(said: str) -> str:
    defaults = {"at": "2026-11-20T12:00:00Z", "expect": "approve"}
    keys = {line.split(":")[0] for line in said.split("\n")}
    lines = [f"{key}: {value}" for key, value in defaults.items() if key not in keys] + [
        line for line in said.split("\n") if line
    ]
    return "".join(f"    {line}\n" for line in lines)


_TRIED = (
    "version: 1\npolicies:\n  - name: p\n    match: [{operation: S3PutObjectCopy}]\n    require:\n"
    "      - total_tasks: {at_most: 100}\n"
    "guardrails:\n  - name: g\n    match: [{region: eu-*}]\n    require: [{object_bytes: {at_most: 5}}, {source_buckets: {only: lake}}]\n"
)

CASES: Sequence[Input] = (
    _case(
        "A status in which the gate does not evaluate a job",
        "expect: approve",
        "{operation: S3PutObjectCopy, total_tasks: 10, status: Complete}",
    ),
    _cases("No mapping", "- a\n"),
    _cases("A policy", "version: 1\npolicies: []\n"),
    _cases("An empty file of test cases", ""),
    _case("A number with too many digits in a case", f"facts: {{manifest_bytes: {'9' * 20}}}"),
    _cases("No policy and no cases", "case: []\n"),
    _cases("A policy file that does not exist", "policy: q.yaml\ncases: []\n"),
    _cases("A policy that is not a path", "policy: [5]\ncases: {}\n"),
    _cases("No policies", "policy: []\ncases: [c]\n"),
    _cases("A case without its keys", "policy: p.yaml\ncases: [{}]\n"),
    _cases(
        "A name twice, an empty name",
        "policy: p.yaml\ncases:\n"
        + "".join(
            f"  - {{name: {name}, job: {{operation: S3PutObjectCopy, total_tasks: 10}}, at: 2026-11-20T12:00:00Z, expect: approve}}\n"
            for name in ("c", "c", '""')
        ),
    ),
    _case("A key that a case does not have", "expects: hold"),
    _case("An unknown verdict", "expect: aproved"),
    _case("A date that does not exist", "at: 2027-02-29T12:00:00Z"),
    _case("An instant in a different form", "at: tomorrow"),
    _case("An instant without an offset", "at: 2026-11-20T12:00:00"),
    _case("Tags that are not a mapping, text that is a number", "tags: [a]\ndecided_by: p\nreason: 5"),
    _case("A tag that is a number", "tags: {n: 5}\ndecided_by: [5]"),
    _case("Facts that are not a mapping", "facts: [5]\napprovals: yes"),
    _case("A fact that is not a number", "facts: {object_bytes: many, size: 5}"),
    _case("Budgets that are not a mapping", "facts: {budgets: [5]}"),
    _case(
        "What is used of a budget, with different keys",
        "facts: {budgets: {a: 5, b: {tasks: 5}, c: {jobs: -1, cost: 0.00001}}}",
    ),
    _case("What is used of a budget that no policy names", "facts: {budgets: {team-month: {jobs: 5}}}"),
    _case("A name that decides nothing", "decided_by: [small-job]"),
    _case("Approvals that are not a list of approvals", "approvals: [ana, {who: ana}]\nrequester: eve"),
    _case(
        "An approval after the review, and one of nobody",
        "approvals: [{who: 'arn:aws:iam::111122223333:user/ana', at: 2026-11-21}, {reason: x}]",
    ),
    _case("A flag in words", "", "{operation: S3PutObjectCopy, confirmation_required: yes}"),
    _case("A job that is not a mapping", "", "S3PutObjectCopy"),
    _case("A job without an operation", "", "{total_tasks: 10}"),
    _case("An operation that is not valid", "", "{operation: [S3PutObjectCopy]}"),
    _case(
        "An account without quotes, a Region that is not valid",
        "",
        "{operation: S3PutObjectCopy, account: 111122223333, region: 5, status: Suspend}",
    ),
    _case("A key that a job does not have", "", "{operation: S3PutObjectCopy, tasks: 10}"),
    _case(
        "A member that S3 does not have",
        "",
        "{operation: {S3PutObjectCopy: {TargetArn: x, StorageClas: GLACIER}}, Report: {Scope: x}}",
    ),
    _case(
        "A value that a member can't have",
        "",
        '{operation: {S3PutObjectCopy: {StorageClass: Glacier, BucketKeyEnabled: "true", TargetResource: 5}}}',
    ),
    _case("A member of another type", "", "{operation: S3PutObjectCopy, CreationTime: yesterday}"),
    _case("An unknown operation", "expect: hold", "{operation: S3DeleteObject, total_tasks: 10}"),
    _case(
        "Expectations that are not met",
        "expect: approve\ndecided_by: [g]\nuntil: 2026-12-01T00:00:00Z\ncancels_at: 2026-12-01T00:00:00Z\nreason: approved",
        "{operation: S3PutObjectCopy, total_tasks: 1000}",
    ),
)
