"""What the canary makes beside its jobs, and removes again whatever happens: a bucket, a role, a rule and a queue."""

import gzip
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from batchgate.contract import JOB_EVENT_PATTERN
from batchgate.errors import GateError
from batchgate_cli.operating.canary_facts import OBJECTS, Manifest

TAG: Final = "batchgate-canary"
DATA: Final = "data/"
"""Below it are the objects that the jobs tag; manifests are beside it."""

_IS_GONE: Final = frozenset(
    {
        "NoSuchBucket",
        "NoSuchEntity",
        "ResourceNotFoundException",
        "QueueDoesNotExist",
        "AWS.SimpleQueueService.NonExistentQueue",
    }
)


class CanaryError(GateError):
    """The canary could not make what it needs."""


@dataclass(slots=True)
class Belonging:
    """Something that the canary has made, or may have made.

    Attributes:
        what: For people.
        command: Removes it by hand.
        remove: Removes it; raises what AWS raises.
    """

    what: str
    command: str
    remove: Callable[[], None]


@dataclass(slots=True)
class Belongings:
    """Everything that is to be removed, noted before it is made: so a lost response loses nothing.

    Attributes:
        noted: What is still to be removed.
        left: What could not be removed.
    """

    say: Callable[[str], None]
    noted: list[Belonging] = field(default_factory=list)
    left: list[Belonging] = field(default_factory=list)

    def note(self, what: str, command: str, remove: Callable[[], None]) -> Belonging:
        """Note something that is about to be made."""
        self.noted.append(Belonging(what, command, remove))
        return self.noted[-1]

    def remove_all(self) -> None:
        """Remove everything, the latest first; what could not be removed is in `left`.

        Ctrl-C skips what is being removed.
        """
        while self.noted:
            thing = self.noted[-1]
            try:
                problem = _problem_of_removing(thing)
            except KeyboardInterrupt:
                problem = "interrupted"
            if problem:
                self.left.append(thing)
            self.noted.pop()
            self.say(f"not removed: {thing.what}: {problem}" if problem else f"removed: {thing.what}")


def _problem_of_removing(thing: Belonging) -> str:
    """Remove something; "" if it is gone now."""
    try:
        thing.remove()
    except ClientError as error:
        return "" if error.response["Error"]["Code"] in _IS_GONE else str(error)
    except (BotoCoreError, GateError) as error:
        return str(error)
    return ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the canary's things are.

    Attributes:
        name: Of bucket, role, rule and queue; unique.
    """

    name: str
    partition: str
    region: str
    account_id: str

    @property
    def bucket_arn(self) -> str:
        """The bucket's."""
        return f"arn:{self.partition}:s3:::{self.name}"

    @property
    def rule_arn(self) -> str:
        """The rule's."""
        return f"arn:{self.partition}:events:{self.region}:{self.account_id}:rule/{self.name}"

    @property
    def queue_arn(self) -> str:
        """The queue's."""
        return f"arn:{self.partition}:sqs:{self.region}:{self.account_id}:{self.name}"

    @property
    def role_arn(self) -> str:
        """The role's."""
        return f"arn:{self.partition}:iam::{self.account_id}:role/{self.name}"


def make_bucket(s3: Any, place: Place, belongings: Belongings) -> dict[Manifest, str]:  # noqa: ANN401 - boto3's
    """Make the bucket, its objects and its manifests; the manifests' ETags."""
    bucket = place.name

    def remove() -> None:
        while page := s3.list_objects_v2(Bucket=bucket).get("Contents"):
            s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": each["Key"]} for each in page], "Quiet": True})
        s3.delete_bucket(Bucket=bucket)

    belongings.note(f"bucket {bucket}", f"aws s3 rb s3://{bucket} --force --region {place.region}", remove)
    elsewhere = {"CreateBucketConfiguration": {"LocationConstraint": place.region}}
    s3.create_bucket(Bucket=bucket, **({} if place.region == "us-east-1" else elsewhere))
    blocked = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=dict.fromkeys(blocked, True))
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": TAG, "Value": bucket}]})
    keys = [f"{DATA}{number}" for number in range(OBJECTS)]
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=b"canary")
    rows = "".join(f"{bucket},{key}\n" for key in keys).encode()
    bodies = {
        Manifest.CSV: rows,
        Manifest.INVENTORY: json.dumps(_inventory(s3, place, rows)).encode(),
    }
    return {
        manifest: s3.put_object(Bucket=bucket, Key=key_of(manifest), Body=body)["ETag"].strip('"')
        for manifest, body in bodies.items()
    }


