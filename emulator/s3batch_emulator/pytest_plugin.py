"""Pytest fixtures. Pytest loads this module by itself once the package is installed.

Imports are inside the fixtures: the module costs nothing in test runs that don't use them.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from s3batch_emulator.moto import MotoBatch
    from s3batch_emulator.testing import EmulatedBatch


@pytest.fixture
def s3batch() -> "EmulatedBatch":
    """An emulator without jobs, with a stepped clock and objects in memory."""
    from s3batch_emulator.testing import EmulatedBatch

    return EmulatedBatch()


@pytest.fixture
def s3batch_client(s3batch: "EmulatedBatch") -> Any:  # noqa: ANN401 -- boto3 creates the client classes at run time
    """A boto3 `s3control` client in us-east-1, connected to `s3batch`."""
    import boto3

    from s3batch_emulator.clients import connect

    client = boto3.client(
        "s3control",
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 -- the emulator accepts any credentials
    )
    return connect(client, s3batch.emulator)


@pytest.fixture
def s3batch_moto() -> "Iterator[MotoBatch]":
    """Moto's `mock_aws`, with the job API added to its S3 Control. Needs the extra `moto`."""
    from s3batch_emulator.moto import mock_s3batch

    with mock_s3batch() as batch:
        yield batch
