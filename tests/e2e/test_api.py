"""The deployed API: who calls it can't be forged, each route is a permission, and every answer is as described."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.credentials import Credentials

from batchgate.aws.ledger_items import item_of
from batchgate.contract import API_ROUTES, GATE_PARAMETER
from batchgate.contract import DeployedGate as Parameter
from batchgate.jobs.model import JobRef
from batchgate_cli.local.services import ACCOUNT, REGION
from batchgate_cli.operating.iam_policies import People, peoples_policy
from tests.api_description import check
from tests.e2e.deployed_gate import DeployedGate, client_of
from tests.e2e.signed import OWNER, Person, Sent, member_of
from tests.flow.test_api import a_hold

FORBIDDEN = (403, {"message": "Forbidden"}, "application/json")
"""As API Gateway refuses a request itself."""


@pytest.fixture(scope="module")
def parameter(gate: DeployedGate) -> Parameter:
    """What the stack has written for people's commands."""
    value = gate.client("ssm").get_parameter(Name=GATE_PARAMETER)["Parameter"]["Value"]
    return Parameter.decode(value)


@pytest.fixture(scope="module")
def ana(gate: DeployedGate, parameter: Parameter) -> Person:
    """An approver."""
    return member_of(gate, "prod-owner", peoples_policy(parameter, People.APPROVER), "ana")


@pytest.fixture(scope="module")
def ben(gate: DeployedGate, parameter: Parameter) -> Person:
    """Another one, by another role."""
    return member_of(gate, "lake-owner", peoples_policy(parameter, People.APPROVER), "ben")


@pytest.fixture(scope="module")
def viewer(gate: DeployedGate, parameter: Parameter) -> Person:
    """Who may read."""
    return member_of(gate, "reader", peoples_policy(parameter, People.VIEWER), "eve")


@pytest.fixture(scope="module")
def operator(gate: DeployedGate, parameter: Parameter) -> Person:
    """Who may pause."""
    return member_of(gate, "gate-operator", peoples_policy(parameter, People.OPERATOR), "ops")


@pytest.fixture
def held(gate: DeployedGate) -> str:
    """A job that two people of two roles must approve."""
    job_id = gate.create_job("S3PutObjectLegalHold", 2)
    assert gate.decided(job_id)["phase"] == "held"
    return job_id


def digest_of(person: Person, job_id: str) -> str:
    """The job as it is shown now."""
    status, shown = person.ask("GET", f"/jobs/{job_id}")
    assert status == 200, shown
    return str(shown["digest"])


def approval(person: Person, job_id: str, **others: Any) -> Sent:
    """A request that approves a job as it is now."""
    body = {"reason": "a test", "digest": digest_of(person, job_id)}
    return person.signed("POST", f"/jobs/{job_id}/approvals", body, **others)


def approvals_of(gate: DeployedGate, job_id: str) -> list[str]:
    """Whose approvals are on record."""
    found = gate.state(job_id) or {}
    return [json.loads(each["S"])["who"] for each in found.get("approvals", [])]


def session(role: str, name: str) -> str:
    """The ARN that AWS gives a session of a role."""
    return f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{name}"


def test_two_people_approve_a_job_by_their_roles(gate: DeployedGate, ana: Person, ben: Person, held: str) -> None:
    """Who they are is on record, as AWS names them, and S3 confirms the job."""
    status, first, _ = approval(ana, held).send()
    assert (status, first["action"]) == (200, "held"), first
    assert "1 of 2 approvals" in first["awaiting"]
    status, second, _ = approval(ben, held).send()
    assert (status, second["action"]) == (200, "approved"), second
    assert [each["who"] for each in second["approvals"]] == [session("prod-owner", "ana"), session("lake-owner", "ben")]
    assert not gate.is_suspended(held)


# --- Who calls ------------------------------------------------------------------------------------------


def test_an_unsigned_request_is_refused(ana: Person, held: str) -> None:
    """On every route, whatever it says of a caller."""
    said = {"x-amzn-caller-arn": session("prod-owner", "ana"), "x-amz-user-arn": session("prod-owner", "ana")}
    for method, path in API_ROUTES:
        target = path.replace("{id}", held).replace("{version}", "0123456789ab")
        sent = ana.signed(method, target, {"reason": "r"})
        unsigned = {name: value for name, value in sent.headers.items() if name.lower() == "host"}
        for headers in (unsigned, unsigned | said, unsigned | {"Authorization": "Bearer x"}):
            assert sent.altered(headers=headers).send() == FORBIDDEN
        query = f"{sent.url}?X-Amz-Credential=x&userArn={session('prod-owner', 'ana')}"
        assert sent.altered(headers=unsigned, url=query).send() == FORBIDDEN


