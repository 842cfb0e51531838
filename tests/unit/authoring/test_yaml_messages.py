"""What is no YAML: told in an author's words, with its line, and without hiding what is wrong elsewhere."""

from collections.abc import Iterator

import pytest

from batchgate.errors import PolicyError, Problem
from batchgate_cli.authoring import policy_file

WHOLE = """\
version: 1
lists:
  sandboxes: ["111111111111"]
  teams: [lake, search]
calendars:
  nights:
    timezone: Europe/Berlin
    open:
      - {days: [mon, tue], from: "22:00", to: "06:00"}
policies:
  - name: first
    match:
      - operation: S3PutObjectCopy
    require:
      - tags: {team: {list: teams}}
      - any:
          - region: eu-*
          - priority: {at_most: 5}
        message: "see https://go/batch"
  - name: second
    require:
      - window: nights
        unless:
          - role: "arn:aws:iam::*:role/x"
  - name: third
    require: []
"""
LINES = WHOLE.splitlines()
READERS_OWN_WORDS = (
    "while parsing",
    "while scanning",
    "<block",
    "token",
    "scalar",
    "mapping values",
    "flow",
    "sequence",
)


def problems(text: str) -> list[Problem]:
    """What is wrong with a file; nothing if it is valid."""
    try:
        policy_file.load_text(text, "p.yaml")
    except PolicyError as error:
        return list(error.problems)
    return []


def with_line(number: int, line: str) -> str:
    """The whole file with another line in the place of one, counted from 1."""
    return "\n".join([*LINES[: number - 1], line, *LINES[number:]]) + "\n"


@pytest.mark.parametrize(
    ("number", "line", "place", "says"),
    [
        (2, "\tlists:", (2, 1), "expected spaces, got a tab; indent with spaces only"),
        (12, "\t  match:", (12, 1), "expected spaces, got a tab"),
        (12, "   match:", (12, 4), "expected 4 spaces before this key, as after the dash in line 11, got 3"),
        (
            12,
            "     match:",
            (12, 6),
            "expected 4 spaces before this key, as in line 11, got 5; line 11 already has a value",
        ),
        (10, "policies", (10, 1), 'expected `key: value`, got "policies"; write a colon and a space after the key'),
        (3, '  sandboxes: ["111111111111"', (3, 14), "expected ] to close the [ here; add it"),
        (15, "      - tags: {team: {list: teams}", (15, 15), "expected } to close the { here; add it"),
        (9, '      - {days: [mon, tue] from: "22:00"}', (9, 27), 'expected , or }, got "from: "22:00"}"'),
        (
            19,
            '        message: "see https://go/batch',
            (19, 18),
            "expected a closing quote for the quote that opens here",
        ),
        (
            19,
            "        message: see: https://go/batch",
            (19, 21),
            "got a second colon; put a value that contains a colon in quotes",
        ),
        (
            17,
            "          - region: *-1",
            (17, 21),
            'got *, which refers to an anchor in YAML; if it is text, put it in quotes: "*-1"',
        ),
        (17, "          - region: &x y: z", (17, 25), "second colon"),
        (17, "          - region: @home", (17, 21), "got @, which unquoted text can't begin with; put it in quotes"),
        (17, "          - region: `eu`", (17, 21), "got `, which unquoted text can't begin with"),
        (17, "          - region: |eu", (17, 21), "got |, which begins multi-line text in YAML"),
        (17, '          - region: "eu" x', (17, 26), 'expected the end of the line, got "x" after a complete value'),
        (17, '          - region: "a\\d"', (17, 24), "use single quotes, in which a backslash has no special meaning"),
        (17, "          - region: - eu", (17, 21), "got a list item after a key; put it on its own line below"),
        (
            17,
            "         - region: eu-*",
            (18, 11),
            "expected 9 spaces before it, as in line 17, got 10; indent the items",
        ),
        (20, "--- ", (20, 1), "expected one document, got a second one after ---"),
        (1, "Our policies.", (1, 1), 'expected `key: value` or a list item, got "Our policies."'),
    ],
)
def test_what_is_no_yaml_is_told_in_plain_words(number: int, line: str, place: tuple[int, int], says: str) -> None:
    """Where it stands, what was expected, what is there, what to do."""
    first = problems(with_line(number, line))[0]
    assert first.place is not None
    assert (first.place.line, first.place.column) == place, first
    assert says in first.message


