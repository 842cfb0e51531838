"""Policy files: YAML 1.2 in, a policy set out, and every problem with the line that it stands on."""

import json
import os
import re
from pathlib import Path

import pytest

from batchgate.errors import PolicyError, Problem
from batchgate.policy.compile import compile_policies
from batchgate_cli.authoring import policy_file
from tests.unit.everything import EVERYTHING

GOOD = """\
version: 1
policies:
  - name: p
    require:
      - region: eu-*
"""


def refused(content: str | bytes, directory: Path) -> list[Problem]:
    """Load a file that must be refused, and give its problems."""
    path = directory / "bad.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(PolicyError) as error:
        policy_file.load([path])
    lines = max(path.read_bytes().count(b"\n"), path.read_bytes().count(b"\r")) + 1
    for problem in error.value.problems:
        assert problem.message
        assert problem.place is not None
        assert problem.place.file == str(path)
        assert 1 <= problem.place.line <= lines
        assert problem.place.column >= 1
        assert str(problem).startswith(f"{path}:{problem.place.line}:{problem.place.column}: ")
    return list(error.value.problems)


def places_and_messages(problems: list[Problem]) -> list[tuple[int, int, str]]:
    """Give line, column and message of each."""
    return [
        (problem.place.line, problem.place.column, f"{problem.where}: {problem.message}")
        for problem in problems
        if problem.place is not None
    ]


# --- one bad file ------------------------------------------------------------------------------------

