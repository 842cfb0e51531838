"""Writes the example recordings: the demo's jobs, and a busy quarter of a team's gate.

Both come from the emulator on its own clock, with the real gate before it: the same files every time.
"""

import gzip
import random
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from msgspec.structs import replace

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT))

from batchgate.aws.pace import Unhurried  # noqa: E402 - the checkout's tests have the stage
from batchgate.gate.ports import CircuitBreaker  # noqa: E402
from batchgate.gate.review import review_job  # noqa: E402
from batchgate.gate.state import Phase, RequestedAction, State  # noqa: E402
from batchgate.jobs.model import JobRef  # noqa: E402
from batchgate_cli.local.demo_jobs import DEMO_JOBS  # noqa: E402
from batchgate_cli.replay.recorder import Source, record  # noqa: E402
from tests.flow.stage import ACCOUNT, Stage  # noqa: E402

EXAMPLES = CHECKOUT / "docs" / "examples" / "replay"
QUARTER = datetime(2026, 7, 1, tzinfo=UTC)
DAYS = 88
JOBS_OF_A_QUARTER = 5_000

SIZES = (12, 40, 150, 400, 900, 1_400, 3_000, 4_600, 7_500, 12_000)
TEAMS = ("ingest", "ml-platform", "billing", "search", "compliance")
PEOPLE = [f"arn:aws:sts::{ACCOUNT}:assumed-role/lake-oncall/{name}" for name in ("ana", "kofi", "mei")]
TICKETS = "CHG-4{:03}"
WEEKEND = (5, 6)


def write(stage: Stage, file: Path) -> None:
    """Record a stage's jobs into a file."""
    with TemporaryDirectory() as folder:
        plain = Path(folder) / "jobs.ndjson"
        record(Source(stage.person, ACCOUNT, Unhurried(), stage.clock.now), plain, redact=False, watch=lambda _: None)
        lines = plain.read_bytes()
    file.write_bytes(gzip.compress(lines, mtime=0) if file.suffix == ".gz" else lines)
    jobs = lines.count(b"\n")
    print(f"{file.name}: {jobs} jobs, {file.stat().st_size:,} bytes")


def stage_at(policies: Path, start: datetime) -> Stage:
    """A gate that enforces a file's policies, from an instant on."""
    stage = Stage(policies.read_text(encoding="utf-8"))
    stage.breaker = CircuitBreaker(10_000, timedelta(minutes=10))
    stage.clock.advance(start - stage.clock.now())
    return stage


# --- The demo -----------------------------------------------------------------------------------------


def demo() -> Stage:
    """The demo's nine jobs, one minute apart, decided by the demo's policies in the afternoon of a working day."""
    stage = stage_at(CHECKOUT / "policies" / "demo.yaml", datetime(2026, 9, 29, 14, tzinfo=UTC))
    for job in DEMO_JOBS:
        request = job.request(0, "etag")
        ref = stage.create(job.tasks, tags=job.tags, Operation=request["Operation"], Description=job.title, Priority=10)
        stage.review(ref)
        stage.advance(minutes=1)
    return stage


# --- The quarter --------------------------------------------------------------------------------------


def chance(choose: random.Random, percent: float) -> bool:
    """Whether something happens that does so often."""
    return choose.random() * 100 < percent


