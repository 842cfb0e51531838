"""The laws of evaluating, each as a property, and each with a wrong evaluator that it catches.

A law is a function of a evaluator and a source of randomness; it raises where the evaluator breaks it. The
evaluators that are wrong on purpose are what somebody might have written instead.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from random import Random
from typing import Any, TypeAlias

import pytest
from hypothesis import given, settings
from msgspec.structs import replace

from batchgate.jobs.model import KNOWN_OPERATIONS, AsksForConfirmation, JobStatus
from batchgate.policy.compile import compile_policies
from batchgate.policy.compiled import Kind, Statement, Verdict
from batchgate.policy.evaluate import Decision, evaluate_job
from batchgate.policy.facts import JobFacts, Result
from batchgate.policy.formulas import AllOf, AnyOf, Formula, evaluate
from batchgate.policy.reason import status_update_reason
from tests.unit.examples import Written, document, facts
from tests.unit.strategies import (
    random_exception,
    random_facts,
    random_statement,
    randoms,
    wild_facts,
    written_with_all_lists,
)

pytestmark = pytest.mark.slow

Evaluator: TypeAlias = Callable[[Written, JobFacts], Decision]
Law: TypeAlias = Callable[[Evaluator, Random], None]

EXAMPLES = settings(max_examples=60)
TRIES = 3_000
"""Random cases among which each wrong evaluator has to be caught."""


def right(written: Written, about: JobFacts) -> Decision:
    """Evaluator as the product does."""
    return evaluate_job(compile_policies(written), about)


def first_breach(law: Law, evaluator: Evaluator) -> int | None:
    """Give the first seed with which a evaluator breaks a law."""
    for seed in range(TRIES):
        try:
            law(evaluator, Random(seed))
        except AssertionError:
            return seed
    return None


# --- the laws ----------------------------------------------------------------------------------------


def the_order_of_anything_never_matters(evaluator: Evaluator, rng: Random) -> None:
    """Verdict, until, reason and policy version are those of the set, however it is written down."""
    written = written_with_all_lists(rng)
    about = random_facts(rng, written)
    one, other = evaluator(written, about), evaluator(reordered(written, rng), about)
    assert one.verdict is other.verdict
    assert one.until == other.until
    assert one.cancels_at == other.cancels_at
    assert one.valid_until == other.valid_until
    assert status_update_reason(one, "c") == status_update_reason(other, "c")


def reordered(value: Any, rng: Random) -> Any:
    """Write a document in another order."""
    if isinstance(value, dict):
        return {key: reordered(value[key], rng) for key in rng.sample(list(value), len(value))}
    return [reordered(item, rng) for item in rng.sample(value, len(value))] if isinstance(value, list) else value


def adding_a_guardrail_never_lowers_caution(evaluator: Evaluator, rng: Random) -> None:
    """One more guardrail, whatever it says: the verdict is as cautious as before, or more."""
    written = written_with_all_lists(rng)
    more = random_statement(rng, written, "one-more", approving=False)
    about = random_facts(rng, written)
    stricter = {**written, "guardrails": [*written.get("guardrails", []), more]}
    assert evaluator(stricter, about).verdict >= evaluator(written, about).verdict


def adding_a_policy_never_lowers_caution_on_a_governed_job(evaluator: Evaluator, rng: Random) -> None:
    """A policy can open the gate for jobs that none governed; for others it can only object."""
    written = written_with_all_lists(rng)
    more = random_statement(rng, written, "one-more", approving=True)
    about = random_facts(rng, written)
    before = evaluator(written, about)
    governed = any(statement.kind is Kind.POLICY for statement in before.governing)
    if governed and about.operation in KNOWN_OPERATIONS:
        wider = {**written, "policies": [*written.get("policies", []), more]}
        assert evaluator(wider, about).verdict >= before.verdict


def adding_a_requirement_never_lowers_caution(evaluator: Evaluator, rng: Random) -> None:
    """One more line in a statement's `require` never lets more through."""
    written = written_with_all_lists(rng)
    about = random_facts(rng, written)
    statements = [(key, index) for key in ("policies", "guardrails") for index in range(len(written.get(key, [])))]
    if not statements:
        return
    key, index = rng.choice(statements)
    more = random_statement(rng, written, "x", approving=False)["require"][:1]
    more = [{name: value for name, value in each.items() if name != "grace"} for each in more]
    stricter = {**written, key: [dict(each) for each in written[key]]}
    stricter[key][index]["require"] = [*stricter[key][index]["require"], *more]
    assert evaluator(stricter, about).verdict >= evaluator(written, about).verdict


