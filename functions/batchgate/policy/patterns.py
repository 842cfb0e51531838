"""Matching text with `*` and `?`, as IAM does, and with the shell's classes where a document asks for a glob."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import TypeAlias

from msgspec import Struct

from batchgate.jobs.model import JobRef
from batchgate.text import shorten

_WILDCARD = re.compile(r"[*?]")
_STAR_AT_END_ONLY = re.compile(r"[^*?]*\*", re.DOTALL)
_SEARCHED_AT_MOST = 16
"""More patterns of one list than this are faster as one regular expression."""
_PLACEHOLDER = re.compile(r"\$\{(account|region|partition)\}")
# A ] that comes first is one of the class; possessive, so that a class that is not closed is none.
_PIECE = re.compile(r"\[(?P<others>!?+)(?P<chars>\]?+[^\]]*+)\]|\*+|.", re.DOTALL)


class Glob(Struct, frozen=True):
    """A pattern in which brackets are classes: `[0-9]`, `[a-z]`, `[!x]`. Any other pattern is a plain `str`."""

    text: str

    def __str__(self) -> str:
        """The pattern as it is written."""
        return self.text


Pattern: TypeAlias = str | Glob


class GlobError(ValueError):
    """An invalid glob; the message has what was expected, what was found and what to write."""


class CharClass(Struct, frozen=True):
    """One character out of some ranges, both ends included, or, with `others`, one that is in none of them."""

    ranges: tuple[tuple[str, str], ...]
    others: bool = False


Piece: TypeAlias = str | CharClass
"""One character of a text: that very one, `?` for any, or one of a class; `*` for any number of any."""


class _JobValue(Struct, frozen=True):
    """A placeholder: what the job's ARN has there, as a whole."""

    name: str


def is_literal(pattern: Pattern) -> bool:
    """Whether a pattern matches one text only, and says which; a glob does not say it."""
    return isinstance(pattern, str) and not _WILDCARD.search(pattern) and not _PLACEHOLDER.search(pattern)


def has_placeholder(pattern: Pattern) -> bool:
    """Whether a pattern depends on the job's own account, Region or partition."""
    return _PLACEHOLDER.search(str(pattern)) is not None


def without_placeholders(pattern: Pattern) -> Pattern:
    """The same pattern with `*` for the job's own account, Region and partition: it matches all that the other may."""
    text = _PLACEHOLDER.sub("*", str(pattern))
    return text if isinstance(pattern, str) else Glob(text)


def fill_placeholders(pattern: str, ref: JobRef) -> str:
    """Put the job's own account, Region and partition in; none of them can hold a wildcard or a bracket."""
    if "${a" in pattern:
        pattern = pattern.replace("${account}", ref.account_id)
    if "${r" in pattern:
        pattern = pattern.replace("${region}", ref.region)
    if "${p" in pattern:
        pattern = pattern.replace("${partition}", ref.partition)
    return pattern


def matcher_by_job(patterns: Iterable[Pattern]) -> Callable[[str, JobRef], bool]:
    """The same as `matcher` for patterns that depend on the job, compiled once for all jobs.

    Patterns of literal text and stars are searched for piece by piece. For all others the job's own values stand
    before the text, as no text can forge them, and regular expressions refer back to them.
    """
    ordered = _in_order(patterns)
    if len(ordered) <= _SEARCHED_AT_MOST and all(map(_is_searched, ordered)):
        return _any_filled([_Pieces.of(str(pattern)) for pattern in ordered])
    return _expression_by_job(ordered)


def _any_filled(found: "Sequence[_Pieces]") -> Callable[[str, JobRef], bool]:
    if len(found) == 1:
        return found[0].match_filled
    return lambda text, ref: any(each.match_filled(text, ref) for each in found)


