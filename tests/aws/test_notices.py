"""What people are notified of: one digest of holds and cancellations, through SNS as their subscriptions receive it."""

import json
import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore.stub import Stubber
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from batchgate.aws.notices import TopicNotices
from batchgate.errors import AnnounceError, LedgerError, UnreadableItemError
from batchgate.gate.digest import digest, notify_people
from batchgate.gate.ports import Notice, Ports, Unreadable
from batchgate.gate.state import Phase, RequestedAction, State
from batchgate.jobs.model import JobRef
from batchgate.policy.approvals import Approval
from batchgate_cli.local.memory_ledger import MemoryLedger
from s3batch_emulator import SteppedClock
from tests.flow.stage import ACCOUNT, CANCEL_ALL, HOLD_ALL, REGION, UP_TO_THREE, Stage, raising

NOW = datetime(2026, 3, 27, 12, tzinfo=UTC)


class Sent:
    """The `Notices` port: keeps what is sent, and fails when it is told to."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, str]] = []
        self.failures: list[Exception] = []

    def send(self, notice: Notice) -> None:
        """Keep it, or fail."""
        if self.failures:
            raise self.failures.pop()
        self.messages.append((notice.subject, notice.text))

    def subscribers(self) -> int:
        """One."""
        return 1


class Newsroom(Stage):
    """A stage whose sweep notifies people, as the function's does."""

    def __init__(self, text: str = HOLD_ALL) -> None:
        super().__init__(text)
        self.sent = Sent()

    @property
    def gate(self) -> Ports:
        """With somebody to notify."""
        return replace(super().gate, notices=self.sent)

    def sweep_and_notify(self) -> bool:
        """Whether a message was sent."""
        sent: list[bool] = []
        self.sweep(
            afterwards=lambda report: sent.append(
                notify_people(report.waiting, ACCOUNT, REGION, self.gate, read_at=report.at)
            )
        )
        return any(sent)

    def minutes(self, count: int) -> int:
        """Sweep once a minute; how many messages that made."""
        sent = 0
        for _ in range(count):
            self.advance(minutes=1)
            sent += self.sweep_and_notify()
        return sent

    def named(self, ref: JobRef) -> int:
        """In how many messages a job is named."""
        return sum(ref.job_id in message for _, message in self.sent.messages)


# --- Chat -------------------------------------------------------------------------------------------


