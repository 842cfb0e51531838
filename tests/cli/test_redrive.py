"""`batchgate redrive` on a deployed gate."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from batchgate_cli.operating import dead_letters
from batchgate_cli.operating.dead_letters import DeadLetterQueue, RedriveError
from tests.cli.api_function import serving_function
from tests.cli.live import LiveStage, batchgate, deploy_function, log, make_unreadable, on_a_terminal
from tests.flow.damage import answering
from tests.flow.deployed import job_event
from tests.flow.stage import APPROVE_ALL, HOLD_ALL


@pytest.fixture
def live(live: LiveStage, tmp_path: Path) -> Iterator[LiveStage]:
    """The same with the API, by which the command learns what became of jobs."""
    with serving_function(live, HOLD_ALL, tmp_path):
        yield live


HOSTILE = "evil\r\n\u009b31m\u202e[bold]"


def assert_nothing_moves_the_cursor(text: str) -> None:
    """Printable characters and line ends."""
    assert all(character.isprintable() for character in text.replace("\n", "")), ascii(text)


def put(live: LiveStage, queue: str, body: str, **attributes: str) -> None:
    """Put a message into one of the gate's queues."""
    live.client("sqs").send_message(
        QueueUrl=live.queues[queue],
        MessageBody=body,
        MessageAttributes={name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()},
    )


def bodies(live: LiveStage, queue: str) -> list[str]:
    """What is visible in one of the gate's queues; it stays."""
    answer: Any = live.client("sqs").receive_message(
        QueueUrl=live.queues[queue], MaxNumberOfMessages=10, VisibilityTimeout=0
    )
    return sorted(message["Body"] for message in answer.get("Messages", []))


def test_no_dead_letters_are_said_to_be_none(live: LiveStage) -> None:
    """Nobody is asked anything."""
    result = batchgate("redrive")
    assert (result.exit_code, result.stdout) == (0, "no dead letters\n")
    assert json.loads(batchgate("redrive", "-o", "json").stdout) == []


def test_dead_letters_are_shown_with_what_is_known_of_each_and_stay(live: LiveStage) -> None:
    """Which job, which event, how old, why, and what became of the job all the same."""
    held, settled, unseen = live.held(), live.held(), live.stage.create()
    live.stage.enforce(APPROVE_ALL)
    live.review(settled)
    live.stage.enforce(HOLD_ALL)
    letters = [json.dumps(job_event(ref.job_id)) for ref in (held, settled)]
    for letter in letters:
        put(live, "unreviewed", letter)
    undelivered = json.dumps(job_event(unseen.job_id, status="Ready"))
    put(live, "undelivered", undelivered, ERROR_CODE="NO_PERMISSIONS", ERROR_MESSAGE="not authorized")
    for _ in range(2):
        result = batchgate("redrive", "--show")
        assert result.exit_code == 0
        said = " ".join(result.stdout.split())
        assert f"{held.job_id} unreviewed, 0 min old" in said
        assert "the job is held: by-hand: needs manual approval" in said
        assert "the job is settled: approved by" in said
        assert f"{unseen.job_id} undelivered, 0 min old" in said
        assert "JobStatusChanged Ready NO_PERMISSIONS, not authorized" in said
        assert "the gate has no record of the job yet" in said
    assert (bodies(live, "unreviewed"), bodies(live, "undelivered")) == (sorted(letters), [undelivered])
    assert bodies(live, "queue") == []
    said = json.loads(batchgate("redrive", "--show", "-o", "json").stdout)
    assert {each["queue"]: each["event"] for each in said} == {
        "unreviewed": "JobStatusChanged Suspended",
        "undelivered": "JobStatusChanged Ready",
    }
    assert said[-1]["why"] == "NO_PERMISSIONS, not authorized"