def only_exceptions_lower_caution_and_only_in_what_they_name(evaluator: Evaluator, rng: Random) -> None:
    """With an exception, what it does not name fares as before, and no requirement of what it names is met less."""
    written = written_with_all_lists(rng)
    if not (written.get("policies") or written.get("guardrails")):
        return
    lift = random_exception(rng, written, "one-more")
    about = random_facts(rng, written)
    without = evaluator(written, about)
    lifted = evaluator({**written, "exceptions": [*written.get("exceptions", []), lift]}, about)
    before, after = ({each.name: each for each in decision.trace} for decision in (without, lifted))
    assert before.keys() == after.keys()
    for name, statement in before.items():
        assert after[name].governs == statement.governs
        if name not in lift["lifts"]:
            assert after[name].vote == statement.vote
        for old, new in zip(statement.requirements, after[name].requirements, strict=True):
            assert old.result is not Result.MET or new.result is Result.MET
            assert new.own.result is old.own.result
    named = {vote.statement.name for vote in without.votes if vote.statement}
    if lifted.verdict < without.verdict:
        assert named & set(lift["lifts"])
    if without.verdict is Verdict.APPROVE:
        assert lifted.verdict is Verdict.APPROVE


def approval_needs_that_everything_is_known_and_met(evaluator: Evaluator, rng: Random) -> None:
    """Nothing is approved on doubt but by people: enforced, suspended, governed, all matches clear, all met."""
    written = written_with_all_lists(rng)
    about = replace(random_facts(rng, written), approvals=())
    decision = evaluator(written, about)
    if decision.verdict is not Verdict.APPROVE:
        return
    enforced = [each for each in decision.trace if each.enforced]
    governing = [each for each in enforced if each.governs]
    assert written.get("mode") != "shadow"
    assert not (about.asks_for_confirmation is not AsksForConfirmation.NO and about.status.before_suspended)
    assert any(each.kind is Kind.POLICY for each in governing)
    assert all(each.governs is not None for each in enforced)
    assert all(requirement.result is Result.MET for each in governing for requirement in each.requirements)
    assert decision.if_enforced is None
    if about.operation not in KNOWN_OPERATIONS:
        assert f"'{about.operation}'" in str(written)


def cancelling_needs_a_violation_that_is_known(evaluator: Evaluator, rng: Random) -> None:
    """Doubt never cancels: it takes a known violation that says cancel, or surely no policy and `unmatched: cancel`."""
    written = written_with_all_lists(rng)
    about = random_facts(rng, written)
    decision = evaluator(written, about)
    if decision.verdict is not Verdict.CANCEL:
        return
    enforced = [each for each in decision.trace if each.enforced]
    violated = any(
        requirement.result is Result.VIOLATED and requirement.on_violation is Verdict.CANCEL
        for each in enforced
        if each.governs
        for requirement in each.requirements
    )
    surely_unmatched = all(each.governs is False for each in enforced if each.kind is Kind.POLICY)
    assert violated or (
        written.get("unmatched") == "cancel" and surely_unmatched and about.operation in KNOWN_OPERATIONS
    )
    assert written.get("mode") != "shadow"
    assert not (about.asks_for_confirmation is not AsksForConfirmation.NO and about.status.before_suspended)
    assert decision.by_violation == violated
    if about.asks_for_confirmation is not AsksForConfirmation.NO:
        lengths = {requirement.grace for each in decision.governing for requirement in each.requirements}
        shortest = min({*lengths, decision.policies.cancel_grace})
        assert about.suspended_date is not None
        assert about.now >= about.suspended_date + shortest