def published(notice: Notice, *, chat: bool = True) -> dict[str, Any]:
    """What is asked of SNS."""
    sns = boto3.client("sns", region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test")
    asked: list[dict[str, Any]] = []
    sns.meta.events.register("provide-client-params.sns.Publish", lambda params, **_: asked.append(params))
    with Stubber(sns) as stub:
        stub.add_response("publish", {"MessageId": "1"})
        TopicNotices(sns, f"arn:aws:sns:{REGION}:{ACCOUNT}:batchgate", SteppedClock(NOW), chat=chat).send(notice)
    [only] = asked
    return only


def in_chat(notice: Notice) -> dict[str, Any]:
    """What a chat application receives."""
    document: dict[str, Any] = json.loads(json.loads(published(notice)["Message"])["https"])
    return document


def waiting(reason: str = "needs manual approval", number: int = 1, **changes: Any) -> State:
    """A job that is held."""
    decided = {"phase": Phase.HELD, "verdict": "hold", "requested_action": None, "decided_at": None, "decided_by": ""}
    return replace(cancelled(reason, number), **(decided | changes))


def test_a_chat_application_gets_job_what_is_missing_and_the_command() -> None:
    """In the schema of Amazon Q Developer in chat applications, which drops every other text."""
    held, new = waiting(awaiting="1 of 2 approvals, 1 more needed from *:assumed-role/prod-owner/*"), waiting(number=2)
    notice = digest([held, new], [new], [cancelled("batchgate: too large", 3)], ACCOUNT, REGION, NOW)
    title = "batchgate: 2 S3 Batch jobs wait for a decision, 1 S3 Batch job cancelled"
    assert in_chat(notice) == {
        "version": "1.0",
        "source": "custom",
        "content": {
            "textType": "client-markdown",
            "title": title,
            "description": f"Account {ACCOUNT}, {REGION}\n"
            f"*NEW* `{new.ref.job_id}  S3PutObjectTagging, 12 objects`\n"
            "`needs manual approval`\n"
            f"`{held.ref.job_id}  S3PutObjectTagging, 12 objects`\n"
            "`1 of 2 approvals, 1 more needed from *:assumed-role/prod-owner/*`\n"
            "cancelled `00000000-0000-4000-8000-000000000003`\n"
            "`too large`",
            "nextSteps": [
                f"`batchgate jobs approve {new.ref.job_id} --region {REGION} --reason '...'`",
                f"`batchgate jobs approve {held.ref.job_id} --region {REGION} --reason '...'`",
                f"`batchgate jobs held --region {REGION}`",
            ],
        },
        "metadata": {"summary": title},
    }


def test_others_get_the_text_whether_chat_is_set_or_not(inbox: tuple[TopicNotices, Any]) -> None:
    """One message for all: subscriptions by HTTPS get the schema, and only with the setting."""
    topic, received = inbox
    notice = digest([waiting()], [waiting()], [], ACCOUNT, REGION, NOW)
    assert {"Message": notice.text} == {
        name: value for name, value in published(notice, chat=False).items() if name.startswith("Message")
    }
    TopicNotices(topic.client, topic.topic_arn, SteppedClock(NOW), chat=True).send(notice)
    assert received() == [notice.text]
    assert json.loads(published(notice)["Message"])["default"] == notice.text


HOSTILE = st.text(st.one_of(st.sampled_from("`<>&@!*_~[]()|\\\n\r:#"), st.characters()), max_size=300)


@settings(deadline=None)
@given(HOSTILE, HOSTILE, HOSTILE)
@example("<!channel> `<https://example.com|approve>`", "<@U024BE7LH>", "[approved](https://example.com)\n*NEW* `x`")
def test_nothing_that_others_wrote_is_markdown(reason: str, awaiting: str, operation: str) -> None:
    """It mentions nobody and links to nothing, ends no code span, and begins no line of the message's own."""
    held = waiting(reason, awaiting=awaiting, operation=operation)
    content = in_chat(digest([held], [held], [cancelled(reason, 2)], ACCOUNT, REGION, NOW))["content"]
    outside = re.sub(r"`[^`\n]*`", "", content["description"])
    assert outside == f"Account {ACCOUNT}, {REGION}\n*NEW* \n\ncancelled \n"
    assert not set("<>&") & set(content["description"] + "".join(content["nextSteps"]) + content["title"])
    assert all(re.fullmatch(r"`[ -~]*`", step) for step in content["nextSteps"])


@pytest.mark.parametrize("count", [1, 5, 6, 40, 5000])
def test_a_flood_fits_into_a_chat_and_into_sns(count: int) -> None:
    """The first ones, how many more there are, and SNS's 256 KiB for all forms of the message together."""
    wide = '\U0001f6d1"' * 128
    given = (Approval("a", NOW, "r", "0" * 64),)
    holds = [waiting("reason", number, awaiting=wide * 2, approvals=given) for number in range(count)]
    notice = digest(holds, holds, [cancelled(wide, number) for number in range(count)], ACCOUNT, REGION, NOW)
    content = in_chat(notice)["content"]
    assert len(content["description"]) <= 2_600
    assert len(content["title"]) < 100
    assert len(content["nextSteps"]) <= 6
    listed = content["description"].count("00000000-")
    assert (f"and {2 * count - listed} more" in content["description"]) == (listed < 2 * count)
    assert len(published(notice)["Message"].encode()) <= 262_144


# --- Holds ------------------------------------------------------------------------------------------


def test_people_hear_of_new_holds_in_one_message() -> None:
    """With job, size, what is missing and the command; once, and not again for the same."""
    room = Newsroom()
    refs = [room.create(2), room.create(3)]
    assert room.minutes(2) == 1
    [(subject, message)] = room.sent.messages
    assert subject == "batchgate: 2 S3 Batch jobs wait for a decision"
    for ref in refs:
        assert f"NEW {ref.job_id}  S3PutObjectTagging" in message
        assert f"batchgate jobs approve {ref.job_id} --region {REGION} --reason '...'" in message
    assert "needs manual approval" in message
    assert "Missing:" not in message
    assert room.minutes(60) == 0


def test_a_hold_that_waits_for_approvals_says_which() -> None:
    """Where somebody has approved and the reason does not say it; whatever is in it stays on its line."""
    given = Approval("arn:aws:sts::123456789012:assumed-role/owner/ana", NOW, "asked for", "0" * 64)
    missing = "1 of 2 approvals\n1 more needed from *:assumed-role/prod-owner/*"
    hold = waiting("two must approve", awaiting=missing, approvals=(given,))
    text = digest([hold], [hold], [], ACCOUNT, REGION, NOW).text
    assert "Missing" not in digest([replace(hold, approvals=())], [hold], [], ACCOUNT, REGION, NOW).text
    assert "  two must approve\n  Missing: 1 of 2 approvals?1 more needed from *:assumed-role/prod-owner/*\n" in text


def test_holds_that_come_one_by_one_are_told_together() -> None:
    """At most one digest in a quarter of an hour, and none is forgotten."""
    room = Newsroom()
    room.create(2)
    assert room.minutes(2) == 1
    for rows in range(3, 8):
        room.create(rows)
        assert room.minutes(2) == 0
    assert room.minutes(6) == 1
    assert room.sent.messages[1][1].count("NEW ") == 5


def test_nobody_is_told_of_what_opens_by_itself() -> None:
    """A window, a pause, the circuit breaker; and nothing in shadow."""
    room = Newsroom(f"mode: shadow\n{HOLD_ALL}")
    room.create(2)
    assert room.minutes(3) == 0


def test_people_hear_which_approvals_are_missing() -> None:
    """In the reason; on a line of its own where the reason says something else, and somebody has approved already."""
    room = Newsroom("approvals: {at_least: 2}\n" + HOLD_ALL.strip())
    [ref, other] = [room.create(rows) for rows in (2, 3)]
    assert room.minutes(2) == 1
    room.ledger.ledger.opened = room.clock.now()  # both are older than the gate from now on
    room.adopt_existing = False
    room.enforce("version: 1\napprovals: {at_least: 2}\npolicies: [{name: all, require: []}]")
    room.decide(ref, RequestedAction.APPROVE)
    room.review(other)
    assert room.minutes(20) == 1
    [_, (_, message)] = room.sent.messages
    older = "  held, the job is older than the gate, and the setting adopt_existing leaves such jobs to people"
    missing = "\n  Missing: 1 of 2 approvals, 1 more needed\n  batchgate jobs"
    assert re.search(rf"{re.escape(older)} \[policy [0-9a-f]+\]{missing}", message)
    assert message.count("approvals") == 1


# --- Cancellations ----------------------------------------------------------------------------------


def test_people_hear_of_cancellations_in_one_message() -> None:
    """With job, size and the reason that is on the job; once."""
    room = Newsroom(UP_TO_THREE)
    refs = [room.create(rows) for rows in (4, 5)]
    approved = room.create(2)
    assert room.minutes(3) == 1
    [(subject, message)] = room.sent.messages
    assert subject == "batchgate: 2 S3 Batch jobs cancelled"
    for ref in refs:
        reason = room.state(ref).reason.removeprefix("batchgate: ")
        assert f"{ref.job_id}  S3PutObjectTagging, " in message
        assert f"  {reason}\n" in message
    assert approved.job_id not in message
    assert room.minutes(120) == 0


def test_a_cancellation_by_a_person_is_one_too() -> None:
    """Others learn of it; the reason says who it was. A job that was cancelled in the console is not the gate's."""
    room = Newsroom()
    ref, other = room.create(2), room.create(3)
    room.minutes(20)
    room.sent.messages.clear()
    room.decide(ref, RequestedAction.CANCEL, "CHG-7")
    room.update_as_a_person(other, "Cancelled")
    assert room.minutes(3) == 1
    [(_, message)] = room.sent.messages
    assert "CHG-7" in message
    assert other.job_id not in message


def test_holds_and_cancellations_share_a_message() -> None:
    """At most one in a quarter of an hour, whatever it is about; and holds that are known are no news."""
    room = Newsroom()
    held = room.create(2)
    room.minutes(2)
    room.enforce(CANCEL_ALL.replace("S3PutObjectTagging", "S3PutObjectAcl"))
    room.enforce(HOLD_ALL)
    room.decide(held, RequestedAction.CANCEL)
    new = room.create(3)
    assert room.minutes(12) == 0
    assert room.minutes(4) == 1
    subject, message = room.sent.messages[-1]
    assert subject == "batchgate: 1 S3 Batch job waits for a decision, 1 S3 Batch job cancelled"
    assert f"NEW {new.job_id}" in message
    assert f"\n{held.job_id}" in message


def test_a_message_of_cancellations_repeats_no_hold() -> None:
    """What people know already is not told again because something else happened."""
    room = Newsroom()
    room.create(2)
    cancelled = room.create(3)
    room.minutes(20)
    room.decide(cancelled, RequestedAction.CANCEL)
    assert room.minutes(2) == 1
    assert room.sent.messages[-1][0] == "batchgate: 1 S3 Batch job cancelled"
    assert "NEW" not in room.sent.messages[-1][1]


def test_what_was_cancelled_long_before_the_first_sweep_is_no_news() -> None:
    """Nothing was recorded to be covered: a day is looked back."""
    room = Newsroom(UP_TO_THREE)
    old, late = room.create(4), room.create(5)
    room.review(old)
    room.advance(hours=12)
    room.review(late)
    room.advance(hours=13)
    assert room.minutes(1) == 1
    assert (room.named(old), room.named(late)) == (0, 1)


def test_cancellations_of_a_time_without_sweeps_are_told_afterwards() -> None:
    """However long it was."""
    room = Newsroom(UP_TO_THREE)
    room.minutes(2)
    refs: list[JobRef] = []
    for _ in range(5):
        refs.append(room.create(4 + len(refs)))
        room.review(refs[-1])
        room.advance(days=3)
    assert room.minutes(1) == 1
    assert [room.named(ref) for ref in refs] == [1] * 5


def test_a_quiet_gate_reads_a_quarter_of_an_hour_again_and_no_more() -> None:
    """The time that was looked through is recorded, so that the next look is short."""
    room = Newsroom()
    room.minutes(60)
    covered = room.ledger.notified().cancelled_until
    assert covered is not None
    assert room.clock.now() - covered <= timedelta(minutes=16)
    assert room.ledger.notified().holds_until is None
    assert room.script.effects.count("set_notified") <= 5


# --- What goes wrong --------------------------------------------------------------------------------


@pytest.mark.parametrize("minutes", [1, 40])
def test_what_could_not_be_sent_is_sent_by_a_later_sweep(minutes: int) -> None:
    """Every hold and every cancellation, once; the next minute, not the next quarter of an hour."""
    room = Newsroom()
    held, cancelled = room.create(2), room.create(3)
    room.minutes(1)
    room.decide(cancelled, RequestedAction.CANCEL)
    room.advance(minutes=1)
    for _ in range(minutes):
        room.sent.failures.append(AnnounceError("the topic is away"))
        room.advance(minutes=1)
        with pytest.raises(AnnounceError):
            room.sweep_and_notify()
    assert room.minutes(60) == 1
    assert (room.named(held), room.named(cancelled)) == (1, 1)


@pytest.mark.parametrize("effect", ["notified", "cancelled"])
def test_what_could_not_be_read_is_sent_by_a_later_sweep(effect: str) -> None:
    """Nothing was sent, so nothing comes twice."""
    room = Newsroom(UP_TO_THREE)
    ref = room.create(4)
    room.review(ref)
    room.advance(minutes=2)
    room.script.before(effect, raising(LedgerError("the table is away")))
    with pytest.raises(LedgerError):
        room.sweep_and_notify()
    assert room.minutes(60) == 1
    assert room.named(ref) == 1


def test_what_was_sent_and_not_recorded_comes_twice_and_not_more() -> None:
    """At least once."""
    room = Newsroom(UP_TO_THREE)
    ref = room.create(4)
    room.review(ref)
    room.advance(minutes=2)
    room.script.before("set_notified", raising(LedgerError("the table is away")))
    with pytest.raises(LedgerError):
        room.sweep_and_notify()
    assert room.minutes(60) == 1
    assert room.named(ref) == 2


def test_two_sweeps_never_notify_at_once() -> None:
    """A sweep notifies while it has the lease: another one finds it live, and sends nothing."""
    room = Newsroom(UP_TO_THREE)
    room.review(room.create(4))
    room.advance(minutes=2)
    room.script.before("set_notified", lambda: room.sweep(owner="another", afterwards=lambda report: 1 / 0))
    assert room.sweep_and_notify()
    assert len(room.sent.messages) == 1


class BusyRoom(Newsroom):
    """A newsroom in which things happen and fail, minute by minute.

    Attributes:
        refs: The jobs that people must hear of.
        sent_at: When messages were sent and recorded as sent.
        lost: How often that could not be recorded.
    """

    def __init__(self) -> None:
        super().__init__()
        self.refs: list[JobRef] = []
        self.sent_at: list[datetime] = []
        self.lost = 0

    def happens(self, step: str | int) -> None:
        """Take one step; a number is so many minutes."""
        if isinstance(step, int):
            for _ in range(step):
                self.minute()
        elif step in ("hold", "cancel"):
            self.refs.append(self.create(2 if step == "hold" else 3))
            if step == "cancel":
                self.decide(self.refs[-1], RequestedAction.CANCEL)
        elif step == "send":
            self.sent.failures.append(AnnounceError("the topic is away"))
        else:
            self.lost += step == "set_notified"
            self.script.before(step, raising(LedgerError("the table is away")))

    def minute(self) -> None:
        """Sweep; what fails is left to the next sweep."""
        try:
            if self.minutes(1):
                self.sent_at.append(self.clock.now())
        except (AnnounceError, LedgerError):
            return


@pytest.mark.parametrize("minutes", [0.5, 1.5, 4])
def test_a_hold_of_the_time_that_a_sweep_takes_is_told_by_the_next_one(minutes: float) -> None:
    """The sweep has read what waits when it began, and sends a digest about it when it ends, minutes later."""
    room = Newsroom()
    first = room.create(2)
    room.minutes(1)
    room.advance(minutes=2)
    late: list[JobRef] = []

    def while_it_takes_long() -> None:
        late.append(room.create(3))
        room.review(late[0])
        room.advance(minutes=minutes)

    room.script.before("ended", while_it_takes_long)
    assert room.sweep_and_notify()
    assert (room.named(first), room.named(late[0])) == (1, 0)
    assert room.minutes(40) == 1
    assert f"NEW {late[0].job_id}" in room.sent.messages[-1][1]


def test_a_record_of_long_ago_costs_a_hundred_queries() -> None:
    """Whoever wrote it: each day is one, and a sweep has some seconds for its report."""
    asked: list[timedelta] = []

    class Counting(MemoryLedger):
        def cancelled(self, after: datetime, until: datetime) -> list[State | Unreadable]:
            asked.append(until - after)
            return super().cancelled(after, until)

    room = Newsroom(UP_TO_THREE)
    room.ledger.ledger = Counting(room.clock)
    room.ledger.set_notified(datetime(1, 1, 1, tzinfo=UTC), None)
    room.review(room.create(4))
    assert room.minutes(2) == 1
    assert max(asked) == timedelta(days=100)


def test_a_record_of_another_sweeps_clock_makes_no_message_come_twice() -> None:
    """Whose clock was ahead when it looked for cancellations and found none."""
    room = Newsroom()
    room.ledger.set_notified(room.clock.now() + timedelta(minutes=9), None)
    room.create(2)
    assert room.minutes(9) == 1


@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.sampled_from(["hold", "cancel", "send", "set_notified", "cancelled", "notified"]) | st.integers(1, 20),
        max_size=25,
    )
)
def test_every_hold_and_every_cancellation_is_told_whatever_fails(steps: list[str | int]) -> None:
    """Once, and once more only where a message was sent and that could not be recorded; at most every 15 minutes."""
    room = BusyRoom()
    for step in [*steps, 40 + 2 * len(steps)]:
        room.happens(step)
    assert all(later - earlier >= timedelta(minutes=15) for earlier, later in pairwise(room.sent_at))
    texts = [message for _, message in room.sent.messages]
    for ref in room.refs:
        is_new = re.compile(rf"^(NEW {ref.job_id}  |{ref.job_id}  .*, cancelled )", re.MULTILINE)
        assert 1 <= sum(bool(is_new.search(text)) for text in texts) <= 1 + room.lost


