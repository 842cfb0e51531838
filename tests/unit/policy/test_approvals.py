"""Who is one person, whose approvals count, what they lift, and what is said of those that are missing."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from batchgate.jobs.model import Job, Json
from batchgate.policy.approvals import Approval, fresh, person_of
from batchgate.policy.checks import ManualApproval
from batchgate.policy.compile import compile_policies
from batchgate.policy.compiled import Verdict
from batchgate.policy.evaluate import Decision, evaluate_job, who_may_approve, why_not_counted
from batchgate.policy.evidence import digest_of_job, evidence_of
from batchgate.policy.facts import Gap, JobFacts, Result
from batchgate.policy.reason import REASON_AT_MOST, status_update_reason
from batchgate.text import MARK
from tests.unit.examples import ACCOUNT, NOW, SUSPENDED, Written, description, document, facts
from tests.unit.strategies import approvals as some_approval
from tests.unit.strategies import callers, random_facts, randoms, wild_facts, written_with_all_lists

STS, IAM = f"arn:aws:sts::{ACCOUNT}", f"arn:aws:iam::{ACCOUNT}"
ANA, BEN = f"{STS}:assumed-role/lake-oncall/ana", f"{STS}:assumed-role/prod-owner/ben"
SSO = f"{STS}:assumed-role/AWSReservedSSO_Admin_0123456789abcdef"
LIMIT: Written = {"total_tasks": {"at_most": 5}}
"""Which a job of `facts` violates."""
OWNERS: Written = {"manual_approval": {"by": "*:assumed-role/prod-owner/*"}}
UNREAD = Gap(Result.UNMEASURABLE, "denied")
SMALL_PRIORITY: Written = {"priority": {"at_most": 1}}
"""Which a job of `facts` violates, too."""
SAME_PERSON = "the same person has approved this job already"
ONLY_OWNERS = "only approvals of *:assumed-role/prod-owner/* count"
REQUESTER = "whoever created the job can't approve it"


def by(*who: str) -> list[Approval]:
    """Approvals, a minute one after another."""
    return [Approval(each, NOW - timedelta(hours=1) + timedelta(minutes=n), "", "") for n, each in enumerate(who)]


def decided(written: Written, *who: str, **about: Any) -> Decision:
    """Decide by a document, with these approvals."""
    return evaluate_job(compile_policies(written), facts(approvals=by(*who), **about))


# --- who is one person ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (f"{STS}:assumed-role/oncall/ana", f"{STS}:assumed-role/oncall/ben"),
        (f"{STS}:assumed-role/oncall/ana", f"{STS}:assumed-role/OnCall/ben"),
        (f"{SSO}/ana", f"{STS}:assumed-role/AWSReservedSSO_Dev_Ops_fedcba9876543210/ana"),
        (f"{SSO}/ana", "arn:aws:sts::999999999999:assumed-role/AWSReservedSSO_Admin_0123456789abcdef/Ana"),
        (f"{STS}:assumed-role/AWSReservedSSO_x/ana", f"{STS}:assumed-role/AWSReservedSSO_x/ben"),
        (
            f"{STS}:assumed-role/AWSReservedSSO_x_0123456789abcde/a",
            f"{STS}:assumed-role/AWSReservedSSO_x_0123456789abcde/b",
        ),
        (
            f"{STS}:assumed-role/AWSReservedSSO_x_0123456789ABCDEF/a",
            f"{STS}:assumed-role/AWSReservedSSO_x_0123456789ABCDEF/b",
        ),
        (
            f"{STS}:assumed-role/AWSReservedSSO__0123456789abcdef/a",
            f"{STS}:assumed-role/AWSReservedSSO__0123456789abcdef/b",
        ),
        (
            f"{STS}:assumed-role/awsreservedsso_x_0123456789abcdef/a",
            f"{STS}:assumed-role/awsreservedsso_x_0123456789abcdef/b",
        ),
        (
            f"{STS}:assumed-role/my-AWSReservedSSO_x_0123456789abcdef/a",
            f"{STS}:assumed-role/my-AWSReservedSSO_x_0123456789abcdef/b",
        ),
        (f"{IAM}:user/ana", f"{IAM}:user/staff/lake/ana"),
        (f"{IAM}:user/ana", f"{IAM}:user/Ana"),
        (f"{IAM}:root", f"{IAM}:root"),
    ],
)
def test_callers_who_may_be_one_person_are(one: str, other: str) -> None:
    """Sessions of one role, a role named like Identity Center's by hand, one user of it in two roles or accounts."""
    assert person_of(one, trust_session_names=False) == person_of(other, trust_session_names=False) != ""


@pytest.mark.parametrize(
    "people",
    [
        [f"{STS}:assumed-role/oncall/ana", f"{STS}:assumed-role/owner/ana"],
        [f"{STS}:assumed-role/oncall/ana", "arn:aws:sts::999999999999:assumed-role/oncall/ana"],
        [f"{SSO}/ana", f"{SSO}/ben"],
        [f"{SSO}/ana", f"{IAM}:user/ana", f"{IAM}:root"],
    ],
)
def test_callers_who_are_different_people_are(people: list[str]) -> None:
    """By role, by account, by Identity Center's user."""
    assert len({person_of(each, trust_session_names=False) for each in people}) == len(people)


