"""The API's function with real Powertools: every answer is one that docs/openapi.yaml describes."""

import json
from base64 import b64encode
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from batchgate import errors
from batchgate.contract import API_ROUTES
from batchgate.errors import GateError
from batchgate.gate.ports import Pause
from batchgate.gate.state import Block, Outcome, Phase, RequestedAction, State
from batchgate.handlers import api_jobs
from batchgate.handlers.api import handler
from batchgate.handlers.api_problems import problem_of
from batchgate.jobs.model import JobRef
from tests.api_description import check, description
from tests.flow.deployed import Deployed, Served, job_event, sqs_record
from tests.flow.stage import ACCOUNT, REGION, Stage

ANA = f"arn:aws:sts::{ACCOUNT}:assumed-role/prod-owner/ana"
BEN = f"arn:aws:sts::{ACCOUNT}:assumed-role/lake-owner/ben"
KIM = f"arn:aws:iam::{ACCOUNT}:user/kim"
NOW = datetime.now(UTC)

TWO_OF = """
version: 1
approvals: {by: ["*:assumed-role/prod-owner/*", "*:assumed-role/lake-owner/*"], at_least: 2}
policies:
  - name: by-hand
    match: [{operation: S3PutObjectTagging}]
    require: [{total_tasks: {at_most: 1}}]
"""


def api_event(
    method: str, target: str, *, who: object = ANA, body: str | None = None, headers: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """A request as API Gateway passes it on. *Source*: API Gateway Developer Guide, payload format 2.0."""
    path, _, query = target.partition("?")
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": f"{method} {path}",
        "rawPath": path,
        "rawQueryString": query,
        "headers": {"host": "api.example.com", **(headers or {})},
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": "a1b2c3d4e5",
            "domainName": "api.example.com",
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "t"},
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": f"{method} {path}",
            "stage": "$default",
            "time": "29/Nov/2026:08:00:00 +0000",
            "timeEpoch": 1795939200000,
            "authorizer": {"iam": {"accessKey": "AKIA", "accountId": ACCOUNT, "callerId": "A:ana", "userArn": who}},
        },
        "isBase64Encoded": False,
    }
    if body is not None:
        event["body"] = body
    return event


class Api:
    """The function, deployed, and what it answers."""

    def __init__(self, function: Deployed) -> None:
        self.function = function
        self.ledger = function.ledger
        self.stage = function.stage

    def send(self, event: dict[str, Any]) -> tuple[int, Any, dict[str, str]]:
        """Status, document and headers; checked by the description."""
        answer = handler(event, cast("Any", self.function.context))
        headers = {name.lower(): value for name, value in answer["headers"].items()}
        http = event["requestContext"]["http"]
        document = check(http["method"], http["path"], answer["statusCode"], headers["content-type"], answer["body"])
        assert headers["cache-control"] == "no-store"
        return answer["statusCode"], document, headers

    def ask(self, method: str, target: str, body: object = None, **others: Any) -> tuple[int, Any]:
        """Status and document."""
        text = None if body is None else json.dumps(body)
        status, document, _ = self.send(api_event(method, target, body=text, **others))
        return status, document

    def get(self, target: str, **query: object) -> Any:
        """The document of a request that succeeds."""
        status, document = self.ask("GET", f"{target}?{urlencode(query, doseq=True)}" if query else target)
        assert status == 200, document
        return document

    def held_job(self, rows: int = 2, **changes: Any) -> JobRef:
        """A job that was reviewed and is held."""
        ref = self.stage.create(rows, **changes)
        assert self.function.receive(sqs_record(job_event(ref.job_id))) == []
        return ref

    def digest(self, ref: JobRef) -> str:
        """The job as it is shown now."""
        return str(self.get(f"/jobs/{ref.job_id}")["digest"])

    def approve(self, ref: JobRef, who: str = ANA, /, **changed: object) -> tuple[int, Any]:
        """Approve a job as it is shown now."""
        body = {"reason": "looked at it", "digest": self.digest(ref)} | changed
        return self.ask("POST", f"/jobs/{ref.job_id}/approvals", body, who=who)


@pytest.fixture
def api(served: Served, stage: Stage, tmp_path: Path) -> Iterator[Api]:
    """A gate that holds every job until two people approve it."""
    with served.deployed(stage, tmp_path, TWO_OF) as made:
        yield Api(made)


# --- Who calls ------------------------------------------------------------------------------------------