def operation(choose: random.Random) -> tuple[dict[str, Any], dict[str, str]]:
    """What a job does, and tags that belong to it."""
    kind = choose.choices(
        ("tag", "untag", "copy", "restore", "checksum", "function", "retention", "acl", "replicate"),
        (30, 8, 20, 13, 14, 7, 4, 1, 3),
    )[0]
    match kind:
        case "tag":
            return {"S3PutObjectTagging": {"TagSet": [{"Key": "tier", "Value": choose.choice(["cold", "warm"])}]}}, {}
        case "untag":
            return {"S3DeleteObjectTagging": {}}, {}
        case "copy":
            target = choose.choices(("lake-archive-eu", "lake-archive-us", "partner-drop"), (6, 3, 1))[0]
            return {"S3PutObjectCopy": {"TargetResource": f"arn:aws:s3:::{target}"}}, {}
        case "restore":
            standard = chance(choose, 35)
            incident = {"incident": f"INC-{choose.randint(100, 999)}"} if standard and chance(choose, 40) else {}
            tier = "STANDARD" if standard else "BULK"
            return {"S3InitiateRestoreObject": {"ExpirationInDays": 7, "GlacierJobTier": tier}}, incident
        case "checksum":
            return {"S3ComputeObjectChecksum": {}}, {}
        case "function":
            name = choose.choices(("rewrite:7", "thumbnails:$LATEST"), (5, 1))[0]
            return {"LambdaInvoke": {"FunctionArn": f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{name}"}}, {}
        case "retention":
            until = "2030-01-01T00:00:00Z"
            return {"S3PutObjectRetention": {"Retention": {"Mode": "GOVERNANCE", "RetainUntilDate": until}}}, {}
        case "acl":
            acl = {"AccessControlPolicy": {"CannedAccessControlList": "public-read"}}
            return {"S3PutObjectAcl": acl}, {}
        case _:
            return {"S3ReplicateObject": {}}, {}


def creation_times(choose: random.Random) -> list[datetime]:
    """Busier on working days, by day, and towards the quarter's end."""
    times: list[datetime] = []
    while len(times) < JOBS_OF_A_QUARTER:
        day = choose.randrange(DAYS)
        at = QUARTER + timedelta(days=day, seconds=choose.gauss(13, 4) * 3600)
        busy = (20 if at.weekday() in WEEKEND else 100) * (0.55 + 0.45 * day / DAYS)
        if QUARTER <= at < QUARTER + timedelta(days=DAYS) and chance(choose, busy):
            times.append(at)
    return sorted(times)


class Quarter:
    """A gate that reviews each job when it is Suspended and whenever it is due, and people who decide what it holds."""

    def __init__(self) -> None:
        """Begin before the first job."""
        self.choose = random.Random(20260701)  # noqa: S311 - the same quarter each time
        self.stage = stage_at(EXAMPLES / "in-force.yaml", QUARTER)
        self.due: dict[JobRef, datetime] = {}
        self.people: dict[JobRef, datetime] = {}

    def run(self) -> Stage:
        """All jobs of the quarter."""
        for at in creation_times(self.choose):
            self.until(at)
            self.create()
        self.until(QUARTER + timedelta(days=DAYS))
        return self.stage

    def create(self) -> None:
        """One job, reviewed as soon as it is Suspended."""
        choose = self.choose
        what, tags = operation(choose)
        if chance(choose, 97):
            tags["team"] = choose.choice(TEAMS)
        asks = chance(choose, 98.5)
        ref = self.stage.create(
            choose.choice(SIZES),
            tags=tags,
            Operation=what,
            Priority=choose.choice([1, 5, 10]),
            ConfirmationRequired=asks,
            until="Suspended" if asks else "Ready",
        )
        self.review(ref)

    def until(self, instant: datetime) -> None:
        """What happens until then, in its order."""
        while True:
            coming = min(
                [(at, ref) for each in (self.due, self.people) for ref, at in each.items()], default=(instant, None)
            )
            at, ref = coming
            if ref is None or at >= instant:
                break
            self.advance(at)
            if self.people.get(ref) == at:
                del self.people[ref]
                self.decide(ref)
            else:
                self.review(ref)
        self.advance(instant)

    def advance(self, instant: datetime) -> None:
        """Let time pass; a job's preparation may have taken longer."""
        self.stage.clock.advance(max(instant - self.stage.clock.now(), timedelta(0)))

    def review(self, ref: JobRef) -> None:
        """Have the gate review a job, and people notice a hold that waits for them."""
        review_job(ref, replace(self.stage.gate, review_again_after=timedelta(days=31)))
        state = self.stage.ledger.ledger.read(ref)
        self.due.pop(ref, None)
        if state is None or state.phase is not Phase.HELD or state.due_at is None:
            return
        self.due[ref] = state.due_at
        if self.needs_people(state) and chance(self.choose, 85):
            hours = self.choose.lognormvariate(2, 1)
            self.people.setdefault(ref, self.stage.clock.now() + timedelta(hours=hours))

    @staticmethod
    def needs_people(state: State) -> bool:
        """Whether a hold does not end well by itself."""
        return state.until is None and state.cancels_at is None

    def decide(self, ref: JobRef) -> None:
        """A person approves or cancels a job; some do so in S3's console."""
        approve = chance(self.choose, 75)
        state = self.stage.ledger.ledger.read(ref)
        if state is None or state.phase is not Phase.HELD or self.stage.status(ref) != "Suspended":
            return
        ticket = TICKETS.format(self.choose.randrange(1000))
        if chance(self.choose, 10):
            self.stage.update_as_a_person(ref, "Ready" if approve else "Cancelled", ticket)
        else:
            action = RequestedAction.APPROVE if approve else RequestedAction.CANCEL
            self.stage.decide(ref, action, ticket, who=self.choose.choice(PEOPLE))
        self.review(ref)


if __name__ == "__main__":
    write(demo(), EXAMPLES / "demo.ndjson")
    write(Quarter().run(), EXAMPLES / "quarter.ndjson.gz")