def changed_lines() -> Iterator[tuple[int, str]]:
    """Each line of the file with a little of it changed, in all the ways in which people mistype; each result once."""
    for number, line in enumerate(LINES, 1):
        text = line.lstrip()
        indent = len(line) - len(text)
        changed = [" " * (indent + by) + text for by in (-2, -1, 1, 2) if indent + by >= 0]
        changed.append("\t" + text)
        for char in "\"':,{}[]-*&!|>%@`#?":
            changed += (line[:indent] + char + text, line + char)
            changed += (line.replace(": ", f": {char}", 1), line.replace(char, "", 1))
        yield from ((number, each) for each in dict.fromkeys(changed) if each != line)


@pytest.mark.slow
def test_no_mistyped_line_is_told_in_the_words_of_the_yaml_reader() -> None:
    """Every message says what was expected and something to do, on a line of the file."""
    for number, line in changed_lines():
        for problem in problems(with_line(number, line)):
            assert problem.place is not None
            assert 1 <= problem.place.line <= len(LINES), (line, problem)
            assert not any(word in problem.message for word in READERS_OWN_WORDS), (line, problem)
            assert problem.path or "expected" in problem.message or "missing" in problem.message, (line, problem)


SECOND_BROKEN = [
    "\t- window: nights",
    "      - window: [nights",
    "      - window: *",
    '      - window: "nights',
    "      x",
]


@pytest.mark.parametrize("broken", SECOND_BROKEN)
def test_a_broken_statement_does_not_hide_what_is_wrong_with_the_others(broken: str) -> None:
    """Mistakes before it, behind it and in other sections are told, with the places that they have in the file."""
    text = (
        with_line(22, broken)
        .replace("team: {list", "teem: {lists")
        .replace("name: third", "nmae: third")
        .replace("Europe/Berlin", "Europe/Berln")
    )
    found = [(problem.place.line, problem.where) for problem in problems(text) if problem.place]
    assert (7, "calendars.nights.timezone") in found
    assert (15, "policies[0].require[0].tags.teem.lists") in found
    assert (25, "policies[2].nmae") in found
    assert any(20 <= line <= 24 and not where for line, where in found)
    assert len(found) == 4


def test_several_broken_parts_are_all_told() -> None:
    """Each once, in the order of the lines."""
    text = (
        with_line(22, "\t- window: nights")
        .replace("  teams: [lake", "  teams: [lake]]")
        .replace("[mon, tue]", "[mon, tue")
    )
    assert [problem.place.line for problem in problems(text) if problem.place] == [4, 9, 22]


@pytest.mark.parametrize("broken", SECOND_BROKEN)
def test_what_is_left_out_makes_nothing_else_wrong(broken: str) -> None:
    """Names that only the broken part defines or uses are not missed, nor is the part itself."""
    for number, line in (
        (22, broken),
        (3, "  sandboxes: [*, '"),
        (9, "      - {days: [mon, tue, from: 1}"),
        (1, "version 1"),
    ):
        assert len(problems(with_line(number, line))) == 1, problems(with_line(number, line))


def test_characters_that_no_text_has_do_not_hide_the_rest() -> None:
    """One of another encoding in a comment, and everything else that is wrong."""
    content = (
        WHOLE.replace("version: 1", "version: 1 # gr?n").encode().replace(b"gr?n", b"gr\xfcn")
    ) + b"mode: 5\n# \x00\n"
    read = policy_file.read_yaml(content, "p.yaml")
    assert [(problem.place.line, problem.message[:24]) for problem in read.problems if problem.place] == [
        (1, "expected UTF-8, got the "),
        (28, "expected printable chara"),
    ]
    assert isinstance(read.data, dict)
    assert read.data["mode"] == 5


@pytest.mark.parametrize(
    ("text", "says", "line"),
    [
        (
            "  version: 1\npolicies: []\n",
            "expected no spaces before the first key, got 2; indent version as policies",
            1,
        ),
        (
            "version: 1\npolicies:\n  - name: p\n    require:\n      - region: a\n     - region: b\n",
            "expected 6 spaces before the dash, as in line 5, got 5",
            6,
        ),
    ],
)
def test_a_wrong_indentation_is_held_against_the_right_line(text: str, says: str, line: int) -> None:
    """An item against the items of its list, and the first line against none."""
    with pytest.raises(PolicyError) as refused:
        policy_file.load_text(text)
    first = refused.value.problems[0]
    assert says in first.message
    assert first.place is not None
    assert first.place.line == line
