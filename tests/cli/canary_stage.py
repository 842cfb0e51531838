"""A canary before an emulated S3 Control, with the local AWS around it, on one stepped clock."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from itertools import count
from typing import Any

from botocore.exceptions import ClientError
from msgspec.structs import replace

from batchgate.aws.ledger import DynamoLedger
from batchgate.aws.s3control import S3Control
from batchgate.contract import DeployedGate, create_table_arguments
from batchgate.gate.people import record_approval, show_job
from batchgate.gate.ports import Ports, Review
from batchgate.gate.review import review_job
from batchgate.jobs.model import JobRef
from batchgate_cli.authoring import policy_file
from batchgate_cli.local.services import ACCOUNT, REGION, LocalServices, session
from batchgate_cli.operating.canary import _UNVALIDATED, PREFIX, CanaryOptions, Outcome, Surroundings, observe
from batchgate_cli.operating.canary_belongings import Place
from batchgate_cli.operating.canary_facts import findings
from batchgate_cli.operating.canary_jobs import Aws
from batchgate_cli.operating.live_gate import LiveGate
from s3batch_emulator import Delays, Emulator, S3Objects, SteppedClock, Switches, connect
from tests.flow.stage import ONCE, EnforcedPolicies, s3control_client

BEHIND = timedelta(minutes=10)
"""How far the jobs' clock is behind SQS's, which is real: so long after Suspended every event arrives, or longer."""

_numbers = count(1)


class _Announces:
    """The functions' announcer, to nobody."""

    def announce(self, review: Review) -> bool:
        """Do as if."""
        return True


@dataclass
class CanaryStage:
    """One canary, and everything that it acts on.

    Attributes:
        said: Its lines of progress.
        at: Called with each line, before the next thing happens.
        slept: The seconds that it waited.
        functions: The ports of the gate's functions; None where none work.
    """

    services: LocalServices
    emulator: Emulator
    clock: SteppedClock
    place: Place
    gate: LiveGate | None = None
    said: list[str] = field(default_factory=list)
    at: Callable[[str], None] = lambda _line: None
    slept: list[float] = field(default_factory=list)
    functions: Callable[[], Ports] | None = None

    def client(self, service: str) -> Any:
        """A real client of the local AWS."""
        return _client(service, self.services.url)

    @cached_property
    def s3control(self) -> Any:
        """A real client of the emulator, as the canary makes it."""
        return connect(session().client("s3control", config=_UNVALIDATED), self.emulator)

    def ref(self, job_id: str) -> JobRef:
        """A job of the emulator's."""
        return JobRef("aws", REGION, ACCOUNT, job_id)

    def approve(self, job_id: str) -> None:
        """Have a person approve a job by the gate."""
        assert self.gate is not None
        ref, gate = self.ref(job_id), self.gate.gate()
        record_approval(ref, self.gate.who, "looked at it", show_job(ref, gate).digest, gate)

    def surroundings(self) -> Surroundings:
        """As the command finds them."""
        return Surroundings(
            place=self.place,
            aws=Aws(self.s3control, self.client("sqs"), self.client("cloudtrail")),
            s3=self.client("s3"),
            iam=self.client("iam"),
            events=self.client("events"),
            gate=self.gate,
            is_aws=True,
            clock=self.clock,
            sleep=self.sleep,
        )

    def sleep(self, seconds: float) -> None:
        """Have the gate's functions review what there is, then let the time pass at once."""
        self.slept.append(seconds)
        if self.functions is not None:
            for job in self.emulator.jobs():
                review_job(self.ref(job.job_id), self.functions())
        self.clock.advance(timedelta(seconds=seconds))

    def deploy_gate(self, policies: str, *, works: bool = True) -> LiveGate:
        """A gate with policies, as commands find it; its functions may be dead."""
        table = self.place.name
        dynamodb = self.client("dynamodb")
        dynamodb.create_table(**create_table_arguments(table))
        home = ("aws", REGION, ACCOUNT)
        self.gate = live = LiveGate(
            session=session(),
            who=f"arn:aws:iam::{ACCOUNT}:root",
            home=home,
            found=DeployedGate(ledger_table=table),
            ledger=DynamoLedger(dynamodb, table, home, self.clock),
            jobs=S3Control(connect(s3control_client(ONCE), self.emulator), self.clock),
            policies=EnforcedPolicies(policy_file.load_text(policies).policies),
            clock=self.clock,
        )
        if works:  # the table is younger than the jobs: SQS's and DynamoDB's clock is real
            self.functions = lambda: replace(live.gate(), announcer=_Announces(), adopt_existing=True)
        return live

    def say(self, line: str) -> None:
        """Keep a line."""
        self.said.append(line)
        self.at(line)

    def observe(self, options: CanaryOptions | None = None) -> Outcome:
        """Run the canary."""
        return observe(self.surroundings(), options or CanaryOptions(without_gate=True, inventory=True), self.say)

    @contextmanager
    def failing(self, when: str, service: str, operation: str, number: int, times: int = 1) -> Iterator[None]:
        """Have calls of an operation be denied: from the call of this number on, before or after their effect."""
        calls = count(1)

        def fail(**_: object) -> None:
            if number <= next(calls) < number + times:
                raise ClientError({"Error": {"Code": "AccessDenied", "Message": "a test"}}, operation)

        client = self.s3control if service == "s3-control" else self.client(service)
        event = f"{when}.{client.meta.service_model.service_id.hyphenize()}.{operation}"
        client.meta.events.register(event, fail)
        try:
            yield
        finally:
            client.meta.events.unregister(event, fail)

    def left(self) -> list[str]:
        """What there is of it in the account, jobs that have not ended included."""
        name = self.place.name
        found = [
            f"bucket {each['Name']}" for each in self.client("s3").list_buckets()["Buckets"] if each["Name"] == name
        ]
        found += [f"role {each['RoleName']}" for each in self.client("iam").list_roles()["Roles"] if name in str(each)]
        found += [f"rule {each['Name']}" for each in self.client("events").list_rules()["Rules"] if name in str(each)]
        found += [f"queue {url}" for url in self.client("sqs").list_queues().get("QueueUrls", []) if name in url]
        ended = {"Complete", "Cancelled", "Failed"}
        found += [f"job {job.job_id}" for job in self.emulator.jobs() if job.status.value not in ended]
        return found


@cache
def _client(service: str, url: str) -> Any:
    return session().client(service, endpoint_url=url)  # type: ignore[call-overload]


def facts_of(outcome: Outcome) -> dict[str, Any]:
    """The answers that were shown, by name."""
    return {each.name: each.answer for each in findings(outcome.seen) if each.answer is not None}


@contextmanager
def canary_stage(
    services: LocalServices, switches: Switches | None = None, delays: Delays | None = None
) -> Iterator[CanaryStage]:
    """A canary that has not begun, in an account without a gate."""
    clock = SteppedClock(datetime.now(UTC) - BEHIND)
    objects = S3Objects.at(services.url, access_key_id=ACCOUNT, secret_access_key="local")
    emulator = Emulator(clock, objects, services.put_event, switches, region=REGION, delays=delays, seed=next(_numbers))
    yield CanaryStage(services, emulator, clock, Place(f"{PREFIX}{next(_numbers):012x}", "aws", REGION, ACCOUNT))
