"""The dashboard's widget: what is held, at a glance, and nothing that is not text."""

from html.parser import HTMLParser
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgate.aws import wiring
from batchgate.errors import UnreadableItemError
from batchgate.gate.ports import Pause
from batchgate.gate.state import Block
from batchgate.handlers.held_jobs_widget import SHOWN, handler
from batchgate.policy.approvals import Approval
from batchgate_cli.local.memory_ledger import MemoryLedger
from s3batch_emulator import SteppedClock
from tests.aws.test_ledger import NOW, held, new_job
from tests.flow.deployed import Context


class Table(HTMLParser):
    """What a browser would make of it: the cells' texts, and every tag."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.rows: list[list[str]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note it; a new row or cell begins."""
        assert attrs == []
        self.tags.add(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        """Text, of the cell where there is one."""
        self.text += data
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data


TAGS = {"p", "strong", "code", "table", "thead", "tbody", "tr", "th", "td"}


@pytest.fixture
def ledger(monkeypatch: pytest.MonkeyPatch) -> MemoryLedger:
    """An empty ledger for the widget to look at."""
    made = MemoryLedger(SteppedClock(NOW))
    monkeypatch.setattr(wiring, "_ledger", lambda home: made)
    return made


def widget(**event: Any) -> Any:
    """What the dashboard gets."""
    return handler(event, cast("Any", Context()))


def test_it_says_that_nothing_is_held(ledger: MemoryLedger) -> None:
    """An empty table would leave people wondering."""
    assert widget() == "<p>No job is held.</p>"


def test_it_describes_itself(ledger: MemoryLedger) -> None:
    """CloudWatch shows this where the widget is configured."""
    assert widget(describe=True)["markdown"].startswith("## Held jobs")


def test_a_held_job_is_a_row(ledger: MemoryLedger) -> None:
    """Job, operation, size, since, until, what stands in the way, the command."""
    ref = new_job()
    ledger.write(held(ref, operation="S3PutObjectCopy", total_tasks=1234567, until=NOW), replacing=None)
    [_, row] = Table(widget()).rows
    assert row == [
        ref.job_id,
        "S3PutObjectCopy",
        "1,234,567",
        "2026-03-27 12:00 UTC",
        "2026-03-27 12:00 UTC",
        "held by by-hand: needs manual approval [policy 7c41f09be2aa]",
        f"batchgate jobs approve {ref.job_id} --region us-east-1 --reason '...'",
    ]


@pytest.mark.parametrize("reason", ["batchgate: held by two: nobody; 1 of 2 <b>, 1 more", "batchgate: held, paused"])
def test_a_job_that_somebody_approved_says_which_approvals_are_missing(ledger: MemoryLedger, reason: str) -> None:
    """Once, and as text."""
    approval = Approval("arn:aws:iam::123456789012:user/ana", NOW, "looked at it", "d1")
    ledger.write(held(new_job(), reason=reason, awaiting="1 of 2 <b>, 1 more", approvals=(approval,)), replacing=None)
    ledger.write(held(new_job(), reason=reason, awaiting="1 of 2 <b>, 1 more"), replacing=None)
    table = Table(widget())
    assert table.tags <= TAGS
    with_approval, without = (row[5] for row in table.rows[1:])
    assert with_approval.count("1 of 2 <b>, 1 more") == 1
    assert without == reason.removeprefix("batchgate: ")


@pytest.mark.parametrize(
    ("changes", "until"),
    [
        ({}, "a person decides"),
        ({"shadow": True}, "shadow: nothing will be done"),
        ({"block": Block.PAUSED}, "the gate is paused"),
        ({"block": Block.CIRCUIT_BREAKER}, "the circuit breaker holds"),
        ({"block": Block.ADOPTION}, "older than the gate"),
    ],
)
def test_what_the_job_waits_for(ledger: MemoryLedger, changes: dict[str, Any], until: str) -> None:
    """Where no window opens."""
    ledger.write(held(new_job(), **changes), replacing=None)
    assert Table(widget()).rows[1][4] == until


def test_approvals_that_are_missing_stand_beside_the_reason(ledger: MemoryLedger) -> None:
    """Of a hold that somebody has approved already."""
    given = Approval("arn:aws:sts::123456789012:assumed-role/owner/ana", NOW, "asked for", "0" * 64)
    ledger.write(
        held(new_job(), reason="two must approve", awaiting="1 of 2 approvals", approvals=(given,)), replacing=None
    )
    assert Table(widget()).rows[1][5] == "two must approve; 1 of 2 approvals"


def test_the_longest_held_come_first_and_the_rest_is_counted(ledger: MemoryLedger) -> None:
    """A glance is enough; the command lists all."""
    for _ in range(SHOWN + 7):
        ledger.write(held(new_job()), replacing=None)
    table = Table(widget())
    assert len(table.rows) == 1 + SHOWN
    assert "and 7 more" in table.text


def test_a_pause_is_seen_at_once(ledger: MemoryLedger) -> None:
    """Above everything else."""
    ledger.set_pause(Pause("arn:aws:iam::123456789012:user/<kim>", "a <b>doubtful</b> policy", NOW), replacing=None)
    table = Table(widget())
    assert table.text.startswith(
        "The gate is paused since 2026-03-27 12:00 UTC by arn:aws:iam::123456789012:user/<kim>"
    )
    assert table.tags <= TAGS


@given(text=st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=80))
def test_whatever_others_wrote_is_text(text: str) -> None:
    """No tag, no attribute, nothing that a browser would run."""
    made = MemoryLedger(SteppedClock(NOW))
    made.write(
        held(new_job(), reason=f"<script>{text}", awaiting=f"<b>{text}", operation=f"'\"><img src=x onerror=1>{text}"),
        replacing=None,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wiring, "_ledger", lambda home: made)
        table = Table(widget())
    assert table.tags <= TAGS
    assert len(table.rows) == 2


def test_an_item_that_can_not_be_read_is_said_and_the_others_are_shown(ledger: MemoryLedger) -> None:
    """What is wrong with it is text, whoever wrote it."""
    good, broken = new_job(), new_job()
    ledger.write(held(good), replacing=None)
    ledger.unreadable.add(broken)
    table = Table(widget())
    assert table.tags <= TAGS
    assert broken.job_id in table.text
    assert "can't be read: <b>of another version</b>" in table.text
    assert [row[0] for row in table.rows[1:]] == [good.job_id]


def test_a_pause_that_can_not_be_read_is_said(ledger: MemoryLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    """The gate decides nothing, and the widget must not hide it."""

    def pause(self: MemoryLedger) -> Pause:
        raise UnreadableItemError("GATE: can't be read")

    monkeypatch.setattr(MemoryLedger, "pause", pause)
    assert "The gate is paused; since when can't be read" in Table(widget()).text
