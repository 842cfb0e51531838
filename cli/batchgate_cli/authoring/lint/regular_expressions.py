"""Lints on patterns that are written as regular expressions, which the language does not have."""

import re
from collections.abc import Iterator, Mapping

from batchgate.policy.checks import Tag
from batchgate.policy.patterns import Glob, Pattern
from batchgate_cli.authoring.lint.finding import Finding, Path
from batchgate_cli.authoring.lint.located import Located, texts

_CLASS = re.compile(r"\[[^\]]*[a-zA-Z0-9]-[a-zA-Z0-9][^\]]*\]|\[[!^][^\]]+\]")
_EXPRESSION = re.compile(r"^\^|\$$|\\[dDwWsSb.]|[\])dws.]\{[0-9]+(?:,[0-9]*)?\}|\][+]|\([^()]*\|[^()]*\)")
_ALTERNATIVES = re.compile(r"[^|]+(?:\|[^|]+)+")
_COUNTED = re.compile(r"(\[[^\]]+\])\{([0-9])\}")
_CLASSES: Mapping[str, str] = {r"\d": "[0-9]", r"\w": "[a-zA-Z0-9_]", r"\.": "."}


def lint_expressions(located: Located) -> Iterator[Finding]:
    """Patterns with a regular expression's characters, each of which stands for itself."""
    for leaf in located.leaves:
        for path, pattern in texts(leaf, located.document.lists):
            of_tag = isinstance(leaf.check.measure, Tag)
            found = _character(pattern, of_tag=of_tag)
            if found:
                why = f'"{pattern}" is not read as a regular expression: {found} matches only itself'
                yield Finding("regular-expression", path, why, _instead(str(pattern)))
                continue
            braces = _BRACES.search(str(pattern)) if leaf.check.measure.kind != "description" else None
            if braces:
                why = f'"{pattern}" is compared literally: {braces[0]} matches only itself'
                yield Finding("regular-expression", path, why, _without_braces(str(pattern)))
            elif of_tag and path[-1] != "glob":
                yield from _of_tag(path, str(pattern))


def _character(pattern: Pattern, *, of_tag: bool) -> str:
    """The first part that only a regular expression, or in plain text a glob, gives a meaning; "" for none."""
    text = str(pattern)
    found = _EXPRESSION.search(text) or (None if isinstance(pattern, Glob) else _CLASS.search(text))
    if found:
        return found[0]
    # Source: S3 User Guide, S3 Batch Operations tags: no tag has a bar.
    return "|" if of_tag and _ALTERNATIVES.fullmatch(text) else ""


def _without_braces(text: str) -> str:
    """The alternatives in a list, where there are few."""
    found = _BRACES.search(text)
    texts = [text[: found.start()] + part + text[found.end() :] for part in found[1].split(",")] if found else []
    written = ", ".join(f'"{each.strip()}"' for each in texts)
    return f"write a list: [{written}]" if len(written) <= _LISTED_AT_MOST else "write a list of the alternatives"


_BRACES = re.compile(r"(?<!\$)\{([^{}$]*,[^{}]*)\}")
_LISTED_AT_MOST = 160


def _of_tag(path: Path, text: str) -> Iterator[Finding]:
    """Characters by which other languages compare. Source: S3 User Guide, job tags: + - = . _ : / @ beside letters."""
    found = _COMPARISON.match(text) or _WILDCARD.search(text) or _RANGE.fullmatch(text)
    if found:
        sign = found[1]
        instead = _OF_SIGNS.get(sign[0], "a tag is text and has no size: write a list, or a pattern with * and ?")
        if sign[0] in "#%":
            glob = text.replace("#", "[0-9]").replace("%", "*")
            instead = f'write "{glob}"' if "[" not in glob else f'write {{glob: "{glob}"}}'
        elif sign[0] == "!" and _PLAIN.fullmatch(text[1:]):
            instead = f"write {{not: {text[1:]}}}"
        yield Finding(
            "regular-expression", path, f'"{text}" is compared literally: {sign} matches only itself', instead
        )


_COMPARISON = re.compile(r"\s*([<>]=?|!=?)")
_WILDCARD = re.compile(r"([#%])")
_RANGE = re.compile(r"[0-9_]+\s*(\.\.+)\s*[0-9_]+")
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_*-]*")
_OF_SIGNS: Mapping[str, str] = {"!": "write {not: VALUE}"}


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
