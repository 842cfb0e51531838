"""The job API inside moto's `mock_aws`.

Moto has no S3 Batch Operations: inside its mock, CreateJob and the other job operations answer 404. `mock_s3batch` adds
them to moto's table of S3 Control URLs, from which moto answers clients of boto3. All other operations stay moto's.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Protocol, TypeAlias
from unittest.mock import patch
from urllib.parse import urlsplit

import boto3
from moto import mock_aws
from moto.s3control import urls

from s3batch_emulator.address import JobScope
from s3batch_emulator.clients import raise_unless_whole
from s3batch_emulator.clock import Clock, SteppedClock
from s3batch_emulator.emulator import Emulator
from s3batch_emulator.events import Event
from s3batch_emulator.exchange import HttpRequest
from s3batch_emulator.objects import S3Objects
from s3batch_emulator.switches import Delays, Pace, Switches

_JOBS = "{0}/v20180820/jobs(?:/.*)?$"
"""Every path of the job operations, in moto's notation: `{0}` is the host of S3 Control."""

_MotoAnswer: TypeAlias = tuple[int, dict[str, str], bytes]


class _MotoRequest(Protocol):
    """The part of moto's request that the emulator reads."""

    method: str

    def get_data(self) -> bytes:
        """The body."""
        ...


@dataclass(frozen=True, slots=True)
class MotoBatch:
    """The job API inside moto's mock.

    Attributes:
        clock: The clock of the jobs. Moto's own clock is not changed by it.
        events: All events so far, oldest first.
        emulator: Answers the job operations.
    """

    clock: Clock
    events: list[Event]
    emulator: Emulator

    def advance(self, **units: float) -> None:
        """Advance the stepped clock, for example by `seconds=30`; the keywords are those of timedelta."""
        if not isinstance(self.clock, SteppedClock):
            raise TypeError("advance needs a SteppedClock; this emulator was given another clock")
        self.clock.advance(timedelta(**units))


@contextlib.contextmanager
def mock_s3batch(
    clock: Clock | None = None,
    switches: Switches | None = None,
    *,
    delays: Delays | None = None,
    pace: Pace | None = None,
    running_slots: int | None = None,
    seed: int = 0,
) -> Iterator[MotoBatch]:
    """Add the job operations to moto's mock, alone or inside another `mock_aws`.

    Jobs live in the account and Region of their request. Their manifests, inventories and bucket listings come from
    moto's S3, read with credentials that moto's STS issues for the job's account.

    Args:
        clock: By default a SteppedClock that starts at the present time.
        switches: As for `Emulator`.
        delays: As for `Emulator`.
        pace: As for `Emulator`.
        running_slots: As for `Emulator`.
        seed: As for `Emulator`.
    """
    with mock_aws():
        chosen = clock or SteppedClock(datetime.now(UTC))
        events: list[Event] = []
        emulator = Emulator(
            chosen,
            cache(_moto_objects),
            events.append,
            switches,
            delays=delays,
            pace=pace,
            running_slots=running_slots,
            seed=seed,
        )
        jobs = {_JOBS: _responder(emulator)}
        with patch.object(urls, "url_paths", jobs | urls.url_paths | jobs):  # first, and before an outer mock's
            yield MotoBatch(chosen, events, emulator)


def _responder(emulator: Emulator) -> Callable[[_MotoRequest, str, Mapping[str, str]], _MotoAnswer]:
    """A function as moto's table of URLs holds them."""

    def respond(request: _MotoRequest, url: str, headers: Mapping[str, str]) -> _MotoAnswer:
        target = urlsplit(url)
        sent = {name.lower(): value for name, value in headers.items()}
        response = emulator.exchange(
            HttpRequest(request.method, target.path, target.query, {**sent, "host": target.netloc}, request.get_data())
        )
        raise_unless_whole(response, url)
        return response.status, dict(response.headers), response.body

    return respond


def _moto_objects(scope: JobScope) -> S3Objects:
    """Moto's S3 as a role of the job's account sees it."""
    sts = boto3.client("sts", scope.region, aws_access_key_id="testing", aws_secret_access_key="testing")  # noqa: S106
    role = f"arn:{scope.partition}:iam::{scope.account_id}:role/s3batch-emulator"
    issued = sts.assume_role(RoleArn=role, RoleSessionName="s3batch-emulator")["Credentials"]
    return S3Objects(
        boto3.client(
            "s3",
            scope.region,
            aws_access_key_id=issued["AccessKeyId"],
            aws_secret_access_key=issued["SecretAccessKey"],
            aws_session_token=issued["SessionToken"],
        )
    )