ROUTES = [
    (method, path.replace("{id}", "00000000-0000-0000-0000-000000000000").replace("{version}", "0123456789ab"))
    for method, path in API_ROUTES
]
FORGED = {
    "x-amzn-caller-arn": ANA,
    "x-amz-user-arn": ANA,
    "x-amzn-request-context": json.dumps({"authorizer": {"iam": {"userArn": ANA, "accountId": ACCOUNT}}}),
    "x-forwarded-user": ANA,
    "authorization": "AWS4-HMAC-SHA256 Credential=AKIA/20261129/us-east-1/execute-api/aws4_request",
}
BODY = json.dumps({"reason": "r", "digest": "0" * 64, "requestContext": {"authorizer": {"iam": {"userArn": ANA}}}})


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize(
    "authorizer",
    [
        None,
        {},
        {"iam": None},
        {"iam": {}},
        {"iam": {"userArn": None, "accountId": ACCOUNT}},
        {"iam": {"userArn": "", "accountId": ACCOUNT}},
        {"iam": {"userArn": "ana", "accountId": ACCOUNT}},
        {"iam": {"userArn": f"{ANA}\n", "accountId": ACCOUNT}},
        {"iam": {"userArn": [ANA], "accountId": ACCOUNT}},
        {"iam": {"accountId": ACCOUNT, "callerId": ANA, "userId": ANA, "cognitoIdentity": {"userArn": ANA}}},
        {"lambda": {"userArn": ANA}, "jwt": {"claims": {"userArn": ANA}}},
    ],
)
def test_without_a_caller_whom_aws_names_nothing_is_done(api: Api, method: str, path: str, authorizer: Any) -> None:
    """Whatever headers, body and query say of one: it is an error of the gate's deployment, never an anonymous call."""
    event = api_event(method, f"{path}?userArn={ANA}", body=BODY, headers=FORGED)
    event["requestContext"] |= {"authorizer": authorizer}
    event |= {"userArn": ANA, "authorizer": {"iam": {"userArn": ANA, "accountId": ACCOUNT}}}
    status, document, _ = api.send(event)
    assert (status, document["type"]) == (500, "/problems/no-caller")
    del event["requestContext"]["authorizer"]
    assert api.send(event)[0] == 500
    assert (api.ledger.states, api.ledger.paused) == ({}, None)


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_a_caller_of_another_account_is_refused(api: Api, method: str, path: str) -> None:
    """By either of the two that AWS says: the account, and the one in the ARN."""
    other = ANA.replace(ACCOUNT, "999999999999")
    for arn, account in ((other, "999999999999"), (other, ACCOUNT), (ANA, "999999999999")):
        event = api_event(method, path, who=arn, body=BODY)
        event["requestContext"]["authorizer"]["iam"]["accountId"] = account
        status, document, _ = api.send(event)
        assert (status, document["type"]) == (403, "/problems/another-account")
    assert (api.ledger.states, api.ledger.paused) == ({}, None)


@pytest.mark.parametrize("member", ["who", "by", "caller", "userArn", "decided_by", "at", "approvals"])
def test_a_body_can_not_say_who_decides(api: Api, member: str) -> None:
    """A member that is not described is refused, and not passed over."""
    ref = api.held_job()
    status, problem = api.approve(ref, ANA, **{member: BEN})
    assert (status, problem["type"]) == (422, "/problems/invalid")
    status, problem = api.ask("PUT", "/pause", {"reason": "r", member: BEN})
    assert (status, problem["type"]) == (422, "/problems/invalid")
    assert (api.ledger.states[ref].approvals, api.ledger.paused) == ((), None)


def test_who_decides_is_who_aws_says_whatever_headers_say(api: Api) -> None:
    """The approval, the pause and the cancellation are on record in the caller's name."""
    ref = api.held_job()
    body = json.dumps({"reason": "r", "digest": api.digest(ref)})
    headers = {**FORGED, "x-amzn-caller-arn": BEN}
    status, _, _ = api.send(api_event("POST", f"/jobs/{ref.job_id}/approvals", body=body, headers=headers))
    assert status == 200
    assert [each.who for each in api.ledger.states[ref].approvals] == [ANA]
    api.send(api_event("PUT", "/pause", body=json.dumps({"reason": "r"}), headers=headers, who=KIM))
    assert api.ledger.paused is not None
    assert api.ledger.paused.by == KIM


# --- One job --------------------------------------------------------------------------------------------


def test_two_people_approve_a_job(api: Api) -> None:
    """The first is told what is missing; with the second, S3 confirms the job; both are on record."""
    ref = api.held_job()
    status, first = api.approve(ref)
    assert (status, first["action"], first["claim_id"]) == (200, "held", None)
    assert "1 of 2 approvals" in first["awaiting"]
    [listed] = api.get("/jobs")["jobs"]
    assert (listed["awaiting"], [each["who"] for each in listed["approvals"]]) == (first["awaiting"], [ANA])
    shown = api.get(f"/jobs/{ref.job_id}")
    assert [(each["who"], each["counts"]) for each in shown["approvals"]] == [(ANA, True)]
    status, second = api.approve(ref, BEN)
    assert (status, second["action"]) == (200, "approved")
    assert api.stage.status(ref) == "Ready"
    assert [each["who"] for each in second["approvals"]] == [ANA, BEN]
    [decision] = api.get("/decisions")["decisions"]
    assert (decision["action"], decision["people"]) == ("approved", [ANA, BEN])
    [full] = api.get("/decisions", detail="full")["decisions"]
    last = full["history"][-1]
    assert (last["action"], last["people"], last["lifted"]) == ("approved", [ANA, BEN], ["by-hand"])


