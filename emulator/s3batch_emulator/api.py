"""The public names of the package, which `s3batch_emulator` loads when the first of them is used."""

from s3batch_emulator.address import JobScope
from s3batch_emulator.calls import Call
from s3batch_emulator.clients import connect, over_http, point_at
from s3batch_emulator.clock import Clock, RealClock, SteppedClock
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
from s3batch_emulator.server import application, running_server
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
    "JobScope",
    "JobSnapshot",
    "JobStatus",
    "ListedObject",
    "ManifestKind",
    "MemoryObjects",
    "ObjectSource",
    "ObjectUnreadableError",
    "Pace",
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
    "application",
    "connect",
    "over_http",
    "point_at",
    "running_server",
]