def test_what_is_signed_can_not_be_altered(gate: DeployedGate, ana: Person, held: str) -> None:
    """Body, path, query, method, date, and the headers that are signed."""
    sent = approval(ana, held)
    forged = json.dumps({"reason": "another", "digest": "0" * 64}).encode()
    headers = dict(sent.headers)
    authorization = headers["Authorization"]
    assert sent.altered(body=forged).send() == FORBIDDEN
    assert sent.altered(url=sent.url.replace("approvals", "cancellation")).send() == FORBIDDEN
    assert sent.altered(url=f"{sent.url}?x=1").send() == FORBIDDEN
    assert sent.altered(method="PUT", url=f"{gate.outputs['ApiUrl']}/pause").send() == FORBIDDEN
    later = (datetime.now(UTC) + timedelta(minutes=1)).strftime("%Y%m%dT%H%M%SZ")
    assert sent.altered(headers=headers | {"X-Amz-Date": later}).send() == FORBIDDEN
    for old, new in (("SignedHeaders=host;", "SignedHeaders="), (authorization[-6:], "000000"), ("AWS4-", "AWS5-")):
        assert sent.altered(headers=headers | {"Authorization": authorization.replace(old, new)}).send() == FORBIDDEN
    assert approvals_of(gate, held) == []
    assert sent.send()[0] == 200  # or nothing above shows anything


def test_the_digest_of_a_body_that_a_client_names_is_checked(gate: DeployedGate, ana: Person, held: str) -> None:
    """A signature over the digest of another body, or over none, is none of this body."""
    body = {"reason": "a test", "digest": digest_of(ana, held)}
    path = f"/jobs/{held}/approvals"
    for digest in ("0" * 64, "UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", ""):
        assert ana.signed("POST", path, body, added={"X-Amz-Content-SHA256": digest}).send() == FORBIDDEN
    assert approvals_of(gate, held) == []


@pytest.mark.parametrize("minutes", [-6, -20, -24 * 60, 6, 24 * 60])
def test_a_request_is_good_for_five_minutes(ana: Person, minutes: int) -> None:
    """Neither a replayed one later, nor one that is signed in advance. *Source*: IAM User Guide, SigV4."""
    sent = ana.signed("GET", "/status", shift=timedelta(minutes=minutes))
    assert sent.send() == FORBIDDEN
    assert ana.signed("GET", "/status", shift=timedelta(minutes=-3 if minutes < 0 else 3)).send()[0] == 200


def test_a_replayed_approval_counts_once(gate: DeployedGate, ana: Person, held: str) -> None:
    """Within its time a request may be sent again by whoever has it; it is the same approval."""
    sent = approval(ana, held)
    assert [sent.send()[0] for _ in range(3)] == [200, 200, 200]
    assert approvals_of(gate, held) == [session("prod-owner", "ana")]


@pytest.mark.parametrize(("service", "region"), [("s3", REGION), ("sts", REGION), ("execute-api", "eu-west-1")])
def test_a_signature_for_another_service_or_region_is_none(ana: Person, service: str, region: str) -> None:
    """Whoever has one for something else has none for the API."""
    assert ana.signed("GET", "/status", service=service, region=region).send() == FORBIDDEN


def test_signatures_in_the_query_are_refused(ana: Person, viewer: Person, held: str) -> None:
    """Alone, or beside a signed header: the caller is not taken from there."""
    assert ana.signed("GET", "/status", in_query=True).send() == FORBIDDEN
    key = ana.credentials.access_key
    target = f"/jobs?X-Amz-Credential={key}%2F20261129%2F{REGION}%2Fexecute-api%2Faws4_request"
    assert viewer.signed("GET", target).send() == FORBIDDEN
    assert viewer.signed("GET", f"/jobs?AWSAccessKeyId={key}").send() == FORBIDDEN


def test_credentials_that_are_nobodys_are_refused(gate: DeployedGate, ana: Person) -> None:
    """Unknown keys, wrong secrets, a session without its token or with another's, the account's key with any secret."""
    key, secret, token = ana.credentials.access_key, ana.credentials.secret_key, ana.credentials.token
    for given in (
        Credentials("AKIAIOSFODNN7EXAMPLE", secret),
        Credentials(key, "wrong", token),
        Credentials(key, secret),
        Credentials(key, secret, f"{token}x"),
        Credentials(ACCOUNT, "wrong"),
        Credentials("", ""),
        Credentials("test", "test"),
    ):
        assert Person(gate.outputs["ApiUrl"], given).signed("GET", "/status").send() == FORBIDDEN
    assert Person(gate.outputs["ApiUrl"], OWNER).ask("GET", "/status")[0] == 200


