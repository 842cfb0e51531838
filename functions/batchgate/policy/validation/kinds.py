"""The model's types as the walk and its messages tell them apart."""

from collections.abc import Mapping
from decimal import Decimal

from msgspec import inspect

from batchgate.policy import model

FORMS_OF_TESTS = (
    model.TextTerm,
    model.PlainTextTerm,
    model.ParameterTerm,
    model.PlainParameterTerm,
    model.ElementTerm,
    model.PlainElementTerm,
    model.Range,
    model.PlainRange,
    model.MoneyRange,
    model.PlainMoneyRange,
    model.NamesTerm,
)
"""The mappings that are one test: words of one kind."""


def plain(kind: inspect.Type) -> inspect.Type:
    """A type without its metadata."""
    return kind.type if isinstance(kind, inspect.Metadata) else kind


def same_family(value: object, kind: inspect.Type) -> bool:
    """Whether a value is of the same family as a type (mapping, list, boolean, number, text), whatever is in it."""
    if isinstance(kind, inspect.LiteralType):
        return type(value) is type(kind.values[0])
    wanted = _FAMILIES.get(type(kind), ())
    return isinstance(value, wanted) and (bool in wanted or not isinstance(value, bool))


_FAMILIES: Mapping[type[inspect.Type], tuple[type, ...]] = {
    inspect.StructType: (dict,),
    inspect.DictType: (dict,),
    inspect.VarTupleType: (list, tuple),
    inspect.BoolType: (bool,),
    inspect.IntType: (int,),
    inspect.DecimalType: (int, float, Decimal),
    inspect.StrType: (str,),
}


def has_length(text: str, kind: inspect.StrType) -> bool:
    """Whether a text is as long as a type wants it."""
    return len(text) >= (kind.min_length or 0) and (kind.max_length is None or len(text) <= kind.max_length)


def is_money(value: object) -> bool:
    """Whether a number is an amount of US dollars that is read and written exactly."""
    amount = Decimal(str(value))
    if not (amount.is_finite() and 0 <= amount <= model.MONEY_AT_MOST):
        return False
    return amount == round(amount, model.MONEY_DECIMALS)
