"""The table of meaning, row by row, by example."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from batchgate.policy.compile import compile_policies
from batchgate.policy.compiled import Verdict
from batchgate.policy.evaluate import Rule, evaluate_job
from batchgate.policy.facts import Gap, JobFacts, Result
from tests.unit.examples import APPROVAL, Written, document, facts, outcome, verdict

MET: Written = {"region": "eu-*"}
VIOLATED: Written = {"region": "us-*"}
UNKNOWN: Written = {"object_bytes": {"at_most": 5}}
UNMEASURABLE: Written = {"tags": {"a": "b"}}
CONDITIONS = {"met": MET, "violated": VIOLATED, "unknown": UNKNOWN, "unmeasurable": UNMEASURABLE}


def doubtful(**members: Any) -> JobFacts:
    """Gather facts of which the conditions above come to what they are named."""
    return facts(tags=Gap(Result.UNMEASURABLE, "denied"), object_bytes=Gap(Result.UNKNOWN, "not yet"), **members)


def policy(*match: Written, require: tuple[Written, ...] = (), **parts: Any) -> Written:
    """Write a policy named p."""
    return {"name": "p", "require": list(require), **({"match": list(match)} if match else {}), **parts}


def guardrail(*match: Written, require: tuple[Written, ...] = (MET,), **parts: Any) -> Written:
    """Write a guardrail named g."""
    return {"name": "g", "require": list(require), **({"match": list(match)} if match else {}), **parts}


def exception(*match: Written, **parts: Any) -> Written:
    """Write an exception to p that has not expired."""
    return {"name": "e", "lifts": ["p"], "match": list(match), "expires": "2026-12-31", "because": "x", **parts}


# --- requirements ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["policies", "guardrails"])
@pytest.mark.parametrize(
    ("condition", "on_violation", "expected"),
    [
        (MET, None, "approve"),
        (MET, "cancel", "approve"),
        (VIOLATED, None, "hold"),
        (VIOLATED, "hold", "hold"),
        (VIOLATED, "cancel", "cancel"),
        (UNKNOWN, None, "wait"),
        (UNKNOWN, "cancel", "wait"),
        (UNMEASURABLE, None, "hold"),
        (UNMEASURABLE, "cancel", "hold"),
    ],
)
def test_a_requirement_votes_by_its_result(
    kind: str, condition: Written, on_violation: str | None, expected: str
) -> None:
    """Met: nothing; violated: its on_violation; unknown: wait; unmeasurable: hold; in policies and guardrails."""
    requirement = {**condition, **({"on_violation": on_violation} if on_violation else {})}
    written = {
        "policies": document(requirement),
        "guardrails": document(guardrails=[guardrail(require=(requirement,))]),
    }[kind]
    assert verdict(written, doubtful()) == expected


@pytest.mark.parametrize(
    ("of_policy", "of_requirement", "expected"),
    [
        (None, None, "hold"),
        (None, "hold", "hold"),
        (None, "cancel", "cancel"),
        ("hold", None, "hold"),
        ("cancel", None, "cancel"),
        ("cancel", "hold", "hold"),
        ("hold", "cancel", "cancel"),
    ],
)
def test_the_nearest_on_violation_wins(of_policy: str | None, of_requirement: str | None, expected: str) -> None:
    """Requirement, then policy, then hold."""
    requirement = {**VIOLATED, **({"on_violation": of_requirement} if of_requirement else {})}
    written = policy(require=(requirement,), **({"on_violation": of_policy} if of_policy else {}))
    assert verdict({"version": 1, "policies": [written]}, facts()) == expected


@pytest.mark.parametrize(
    ("own", "unless", "result", "expected"),
    [
        ("met", "unmeasurable", Result.MET, "approve"),
        ("violated", "met", Result.MET, "approve"),
        ("violated", "violated", Result.VIOLATED, "cancel"),
        ("violated", "unknown", Result.UNKNOWN, "wait"),
        ("violated", "unmeasurable", Result.UNMEASURABLE, "hold"),
        ("unknown", "met", Result.MET, "approve"),
        ("unknown", "violated", Result.UNKNOWN, "wait"),
        ("unmeasurable", "met", Result.MET, "approve"),
        ("unmeasurable", "unknown", Result.UNKNOWN, "wait"),
        ("unmeasurable", "violated", Result.UNMEASURABLE, "hold"),
    ],
)
def test_unless_and_exceptions_are_another_way_to_be_met(own: str, unless: str, result: Result, expected: str) -> None:
    """R unless U is any: [R, all: U]; what remains violated keeps R's on_violation; an exception is the same."""
    requirement = {**CONDITIONS[own], "on_violation": "cancel"}
    by_unless = document({**requirement, "unless": [MET, CONDITIONS[unless]]})
    by_exception = document(requirement, exceptions=[exception(MET, CONDITIONS[unless])])
    for written in (by_unless, by_exception):
        decision = outcome(written, doubtful())
        assert decision.trace[0].requirements[0].result is result
        assert str(decision.verdict) == expected


