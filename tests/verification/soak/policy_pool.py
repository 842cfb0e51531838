"""Policies of every kind, small, about jobs that differ in few ways."""

from collections.abc import Mapping
from functools import cache, lru_cache
from random import Random
from typing import Any, TypeAlias

from batchgate.policy.compile import compile_policies
from batchgate.policy.compiled import PolicySet

Document: TypeAlias = Mapping[str, Any]

TAGGING = [{"operation": ["S3PutObjectTagging", "S3DeleteObjectTagging"]}]
NIGHTS = {
    "timezone": "Europe/Berlin",
    "open": [
        {"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "from": "22:00", "to": "06:00"},
        {"days": ["sun"], "from": "02:15", "to": "02:45"},
    ],
}
MINUTES = {
    "timezone": "UTC",
    "open": [
        {"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "from": f"{hour:02}:00", "to": f"{hour:02}:30"}
        for hour in (0, 1, 4, 10, 12, 13)
    ],
}

REQUIREMENTS: tuple[tuple[dict[str, Any], ...], ...] = (
    (),
    ({"total_tasks": {"at_most": 3}},),
    ({"total_tasks": {"at_most": 3}, "on_violation": "cancel"},),
    ({"total_tasks": {"at_most": 0}, "on_violation": "cancel"},),
    ({"manual_approval": "required"},),
    ({"tags": {"ticket": "CHG-*"}},),
    ({"tags": {"ticket": "CHG-*"}, "on_violation": "cancel"},),
    ({"tags": {"frozen": {"present": False}}, "on_violation": "cancel"}, {"total_tasks": {"at_most": 4}}),
    ({"window": "minutes"},),
    ({"window": "minutes", "on_violation": "cancel"},),
    ({"window": {"not": "nights"}, "on_violation": "cancel", "unless": [{"tags": {"ticket": "CHG-*"}}]},),
    ({"window": "nights"}, {"total_tasks": {"at_most": 5}, "on_violation": "cancel"}),
    ({"manifest": {"bytes": {"at_most": 40}}},),
    ({"manifest": {"bytes": {"at_most": 40}}, "on_violation": "cancel", "message": "too many rows"},),
    ({"priority": {"at_most": 3}, "on_violation": "cancel"}, {"role": "*/batch"}),
    ({"any": [{"window": "minutes"}, {"tags": {"urgent": "*"}}]},),
)


BUDGETS: Mapping[str, dict[str, Any]] = {
    "J": {"name": "jobs", "per": "day", "timezone": "Europe/Berlin", "jobs": 1},
    "K": {"name": "jobs", "per": "day", "timezone": "Europe/Berlin", "jobs": 3},
    "O": {"name": "objects", "per": "week", "timezone": "UTC", "objects": 6},
    "P": {"name": "operations", "per": "day", "timezone": "UTC", "each": "operation", "objects": 4, "jobs": 2},
    "Q": {"name": "tickets", "per": "month", "timezone": "UTC", "each": {"tag": "ticket"}, "jobs": 1},
}


def random_budgets(rng: Random) -> str:
    """More flags: the budgets of which every job takes."""
    return rng.choice(["J", "K", "O", "P", "JO", "KO", "JP", "KP", "OP", "JQ", "KOP"])


def random_policy(rng: Random) -> str | None:
    """A policy's name, or None for one that can't be read."""
    if rng.random() < 0.06:
        return None
    main = rng.randrange(len(REQUIREMENTS))
    guard = rng.randrange(len(REQUIREMENTS)) if rng.random() < 0.25 else ""
    flags = "".join(flag for flag, share in _FLAGS.items() if rng.random() < share)
    return f"{main}/{guard}/{flags}"


def random_wishes(rng: Random) -> str:
    """More flags: what the policies want of people's approvals."""
    return "".join(flag for flag, share in _WISHES.items() if rng.random() < share)


_FLAGS = {"s": 0.12, "u": 0.25, "c": 0.4, "e": 0.35, "n": 0.1, "x": 0.15, "g": 0.5}
"""Shadow, unmatched: cancel, ungated_jobs: cancel, cancel_held_after, no policy, an exception, no grace."""


_WISHES = {"2": 0.5, "b": 0.25, "r": 0.4, "t": 0.2, "m": 0.25}
"""Two people, certain people, not the requester, trusted names of sessions, a guardrail that wants people."""


APPROVALS: Mapping[str, tuple[str, Any]] = {
    "2": ("at_least", 2),
    "b": ("by", ["*:assumed-role/prod-owner/*", "*:assumed-role/AWSReservedSSO_*", "*:user/*"]),
    "r": ("not_requester", True),
    "t": ("session_names", "trusted"),
}


@cache
def document(name: str) -> Document:
    """The document of a name: which requirements, which guardrail, which settings."""
    main, guard, flags = name.split("/")
    made: dict[str, Any] = {"version": 1, "calendars": {"nights": NIGHTS, "minutes": MINUTES}}
    if "s" in flags:
        made["mode"] = "shadow"
    if "u" in flags:
        made["unmatched"] = "cancel"
    if "c" in flags:
        made["ungated_jobs"] = "cancel"
    if "g" in flags:
        made["cancel_grace"] = "0s"
    if "e" in flags:
        made["cancel_held_after"] = "1d" if int(main) % 2 else "40m"
    if "n" not in flags:
        made["policies"] = [{"name": "main", "match": TAGGING, "require": list(REQUIREMENTS[int(main)])}]
        if "x" in flags and REQUIREMENTS[int(main)]:
            made["exceptions"] = [
                {
                    "name": "migration",
                    "lifts": ["main"],
                    "match": [{"tags": {"urgent": "*"}}],
                    "expires": "2026-10-25",
                    "because": "CHG-1",
                }
            ]
    if guard and REQUIREMENTS[int(guard)]:
        made["guardrails"] = [{"name": "guard", "require": list(REQUIREMENTS[int(guard)])}]
    if "m" in flags:
        people = {"name": "people", "require": [{"manual_approval": {"by": ["*/ana", "*:assumed-role/prod-owner/*"]}}]}
        made["guardrails"] = [*made.get("guardrails", []), people]
    wanted = {word: value for flag, (word, value) in APPROVALS.items() if flag in flags}
    return _limited({**made, "approvals": wanted} if wanted else made, flags)


def _limited(made: Document, flags: str) -> Document:
    """The same with the budgets that the flags name."""
    budgets = [budget for flag, budget in BUDGETS.items() if flag in flags]
    if not budgets:
        return made
    limits = {"name": "budgets", "require": [{"budget": budget["name"]} for budget in budgets]}
    return {**made, "budgets": budgets, "guardrails": [*made.get("guardrails", []), limits]}


@lru_cache(maxsize=512)
def policy_set(name: str) -> PolicySet:
    """The same, as the gate has it."""
    return compile_policies(document(name))
