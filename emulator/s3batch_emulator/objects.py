"""Manifests and source objects: in any S3, or in memory."""

import hashlib
import io
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, BinaryIO, Protocol, cast

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_s3.type_defs import GetObjectRequestTypeDef

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ObjectUnreadableError(Exception):
    """An object or a bucket that a job needs can't be read or written.

    Attributes:
        code: S3's error code, such as NoSuchKey or AccessDenied.
    """

    def __init__(self, code: str, message: str) -> None:
        """Take S3's error code and a message for people."""
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class OpenedObject:
    """An object open for reading.

    Attributes:
        body: Its bytes, from the beginning.
        etag: Without quotation marks.
    """

    body: BinaryIO
    etag: str


@dataclass(frozen=True, slots=True)
class ListedObject:
    """One object in the listing of a bucket.

    Attributes:
        size: In bytes.
        modified: An aware UTC datetime; S3 filters by it as the creation time.
        storage_class: The storage class; `STANDARD` if none was set.
    """

    key: str
    size: int
    modified: datetime
    etag: str
    storage_class: str


class ObjectSource(Protocol):
    """The operations of S3 that Batch Operations itself uses."""

    def open(self, bucket: str, key: str, version_id: str | None = None) -> OpenedObject:
        """Open an object, or one version of it.

        Raises:
            ObjectUnreadableError: The object is missing, or can't be read.
        """
        ...

    def listing(self, bucket: str) -> Iterator[ListedObject]:
        """Every object of a bucket, by key.

        Raises:
            ObjectUnreadableError: The bucket is missing, or can't be listed.
        """
        ...

    def store(self, bucket: str, key: str, body: bytes) -> str:
        """Write an object; returns its ETag, without quotation marks.

        Raises:
            ObjectUnreadableError: The bucket is missing, or can't be written to.
        """
        ...


@dataclass(frozen=True, slots=True)
class _Version:
    version_id: str
    body: bytes
    listed: ListedObject


@dataclass(slots=True)
class MemoryObjects:
    """Objects in memory, for tests. Every bucket is versioned. `put` creates the bucket."""

    _buckets: dict[str, dict[str, list[_Version]]] = field(default_factory=dict)
    _version_ids: Iterator[int] = field(default_factory=itertools.count)

    def put(
        self, bucket: str, key: str, body: bytes, *, modified: datetime = _EPOCH, storage_class: str = "STANDARD"
    ) -> str:
        """Write a version of an object; returns its ETag, the MD5 of its bytes, as in S3 for a single part."""
        etag = hashlib.md5(body, usedforsecurity=False).hexdigest()
        listed = ListedObject(key, len(body), modified, etag, storage_class)
        version = _Version(f"v{next(self._version_ids)}", body, listed)
        self._buckets.setdefault(bucket, {}).setdefault(key, []).append(version)
        return etag

    def latest_version(self, bucket: str, key: str) -> str:
        """The id of the latest version."""
        return self._versions(bucket, key)[-1].version_id

    def delete(self, bucket: str, key: str) -> None:
        """Delete an object with all its versions."""
        self._versions(bucket, key)
        del self._buckets[bucket][key]

    def open(self, bucket: str, key: str, version_id: str | None = None) -> OpenedObject:
        """Open an object, or one version of it."""
        versions = self._versions(bucket, key)
        for version in reversed(versions):
            if version_id in {None, version.version_id}:
                return OpenedObject(io.BytesIO(version.body), version.listed.etag)
        raise ObjectUnreadableError("NoSuchVersion", f"s3://{bucket}/{key} has no version {version_id}")

    def listing(self, bucket: str) -> Iterator[ListedObject]:
        """Every object of a bucket, by key."""
        for _, versions in sorted(self._bucket(bucket).items()):
            yield versions[-1].listed

    def store(self, bucket: str, key: str, body: bytes) -> str:
        """Write an object, into a bucket that exists."""
        self._bucket(bucket)
        return self.put(bucket, key, body)

    def _bucket(self, bucket: str) -> dict[str, list[_Version]]:
        if bucket not in self._buckets:
            raise ObjectUnreadableError("NoSuchBucket", f"the bucket {bucket} does not exist")
        return self._buckets[bucket]

    def _versions(self, bucket: str, key: str) -> list[_Version]:
        if key not in self._bucket(bucket):
            raise ObjectUnreadableError("NoSuchKey", f"s3://{bucket}/{key} does not exist")
        return self._buckets[bucket][key]


class S3Objects:
    """Objects in S3, or in any server with its API."""

    def __init__(self, client: "S3Client") -> None:
        """Read with a boto3 `s3` client."""
        self._client = client

    @classmethod
    def at(
        cls,
        endpoint_url: str,
        *,
        region: str = "us-east-1",
        access_key_id: str | None = None,
        secret_access_key: str | None = None,
    ) -> "S3Objects":
        """Objects behind an endpoint, addressed path-style. Nothing is sent yet.

        Args:
            endpoint_url: URL of the S3 server.
            region: The Region that requests are signed for.
            access_key_id: None for those that any AWS tool finds: environment variables, a profile, and so on.
            secret_access_key: Goes with `access_key_id`.

        Raises:
            NoCredentialsError: There are none.
            ValueError: The endpoint is not a URL.
        """
        session = boto3.session.Session(aws_access_key_id=access_key_id, aws_secret_access_key=secret_access_key)
        if session.get_credentials() is None:
            raise NoCredentialsError
        config = Config(
            s3={"addressing_style": "path"},
            proxies={},
            connect_timeout=5,
            read_timeout=30,
            retries={"total_max_attempts": 2},
        )
        return cls(session.client("s3", endpoint_url=endpoint_url, region_name=region, config=config))

    def open(self, bucket: str, key: str, version_id: str | None = None) -> OpenedObject:
        """Open an object, or one version of it."""
        named: GetObjectRequestTypeDef = {"Bucket": bucket, "Key": key}
        if version_id:
            named["VersionId"] = version_id
        try:
            found = self._client.get_object(**named)
        except (ClientError, BotoCoreError) as error:
            raise _unreadable(error) from error
        return OpenedObject(cast("BinaryIO", found["Body"]), str(found["ETag"]).strip('"'))

    def listing(self, bucket: str) -> Iterator[ListedObject]:
        """Every object of a bucket, by key."""
        try:
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
                for entry in page.get("Contents", []):
                    yield ListedObject(
                        key=str(entry["Key"]),
                        size=int(entry["Size"]),
                        modified=entry["LastModified"].astimezone(UTC),
                        etag=str(entry["ETag"]).strip('"'),
                        storage_class=str(entry.get("StorageClass", "STANDARD")),
                    )
        except (ClientError, BotoCoreError) as error:
            raise _unreadable(error) from error

    def store(self, bucket: str, key: str, body: bytes) -> str:
        """Write an object, into a bucket that exists."""
        try:
            return str(self._client.put_object(Bucket=bucket, Key=key, Body=body)["ETag"]).strip('"')
        except (ClientError, BotoCoreError) as error:
            raise _unreadable(error) from error


def _unreadable(error: ClientError | BotoCoreError) -> ObjectUnreadableError:
    code = str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else type(error).__name__
    return ObjectUnreadableError(code, str(error))
