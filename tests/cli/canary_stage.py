"""A canary before an emulated S3 Control, with the local AWS around it, on one stepped clock."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from itertools import count
from typing import Any

from botocore.exceptions import ClientError

from batchgate_cli.local.services import ACCOUNT, REGION, LocalServices, session
from batchgate_cli.operating.canary import _UNVALIDATED, CanaryOptions, Outcome, Surroundings, fly
from batchgate_cli.operating.canary_belongings import Place
from batchgate_cli.operating.canary_facts import findings
from batchgate_cli.operating.canary_jobs import Aws
from batchgate_cli.operating.live_gate import LiveGate
from s3batch_emulator import Delays, Emulator, S3Objects, SteppedClock, Switches, connect

BEHIND = timedelta(minutes=10)
"""How far the jobs' clock is behind SQS's, which is real: so long after Suspended every event arrives, or longer."""

_numbers = count(1)


@dataclass
class CanaryStage:
    """One canary, and everything that it acts on.

    Attributes:
        said: Its lines of progress.
        at: Called with each line, before the next thing happens.
        slept: The seconds that it waited.
    """

    services: LocalServices
    emulator: Emulator
    clock: SteppedClock
    place: Place
    gate: LiveGate | None = None
    said: list[str] = field(default_factory=list)
    at: Callable[[str], None] = lambda _line: None
    slept: list[float] = field(default_factory=list)

    def client(self, service: str) -> Any:
        """A real client of the local AWS."""
        return _client(service, self.services.url)

    @cached_property
    def s3control(self) -> Any:
        """A real client of the emulator, as the canary makes it."""
        return connect(session().client("s3control", config=_UNVALIDATED), self.emulator)

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
        """Let the time pass at once."""
        self.slept.append(seconds)
        self.clock.advance(timedelta(seconds=seconds))

    def say(self, line: str) -> None:
        """Keep a line."""
        self.said.append(line)
        self.at(line)

    def fly(self, options: CanaryOptions | None = None) -> Outcome:
        """Run the canary."""
        return fly(self.surroundings(), options or CanaryOptions(without_gate=True, inventory=True), self.say)

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
    yield CanaryStage(
        services, emulator, clock, Place(f"batchgate-canary-{next(_numbers):012x}", "aws", REGION, ACCOUNT)
    )
