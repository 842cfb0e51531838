"""The compiled conditions of a policy set, each with its path in the document."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from msgspec import UNSET, Struct

from batchgate.policy import checks, model
from batchgate.policy.compiled import Kind, PolicySet, Statement
from batchgate.policy.formulas import AllOf, Formula
from batchgate.policy.parameters import ELEMENT_WORDS, text_term
from batchgate.policy.patterns import Glob, Pattern
from batchgate.policy.wording import printable
from batchgate.text import shorten
from batchgate_cli.authoring.lint.finding import Path

_WORDS_AT_MOST = 80


@dataclass(frozen=True, slots=True)
class Leaf:
    """One check.

    Attributes:
        operand: What the document compares the measure with, as decoded.
    """

    path: Path
    check: checks.Check
    operand: object


@dataclass(frozen=True, slots=True)
class Group:
    """Conditions joined: all of them or, where `any_of`, any of them."""

    path: Path
    parts: tuple["Node", ...]
    any_of: bool = False


Node: TypeAlias = Leaf | Group


@dataclass(frozen=True, slots=True)
class LocatedRequirement:
    """A requirement.

    Attributes:
        unless: Its `unless`; None if it has none.
        lifted: Whether its `unless` or an exception can lift it.
    """

    path: Path
    own: Node
    unless: Group | None
    lifted: bool


@dataclass(frozen=True, slots=True)
class LocatedStatement:
    """A policy or guardrail. `match` is an empty group if the document has none."""

    path: Path
    name: str
    kind: Kind
    enforced: bool
    match: Group
    requirements: tuple[LocatedRequirement, ...]

    @property
    def is_policy(self) -> bool:
        """Whether it is a policy, which may approve jobs."""
        return self.kind is Kind.POLICY

    @property
    def asked(self) -> Iterator[Node]:
        """All conditions that a job meets if this statement governs it and does not object."""
        yield from self.match.parts
        for requirement in self.requirements:
            yield requirement.own

    @property
    def conditions(self) -> Iterator[Node]:
        """Its match, its requirements, and what lifts them in `unless`."""
        yield self.match
        for requirement in self.requirements:
            yield requirement.own
            if requirement.unless:
                yield requirement.unless

    @property
    def leaves(self) -> Iterator[Leaf]:
        """All checks of its conditions."""
        for condition in self.conditions:
            yield from leaves(condition)


@dataclass(frozen=True, slots=True)
class LocatedException:
    """An exception; `match` is None if none of the statements that it lifts has a requirement that it can lift."""

    path: Path
    form: model.Exemption
    match: Group | None


@dataclass(frozen=True, slots=True)
class Located:
    """A whole policy set.

    Attributes:
        statements: The policies, then the guardrails.
        leaves: Every check of a match, a requirement, an `unless` or an exception.
    """

    document: model.PolicyDocument
    statements: tuple[LocatedStatement, ...]
    exceptions: tuple[LocatedException, ...]
    leaves: tuple[Leaf, ...]


def locate(document: model.PolicyDocument, policies: PolicySet) -> Located:
    """Combine the document with its compiled conditions."""
    forms: list[tuple[Path, model.Statement]] = [
        *((("policies", index), form) for index, form in enumerate(document.policies or ())),
        *((("guardrails", index), form) for index, form in enumerate(document.guardrails or ())),
    ]
    statements = [
        _statement(statement, form, path, policies.checks)
        for statement, (path, form) in zip(policies.statements, forms, strict=True)
    ]
    lifts = {
        lift.exception: lift.condition
        for statement in policies.statements
        for requirement in statement.requirements
        for lift in requirement.lifts
        if lift.exception is not None
    }
    exceptions: list[LocatedException] = []
    for index, exemption in enumerate(document.exceptions or ()):
        path = ("exceptions", index)
        condition = lifts.get(exemption.name)
        match = None
        if isinstance(condition, AllOf):  # its last part is the exception's end
            match = _all(condition.parts[:-1], exemption.match, (*path, "match"), policies.checks)
        exceptions.append(LocatedException(path, exemption, match))
    conditions = _conditions(statements, exceptions)
    found = tuple(leaf for condition in conditions for leaf in leaves(condition))
    return Located(document, tuple(statements), tuple(exceptions), found)


def _conditions(statements: list[LocatedStatement], exceptions: list[LocatedException]) -> Iterator[Node]:
    for statement in statements:
        yield from statement.conditions
    for exception in exceptions:
        if exception.match:
            yield exception.match


def _statement(
    statement: Statement, form: model.Statement, path: Path, known: tuple[checks.Check, ...]
) -> LocatedStatement:
    requirements: list[LocatedRequirement] = []
    for requirement, written in zip(statement.requirements, form.require, strict=True):
        here = (*path, "require", requirement.position)
        unless = None
        if written.unless:
            condition = requirement.lifts[0].condition
            parts = condition.parts if isinstance(condition, AllOf) else (condition,)
            unless = _all(parts, written.unless, (*here, "unless"), known)
        own = _node(requirement.own, written, here, known)
        requirements.append(LocatedRequirement(here, own, unless, lifted=bool(requirement.lifts)))
    return LocatedStatement(
        path=path,
        name=statement.name,
        kind=statement.kind,
        enforced=statement.enforced,
        match=_all(statement.match.parts, form.match or (), (*path, "match"), known),
        requirements=tuple(requirements),
    )


def _all(
    formulas: tuple[Formula, ...], conditions: tuple[model.Condition, ...], path: Path, known: tuple[checks.Check, ...]
) -> Group:
    pairs = enumerate(zip(formulas, conditions, strict=True))
    return Group(path, tuple(_node(formula, condition, (*path, index), known) for index, (formula, condition) in pairs))


def _node(formula: Formula, condition: model.Condition, path: Path, known: tuple[checks.Check, ...]) -> Node:
    for word in ("any", "all"):
        inner = condition.any if word == "any" else condition.all
        if inner and not isinstance(formula, int):
            group = _all(formula.parts, inner, (*path, word), known)
            return Group((*path, word), group.parts, any_of=word == "any")
    return _checks(formula, condition, path, known)


def _checks(formula: Formula, condition: model.Condition, path: Path, known: tuple[checks.Check, ...]) -> Node:
    """One check, or the several checks that one key with several members compiles to."""
    if isinstance(formula, int):
        check = known[formula]
        operand: object = getattr(condition, check.measure.kind)
        here: Path = (*path, check.measure.kind)
        for step in _steps(check, operand):
            here = (*here, step)
            operand = _member(operand, step)
        return Leaf(here, check, operand)
    parts = tuple(_checks(part, condition, path, known) for part in formula.parts)
    return Group(path, parts, any_of=not isinstance(formula, AllOf))


def _steps(check: checks.Check, operand: object) -> Iterator[str]:
    """The steps of the path from a condition's key to the part that belongs to this check."""
    match check.measure:
        case checks.Tag(key=key):
            yield key
        case checks.Parameter(path=dotted) | checks.GeneratorMember(path=dotted):
            yield dotted
        case checks.Member(name=name):
            if getattr(operand, "not_", UNSET) is not UNSET:
                yield "not"
            yield name or "present"
        case _ if isinstance(operand, model.PlainBuckets):
            if getattr(operand, "not_", UNSET) is not UNSET:
                yield "not"
            test = check.test.test if isinstance(check.test, checks.Not) else check.test
            if isinstance(test, checks.Elements):
                yield test.word
        case _:
            pass


