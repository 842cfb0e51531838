"""The function that reads large manifests, as the state machine invokes it."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any, cast

import msgspec
import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from batchgate.errors import ManifestsApiError
from batchgate.gate.manifest_reading import ReadingRequest
from batchgate.handlers import read_manifest
from batchgate.jobs.manifest_contents import ManifestContents
from batchgate.jobs.model import JobRef
from batchgate.policy.facts import Gap
from tests.flow.deployed import Context
from tests.flow.stage import Stage
from tests.flow.test_manifest_reading import RANGE, begun, contents, large


class Queue:
    """The queue of job events.

    Attributes:
        sent: The ARNs of the jobs that are to be reviewed.
        fails: Whether it refuses.
    """

    def __init__(self) -> None:
        """Empty."""
        self.sent: list[str] = []
        self.fails = False

    def send(self, job_arn: str) -> None:
        """Keep it."""
        if self.fails:
            raise ManifestsApiError("SendMessage: AccessDenied")
        self.sent.append(job_arn)


@pytest.fixture
def stage() -> Stage:
    """A gate for which a range is small."""
    return Stage(range_bytes=RANGE)


@pytest.fixture
def queue(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Queue:
    """The function's, which reads with the stage's steps."""
    made = Queue()
    monkeypatch.setattr(read_manifest, "open_reading_steps", lambda home: stage.reading_steps)
    monkeypatch.setattr(read_manifest, "open_job_event_queue", lambda: made)
    return made


@pytest.fixture
def ref(stage: Stage) -> JobRef:
    """A job with a large manifest."""
    return large(stage)


@pytest.fixture
def step(stage: Stage, ref: JobRef, queue: Queue) -> Callable[..., Any]:
    """Makes a step of the job's reading."""
    request: ReadingRequest = begun(stage, ref)

    def make(name: str, **more: Any) -> Any:
        event = {"step": name, "request": msgspec.to_builtins(request), **more}
        return read_manifest.handler(event, cast("LambdaContext", Context()))

    return make


def test_the_steps_read_a_manifest_and_have_its_job_reviewed(
    stage: Stage, ref: JobRef, queue: Queue, step: Callable[..., Any]
) -> None:
    """The plan answers with the numbers of the parts, the others with nothing that could be too long."""
    parts = step("plan")["parts"]
    assert parts == [*range(len(parts))]
    for number in parts:
        assert step("count", part=number) == {}
    assert queue.sent == []
    assert step("combine") == {}
    assert queue.sent == [ref.arn]
    assert contents(stage, ref) == ManifestContents(20, 20, {"data": 20}, None)
    assert step("plan") == {"parts": []}


@pytest.mark.parametrize(
    ("error", "told"),
    [
        ("ManifestsApiError", "ManifestsApiError"),
        ("States.ExceedToleratedFailureThreshold", "States.ExceedToleratedFailureThreshold"),
        ("Sandbox.Timedout", "Sandbox.Timedout"),
        ("<b>what a requester wrote</b>", "an unexpected error"),
        ("E" * 61, "an unexpected error"),
        ("", "an unexpected error"),
    ],
)
def test_what_failed_for_good_is_told_by_the_name_of_its_error(
    stage: Stage, ref: JobRef, queue: Queue, step: Callable[..., Any], error: str, told: str
) -> None:
    """Nothing else of it: the reason stands on the job. And the job is reviewed, each time that it is given up."""
    for _ in range(2):
        assert step("give_up", error=error) == {}
    found = contents(stage, ref)
    assert isinstance(found, Gap)
    assert found.why == f"reading its manifest failed ({told})"
    assert queue.sent == [ref.arn, ref.arn]


def test_a_step_that_fails_raises_and_is_made_again(
    stage: Stage, ref: JobRef, queue: Queue, step: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """The queue refuses after the reading ended: the step that is made again asks again."""
    for number in step("plan")["parts"]:
        step("count", part=number)
    queue.fails = True
    with pytest.raises(ManifestsApiError):
        step("combine")
    assert '"Errors"' in capsys.readouterr().out
    queue.fails = False
    step("combine")
    assert queue.sent == [ref.arn]
    assert isinstance(contents(stage, ref), ManifestContents)


def test_the_functions_that_decide_load_what_counts_only_where_a_manifest_is_asked_for() -> None:
    """Their cold start is what a job waits for, and few policies ask."""
    program = (
        "import sys, batchgate.handlers.job_event, batchgate.handlers.sweep, batchgate.handlers.api;"
        "print(*[name for name in sys.modules if 'manifest' in name])"
    )
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == ["batchgate.jobs.manifest_contents", "batchgate.jobs.named_manifest"]