def test_one_person_with_two_session_names_is_one_person(api: Api) -> None:
    """Whoever assumes a role chooses the session's name; a replayed approval is the one that is there."""
    ref = api.held_job()
    api.approve(ref)
    status, problem = api.approve(ref, ANA.replace("/ana", "/ben"))
    assert (status, problem["type"]) == (403, "/problems/may-not-approve")
    status, again = api.approve(ref)
    assert (status, again["action"]) == (200, "held")
    assert len(api.ledger.states[ref].approvals) == 1


@pytest.mark.parametrize(
    "who",
    [
        ANA.replace("prod-owner", "prod-owner-2"),
        ANA.replace("prod-owner", "other/prod-owner"),
        f"arn:aws:iam::{ACCOUNT}:user/assumed-role/prod-owner/ana",
        f"arn:aws:iam::{ACCOUNT}:role/prod-owner",
        f"arn:aws:sts::{ACCOUNT}:federated-user/prod-owner",
        KIM,
    ],
)
def test_only_whom_the_policies_name_may_approve(api: Api, who: str) -> None:
    """A role or user that is named like an approver's is none. Nothing is recorded."""
    ref = api.held_job()
    status, problem = api.approve(ref, who)
    assert (status, problem["type"]) == (403, "/problems/may-not-approve")
    assert api.ledger.states[ref].approvals == ()


@pytest.mark.parametrize("action", ["approvals", "cancellation"])
def test_a_job_that_changed_is_shown_again(api: Api, action: str) -> None:
    """With the document of the job as it is now, by whose digest it can be decided."""
    ref = api.held_job(tags={"team": "lake"})
    digest = api.digest(ref)
    tags = [{"Key": "team", "Value": "other"}]
    api.stage.person.put_job_tagging(AccountId=ACCOUNT, JobId=ref.job_id, Tags=tags)
    status, problem = api.ask("POST", f"/jobs/{ref.job_id}/{action}", {"reason": "r", "digest": digest})
    assert (status, problem["type"]) == (409, "/problems/job-changed")
    assert problem["job"]["job"]["tags"] == {"team": "other"}
    assert problem["job"]["digest"] not in (None, digest)
    assert api.stage.status(ref) == "Suspended"


def test_a_cancellation_takes_one_person(api: Api) -> None:
    """Whoever the policies say may approve; once, and the next one is told how it ended."""
    ref = api.held_job()
    body = {"reason": "wrong  bucket\n", "digest": api.digest(ref)}
    status, done = api.ask("POST", f"/jobs/{ref.job_id}/cancellation", body, who=KIM)
    assert (status, done["action"], done["decided_by"]) == (200, "cancelled", KIM)
    assert "wrong bucket" in done["reason"]
    assert api.stage.status(ref) == "Cancelled"
    for action in ("cancellation", "approvals"):
        status, problem = api.ask("POST", f"/jobs/{ref.job_id}/{action}", body, who=BEN)
        assert (status, problem["type"]) == (409, "/problems/not-decidable")
        assert "cancelled already" in problem["detail"]


def test_a_paused_gate_records_approvals_and_decides_nothing(api: Api) -> None:
    """Approvals wait for its end; a cancellation is refused, with what ends that."""
    ref = api.held_job()
    api.ledger.paused = Pause(KIM, "an incident", NOW)
    assert api.approve(ref)[1]["action"] == "held"
    assert api.approve(ref, BEN)[1]["action"] == "held"
    shown = api.get(f"/jobs/{ref.job_id}")
    assert (shown["blocks"], shown["would"]) == (["paused"], "approve")
    status, problem = api.ask(
        "POST", f"/jobs/{ref.job_id}/cancellation", {"reason": "r", "digest": shown["digest"]}, who=KIM
    )
    assert (status, problem["type"]) == (409, "/problems/not-decidable")
    assert "paused" in problem["detail"]
    assert api.stage.status(ref) == "Suspended"


def test_jobs_that_there_are_not(api: Api) -> None:
    """404 for an id of no job of this account, for a beginning of none, and for whoever would decide it."""
    nobody = "99999999-9999-9999-9999-999999999999"
    api.held_job()
    for job_id in (nobody, "zz", "zzzzzzz", "zzzzzzzz", "zzzzzzzz-0000"):
        status, problem = api.ask("GET", f"/jobs/{job_id}")
        assert (status, problem["type"]) == (404, "/problems/not-found")
        assert ("by its whole id" in problem["detail"]) is (job_id != nobody)
    for action in ("approvals", "cancellation"):
        status, problem = api.ask("POST", f"/jobs/{nobody}/{action}", {"reason": "r", "digest": "0" * 64})
        assert (status, problem["type"]) == (404, "/problems/not-found")