def test_dead_letters_of_both_queues_are_moved_back_as_they_were(live: LiveStage) -> None:
    """More than one batch of them; a script is told about --yes."""
    letters = [json.dumps(job_event(f"00000000-0000-4000-8000-{number:012}")) for number in range(23)]
    for letter in letters[:21]:
        put(live, "unreviewed", letter)
    for letter in letters[21:]:
        put(live, "undelivered", letter)
    assert batchgate("redrive").exit_code == 2
    assert bodies(live, "queue") == []
    result = batchgate("redrive", "--yes")
    assert result.exit_code == 0, result.output
    assert "moved 21 unreviewed back to the queue" in result.stdout
    assert "moved 2 undelivered back to the queue" in result.stdout
    found = DeadLetterQueue(live.client("sqs"), "queue", live.queues["queue"]).letters()
    assert len({letter.ref for letter in found}) == 23
    assert (bodies(live, "unreviewed"), bodies(live, "undelivered")) == ([], [])


def test_what_is_no_job_event_is_shown_and_moves_nothing_on_the_terminal(live: LiveStage) -> None:
    """Nobody knows who put it there; the gate drops it."""
    put(live, "unreviewed", HOSTILE.replace("\u009b", "x"))
    put(live, "unreviewed", json.dumps({"source": HOSTILE}))
    put(live, "undelivered", json.dumps(job_event("abcdef", status=HOSTILE)), ERROR_MESSAGE="\u202e[bold]")
    result = batchgate("redrive", "--show")
    assert result.exit_code == 0, result.output
    assert_nothing_moves_the_cursor(result.stdout)
    assert "no job event" in result.stdout
    assert "not JSON" in result.stdout
    assert "expected an aws.s3 event" in result.stdout
    assert "the gate drops it" in result.stdout


def test_a_terminal_of_80_columns_gets_whole_job_ids(live: LiveStage) -> None:
    """And a no moves nothing."""
    ref = live.held()
    put(live, "undelivered", json.dumps(job_event(ref.job_id)), ERROR_CODE="ERROR_FROM_TARGET", ERROR_MESSAGE="x" * 200)
    with on_a_terminal("redrive") as terminal:
        terminal.read_until("move 1 back to the queue? [y/N]")
        terminal.answer("n")
        assert terminal.end() == 1
    assert ref.job_id in terminal.said
    assert all(len(line) <= 80 for line in terminal.said.splitlines())
    assert len(bodies(live, "undelivered")) == 1


def test_why_the_gate_failed_is_read_from_its_log(live: LiveStage) -> None:
    """The last error that was logged with the message's id; nothing of other messages."""
    name = live.ledger.table
    deploy_function(live, name)
    live.deploy(functions={"job_event": name})
    put(live, "unreviewed", json.dumps(job_event("abcdef")))
    put(live, "undelivered", json.dumps(job_event("abcdef")), ERROR_CODE="TIMEOUT")
    [letter] = DeadLetterQueue(live.client("sqs"), "unreviewed", live.queues["unreviewed"]).letters()
    log(live, name, letter.message_id, "DescribeJob: SlowDown")
    log(live, name, letter.message_id, "DescribeJob: AccessDenied \u009b31m")
    log(live, name, "another", "DescribeJob: InternalError")
    result = batchgate("redrive", "--show")
    assert (result.exit_code, result.stderr) == (0, "")
    assert_nothing_moves_the_cursor(result.stdout)
    assert "DescribeJob: AccessDenied ?31m" in result.stdout
    assert "TIMEOUT" in result.stdout
    assert "SlowDown" not in result.stdout
    assert "InternalError" not in result.stdout


def test_a_log_that_can_not_be_read_is_said_so(live: LiveStage) -> None:
    """Beside the letters, which are shown all the same."""
    live.deploy(functions={"job_event": "no-such-function"})
    put(live, "unreviewed", json.dumps(job_event("abcdef")))
    result = batchgate("redrive", "--show")
    assert result.exit_code == 0
    assert "abcdef" in result.stdout
    assert "its log can't be read" in result.stderr


