"""What an operand of a document asks for: the test that it becomes."""

from collections.abc import Mapping
from decimal import Decimal
from typing import TypeAlias

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from batchgate.policy import budgets, calendars, checks, costs, model, moments, parameters, patterns

Value: TypeAlias = "str | model.GlobTerm"
Text: TypeAlias = "str | tuple[Value, ...] | model.TextTerm | model.PlainTextTerm | model.NamesTerm"
Parameter: TypeAlias = "model.Parameter | model.PlainParameterTerm | model.ElementTerm | model.PlainElementTerm"

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Operands(Struct, frozen=True):
    """Turns the operands of one document into tests.

    Attributes:
        lists: The document's named lists.
        calendars: Its calendars.
        budgets: Its budgets.
    """

    lists: Mapping[str, tuple[Value, ...]]
    calendars: Mapping[str, calendars.Calendar]
    budgets: Mapping[str, budgets.Budget]

    @classmethod
    def of(cls, document: model.PolicyDocument) -> "Operands":
        """Those of a document, whose calendars are read once."""
        return cls(
            document.lists,
            {name: _calendar(form) for name, form in document.calendars.items()},
            {form.name: _budget(form, prices_of(document.prices)) for form in document.budgets or ()},
        )

    def patterns(
        self, operand: "Value | tuple[Value, ...] | model.NamesTerm | model.PlainTextTerm | model.PlainElementTerm"
    ) -> frozenset[patterns.Pattern]:
        """The patterns that are listed, or that a named list contains."""
        match operand:
            case str():
                return frozenset({operand})
            case tuple():
                return frozenset().union(*map(self.patterns, operand))
            case model.GlobTerm():
                return frozenset({patterns.Glob(operand.glob)})
            case _ if operand.glob is not UNSET:
                return frozenset({patterns.Glob(operand.glob)})
            case _:
                return self.patterns(self.lists[str(operand.list)])

    def text(self, operand: Text) -> checks.Test:
        """Patterns, presence, or `not` of either."""
        if isinstance(operand, model.TextTerm) and operand.not_ is not UNSET:
            return checks.Not(self.text(operand.not_))
        if isinstance(operand, model.PlainTextTerm) and operand.present is not UNSET:
            return checks.Present(operand.present)
        return checks.Matches(self.patterns(operand))

    def approvals(self, form: model.Approvals | UnsetType) -> checks.ManualApproval:
        """Whose approvals lift holds: anybody's, where nothing is written."""
        if form is UNSET:
            return checks.ManualApproval()
        trusted = checks.ManualApproval(trust_session_names=form.session_names == "trusted")
        return self.manual_approval(form, trusted)

    def manual_approval(self, form: model.Approvers, otherwise: checks.ManualApproval) -> checks.ManualApproval:
        """Whose approvals are wanted; what the form does not say, but for their number, is said otherwise."""
        return replace(
            otherwise,
            by=otherwise.by if form.by is UNSET else self.patterns(form.by),
            at_least=1 if form.at_least is UNSET else form.at_least,
            not_requester=otherwise.not_requester if form.not_requester is UNSET else form.not_requester,
        )

    def window(self, operand: Text) -> checks.Test:
        """Calendars of which one is open, or `not` of that."""
        if isinstance(operand, model.TextTerm) and operand.not_ is not UNSET:
            return checks.Not(self.window(operand.not_))
        names = frozenset(map(str, self.patterns(operand)))
        return checks.InWindow(names, tuple(self.calendars[name] for name in sorted(names)))

    def member(self, operand: "Text | bool | model.Range") -> checks.Test:
        """The test of one member of the report or the manifest."""
        if isinstance(operand, bool):
            return checks.Equals(operand)
        if isinstance(operand, model.PlainRange):
            return range_test(operand)
        return self.text(operand)

    def parameter(self, operand: Parameter) -> checks.Test:
        """The test of one parameter of an operation or of a manifest generator."""
        if isinstance(operand, model.ParameterTerm | model.ElementTerm) and operand.not_ is not UNSET:
            return checks.Not(self.parameter(operand.not_))
        if isinstance(operand, model.PlainParameterTerm):
            asked = [(word, getattr(operand, word)) for word in parameters.ELEMENT_WORDS]
            tests = [checks.Elements(word, self._elements(inner)) for word, inner in asked if inner is not UNSET]
            if tests:
                return checks.every(tests)
        if isinstance(operand, model.PlainElementTerm):
            return self._plain_term(operand)
        scalars = operand if isinstance(operand, tuple) else (operand,)
        found: list[checks.Test] = [checks.Equals(value) for value in scalars if isinstance(value, bool | int)]
        texts = tuple(value for value in scalars if not isinstance(value, bool | int))
        if texts:
            found.append(checks.Matches(self.patterns(texts)))
        return found[0] if len(found) == 1 else checks.OneOf(frozenset(found))

    def _plain_term(self, operand: model.PlainElementTerm) -> checks.Test:
        if operand.present is not UNSET:
            return checks.Present(operand.present)
        if operand.list is not UNSET or operand.glob is not UNSET:
            return checks.Matches(self.patterns(operand))
        before, after, within = operand.before, operand.after, operand.within
        if before is not UNSET or after is not UNSET or within is not UNSET:
            return checks.Dated(
                None if before is UNSET else moments.parse_moment(before),
                None if after is UNSET else moments.parse_moment(after),
                None if within is UNSET else moments.parse_duration(within),
            )
        return range_test(operand)

    def _elements(self, operand: "model.PlainElements") -> checks.Test:
        """Patterns for the elements of a list of texts, sub-paths with tests for those of a list of structures."""
        if not isinstance(operand, Mapping):
            return checks.Matches(self.patterns(operand))
        term = parameters.text_term(operand)
        if term is not None:
            return checks.Matches(self.patterns(term))
        return checks.every([checks.Below(path, self.parameter(test)) for path, test in operand.items()])