def _expression_by_job(patterns: tuple[Pattern, ...]) -> Callable[[str, JobRef], bool]:
    expressions = [_expression(_pieces_by_job(pattern)) for pattern in patterns]
    said = "".join(f"(?P<{name}>[^\n]*)\n" for name in ("account", "region", "partition"))
    fullmatch = re.compile(f"{said}(?:{'|'.join(expressions)})", re.DOTALL).fullmatch

    def matches(text: str, ref: JobRef) -> bool:
        return fullmatch(f"{ref.account_id}\n{ref.region}\n{ref.partition}\n{text}") is not None

    return matches


def check_glob(text: str) -> None:
    """Refuse a glob that can't be meant.

    Raises:
        GlobError: A class that is not closed, that a shell would read in another way, whose range runs backwards, or
            that holds a placeholder.
    """
    for _ in glob_pieces(text):
        pass


def glob_pieces(text: str) -> Iterator[Piece]:
    """The pieces of a glob, in which placeholders are no pieces of their own.

    Raises:
        GlobError: As `check_glob`.
    """
    for piece in _PIECE.finditer(text):
        if piece["chars"] is not None:
            yield _char_class(piece[0], piece["chars"], others=bool(piece["others"]))
        elif piece[0] == "[":
            raise GlobError(f"expected a ] to close the class {_shown(text[piece.start() :])}; to match a [, write [[]")
        else:
            yield "*" if piece[0][0] == "*" else piece[0]


def _shown(text: str) -> str:
    return f'"{shorten(text, 20, sentence=True)}"'  # as much as a message has room for


def _char_class(written: str, chars: str, *, others: bool) -> CharClass:
    """What stands between brackets. Source: POSIX, Shell Command Language, Pattern Matching Notation."""
    if chars[:2] in ("[:", "[.", "[="):
        raise GlobError(f'expected characters and ranges, got "{written}]"; write the range, such as [0-9] or [a-z]')
    if chars[0] == "^" and not others and len(chars) > 1:
        raise GlobError(
            f'expected [!...] for "none of these", got "{written}"; write [!{chars[1:]}], or put ^ last to match a ^'
        )
    if "${" in chars:
        raise GlobError(f'expected characters and ranges, got "{written}"; put ${{...}} outside the brackets')
    ranges: list[tuple[str, str]] = []
    place = 0
    while place < len(chars):
        first, last = chars[place], chars[place]
        if chars[place + 1 : place + 2] == "-" and place + 2 < len(chars):
            last = chars[place + 2]
            place += 2
        if last < first:
            raise GlobError(f'expected a range from low to high, got "{first}-{last}"; write {last}-{first}')
        ranges.append((first, last))
        place += 1
    return CharClass(tuple(ranges), others)


def plain_pieces(text: str) -> Iterator[Piece]:
    """The pieces of a plain pattern, in which brackets are literal."""
    for piece in re.finditer(r"\*+|.", text, re.DOTALL):
        yield piece[0][0]


def pieces(pattern: Pattern) -> Iterator[Piece]:
    """The pieces of a valid pattern."""
    return plain_pieces(pattern) if isinstance(pattern, str) else glob_pieces(pattern.text)


def matcher(patterns: Iterable[Pattern]) -> Callable[[str], bool]:
    """A test for "any of these patterns", in time proportional to the text and to each pattern.

    Whole string, case-sensitive; `*` crosses `/` and `:`; brackets are literal but in a glob.
    Source: IAM User Guide, "IAM JSON policy elements: Resource", wildcards.
    """
    return _matcher(_in_order(patterns))


def _in_order(patterns: Iterable[Pattern]) -> tuple[Pattern, ...]:
    return tuple(sorted(set(patterns), key=lambda pattern: (str(pattern), isinstance(pattern, Glob))))