GRACES = ("0s", "1s", "5m", "2h", "1d", "30d", "99999d")


def a_longer_grace_never_approves_and_never_cancels(evaluator: Evaluator, rng: Random) -> None:
    """With all graces longer, what was cancelled may be held; nothing else changes, nor is cancelled sooner."""
    written = written_with_all_lists(rng)
    about = random_facts(rng, written)
    short, long = sorted(rng.sample(range(len(GRACES)), 2))
    before, after = (evaluator(with_graces(written, GRACES[each]), about) for each in (short, long))
    if before.verdict is Verdict.CANCEL and about.asks_for_confirmation is not AsksForConfirmation.NO:
        assert after.verdict in (Verdict.CANCEL, Verdict.HOLD)
    else:
        assert after.verdict is before.verdict
    if before.cancels_at is None:
        assert after.cancels_at is None or before.verdict is Verdict.CANCEL
    elif after.cancels_at is not None:
        assert after.cancels_at >= before.cancels_at


def with_graces(written: Written, grace: str) -> Written:
    """Write a document with one grace everywhere."""
    changed = {**written, "cancel_grace": grace}
    for key in ("policies", "guardrails"):
        if key in changed:
            changed[key] = [
                {
                    **each,
                    "require": [
                        {**asked, **({"grace": grace} if "grace" in asked else {})} for asked in each["require"]
                    ],
                }
                for each in changed[key]
            ]
    return changed


def in_its_grace_a_job_is_never_cancelled(evaluator: Evaluator, rng: Random) -> None:
    """Nor one of which S3 does not say since when it is Suspended; one that asks for nothing has no grace."""
    written = with_graces(written_with_all_lists(rng), "1h")
    asks = rng.choice([AsksForConfirmation.YES, AsksForConfirmation.UNKNOWN])
    about = replace(random_facts(rng, written), asks_for_confirmation=asks)
    since = rng.choice([None, about.now, about.now - timedelta(minutes=59, seconds=59)])
    young = evaluator(written, replace(about, suspended_date=since))
    assert young.verdict is not Verdict.CANCEL
    old = evaluator(written, replace(about, suspended_date=about.now - timedelta(hours=1)))
    assert old.verdict is young.verdict or (old.verdict, young.verdict) == (Verdict.CANCEL, Verdict.HOLD)
    ungated = evaluator(written, replace(about, suspended_date=since, asks_for_confirmation=AsksForConfirmation.NO))
    if not about.status.before_suspended:
        assert ungated.verdict is old.verdict


def statements_in_shadow_are_as_if_absent(evaluator: Evaluator, rng: Random) -> None:
    """Taking a shadowed statement out, and its name from every exception, changes no verdict."""
    written = written_with_all_lists(rng)
    about = random_facts(rng, written)
    bare: Written = {
        key: value for key, value in written.items() if key not in ("policies", "guardrails", "exceptions")
    }
    names = set()
    for key in ("policies", "guardrails"):
        kept = [each for each in written.get(key, []) if each.get("mode") != "shadow"]
        names |= {each["name"] for each in kept}
        if kept:
            bare[key] = kept
    exceptions = [
        {**each, "lifts": [name for name in each["lifts"] if name in names]} for each in written.get("exceptions", [])
    ]
    if any(each["lifts"] for each in exceptions):
        bare["exceptions"] = [each for each in exceptions if each["lifts"]]
    one, other = evaluator(written, about), evaluator(bare, about)
    assert (one.verdict, one.until) == (other.verdict, other.until)


def a_set_in_shadow_only_holds_or_waits_and_says_what_it_would(evaluator: Evaluator, rng: Random) -> None:
    """The whole set in shadow: hold, wait before Suspended; `if_enforced` is what the enforced set says."""
    written = written_with_all_lists(rng)
    about = random_facts(rng, written)
    shadowed = evaluator({**written, "mode": "shadow"}, about)
    enforced = evaluator({**written, "mode": "enforce"}, about)
    waits = about.asks_for_confirmation is not AsksForConfirmation.NO and about.status.before_suspended
    by_people = Verdict.APPROVE if shadowed.lifted and about.approvals else Verdict.HOLD
    assert shadowed.verdict is (Verdict.WAIT if waits else by_people)
    assert shadowed.if_enforced is enforced.verdict
    assert enforced.if_enforced is None
    assert shadowed.until is None


