"""What a requester may write goes through the whole gate, and comes out as text that nothing can be made of."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgate.aws.announcements import DecisionEvent
from tests.flow.stage import Stage

NEEDLE = "<img src=x onerror=alert(1)>"
DESCRIBED = """
version: 1
cancel_grace: 0s
policies:
  - name: described
    match: [{operation: S3PutObjectTagging}]
    require:
      - description: "CHG-*"
      - tags: {ticket: "CHG-*"}
    on_violation: cancel
"""
HELD = DESCRIBED.replace("    on_violation: cancel\n", "")
SAID = [
    NEEDLE,
    '"} {"_aws": {"CloudWatchMetrics": []}}',
    "line\nbreak\ttab",
    "\u202eright to left\u2028\u00a0",
    "{{7*7}} ${jndi:ldap://x} $(id) `id` %s %n",
    "🙂" * 200,
    "x" * 256,
    "batchgate: approved by kim [policy 0123456789ab claim 00000001]",
]
TAGS = ["ü" * 256, "a" * 256, "=+-@:/._", "\u0661\u0662 \u3042", ""]


def assert_clean(text: str) -> None:
    """Printable ASCII, and short enough for S3."""
    assert 1 <= len(text) <= 256
    assert text.isascii()
    assert text.isprintable()


def look_at_everything(stage: Stage, description: str) -> None:
    """Reasons on jobs and in the ledger, what is announced, and what is kept as evidence."""
    for state in stage.ledger.ledger.states.values():
        assert_clean(state.reason)
        assert f"claim {state.claim_id}]" in state.reason or state.claim_id is None
    for job in stage.emulator.jobs():
        if job.reason is not None:
            assert_clean(job.reason)
    for review in (*stage.told.reviews, *stage.recorded):
        event = msgspec.json.encode(DecisionEvent.of(review))
        assert event.isascii()
        assert_clean(json.loads(event)["reason"])
        for name, value in json.loads(event).items():
            if isinstance(value, str):
                assert value.isascii(), name
                assert not value or value.isprintable(), name
    facts: Any = [review.evidence["facts"] for review in stage.recorded if review.evidence]
    assert {each["description"] for each in facts} == {description}  # data stays what it was
    assert json.loads(json.dumps(facts)) == facts


@pytest.mark.parametrize("text", [DESCRIBED, HELD], ids=["cancelled", "held"])
@pytest.mark.parametrize("description", SAID)
@pytest.mark.parametrize("tag", TAGS)
def test_hostile_text_is_shown_harmless_wherever_it_is_shown(text: str, description: str, tag: str) -> None:
    """Description and tags that the policies object to."""
    stage = Stage(text)
    ref = stage.create(Description=description[:256], tags={"ticket": tag})
    review = stage.review(ref)
    assert review.action == ("cancelled" if text == DESCRIBED else "held")
    look_at_everything(stage, description[:256])


@given(
    description=st.text(
        st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"),
        min_size=1,
        max_size=256,
    )
)
def test_any_text_is_shown_harmless(description: str) -> None:
    """Whatever S3 takes for a description."""
    stage = Stage(DESCRIBED)
    stage.review(stage.create(Description=description, tags={"ticket": "CHG-1"}))
    look_at_everything(stage, description)