@pytest.mark.parametrize("trusted", [True, False])
@pytest.mark.parametrize(
    "arn",
    [
        "",
        "ana",
        "AIDAEXAMPLE",
        f"{STS}:federated-user/ana",
        f"{IAM}:federated-user/ana",
        f"{IAM}:role/oncall",
        f"{STS}:assumed-role/oncall",
        f"{STS}:assumed-role/oncall/",
        f"{STS}:assumed-role//ana",
        f"{STS}:assumed-role/a/b/c",
        f"{STS}:assumed-role/oncall/ana\n",
        f"{STS}:assumed-role/oncall/a:assumed-role/owner/b",
        f"{IAM}:assumed-role/oncall/ana",
        f"{STS}:user/ana",
        f"{IAM}:user/",
        f"{IAM}:user/:assumed-role/prod-owner/ana",
        f"{IAM}:user/x/:assumed-role/prod-owner/ana",
        f"{IAM}:user/assumed-role/prod-owner/ana",
        f"{IAM}:user/x/assumed-role/prod-owner/ana",
        f"{IAM}:user/xassumed-role/prod-owner/ana",
        f"{IAM}:user/:user/ana",
        f"{IAM}:root/x",
        "arn:aws:sts:::assumed-role/oncall/ana",
        "arn:aws:sts::11111111111:assumed-role/oncall/ana",
        "arn:aws:sts:eu-central-1:111111111111:assumed-role/oncall/ana",
        "arn:aws:sts::\N{ARABIC-INDIC DIGIT ONE}11111111111:assumed-role/oncall/ana",
        f"{STS}:assumed-role/oncall/anä",
        f"x{STS}:assumed-role/oncall/ana",
    ],
)
def test_a_caller_who_can_not_be_told_from_others_is_nobody(arn: str, trusted: bool) -> None:
    """A federated user, whose name the caller chooses; a role itself; what is no caller's ARN."""
    assert person_of(arn, trust_session_names=trusted) == ""
    names: Written = {"session_names": "trusted"} if trusted else {"at_least": 1}
    assert decided(document(LIMIT, approvals=names), arn).verdict is Verdict.HOLD


def test_trusted_names_are_people_in_whichever_role() -> None:
    """Only where the set says so."""
    ana, ben = f"{STS}:assumed-role/oncall/ana", f"{STS}:assumed-role/oncall/ben"
    assert person_of(ana, trust_session_names=True) != person_of(ben, trust_session_names=True)
    others = [f"{STS}:assumed-role/owner/Ana", f"{SSO}/ana", f"{IAM}:user/x/ana"]
    assert {person_of(each, trust_session_names=True) for each in [ana, *others]} == {"name ana"}
    two = document(LIMIT, approvals={"at_least": 2})
    assert decided(two, ana, ben).verdict is Verdict.HOLD
    trusting = document(LIMIT, approvals={"at_least": 2, "session_names": "trusted"})
    assert decided(trusting, ana, ben).verdict is Verdict.APPROVE
    assert decided(trusting, ana, *others).verdict is Verdict.HOLD


def test_only_approvals_of_the_job_as_it_is_are_fresh() -> None:
    """Another digest, or none, is none of this job's."""
    given = [Approval(ANA, NOW, "", digest) for digest in ("a", "b", "")]
    assert fresh(given, "a") == (given[0],)
    assert fresh(given, "c") == fresh(given, "") == ()


# --- what approvals lift ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "about", "verdict"),
    [
        (document(LIMIT), {}, "approve"),
        (document({"tags": {"a": "b"}}), {"tags": UNREAD}, "approve"),
        (document(match_nothing := {"region": "us-*"}), {}, "approve"),
        ({"version": 1}, {}, "approve"),
        ({"version": 1, "mode": "shadow"}, {}, "approve"),
        (document({**LIMIT, "on_violation": "cancel"}, mode="shadow"), {}, "approve"),
        (document({**LIMIT, "on_violation": "cancel"}), {}, "cancel"),
        (document(match_nothing, {**LIMIT, "on_violation": "cancel", "grace": "1d"}), {}, "hold"),
        ({"version": 1, "unmatched": "cancel"}, {}, "cancel"),
        ({"version": 1, "unmatched": "cancel", "cancel_grace": "1d"}, {}, "hold"),
        (document({"object_bytes": {"at_most": 5}}), {"object_bytes": Gap(Result.UNKNOWN, "not yet")}, "wait"),
        (document(LIMIT), {"Status": "Preparing"}, "wait"),
        (document(), {"Operation": {"S3NewOperation": {}}}, "approve"),
        (document({**LIMIT, "on_violation": "cancel"}), {"Operation": {"S3PutObjectTagging": {"New": 1}}}, "approve"),
    ],
)
def test_enough_approvals_lift_every_hold_and_nothing_else(
    written: Written, about: dict[str, Any], verdict: str
) -> None:
    """Whatever holds; but neither a cancellation, nor one that waits for its grace, nor a wait."""
    before, after = decided(written, **about), decided(written, ANA, **about)
    assert str(after.verdict) == verdict
    assert before.verdict is (Verdict.HOLD if verdict == "approve" else after.verdict)
    assert (before.lifted, before.approvers) == ((), ())
    assert after.approvers == ((ANA,) if verdict == "approve" else ())
    assert {*after.lifted, *after.votes} == set(before.votes)
    assert all(vote.verdict is Verdict.HOLD and vote.grace is None for vote in after.lifted)


