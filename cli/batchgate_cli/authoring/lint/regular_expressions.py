"""Lints on patterns that are written as regular expressions, which the language does not have."""

import re
from collections.abc import Iterator, Mapping

from batchgate.policy.checks import Tag
from batchgate.policy.patterns import Glob, Pattern
from batchgate_cli.authoring.lint.finding import Finding
from batchgate_cli.authoring.lint.located import Located, texts

_CLASS = re.compile(r"\[[^\]]*[a-zA-Z0-9]-[a-zA-Z0-9][^\]]*\]|\[[!^][^\]]+\]")
_EXPRESSION = re.compile(r"^\^|\$$|\\[dDwWsSb.]|[\])dws.]\{[0-9]+(?:,[0-9]*)?\}|\([^()]*\|[^()]*\)")
_ALTERNATIVES = re.compile(r"[^|]+(?:\|[^|]+)+")
_COUNTED = re.compile(r"(\[[^\]]+\])\{([0-9])\}")
_CLASSES: Mapping[str, str] = {r"\d": "[0-9]", r"\w": "[a-zA-Z0-9_]", r"\.": "."}


def lint_expressions(located: Located) -> Iterator[Finding]:
    """Patterns with a regular expression's characters, each of which stands for itself."""
    for leaf in located.leaves:
        for path, pattern in texts(leaf, located.document.lists):
            found = _character(pattern, of_tag=isinstance(leaf.check.measure, Tag))
            if found:
                why = f'"{pattern}" is not read as a regular expression: {found} matches only itself'
                yield Finding("regular-expression", path, why, _instead(str(pattern)))


def _character(pattern: Pattern, *, of_tag: bool) -> str:
    """The first part that only a regular expression, or in plain text a glob, gives a meaning; "" for none."""
    text = str(pattern)
    found = _EXPRESSION.search(text) or (None if isinstance(pattern, Glob) else _CLASS.search(text))
    if found:
        return found[0]
    # Source: S3 User Guide, S3 Batch Operations tags: no tag has a bar.
    return "|" if of_tag and _ALTERNATIVES.fullmatch(text) else ""


def _instead(text: str) -> str:
    """The same as a glob or a list, where it is plain what that is."""
    if _ALTERNATIVES.fullmatch(text) and not _EXPRESSION.search(text):
        return f"write a list: [{', '.join(text.split('|'))}]"
    glob = text.removeprefix("^").removesuffix("$")
    for written, meant in _CLASSES.items():
        glob = glob.replace(written, meant)
    glob = _COUNTED.sub(lambda found: found[1] * int(found[2]), glob)
    if re.search(r"[\\(){}|+]", glob):
        return "write {glob: ...} with [0-9], * and ?, or a list of several forms"
    return f'write {{glob: "{glob}"}}'
