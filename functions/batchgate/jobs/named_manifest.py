"""The manifest that a job names: which object, and how S3 reads it."""

import hashlib
from typing import Final

import msgspec
from msgspec import Struct

COUNTED_AS: Final = 1
"""Part of every manifest's id: a version that counts otherwise reads manifests again."""


class NamedManifest(Struct, frozen=True):
    """One version of one object, read by one format. What is counted in it never changes.

    Attributes:
        bucket: A general-purpose bucket.
        key: The object's key.
        etag: That the object must have, without quotes.
        version: That the job pins; "" where it pins none.
        format: S3's name of the format.
        fields: The columns of a CSV, as the job has them; empty for an inventory.
    """

    bucket: str
    key: str
    etag: str
    version: str = ""
    format: str = ""
    fields: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The same for the same bytes read the same way: 64 hexadecimal digits."""
        content = [COUNTED_AS, self.bucket, self.key, self.version, self.etag, self.format, self.fields]
        return hashlib.sha256(msgspec.json.encode(content)).hexdigest()
