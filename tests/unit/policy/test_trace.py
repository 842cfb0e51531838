"""The trace behind `explain`: every statement laid open, for every operation that S3 has."""

from collections.abc import Iterator
from datetime import UTC, datetime
from random import Random
from typing import Any

import botocore.session
import pytest
from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape
from hypothesis import given

from batchgate.errors import PolicyError
from batchgate.jobs.model import KNOWN_OPERATIONS, Json
from batchgate.policy.checks import Member, Parameter
from batchgate.policy.compiled import Kind, Verdict
from batchgate.policy.evaluate import Decision
from batchgate.policy.facts import Gap, JobFacts, Result
from batchgate.policy.reason import status_update_reason
from batchgate.policy.trace import ConditionTrace, StatementTrace
from batchgate.policy.validation.parameters import shape_at
from batchgate.policy.wording import QUOTED_AT_MOST, printable, shown
from tests.unit.examples import Written, document, facts, outcome
from tests.unit.strategies import any_text, random_facts, randoms, wild_facts, written_with_all_lists

# --- every parameter of every operation ---------------------------------------------------------------

INSTANT = datetime(2027, 1, 1, tzinfo=UTC)


def richest(shape: Shape, name: str = "") -> Any:
    """Fill every member of a shape of the service model."""
    match shape:
        case StructureShape(members=members):
            return {member: richest(inner, member) for member, inner in members.items()}
        case ListShape(member=inner):
            return [richest(inner, name), richest(inner, name)]
        case MapShape():
            return {"stage": "prod", "with.dot": "too", "": "empty", "ü": "ä"}
        case StringShape(enum=[*_, last]):
            return last
    match shape.type_name:
        case "string":
            return f"the {name}"
        case "boolean":
            return True
        case "integer" | "long":
            return 7
        case "timestamp":
            return INSTANT
        case kind:
            pytest.fail(f"the service model has a new kind of member: {kind}", pytrace=False)


def operation_shape() -> StructureShape:
    """Give the shape of CreateJob's Operation, which is DescribeJob's too."""
    model = botocore.session.get_session().get_service_model("s3control")
    created = model.operation_model("CreateJob").input_shape
    described = model.shape_for("JobDescriptor")
    assert isinstance(created, StructureShape)
    assert isinstance(described, StructureShape)
    operation = created.members["Operation"]
    assert operation.name == described.members["Operation"].name
    assert isinstance(operation, StructureShape)
    return operation


RICHEST: dict[str, Any] = {name: richest(shape, name) for name, shape in operation_shape().members.items()}


def leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Give the dotted path of every scalar; what lies under lists has none."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name:  # an empty step can't be written
                yield from leaves(inner, f"{path}.{name}")
    elif not isinstance(value, list):
        yield path, value