def range_test(operand: model.PlainRange) -> checks.Test:
    """The test of a range of whole numbers, or `not` of it."""
    if isinstance(operand, model.Range) and operand.not_ is not UNSET:
        return checks.Not(range_test(operand.not_))
    return checks.Between(
        None if operand.at_least is UNSET else operand.at_least, None if operand.at_most is UNSET else operand.at_most
    )


def money_test(operand: model.PlainMoneyRange) -> checks.Test:
    """The test of a range of dollars, or `not` of it."""
    if isinstance(operand, model.MoneyRange) and operand.not_ is not UNSET:
        return checks.Not(money_test(operand.not_))
    return checks.Costs(
        None if operand.at_least is UNSET else costs.units(operand.at_least),
        None if operand.at_most is UNSET else costs.units(operand.at_most),
    )


def prices_of(form: model.Prices | UnsetType) -> costs.Prices:
    """The prices of a document."""
    if form is UNSET:
        return costs.Prices()
    return costs.Prices(
        job=None if form.job is UNSET else costs.units(form.job),
        million_objects=None if form.million_objects is UNSET else costs.units(form.million_objects),
        million_requests=_sorted_prices(form.million_requests),
        gibibyte=_sorted_prices(form.gibibyte),
    )


def _sorted_prices(prices: Mapping[str, Decimal] | UnsetType) -> tuple[costs.Price, ...]:
    return tuple(sorted(costs.Price(of, costs.units(amount)) for of, amount in (prices or {}).items()))


def _calendar(form: model.CalendarForm) -> calendars.Calendar:
    return calendars.Calendar(
        zone=calendars.parse_zone(form.timezone),
        rows=tuple(_open_row(row) for row in form.open),
        closed=tuple(calendars.parse_dates(text) for text in form.closed or ()),
    )


def _budget(form: model.Budget, prices: costs.Prices) -> budgets.Budget:
    limits = budgets.Limits(
        jobs=None if form.jobs is UNSET else form.jobs,
        objects=None if form.objects is UNSET else form.objects,
        object_bytes=None if form.object_bytes is UNSET else form.object_bytes,
        cost=None if form.cost is UNSET else costs.units(form.cost),
    )
    each, tag = (
        ("tag", form.each.tag)
        if isinstance(form.each, model.EachTag)
        else ("" if form.each is UNSET else form.each, "")
    )
    return budgets.Budget(
        name=form.name,
        per=budgets.Per(form.per),
        zone="UTC" if form.timezone is UNSET else form.timezone,
        limits=limits,
        prices=costs.Prices() if form.cost is UNSET else prices,
        each=each,
        tag=tag,
    )


def _open_row(row: model.OpenRow) -> calendars.OpenRow:
    return calendars.OpenRow(
        days=frozenset(_WEEKDAYS.index(day) for day in row.days or ()),
        dates=tuple(calendars.parse_dates(text) for text in row.dates or ()),
        opens=None if row.from_ is UNSET else calendars.parse_time(row.from_),
        closes=None if row.to is UNSET else calendars.parse_time(row.to, closing=True),
    )
