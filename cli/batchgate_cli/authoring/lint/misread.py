"""Lints on words of the language where they are not read as such: as a value, or as a tag's key."""

from collections.abc import Iterator, Mapping

from batchgate.policy.checks import Clock, ManualApproval, Tag
from batchgate_cli.authoring.lint.finding import Finding, Path
from batchgate_cli.authoring.lint.located import Leaf, Located, texts

_VALUES: Mapping[str, str] = {
    **dict.fromkeys(("present", "required", "exists"), "{present: true}"),
    **dict.fromkeys(("absent", "missing"), "{present: false}"),
}
_KEYS: Mapping[str, str] = {
    "not": "write not at the tag: {KEY: {not: VALUE}}",
    "any": "write the tag's key and its values: {KEY: [VALUE, VALUE]}; of several tags, make items under any",
    "all": "write the tags' keys side by side: {KEY: VALUE, KEY: VALUE}",
    "only": "write the tag's key and its values: {KEY: [VALUE, VALUE]}",
    "none": "write the tag's key: {KEY: {not: VALUE}}",
    "list": "write list at the tag: {KEY: {list: NAME}}",
    "glob": "write glob at the tag: {KEY: {glob: PATTERN}}",
    "present": "write present at the tag: {KEY: {present: true}}",
    "tagset": "write the tags themselves, without TagSet, Key and Value: {KEY: VALUE}",
    "tags": "write the tags themselves: {KEY: VALUE}",
}
"""By the key in lower case."""


def lint_misread(located: Located) -> Iterator[Finding]:
    """Values and keys that are compared as they stand."""
    for leaf in located.leaves:
        if isinstance(leaf.check.measure, Tag):
            yield from _as_key(leaf, leaf.check.measure.key)
        if not isinstance(leaf.check.measure, Clock | ManualApproval):  # which take words and names of their own
            for path, pattern in texts(leaf, located.document.lists):
                if isinstance(pattern, str) and pattern in _VALUES:
                    why = f"{pattern} is compared as text: this asks whether the value is the word {pattern}"
                    yield Finding("word-as-text", path, why, _instead(path, _VALUES[pattern]))


def _instead(path: Path, test: str) -> str:
    in_list = isinstance(path[-1], int)
    return f"remove it here; if this is the test, write {test} in place of the list" if in_list else f"write {test}"


def _as_key(leaf: Leaf, key: str) -> Iterator[Finding]:
    instead = _KEYS.get(key.casefold())
    if instead:
        yield Finding("word-as-tag", leaf.path, f"this asks for a tag of the job that is named {key}", instead)