BAD_FILES: dict[str, tuple[str | bytes, int, str]] = {
    "empty": ("", 1, "expected a policy document, got an empty file"),
    "only comments": ("# nothing\n# here\n", 1, "expected a policy document, got a file with only comments"),
    "only a document start": ("---\n", 1, "expected a"),
    "null": ("null\n", 1, "expected a mapping with version, .*, got nothing"),
    "text": ("hello\n", 1, 'expected a mapping with version, .*, got "hello"'),
    "a list": ("- version: 1\n", 1, "expected a mapping with version, .*, got a list of 1"),
    "unknown key": ("version: 1\n\nguardrail: []\n", 3, "unknown key; did you mean guardrails"),
    "wrong type": (GOOD + "mode: 5\n", 6, "expected enforce or shadow, got the number 5"),
    "duplicate name": (
        GOOD + "  - name: p\n    require: []\n",
        6,
        r'the name "p" is already used by policies\[0\]\.name; .*bad\.yaml:3:',
    ),
    "duplicate key": (GOOD + "mode: shadow\nmode: enforce\n", 7, "given twice, first in line 6"),
    "duplicate key deep inside": (
        GOOD.replace("region: eu-*", "tags: {a: x,\n          a: y}"),
        6,
        "given twice, first in line 5",
    ),
    "duplicate key in another style": ('version: 1\n"version": 1\n', 2, "given twice, first in line 1"),
    "unknown calendar": (
        GOOD + "      - window: nights\n",
        6,
        'no calendar is named "nights"; define it under calendars',
    ),
    "impossible window": (
        GOOD + "calendars:\n  c:\n    timezone: UTC\n    open:\n      - {days: [mon], from: '25:00', to: '06:00'}\n",
        10,
        'expected a time "HH:MM" from "00:00" to "23:59", got "25:00"',
    ),
    "not UTF-8": (GOOD.encode() + b"# gr\xfcn\n", 6, "expected UTF-8, got the byte 0xfc"),
    "UTF-16": (GOOD.encode("utf-16"), 1, "expected UTF-8, got the byte 0xff"),
    "Latin-1 in a name": (b"version: 1\npolicies:\n  - name: \xe9t\xe9\n", 3, "expected UTF-8, got the byte 0xe9"),
    "cut inside a character": (GOOD.encode() + "# ü".encode()[:-1], 6, "expected UTF-8, got the byte 0xc3"),
    "a null byte": (GOOD + "\x00", 6, "expected printable characters"),
    "an escape": (GOOD + "# \x1b[31m\n", 6, "expected printable characters"),
    "an ELF header": (b"\x7fELF\x02\x01\x01\x00\x00\x00", 1, "expected printable characters"),
    "a gzip header": (b"\x1f\x8b\x08\x00\x00", 1, "expected printable characters"),
    "a tab for indentation": (
        "version: 1\npolicies:\n\t- name: p\n",
        3,
        "expected spaces, got a tab; indent with spaces only",
    ),
    "two documents": (GOOD + "---\n" + GOOD, 6, "expected one document"),
    "an open bracket": ("version: 1\npolicies: [\n", 2, "expected ] to close the \\[ here; add it"),
    "an open quote": ('version: "1\n\n', 1, "expected a closing quote for the quote that opens here"),
    "a wrong indentation": ("version: 1\n policies: []\n", 2, "expected no spaces before this key, as in line 1"),
    "an undefined alias": ("version: *v\n", 1, 'got \\*, which refers to an anchor .*quotes: "\\*v"'),
    "an anchor twice": ("version: 1\na: &x 1\nb: &x 2\n", 3, "unknown key|anchor"),
    "an alias of itself": ("version: 1\npolicies: &p [*p]\n", 2, "an alias inside its own anchor"),
    "a merge key": (GOOD + "<<: {mode: shadow}\n", 6, "unknown key"),
    "a tag": (GOOD + "mode: !shadow shadow\n", 6, "expected no YAML tag, got !shadow"),
    "a tag of Python": (
        GOOD + "mode: !!python/object/apply:os.system ['true']\n",
        6,
        "expected no YAML tag",
    ),
    "a tag on a list": ("version: 1\npolicies: !!set [{name: p, require: []}]\n", 2, "expected no YAML tag"),
    "a tag on quoted text": ('version: !!int "1"\n', 1, "expected no YAML tag"),
    "binary": (GOOD + "mode: !!binary c2hhZG93\n", 6, "expected no YAML tag"),
    "a list for a key": ("version: 1\n? [a]\n: b\n", 2, "expected a text key, got a list or a mapping"),
    "a number that begins with 0": (GOOD + "      - account: 012345678901\n", 6, "without leading zeros"),
    "an account id that is a number": (
        GOOD + "      - account: 111111111111\n",
        6,
        'write it in quotes: "111111111111"',
    ),
    "a number of too many digits": (
        GOOD + f"      - priority: {{at_most: {'9' * 20}}}\n",
        6,
        r"expected a whole number >= 0 and at most 9223372036854775807, got a very large number\Z",
    ),
    "the lowest number that is too large": (
        GOOD + f"      - priority: {{at_most: {2**63}}}\n",
        6,
        r"expected a whole number >= 0 and at most 9223372036854775807, got a very large number\Z",
    ),
    "a number below the least": (GOOD + "      - priority: {at_most: -1}\n", 6, "expected a whole number >= 0, got"),
    "digits where text is expected": (
        "version: 1\npolicies: [{name: 12345678901234567890123, require: []}]\n",
        2,
        "expected text of 1 to 64 characters, got a very large number; write it in quotes",
    ),
    "digits where a list is expected": (
        f"version: 1\npolicies: {'9' * 5000}\n",
        2,
        r"expected a list of items, .*got a very large number\Z",
    ),
    "every job as a word": (
        "version: 1\npolicies: [{name: p, match: all, require: []}]\n",
        2,
        r"got \"all\"; add a condition, or remove match: without it the statement governs every job\Z",
    ),
    "every job as a word in an exception": (
        GOOD + "exceptions: [{name: e, lifts: [p], match: all, expires: 2027-01-01, because: x}]\n",
        6,
        r"got \"all\"; add a condition\Z",
    ),
    "nothing required of a policy": ("version: 1\npolicies: [{name: p, require: {}}]\n", 2, r"write require: \[\] if"),
    "a require with nothing below it": ("version: 1\npolicies: [{name: p, require: }]\n", 2, r"write require: \[\] if"),
    "nothing required of a guardrail": (
        "version: 1\nguardrails: [{name: p, require: {}}]\n",
        2,
        r"got an empty mapping; add a requirement, or remove the guardrail\Z",
    ),
    "an exception that lifts nothing": (
        GOOD + "exceptions: [{name: e, lifts: [], match: [{region: x}], expires: 2027-01-01, because: x}]\n",
        6,
        r"got an empty list; add one\Z",
    ),
    "an empty list of an optional key": (GOOD + "budgets: []\n", 6, r"add one, or remove the key\Z"),
    "an empty text of a key that can't be removed": (
        "version: 1\npolicies: [{name: '', require: []}]\n",
        2,
        r"expected 1 to 64 characters, got \"\"; write it\Z",
    ),
    "an empty text that can be removed": (GOOD + "lists: {'': [a]}\n", 6, r"write it, or remove the key\Z"),
    "a number for a name": (
        "version: 1\npolicies: [{name: 5, require: []}]\n",
        2,
        'expected text of 1 to 64 characters, got the number 5; write it in quotes: "5"',
    ),
    "a word for a limit": (GOOD + "      - priority: high\n", 6, r"write {at_least: N}, {at_most: N} or both\Z"),
    "a word for an amount": (GOOD + "      - cost: high\n", 6, r"write {at_most: N}\Z"),
    "an unknown key with too many digits": (GOOD + f"a: {'9' * 20}\n", 6, "unknown key|at most 19 digits, got 20"),
    "a float": (GOOD + "      - priority: {at_most: 1e6}\n", 6, "got the number 1000000.0"),
    "not a number": (GOOD + "      - priority: {at_most: .nan}\n", 6, "got the number nan"),
    "half a character": (GOOD + '      - region: "\\uD800"\n', 6, "half of a surrogate pair"),
    "half a character in a key": (GOOD + '      - tags: {"\\uDC00": x}\n', 6, "half of a surrogate pair"),
    "a character beyond Unicode": (GOOD + '      - region: "\\UFFFFFFFF"\n', 1, "expected YAML"),
    "YAML 3": ("%YAML 3.0\n---\nversion: 1\n", 1, "expected YAML 1.2, got another version"),
}


