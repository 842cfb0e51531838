"""`batchgate doctor --canary`: it finds how S3 behaves, whichever way that is, and leaves nothing behind."""

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import pytest

from batchgate_cli.local.services import LocalServices, running_services
from batchgate_cli.operating.canary_facts import ACCEPTED
from s3batch_emulator import ManifestKind, Switches, Vocabulary
from tests.cli.canary_stage import BEHIND, canary_stage, facts_of

DEFAULT = Switches()
KINDS = {"csv": ManifestKind.CSV, "generated": ManifestKind.GENERATED, "inventory": ManifestKind.INVENTORY}
ERRORS = {
    Vocabulary.MODEL: ("NotFoundException", "BadRequestException"),
    Vocabulary.GUIDE: ("NoSuchJobException", "BadRequestException"),
    Vocabulary.RECORDED: ("NoSuchJobException", "InvalidRequest"),
}


@pytest.fixture(scope="module")
def services() -> Iterator[LocalServices]:
    """The local AWS; each canary has an emulator of its own."""
    with running_services() as running:
        yield running


def variants() -> Iterator[Any]:
    """The default, and every switch with each of its other values."""
    yield pytest.param(DEFAULT, id="default")
    for each in fields(Switches):
        default = getattr(DEFAULT, each.name)
        match default:
            case bool():
                others: list[Any] = [not default]
            case Vocabulary():
                others = [other for other in Vocabulary if other is not default]
            case _:
                others = [frozenset[ManifestKind](), *(default - {kind} for kind in ManifestKind)]
        for number, other in enumerate(others):
            yield pytest.param(replace(DEFAULT, **{each.name: other}), id=f"{each.name}-{number}")


def truth(switches: Switches) -> dict[str, Any]:
    """What a canary has to find of an S3 with these switches: all facts but the events' delay."""
    unknown = "zero" if switches.unknown_total_as_zero else "absent"
    missing, bad = ERRORS[switches.vocabulary]
    early = switches.ready_while_preparing
    announced = {"Active", "Cancelled", "Complete", "Completing", "New", "Preparing", "Ready"}
    found: dict[str, Any] = {
        "suspended_event": switches.suspended_event,
        "event_statuses": sorted(announced | ({"Suspended"} if switches.suspended_event else set())),
        "suspended_date_survives": switches.suspension_remembered,
        "suspended_cause": "AWAITING_CONFIRMATION" if switches.cause_in_capitals else "AwaitingConfirmation",
        "total_while_preparing": unknown,
        "reason_survives": switches.reason_survives,
        "ready_in_preparing": ACCEPTED if early else "JobStatusException",
        "confirmation_required_shown": switches.confirmation_shown,
        "omitted_confirmation_shown": switches.omitted_confirmation_shown,
        "untagged_answer_lacks_tags": switches.untagged_lacks_tags,
        "termination_listed": switches.termination_listed,
        "timers_listed": switches.timers_listed,
        "newest_first": switches.newest_first,
        "missing_job_error": missing,
        "bad_request_error": bad,
        "error_document": "Error" if switches.bare_errors else "ErrorResponse",
        "error_namespace": switches.error_namespace,
    }
    waits = switches.omitted_confirmation_waits
    if not early:
        found["omitted_confirmation_waits"] = waits
    for name, kind in KINDS.items():
        if kind is not ManifestKind.GENERATED or (waits and not early):  # else it is never Suspended
            found[f"total_at_suspended_{name}"] = "known" if kind in switches.total_known_at_suspended else unknown
    return found


@pytest.mark.parametrize("switches", list(variants()))
def test_it_finds_how_s3_behaves(services: LocalServices, switches: Switches) -> None:
    """Whichever way each switch is set: that fact is found, all others stay, and nothing is left behind."""
    with canary_stage(services, switches) as stage:
        outcome = stage.observe()
        assert (outcome.exit_code, outcome.error, outcome.left, stage.left()) == (0, "", [], [])
    facts = facts_of(outcome)
    late = facts.pop("suspended_event_seconds", None)
    assert facts == truth(switches)
    assert (late is not None) is switches.suspended_event
    if late is not None:
        assert BEHIND.total_seconds() - 120 < late < BEHIND.total_seconds() + 120