@pytest.mark.parametrize(
    ("approvals", "who", "verdict"),
    [
        ({"at_least": 2}, [ANA], "hold"),
        ({"at_least": 2}, [ANA, ANA], "hold"),
        ({"at_least": 2}, [ANA, ANA.replace("ana", "eve")], "hold"),
        ({"at_least": 2}, [ANA, BEN], "approve"),
        ({"by": "*:assumed-role/prod-owner/*"}, [ANA], "hold"),
        ({"by": "*:assumed-role/prod-owner/*"}, [ANA, BEN], "approve"),
        ({"by": "*:assumed-role/Prod-Owner/*"}, [BEN], "hold"),
        ({"by": [{"glob": "*/[b]en"}, "*:user/*"]}, [BEN], "approve"),
        ({"by": "arn:aws:sts::${account}:*"}, [ANA], "approve"),
        ({"by": "arn:aws:sts::${account}:*"}, [ANA.replace(ACCOUNT, "9" * 12)], "hold"),
        ({"by": {"list": "people"}}, [BEN], "approve"),
        ({"not_requester": True}, [ANA], "hold"),
        ({"not_requester": True}, [ANA.replace("ana", "eve")], "hold"),
        ({"not_requester": True}, [ANA, BEN], "approve"),
    ],
)  # fmt: skip
def test_approvals_count_of_those_who_may(approvals: Written, who: list[str], verdict: str) -> None:
    """Different people, whom `by` names, but not the requester, whom Ana is."""
    written = document(LIMIT, approvals=approvals, lists={"people": ["*:assumed-role/prod-owner/*"]})
    assert str(decided(written, *who, requester=ANA).verdict) == verdict


@pytest.mark.parametrize("requester", [UNREAD, Gap(Result.UNKNOWN, "not found yet"), f"{STS}:federated-user/x", "x"])
def test_while_the_requester_is_not_known_nobody_counts(requester: str | Gap) -> None:
    """And the hold says so."""
    decision = decided(document(LIMIT, approvals={"not_requester": True}), ANA, BEN, requester=requester)
    assert decision.verdict is Verdict.HOLD
    assert "requester" in decision.awaiting
    assert who_may_approve(decision, f"{SSO}/cem")


def test_manual_approval_has_words_of_its_own_and_takes_the_others_from_approvals() -> None:
    """Its number is 1 if it does not say one; `by` and `not_requester` are the set's."""
    written = document(OWNERS, approvals={"by": "*:assumed-role/lake-oncall/*", "at_least": 2, "not_requester": True})
    assert decided(written, ANA, requester=f"{SSO}/x").verdict is Verdict.HOLD
    assert decided(written, BEN, requester=f"{SSO}/x").verdict is Verdict.APPROVE
    assert decided(written, BEN, requester=BEN).verdict is Verdict.HOLD
    own = {"manual_approval": {"not_requester": False, "by": "*"}}
    assert decided({**written, **document(own)}, BEN, requester=BEN).verdict is Verdict.APPROVE


def test_one_approval_meets_what_is_required_and_two_lift_what_else_holds() -> None:
    """A requirement that its approvals satisfy is met, whatever the set wants for other holds."""
    approvals = {"at_least": 2}
    required = document({"manual_approval": "required"}, approvals=approvals)
    decision = decided(required, ANA)
    assert (decision.verdict, decision.lifted, decision.approvers) == (Verdict.APPROVE, (), (ANA,))
    both = document({"manual_approval": "required"}, LIMIT, approvals=approvals)
    assert decided(both, ANA).awaiting == "1 of 2 approvals, 1 more needed"
    assert decided(both, ANA, BEN).verdict is Verdict.APPROVE


def test_every_manual_approval_that_governs_and_that_nothing_lifts_is_wanted() -> None:
    """Two approvals of others do not replace the one of an owner, except where its requirement is lifted."""
    guardrail = {"name": "g", "require": [{**OWNERS, "unless": [{"tags": {"a": "b"}}]}]}
    others = [ANA, f"{SSO}/cem"]
    written = document(LIMIT, guardrails=[guardrail])
    assert decided(written, *others).verdict is Verdict.HOLD
    assert decided(written, *others, BEN).verdict is Verdict.APPROVE
    assert decided(written, *others, tags={"a": "b"}).verdict is Verdict.APPROVE
    elsewhere = document(LIMIT, guardrails=[{**guardrail, "match": [{"region": "us-*"}]}])
    assert decided(elsewhere, *others).verdict is Verdict.APPROVE
    shadowed = document(LIMIT, guardrails=[{**guardrail, "mode": "shadow"}])
    assert decided(shadowed, *others).verdict is Verdict.APPROVE
    nested = document(LIMIT, guardrails=[{"name": "g", "require": [{"all": [LIMIT, OWNERS]}]}])
    assert decided(nested, *others).verdict is Verdict.HOLD
    assert decided(nested, *others, BEN).verdict is Verdict.APPROVE


