"""A gate's API in memory: jobs that people decide, as docs/openapi.yaml describes it."""

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from hashlib import sha256
from threading import Lock
from typing import Any

import pytest
from click.testing import CliRunner, Result

from batchgate import __version__
from batchgate_cli.app import app
from tests.api_description import description
from tests.cli.api_front import Answer, Front, Request, serving, values_of

ACCOUNT = "111122223333"
REGION = "eu-central-1"
ANA = f"arn:aws:sts::{ACCOUNT}:assumed-role/lake-oncall/ana"
BEN = f"arn:aws:sts::{ACCOUNT}:assumed-role/prod-owner/ben"
POLICY = "7c41f09be2aa"
REASON = f"batchgate: held by by-hand: needs manual approval [policy {POLICY}]"


def job_id(number: int) -> str:
    """An id; those of numbers below 256 differ in their first eight characters."""
    return f"{number:02x}5d2f34-6baa-4455-a3e7-{number:012}"


class GateDouble:
    """Jobs, approvals and a pause.

    Attributes:
        jobs: The documents of GET /jobs/{id}.
        needed: So many approvals confirm a job.
        decisions: What GET /decisions lists.
        policies: What GET /policies/VERSION shows.
        budgets: What GET /budgets lists.
    """

    def __init__(self) -> None:
        self.jobs: dict[str, dict[str, Any]] = {}
        self.needed = 1
        self.decisions: list[dict[str, Any]] = []
        self.policies: dict[str, dict[str, Any]] = {}
        self.budgets: list[dict[str, Any]] = []
        self.pause: dict[str, Any] | None = None
        self.warning: str | None = None
        self.not_listed: list[dict[str, Any]] = []
        self.page = 100
        self.swept = timedelta(0)
        self._lock = Lock()

    def add(
        self, number: int = 1, *, held: timedelta = timedelta(minutes=3), evaluation: Any = None, **changes: Any
    ) -> str:
        """A job that is held for a while."""
        now = datetime.now(UTC)
        name = job_id(number)
        arn = f"arn:aws:s3:{REGION}:{ACCOUNT}:job/{name}"
        since = now - held
        state = {
            "job_id": name,
            "job_arn": arn,
            "account_id": ACCOUNT,
            "phase": "held",
            "operation": "S3PutObjectTagging",
            "total_tasks": 4,
            "held_since": since.isoformat(),
            "suspended_at": since.isoformat(),
            "fails_at": (since + timedelta(days=30)).isoformat(),
            "until": None,
            "cancels_at": None,
            "due_at": now.isoformat(),
            "created_at": since.isoformat(),
            "shadow": False,
            "block": None,
            "reason": REASON,
            "governing": ["by-hand"],
            "policy_version": POLICY,
            "awaiting": "1 of 1 approvals",
            "approvals": [],
            "requester": None,
            "tags": {"team": "lake"},
            "verdict": "hold",
            "decided_by": POLICY,
            "outcome": None,
            "requested_action": None,
            "decided_at": None,
            "announced_at": None,
            "claim_id": None,
            "attempt": 0,
            "lease_until": None,
            "maybe_sent": False,
            "unattributed": False,
            "held_for_known_seconds": 0.0,
            "known_at": None,
            "needs_review_before_expiry": False,
            **changes,
        }
        job = {
            "job_id": name,
            "job_arn": arn,
            "status": "Suspended",
            "operation": state["operation"],
            "parameters": {"TagSet": [{"Key": "archive", "Value": "yes"}]},
            "tags": state["tags"] or {},
            "manifest": {"ObjectArn": "arn:aws:s3:::lake-manifests/july.csv", "ETag": "60e4"},
            "generator": None,
            "report": {"Enabled": False},
            "priority": 10,
            "role": f"arn:aws:iam::{ACCOUNT}:role/batch",
            "description": "tag what July wrote",
            "total_tasks": state["total_tasks"],
            "confirmation_required": None,
            "created_at": state["created_at"],
            "suspended_at": state["suspended_at"],
            "status_update_reason": None,
        }
        self.jobs[name] = {
            "job": job,
            "error": None,
            "state": state,
            "digest": digest_of(job),
            "requester": {"arn": None, "known": "not_asked", "why": ""},
            "approvals": [],
            "your_approval": {"counts": True, "why_not": ""},
            "awaiting": state["awaiting"],
            "evaluation": evaluation or evaluation_of(arn),
            "blocks": [],
            "would": "hold",
            "history": [],
            "history_left_out": 0,
            "warning": None,
        }
        return name

    def change(self, name: str, **members: Any) -> None:
        """Have the requester change a job."""
        document = self.jobs[name]
        document["job"] |= members
        document["digest"] = digest_of(document["job"])

    def status(self, name: str) -> str:
        """S3's status of a job."""
        return str(self.jobs[name]["job"]["status"])

    # --- Routes ---------------------------------------------------------------------------------------

    def __call__(self, request: Request) -> Answer:
        """Answer a request."""
        with self._lock:
            if request.path == "/jobs":
                return self._list(request)
            if request.path == "/decisions":
                return self._decisions(request)
            if request.path == "/budgets":
                return self._budgets(request)
            if request.path.startswith("/policies/"):
                return self._policies(request.path.removeprefix("/policies/"))
            if request.path == "/status":
                return self._status()
            if request.path == "/pause":
                return self._pause(request)
            found = re.fullmatch(r"/jobs/([^/]+)(?:/(approvals|cancellation))?", request.path)
            if found is None:
                return Answer(404, {"message": "Not Found"})
            return self._decide(request, *found.groups()) if found[2] else self._show(found[1])

    def _list(self, request: Request) -> Answer:
        tags = [each.partition("=") for each in values_of(request, "tag")]
        patterns = {name: values_of(request, name) or ["*"] for name in ("operation", "policy")}
        states = [
            document["state"]
            for document in self.jobs.values()
            if document["state"]["phase"] == "held"
            and fnmatchcase(document["state"]["operation"] or "", patterns["operation"][0])
            and any(fnmatchcase(each, patterns["policy"][0]) for each in [*document["state"]["governing"], ""])
            and all((document["state"]["tags"] or {}).get(key) == value for key, _, value in tags)
        ]
        start = int((values_of(request, "next") or ["0"])[0])
        size = min(self.page, int((values_of(request, "limit") or ["100"])[0]))
        page = [{name: state[name] for name in _SUMMARY} for state in states[start : start + size]]
        following = str(start + size) if start + size < len(states) else None
        pause = self.pause and {name: self.pause[name] for name in ("by", "reason", "at")}
        beside = {"not_listed": self.not_listed, "pause": pause, "warning": self.warning}
        listed = {"jobs": page, "next": following, **beside}
        return Answer(200, deepcopy(listed))

    def _budgets(self, request: Request) -> Answer:
        account, at = values_of(request, "account"), values_of(request, "at")
        pattern = (values_of(request, "budget") or ["*"])[0]
        found = [
            each
            for each in self.budgets
            if fnmatchcase(each["budget"], pattern)
            and (not account or each["account"] == account[0])
            and (not at or each["period_start"] <= at[0] < each["period_end"])
        ]
        start = int((values_of(request, "next") or ["0"])[0])
        following = str(start + self.page) if start + self.page < len(found) else None
        page = deepcopy(found[start : start + self.page])
        names = [*dict.fromkeys(each["budget"] for each in self.budgets)]
        return Answer(200, {"budgets": page, "next": following, "names": names, "policy_version": POLICY})

    def _show(self, beginning: str) -> Answer:
        found = [name for name in self.jobs if name.startswith(beginning)]
        if not found:
            return problem(404, "not-found", f"S3 and the gate know no job {beginning}")
        if len(found) > 1:
            detail = f"{len(found)} open jobs have ids that begin with {beginning}"
            return problem(409, "ambiguous", detail, jobs=found)
        return Answer(200, deepcopy(self.jobs[found[0]]))

    def _decide(self, request: Request, name: str, route: str) -> Answer:
        document = self.jobs.get(name)
        if document is None:
            return problem(404, "not-found", f"S3 and the gate know no job {name}")
        body = json.loads(request.body)
        state, job = document["state"], document["job"]
        if job["status"] != "Suspended":
            return problem(409, "not-decidable", f"{name}: this job was {job['status']} already")
        if body["digest"] != document["digest"]:
            return problem(409, "job-changed", f"{name}: the job has changed", job=deepcopy(document))
        given = {"who": request.caller, "at": datetime.now(UTC).isoformat(), "reason": body["reason"]}
        if route == "approvals":
            if any(each["who"] == request.caller for each in state["approvals"]):
                return problem(403, "may-not-approve", f"{name}: {request.caller} has approved it already")
            state["approvals"].append(given)
            document["approvals"].append({**given, "counts": True, "why_not": "", "is_current": True})
            missing = self.needed - len(state["approvals"])
            if missing > 0:
                document["awaiting"] = state["awaiting"] = f"{len(state['approvals'])} of {self.needed} approvals"
                return self._decided(document, "held", REASON)
        action, status = ("approved", "Ready") if route == "approvals" else ("cancelled", "Cancelled")
        job["status"], document["awaiting"], state["awaiting"] = status, "", ""
        reason = f"batchgate: {action} by {request.caller}: {body['reason']} [claim 5f3a91c2]"
        state |= {
            "phase": "settled",
            "outcome": "applied",
            "requested_action": action[:7].rstrip("ed"),
            "reason": reason,
        }
        state |= {"requested_action": "approve" if route == "approvals" else "cancel", "decided_by": request.caller}
        state |= {"decided_at": given["at"], "claim_id": "5f3a91c2", "attempt": 1}
        return self._decided(document, action, reason)

    def _decided(self, document: dict[str, Any], action: str, reason: str) -> Answer:
        state = document["state"]
        names = ("job_id", "job_arn", "awaiting", "approvals", "decided_by", "claim_id")
        return Answer(200, {"action": action, "reason": reason, **{name: deepcopy(state[name]) for name in names}})

    def _decisions(self, request: Request) -> Answer:
        verdict = values_of(request, "verdict")
        begin, end = (values_of(request, name) or [default] for name, default in (("from", "0"), ("to", "9")))
        rows = [
            each
            for each in self.decisions
            if (not verdict or each["action"] == verdict[0]) and begin[0] <= each["decided_at"] < end[0]
        ]
        start = int((values_of(request, "next") or ["0"])[0])
        following = str(start + self.page) if start + self.page < len(rows) else None
        full = values_of(request, "detail") == ["full"]
        beside = {"history": [], "history_left_out": 0} if full else {}
        page = [{**beside, **each} for each in rows[start : start + self.page]]
        return Answer(200, {"decisions": page, "next": following, "not_listed": self.not_listed})

    def _policies(self, version: str) -> Answer:
        if version not in self.policies:
            return problem(404, "not-found", f"AppConfig has no policies of the version {version}")
        return Answer(200, {"version": version, "document": self.policies[version]})

    def _status(self) -> Answer:
        held = [each["state"] for each in self.jobs.values() if each["state"]["phase"] == "held"]
        return Answer(
            200,
            {
                "version": __version__,
                "place": {"partition": "aws", "region": REGION, "account_id": ACCOUNT},
                "policy_version": POLICY,
                "policy_since": None,
                "policy_expected": None,
                "shadow": False,
                "paused": self.pause is not None,
                "sweep_minutes": 1,
                "since": None,
                "last_sweep": (datetime.now(UTC) - self.swept).isoformat(),
                "last_sweep_errors": 0,
                "last_sweep_left": 0,
                "last_event": None,
                "held": len(held),
                "oldest_held": min((each["held_since"] for each in held), default=None),
                "held_by_circuit_breaker": 0,
                "unreadable": 0,
                "problem": None,
                "problem_since": None,
                "warning": self.warning,
            },
        )

    def _pause(self, request: Request) -> Answer:
        already = False
        if request.method == "PUT":
            already = self.pause is not None
            now = datetime.now(UTC).isoformat()
            etag = f'"{sha256(now.encode()).hexdigest()[:16]}"'
            reason = json.loads(request.body)["reason"]
            self.pause = self.pause or {"by": request.caller, "reason": reason, "at": now, "etag": etag}
        if request.method == "DELETE":
            if self.pause is not None and request.headers.get("if-match") != self.pause["etag"]:
                return problem(412, "another-pause", "The gate was paused again by another caller meanwhile.")
            already, self.pause = self.pause is None, None
        return Answer(200, {"paused": self.pause is not None, "already": already, **(self.pause or {})})


