"""The stepped clock between threads: a server drives it beside the test that holds it."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

from s3batch_emulator import Emulator, JobStatus, MemoryObjects, SteppedClock, connect
from s3batch_emulator.objects import OpenedObject
from s3batch_emulator.testing import START

from .job_requests import client, job_request

SECONDS = 30
"""How long a thread may wait for another before the test fails; nothing waits that long."""


class SlowObjects(MemoryObjects):
    """Objects that begin to be read, and are read when they may."""

    __slots__ = ("begun", "may_end")

    def __init__(self) -> None:
        """Nobody reads yet."""
        super().__init__()
        self.begun, self.may_end = threading.Event(), threading.Event()

    def open(self, bucket: str, key: str, version_id: str | None = None) -> OpenedObject:
        """Wait for leave."""
        self.begun.set()
        assert self.may_end.wait(SECONDS)
        return super().open(bucket, key, version_id)


class WatchedClock(SteppedClock):
    """A clock that gives leave to read as soon as a second thread wants to drive it."""

    def __init__(self, objects: SlowObjects) -> None:
        """Stand at the start."""
        super().__init__(START)
        self._objects = objects

    @contextmanager
    def held(self) -> Iterator[None]:
        """The same, noticed."""
        if self._objects.begun.is_set():
            self._objects.may_end.set()
        with super().held():
            yield


def test_whoever_settles_a_job_waits_for_what_another_thread_has_begun() -> None:
    """A manifest that a server's thread is reading has no timer left, and the job will be Suspended all the same."""
    objects = SlowObjects()
    clock = WatchedClock(objects)
    emulator = Emulator(clock, objects, seed=0)
    job_id = connect(client(), emulator).create_job(**job_request(objects))["JobId"]
    with ThreadPoolExecutor() as threads:
        server = threads.submit(clock.advance, timedelta(seconds=10))
        assert objects.begun.wait(SECONDS)
        threads.submit(emulator.settle_until, job_id, "Suspended").result(SECONDS)
        server.result(SECONDS)
    assert emulator.job(job_id).status is JobStatus.SUSPENDED