@pytest.mark.parametrize("kind", ["guardrails", "policies"])
def test_doubt_whether_a_statement_governs_takes_no_approval_away(kind: str) -> None:
    """What can't be read of a job must not let it pass on fewer approvals, or on others', than if it were read."""
    asks = {"name": "g", "match": [{"tags": {"stage": "prod"}}], "require": [OWNERS]}
    written = document(LIMIT, approvals={"at_least": 2})
    written[kind] = [*written.get(kind, []), asks]
    others = [ANA, f"{SSO}/cem"]
    doubted = decided(written, *others, tags=UNREAD)
    assert doubted.verdict is Verdict.HOLD
    assert doubted.awaiting == "no approval yet, 1 needed from *:assumed-role/prod-owner/*"
    assert who_may_approve(doubted, f"{SSO}/don")
    assert not who_may_approve(doubted, BEN)
    assert decided(written, *others, BEN, tags=UNREAD).approvers == (*others, BEN)
    assert decided(written, *others, tags={"stage": "dev"}).verdict is Verdict.APPROVE
    at_night = document(LIMIT, approvals={"at_least": 2})
    days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    at_night["calendars"] = {"nights": {"timezone": "UTC", "open": [{"days": days, "from": "22:00", "to": "06:00"}]}}
    at_night[kind] = [*at_night.get(kind, []), {**asks, "match": [*asks["match"], {"window": {"not": "nights"}}]}]
    timed = decided(at_night, *others, tags=UNREAD)
    assert timed.verdict is Verdict.HOLD
    assert timed.until is not None
    assert timed.until.hour == 22


def test_what_is_asked_for_says_whether_the_requester_is_worth_finding() -> None:
    """Only where some approval excludes it."""

    def asks(written: Written) -> bool:
        return compile_policies(written).asks_for("requester")

    assert not asks(document({"manual_approval": {"at_least": 2}}, approvals={"at_least": 2}))
    assert asks(document(LIMIT, approvals={"not_requester": True}))
    assert asks(document({"manual_approval": {"not_requester": True}}))


NIGHTS: Written = {"nights": {"timezone": "UTC", "open": [{"days": ["fri"], "from": "22:00", "to": "24:00"}]}}


AT_NIGHT: Written = {"window": "nights", "on_violation": "cancel", "grace": "1d"}
UNKNOWN_AT_NIGHT: Written = {
    "name": "g",
    "match": [{"window": "nights"}],
    "require": [{"object_bytes": {"at_most": 5}}],
}
MATCHED_AT_NIGHT: Written = {
    "version": 1,
    "unmatched": "cancel",
    "cancel_grace": "1d",
    "policies": [{"name": "p", "match": [{"window": "nights"}], "require": [LIMIT]}],
}


@pytest.mark.parametrize(
    ("written", "until", "cancels_at"),
    [
        # What becomes a cancellation stays, until the window that it waits for opens; the limit is lifted all along.
        (document(AT_NIGHT, LIMIT), "2026-03-27T22:00", None),
        (document({**AT_NIGHT, "grace": "8h"}, LIMIT), None, "2026-03-27T14:00"),
        (document({**LIMIT, "on_violation": "cancel", "grace": "8h"}), None, "2026-03-27T14:00"),
        (MATCHED_AT_NIGHT, "2026-03-27T22:00", None),
        # What is not known when the window opens is waited for.
        (document(AT_NIGHT, LIMIT, guardrails=[UNKNOWN_AT_NIGHT]), None, "2026-03-28T06:00"),
        # An owner's approval that is wanted then is missing.
        (
            document(AT_NIGHT, LIMIT, guardrails=[{**UNKNOWN_AT_NIGHT, "require": [OWNERS]}]),
            None,
            "2026-03-28T06:00",
        ),
    ],
)
def test_what_approvals_lift_stays_lifted_in_times_to_come(
    written: Written, until: str | None, cancels_at: str | None
) -> None:
    """`until` and `cancels_at` are of the job with its approvals."""
    unknown = Gap(Result.UNKNOWN, "not read yet")
    decision = decided({**written, "calendars": NIGHTS}, ANA, object_bytes=unknown)
    at = [each and f"{each:%Y-%m-%dT%H:%M}" for each in (decision.until, decision.cancels_at)]
    assert (decision.verdict, *at) == (Verdict.HOLD, until, cancels_at)


@pytest.mark.parametrize(
    ("mode", "about"),
    [("shadow", {}), ("enforce", {"Report": {"Enabled": True, "ReportScope": "Others"}})],
    ids=["shadow mode", "an unknown member"],
)
def test_a_hold_that_only_people_lift_ends_when_time_lifts_what_they_lack(mode: str, about: dict[str, Any]) -> None:
    """Such a hold needs the owners' approval too, until a window opens; policies alone never end it."""
    owners = {**OWNERS, "unless": [{"window": "nights"}]}
    written = {**document(LIMIT, owners, mode=mode), "calendars": NIGHTS}
    night = datetime(2026, 3, 27, 22, tzinfo=UTC)
    held = decided(written, ANA, **about)
    assert (held.verdict, held.until) == (Verdict.HOLD, night)
    assert decided(written, **about).until is None
    assert decided(written, ANA, now=night, **about).verdict is Verdict.APPROVE