_SUMMARY: tuple[str, ...] = tuple(description()["components"]["schemas"]["Summary"]["required"])


def digest_of(job: dict[str, Any]) -> str:
    """Of all but what changes by itself."""
    shown = {name: value for name, value in job.items() if name not in {"status", "suspended_at"}}
    return sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()


def evaluation_of(arn: str, verdict: str = "hold") -> dict[str, Any]:
    """A hold that waits for people."""
    check = {"check": "manual_approval", "subject": "", "actual": "not given yet", "expected": "an approval"}
    requirement = {
        "position": 0,
        "result": "unmeasurable",
        "actual": "not given yet",
        "expected": "an approval",
        "on_violation": "hold",
        "vote": "hold",
        "grace": False,
        "cancels_from": None,
        "message": None,
        "condition": {"result": "unmeasurable", **check},
        "lifts": [],
    }
    return {
        "job_arn": arn,
        "status": "Suspended",
        "at": datetime.now(UTC).isoformat(),
        "verdict": verdict,
        "instead": None,
        "until": None,
        "cancels_at": None,
        "searched_until": None,
        "reason": REASON,
        "policy_version": POLICY,
        "mode": "enforce",
        "if_enforced": None,
        "deciding": [{"statement": "by-hand", "requirement": 0, "rule": None}],
        "unknown_members": [],
        "statements": [
            {
                "name": "by-hand",
                "kind": "policy",
                "mode": "enforce",
                "governs": True,
                "vote": "hold",
                "match": {"result": "met", "all": []},
                "requirements": [requirement],
            },
            {
                "name": "others",
                "kind": "policy",
                "mode": "enforce",
                "governs": False,
                "vote": None,
                "match": {"result": "violated", "all": []},
                "requirements": [],
            },
        ],
    }