def test_a_unique_beginning_of_an_open_jobs_id_is_enough(api: Api) -> None:
    """To show it, not to decide it; several are listed."""
    refs = [JobRef("aws", REGION, ACCOUNT, f"abc{number}-6789-0000-0000-000000000000") for number in (1, 2)]
    for ref in refs:
        api.ledger.states[ref] = replace(a_hold(ref), claim_id=None)
    status, problem = api.ask("GET", "/jobs/abc")
    assert (status, problem["type"]) == (409, "/problems/ambiguous")
    assert problem["jobs"] == [ref.job_id for ref in refs]
    shown = api.get("/jobs/abc2")
    assert shown["state"]["job_id"] == refs[1].job_id
    assert (shown["job"], shown["digest"], shown["evaluation"]) == (None, None, None)
    assert "S3 does not know" in shown["error"]
    body = {"reason": "r", "digest": "0" * 64}
    assert api.ask("POST", "/jobs/abc2/approvals", body)[0] == 422
    assert api.ask("POST", "/jobs/abc2-6/approvals", body)[0] == 404


@pytest.mark.parametrize("job_id", ["-", "_", "-----", "_____", "-_-_-_-_", "-" * 36, "-" * 35 + "a", "a----"])
def test_an_id_of_any_characters_that_ids_have_names_no_job(api: Api, job_id: str) -> None:
    """Like every other id that no job has, whoever asks for it."""
    api.held_job()
    assert api.ask("GET", f"/jobs/{job_id}")[0] == 404
    if len(job_id) >= 5:
        for action in ("approvals", "cancellation"):
            body = {"reason": "r", "digest": "0" * 64}
            assert api.ask("POST", f"/jobs/{job_id}/{action}", body)[0] == 404


@pytest.mark.parametrize("who", [ANA, ANA.replace("/ana", "/other"), BEN, KIM])
def test_a_job_says_whether_the_callers_approval_would_count(api: Api, who: str) -> None:
    """As the approval itself is answered: at first, once Ana has approved, and when the job is decided."""

    def agrees(expected: bool) -> None:
        shown = api.ask("GET", f"/jobs/{ref.job_id}", who=who)[1]
        yours = shown["your_approval"]
        assert (yours["counts"], bool(yours["why_not"])) == (expected, not expected)
        if not expected:
            body = {"reason": "r", "digest": shown["digest"]}
            status, problem = api.ask("POST", f"/jobs/{ref.job_id}/approvals", body, who=who)
            again = status == 200 and who in approved
            assert again or (status in (403, 409) and yours["why_not"] in problem["detail"])

    ref, approved = api.held_job(), set[str]()
    expected = who != KIM
    for each in (ANA, BEN):
        agrees(expected)
        api.approve(ref, each)
        approved.add(each)
        expected = who == BEN and each == ANA
    agrees(expected)


@pytest.mark.parametrize("job_id", ["a%20b", "a.b", "a:b", "x" * 37, "\u00e4bcde", "a+b"])
def test_ids_that_no_job_can_have_are_refused(api: Api, job_id: str) -> None:
    """Before anything is asked for them."""
    assert api.ask("GET", f"/jobs/{job_id}")[0] in (404, 422)
    assert api.ask("POST", f"/jobs/{job_id}/approvals", {"reason": "r", "digest": "0" * 64})[0] in (404, 422)


def a_hold(ref: JobRef, **changes: Any) -> State:
    """A held job as the ledger has it."""
    hold = State(
        ref=ref,
        rev=1,
        phase=Phase.HELD,
        verdict="hold",
        reason="batchgate: held by by-hand: 2 objects [policy 0123456789ab]",
        decided_by="",
        policy_version="0123456789ab",
        due_at=NOW,
        first_held_at=NOW - timedelta(hours=1),
        operation="S3PutObjectTagging",
        total_tasks=2,
        governing=("by-hand",),
        created_at=NOW - timedelta(hours=2),
        suspended_at=NOW - timedelta(hours=1),
    )
    return replace(hold, **changes)


def many(count: int) -> list[JobRef]:
    """Jobs of different ids."""
    return [JobRef("aws", REGION, ACCOUNT, f"{number:08x}-0000-0000-0000-000000000000") for number in range(count)]


# --- Lists ----------------------------------------------------------------------------------------------


