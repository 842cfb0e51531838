"""A job read from AWS, the way the gate reads it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from batchgate.aws.manifests import StoredManifests
from batchgate.aws.s3control import CONFIG, S3Control
from batchgate.aws.wiring import SystemClock
from batchgate.gate.manifest_reading import read_here
from batchgate.gate.ports import JobSnapshot
from batchgate.jobs.manifest_contents import ManifestContents, Uncountable
from batchgate.jobs.model import Job, JobRef
from batchgate.manifest.plan import CsvRange
from batchgate.policy.compiled import PolicySet
from batchgate.policy.facts import Gap, named_manifest
from batchgate_cli.operating.aws_errors import aws_errors
from batchgate_cli.operating.aws_session import account_of, open_session
from batchgate_cli.operating.options import AwsOptions

if TYPE_CHECKING:
    from rich.progress import Progress

    from batchgate.jobs.named_manifest import NamedManifest
    from batchgate.manifest.counts import PartCounts
    from batchgate.manifest.plan import Part, Plan


def read_live_job(job_id: str, policies: PolicySet, options: AwsOptions) -> JobSnapshot:
    """Ask S3 for a job, its tags, and the size and the rows of its manifest, where the policies look at them.

    Nothing is changed. All of a manifest is read, however large; how far is shown on a terminal.

    Raises:
        GateAccessError: There are no credentials or no Region, or AWS can't be reached or refuses.
        JobsApiError: S3 refused, or knows no such job.
        ManifestsApiError: S3 did not answer the question for the manifest.
    """
    with aws_errors("--region and --endpoint-url"):
        session = open_session(options.profile, options.region)
        account_id = account_of(session, options)
        client = session.client("s3control", endpoint_url=options.endpoint_url, config=CONFIG)
        partition = client.meta.partition
        ref = JobRef(partition, client.meta.region_name, account_id, job_id)
        jobs = S3Control(client, SystemClock(), untagged_lacks_tags=options.untagged_answer_lacks_tags)
        snapshot = jobs.snapshot(ref, with_tags=policies.asks_for("tags"))
        if not (policies.asks_for("manifest.bytes") or policies.asks_for("manifest.contents")):
            return snapshot
        manifests = StoredManifests(session.client("s3", config=CONFIG))
        if policies.asks_for("manifest.bytes"):
            snapshot = replace(snapshot, manifest_bytes=manifests.size(snapshot.job))
        if policies.asks_for("manifest.contents"):
            snapshot = replace(snapshot, contents=_contents(snapshot.job, manifests))
    return snapshot


def _contents(job: Job, manifests: StoredManifests) -> ManifestContents | Gap:
    named = named_manifest(job)
    if isinstance(named, Gap):
        return named
    with _progress() as progress:
        return read_here(named, WatchedManifests(manifests, progress))


@contextmanager
def _progress() -> "Iterator[Progress | None]":
    """A progress bar on standard error; None where that is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (TextColumn("reading the manifest"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as progress:
        yield progress


class WatchedManifests(Struct, frozen=True):
    """Manifests on S3, with a progress bar of the bytes that are read."""

    manifests: StoredManifests
    progress: "Progress | None"

    def size(self, job: Job) -> int | Gap:
        """The same size."""
        return self.manifests.size(job)

    def plan(self, named: "NamedManifest") -> "Plan | Uncountable | Gap":
        """The same plan."""
        plan = self.manifests.plan(named)
        if self.progress is not None and not isinstance(plan, Uncountable | Gap):
            self.progress.add_task("", total=sum(map(_size, plan.parts)))
        return plan

    def count(self, plan: "Plan", part: "Part") -> "PartCounts | Gap":
        """The same counts, after which the bar has moved on."""
        counts = self.manifests.count(plan, part)
        if self.progress is not None:
            self.progress.advance(self.progress.task_ids[0], _size(part))
        return counts


def _size(part: "Part") -> int:
    return part.end - part.start if isinstance(part, CsvRange) else part.size