def problem(status: int, kind: str, detail: str, **members: Any) -> Answer:
    """A problem document."""
    document = {"type": f"/problems/{kind}", "title": kind, "status": status, "detail": detail, **members}
    return Answer(status, document, is_problem=True)


@pytest.fixture
def gate() -> GateDouble:
    """A gate without jobs."""
    return GateDouble()


@pytest.fixture
def front(gate: GateDouble, monkeypatch: pytest.MonkeyPatch) -> Iterator[Front]:
    """Its API, and an environment with Ana's credentials that leads commands nowhere else."""
    point_at_nothing_else(monkeypatch)
    with serving(Front(gate, REGION, {"ANA": ANA, "BEN": BEN})) as served:
        yield served


def point_at_nothing_else(environment: pytest.MonkeyPatch) -> None:
    """Credentials that the double knows, and no other settings."""
    environment.setenv("AWS_ACCESS_KEY_ID", "ANA")
    environment.setenv("AWS_SECRET_ACCESS_KEY", "test")
    environment.setenv("AWS_DEFAULT_REGION", REGION)
    environment.setenv("AWS_CONFIG_FILE", "/dev/null")
    environment.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    environment.setenv("AWS_EC2_METADATA_DISABLED", "true")
    environment.setenv("NO_PROXY", "127.0.0.1,localhost")
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_ENDPOINT_URL", "AWS_CA_BUNDLE"):
        environment.delenv(name, raising=False)


def batchgate(front: Front, *arguments: str, stdin: str | None = None) -> Result:
    """Run the command in this process, as a script does: no terminal."""
    return CliRunner().invoke(app, [*arguments, "--endpoint-url", front.url], input=stdin)
