"""Matching text with `*` and `?`, as IAM does."""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache

from batchgate.jobs.model import JobRef

_WILDCARD = re.compile(r"[*?]")
_STAR_AT_END_ONLY = re.compile(r"[^*?]*\*", re.DOTALL)
_PLACEHOLDER = re.compile(r"\$\{(account|region|partition)\}")


def is_literal(pattern: str) -> bool:
    """Whether a pattern matches one text only, and says which."""
    return not _WILDCARD.search(pattern) and not _PLACEHOLDER.search(pattern)


def has_placeholder(pattern: str) -> bool:
    """Whether a pattern depends on the job's own account, Region or partition."""
    return _PLACEHOLDER.search(pattern) is not None


def fill_placeholders(pattern: str, ref: JobRef) -> str:
    """Put the job's own account, Region and partition in; none of them can hold a wildcard."""
    values = {"account": ref.account_id, "region": ref.region, "partition": ref.partition}
    return _PLACEHOLDER.sub(lambda found: values[found.group(1)], pattern)


def matcher_by_job(patterns: Iterable[str]) -> Callable[[str, JobRef], bool]:
    """The same as `matcher` for patterns that depend on the job, made ready once for all jobs.

    The job's own values stand before the text, as no text can forge them, and the patterns refer back to them.
    """
    expressions = [_expression(pattern) for pattern in sorted(set(patterns))]
    said = "".join(f"(?P<{name}>[^\n]*)\n" for name in ("account", "region", "partition"))
    fullmatch = re.compile(f"{said}(?:{'|'.join(expressions)})", re.DOTALL).fullmatch

    def matches(text: str, ref: JobRef) -> bool:
        return fullmatch(f"{ref.account_id}\n{ref.region}\n{ref.partition}\n{text}") is not None

    return matches


def matcher(patterns: Iterable[str]) -> Callable[[str], bool]:
    """A test for "any of these patterns", in time linear in the text for each pattern.

    Whole string, case-sensitive; `*` crosses `/` and `:`; brackets are literal.
    Source: IAM User Guide, "IAM JSON policy elements: Resource", wildcards.
    """
    return _matcher(tuple(sorted(set(patterns))))


@lru_cache(maxsize=4096)
def _matcher(patterns: tuple[str, ...]) -> Callable[[str], bool]:
    literals = frozenset(pattern for pattern in patterns if not _WILDCARD.search(pattern))
    wild = [pattern for pattern in patterns if pattern not in literals]
    if not wild:
        return literals.__contains__
    if not literals and all(_STAR_AT_END_ONLY.fullmatch(pattern) for pattern in wild):
        prefixes = tuple(pattern[:-1] for pattern in wild)
        return lambda text: text.startswith(prefixes)
    fullmatch = re.compile("|".join(_expression(pattern) for pattern in wild), re.DOTALL).fullmatch
    if not literals:
        return lambda text: fullmatch(text) is not None
    return lambda text: text in literals or fullmatch(text) is not None


def _expression(pattern: str) -> str:
    """One pattern as a regular expression that never goes back on a `*` but the last.

    The earliest place where the piece after a star fits is always good enough, so each is taken
    in an atomic group; patterns full of stars stay linear in the text.
    """
    pieces = [_literally(piece) for piece in re.sub(r"\*+", "*", pattern).split("*")]
    first, middle, last = pieces[0], pieces[1:-1], pieces[-1]
    if len(pieces) == 1:
        return f"(?:{first})"
    return first + "".join(f"(?>.*?{piece})" for piece in middle) + ".*" + last


def _literally(piece: str) -> str:
    """A piece between stars, its placeholders as references to the job's own values."""
    between = _PLACEHOLDER.split(piece)  # text, a placeholder's name, text, ...
    texts = [re.escape(text).replace(r"\?", ".") for text in between[::2]]
    names = [f"(?P={name})" for name in between[1::2]]
    return "".join(part for pair in zip(texts, [*names, ""], strict=True) for part in pair)