# --- As it is sent and received -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def inbox(local_s3: str) -> tuple[TopicNotices, Any]:
    """A topic of the local AWS, and what its subscription, a queue, received."""
    keys = {
        "region_name": REGION,
        "endpoint_url": local_s3,
        "aws_access_key_id": ACCOUNT,
        "aws_secret_access_key": "test",
    }
    sns, sqs = boto3.client("sns", **keys), boto3.client("sqs", **keys)  # type: ignore[call-overload]
    name = f"notices-{uuid4().hex[:8]}"
    topic = sns.create_topic(Name=name)["TopicArn"]
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})

    def received() -> list[str]:
        found = []
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            found.append(message["Body"])
        return found

    return TopicNotices(sns, topic, SteppedClock(NOW)), received


def cancelled(reason: str, number: int = 1) -> State:
    """A job that was cancelled for a reason."""
    return State(
        JobRef("aws", REGION, ACCOUNT, f"00000000-0000-4000-8000-{number:012}"),
        rev=3,
        phase=Phase.SETTLED,
        verdict="cancel",
        reason=reason,
        decided_by="7c41f09be2aa",
        policy_version="7c41f09be2aa",
        due_at=None,
        requested_action=RequestedAction.CANCEL,
        operation="S3PutObjectTagging",
        total_tasks=12,
        decided_at=NOW,
    )


