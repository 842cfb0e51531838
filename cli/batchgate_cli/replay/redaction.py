"""Recordings without names: every name is replaced, the same name by the same replacement."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from batchgate.jobs.model import Json
from batchgate_cli.replay.reasons import DecidedBy, read_reason

if TYPE_CHECKING:
    from botocore.model import Shape, StructureShape

_KEPT: Final = frozenset({"FailureCode", "InvocationSchemaVersion", "SuspendedCause"})
"""S3's own words, though its model lists no closed set for them."""

_KINDS: Final = {
    "Bucket": "bucket",
    "ETag": "etag",
    "ExpectedBucketOwner": "account",
    "ExpectedManifestBucketOwner": "account",
    "JobId": "job",
    "ManifestPrefix": "prefix",
    "ObjectVersionId": "version",
    "Prefix": "prefix",
    "TargetKeyPrefix": "prefix",
}
_ARN_PARTS: Final = 6
_ACCOUNT_DIGITS: Final = 12


class Redaction:
    """Replaces the names of one recording.

    A replacement is a kind and a number, in the order in which the names come: it contains no part of a name, and no
    key leads back. Operations, settings, numbers, dates, Regions and statuses stay.
    """

    def __init__(self, description: "StructureShape") -> None:
        """Begin a recording.

        Args:
            description: The shape of `Job` in DescribeJob's answer: S3's closed sets are kept, all other text goes.
        """
        self._description = description
        self._replaced: dict[tuple[str, str], str] = {}
        self._counts: dict[str, int] = {}

    def redact(self, document: Mapping[str, Json]) -> dict[str, Json]:
        """One job's document without names."""
        job = document.get("Job")
        tags = document.get("Tags")
        redacted: dict[str, Json] = {**document, "Redacted": True}
        redacted["Job"] = self._structure(self._description, job if isinstance(job, dict) else {})
        if isinstance(tags, list):
            redacted["Tags"] = [self._tag(each) for each in tags if isinstance(each, dict)]
        return redacted

    def _value(self, name: str, shape: "Shape", value: Json) -> Json:
        kind: Any = shape
        if isinstance(value, dict) and shape.type_name == "structure":
            return self._structure(kind, value)
        if isinstance(value, dict):
            return {self._name("argument", key): self._name("value", str(each)) for key, each in value.items()}
        if isinstance(value, list):
            if {"Key", "Value"} <= getattr(kind.member, "members", {}).keys():
                return [self._tag(each) for each in value if isinstance(each, dict)]
            return [self._value(name, kind.member, each) for each in value]
        if not isinstance(value, str) or shape.type_name != "string" or name in _KEPT:
            return value
        if kind.enum:
            return value
        return self._reason(value) if name == "StatusUpdateReason" else self._text(name, value)

    def _structure(self, shape: "StructureShape", members: Mapping[str, Json]) -> dict[str, Json]:
        known = shape.members
        return {name: self._value(name, known[name], value) for name, value in members.items() if name in known}

    def _tag(self, tag: Mapping[str, Json]) -> dict[str, Json]:
        return {"Key": self._name("tag", str(tag.get("Key"))), "Value": self._name("value", str(tag.get("Value")))}

    def _text(self, name: str, text: str) -> str:
        if text.startswith("arn:") and text.count(":") >= _ARN_PARTS - 1:
            return self._arn(text)
        return self._name(_KINDS.get(name, name.lower()), text)

    def _arn(self, arn: str) -> str:
        """An ARN with its own partition, service and Region."""
        start, partition, service, region, account, resource = arn.split(":", _ARN_PARTS - 1)
        return ":".join(
            (start, partition, service, region, self._name("account", account), self._resource(service, resource))
        )

    def _resource(self, service: str, resource: str) -> str:
        kind, slash, rest = resource.partition("/")
        if service == "s3" and kind != "job":
            return self._name("bucket", kind) + (f"/{self._name('key', rest)}" if slash else "")
        if slash:
            return f"{kind}/{self._name(kind, rest)}"
        kind, colon, rest = resource.partition(":")
        return f"{kind}:{self._name(kind, rest)}" if colon else self._name(service, resource)

    def _reason(self, text: str) -> str:
        """A reason; of one of the gate's the verdict, the versions and whether people decided are kept."""
        reason = read_reason(text)
        if reason is None:
            return self._name("reason", text)
        policy = f"policy {reason.policy_version} " if reason.policy_version else ""
        said = self._name("reason", reason.said)
        by = f"arn:aws:iam::{self._name('account', '')}:user/people: {said}" if reason.by is DecidedBy.PEOPLE else said
        did = "approved" if reason.approved else "cancelled"
        return f"batchgate: {did} by {by} [{policy}claim {reason.claim_id}]"

    def _name(self, kind: str, name: str) -> str:
        """The replacement of a name; none for an empty one."""
        if not name:
            return ""
        found = self._replaced.get((kind, name))
        if found is None:
            number = self._counts[kind] = self._counts.get(kind, 0) + 1
            found = f"{10 ** (_ACCOUNT_DIGITS - 1) + number}" if kind == "account" else f"{kind}-{number:04}"
            self._replaced[kind, name] = found
        return found