def test_an_approval_is_the_verdict_until_another_one_is_wanted() -> None:
    """Of a statement that begins to govern later."""
    guardrail = {"name": "g", "match": [{"window": "nights"}], "require": [OWNERS]}
    decision = decided(document(LIMIT, guardrails=[guardrail], calendars=NIGHTS), ANA)
    assert decision.verdict is Verdict.APPROVE
    assert decision.valid_until is not None
    assert f"{decision.valid_until:%H:%M}" == "22:00"


# --- what is said -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "who", "awaiting"),
    [
        (document(LIMIT), [], "no approval yet, 1 needed"),
        (document(LIMIT, approvals={"at_least": 3}), [ANA], "1 of 3 approvals, 2 more needed"),
        (document(OWNERS), [ANA], "no approval yet, 1 needed from *:assumed-role/prod-owner/*"),
        (
            document(LIMIT, OWNERS),
            [],
            "no approval yet, 1 needed; no approval yet, 1 needed from *:assumed-role/prod-owner/*",
        ),
        (document(LIMIT, OWNERS), [BEN], ""),
        (document(OWNERS, OWNERS), [], "no approval yet, 1 needed from *:assumed-role/prod-owner/*"),
        (document({**LIMIT, "on_violation": "cancel", "grace": "1d"}), [], ""),
        (document({**LIMIT, "on_violation": "cancel"}), [], ""),
    ],
)
def test_a_hold_says_which_approvals_are_missing(written: Written, who: list[str], awaiting: str) -> None:
    """How many, and of whom; of what they can't lift nothing, nor where the set's are not needed."""
    assert decided(written, *who).awaiting == awaiting


@pytest.mark.parametrize(
    ("written", "who", "reason"),
    [
        (document(LIMIT), [], "batchgate: held by p: total_tasks is 100, want at most 5"),
        (
            document(LIMIT, approvals={"at_least": 2}),
            [],
            "batchgate: held by p: total_tasks is 100, want at most 5; no approval yet, 2 needed",
        ),
        (
            document({**OWNERS, "message": "ask the owners"}),
            [ANA],
            (
                "batchgate: held by p: needs manual approval; "
                "no approval yet, 1 needed from *:assumed-role/prod-owner/* | ask the owners"
            ),
        ),
        (
            document(LIMIT),
            [ANA],
            "batchgate: approved by lake-oncall/ana, lifting 1 hold: p: total_tasks is 100, want at most 5",
        ),
        (
            document(LIMIT, {"region": "us-*"}, approvals={"at_least": 2}),
            [ANA, f"{IAM}:user/ben"],
            (
                "batchgate: approved by 2 people (lake-oncall/ana, user/ben), lifting 2 holds: p: region is"
                " eu-central-1, want us-*; p: total_tasks is 100, want at most 5"
            ),
        ),
        (
            {"version": 1, "mode": "shadow"},
            [ANA],
            (
                "batchgate: approved by lake-oncall/ana, lifting 2 holds: no policy matches the job; policies in"
                " shadow mode"
            ),
        ),
        (document(OWNERS), [BEN], "batchgate: approved by p, 1 requirement met, approval of prod-owner/ben"),
    ],
)
def test_the_reason_says_who_approved_and_what_is_missing(written: Written, who: list[str], reason: str) -> None:
    """Of a plain hold nothing is added."""
    decision = decided(written, *who)
    assert status_update_reason(decision) == f"{reason} [policy {decision.policy_version}]"


def test_missing_approvals_are_named_in_one_order() -> None:
    """However the requirements that ask for them are written."""
    two = [{"manual_approval": {"by": name, "at_least": 2}} for name in ("a*", "b*")]
    first, second = (decided(document(LIMIT, *asked)).awaiting for asked in (two, two[::-1]))
    assert first == second
    assert first.count("2 needed") == 2


def test_what_is_said_of_missing_approvals_fits_into_a_record() -> None:
    """However many statements want approvals, and of however many callers."""
    asked = [{"manual_approval": {"by": [f"*:user/{n}-{m}-*" for m in range(500)]}} for n in range(40)]
    decision = decided(document(*asked))
    assert len(decision.awaited) == 40
    assert len(decision.awaiting) <= 1024
    assert len(who_may_approve(decision, ANA)) <= 1024
    assert len(decision.awaited[0].wanted) <= 500


@given(wild_facts(), randoms())
def test_every_reason_fits_whoever_approved(about: JobFacts, rng: Random) -> None:
    """Whatever callers are called, and whatever `by` says."""
    written = written_with_all_lists(Random(rng.getrandbits(64)))
    reason = status_update_reason(evaluate_job(compile_policies(written), about), "5f3a91c2")
    assert 1 <= len(reason) <= REASON_AT_MOST
    assert reason.isascii()
    assert reason.isprintable()