def a_job_on_its_way_to_suspended_waits(evaluator: Evaluator, rng: Random) -> None:
    """Before Suspended nothing is decided for a job that asks for confirmation."""
    written = written_with_all_lists(rng)
    about = replace(
        random_facts(rng, written),
        status=rng.choice([JobStatus.NEW, JobStatus.PREPARING]),
        asks_for_confirmation=AsksForConfirmation.YES,
    )
    decision = evaluator(written, about)
    assert decision.verdict is Verdict.WAIT
    assert (decision.until, decision.valid_until) == (None, None)


def every_verdict_is_that_of_its_most_cautious_vote(evaluator: Evaluator, rng: Random) -> None:
    """The votes explain the verdict: none asks for more, and but for an approval one asks for it."""
    written = written_with_all_lists(rng)
    decision = evaluator(written, random_facts(rng, written))
    if written.get("mode") == "shadow" or decision.facts.status.before_suspended:
        return
    assert max((vote.verdict for vote in decision.votes), default=Verdict.APPROVE) is decision.verdict
    assert bool(decision.deciding) == (decision.verdict is not Verdict.APPROVE)


# --- evaluators that are wrong ----------------------------------------------------------------------------


def first_policy_wins(written: Written, about: JobFacts) -> Decision:
    """Like a firewall: only the first policy that governs is listened to."""
    for policy in written.get("policies", []):
        decision = right({**no_exceptions(written), "policies": [policy]}, about)
        if any(statement.kind is Kind.POLICY for statement in decision.governing):
            return decision
    return right(no_exceptions(written), about)


def no_exceptions(written: Written) -> Written:
    """Leave the exceptions out."""
    return {key: value for key, value in written.items() if key != "exceptions"}


def any_policy_may_approve(written: Written, about: JobFacts) -> Decision:
    """Like a list of grants: the most lenient of the policies, each evaluated alone, has it."""
    alone = [right({**no_exceptions(written), "policies": [policy]}, about) for policy in written.get("policies", [])]
    return min(alone, key=lambda decision: decision.verdict, default=right(no_exceptions(written), about))


def guardrails_may_approve(written: Written, about: JobFacts) -> Decision:
    """A guardrail that is met counts as a policy."""
    policies = [*written.get("policies", []), *written.get("guardrails", [])]
    moved = {key: value for key, value in written.items() if key not in ("policies", "guardrails")}
    return right({**moved, "policies": policies} if policies else moved, about)


def the_last_requirement_has_it(written: Written, about: JobFacts) -> Decision:
    """Of each statement only the last requirement is looked at."""
    short = dict(written)
    for key in ("policies", "guardrails"):
        if key in short:
            short[key] = [{**each, "require": each["require"][-1:]} for each in short[key]]
    return right(short, about)


def exceptions_lift_everything(written: Written, about: JobFacts) -> Decision:
    """An exception that is there lifts every statement."""
    names = [each["name"] for key in ("policies", "guardrails") for each in written.get(key, [])]
    lifted = [{**each, "lifts": names} for each in written.get("exceptions", [])]
    return right({**written, "exceptions": lifted} if lifted else written, about)


def exceptions_grant(written: Written, about: JobFacts) -> Decision:
    """An exception takes its statements away altogether, their matches too."""
    names = {name for each in written.get("exceptions", []) for name in each["lifts"]}
    kept = no_exceptions(written)
    for key in ("policies", "guardrails"):
        left = [each for each in kept.get(key, []) if each["name"] not in names]
        kept = {**{name: value for name, value in kept.items() if name != key}, **({key: left} if left else {})}
    return right(kept, about)


def grace_is_overlooked(written: Written, about: JobFacts) -> Decision:
    """Whoever violates is cancelled at once."""
    return right(with_graces(written, "0s"), replace(about, suspended_date=about.suspended_date or about.now))