@pytest.mark.parametrize(("content", "line", "message"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_file_is_told_with_its_line(content: str | bytes, line: int, message: str, tmp_path: Path) -> None:
    """File, line and what was expected; never a traceback."""
    told = places_and_messages(refused(content, tmp_path))
    assert any(found == line and re.search(message, text) for found, _, text in told), told


def test_all_problems_of_a_file_are_told_at_once_in_the_order_of_its_lines(tmp_path: Path) -> None:
    """One reading is enough to find everything, whatever kind of mistake it is."""
    told = places_and_messages(
        refused(
            "version: 2\n"
            "mode: shadows\n"
            "mode: enforce\n"
            "calendars:\n"
            "  nights:\n"
            "    timezone: Europe/Berln\n"
            "    open:\n"
            "      - {days: [mon], from: '22:00'}\n"
            "policies:\n"
            "  - name: p\n"
            "    match:\n"
            "      - window: night\n"
            "      - regions: x\n"
            "    require:\n"
            "      - account: 111111111111\n"
            "      - region: '${job}'\n"
            "        on_violation: stop\n"
            "  - name: p\n",
            tmp_path,
        )
    )
    assert [line for line, _, _ in told] == [1, 2, 3, 6, 8, 12, 13, 15, 16, 17, 18, 18]
    assert 'policies[0].match[0].window: no calendar is named "night"; did you mean nights?' in told[5][2]


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_lines_are_counted_by_every_line_ending(ending: str, tmp_path: Path) -> None:
    """A file from another system names the same lines."""
    text = (GOOD + "mode: 5\n").replace("\n", ending)
    assert [line for line, _, _ in places_and_messages(refused(text, tmp_path))] == [6]


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    """Editors write one; it is not part of the text."""
    path = tmp_path / "p.yaml"
    path.write_bytes(GOOD.encode("utf-8-sig"))
    assert policy_file.load([path]).policies.version == policy_file.load_text(GOOD).policies.version


# --- files made to hurt -------------------------------------------------------------------------------


def laughing(levels: int) -> str:
    """Write anchors that unfold to nine to the power of `levels`."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, levels)]
    return "\n".join([*lines, ""])


LIMIT = policy_file.FILE_BYTES_AT_MOST


def filled(piece: str, head: str = "", tail: str = "") -> str:
    """Repeat a piece up to the size that a file may have."""
    return head + piece * ((LIMIT - len(head) - len(tail)) // len(piece)) + tail


HURTFUL: dict[str, str | bytes] = {
    "10 MB of aliases": "a: &a x\nb: [" + "*a, " * 2_600_000 + "]\n",
    "10 MB of anything": b"x" * 10_000_000,
    "anchors that unfold": laughing(30),
    "anchors that unfold in a policy": "version: 1\nlists:\n" + re.sub(r"(?m)^", "  ", laughing(9)),
    "aliases up to the limit": filled("*a,", "a: &a [x]\nb: [", "]\n"),
    "lists in lists": "[" * 100_000,
    "mappings in mappings": "{a: " * 50_000,
    "block lists in lists": "- " * 100_000 + "a\n",
    "conditions in conditions": GOOD + "      - " + "{any: [" * 240 + "{region: x}" + "]}" * 240 + "\n",
    "a flow list up to the limit": filled("a,", "[", "]"),
    "unknown keys up to the limit": "".join(f"k{n}: 1\n" for n in range(LIMIT // 12)),
    "known keys over and over": filled("mode: shadow\n", "version: 1\n"),
    "one long key": filled("version", "? ", "\n: 1\n"),
    "one long near miss": filled("enforce", "version: 1\nmode: ", "\n"),
    "one long time zone": filled("Europe/Berlin", "version: 1\ncalendars: {c: {timezone: ", "}}\n"),
    "one long calendar": filled("nights", GOOD + "      - window: ", "\n"),
    "one long time": filled("1", "version: 1\ncalendars: {c: {timezone: UTC, open: [{days: [mon], from: '", "'}]}}\n"),
    "one long number": filled("1", "version: ", "\n"),
    "open placeholders": filled("${", GOOD + "      - region: '", "'\n"),
    "silencing comments": filled("# batchgate: allow(x) because\n"),
    "hashes": filled("# "),
    "question marks": filled("? "),
    "colons": filled(": "),
    "quotes": filled("'"),
    "folded lines": filled(">\n\n"),
    "statements up to the limit": filled(
        "  - {name: p, require: [{any: [{regions: x}]}]}\n", "version: 1\npolicies:\n"
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("content", HURTFUL.values(), ids=HURTFUL)
def test_a_file_made_to_hurt_is_refused(content: str | bytes, tmp_path: Path) -> None:
    """Size, depth and unfolding are bounded: a few lines of answer, no traceback."""
    problems = refused(content, tmp_path)
    assert all(len(str(problem)) < 2_000 for problem in problems)


def test_the_largest_sensible_set_is_read() -> None:
    """A thousand policies, as large a file as is taken, are valid."""
    statement = "  - {name: policy-NUMBER, match: [{operation: S3Put*}], require: [{total_tasks: {at_most: NUMBER}}]}\n"
    text = "version: 1\npolicies:\n" + "".join(statement.replace("NUMBER", str(each)) for each in range(1_000))
    assert len(policy_file.load_text(text).policies.statements) == 1_000


# --- what YAML means ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("off", "off"),
        ("y", "y"),
        ("22:00", "22:00"),
        ("2026-03-31", "2026-03-31"),
        ("2026-12-24..2027-01-02", "2026-12-24..2027-01-02"),
        ("12e", "12e"),
        ("0o", "0o"),
        ("1_000_000", 1_000_000),
        ("1__0", "1__0"),
        ("_1", "_1"),
        ("1_", "1_"),
        ("0", 0),
        ("-0", 0),
        ("+5", 5),
        ("-5", -5),
        ("0x1F", 31),
        ("0o17", 15),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("true", True),
        ("True", True),
        ("FALSE", False),
        ("tRUE", "tRUE"),
        ("null", None),
        ("~", None),
        ("", None),
        ('""', ""),
        ('"5"', "5"),
        ("'true'", "true"),
        ("!!str 5", "5"),
        ("|\n  a\n  b\n", "a\nb\n"),
        (">-\n  a\n  b\n", "a b"),
        ("'*'", "*"),
        ("eu-*", "eu-*"),
        ("audit-${account}", "audit-${account}"),
        ("${account}", "${account}"),
        ("111111111111", 111111111111),
        ('"\\U0001F600"', "😀"),
    ],
)
def test_scalars_are_read_by_yaml_1_2(written: str, read: object) -> None:
    """The core schema: few words are booleans, times and dates are text, underscores part digits."""
    data, _ = policy_file.read_plain(f"a: {written}\n".encode(), "x.yaml")
    assert isinstance(data, dict)
    assert data["a"] == read
    assert type(data["a"]) is type(read)


def test_an_alias_stands_for_what_it_names() -> None:
    """Anchors are a way to write a thing once."""
    text = GOOD.replace("region: eu-*", "region: &r [eu-*, us-*]") + "      - region: {not: *r}\n"
    spelled = GOOD.replace("region: eu-*", "region: [eu-*, us-*]") + "      - region: {not: [us-*, eu-*]}\n"
    assert policy_file.load_text(text).canonical_json == policy_file.load_text(spelled).canonical_json


def test_json_is_yaml() -> None:
    """The canonical form can be loaded as a file."""
    loaded = policy_file.load_text(json.dumps(EVERYTHING))
    assert policy_file.load_text(loaded.canonical_json.decode()).policies.version == loaded.policies.version


def test_every_value_has_its_place() -> None:
    """A finding about any path can be told with a line."""
    loaded = policy_file.load_text(GOOD, "p.yaml")

    def line(*path: str | int) -> int:
        place = loaded.place_of(path)
        assert place is not None
        assert place.file == "p.yaml"
        return place.line

    assert line("version") == 1
    assert line("policies") == 2
    assert line("policies", 0) == line("policies", 0, "name") == 3
    assert line("policies", 0, "require") == 4
    assert line("policies", 0, "require", 0) == line("policies", 0, "require", 0, "region") == 5
    assert line("policies", 0, "require", 0, "region", "not", 7) == 5
    assert line("calendars", "x") == 1


def test_silencing_comments_are_read_with_their_reason_and_line() -> None:
    """`# batchgate: allow(LINT) because ...` anywhere in a line."""
    text = (
        GOOD + "# batchgate: allow(open-policy) because it is a sandbox\nmode: shadow  #batchgate:allow(late-cancel)\n"
    )
    silences = policy_file.load_text(text, "p.yaml").silences
    assert [(each.lint, each.because, each.place.line) for each in silences] == [
        ("open-policy", "it is a sandbox", 6),
        ("late-cancel", None, 7),
    ]


# --- several files -----------------------------------------------------------------------------------

VERSION = "version: 1\n"
CALENDAR = "calendars:\n  {0}: {{timezone: UTC, open: [{{days: [mon]}}]}}\n"


def written(directory: Path, *contents: str | bytes) -> Path:
    """Write a directory with files a.yaml, b.yaml, ..."""
    for name, content in zip("abcdefgh", contents, strict=False):
        (directory / f"{name}.yaml").write_bytes(content if isinstance(content, bytes) else content.encode())
    return directory


def told_of(directory: Path) -> list[str]:
    """Load a directory that must be refused; give the problems without the directory's path."""
    with pytest.raises(PolicyError) as error:
        policy_file.load([directory])
    for problem in error.value.problems:
        assert problem.place is not None
        assert problem.place.line <= Path(problem.place.file).read_bytes().count(b"\n") + 1
    return [str(problem).replace(f"{directory}/", "") for problem in error.value.problems]


def test_a_directory_is_one_policy_set(tmp_path: Path) -> None:
    """Statements, lists and calendars of all files together, as if written in one; settings from one of them."""
    directory = written(
        tmp_path,
        VERSION + "unmatched: cancel\nlists:\n  sandboxes: ['111111111111']\n" + CALENDAR.format("nights"),
        VERSION + "policies:\n  - {name: p, match: [{account: {list: sandboxes}}], require: [{window: nights}]}\n",
        VERSION
        + "policies:\n  - {name: q, require: [{window: days}]}\n"
        + "guardrails:\n  - {name: g, require: [{region: eu-*}]}\n"
        + CALENDAR.format("days")
        + "exceptions:\n  - {name: e, lifts: [p], match: [{region: x}], expires: 2026-03-31, because: y}\n",
    )
    (directory / "notes.txt").write_text("not a policy", encoding="utf-8")
    (directory / "below").mkdir()
    (directory / "below" / "d.yaml").write_text("not: read", encoding="utf-8")
    loaded = policy_file.load([directory])
    assert [statement.name for statement in loaded.policies.statements] == ["p", "q", "g"]
    place = loaded.place_of(("policies", 1, "name"))
    assert place is not None
    assert (place.file, place.line) == (str(directory / "c.yaml"), 3)
    one = compile_policies(
        {
            "version": 1,
            "unmatched": "cancel",
            "calendars": {name: {"timezone": "UTC", "open": [{"days": ["mon"]}]} for name in ("days", "nights")},
            "policies": [
                {"name": "q", "require": [{"window": "days"}]},
                {"name": "p", "match": [{"account": "111111111111"}], "require": [{"window": "nights"}]},
            ],
            "guardrails": [{"name": "g", "require": [{"region": "eu-*"}]}],
            "exceptions": [
                {"name": "e", "lifts": ["p"], "match": [{"region": "x"}], "expires": "2026-03-31", "because": "y"}
            ],
        }
    )
    assert loaded.policies.version == one.version


def test_the_order_of_files_changes_nothing_but_the_order_of_the_trace(tmp_path: Path) -> None:
    """The version is that of the set, not of how it is laid out."""
    directory = written(tmp_path, GOOD, GOOD.replace("name: p", "name: q"))
    first, second = sorted(directory.iterdir())
    versions = {policy_file.load(paths).policies.version for paths in ([first, second], [second, first], [directory])}
    assert len(versions) == 1


def test_a_link_that_leads_nowhere_is_refused(tmp_path: Path) -> None:
    """A policy that is not there any more must not be dropped silently; neither may a directory of such a name."""
    written(tmp_path, GOOD)
    (tmp_path / "b.yaml").symlink_to(tmp_path / "gone.yaml")
    (tmp_path / "c.yml").mkdir()
    with pytest.raises(PolicyError) as refused:
        policy_file.load([tmp_path])
    assert [str(problem) for problem in refused.value.problems] == [
        f"{tmp_path}/b.yaml:1:1: expected a policy file, got a symbolic link to no file; remove or rename it",
        f"{tmp_path}/c.yml:1:1: expected a policy file, got a directory; remove or rename it",
    ]


def test_a_link_to_a_policy_file_is_read(tmp_path: Path) -> None:
    """A directory may gather its files from elsewhere."""
    (tmp_path / "all").mkdir()
    (tmp_path / "all" / "p.yaml").symlink_to(written(tmp_path, GOOD) / "a.yaml")
    assert len(policy_file.load([tmp_path / "all"]).policies.statements) == 1


@pytest.mark.parametrize("suffix", [".yml", ".yaml", ".YAML", ".Yml"])
def test_both_endings_are_read_from_a_directory(suffix: str, tmp_path: Path) -> None:
    """Teams write either."""
    (tmp_path / f"p{suffix}").write_text(GOOD, encoding="utf-8")
    assert len(policy_file.load([tmp_path]).policies.statements) == 1


def test_every_setting_of_one_file_of_a_directory_is_the_sets(tmp_path: Path) -> None:
    """None is lost where the files are put together."""
    settings = {"mode": "shadow", "unmatched": "cancel", "ungated_jobs": "cancel", "cancel_grace": "1h"}
    settings |= {"cancel_held_after": "21d", "approvals": "{at_least: 7}", "prices": "{job: 0.25}"}
    written = "".join(f"{key}: {value}\n" for key, value in settings.items())
    (tmp_path / "a.yaml").write_text(GOOD, encoding="utf-8")
    (tmp_path / "b.yaml").write_text(VERSION + written, encoding="utf-8")
    whole = policy_file.load([tmp_path]).document
    alone = policy_file.load([tmp_path / "b.yaml"]).document
    default = policy_file.load([tmp_path / "a.yaml"]).document
    plain = [key for key in default.__struct_fields__ if key not in ("version", "policies")]
    assert {key for key in plain if getattr(alone, key) != getattr(default, key)} == set(settings)
    assert {key: getattr(whole, key) for key in plain} == {key: getattr(alone, key) for key in plain}
    kept = {"version", "lists", "calendars", "budgets", "guardrails", "policies", "exceptions"}
    assert set(default.__struct_fields__) == kept | set(settings)  # a new setting has to stand here, too


CLASHES: dict[str, tuple[tuple[str | bytes, ...], list[str]]] = {
    "a name twice": (
        (GOOD, GOOD),
        [r"^b\.yaml:3:\d+: policies\[0\]\.name: the name \"p\" is already used by policies\[0\]\..*a\.yaml:3:\d+"],
    ),
    "a guardrail named as a policy": (
        (GOOD, VERSION + "guardrails:\n  - {name: p, require: [{region: x}]}\n"),
        [r"^b\.yaml:3:\d+: guardrails\[0\]\.name: the name \"p\" is already used .*a\.yaml:3:\d+"],
    ),
    "a setting twice": (
        (GOOD + "mode: shadow\n", VERSION + "mode: shadow\n"),
        [r"^b\.yaml:2:\d+: mode: also set in another file \(a\.yaml:6:\d+\); set it once"],
    ),
    "every setting twice": (
        (VERSION + "mode: shadow\nunmatched: hold\nungated_jobs: report\ncancel_held_after: 21d\napprovals: {by: x}\n",)
        * 2,
        [
            rf"^b\.yaml:{line}:\d+: {key}: also set in another file \(a\.yaml:{line}"
            for line, key in enumerate(("mode", "unmatched", "ungated_jobs", "cancel_held_after", "approvals"), 2)
        ],
    ),
    "a setting thrice": (
        (VERSION + "mode: shadow\n",) * 3,
        [r"^b\.yaml:2:\d+: mode: also set in another", r"^c\.yaml:2:\d+: mode: also set in another file \(a\.yaml"],
    ),
    "a list twice": (
        (GOOD + "lists:\n  l: [a]\n", VERSION + "lists:\n  k: [b]\n  l: [a]\n"),
        [r"^b\.yaml:4:\d+: lists\.l: also set in another file \(a\.yaml:7:\d+\)"],
    ),
    "a calendar twice": (
        (GOOD + CALENDAR.format("c"), VERSION + CALENDAR.format("c")),
        [r"^b\.yaml:3:\d+: calendars\.c: also set in another file \(a\.yaml:7:\d+\)"],
    ),
    "no version in one": ((GOOD, "mode: shadow\n"), [r"^b\.yaml:1:\d+: version is missing"]),
    "no version in the first": (("mode: shadow\n", GOOD), [r"^a\.yaml:1:\d+: version is missing"]),
    "another version": ((GOOD, "version: 2\n"), [r"^b\.yaml:1:\d+: version: expected 1, got the number 2"]),
    "another version first": (("version: true\n", GOOD), [r"^a\.yaml:1:\d+: version: expected 1, got true"]),
    "an empty file": ((GOOD, ""), [r"^b\.yaml:1:\d+: expected a policy document, got an empty file"]),
    "two empty files": (("", "#\n"), [r"^a\.yaml:1:\d+: .*got an empty file", r"^b\.yaml:1:\d+: .*only comments"]),
    "two lists": (("- a\n", "- b\n"), [r"^a\.yaml:1:\d+: .*got a list of 1", r"^b\.yaml:1:\d+: .*got a list of 1"]),
    "two broken files": (
        ("a: [", GOOD, b"\xff"),
        [r"^a\.yaml:1:\d+: expected ] to close the \[ here", r"^c\.yaml:1:\d+: expected UTF-8"],
    ),
    "an unknown key in both": (
        (GOOD + "a: 1\n", VERSION + "a: 1\n"),
        [r"^a\.yaml:6:\d+: a: unknown", r"^b\.yaml:2:\d+: a: unknown"],
    ),
    "a problem in each": (
        (GOOD + "mode: x\n", VERSION + "policies:\n  - {name: q}\n"),
        [r"^a\.yaml:6:\d+: mode: expected enforce or shadow", r"^b\.yaml:3:\d+: policies\[\d\]: require is missing"],
    ),
    # What can't be put together is never left out: a guardrail would be lost without a word.
    "guardrails as a mapping": (
        (
            GOOD + "guardrails:\n  - {name: g, require: [{region: x}]}\n",
            VERSION + "guardrails: {name: h, require: [{region: y}]}\n",
        ),
        [r"^b\.yaml:2:\d+: guardrails: expected a list of items"],
    ),
    "policies as a mapping": (
        (GOOD, VERSION + "policies: {name: h, require: [{region: y}]}\n"),
        [r"^b\.yaml:2:\d+: policies: expected a list of items"],
    ),
    "empty guardrails": (
        (GOOD + "guardrails:\n  - {name: g, require: [{region: x}]}\n", VERSION + "guardrails: []\n"),
        [r"^b\.yaml:2:\d+: guardrails: expected at least one item, got an empty list"],
    ),
    "guardrails of nothing": (
        (GOOD + "guardrails:\n", VERSION + "guardrails:\n  - {name: g, require: [{region: x}]}\n"),
        [r"^a\.yaml:6:\d+: guardrails: expected a list of items, .*got nothing"],
    ),
    "lists as a list": (
        (GOOD + "lists: {l: [a]}\n", VERSION + "lists: [x]\n"),
        [r"^b\.yaml:2:\d+: lists: expected a mapping"],
    ),
}


@pytest.mark.parametrize(("contents", "expected"), CLASHES.values(), ids=CLASHES)
def test_what_files_may_not_say_together_is_told_with_both_places(
    contents: tuple[str | bytes, ...], expected: list[str], tmp_path: Path
) -> None:
    """Each problem names the file and line that it stands in, and what it collides with."""
    told = told_of(written(tmp_path, *contents))
    assert len(told) == len(expected), told
    for line, pattern in zip(told, expected, strict=True):
        assert re.search(pattern, line), (pattern, line)


def test_the_same_file_given_twice_is_told(tmp_path: Path) -> None:
    """By its name, by its directory or by a link: one problem, and not one for everything that it says."""
    file = written(tmp_path, GOOD) / "a.yaml"
    link = tmp_path / "link"
    link.symlink_to(file)
    for first, second, also in (
        (file, file, ""),
        (tmp_path, file, ""),
        (file, link, rf" \(as {re.escape(str(file))}\)"),
    ):
        with pytest.raises(PolicyError) as refused:
            policy_file.load([first, second])
        [problem] = refused.value.problems
        assert re.fullmatch(rf"this file is given twice{also}; name it once", problem.message)
        assert problem.place is not None
        assert problem.place.file == str(second)


def test_files_that_are_sets_of_their_own_are_told_apart_from_one_set(tmp_path: Path) -> None:
    """Where files collide, a note says that they were read as one set and how to check one."""
    written(tmp_path, GOOD, GOOD)
    with pytest.raises(PolicyError) as refused:
        policy_file.load([tmp_path])
    [note] = refused.value.__notes__
    assert note.startswith("these 2 files are read together as one policy set")
    assert note.endswith(f"batchgate policy check {tmp_path / 'a.yaml'}")


def test_a_file_that_collides_with_itself_is_one_set(tmp_path: Path) -> None:
    """No note: reading it alone would not help."""
    twice = VERSION + "policies:\n  - {name: p, require: []}\n  - {name: p, require: []}\n"
    other = VERSION + "policies:\n  - {name: q, require: []}\n"
    written(tmp_path, twice, other)
    with pytest.raises(PolicyError, match='the name "p" is already used') as refused:
        policy_file.load([tmp_path])
    assert not hasattr(refused.value, "__notes__")


def test_directories_below_are_not_read_and_named(tmp_path: Path) -> None:
    """Those that hold policy files: whoever put them there may believe that they count."""
    written(tmp_path, GOOD)
    for name in ("cases", "empty", "loud", "team"):
        (tmp_path / name).mkdir()
    (tmp_path / "cases" / "a.yaml").write_text("policy: ../a.yaml\n")
    (tmp_path / "team" / "b.yml").write_text(GOOD)
    (tmp_path / "loud" / "C.YAML").write_text(GOOD)
    assert policy_file.load([tmp_path]).not_read == tuple(tmp_path / name for name in ("cases", "loud", "team"))
    assert policy_file.load([tmp_path / "a.yaml"]).not_read == ()
    (tmp_path / "a.yaml").unlink()
    below = ", ".join(f"{tmp_path}/{name}" for name in ("cases", "loud", "team"))
    with pytest.raises(PolicyError, match=f"got none in .*; name one of its subdirectories: {below}"):
        policy_file.load([tmp_path])


def test_what_might_never_end_is_refused(tmp_path: Path) -> None:
    """A pipe that nobody writes into, a device that never stops: in words, and at once."""
    pipe = tmp_path / "pipe.yaml"
    os.mkfifo(pipe)
    for path, kind in ((pipe, "a named pipe"), (Path("/dev/zero"), "a device")):
        with pytest.raises(PolicyError, match=f"expected a file, got {kind}; write its output to a file"):
            policy_file.load([path])


def test_a_file_of_cases_is_told_from_a_policy(tmp_path: Path) -> None:
    """One problem that says what to do with it, and not one for each key."""
    file = written(tmp_path, "policy: x.yaml\ncases:\n  - name: a\n    job: {}\n") / "a.yaml"
    with pytest.raises(PolicyError) as refused:
        policy_file.load([file])
    [problem] = refused.value.problems
    assert problem.message == (
        f"expected a policy document, got a file of test cases; run it with `batchgate policy test {file}`"
    )


def test_a_directory_without_policy_files_is_refused(tmp_path: Path) -> None:
    """Nothing found is not the same as nothing said."""
    with pytest.raises(PolicyError, match=r"expected a directory with policy files \(\*\.yaml\), got none in"):
        policy_file.load([tmp_path])


def test_no_files_at_all_are_refused() -> None:
    """A caller that found no file must not get a set that is valid and empty."""
    with pytest.raises((PolicyError, ValueError)):
        policy_file.load([])


def test_a_file_that_is_not_there_is_an_oserror(tmp_path: Path) -> None:
    """The operating system's word for it, with the path."""
    with pytest.raises(FileNotFoundError, match=r"absent\.yaml"):
        policy_file.load([tmp_path / "absent.yaml"])


def test_a_job_in_place_of_a_policy_is_sent_to_explain() -> None:
    """What describe-job prints is one problem, and not one for each of its members."""
    with pytest.raises(PolicyError) as refused:
        policy_file.load_text('{"Job": {"JobId": "1"}}', "job.json")
    [problem] = refused.value.problems
    assert problem.message.endswith("got a job; evaluate it with `batchgate policy explain POLICY --job job.json`")
