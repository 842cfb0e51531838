"""The parameters of S3's request model as documents name them: what the operands of two checks have in common."""

from collections.abc import Mapping, Sequence
from typing import Final, Literal, TypeAlias

from msgspec import UNSET

from batchgate.policy import model, patterns

Check: TypeAlias = Literal["operation_parameters", "manifest_generator"]
CHECKS: Final[Sequence[Check]] = ("operation_parameters", "manifest_generator")
"""The checks whose operand is a mapping of dotted paths into S3's request model."""

ELEMENT_WORDS: Final = ("any", "only", "none")
"""How many of several values must pass."""


def text_term(words: Mapping[str, object]) -> model.NamesTerm | None:
    """`{list: NAME}` or `{glob: ...}` where elements are compared; None for sub-paths: S3 calls no member so."""
    if len(words) != 1:
        return None
    ((word, text),) = words.items()
    match word, text:
        case "list", str():
            return model.NamesTerm(list=text)
        case "glob", str():
            return model.NamesTerm(glob=text)
        case _:
            return None


def as_pattern(value: object) -> object:
    """What stands in a list: a glob as the pattern that it is, anything else as it stands."""
    term = text_term(value) if isinstance(value, Mapping) else None
    return value if term is None or term.glob is UNSET else patterns.Glob(term.glob)