def test_what_the_queue_refuses_stays_where_it_is(live: LiveStage) -> None:
    """Only what arrived is deleted."""
    letters = [json.dumps(job_event(f"00000000-0000-4000-8000-{number:012}")) for number in range(3)]
    for letter in letters:
        put(live, "unreviewed", letter)
    sqs = live.client("sqs")
    refusing = RefusingQueue(sqs, refused=letters[1])
    with pytest.raises(RedriveError, match=r"1 of the unreviewed events were refused.*TooLarge"):
        DeadLetterQueue(refusing, "unreviewed", live.queues["unreviewed"]).move_to(live.queues["queue"], 3)  # type: ignore[arg-type]
    assert bodies(live, "unreviewed") == [letters[1]]
    assert bodies(live, "queue") == sorted([letters[0], letters[2]])


class RefusingQueue:
    """SQS, where one message of a batch is refused; the local one never does that."""

    def __init__(self, sqs: Any, *, refused: str) -> None:
        """Refuse the message with this body."""
        self._sqs = sqs
        self._refused = refused

    def __getattr__(self, name: str) -> Any:
        """All other calls are SQS's."""
        return getattr(self._sqs, name)

    def send_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, str]]) -> Any:  # noqa: N803 - as boto3 has it
        """Send all but the one."""
        good = [entry for entry in Entries if entry["MessageBody"] != self._refused]
        bad = [entry for entry in Entries if entry["MessageBody"] == self._refused]
        answer = self._sqs.send_message_batch(QueueUrl=QueueUrl, Entries=good) if good else {}
        failed = [{"Id": entry["Id"], "Code": "TooLarge", "Message": "no", "SenderFault": True} for entry in bad]
        return {**answer, "Failed": failed}


def test_only_so_many_are_shown_and_the_rest_is_counted(live: LiveStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """And only those that were shown are moved."""
    monkeypatch.setattr(dead_letters, "SHOWN_AT_MOST", 2)
    for number in range(5):
        put(live, "unreviewed", json.dumps(job_event(f"00000000-0000-4000-8000-{number:012}")))
    assert "and about 3 more" in batchgate("redrive", "--show").stdout
    assert "moved 2 unreviewed" in batchgate("redrive", "--yes").stdout
    assert len(bodies(live, "unreviewed")) == 3


def test_a_stack_without_queues_is_said_to_be_too_old(live: LiveStage) -> None:
    """The parameter names none."""
    live.deploy(queue_url="")
    result = batchgate("redrive")
    assert result.exit_code == 1
    assert "names no queues" in result.stderr


def test_a_queue_that_is_gone_is_a_message(live: LiveStage) -> None:
    """And no traceback."""
    live.client("sqs").delete_queue(QueueUrl=live.queues["undelivered"])
    result = batchgate("redrive")
    assert result.exit_code == 1
    assert "NonExistentQueue" in result.stderr or "QueueDoesNotExist" in result.stderr


def test_a_dead_letter_of_a_job_whose_item_can_not_be_read_is_shown(live: LiveStage) -> None:
    """And costs the other letters nothing."""
    held, broken = live.held(), live.held()
    put(live, "unreviewed", json.dumps(job_event(held.job_id)))
    put(live, "unreviewed", json.dumps(job_event(broken.job_id)))
    make_unreadable(live, broken)
    result = batchgate("redrive", "--show")
    said = " ".join(result.stdout.split())
    assert result.exit_code == 0
    assert "the job is held" in said
    assert "can't be read" in said


@pytest.mark.parametrize("service", ["sts", "ssm"])
@pytest.mark.parametrize("body", [b"", b"<html>sign in</html>", b"{}", b"[]"])
def test_an_answer_that_is_none_is_a_message(
    live: LiveStage, monkeypatch: pytest.MonkeyPatch, service: str, body: bytes
) -> None:
    """A proxy's page with 200 says nothing of who asks, where the gate is, or what became of a job."""
    put(live, "unreviewed", json.dumps(job_event(live.held().job_id)))
    make: Any = boto3.session.Session.client

    def client(self: Any, name: str, *args: Any, **named: Any) -> Any:
        made = make(self, name, *args, **named)
        if name == service:
            answering(made, lambda operation: (200, {}, body))
        return made

    monkeypatch.setattr(boto3.session.Session, "client", client)
    result = batchgate("redrive", "--show")
    assert "Traceback" not in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert result.exit_code != 0
    assert "the job is held" not in result.stdout