def grace_is_a_pardon(written: Written, about: JobFacts) -> Decision:
    """What cancels only later does not matter yet."""
    decision = right(written, about)
    waits = [vote for vote in decision.votes if vote.grace is not None]
    pardoned = decision.verdict is Verdict.HOLD and waits and len(waits) == len(decision.votes)
    return replace(decision, verdict=Verdict.APPROVE) if pardoned else decision


def grace_counts_from_now(written: Written, about: JobFacts) -> Decision:
    """Each look at a job begins a new grace."""
    return right(written, replace(about, suspended_date=about.suspended_date and about.now))


def grace_for_everybody(written: Written, about: JobFacts) -> Decision:
    """A job that runs without having asked has time, too."""
    decision = right(written, replace(about, asks_for_confirmation=AsksForConfirmation.YES))
    return decision if about.suspended_date is None else right(written, about)


def doubt_is_fine(written: Written, about: JobFacts) -> Decision:
    """What can't be measured does no harm."""
    decision = right(written, about)
    return replace(decision, verdict=Verdict.APPROVE) if decision.verdict is Verdict.HOLD else decision


def doubt_is_a_violation(written: Written, about: JobFacts) -> Decision:
    """What can't be measured is as bad as what is violated."""
    decision = right(written, about)
    doubted = any(vote.requirement and vote.requirement.on_violation is Verdict.CANCEL for vote in decision.votes)
    return replace(decision, verdict=Verdict.CANCEL) if doubted else decision


def shadows_count(written: Written, about: JobFacts) -> Decision:
    """A statement in shadow is enforced."""
    enforced = dict(written)
    for key in ("policies", "guardrails"):
        if key in enforced:
            enforced[key] = [{**each, "mode": "enforce"} for each in enforced[key]]
    return right(enforced, about)


def the_sets_shadow_is_overlooked(written: Written, about: JobFacts) -> Decision:
    """A set in shadow decides."""
    return right({**written, "mode": "enforce"}, about)


def status_is_overlooked(written: Written, about: JobFacts) -> Decision:
    """The verdict on New and Preparing is that on Suspended."""
    return right(written, replace(about, status=JobStatus.SUSPENDED))


def the_first_vote_counts(written: Written, about: JobFacts) -> Decision:
    """Not the most cautious vote but the first one decides."""
    decision = right(written, about)
    return replace(decision, verdict=decision.votes[0].verdict) if decision.votes else decision


LAWS: dict[Law, Sequence[Evaluator]] = {
    the_order_of_anything_never_matters: (first_policy_wins, the_last_requirement_has_it),
    adding_a_guardrail_never_lowers_caution: (guardrails_may_approve,),
    adding_a_policy_never_lowers_caution_on_a_governed_job: (any_policy_may_approve,),
    adding_a_requirement_never_lowers_caution: (the_last_requirement_has_it,),
    only_exceptions_lower_caution_and_only_in_what_they_name: (exceptions_lift_everything, exceptions_grant),
    approval_needs_that_everything_is_known_and_met: (
        doubt_is_fine,
        the_sets_shadow_is_overlooked,
        status_is_overlooked,
    ),
    cancelling_needs_a_violation_that_is_known: (
        doubt_is_a_violation,
        the_sets_shadow_is_overlooked,
        grace_is_overlooked,
    ),
    a_longer_grace_never_approves_and_never_cancels: (grace_is_a_pardon,),
    in_its_grace_a_job_is_never_cancelled: (grace_is_overlooked, grace_counts_from_now, grace_for_everybody),
    statements_in_shadow_are_as_if_absent: (shadows_count,),
    a_set_in_shadow_only_holds_or_waits_and_says_what_it_would: (the_sets_shadow_is_overlooked,),
    a_job_on_its_way_to_suspended_waits: (status_is_overlooked,),
    every_verdict_is_that_of_its_most_cautious_vote: (the_first_vote_counts, doubt_is_fine),
}


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@EXAMPLES
@given(randoms())
def test_the_evaluator_keeps(law: Law, rng: Random) -> None:
    """Each law, on random documents, jobs and changes."""
    law(right, Random(rng.getrandbits(64)))