def titled(subject: str) -> Notice:
    """A notice of which only the subject matters."""
    return Notice(subject, "m", "s", ())


REASONS = st.text(
    st.one_of(
        st.sampled_from("\"'\\\n\r\t<>&%+$ {}[]`"),
        st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"),
    ),
    min_size=1,
    max_size=256,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(REASONS)
@example('quotes " and \\" and \\, an end\nof a line\r\n, <b>&amp;</b>, %0A, \u2028, ä, \U0001f6d1')
@example("\n\n00000000-0000-4000-8000-000000000009  S3PutObjectTagging, cancelled\n  looks real")
def test_a_reason_arrives_as_it_is(inbox: tuple[TopicNotices, Any], reason: str) -> None:
    """Through SNS to a subscription: every character; each line of it is indented, so none passes for another's."""
    topic, received = inbox
    topic.send(digest((), (), [cancelled(reason)], ACCOUNT, REGION, NOW))
    [message] = received()
    found = re.fullmatch(
        r"batchgate cancelled 1 job of .*\n\n00000000-\S+  S3PutObjectTagging, 12 objects, cancelled [^\n]*\n"
        r"  (?P<reason>(?:[^\n]|\n  )*)\n\n`batchgate jobs show JOB` says why.\n",
        message,
    )
    assert found, message
    assert found["reason"].replace("\n  ", "\n") == reason.removeprefix("batchgate: ")


@given(st.text(st.characters(), max_size=400))
def test_any_reason_can_be_sent(reason: str) -> None:
    """What is no character of XML, or half of one, is replaced: SNS could not deliver it."""
    message = digest((), (), [cancelled(reason)], ACCOUNT, REGION, NOW).text
    assert message.encode()
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", message)


@pytest.mark.parametrize("job_id", ["\x00\x1b[2J", "\ud800", "i" * 2000, "a\nNEW b"])
def test_an_item_whose_key_no_gate_wrote_keeps_no_message_from_being_sent(job_id: str) -> None:
    """One of the table's items would otherwise silence the gate: each sweep would fail on the same message."""
    item = replace(cancelled("it was"), ref=JobRef("aws", REGION, ACCOUNT, job_id))
    broken = Unreadable(item.ref, UnreadableItemError("broken"))
    message = digest([item], [item], [broken, item] * 600, ACCOUNT, REGION, NOW).text
    assert len(message.encode()) <= 262_144
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|^NEW b", message, re.MULTILINE)


def test_a_flood_of_cancellations_fits_and_names_every_job() -> None:
    """SNS takes 256 KiB: of many jobs the ids, of very many how many more."""
    wide = "\U0001f6d1" * 256
    for count, more in ((39, 0), (40, 0), (41, 0), (1040, 0), (5000, 3960)):
        items = [cancelled(wide, number) for number in range(count)]
        notice = digest(items[:40], items[:40], items, ACCOUNT, REGION, NOW)
        subject, message = notice.subject, notice.text
        assert len(message.encode()) <= 262_144
        assert len(subject) < 100
        assert sum(item.ref.job_id in message for item in items) == count - more
        assert (f"and {more} more" in message) == (more > 0)


def test_subscriptions_are_counted_when_they_are_confirmed(local_s3: str) -> None:
    """Each time while there are none, so that an alarm ends soon; every 15 minutes while there are some."""
    sns = boto3.client(
        "sns",
        region_name=REGION,
        endpoint_url=local_s3,
        aws_access_key_id=ACCOUNT,
        aws_secret_access_key="test",
    )
    topic = sns.create_topic(Name=f"notices-{uuid4().hex[:8]}")["TopicArn"]
    clock = SteppedClock(NOW)
    notices = TopicNotices(sns, topic, clock)
    assert notices.subscribers() == 0
    subscription = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint="arn:aws:sqs:us-east-1:123456789012:q")
    assert notices.subscribers() == 1
    sns.unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])
    clock.advance(timedelta(minutes=14))
    assert notices.subscribers() == 1
    clock.advance(timedelta(minutes=1))
    assert notices.subscribers() == 0


def test_the_subject_fits_into_an_email() -> None:
    """Fewer than 100 characters are what SNS takes."""
    sns = boto3.client("sns", region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test")
    arn = f"arn:aws:sns:{REGION}:{ACCOUNT}:batchgate"
    with Stubber(sns) as stub:
        subject = f"{'b' * 64}...{'e' * 32}"
        stub.add_response("publish", {"MessageId": "1"}, {"TopicArn": arn, "Subject": subject, "Message": "m"})
        TopicNotices(sns, arn, SteppedClock(NOW)).send(titled("b" * 150 + "e" * 150))


def test_a_message_that_sns_refuses_is_the_notices_error() -> None:
    """Nothing counts as sent."""
    sns = boto3.client("sns", region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test")
    stub = Stubber(sns)
    stub.add_client_error("publish", "InternalError", http_status_code=500)
    with stub, pytest.raises(AnnounceError, match="Publish"):
        TopicNotices(sns, f"arn:aws:sns:{REGION}:{ACCOUNT}:batchgate", SteppedClock(NOW)).send(titled("s" * 300))