def test_five_hundred_held_jobs_are_listed_at_once_and_page_by_page(api: Api) -> None:
    """All in one answer, and each once over pages of any size, the longest held first."""
    refs = many(500)
    for number, ref in enumerate(refs):
        held_at = NOW - timedelta(minutes=number // 3)  # several of them at one instant
        api.ledger.states[ref] = a_hold(ref, first_held_at=held_at)
    everything = api.get("/jobs", limit=500)
    assert everything["next"] is None
    ages = [(job["held_since"], job["job_id"]) for job in everything["jobs"]]
    assert len(ages) == 500
    assert ages == sorted(ages)
    for limit in (7, 100, 499):
        found: list[Any] = []
        query: dict[str, object] = {"limit": limit}
        while True:
            page = api.get("/jobs", **query)
            assert 0 < len(page["jobs"]) <= limit
            found += page["jobs"]
            if page["next"] is None:
                break
            query["next"] = page["next"]
            moved = api.ledger.states[refs[0]]  # reviews change what is due first, and no page
            api.ledger.states[refs[0]] = replace(moved, due_at=NOW + timedelta(hours=len(found)))
        assert [job["job_id"] for job in found] == [job["job_id"] for job in everything["jobs"]]


def test_jobs_are_filtered(api: Api) -> None:
    """By phase, operation, policy, tags, since when they are held, and the beginning of their id."""
    first, second, third, claimed, broken = many(5)
    api.ledger.states |= {
        first: a_hold(first, operation="S3PutObjectCopy", governing=("copies", "all"), tags={"team": "lake", "a": ""}),
        second: a_hold(second, tags={"team": "other=b"}),
        third: a_hold(third, first_held_at=NOW - timedelta(days=3), block=Block.CIRCUIT_BREAKER),
        claimed: a_hold(claimed, phase=Phase.CLAIMED, requested_action=RequestedAction.CANCEL, claim_id="0a1b2c3d"),
        broken: a_hold(broken),
    }
    api.ledger.unreadable.add(broken)

    def ids(**query: object) -> list[str]:
        return [job["job_id"] for job in api.get("/jobs", **query)["jobs"]]

    def those(*refs: JobRef) -> list[str]:
        return [ref.job_id for ref in refs]

    assert ids() == those(third, first, second)
    assert ids(status="open") == those(third, first, second, claimed)
    assert ids(operation="S3*Copy") == ids(policy="cop?es") == ids(policy="all") == those(first)
    assert ids(tag="team=lake") == ids(tag=["team=lake", "a="]) == those(first)
    assert ids(tag=["team=lake", "a=b"]) == ids(tag="tea=lake") == []
    assert ids(tag="team=other=b") == those(second)
    assert ids(since=(NOW - timedelta(days=1)).isoformat()) == those(first, second)
    assert ids(job=third.job_id[:8]) == those(third)
    [not_listed] = api.get("/jobs")["not_listed"]
    assert not_listed["job_arn"] == broken.arn


def ended(ref: JobRef, decided_at: datetime, **changes: Any) -> State:
    """A settled job."""
    end: dict[str, Any] = {
        "phase": Phase.SETTLED,
        "outcome": Outcome.APPLIED,
        "requested_action": RequestedAction.APPROVE,
        "decided_by": "0123456789ab",
        "decided_at": decided_at,
        "announced_at": decided_at,
        "due_at": None,
        "claim_id": "0a1b2c3d",
    }
    return a_hold(ref, **(end | changes))


def test_decisions_are_listed_once_each_over_pages(api: Api) -> None:
    """The latest first, several of one instant among them, over more days than one page searches."""
    refs = many(60)
    for number, ref in enumerate(refs):
        api.ledger.states[ref] = ended(ref, NOW - timedelta(days=1 + 5 * (number // 4)))
    query: dict[str, object] = {"from": (NOW - timedelta(days=400)).isoformat(), "limit": 7}
    found: list[Any] = []
    pages = 0
    while True:
        page = api.get("/decisions", **query)
        assert len(page["decisions"]) <= 7
        found += page["decisions"]
        pages += 1
        if page["next"] is None:
            break
        query["next"] = page["next"]
    assert pages > 60 // 7
    assert sorted(each["job_id"] for each in found) == [ref.job_id for ref in refs]
    at = [each["decided_at"] for each in found]
    assert at == sorted(at, reverse=True)


@pytest.mark.parametrize("apart", [timedelta(0), timedelta(minutes=1)])
def test_a_request_reads_a_limited_number_of_jobs(api: Api, monkeypatch: pytest.MonkeyPatch, apart: timedelta) -> None:
    """However few of them are asked for, and if all of them ended at one instant: the next page goes on from there."""
    monkeypatch.setattr(api_jobs, "_JOBS_A_PAGE", 10)
    refs = many(45)
    for number, ref in enumerate(refs):
        people = (ANA,) if number % 20 == 1 else (BEN,)
        api.ledger.states[ref] = replace(ended(ref, NOW - timedelta(hours=1) - number * apart), people=people)
    query: dict[str, object] = {"person": "*/ana"}
    pages: list[list[str]] = []
    for _ in range(20):
        page = api.get("/decisions", **query)
        pages.append([each["job_id"] for each in page["decisions"]])
        if page["next"] is None:
            break
        query["next"] = page["next"]
    assert len(pages) == 5
    assert sorted(each for page in pages for each in page) == [refs[number].job_id for number in (1, 21, 41)]
    assert [] in pages


def test_a_decision_of_long_ago_is_found_over_pages_without_any(api: Api) -> None:
    """A request looks through a limited number of days, and says where the next one goes on."""
    ref, other = many(2)
    api.ledger.states[ref] = ended(ref, NOW - timedelta(days=300))
    api.ledger.states[other] = ended(other, NOW - timedelta(days=62))  # where the first page ends
    asked: list[timedelta] = []
    settled = api.ledger.settled
    query: dict[str, object] = {"from": (NOW - timedelta(days=400)).isoformat(), "to": NOW.isoformat()}
    found: list[str] = []
    with pytest.MonkeyPatch.context() as listening:

        def listen(self: object, since: datetime, before: datetime) -> Iterator[Any]:
            asked.append(before - since)
            return settled(since, before)

        listening.setattr(type(api.ledger), "settled", listen)
        while True:
            page = api.get("/decisions", **query)
            found += [each["job_id"] for each in page["decisions"]]
            if page["next"] is None:
                break
            query["next"] = page["next"]
    assert found == [other.job_id, ref.job_id]
    assert len(asked) > 5
    assert max(asked) <= timedelta(days=62, microseconds=1)


def test_decisions_are_filtered(api: Api) -> None:
    """By time, policy, how they ended and whose decision they were; seven days by default."""
    by_policy, by_two, by_kim, elsewhere, old = many(5)
    two = (ANA, BEN)
    api.ledger.states |= {
        by_policy: ended(by_policy, NOW - timedelta(hours=4), governing=("small",)),
        by_two: ended(by_two, NOW - timedelta(hours=3), people=two, decided_by=f"0123456789ab, {ANA}, {BEN}"),
        by_kim: ended(
            by_kim, NOW - timedelta(hours=2), requested_action=RequestedAction.CANCEL, decided_by=KIM, people=(KIM,)
        ),
        elsewhere: ended(
            elsewhere, NOW - timedelta(hours=1), outcome=Outcome.SUPERSEDED, requested_action=None, claim_id=None
        ),
        old: ended(old, NOW - timedelta(days=8)),
    }

    def ids(**query: object) -> list[str]:
        return [each["job_id"] for each in api.get("/decisions", **query)["decisions"]]

    def those(*refs: JobRef) -> list[str]:
        return [ref.job_id for ref in refs]

    assert ids() == those(elsewhere, by_kim, by_two, by_policy)
    assert ids(verdict="approved") == those(by_two, by_policy)
    assert (ids(verdict="cancelled"), ids(verdict="superseded")) == (those(by_kim), those(elsewhere))
    assert ids(person="*/ana") == ids(person=BEN) == those(by_two)
    assert ids(person="*user/kim") == those(by_kim)
    assert ids(policy="sm*") == those(by_policy)
    moment = (NOW - timedelta(hours=2)).isoformat()
    assert ids(to=moment) == those(by_two, by_policy)
    assert ids(**{"from": moment}) == those(elsewhere, by_kim)
    assert ids(**{"from": (NOW - timedelta(days=9)).isoformat(), "to": (NOW - timedelta(days=7)).isoformat()}) == those(
        old
    )
    assert ids(**{"from": NOW.isoformat(), "to": moment}) == []


# --- The gate -------------------------------------------------------------------------------------------


def test_the_gate_is_paused_and_resumed(api: Api) -> None:
    """The first pause stays; only who names the pause that there is ends it."""
    assert api.get("/pause") == {"paused": False, "already": False}
    status, paused = api.ask("PUT", "/pause", {"reason": " an  incident\n"}, who=KIM)
    assert (status, paused["by"], paused["reason"], paused["already"]) == (200, KIM, "an incident", False)
    status, again = api.ask("PUT", "/pause", {"reason": "another"}, who=ANA)
    assert (status, again) == (200, paused | {"already": True})
    assert api.get("/pause") == paused
    assert api.ask("DELETE", "/pause")[0] == 428
    for none in ("*", "0123456789abcdef", '"0123"', 'W/"0123456789abcdef"', paused["etag"] * 2):
        assert api.ask("DELETE", "/pause", headers={"if-match": none})[0] == 422
    status, problem = api.ask("DELETE", "/pause", headers={"if-match": '"0123456789abcdef"'})
    assert (status, problem["type"]) == (412, "/problems/another-pause")
    resumed = api.ask("DELETE", "/pause", headers={"If-Match": paused["etag"]})
    assert resumed == (200, {"paused": False, "already": False})
    assert api.ask("DELETE", "/pause", headers={"if-match": paused["etag"]}) == (
        200,
        {"paused": False, "already": True},
    )
    assert api.ledger.paused is None
    said = [line for line in api.function.lines if line["message"] in ("pause", "resume")]
    assert [line["message"] for line in said] == ["pause", "pause", "resume", "resume"]


def test_two_who_pause_at_once_make_one_pause(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second is told whose it is."""
    theirs = Pause(BEN, "first", NOW)
    found = [None, theirs, theirs]
    monkeypatch.setattr(type(api.ledger), "pause", lambda self: found.pop(0))
    api.ledger.paused = theirs
    status, answer = api.ask("PUT", "/pause", {"reason": "second"}, who=ANA)
    assert (status, answer["by"], answer["already"]) == (200, BEN, True)


def test_the_status_says_whether_the_gate_works(api: Api) -> None:
    """What waits, since when, and that no sweep is recorded although the gate is there for long."""
    ref, other = many(2)
    api.ledger.states |= {
        ref: a_hold(ref, suspended_at=NOW - timedelta(days=2)),
        other: a_hold(other, block=Block.CIRCUIT_BREAKER),
    }
    status = api.get("/status")
    assert (status["held"], status["held_by_circuit_breaker"], status["paused"]) == (2, 1, False)
    assert status["oldest_held"] == (NOW - timedelta(days=2)).isoformat()
    assert status["place"] == {"partition": "aws", "region": REGION, "account_id": ACCOUNT}
    assert "no sweep is recorded" in status["warning"]
    assert api.get("/jobs")["warning"] == status["warning"]


# --- What is refused ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("/jobs?limit=0", "limit: expected `int` >= 1"),
        ("/jobs?limit=501", "limit"),
        ("/jobs?limit=many", "limit"),
        ("/jobs?limit=1&limit=2", "limit: given more than once"),
        ("/jobs?status=ended", "status"),
        ("/jobs?since=2026-11-29T08:00:00", "since"),
        ("/jobs?since=yesterday", "since"),
        ("/jobs?since=0001-01-01T00:00:00%2B14:00", "since"),
        ("/jobs?tag=team", "tag"),
        ("/jobs?next=abc", "next"),
        ("/jobs?next=WyIiXQ", "next"),
        ("/jobs?next=WyJ4IiwieSJd", "next"),
        ("/jobs?verbose=1", "verbose"),
        ("/jobs?operation=", "operation"),
        ("/jobs?job=a%0A", "job"),
        ("/jobs/abcde?x=1", "x"),
        ("/decisions?from=1999-12-31T23:59:59Z", "from"),
        ("/decisions?to=9999-12-31T23:59:59-12:00", "to"),
        ("/decisions?verdict=approve", "verdict"),
        ("/decisions?detail=", "detail"),
        ("/pause?x", "x"),
        ("/status?x=1", "x"),
        ("/jobs?operation=%ff", "query"),
    ],
)
def test_a_query_is_as_described_or_refused(api: Api, target: str, said: str) -> None:
    """With the parameter's name, and what was expected."""
    status, problem = api.ask("GET", target)
    assert (status, problem["type"]) == (422, "/problems/invalid")
    assert said in problem["detail"]


ZEROS = "0" * 64


@pytest.mark.parametrize(
    "body",
    [
        None,
        "",
        "{",
        "[]",
        "null",
        '"x"',
        "{}",
        '{"reason": "r"}',
        json.dumps({"reason": "", "digest": ZEROS}),
        json.dumps({"reason": " \n", "digest": ZEROS}),
        json.dumps({"reason": 7, "digest": ZEROS}),
        json.dumps({"reason": "r", "digest": ZEROS[1:]}),
        json.dumps({"reason": "r", "digest": "g" * 64}),
        json.dumps({"reason": "r", "digest": f"{ZEROS}\n"}),
        json.dumps({"reason": "r" * 1001, "digest": ZEROS}),
        "[" * 10_000,
        '{"reason": "\ud800", "digest": ""}',
    ],
)
def test_a_body_is_as_described_or_refused(api: Api, body: str | None) -> None:
    """Before the job is looked at."""
    job = "/jobs/99999999-9999-9999-9999-999999999999"
    for path in (f"{job}/approvals", f"{job}/cancellation"):
        status, problem, _ = api.send(api_event("POST", path, body=body))
        assert (status, problem["type"]) == (422, "/problems/invalid")
        assert problem["detail"].startswith("body")


def test_bodies_that_are_too_large_are_refused(api: Api) -> None:
    """Counted in bytes, as they were sent; those of the largest size are read."""
    path = "/jobs/99999999-9999-9999-9999-999999999999/approvals"
    text = json.dumps({"reason": "r", "digest": "0" * 64})
    for size, expected in ((16 * 1024, 404), (16 * 1024 + 1, 413), (5_000_000, 413)):
        event = api_event("POST", path, body=text + " " * (size - len(text)))
        assert api.send(event)[0] == expected
        encoded = b64encode(event["body"].encode()).decode()
        assert api.send(event | {"body": encoded, "isBase64Encoded": True})[0] == expected
    assert api.send(api_event("POST", path, body="\u20ac" * 6000))[0] == 413
    for odd in ("?", "e30", "\u0661", "\ud800"):
        assert api.send(api_event("POST", path, body=odd) | {"isBase64Encoded": True})[0] == 422


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "BREW"])
@pytest.mark.parametrize("path", ["/", "/jobs", "/jobs/", "/jobs/abcde/approvals", "/pause", "/nothing", "//jobs"])
def test_what_there_is_not_is_refused(api: Api, method: str, path: str) -> None:
    """405 with what there is where the path is one, 404 for every other, as problem documents."""
    methods = [each for each, known in API_ROUTES if known.replace("{id}", "abcde") == path]
    if method in methods:
        return
    status, _, headers = api.send(api_event(method, path))
    assert status == (405 if methods else 404)
    assert headers["content-type"] == "application/problem+json"
    assert headers.get("allow") == (", ".join(methods) or None)


def every_error() -> list[type[GateError]]:
    """Each error of the gate's own modules."""
    return [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, GateError)]


@pytest.mark.parametrize("kind", every_error())
def test_every_error_of_the_gate_is_a_problem_that_is_described(
    api: Api, kind: type[GateError], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever comes of the ledger: 503 with Retry-After unless it is a refusal, or stays."""
    error = kind(()) if kind is errors.PolicyError else kind("the ledger is a teapot")

    def fail(self: object) -> None:
        raise error

    monkeypatch.setattr(type(api.ledger), "open_items", fail)
    problem = problem_of(error)
    event = api_event("GET", "/jobs")
    answer = handler(event, cast("Any", api.function.context))
    found = json.loads(answer["body"])
    assert (answer["statusCode"], found["type"]) == (int(problem.status), str(problem.type))
    assert found["type"] in description()["components"]["schemas"]["Problem"]["properties"]["type"]["enum"]
    is_to_be_repeated = answer["statusCode"] == 503 and kind is not errors.NoPolicyDeployedError
    assert ("Retry-After" in answer["headers"]) == is_to_be_repeated


def test_an_unexpected_error_is_logged_and_says_nothing(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller learns no inside of it."""

    def fail(self: object) -> None:
        raise ZeroDivisionError("a secret of the inside")

    monkeypatch.setattr(type(api.ledger), "open_items", fail)
    status, problem = api.ask("GET", "/jobs")
    assert (status, problem["type"]) == (500, "/problems/error")
    assert "secret" not in json.dumps(problem)
    assert any("a secret of the inside" in json.dumps(line) for line in api.function.lines)


# --- Whatever is sent -----------------------------------------------------------------------------------

TEXTS = st.text(st.characters(codec="utf-8"), max_size=40)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=10,
)
NAMES = st.sampled_from(["limit", "next", "status", "tag", "since", "from", "to", "operation", "job", "person"]) | TEXTS
QUERIES = st.lists(st.tuples(NAMES, TEXTS), max_size=4).map(urlencode) | TEXTS
PATHS = st.sampled_from([path for _, path in ROUTES]) | TEXTS.map(lambda text: f"/jobs/{text}")
BODIES = st.none() | TEXTS | JSON.map(json.dumps)
HEADERS = st.dictionaries(st.sampled_from(["if-match", "content-type", "accept", "x"]), TEXTS, max_size=3)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    method=st.sampled_from(["GET", "PUT", "POST", "DELETE", "PATCH"]),
    path=PATHS,
    query=QUERIES,
    body=BODIES,
    headers=HEADERS,
    encoded=st.booleans(),
)
def test_whatever_is_sent_is_answered_as_described(
    api: Api, method: str, path: str, query: str, body: str | None, headers: dict[str, str], encoded: bool
) -> None:
    """Never with an exception, and never with an error of the gate."""
    event = api_event(method, path, body=body, headers=headers) | {"rawQueryString": query, "isBase64Encoded": encoded}
    status, _, _ = api.send(event)
    assert status < 500


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(context=st.dictionaries(st.sampled_from(["authorizer", "iam", "identity", "userArn"]), JSON, max_size=3))
def test_no_request_context_but_awss_own_names_a_caller(api: Api, context: dict[str, Any]) -> None:
    """Whatever else is in its place."""
    event = api_event("PUT", "/pause", body='{"reason": "r"}')
    del event["requestContext"]["authorizer"]
    event["requestContext"] |= context
    assert api.send(event)[0] in (403, 500)
    assert api.ledger.paused is None