@pytest.mark.parametrize(
    ("law", "evaluator"),
    [(law, evaluator) for law, evaluators in LAWS.items() for evaluator in evaluators],
    ids=lambda part: part.__name__,
)
def test_a_wrong_evaluator_breaks(law: Law, evaluator: Evaluator) -> None:
    """Each law can be broken: a evaluator that is wrong in just that way is caught."""
    assert first_breach(law, evaluator) is not None


# --- any and all under doubt ---------------------------------------------------------------------------

RESULTS = list(Result)
Evaluate: TypeAlias = Callable[[Formula, Sequence[Result]], Result]


def random_formula(rng: Random, checks: int, depth: int = 2) -> Formula:
    """Make a formula over that many checks."""
    if depth == 0 or rng.random() < 0.3:
        return rng.randrange(checks)
    parts = tuple(random_formula(rng, checks, depth - 1) for _ in range(rng.randint(1, 3)))
    return AllOf(parts) if rng.random() < 0.5 else AnyOf(parts)


def learning_more_never_flips_a_definite_answer(evaluator: Evaluate, rng: Random) -> None:
    """Once met or violated, a formula stays so whatever the doubtful checks turn out to be."""
    formula = random_formula(rng, 4)
    results = [rng.choice(RESULTS) for _ in range(4)]
    known = [
        rng.choice([Result.MET, Result.VIOLATED]) if result in (Result.UNKNOWN, Result.UNMEASURABLE) else result
        for result in results
    ]
    before, after = evaluator(formula, results), evaluator(formula, known)
    assert after in (Result.MET, Result.VIOLATED)
    if before in (Result.MET, Result.VIOLATED):
        assert after is before


def doubt_counts_as_violated(formula: Formula, results: Sequence[Result]) -> Result:
    """Evaluate with doubt taken for a violation."""
    return evaluate(formula, [Result.VIOLATED if result else Result.MET for result in results])


def doubt_counts_as_met(formula: Formula, results: Sequence[Result]) -> Result:
    """Evaluate with doubt taken for granted."""
    return evaluate(formula, [Result.VIOLATED if result is Result.VIOLATED else Result.MET for result in results])


def any_is_as_good_as_its_worst(formula: Formula, results: Sequence[Result]) -> Result:
    """Evaluate `any` with violated before unknown."""
    if isinstance(formula, int):
        return results[formula]
    found = [any_is_as_good_as_its_worst(part, results) for part in formula.parts]
    if isinstance(formula, AllOf):
        return max(found)
    return Result.MET if Result.MET in found else max(found)


@EXAMPLES
@given(randoms())
def test_learning_more_never_flips_a_definite_answer(rng: Random) -> None:
    """Replacing unknown or unmeasurable by met or violated leaves every definite answer of any and all."""
    learning_more_never_flips_a_definite_answer(evaluate, Random(rng.getrandbits(64)))


@pytest.mark.parametrize(
    "evaluator",
    [doubt_counts_as_violated, doubt_counts_as_met, any_is_as_good_as_its_worst],
    ids=lambda evaluator: evaluator.__name__,
)
def test_a_wrong_evaluation_flips_a_definite_answer(evaluator: Evaluate) -> None:
    """Each wrong way to join results is caught."""

    def breaks(seed: int) -> bool:
        try:
            learning_more_never_flips_a_definite_answer(evaluator, Random(seed))
        except AssertionError:
            return True
        return False

    assert any(map(breaks, range(TRIES)))


@pytest.mark.parametrize("first", RESULTS)
@pytest.mark.parametrize("second", RESULTS)
def test_joining_two_results_is_as_the_table_says(first: Result, second: Result) -> None:
    """All sixteen pairs: `all` takes the later of met, unmeasurable, unknown, violated; `any` prefers met."""
    by_all = [Result.VIOLATED, Result.UNKNOWN, Result.UNMEASURABLE, Result.MET]
    by_any = [Result.MET, Result.UNKNOWN, Result.UNMEASURABLE, Result.VIOLATED]
    pair = [first, second]
    assert evaluate(AllOf((0, 1)), pair) is next(result for result in by_all if result in pair)
    assert evaluate(AnyOf((0, 1)), pair) is next(result for result in by_any if result in pair)