# --- matches -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        ([], "cancel"),
        ([MET], "cancel"),
        ([MET, MET], "cancel"),
        ([VIOLATED], "approve"),
        ([MET, VIOLATED], "approve"),
        ([VIOLATED, UNKNOWN], "approve"),
        ([UNKNOWN], "wait"),
        ([UNMEASURABLE], "hold"),
        ([MET, UNKNOWN, UNMEASURABLE], "wait"),
        ([{"any": [VIOLATED, UNMEASURABLE]}], "hold"),
        ([{"any": [VIOLATED, VIOLATED]}], "approve"),
        ([{"all": [MET, {"any": [MET, UNKNOWN]}]}], "cancel"),
    ],
)
def test_a_match_in_doubt_waits_or_holds_and_never_cancels(match: list[Written], expected: str) -> None:
    """Met: it governs. Violated: it does not. Anything else: wait or hold, whatever `require` says."""
    strict = guardrail(*match, require=(VIOLATED,), on_violation="cancel")
    assert verdict(document(guardrails=[strict]), doubtful()) == expected


@pytest.mark.parametrize("unmatched", ["hold", "cancel"])
@pytest.mark.parametrize(
    ("policies", "expected"),
    [
        ([], None),
        ([policy(VIOLATED)], None),
        ([policy(MET, mode="shadow")], None),
        ([policy(MET)], "approve"),
        ([policy()], "approve"),
        ([policy(UNMEASURABLE)], "hold"),
        ([policy(UNKNOWN)], "wait"),
        ([policy(UNMEASURABLE), {**policy(VIOLATED), "name": "q"}], "hold"),
        ([policy(MET), {**policy(VIOLATED), "name": "q"}], "approve"),
    ],
)
def test_unmatched_votes_only_where_surely_no_policy_matches(
    policies: list[Written], expected: str | None, unmatched: str
) -> None:
    """Every enforced policy's match surely violated, or none there: `unmatched`; a doubt is not sure."""
    written = {"version": 1, "unmatched": unmatched, **({"policies": policies} if policies else {})}
    assert verdict(written, doubtful()) == (expected or unmatched)


@pytest.mark.parametrize(
    ("unmatched", "suspended_for", "expected", "grace"),
    [
        ("hold", timedelta(minutes=1), Verdict.HOLD, None),
        ("hold", timedelta(hours=2), Verdict.HOLD, None),
        ("cancel", timedelta(minutes=1), Verdict.HOLD, timedelta(hours=1)),
        ("cancel", timedelta(hours=2), Verdict.CANCEL, None),
    ],
)
def test_a_job_that_no_policy_matches_is_cancelled_after_the_grace_of_the_set(
    unmatched: str, suspended_for: timedelta, expected: Verdict, grace: timedelta | None
) -> None:
    """The vote says which grace it waits for, and only while it waits for one."""
    written = {"version": 1, "policies": [policy(VIOLATED)], "unmatched": unmatched, "cancel_grace": "1h"}
    about = facts()
    decision = outcome(written, replace(about, suspended_date=about.now - suspended_for))
    assert [(vote.verdict, vote.rule, vote.grace) for vote in decision.votes] == [(expected, Rule.UNMATCHED, grace)]


