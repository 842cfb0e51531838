"""The rules of what a check compares with: tests, groups of tests, windows, tags."""

from collections.abc import Mapping

from batchgate.policy.as_written import keys, show
from batchgate.policy.parameters import ELEMENT_WORDS
from batchgate.policy.validation.notes import Notes, Path
from batchgate.policy.validation.times import check_moments

TAG_VALUE_AT_MOST = 256
"""Characters of a tag's value. Source: S3 User Guide, S3 Batch Operations tags; S3 API, Tag."""

_TERM_WORDS = (
    ("at_least", "at_most"),
    ("before", "after", "within"),
    ELEMENT_WORDS,
    ("list",),
    ("glob",),
    ("not",),
    ("present",),
)
"""The kinds of tests; only words of one kind may stand side by side."""


def check_window(notes: Notes, value: object, path: Path) -> None:
    """Note the calendars that a window names, in whatever form."""
    if isinstance(value, str):
        notes.window_uses.append((path, value))
    elif isinstance(value, list | tuple):
        for index, name in enumerate(value):
            if isinstance(name, str) or (isinstance(name, dict) and "glob" in name):  # others are reported as such
                check_window(notes, name, (*path, index))
    elif isinstance(value, dict):
        if "present" in value:
            notes.wrong((*path, "present"), "window takes the names of calendars and has no present; name a calendar")
        if "glob" in value:
            notes.wrong((*path, "glob"), NO_GLOB_IN_WINDOW)
        if isinstance(value.get("list"), str):
            notes.list_uses.append(((*path, "list"), value["list"], True))
        if "not" in value and path[-1] != "not":
            check_window(notes, value["not"], (*path, "not"))


NO_GLOB_IN_WINDOW = "a window takes calendars' names, each written out; list the calendars that are meant"


def _is_of_window(path: Path) -> bool:
    """Whether a term is a window's own: a tag may be called window too."""
    steps = path[:-1] if path[-1] == "not" else path
    return steps[-1] == "window" and isinstance(steps[-2], int)


def check_tags(notes: Notes, tests: object, path: Path, depth: int = 3) -> None:
    """Values that are too long for a tag; below a key, in a list and inside `not`, and no deeper."""
    if isinstance(tests, str):
        if len(tests) > TAG_VALUE_AT_MOST:
            notes.wrong(path, f"expected at most {TAG_VALUE_AT_MOST} characters, got {len(tests)} of them")
    elif isinstance(tests, list | tuple):
        for index, value in enumerate(tests):
            if isinstance(value, str):
                check_tags(notes, value, (*path, index))
    elif isinstance(tests, dict) and depth:
        for key, test in tests.items():
            if key == "list" and depth < 3 and isinstance(test, str):  # noqa: PLR2004 - a tag may be called list, too
                notes.tag_lists.add(test)
            else:
                check_tags(notes, test, (*path, str(key)), depth - 1)


def key_of_aws_tags(tags: Mapping[str, object]) -> str | None:
    """A key out of tags that are written as AWS's APIs do, in a TagSet or with Key and Value; None for no such tags."""
    for key, test in tags.items():
        if isinstance(test, list | tuple):
            for each in test:
                if isinstance(each, dict) and each.keys() & {"Key", "key", "Value"}:
                    named = each.get("Key", each.get("key"))
                    return named if isinstance(named, str) and str(key).casefold() in ("tagset", "tags") else str(key)
    return None


def check_term(notes: Notes, value: Mapping[str, object], path: Path) -> None:
    """Words of exactly one kind."""
    kinds = sum(any(word in value for word in words) for words in _TERM_WORDS)
    if kinds != 1 and (kinds or not value):  # a value without any word of a test is reported already
        then = "keep one here, and move the others to separate items" if kinds else "write one, such as {not: ...}"
        notes.wrong(path, f"expected exactly one kind of test here, got {keys(value)}; {then}")
    _note_list(notes, value, path)
    check_moments(notes, value, path)


def _note_list(notes: Notes, value: Mapping[str, object], path: Path) -> None:
    if isinstance(value.get("list"), str) and not _is_of_window(path):
        notes.list_uses.append(((*path, "list"), str(value["list"]), False))


def check_group(notes: Notes, value: Mapping[str, object], path: Path) -> None:
    """Several words that must all hold, or `not` alone."""
    if not value:
        notes.wrong(path, "expected at least one test, got none; write one, or remove the check")
    if len(value) > 1 and "not" in value:
        notes.wrong((*path, "not"), "not must be the only key here; move the other keys into it or to another item")
    if len(value) > 1 and "present" in value:
        notes.wrong((*path, "present"), "present must be the only key here; move the other keys to another item")
    if path[-1] == "not":
        for key, content in value.items():
            if isinstance(content, dict) and "not" in content:
                notes.wrong((*path, key, "not"), "not can't be used inside not; remove one of the two")


def check_parameter_path(notes: Notes, key: str, path: Path) -> None:
    """Steps joined by dots, none of them empty."""
    if not all(key.split(".")):
        notes.wrong(path, f"expected a dotted path such as LambdaInvoke.FunctionArn, got {show(key)}")