@pytest.mark.parametrize(
    ("approvals", "given", "arn", "why"),
    [
        ({"at_least": 2}, [], ANA, ""),
        ({"at_least": 2}, [ANA], BEN, ""),
        ({"at_least": 2}, [ANA], ANA, "the same person has approved"),
        ({"at_least": 2}, [ANA], ANA.replace("ana", "eve"), "the same person has approved"),
        ({"by": "*:assumed-role/prod-owner/*"}, [], ANA, "only approvals of *:assumed-role/prod-owner/* count"),
        ({"not_requester": True}, [], f"{SSO}/req", "whoever created the job can't approve it"),
        ({"not_requester": True}, [], ANA, ""),
        ({"at_least": 2}, [], f"{STS}:federated-user/ana", "does not identify a person"),
        ({"at_least": 2}, [], "", "does not identify a person"),
    ],
)
def test_why_an_approval_would_not_count(approvals: Written, given: list[str], arn: str, why: str) -> None:
    """Said before it is given; "" where it would."""
    found = who_may_approve(decided(document(LIMIT, approvals=approvals), *given, requester=f"{SSO}/req"), arn)
    assert why in found
    assert bool(why) is bool(found)


@given(randoms(), callers)
def test_an_approval_that_would_count_is_counted_and_no_other(rng: Random, arn: str) -> None:
    """Where a hold waits for approvals: what is missing becomes less exactly if nothing is said against it."""
    rng = Random(rng.getrandbits(64))
    written = written_with_all_lists(rng)
    about = random_facts(rng, written)
    policies = compile_policies(written)
    before = evaluate_job(policies, about)
    more = replace(about, approvals=(*about.approvals, Approval(arn, about.now, "", "")))
    if before.awaited:
        fewer = [each.missing(more) != each.missing(about) for each in before.awaited]
        assert any(fewer) is not bool(who_may_approve(before, arn))


UNKNOWN = Gap(Result.UNKNOWN, "not counted yet")


LATER: Written = {"on_violation": "cancel", "grace": "12h"}


@pytest.mark.parametrize(
    ("written", "given", "about", "awaited"),
    [
        (document(LIMIT), [], {}, "no approval yet, 1 needed"),
        (document(LIMIT, approvals={"at_least": 2}), [ANA], {}, "1 of 2 approvals, 1 more needed"),
        (document(LIMIT), [ANA], {}, ""),  # approved by people
        (document({"total_tasks": {"at_most": 5000}}), [], {}, ""),  # approved by the policies
        (document(LIMIT, OWNERS), [], {"Status": "Preparing", "SuspendedDate": None}, ""),  # waits
        (document({**LIMIT, "on_violation": "cancel"}, OWNERS), [], {}, ""),  # cancelled
        (document({**LIMIT, **LATER}, OWNERS), [], {}, ""),  # held, and cancelled later
        (document(LIMIT, {**SMALL_PRIORITY, **LATER}), [], {}, ""),
        (document(LIMIT, {**SMALL_PRIORITY, **LATER}, mode="shadow"), [], {}, "no approval yet, 1 needed"),
        (document(LIMIT, mode="shadow"), [], {}, "no approval yet, 1 needed"),
    ],
)
def test_approvals_are_awaited_where_they_lift_the_hold(
    written: Written, given: list[str], about: dict[str, Any], awaited: str
) -> None:
    """And nowhere else: not beside a vote that they can't lift, except in shadow mode, where nothing is acted on."""
    assert decided(written, *given, **about).awaiting == awaited


@pytest.mark.parametrize(
    ("written", "given", "has_all"),
    [
        (document(LIMIT), [], False),
        (document(LIMIT), [ANA], True),
        (document(LIMIT, approvals={"at_least": 2}), [ANA], False),
        (document(LIMIT, approvals={"at_least": 2}), [ANA, BEN], True),
        (document(LIMIT, OWNERS), [ANA], True),  # all that `approvals` wants
        (document(LIMIT, approvals={"not_requester": True}), [ANA], None),  # by whom it was created is not known
    ],
)
def test_all_approvals_are_there_if_as_many_people_as_wanted_gave_one(
    written: Written, given: list[str], has_all: bool | None
) -> None:
    """Doubt is not enough."""
    assert decided(written, *given, requester=UNKNOWN).has_all_approvals is bool(has_all)


@pytest.mark.parametrize(
    ("written", "given", "arn", "why"),
    [
        (document(LIMIT), [ANA], ANA, ""),
        (document(LIMIT), [ANA, BEN], BEN, ""),
        (document(LIMIT), [ANA, ANA.replace("ana", "eve")], ANA.replace("ana", "eve"), SAME_PERSON),
        (document(LIMIT, approvals={"by": "*:assumed-role/prod-owner/*"}), [ANA], ANA, ONLY_OWNERS),
        (document(LIMIT, approvals={"by": "*:assumed-role/prod-owner/*"}), [ANA, BEN], BEN, ""),
        (document(LIMIT, OWNERS), [ANA], ANA, ""),
        (
            document(LIMIT, OWNERS, approvals={"by": "*:user/*"}),
            [ANA],
            ANA,
            f"only approvals of *:user/* count; {ONLY_OWNERS}",
        ),
        (document(LIMIT, OWNERS, approvals={"by": "*:user/*"}), [BEN], BEN, ""),
        (document(LIMIT, approvals={"not_requester": True}), [f"{SSO}/req"], f"{SSO}/req", REQUESTER),
    ],
)
def test_why_an_approval_that_was_given_does_not_count(written: Written, given: list[str], arn: str, why: str) -> None:
    """By what the document asks of all, and by what a governing statement asks; "" where it counts for either."""
    assert why_not_counted(decided(written, *given, requester=f"{SSO}/req"), arn) == why


