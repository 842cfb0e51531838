"""A job read from AWS, the way the gate reads it."""

import boto3

from batchgate.aws.manifests import StoredManifests
from batchgate.aws.s3control import CONFIG, S3Control
from batchgate.aws.wiring import SystemClock
from batchgate.gate.ports import JobSnapshot
from batchgate.jobs.model import JobRef
from batchgate.policy.compiled import PolicySet
from batchgate.policy.facts import NOT_READ, Gap
from batchgate_cli.operating.aws_errors import aws_errors
from batchgate_cli.operating.options import AwsOptions


def read_live_job(job_id: str, policies: PolicySet, options: AwsOptions) -> tuple[JobSnapshot, int | Gap]:
    """Ask S3 for a job, its tags and the size of its manifest, where the policies look at it; nothing is changed.

    Raises:
        GateAccessError: There are no credentials or no Region, or AWS can't be reached or refuses.
        JobsApiError: S3 refused, or knows no such job.
        ManifestsApiError: S3 did not answer the question for the manifest.
    """
    with aws_errors():
        session = boto3.session.Session(profile_name=options.profile, region_name=options.region)
        account_id = options.account_id or session.client("sts", config=CONFIG).get_caller_identity()["Account"]
        client = session.client("s3control", endpoint_url=options.endpoint_url, config=CONFIG)
        partition = client.meta.partition
        ref = JobRef(partition, client.meta.region_name, account_id, job_id)
        jobs = S3Control(client, SystemClock(), untagged_lacks_tags=options.untagged_answer_lacks_tags)
        snapshot = jobs.snapshot(ref, with_tags=policies.asks_for("tags"))
        asked = policies.asks_for("manifest.bytes")
        size = StoredManifests(session.client("s3", config=CONFIG)).size(snapshot.job) if asked else NOT_READ
    return snapshot, size