def lists(value: Any, path: str) -> Iterator[str]:
    """Give the dotted path of every list."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from lists(inner, f"{path}.{name}")
    elif isinstance(value, list):
        yield path


def test_the_richest_requests_are_of_all_operations_and_have_scalars() -> None:
    """Eleven operations, dozens of parameters."""
    assert set(RICHEST) == KNOWN_OPERATIONS
    assert len(RICHEST) == 11
    assert sum(1 for name in RICHEST for _ in leaves(RICHEST[name], name)) > 50


@pytest.mark.parametrize("name", sorted(RICHEST))
def test_every_scalar_of_an_operation_reads_as_its_value(name: str) -> None:
    """The path that a person would write leads to the value that S3 says; the trace shows it."""
    about = facts(Operation={name: RICHEST[name]})
    for path, value in leaves(RICHEST[name], name):
        assert Parameter(path).read(about) == value, path
        requirements: list[Written] = [{"operation_parameters": {path: {"present": True}}}]
        if not isinstance(value, datetime):
            requirements.append({"operation_parameters": {path: value}})
        decision = outcome(document(*requirements), about)
        assert decision.verdict is Verdict.APPROVE, path
        for requirement in decision.trace[0].requirements:
            assert requirement.own.subject == printable(path)
            assert requirement.own.actual == shown(Parameter(path), value) != "absent"


@pytest.mark.parametrize("name", sorted(RICHEST))
def test_every_scalar_of_an_operation_can_be_ruled_out(name: str) -> None:
    """Another value violates, and `not` the value violates."""
    about = facts(Operation={name: RICHEST[name]})
    for path, value in leaves(RICHEST[name], name):
        shape = shape_at("operation_parameters", path)
        assert shape is not None
        tests: list[Any] = [{"present": False}, {"not": {"present": True}}]
        if isinstance(value, bool):
            tests += [not value, {"not": value}]
        elif isinstance(value, int):
            tests += [value + 1, {"not": value}, {"at_most": value - 1}]
        elif isinstance(value, str):
            others = [other for other in shape.values if other != value] or ["something else"]
            tests += [{"not": value}, {"not": "*"}, *(others if shape.values else [*others, value.swapcase() + "x"])]
        else:
            tests += [{"before": "2027-01-01"}, {"not": {"after": "2027-01-01"}}, {"within": "1d"}]
        for test in tests:
            decision = outcome(document({"operation_parameters": {path: test}, "on_violation": "cancel"}), about)
            assert decision.verdict is Verdict.CANCEL, (path, test)
            assert printable(path) in status_update_reason(decision)


@pytest.mark.parametrize("name", sorted(RICHEST))
def test_an_operation_and_its_structures_are_present_and_those_of_others_absent(name: str) -> None:
    """A path of another operation finds nothing: absent, not unmeasurable."""
    about = facts(Operation={name: RICHEST[name]})
    assert outcome(document({"operation_parameters": {name: {"present": True}}}), about).verdict is Verdict.APPROVE
    for other in RICHEST.keys() - {name}:
        for path, _ in leaves(RICHEST[other], other):
            decision = outcome(document({"operation_parameters": {path: {"present": False}}}), about)
            assert decision.verdict is Verdict.APPROVE, path


@pytest.mark.parametrize("name", sorted(RICHEST))
def test_a_path_into_a_list_is_refused_and_the_list_itself_present(name: str) -> None:
    """The language asks for items of a list by any, only or none, and says so."""
    about = facts(Operation={name: RICHEST[name]})
    for path in lists(RICHEST[name], name):
        for step in ("0", "Key", "Grantee"):
            for test in ("*", {"present": True}, {"at_least": 0}):
                with pytest.raises(PolicyError, match="is a list"):
                    outcome(document({"operation_parameters": {f"{path}.{step}": test}}), about)
        assert outcome(document({"operation_parameters": {path: {"present": True}}}), about).verdict is Verdict.APPROVE


@pytest.mark.parametrize("name", sorted(RICHEST))
def test_the_richest_job_is_explained_by_a_policy_that_tests_all_operations(name: str) -> None:
    """Facts, decision, trace and reason over a set that looks at every parameter of every operation."""
    every = [
        {"operation_parameters": {path: {"present": True}}}
        for each in RICHEST
        for path, _ in leaves(RICHEST[each], each)
    ]
    decision = outcome(document(*every), facts(Operation={name: RICHEST[name]}))
    met = sum(requirement.result is Result.MET for requirement in decision.trace[0].requirements)
    assert met == sum(1 for _ in leaves(RICHEST[name], name))
    assert len(decision.trace[0].requirements) == len(every)
    assert len(status_update_reason(decision)) <= 256


# --- what a trace says -----------------------------------------------------------------------------------


def walk(trace: ConditionTrace) -> Iterator[ConditionTrace]:
    """Give a condition's trace and all within."""
    yield trace
    for part in trace.parts:
        yield from walk(part)


def conditions(decision: Decision) -> Iterator[ConditionTrace]:
    """Give every condition of a decision's trace."""
    for statement in decision.trace:
        yield from walk(statement.match)
        for requirement in statement.requirements:
            yield from walk(requirement.own)
            for lift in requirement.lifts:
                yield from walk(lift.condition)


@given(randoms(), wild_facts())
def test_every_text_of_a_trace_is_printable_ascii(rng: Random, about: JobFacts) -> None:
    """Nothing of the requester's, nor of the authors', can reach a terminal, a log or a page unescaped."""
    written = written_with_all_lists(Random(rng.getrandbits(64)))
    for trace in conditions(outcome(written, about)):
        for text in (trace.subject, trace.actual, trace.expected, trace.kind):
            assert text.isascii()
            assert text.isprintable()


@given(randoms())
def test_a_trace_agrees_with_its_decision(rng: Random) -> None:
    """Statements, results and votes are those that the verdict was made from."""
    rng = Random(rng.getrandbits(64))
    written = written_with_all_lists(rng)
    about = random_facts(rng, written)
    decision = outcome(written, about)
    governing = [each.name for each in decision.trace if each.enforced and each.governs]
    assert sorted(governing) == sorted(statement.name for statement in decision.governing)
    cast = {(vote.statement.name, vote.verdict) for vote in (*decision.votes, *decision.lifted) if vote.statement}
    traced: set[tuple[str, Verdict]] = set()
    for each in decision.trace:
        if not each.enforced:
            continue
        if each.governs is None and each.vote is not None:
            traced.add((each.name, each.vote))
        elif each.governs:
            traced |= {
                (each.name, requirement.vote) for requirement in each.requirements if requirement.vote is not None
            }
    if about.unknown_members:  # nothing of such a job is a reason to cancel it, whatever a requirement asks for
        traced = {(name, Verdict.HOLD if vote is Verdict.CANCEL else vote) for name, vote in traced}
    assert traced == cast