FEDERATED = f"{STS}:federated-user/ana"


@pytest.mark.parametrize(
    ("asked", "is_plain", "wanted", "given"),
    [
        (
            ManualApproval(),
            True,
            "1 approval",
            {(): "not given yet", (ANA,): "given", (FEDERATED,): "not given yet"},
        ),
        (
            ManualApproval(at_least=2),
            False,
            "2 approvals",
            {(): "0 of 2 given", (ANA,): "1 of 2 given", (ANA, BEN): "2 of 2 given"},
        ),
        (
            ManualApproval(by=frozenset({"*:assumed-role/prod-owner/*"})),
            False,
            "1 approval from *:assumed-role/prod-owner/*",
            {(): "0 of 1 given", (ANA,): "0 of 1 given", (BEN,): "1 of 1 given"},
        ),
        (
            ManualApproval(not_requester=True),
            False,
            "1 approval, not from the requester",
            {(): "0 of 1 given", (f"{SSO}/req",): "0 of 1 given", (ANA,): "1 of 1 given"},
        ),
        (ManualApproval(trust_session_names=True), True, "1 approval", {(): "0 of 1 given", (ANA,): "1 of 1 given"}),
    ],
)
def test_what_an_approval_is_called_and_how_much_of_it_is_given(
    asked: ManualApproval, is_plain: bool, wanted: str, given: dict[tuple[str, ...], str]
) -> None:
    """One approval of anybody is given or not; of any other how many count."""
    assert (asked.is_plain, asked.wanted) == (is_plain, wanted)
    for who, words in given.items():
        assert asked.given(facts(approvals=by(*who), requester=f"{SSO}/req")) == words


def test_nobodys_approval_counts_while_the_requester_is_not_known() -> None:
    """What is given and what is missing say why."""
    asked, about = ManualApproval(not_requester=True), facts(approvals=by(ANA), requester=UNREAD)
    assert asked.given(about) == "0 of 1 given; the requester is not known (denied)"
    assert asked.missing(about) == (
        "no approval counts yet, 1 needed, not from the requester: the requester is not known (denied)"
    )


def test_of_many_callers_the_first_are_named() -> None:
    """As many as fit into 400 characters."""
    named = ManualApproval(by=frozenset(f"*:user/{number:03}-*" for number in range(500))).by_whom
    assert len(named) == 400
    assert named.startswith("*:user/000-*")
    assert named.endswith(MARK)
    assert "499" not in named


def test_long_lists_of_who_may_approve_keep_their_beginning() -> None:
    """The end of the last name would say nothing."""
    asked = [{"manual_approval": {"by": [f"*:user/{n}-{m}-*" for m in range(500)]}} for n in range(40)]
    decision = decided(document(*asked))
    said = decision.awaiting, who_may_approve(decision, ANA)
    assert [each.partition("*")[0] for each in said] == ["no approval yet, 1 needed from ", "only approvals of "]
    for each in said:
        assert "*:user/0-0-*" in each
        assert "39-" not in each
        assert each.endswith(MARK)


def test_the_evidence_has_approvals_requester_and_what_they_lifted() -> None:
    """Enough to see who decided, and what."""
    evidence: Any = evidence_of(decided(document(LIMIT), ANA, requester=BEN))
    assert evidence["approvers"] == [ANA]
    assert evidence["lifted"] == [{"statement": "p", "requirement": 0, "rule": None}]
    assert evidence["facts"]["requester"] == BEN
    assert [each["who"] for each in evidence["facts"]["approvals"]] == [ANA]
    assert evidence_of(decided(document(LIMIT)))["awaiting"] == "no approval yet, 1 needed"


# --- the digest -------------------------------------------------------------------------------------


CHANGES: list[dict[str, Json]] = [
    {"Operation": {"S3ComputeObjectChecksum": {"ChecksumAlgorithm": "MD5"}}},
    {"Operation": {"S3ComputeObjectChecksum": {}, "S3PutObjectAcl": {}}},
    {"Operation": {"S3ComputeObjectChecksum": {}, "S3PutObjectAcl": {"x": 1}}},
    {"Priority": 11},
    {"RoleArn": f"{IAM}:role/other"},
    {"Description": "other"},
    {"Report": {"Enabled": True}},
    {"Report": {"Enabled": False, "New": 1}},
    {"Report": {"Enabled": False, "New": 2}},
    {"ProgressSummary": {"TotalNumberOfTasks": 101}},
    {"Manifest": {"Spec": {"Format": "x"}}},
    {"ManifestGenerator": {"S3JobManifestGenerator": {"SourceBucket": "x"}}},
    {"ConfirmationRequired": False},
]


def digest(tags: dict[str, str] | Gap | None = None, **members: Json) -> str:
    """The digest of the plain job with this changed."""
    return digest_of_job(Job.from_description(description(**members)), {} if tags is None else tags)


def test_whatever_a_job_is_is_in_its_digest() -> None:
    """Each member, what this version does not know of it, and the tags: no two alike."""
    digests = [
        digest(),
        *(digest(None, **change) for change in CHANGES),
        digest({"a": "b"}),
        digest({"a": "c"}),
        digest(UNREAD),
        digest({"result": str(UNREAD.result), "why": UNREAD.why}),
    ]
    assert len(set(digests)) == len(digests)
    assert all(len(each) == 64 and set(each) <= set("0123456789abcdef") for each in digests)