def test_all_of_nothing_is_met_and_any_of_nothing_violated() -> None:
    """A statement without match governs; nothing can be met by no way at all."""
    assert evaluate(AllOf(()), []) is Result.MET
    assert evaluate(AnyOf(()), []) is Result.VIOLATED


# --- evaluating is total -----------------------------------------------------------------------------------


@given(randoms(), wild_facts())
def test_no_facts_make_evaluating_raise(rng: Random, about: JobFacts) -> None:
    """Any JSON in parameters, any text, any number, any instant: a verdict, a trace and a reason."""
    written = written_with_all_lists(Random(rng.getrandbits(64)))
    decision = right(written, about)
    assert decision.verdict in Verdict
    assert len(decision.trace) == len(written.get("policies", [])) + len(written.get("guardrails", []))
    assert 1 <= len(status_update_reason(decision, "5f3a91c2")) <= 256


@pytest.mark.parametrize("digits", [300, 5_000])
@pytest.mark.parametrize("sign", [1, -1])
def test_no_number_is_too_large_to_evaluate(digits: int, sign: int) -> None:
    """Python itself will not write a number of more than 4300 digits; the verdict and its reason come all the same."""
    number = sign * 10**digits
    about = facts(
        Operation={"S3InitiateRestoreObject": {"ExpirationInDays": number}},
        ProgressSummary={"TotalNumberOfTasks": abs(number)},
        Priority=number,
    )
    written = document(
        {"operation_parameters": {"S3InitiateRestoreObject.ExpirationInDays": {"at_least": 1, "at_most": 7}}},
        {"total_tasks": {"at_most": 5}},
        {"priority": {"at_least": 1, "at_most": 7}},
    )
    decision = right(written, about)
    assert decision.verdict is Verdict.HOLD
    assert all(requirement.result is Result.VIOLATED for requirement in decision.trace[0].requirements)
    assert len(status_update_reason(decision)) <= 256


def test_parameters_nested_without_end_are_evaluated() -> None:
    """However deep the requester's text goes, and as deep as a path follows it."""
    deep: Any = "end"
    for _ in range(10_000):
        deep = {"a": deep}
    path = "S3NewOperation." + ".".join(["a"] * 100)
    about = facts(Operation={"S3NewOperation": {"a": deep}})
    decision = right(document({"operation_parameters": {path: {"present": True}}}), about)
    assert decision.trace[0].requirements[0].result is Result.MET


def test_evaluating_the_same_twice_is_the_same_decision() -> None:
    """Nothing is kept from one evaluation to the next but what was computed."""
    rng = Random(5)
    for _ in range(50):
        written = written_with_all_lists(rng)
        policies = compile_policies(written)
        about, other = random_facts(rng, written), random_facts(rng, written)
        once = evaluate_job(policies, about)
        evaluate_job(policies, other)
        again, fresh = evaluate_job(policies, about), evaluate_job(compile_policies(written), about)
        assert once == again
        assert said(once) == said(again) == said(fresh)


def said(decision: Decision) -> tuple[object, ...]:
    """Give all that a decision says."""
    return decision.verdict, decision.until, decision.valid_until, decision.trace, status_update_reason(decision)


def test_the_statements_of_a_decision_are_those_of_the_document() -> None:
    """Policies first, then guardrails, as written; the trace has one entry for each."""
    written = {
        **document({"region": "x"}),
        "guardrails": [{"name": "g", "require": [{"region": "x"}]}, {"name": "h", "require": [{"region": "y"}]}],
    }
    decision = right(written, facts())
    statements: tuple[Statement, ...] = decision.policies.statements
    assert [statement.name for statement in statements] == ["p", "g", "h"] == [each.name for each in decision.trace]