@given(randoms())
def test_a_condition_is_joined_or_single(rng: Random) -> None:
    """Joined conditions have parts, the results of which make theirs; single ones name their check."""
    rng = Random(rng.getrandbits(64))
    written = written_with_all_lists(rng)
    for trace in conditions(outcome(written, random_facts(rng, written))):
        if not trace.joined:
            assert trace.kind
            assert trace.subject
            assert not trace.parts
            continue
        results = [part.result for part in trace.parts]
        assert not trace.kind
        assert not trace.subject
        if trace.joined == "all":
            assert trace.result is max(results, default=Result.MET)
        else:
            order = [Result.MET, Result.UNKNOWN, Result.UNMEASURABLE, Result.VIOLATED]
            assert trace.result is next(result for result in order if result in results)


def one(decision: Decision, name: str) -> StatementTrace:
    """Give the trace of one statement."""
    return next(each for each in decision.trace if each.name == name)


def test_a_trace_says_what_the_job_has_and_what_is_wanted() -> None:
    """By example: match, requirement, unless, exception, in shadow and not."""
    written = document(
        {"total_tasks": {"at_most": 5}, "unless": [{"tags": {"a": "b"}}], "message": "m", "on_violation": "cancel"},
        guardrails=[{"name": "g", "mode": "shadow", "match": [{"region": "us-*"}], "require": [{"account": "2*"}]}],
        exceptions=[
            {
                "name": "e",
                "lifts": ["p"],
                "match": [{"role": "*migrator"}],
                "expires": "2026-03-31",
                "because": "CHG-4411",
            }
        ],
    )
    decision = outcome(written, facts())
    policy = one(decision, "p")
    assert (policy.kind, policy.enforced, policy.governs, policy.vote) == (Kind.POLICY, True, True, Verdict.CANCEL)
    assert policy.match.result is Result.MET
    [requirement] = policy.requirements
    assert (requirement.actual, requirement.expected) == ("100", "at most 5")
    assert (requirement.result, requirement.vote) == (Result.VIOLATED, Verdict.CANCEL)
    assert (requirement.message, requirement.position) == ("m", 0)
    unless, exception = requirement.lifts
    assert (unless.exception, exception.exception, exception.because) == (None, "e", "CHG-4411")
    assert "tag a" in [each.subject for each in walk(unless.condition)]
    role = next(each for each in walk(exception.condition) if each.subject == "role")
    assert (role.actual, role.expected) == ('"arn:aws:iam::111111111111:role/batch"', "*migrator")
    guardrail = one(decision, "g")
    assert (guardrail.kind, guardrail.enforced, guardrail.governs, guardrail.vote) == (
        Kind.GUARDRAIL,
        False,
        False,
        None,
    )


def test_a_requirement_that_is_lifted_is_met_and_says_so() -> None:
    """`own` is the requirement alone, `result` with all that lifts it."""
    written = document({"total_tasks": {"at_most": 5}, "unless": [{"tags": {"a": "b"}}]})
    [requirement] = one(outcome(written, facts(tags={"a": "b"})), "p").requirements
    assert (requirement.own.result, requirement.result, requirement.vote) == (Result.VIOLATED, Result.MET, None)


def test_a_statement_in_shadow_is_traced_with_what_it_would_ask_for() -> None:
    """As if enforced, and without effect."""
    guardrail = {"name": "g", "mode": "shadow", "require": [{"account": "2*"}], "on_violation": "cancel"}
    decision = outcome(document(guardrails=[guardrail]), facts())
    assert decision.verdict is Verdict.APPROVE
    assert (one(decision, "g").enforced, one(decision, "g").vote) == (False, Verdict.CANCEL)


@pytest.mark.parametrize(("gap", "vote"), [(Result.UNKNOWN, Verdict.WAIT), (Result.UNMEASURABLE, Verdict.HOLD)])
def test_a_match_in_doubt_governs_neither_way(gap: Result, vote: Verdict) -> None:
    """`governs` is None, the vote is the doubt's, and why is said."""
    written = document()
    written["policies"][0]["match"] = [{"object_bytes": {"at_most": 5}}]
    decision = outcome(written, facts(object_bytes=Gap(gap, "for a reason")))
    assert (one(decision, "p").governs, one(decision, "p").vote) == (None, vote)
    [condition] = one(decision, "p").match.parts
    assert "for a reason" in condition.actual
    assert decision.verdict is vote


@given(any_text)
def test_long_values_are_cut_and_structures_are_not_written_out(text: str) -> None:
    """A trace stays readable whatever a parameter holds."""
    mixed: list[Json] = [text, 1, text]
    assert len(shown(Parameter("A.B"), text)) <= QUOTED_AT_MOST + 2
    assert len(shown(Parameter("A.B"), [text] * 9, QUOTED_AT_MOST)) <= 3 * (QUOTED_AT_MOST + 4) + len(" and 6 more")
    assert shown(Parameter("A.B"), mixed) == "a list of 3 items"
    assert shown(Parameter("A.B"), {text: text}) == "present"
    assert len(shown(Parameter("A.B"), 10**200)) <= QUOTED_AT_MOST
    assert len(shown(Member("manifest", "key"), text)) <= QUOTED_AT_MOST + 2