def key_of(manifest: Manifest) -> str:
    """Where a manifest is stored."""
    return "manifests/manifest.json" if manifest is Manifest.INVENTORY else "manifests/objects.csv"


def _inventory(s3: Any, place: Place, rows: bytes) -> dict[str, Any]:  # noqa: ANN401 - boto3's
    """An inventory report of the objects, written by hand; *source*: S3 User Guide, storage-inventory-location."""
    data = gzip.compress(rows, mtime=0)
    key = "manifests/inventory.csv.gz"
    etag = s3.put_object(Bucket=place.name, Key=key, Body=data)["ETag"].strip('"')  # its MD5: it is one part
    return {
        "sourceBucket": place.name,
        "destinationBucket": place.bucket_arn,
        "version": "2016-11-30",
        "creationTimestamp": "1480464000000",
        "fileFormat": "CSV",
        "fileSchema": "Bucket, Key",
        "files": [{"key": key, "size": len(data), "MD5checksum": etag}],
    }


def make_role(iam: Any, place: Place, belongings: Belongings) -> None:  # noqa: ANN401 - boto3's
    """Make the role that S3 runs the jobs with: for nothing but the canary's bucket.

    *Source*: S3 User Guide, batch-ops-iam-role-policies; for a generated manifest, s3-batch-replication-policies.
    """
    name = place.name

    def remove() -> None:
        for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
            iam.delete_role_policy(RoleName=name, PolicyName=policy)
        iam.delete_role(RoleName=name)

    command = (
        f"aws iam delete-role-policy --role-name {name} --policy-name {TAG}; aws iam delete-role --role-name {name}"
    )
    belongings.note(f"role {name}", command, remove)
    service = {"Service": "batchoperations.s3.amazonaws.com"}
    iam.create_role(
        RoleName=name,
        AssumeRolePolicyDocument=_document([{"Effect": "Allow", "Principal": service, "Action": "sts:AssumeRole"}]),
        Description="S3 Batch Operations jobs of batchgate doctor --canary",
        Tags=[{"Key": TAG, "Value": name}],
    )
    iam.put_role_policy(RoleName=name, PolicyName=TAG, PolicyDocument=_document(role_statements(place.bucket_arn)))


def role_statements(bucket_arn: str) -> list[dict[str, Any]]:
    """What the role of the jobs may do."""
    objects = ["s3:GetObject", "s3:GetObjectVersion", "s3:PutObjectTagging", "s3:PutObjectVersionTagging"]
    return [
        {"Effect": "Allow", "Action": objects, "Resource": f"{bucket_arn}/*"},
        {"Effect": "Allow", "Action": ["s3:ListBucket", "s3:PutInventoryConfiguration"], "Resource": bucket_arn},
    ]


def make_queue_and_rule(sqs: Any, events: Any, place: Place, belongings: Belongings) -> str:  # noqa: ANN401 - boto3's
    """Make a queue, and a rule that sends it the job events of the account and Region; the queue's URL."""
    name, region = place.name, place.region
    url = ""

    def remove_queue() -> None:
        sqs.delete_queue(QueueUrl=url or sqs.get_queue_url(QueueName=name)["QueueUrl"])

    by_url = f'"$(aws sqs get-queue-url --queue-name {name} --region {region} --query QueueUrl --output text)"'
    belongings.note(f"queue {name}", f"aws sqs delete-queue --region {region} --queue-url {by_url}", remove_queue)
    sender = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": place.queue_arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": place.rule_arn}},
    }
    made = sqs.create_queue(QueueName=name, Attributes={"Policy": _document([sender])}, tags={TAG: name})
    url = str(made["QueueUrl"])

    def remove_rule() -> None:
        events.remove_targets(Rule=name, Ids=["queue"])
        events.delete_rule(Name=name)

    command = (
        f"aws events remove-targets --region {region} --rule {name} --ids queue; "
        f"aws events delete-rule --region {region} --name {name}"
    )
    belongings.note(f"rule {name}", command, remove_rule)
    events.put_rule(
        Name=name,
        EventPattern=json.dumps(JOB_EVENT_PATTERN),
        Description="Job events for batchgate doctor --canary",
        Tags=[{"Key": TAG, "Value": name}],
    )
    answer = events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": place.queue_arn}])
    if answer.get("FailedEntryCount"):
        raise CanaryError(f"PutTargets: {answer['FailedEntries'][0].get('ErrorMessage')}")
    return url


def _document(statements: Sequence[dict[str, Any]]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
