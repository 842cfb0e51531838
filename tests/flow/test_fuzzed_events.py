"""A thousand fuzzed events, sent to the gate function; FUZZED_EVENTS sets another number."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchgate.jobs.model import Json
from s3batch_emulator import Pace
from tests.flow.deployed import Served, job_event, sqs_record
from tests.flow.stage import ACCOUNT, REGION, Stage

POLICY = """
version: 1
policies:
  - name: small
    match: [{operation: S3PutObjectTagging}]
    require: [{total_tasks: {at_most: 3}}]
"""
EVENTS = int(os.environ.get("FUZZED_EVENTS", "1000"))
UNKNOWN = "00000000-dead-beef-0000-000000000000"
STATUSES = ["New", "Preparing", "Suspended", "Ready", "Active", "Complete", "Cancelled", "Failed", "Approved", ""]

texts = st.text(max_size=30)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=8
)
MEMBERS = [
    ("source",),
    ("detail",),
    ("detail-type",),
    ("account",),
    ("detail", "eventName"),
    ("detail", "serviceEventDetails"),
    ("detail", "serviceEventDetails", "jobArn"),
    ("detail", "serviceEventDetails", "jobId"),
    ("detail", "serviceEventDetails", "status"),
]


def put(event: dict[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """The event with one member replaced."""
    name, *rest = path
    inner = event.get(name)
    if rest:
        value = put(inner if isinstance(inner, dict) else {}, tuple(rest), value)
    return event | {name: value}


@st.composite
def bodies(draw: st.DrawFn, job_ids: list[str]) -> str:
    """Draw a message's body: an event of one of the jobs with a status made up, perhaps bent, perhaps no event."""
    if draw(st.integers(0, 9)) == 0:
        return draw(texts | values.map(json.dumps))
    event = job_event(draw(st.sampled_from([*job_ids, UNKNOWN])), status=draw(st.sampled_from(STATUSES)))
    event = put(event, ("detail", "eventName"), draw(st.sampled_from(["JobCreated", "JobStatusChanged"])))
    for path in draw(st.lists(st.sampled_from(MEMBERS), max_size=2)):
        event = put(event, path, draw(values))
    for name, value in draw(st.dictionaries(texts, values, max_size=2)).items():
        event.setdefault(name, value)
    text = json.dumps(event)
    return text[: draw(st.integers(0, len(text)))] if draw(st.integers(0, 19)) == 0 else text


@st.composite
def arns(draw: st.DrawFn) -> str:
    """Draw ARNs that are near to a job's."""
    parts = ["arn", "aws", "s3", REGION, ACCOUNT, f"job/{UNKNOWN}"]
    parts[draw(st.integers(0, 5))] = draw(texts | st.sampled_from(["", "aws-cn", "999999999999", "job/", "job/a"]))
    return ":".join(parts)


@pytest.mark.slow
def test_a_thousand_fuzzed_events_crash_nothing_and_decide_nothing_that_s3_does_not_say(
    served: Served, tmp_path: Path
) -> None:
    """Each beside an event of a job that is not found: only own ids come again, only the Suspended small job moves."""
    stage = Stage(POLICY)
    approvable = stage.create(2)
    held = stage.create(5)
    running = stage.create(1)
    stage.update_as_a_person(running, "Ready")
    cancelled = stage.create(3)
    stage.update_as_a_person(cancelled, "Cancelled")
    new = stage.create(3, until="New")
    stage.emulator.set_pace(running.job_id, Pace(tasks_per_second=0.0001))
    job_ids = [ref.job_id for ref in (approvable, held, running, cancelled, new)]
    still = {ref: stage.status(ref) for ref in (held, running, cancelled, new)}

    def confirmed() -> int:
        """How often the job was; by its history, for the emulator keeps the last calls alone."""
        return [status.value for _, status in stage.job(approvable).history].count("Ready")

    with served.deployed(stage, tmp_path, POLICY) as function:

        @settings(max_examples=EVENTS)
        @given(
            body=bodies(job_ids) | arns().map(lambda arn: json.dumps(job_event(UNKNOWN, arn=arn))),
            deliveries=st.integers(1, 4),
        )
        def receive(body: str, deliveries: int) -> None:
            function.log.seek(0)
            function.log.truncate()
            again = function.receive(
                sqs_record(body, message_id="fuzzed", deliveries=deliveries),
                sqs_record("dropped", message_id="beside"),
            )
            assert again in ([], ["fuzzed"])
            if again:
                assert UNKNOWN in body or deliveries < 3
            assert {ref: stage.status(ref) for ref in still} == still
            assert confirmed() <= 1
            assert "event dropped: not JSON" in function.messages  # of the one beside; and every line can be read

        receive()
        function.receive(sqs_record(job_event(approvable.job_id)))
    assert confirmed() == 1
    assert stage.status(approvable) == "Ready"


@pytest.mark.slow
def test_the_fuzz_reaches_what_it_is_meant_to_reach() -> None:
    """Good events of every job, bent ones, and bodies that are no JSON are all among what is drawn."""
    reached: set[str] = set()

    @settings(max_examples=300, database=None, derandomize=True)
    @given(bodies(["job-1", "job-2"]))
    def look(body: str) -> None:
        try:
            event: Json = json.loads(body)
        except ValueError:
            reached.add("no JSON")
            return
        if not isinstance(event, dict):
            reached.add("no object")
            return
        said = list(_arns(event))
        reached.add(str(said[0])[-5:] if said and isinstance(said[0], str) else "bent")

    look()
    assert {"no JSON", "no object", "job-1", "job-2", "bent"} <= reached


def _arns(event: dict[str, Json]) -> Iterator[Json]:
    detail = event.get("detail")
    details = detail.get("serviceEventDetails") if isinstance(detail, dict) else None
    if isinstance(details, dict) and "jobArn" in details:
        yield details["jobArn"]