@pytest.mark.parametrize(
    "change",
    [
        {"Status": "Ready"},
        {"SuspendedDate": SUSPENDED + timedelta(hours=1)},
        {"StatusUpdateReason": "x"},
        {"ProgressSummary": {"TotalNumberOfTasks": 100, "NumberOfTasksSucceeded": 5}},
    ],
)
def test_what_changes_by_itself_is_not(change: dict[str, Json]) -> None:
    """Status, dates and progress."""
    assert digest(None, **change) == digest()


def test_the_order_of_members_and_tags_does_not_matter() -> None:
    """S3 may answer in any."""
    report: dict[str, Json] = {"Enabled": True, "Prefix": "x"}
    assert digest({"a": "b", "c": "d"}, Report=report) == digest(
        {"c": "d", "a": "b"}, Report=dict(reversed(report.items()))
    )


# --- laws -------------------------------------------------------------------------------------------


def case(rng: Random) -> tuple[Written, JobFacts]:
    """A random document, and a job with approvals."""
    rng = Random(rng.getrandbits(64))
    written = written_with_all_lists(rng)
    return written, random_facts(rng, written)


@given(randoms())
def test_one_more_wanted_approval_never_lowers_caution(rng: Random) -> None:
    """Of the set, or of any requirement."""
    written, about = case(rng)
    before = evaluate_job(compile_policies(written), about)
    approvals = written.get("approvals", {})
    stricter = {**written, "approvals": {**approvals, "at_least": approvals.get("at_least", 1) + 1}}
    assert evaluate_job(compile_policies(stricter), about).verdict >= before.verdict
    assert evaluate_job(compile_policies(asking_more(written)), about).verdict >= before.verdict


def asking_more(written: Any) -> Any:
    """The same document with one approval more wanted in each requirement."""
    if isinstance(written, list):
        return [asking_more(each) for each in written]
    if not isinstance(written, dict):
        return written
    more = {key: asking_more(value) for key, value in written.items()}
    asked = more.get("manual_approval")
    if asked is not None:
        words = {} if asked == "required" else asked
        more["manual_approval"] = {**words, "at_least": words.get("at_least", 1) + 1}
    return more


@given(randoms(), some_approval())
def test_one_more_approval_never_raises_caution_nor_ends_a_cancellation_or_a_wait(rng: Random, one: Approval) -> None:
    """Approvals make approvals of holds, and nothing else."""
    written, about = case(rng)
    policies = compile_policies(written)
    before = evaluate_job(policies, about)
    after = evaluate_job(policies, replace(about, approvals=(*about.approvals, one)))
    assert after.verdict <= before.verdict
    assert after.verdict is before.verdict or (before.verdict, after.verdict) == (Verdict.HOLD, Verdict.APPROVE)


@given(randoms(), st.randoms())
def test_neither_order_nor_duplicates_nor_sessions_of_one_role_matter(rng: Random, order: Random) -> None:
    """Another order, the same approval again, and another session of a role: the same verdict."""
    written, about = case(rng)
    policies = compile_policies({**written, "approvals": {**written.get("approvals", {"at_least": 2}), "by": "*"}})
    if policies.approvals.trust_session_names:
        return
    before = evaluate_job(policies, about)
    shuffled = order.sample(about.approvals, len(about.approvals))
    again = [*shuffled, *about.approvals]
    after = evaluate_job(policies, replace(about, approvals=tuple(again)))
    assert (after.verdict, after.lifted, after.approvers) == (before.verdict, before.lifted, before.approvers)
    roles = [each.who.rpartition("/")[0] for each in shuffled if "SSO" not in each.who and ":assumed-role/" in each.who]
    twins = [Approval(f"{role}/twin", NOW, "", "") for role in roles]
    counted = policies.approvals.counted
    assert counted(replace(about, approvals=(*about.approvals, *twins))).keys() == counted(about).keys()


@given(randoms())
def test_the_requester_never_counts_where_excluded(rng: Random) -> None:
    """Without their approvals, whatever session or role of theirs they come from, the verdict is the same."""
    written, about = case(rng)
    excluding = {**written, "approvals": {**written.get("approvals", {}), "not_requester": True}}
    policies = compile_policies(without_exclusions(excluding))
    person = policies.approvals.person
    if isinstance(about.requester, Gap):
        others: tuple[Approval, ...] = ()
    else:
        others = tuple(each for each in about.approvals if person(each.who) != person(about.requester))
    fewer = evaluate_job(policies, replace(about, approvals=others))
    assert evaluate_job(policies, about).verdict is fewer.verdict


def without_exclusions(written: Any) -> Any:
    """The same document, where no requirement says for itself whether the requester counts."""
    if isinstance(written, list):
        return [without_exclusions(each) for each in written]
    if not isinstance(written, dict):
        return written
    plain = {key: without_exclusions(value) for key, value in written.items()}
    asked = plain.get("manual_approval")
    if isinstance(asked, dict):
        plain["manual_approval"] = {**asked, "at_least": asked.get("at_least", 1)}
        plain["manual_approval"].pop("not_requester", None)
    return plain