@pytest.mark.parametrize("kind", ["policies", "guardrails"])
@pytest.mark.parametrize("on_violation", ["hold", "cancel"])
@pytest.mark.parametrize("condition", CONDITIONS)
def test_each_requirement_votes_at_most_once(kind: str, on_violation: str, condition: str) -> None:
    """Once where it is not met, and not at all where it is."""
    requirement = {**CONDITIONS[condition], "on_violation": on_violation}
    written = document(requirement) if kind == "policies" else document(guardrails=[guardrail(require=(requirement,))])
    votes = [vote for vote in outcome(written, doubtful()).votes if vote.requirement is not None]
    assert len(votes) == (condition != "met")


@pytest.mark.parametrize("match", [[], [MET], [UNMEASURABLE], [VIOLATED]])
def test_guardrails_neither_match_nor_save_from_unmatched(match: list[Written]) -> None:
    """A guardrail never approves, and its doubt does not keep `unmatched: cancel` from cancelling."""
    written: Written = {"version": 1, "guardrails": [guardrail(*match)]}
    assert verdict({**written, "unmatched": "cancel"}, doubtful()) == "cancel"
    assert verdict(written, doubtful()) == "hold"


# --- operations that this version does not know ---------------------------------------------------------

NEW: Any = {"S3NewOperation": {}}


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        ([{"operation": "S3NewOperation"}], "approve"),
        ([{"operation": ["S3PutObjectCopy", "S3NewOperation"]}], "approve"),
        ([{"operation": {"list": "named"}}], "approve"),
        ([{"any": [VIOLATED, {"all": [{"operation": "S3NewOperation"}]}]}], "approve"),
        ([MET, {"operation": "S3*"}, {"operation": "S3NewOperation"}], "approve"),
        ([], "hold"),
        ([MET], "hold"),
        ([{"operation": "*"}], "hold"),
        ([{"operation": "S3New*"}], "hold"),
        ([{"operation": "S3NewOperatio?"}], "hold"),
        ([{"operation": {"list": "patterns"}}], "hold"),
        ([{"operation": {"not": "S3PutObjectCopy"}}], "hold"),
        ([{"operation": {"not": {"list": "others"}}}], "hold"),
        ([{"operation": {"present": True}}], "hold"),
        ([{"any": [{"operation": "S3*"}, {"operation": "S3PutObjectCopy"}]}], "hold"),
    ],
)
def test_an_unknown_operation_has_to_be_named(match: list[Written], expected: str) -> None:
    """Literally, in a list or at any depth, outside `not`; a pattern that happens to match is not enough."""
    lists = {
        "named": ["S3PutObjectCopy", "S3NewOperation"],
        "patterns": ["S3*", "S3PutObjectCopy"],
        "others": ["S3PutObjectCopy"],
    }
    written = {"version": 1, "lists": lists, "policies": [policy(*match)]}
    assert verdict(written, facts(Operation=NEW)) == expected
    assert verdict(written, facts(Operation={"S3PutObjectCopy": {}})) in ("approve", "hold")


def test_naming_an_unknown_operation_has_to_be_done_by_a_policy_that_governs() -> None:
    """Not by another policy, not by a guardrail, not by a shadow."""
    wide, naming = policy(MET), {"operation": "S3NewOperation"}
    for more in (
        {"policies": [wide, {**policy(naming, VIOLATED), "name": "q"}]},
        {"policies": [wide, {**policy(naming, mode="shadow"), "name": "q"}]},
        {"policies": [wide], "guardrails": [guardrail(naming)]},
        {"policies": [{**wide, "require": [naming]}]},
    ):
        assert verdict({"version": 1, **more}, facts(Operation=NEW)) == "hold"
    assert (
        verdict({"version": 1, "policies": [wide, {**policy(naming), "name": "q"}]}, facts(Operation=NEW)) == "approve"
    )


@pytest.mark.parametrize("operation", [NEW, {}, {"S3PutObjectCopy": {}, "S3ReplicateObject": {}}])
def test_an_unknown_operation_is_never_cancelled_for_being_unmatched(operation: Any) -> None:
    """Nobody could have written a policy for it; also where the SDK dropped its name."""
    for policies in ({}, {"policies": [policy(VIOLATED)]}):
        assert verdict({"version": 1, "unmatched": "cancel", **policies}, facts(Operation=operation)) == "hold"


