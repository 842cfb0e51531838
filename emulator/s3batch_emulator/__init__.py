"""The S3 Batch Operations job API over HTTP, for tests and demonstrations.

It is a reading of the documentation, not S3: what nobody outside AWS knows is a switch.
It imports nothing of batchgate, so that a shared misreading can't hide in both.

    emulator = Emulator(SteppedClock(datetime(2026, 1, 1, tzinfo=UTC)), MemoryObjects(), print)
    s3control = connect(boto3.client("s3control", region_name="us-east-1"), emulator)
    emulator.clock.advance(timedelta(minutes=1))
"""

from s3batch_emulator.address import Place
from s3batch_emulator.calls import Call
from s3batch_emulator.clock import Clock, RealClock, SteppedClock
from s3batch_emulator.connect import connect, over_http, point_at
from s3batch_emulator.delivery import EventBridgeSink, HttpSink, Unreliability, UnreliableSink
from s3batch_emulator.emulator import Emulator
from s3batch_emulator.errors import EmulatorError, Vocabulary
from s3batch_emulator.events import Event, EventSink
from s3batch_emulator.exchange import Ending
from s3batch_emulator.faults import Effect, Fault, RateLimit
from s3batch_emulator.identity import Authorizer, Caller, Identity
from s3batch_emulator.jobs import Failure, JobSnapshot
from s3batch_emulator.lifecycle import TRANSITIONS, Cause, JobStatus, Transition
from s3batch_emulator.objects import ListedObject, MemoryObjects, ObjectSource, ObjectUnreadableError, S3Objects
from s3batch_emulator.progress import Tally
from s3batch_emulator.server import running_server
from s3batch_emulator.switches import Delays, ManifestKind, Pace, Switches

__all__ = [
    "TRANSITIONS",
    "Authorizer",
    "Call",
    "Caller",
    "Cause",
    "Clock",
    "Delays",
    "Effect",
    "Emulator",
    "EmulatorError",
    "Ending",
    "Event",
    "EventBridgeSink",
    "EventSink",
    "Failure",
    "Fault",
    "HttpSink",
    "Identity",
    "JobSnapshot",
    "JobStatus",
    "ListedObject",
    "ManifestKind",
    "MemoryObjects",
    "ObjectSource",
    "ObjectUnreadableError",
    "Pace",
    "Place",
    "RateLimit",
    "RealClock",
    "S3Objects",
    "SteppedClock",
    "Switches",
    "Tally",
    "Transition",
    "Unreliability",
    "UnreliableSink",
    "Vocabulary",
    "connect",
    "over_http",
    "point_at",
    "running_server",
]