def _member(operand: object, step: str) -> object:
    if isinstance(operand, dict):
        return operand[step]
    return getattr(operand, "not_" if step == "not" else step)


def leaves(node: Node) -> Iterator[Leaf]:
    """All checks of a condition."""
    if isinstance(node, Leaf):
        yield node
    else:
        for part in node.parts:
            yield from leaves(part)


def joined(node: Node) -> Iterator[Node]:
    """The parts that must all be met for the condition to be met; none of them is an `all` group."""
    if isinstance(node, Group) and not node.any_of:
        for part in node.parts:
            yield from joined(part)
    else:
        yield node


def in_words(node: Node) -> str:
    """A condition as part of a sentence, shortened if it is long."""
    if isinstance(node, Leaf):
        wanted = "" if isinstance(node.check.measure, checks.WithinBudget) else f" {printable(node.check.test.wanted)}"
        return shorten(f"{printable(node.check.measure.subject)}{wanted}", _WORDS_AT_MOST)
    between = " or " if node.any_of else " and "
    return shorten(between.join(map(in_words, node.parts)), _WORDS_AT_MOST)


def as_written(pattern: Pattern) -> str:
    """A pattern as a document writes it."""
    return pattern if isinstance(pattern, str) else f'{{glob: "{pattern}"}}'