def test_an_operation_without_a_name_is_never_approved() -> None:
    """An operation newer than the SDK has no name to be written."""
    for match in ([], [MET], [{"operation": "*"}], [{"any": [MET, {"operation": "S3NewOperation"}]}]):
        assert verdict({"version": 1, "policies": [policy(*match)]}, facts(Operation={})) == "hold"


def test_an_unknown_operation_can_be_cancelled_by_a_violation() -> None:
    """Caution is not less for being new."""
    written = document({**VIOLATED, "on_violation": "cancel"})
    assert verdict(written, facts(Operation=NEW)) == "cancel"


# --- before Suspended, and shadow ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "confirmation", "expected"),
    [
        ("New", True, "wait"),
        ("Preparing", True, "wait"),
        ("New", None, "wait"),
        ("Preparing", None, "wait"),
        ("New", False, "cancel"),
        ("Preparing", False, "cancel"),
        ("Suspended", True, "cancel"),
        ("Ready", True, "cancel"),
        ("Active", False, "cancel"),
        ("SomethingNew", True, "cancel"),
    ],
)
def test_only_a_job_on_its_way_to_suspended_waits(status: str, confirmation: bool | None, expected: str) -> None:
    """One that asks for no confirmation is evaluated at once; what is done about it is not the verdict's business."""
    written = document({**VIOLATED, "on_violation": "cancel"})
    about = facts(Status=status, ConfirmationRequired=confirmation, SuspendedDate=None)
    long_ago = replace(about, suspended_date=about.now - timedelta(days=1))  # whatever grace there is, it is over
    assert verdict(written, long_ago) == expected


@pytest.mark.parametrize(("condition", "would"), [(MET, "approve"), (VIOLATED, "cancel"), (UNKNOWN, "wait")])
def test_a_set_in_shadow_holds_and_says_what_it_would_do(condition: Written, would: str) -> None:
    """Nothing is approved and nothing cancelled."""
    written = document({**condition, "on_violation": "cancel"}, mode="shadow")
    decision = outcome(written, doubtful())
    assert (decision.verdict, str(decision.if_enforced)) == (Verdict.HOLD, would)
    waiting = outcome(written, doubtful(Status="Preparing"))
    assert (waiting.verdict, waiting.if_enforced) == (Verdict.WAIT, Verdict.WAIT)


def test_a_policy_in_shadow_does_not_approve_and_a_guardrail_in_shadow_does_not_object() -> None:
    """As if absent, and traced."""
    assert verdict({"version": 1, "policies": [policy(mode="shadow")]}, facts()) == "hold"
    strict = guardrail(require=(VIOLATED,), on_violation="cancel", mode="shadow")
    decision = outcome(document(guardrails=[strict]), facts())
    assert (decision.verdict, decision.trace[1].vote) == (Verdict.APPROVE, Verdict.CANCEL)


# --- exceptions ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (datetime(2026, 3, 31, 23, 59, 59, 999_999, tzinfo=UTC), "approve"),
        (datetime(2026, 4, 1, tzinfo=UTC), "hold"),
        (datetime(2026, 4, 1, 0, 30, tzinfo=UTC) - timedelta(hours=1), "approve"),
    ],
)
def test_an_exception_holds_through_its_last_day_in_utc(now: datetime, expected: str) -> None:
    """To the microsecond."""
    assert verdict(document(VIOLATED, exceptions=[exception(MET, expires="2026-03-31")]), facts(now=now)) == expected


def test_an_exception_lifts_every_requirement_of_what_it_names_and_nothing_else() -> None:
    """Its statements' requirements, not their matches, and no other statement's."""
    lifted = exception(MET)
    assert verdict(document(VIOLATED, {"account": "2*"}, exceptions=[lifted]), facts()) == "approve"
    assert verdict({"version": 1, "policies": [policy(VIOLATED)], "exceptions": [lifted]}, facts()) == "hold"
    other = document(VIOLATED, guardrails=[guardrail(require=(VIOLATED,))], exceptions=[lifted])
    assert verdict(other, facts()) == "hold"
    assert verdict({**other, "exceptions": [{**lifted, "lifts": ["p", "g"]}]}, facts()) == "approve"


