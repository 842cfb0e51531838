"""What a name means that is no operation of S3 Batch Operations."""

from collections.abc import Mapping
from difflib import get_close_matches

from batchgate.jobs.model import KNOWN_OPERATIONS
from batchgate.policy.patterns import matcher

_COMPARED_AT_MOST = 64
_MISSPELLED = 0.93
"""How alike two names are that differ by a letter or two: S3PutObject is not a misspelled S3PutObjectAcl."""

_DELETIONS = ("delete", "remove", "purge", "expire")
_OF_WORDS: Mapping[str, str] = {
    "untag": "S3DeleteObjectTagging",
    "deletetag": "S3DeleteObjectTagging",
    "deleteobjecttag": "S3DeleteObjectTagging",
    "removetag": "S3DeleteObjectTagging",
    "tag": "S3PutObjectTagging",
    "copy": "S3PutObjectCopy",
    "copies": "S3PutObjectCopy",
    "restore": "S3InitiateRestoreObject",
    "glacier": "S3InitiateRestoreObject",
    "acl": "S3PutObjectAcl",
    "legalhold": "S3PutObjectLegalHold",
    "retention": "S3PutObjectRetention",
    "replicat": "S3ReplicateObject",
    "checksum": "S3ComputeObjectChecksum",
    "encrypt": "S3UpdateObjectEncryption",
    "kms": "S3UpdateObjectEncryption",
    "lambda": "LambdaInvoke",
    "invoke": "LambdaInvoke",
}
"""By a word of the name, the most telling first."""

NO_DELETION = (
    "S3 Batch Operations has no operation that deletes objects: jobs delete through LambdaInvoke (restrict"
    " LambdaInvoke.FunctionArn), or through S3PutObjectTagging with a tag by which a lifecycle rule expires objects"
)


def what_to_write(name: str, where_newer: str = "") -> str:
    """What to write instead of a name, or of a pattern without classes, that no operation has; never a far guess.

    Args:
        name: The name or pattern.
        where_newer: What to do where it is an operation that this version does not know; said where nothing is near.
    """
    meant = _meant(_folded(name))
    if meant:
        return f"write {' or '.join(meant)}"
    if any(deletion in _folded(name) for deletion in _DELETIONS):
        return NO_DELETION
    return f"write one of {', '.join(sorted(KNOWN_OPERATIONS))}{where_newer}"


def operation_meant(name: str) -> str:
    """The operation to write instead of a name that no operation has; the name itself where that is not clear."""
    meant = [] if name in KNOWN_OPERATIONS or "*" in name or "?" in name else _meant(_folded(name))
    return meant[0] if len(meant) == 1 else name


def _folded(name: str) -> str:
    return name[:_COMPARED_AT_MOST].casefold()


def _meant(folded: str) -> list[str]:
    """The operations that a name is near to, or else the one that a word of it names."""
    by_folded_name = {known.casefold(): known for known in sorted(KNOWN_OPERATIONS)}
    alike = get_close_matches(folded, by_folded_name, 1, _MISSPELLED)
    near = list(filter(matcher([folded]), by_folded_name)) or alike
    word = next((word for word in _OF_WORDS if word in folded), None)
    return [by_folded_name[each] for each in near] or ([_OF_WORDS[word]] if word else [])