Lists: TypeAlias = Mapping[str, object] | None


def texts(leaf: Leaf, lists: Lists = None) -> Iterator[tuple[Path, Pattern]]:
    """The patterns that a check compares with, each with the path at which it is written.

    Args:
        leaf: The check.
        lists: The document's lists, to include the values of those that the check names; None to leave those out.
    """
    if not isinstance(leaf.check.measure, checks.WithinBudget):  # whose name is no pattern
        yield from texts_in(leaf.operand, leaf.path, lists)


def texts_in(operand: object, path: Path, lists: Lists) -> Iterator[tuple[Path, Pattern]]:
    """The same of an operand, or of a part of one, that is written at `path`."""
    match operand:
        case str():
            yield path, operand
        case tuple():
            for index, value in enumerate(operand):
                yield from texts_in(value, (*path, index), lists)
        case Struct():
            name, glob = getattr(operand, "list", UNSET), getattr(operand, "glob", UNSET)
            inner, by = getattr(operand, "not_", UNSET), getattr(operand, "by", UNSET)
            if by is not UNSET:
                yield from texts_in(by, (*path, "by"), lists)
            if isinstance(name, str) and lists is not None:
                yield from texts_in(lists[name], ("lists", name), lists)
            if isinstance(glob, str):
                yield (*path, "glob"), Glob(glob)
            if inner is not UNSET:
                yield from texts_in(inner, (*path, "not"), lists)
            for word in ELEMENT_WORDS:
                yield from _texts_of_elements(getattr(operand, word, UNSET), (*path, word), lists)
        case _:
            pass


def _texts_of_elements(operand: object, path: Path, lists: Lists) -> Iterator[tuple[Path, Pattern]]:
    """The patterns that a list's elements, or members of them, are compared with."""
    if not isinstance(operand, dict):
        yield from texts_in(operand, path, lists)
        return
    term = text_term(operand)
    if term is not None:
        yield from texts_in(term, path, lists)
        return
    for name, test in operand.items():
        yield from texts_in(test, (*path, name), lists)


def lists_in_use(located: Located) -> set[str]:
    """The names of the lists that any condition uses, including those of exceptions that lift nothing."""
    # The conditions of an exception that lifts nothing are not among the leaves.
    apart = [exception.form.match for exception in located.exceptions if exception.match is None]
    operands = (*(leaf.operand for leaf in located.leaves), *apart, located.document.approvals)
    return {name for operand in operands for name in named_lists(operand)}


def named_lists(form: object) -> Iterator[str]:
    """The names of the lists that a part of a document uses."""
    match form:
        case tuple():
            for part in form:
                yield from named_lists(part)
        case dict():
            for part in form.values():
                yield from named_lists(part)
        case Struct():
            for name in form.__struct_fields__:
                value = getattr(form, name)
                if name == "list" and isinstance(value, str):
                    yield value
                elif name in ELEMENT_WORDS and isinstance(value, dict):
                    yield from named_lists(text_term(value) or value)
                elif value is not UNSET and not isinstance(value, str):
                    yield from named_lists(value)
        case _:
            pass