def test_an_expired_exception_is_as_if_absent_also_in_doubt() -> None:
    """What can't be read any more need not be read."""
    written = document(
        {**VIOLATED, "on_violation": "cancel"}, exceptions=[exception(UNMEASURABLE, expires="2026-01-01")]
    )
    assert verdict(written, doubtful()) == "cancel"


def test_an_exception_lifts_the_need_for_a_person() -> None:
    """Where it is named, a manual approval is a requirement like any other."""
    written = document({"manual_approval": "required"}, exceptions=[exception(MET)])
    assert verdict(written, facts()) == "approve"


# --- what a decision says beside its verdict --------------------------------------------------------------


def test_a_person_is_needed_until_one_has_decided() -> None:
    """Unmeasurable, never violated: hold, also under on_violation of the policy."""
    written = {"version": 1, "policies": [policy(require=({"manual_approval": "required"},), on_violation="cancel")]}
    assert verdict(written, facts()) == "hold"
    assert verdict(written, facts(approvals=[APPROVAL])) == "approve"


def test_by_violation_tells_a_known_violation_from_doubt() -> None:
    """A hold by what could not be read is another thing than a hold by what was read."""
    assert outcome(document(VIOLATED), doubtful()).by_violation
    assert not outcome(document(UNMEASURABLE), doubtful()).by_violation
    assert not outcome({"version": 1}, doubtful()).by_violation
    assert outcome(document(VIOLATED, UNMEASURABLE), doubtful()).by_violation


@pytest.mark.parametrize(
    ("written", "about", "expected"),
    [
        (document(VIOLATED), {}, True),
        (document(VIOLATED, {"priority": {"at_most": 1}}), {}, True),
        (document({**VIOLATED, "on_violation": "cancel"}), {}, True),
        ({"version": 1}, {}, True),
        ({"version": 1, "unmatched": "cancel"}, {}, True),
        ({"version": 1}, {"Operation": NEW}, False),
        (document(), {"Operation": NEW}, False),
        (document(UNKNOWN), {}, False),
        (document(UNMEASURABLE), {}, False),
        (document(VIOLATED, UNMEASURABLE), {}, False),
        (document({"manual_approval": "required"}), {}, False),
        (document(VIOLATED, mode="shadow"), {}, False),
        (document(VIOLATED), {"Status": "Preparing"}, False),
        ({"version": 1, "policies": [policy(UNMEASURABLE)]}, {}, False),
    ],
)
def test_only_what_is_known_to_stand_in_the_way_expires(written: Written, about: Written, *, expected: bool) -> None:
    """Nothing is given up for what could not be read, was not said yet, or waits for a person or an operator."""
    assert outcome(written, doubtful(**about)).may_expire is expected


def test_a_decision_names_the_policies_that_evaluated() -> None:
    """By the version of the very set."""
    policies = compile_policies(document(VIOLATED))
    assert evaluate_job(policies, facts()).policy_version == policies.version


def test_the_settings_of_a_set_are_read() -> None:
    """Days, modes and defaults."""
    plain = compile_policies({"version": 1})
    assert (plain.shadow, plain.unmatched, plain.cancel_ungated, plain.cancel_held_after) == (
        False,
        Verdict.HOLD,
        False,
        None,
    )
    full = compile_policies(
        {
            "version": 1,
            "mode": "shadow",
            "unmatched": "cancel",
            "ungated_jobs": "cancel",
            "cancel_held_after": "21d",
        }
    )
    assert (full.shadow, full.unmatched, full.cancel_ungated, full.cancel_held_after) == (
        True,
        Verdict.CANCEL,
        True,
        timedelta(days=21),
    )


def test_a_decision_names_who_governs() -> None:
    """The enforced statements by name; a shadow one is as if absent."""
    written = {
        "version": 1,
        "guardrails": [guardrail(require=(MET,))],
        "policies": [policy(require=(MET,)), {**policy(require=(MET,)), "name": "seen-only", "mode": "shadow"}],
    }
    decision = outcome(written, facts())
    assert decision.governing_names == tuple(statement.name for statement in decision.governing)
    assert len(decision.governing_names) == 2
    assert "seen-only" not in decision.governing_names