@lru_cache(maxsize=4096)
def _matcher(patterns: tuple[Pattern, ...]) -> Callable[[str], bool]:
    literals = frozenset(pattern for pattern in patterns if isinstance(pattern, str) and not _WILDCARD.search(pattern))
    wild = [pattern for pattern in patterns if pattern not in literals]
    if not wild:
        return literals.__contains__
    if not literals and all(isinstance(each, str) and _STAR_AT_END_ONLY.fullmatch(each) for each in wild):
        prefixes = tuple(str(pattern)[:-1] for pattern in wild)
        return lambda text: text.startswith(prefixes)
    if not literals and len(wild) == 1 and _is_searched(wild[0]):
        return _Pieces.of(str(wild[0])).match
    fullmatch = re.compile("|".join(_expression(pieces(pattern)) for pattern in wild), re.DOTALL).fullmatch
    if not literals:
        return lambda text: fullmatch(text) is not None
    return lambda text: text in literals or fullmatch(text) is not None


def _is_searched(pattern: Pattern) -> bool:
    """Whether a pattern is literal text, stars and placeholders only."""
    return isinstance(pattern, str) and "?" not in pattern


class _Pieces(Struct, frozen=True):
    """A pattern of literal text and stars, as what stands before, between and after its stars.

    Attributes:
        first: What the text begins with; all of it where there is no star.
        middle: What it has in this order, each at the earliest place, which is always good enough.
        last: What it ends with; None where there is no star.
    """

    first: str
    middle: tuple[str, ...]
    last: str | None

    @classmethod
    def of(cls, pattern: str) -> "_Pieces":
        """Divide a pattern at its stars."""
        first, *others = pattern.split("*")
        middle = tuple(piece for piece in others[:-1] if piece)
        return cls(first, middle, others[-1] if others else None)

    def match(self, text: str) -> bool:
        """Whether this is the whole text; placeholders are not filled in."""
        return self._match(text, None)

    def match_filled(self, text: str, ref: JobRef) -> bool:
        """The same with the job's own account, Region and partition in the placeholders' places."""
        return self._match(text, ref)

    def _match(self, text: str, ref: JobRef | None) -> bool:
        # From the end, which tells most: where pieces are filled in, each is so only when it is asked for.
        end = len(text)
        if self.last:
            last = self.last if ref is None else _filled(self.last, ref)
            if not text.endswith(last):
                return False
            end -= len(last)
        first = self.first if ref is None else _filled(self.first, ref)
        if self.last is None:
            return text == first
        place = len(first)
        if place > end or not text.startswith(first):
            return False
        for each in self.middle:
            piece = each if ref is None else _filled(each, ref)
            place = text.find(piece, place, end)
            if place < 0:
                return False
            place += len(piece)
        return True


def _filled(piece: str, ref: JobRef) -> str:
    return fill_placeholders(piece, ref) if "${" in piece else piece


def _expression(pattern: Iterable[Piece | _JobValue]) -> str:
    """One pattern as a regular expression that never goes back on a `*` but the last.

    The earliest place where what stands between two stars fits is always good enough, so each is taken
    in an atomic group; patterns full of stars take no more time than text times pattern.
    """
    between = [""]
    for piece in pattern:
        if piece == "*":
            between.append("")
        else:
            between[-1] += _one_piece(piece)
    first, middle, last = between[0], between[1:-1], between[-1]
    if len(between) == 1:
        return f"(?:{first})"
    return first + "".join(f"(?>.*?{piece})" for piece in middle) + ".*" + last


def _pieces_by_job(pattern: Pattern) -> Iterator[Piece | _JobValue]:
    """The pieces of a valid pattern, its placeholders among them: none of them stands in a class."""
    kind = str if isinstance(pattern, str) else Glob
    for place, part in enumerate(_PLACEHOLDER.split(str(pattern))):  # text, a placeholder's name, text, ...
        if place % 2:
            yield _JobValue(part)
        else:
            yield from pieces(kind(part))


def _one_piece(piece: Piece | _JobValue) -> str:
    if isinstance(piece, _JobValue):
        return f"(?P={piece.name})"
    if isinstance(piece, str):
        return "." if piece == "?" else re.escape(piece)
    ranges = "".join(f"{re.escape(first)}-{re.escape(last)}" for first, last in piece.ranges)
    return f"[{'^' if piece.others else ''}{ranges}]"
