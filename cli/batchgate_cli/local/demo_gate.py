"""The demo's S3 Batch Operations and gate, in this process: the emulator and the deployed code, without AWS."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from batchgate.aws.s3control import CONFIG, S3Control
from batchgate.aws.wiring import SystemClock
from batchgate.gate.manifest_reading import read_here
from batchgate.gate.ports import CircuitBreaker, Ports, Review
from batchgate.gate.review import review_job
from batchgate.jobs.events import parse_job_event
from batchgate.jobs.manifest_contents import ManifestContents
from batchgate.jobs.model import Job
from batchgate.policy.compiled import PolicySet
from batchgate.policy.facts import Gap, named_manifest
from batchgate_cli.local.memory_ledger import MemoryLedger
from batchgate_cli.local.memory_manifests import MemoryManifestReader
from batchgate_cli.local.services import CONTROL_URL, PASSING, REGION, environment, session
from s3batch_emulator import Delays, Emulator, MemoryObjects, RealClock, application, over_http, running_server
from s3batch_emulator.events import Event

if TYPE_CHECKING:
    from mypy_boto3_s3control.client import S3ControlClient

_A_REVIEW_TAKES_AT_MOST: Final = timedelta(seconds=60)
_BREAKER: Final = CircuitBreaker(cancellations=20, within=timedelta(minutes=10))


@dataclass(frozen=True, slots=True)
class DemoS3:
    """S3 Batch Operations on a loopback port, and the manifests in memory.

    Attributes:
        url: The emulator's; S3 Control's clients reach it as an HTTP proxy.
    """

    url: str
    batch: Emulator
    objects: MemoryObjects

    def environment(self) -> dict[str, str]:
        """What a process needs in its environment to reach the emulator by any AWS SDK."""
        return environment(self.url)

    def s3control(self) -> "S3ControlClient":
        """A client of the emulator, by the real host name through the proxy."""
        return session().client("s3control", endpoint_url=CONTROL_URL, config=over_http(self.url).merge(CONFIG))


@contextmanager
def running_s3(watch: Callable[[Event], None]) -> Iterator[DemoS3]:
    """Serve S3 Batch Operations on 127.0.0.1 for as long as the context lasts.

    Args:
        watch: Gets every job event, on a thread of the emulator.
    """
    objects = MemoryObjects()
    batch = Emulator(RealClock(), objects, watch, region=REGION, delays=Delays.every(PASSING))
    with running_server(application(batch)) as url:
        yield DemoS3(url, batch, objects)


@dataclass(slots=True)
class DemoGate:
    """The gate with its ledger in memory; it is the port to its own policies, manifests and announcements.

    Attributes:
        reviews: The last announced review of each job, by job id.
    """

    s3: DemoS3
    policies: PolicySet
    reviews: dict[str, Review] = field(default_factory=dict)
    _clock: SystemClock = field(default_factory=SystemClock)
    _jobs: S3Control = field(init=False)
    _ledger: MemoryLedger = field(init=False)

    def __post_init__(self) -> None:
        self._jobs = S3Control(self.s3.s3control(), self._clock)
        self._ledger = MemoryLedger(self._clock)

    def review(self, event: Event) -> None:
        """Review the job of one event, as the deployed function does.

        Raises:
            GateError: The review failed.
        """
        gate = Ports(
            jobs=self._jobs,
            manifests=self,
            policies=self,
            ledger=self._ledger,
            announcer=self,
            clock=self._clock,
            new_claim_id=lambda: secrets.token_hex(4),
            deadline=self._clock.now() + _A_REVIEW_TAKES_AT_MOST,
            breaker=_BREAKER,
        )
        review_job(parse_job_event(dict(event)), gate)

    def current(self) -> PolicySet:
        """The policies in force."""
        return self.policies

    def announce(self, review: Review) -> bool:
        """Keep the review."""
        self.reviews[review.ref.job_id] = review
        return True

    def size(self, job: Job) -> int | Gap:
        """The size of a job's manifest in bytes."""
        return MemoryManifestReader(self.s3.objects).size(job)

    def contents(self, job: Job) -> ManifestContents | Gap:
        """What is in a job's manifest."""
        manifest = named_manifest(job)
        return manifest if isinstance(manifest, Gap) else read_here(manifest, MemoryManifestReader(self.s3.objects))