def test_another_accounts_callers_are_refused(gate: DeployedGate, held: str) -> None:
    """Its owner, and a role of the same name as an approver's there, whatever it allows itself."""
    other = "999999999999"
    iam, sts = client_of(gate.services, "iam", other), client_of(gate.services, "sts", other)
    trust = {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    iam.create_role(RoleName="prod-owner", AssumeRolePolicyDocument=document)
    allowing = json.dumps({"Version": "2012-10-17", "Statement": [everything]})
    iam.put_role_policy(RoleName="prod-owner", PolicyName="all", PolicyDocument=allowing)
    given = sts.assume_role(RoleArn=f"arn:aws:iam::{other}:role/prod-owner", RoleSessionName="ana")["Credentials"]
    assumed = Credentials(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
    for credentials in (Credentials(other, "local"), assumed):
        person = Person(gate.outputs["ApiUrl"], credentials)
        assert person.signed("GET", f"/jobs/{held}").send() == FORBIDDEN
        body = {"reason": "r", "digest": "0" * 64}
        assert person.signed("POST", f"/jobs/{held}/approvals", body).send() == FORBIDDEN
    assert approvals_of(gate, held) == []


def test_headers_and_bodies_say_nothing_of_who_calls(gate: DeployedGate, ben: Person, held: str) -> None:
    """Whether they are signed or not: the approval is in the name of who signed it, or there is none."""
    other = session("prod-owner", "ana")
    context = json.dumps({"authorizer": {"iam": {"userArn": other, "accountId": ACCOUNT}}})
    forged = {
        "X-Amzn-Request-Context": context,
        "X-Amz-User-Arn": other,
        "X-Amzn-Caller-Arn": other,
        "X-Forwarded-User": other,
    }
    body = {"reason": "r", "digest": digest_of(ben, held)}
    path = f"/jobs/{held}/approvals"
    for member in ("who", "requestContext", "userArn", "decided_by"):
        status, problem = ben.ask("POST", path, body | {member: other})
        assert (status, problem["type"]) == (422, "/problems/invalid")
    assert approvals_of(gate, held) == []
    assert ben.ask("POST", path, body, added=forged)[0] == 200
    assert approvals_of(gate, held) == [session("lake-owner", "ben")]


@pytest.mark.parametrize(
    ("role", "path"), [("prod-owner-2", "/"), ("prod-owners", "/"), ("xprod-owner", "/"), ("owner", "/prod-owner/")]
)
def test_a_role_that_is_named_like_an_approvers_is_none(
    gate: DeployedGate, parameter: Parameter, held: str, role: str, path: str
) -> None:
    """It may call the route, and its approval would not count, so there is none."""
    person = member_of(gate, role, peoples_policy(parameter, People.APPROVER), "ana", path)
    status, problem, _ = approval(person, held).send()
    assert (status, problem["type"]) == (403, "/problems/may-not-approve"), problem
    assert approvals_of(gate, held) == []


def test_one_person_with_two_session_names_is_one(
    gate: DeployedGate, parameter: Parameter, ana: Person, held: str
) -> None:
    """Whoever assumes a role chooses the session's name."""
    assert approval(ana, held).send()[0] == 200
    again = member_of(gate, "prod-owner", peoples_policy(parameter, People.APPROVER), "ben")
    status, problem, _ = approval(again, held).send()
    assert (status, problem["type"]) == (403, "/problems/may-not-approve")
    assert approvals_of(gate, held) == [session("prod-owner", "ana")]
    assert gate.is_suspended(held)


# --- Each route is a permission -------------------------------------------------------------------------


def test_the_gateway_itself_refuses_who_may_not_call_a_route(
    gate: DeployedGate, viewer: Person, ana: Person, operator: Person, held: str
) -> None:
    """Viewers decide nothing, approvers pause nothing, operators approve nothing; nobody else calls anything."""
    body = {"reason": "r", "digest": digest_of(viewer, held)}
    stranger = member_of(gate, "stranger", None, "eve")
    may = {
        "viewer": (viewer, {"GET"}),
        "approver": (ana, {"GET", "POST"}),
        "operator": (operator, {"GET", "PUT", "DELETE"}),
        "stranger": (stranger, set[str]()),
    }
    for who, (person, methods) in may.items():
        for method, path in API_ROUTES:
            target = path.replace("{id}", "99999999-0000").replace("{version}", "0123456789ab")
            sent = person.signed(method, target, None if method == "GET" else {"reason": ""})
            answer = sent.send()
            assert (answer == FORBIDDEN) == (method not in methods), (who, method, path, answer)
    assert viewer.signed("POST", f"/jobs/{held}/cancellation", body).send() == FORBIDDEN
    assert gate.is_suspended(held)


def test_what_there_is_no_route_for_is_the_gateways_answer(ana: Person) -> None:
    """No route takes whatever is asked."""
    for method, target in (
        ("GET", "/"),
        ("PATCH", "/jobs"),
        ("DELETE", "/jobs"),
        ("GET", "/nothing"),
        ("GET", "/x/y/z"),
    ):
        status, document, kind = ana.signed(method, target).send()
        assert (status, document, kind) == (404, {"message": "Not Found"}, "application/json")


def test_an_operator_pauses_and_resumes_the_gate(gate: DeployedGate, operator: Person) -> None:
    """In their own name."""
    status, paused = operator.ask("PUT", "/pause", {"reason": "a test"})
    try:
        assert (status, paused["by"]) == (200, session("gate-operator", "ops"))
        assert operator.ask("GET", "/status")[1]["paused"] is True
        assert operator.ask("DELETE", "/pause")[0] == 428
        assert operator.ask("DELETE", "/pause", added={"If-Match": '"0000000000000000"'})[0] == 412
    finally:
        resumed = operator.ask("DELETE", "/pause", added={"If-Match": paused["etag"]})
    assert resumed == (200, {"paused": False, "already": False})


def test_two_approvals_at_once_make_one_decision(gate: DeployedGate, ana: Person, ben: Person, held: str) -> None:
    """Both are on record, and one of them approved the job."""
    sent = [approval(ana, held), approval(ben, held)]
    with ThreadPoolExecutor(2) as together:
        answers = [*together.map(Sent.send, sent)]
    assert {status for status, *_ in answers} <= {200, 202}, answers
    assert {*approvals_of(gate, held)} == {session("prod-owner", "ana"), session("lake-owner", "ben")}
    assert not gate.is_suspended(held)
    assert gate.decided(held)["outcome"] == "applied"


# --- Many jobs ------------------------------------------------------------------------------------------


@pytest.fixture
def five_hundred(gate: DeployedGate) -> Iterator[list[str]]:
    """Held jobs in the ledger, due far ahead; gone after the test."""
    table = gate.outputs["LedgerTable"]
    dynamodb = gate.client("dynamodb")
    now = datetime.now(UTC)
    refs = [JobRef("aws", REGION, ACCOUNT, f"{number:08x}-5000-0000-0000-000000000000") for number in range(500)]
    items = [
        item_of(a_hold(ref, due_at=now + timedelta(days=20), first_held_at=now, reason="r" * 300), "w") for ref in refs
    ]
    for first in range(0, len(items), 25):
        puts = [{"PutRequest": {"Item": item}} for item in items[first : first + 25]]
        dynamodb.batch_write_item(RequestItems={table: puts})
    yield [ref.job_id for ref in refs]
    for first in range(0, len(items), 25):
        keys = [{name: item[name] for name in ("pk", "sk")} for item in items[first : first + 25]]
        dynamodb.batch_write_item(RequestItems={table: [{"DeleteRequest": {"Key": key}} for key in keys]})


def test_five_hundred_held_jobs_are_answered_at_once(viewer: Person, five_hundred: list[str]) -> None:
    """All on one page."""
    status, page = viewer.ask("GET", "/jobs?limit=500")
    assert status == 200
    found = {each["job_id"] for each in page["jobs"]}
    assert len(found) == 500
    assert len(found & {*five_hundred}) >= 500 - len(found - {*five_hundred})


def test_the_answers_of_the_deployed_api_are_as_described(viewer: Person, held: str) -> None:
    """Each route that reads, with a job and without one."""
    targets = ("/jobs", "/jobs?status=open", f"/jobs/{held}", "/jobs/zz", "/pause", "/status")
    for target in (*targets, "/decisions", "/decisions?detail=full", "/policies/0123456789ab"):
        status, document, kind = viewer.signed("GET", target).send()
        check("GET", target.partition("?")[0], status, kind, json.dumps(document))
