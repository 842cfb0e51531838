"""Random valid documents over the whole grammar, their operands from small pools.

`Dialect` turns off constructs that the description allows only by a reading of it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import TypeAlias

from tests.verification.oracle import pools
from tests.verification.oracle.plain import Plain, listed, mapping
from tests.verification.oracle.pools import chance, some

Written: TypeAlias = dict[str, Plain]

DEEPEST = 2
"""How deep `any` and `all` may be nested."""

LISTS: dict[str, Plain] = {
    "accounts": list(pools.ACCOUNTS[:2]),
    "buckets": ["lake-prod-*", "archive", "audit-${account}-${region}"],
    "operations": ["S3PutObjectCopy", "S3ComputeObjectChecksum", pools.UNKNOWN_OPERATION],
    "callers": ["*:assumed-role/prod-owner/*", {"glob": "*/[a-b]*"}],
    "tickets": ["CHG-*", "INC-?", {"glob": "[a-z]*"}],
}


@dataclass(frozen=True, slots=True)
class Dialect:
    """Which constructs may appear that are valid by a reading of the language, not by its letter.

    Attributes:
        policy_without_match: A policy may leave out `match` and governs every job.
        not_around_structures: `report`, `manifest`, and bucket checks may say `{not: {...}}`.
        present_anywhere: `description` and `role` may ask `{present: true}`.
        manual_approval_nested: `manual_approval` may stand inside `all`.
    """

    policy_without_match: bool = True
    not_around_structures: bool = False
    present_anywhere: bool = False
    manual_approval_nested: bool = True


PLAIN_DIALECT = Dialect()


def random_document(rng: Random, dialect: Dialect = PLAIN_DIALECT) -> Written:
    """Make one valid policy document, as parsed from YAML, lists not expanded."""
    document = random_settings(rng)
    writer = Writer(rng, dialect, sorted(rng.sample(pools.CALENDARS, rng.randint(0, 3))))
    if writer.calendars:
        document["calendars"] = {name: random_calendar(rng) for name in writer.calendars}
    if chance(rng, 0.4):
        document["budgets"] = [random_budget(rng, name) for name in some(rng, pools.BUDGETS, 3)]
        writer.budgets = tuple(str(mapping(budget)["name"]) for budget in listed(document["budgets"]))
    policies = [writer.statement(f"policy-{place}", approving=True) for place in range(rng.choice([1, 2, 3, 2, 1, 0]))]
    guardrails = [writer.statement(f"guardrail-{place}", approving=False) for place in range(rng.choice([0, 0, 1, 2]))]
    if policies:
        document["policies"] = policies
    if guardrails:
        document["guardrails"] = guardrails
    names = tuple(str(statement["name"]) for statement in [*policies, *guardrails])
    if names and chance(rng, 0.35):
        document["exceptions"] = [writer.exception(place, names) for place in range(rng.randint(1, 2))]
    if chance(rng, 0.35):
        document["approvals"] = {**writer.approvers(), **({"session_names": "trusted"} if chance(rng, 0.3) else {})}
    if chance(
        rng,
        0.9
        if mentions(
            [*policies, *guardrails, *listed(document.get("exceptions")), *listed(document.get("budgets"))], "cost"
        )
        else 0.05,
    ):
        document["prices"] = random_prices(rng)
    if writer.lists_used or chance(rng, 0.1):
        document["lists"] = {name: LISTS[name] for name in sorted(writer.lists_used or {"tickets"})}
    return document


def random_settings(rng: Random) -> Written:
    """Make the settings of a document."""
    document: Written = {"version": 1}
    if chance(rng, 0.3):
        document["mode"] = "shadow" if chance(rng, 0.15) else "enforce"
    if chance(rng, 0.5):
        document["unmatched"] = rng.choice(["hold", "hold", "cancel"])
    if chance(rng, 0.2):
        document["ungated_jobs"] = rng.choice(["report", "cancel"])
    if chance(rng, 0.6):
        document["cancel_grace"] = rng.choice(pools.GRACES)
    if chance(rng, 0.2):
        document["cancel_held_after"] = rng.choice(["21d", "7d", "36h"])
    return document


def random_prices(rng: Random) -> Written:
    """Make prices, nearly all that a cost needs."""
    prices: Written = {each: rng.choice(pools.PRICES) for each in ("job", "million_objects") if chance(rng, 0.95)}
    operations = [each for each in pools.OPERATIONS if each != pools.UNKNOWN_OPERATION and chance(rng, 0.9)]
    if operations or not prices:
        prices["million_requests"] = {each: rng.choice(pools.PRICES) for each in operations or ["LambdaInvoke"]}
    by_size = some(rng, pools.PRICED_BY_SIZE, 3)
    with_tiers = {each.partition(".")[0] for each in by_size if "." in each}
    if chance(rng, 0.6):
        prices["gibibyte"] = {each: rng.choice(pools.PRICES) for each in by_size if each not in with_tiers}
    return prices


def random_calendar(rng: Random) -> Written:
    """Make one calendar, its dates around those at which its zone is interesting."""
    zone = rng.choice(list(pools.ZONES))
    calendar: Written = {"timezone": zone, "open": [random_row(rng, zone) for _ in range(rng.randint(1, 2))]}
    if chance(rng, 0.3):
        calendar["closed"] = [random_dates(rng, zone) for _ in range(rng.randint(1, 2))]
    return calendar


def random_budget(rng: Random, name: str) -> Written:
    """Make one budget, its limits on both sides of what jobs take."""
    limits: Written = {
        "jobs": rng.choice(pools.BUDGETS_JOBS),
        "objects": rng.choice(pools.TASK_COUNTS),
        "object_bytes": rng.choice(pools.BYTE_COUNTS),
        "cost": rng.choice(pools.COSTS),
    }
    budget: Written = {"name": name, "per": rng.choice(["day", "week", "month"])}
    if chance(rng, 0.6):
        budget["each"] = rng.choice(["account", "region", "role", "operation", {"tag": "team"}, {"tag": "ticket"}])
    if chance(rng, 0.8):
        budget["timezone"] = rng.choice(list(pools.ZONES))
    chosen = ("jobs",) if chance(rng, 0.5) else some(rng, tuple(limits), 3)
    return budget | {limit: limits[limit] for limit in chosen}


def random_row(rng: Random, zone: str) -> Written:
    """Make one row of `open`: days or dates, whole or with times."""
    if chance(rng, 0.3):
        row: Written = {"dates": [random_dates(rng, zone) for _ in range(rng.randint(1, 2))]}
    else:
        row = {"days": some(rng, ("mon", "tue", "wed", "thu", "fri", "sat", "sun"), 7)}
    if chance(rng, 0.7):
        opens = rng.choice(["22:00", "00:00", "00:30", "01:30", "02:00", "02:15", "02:30", "03:00", "23:30"])
        closes = rng.choice(["06:00", "24:00", "00:00", "00:30", "01:00", "02:00", "02:30", "03:00", "23:00"])
        if opens != closes:
            row |= {"from": opens, "to": closes}
    return row


def random_dates(rng: Random, zone: str) -> str:
    """Make one date or range of dates, with or without years, on or beside an interesting date of the zone."""
    first = rng.choice(pools.ZONES[zone]) + timedelta(days=rng.choice([0, -1, 1, -2, 5]))
    last = first + timedelta(days=rng.choice([1, 2, 0, 14]))
    written: Callable[[date], str] = date.isoformat if chance(rng, 0.6) else (lambda day: day.isoformat()[5:])
    if chance(rng, 0.1):
        return "12-20..01-06"
    return f"{written(first)}..{written(last)}" if chance(rng, 0.5) else written(first)


def as_written(item: Plain) -> Written:
    """Promise that an item is a mapping that may still be written into."""
    assert isinstance(item, dict)
    return item


class Writer:
    """Writes the statements of one document, over the names that the document has."""

    def __init__(self, rng: Random, dialect: Dialect, calendars: Sequence[str]) -> None:
        self.rng = rng
        self.dialect = dialect
        self.calendars = tuple(calendars)
        self.budgets: tuple[str, ...] = ()
        self.lists_used: set[str] = set()

    def statement(self, name: str, *, approving: bool) -> Written:
        """Write a policy or a guardrail."""
        rng = self.rng
        statement: Written = {"name": name}
        if chance(rng, 0.1):
            statement["description"] = "What it is for."
        if chance(rng, 0.15):
            statement["mode"] = rng.choice(["enforce", "shadow"])
        may_match_all = not approving or self.dialect.policy_without_match
        if not may_match_all or chance(rng, 0.9 if approving else 0.6):
            statement["match"] = self.match()
        fewest = 0 if approving else 1
        require: list[Plain] = [self.requirement() for _ in range(rng.choice([fewest, fewest, 1, 2]))]
        if self.calendars and approving and chance(rng, 0.5):
            require.append({"window": self.negatable(self.some_or_one(self.calendars))})
        statement["require"] = require
        if not mentions(require, "manual_approval") and chance(rng, 0.25):
            statement["on_violation"] = rng.choice(["hold", "cancel"])
        for each in map(as_written, require):
            nearest = each.get("on_violation", statement.get("on_violation"))
            if nearest == "cancel" and "manual_approval" not in each and chance(rng, 0.3):
                each["grace"] = rng.choice(pools.GRACES)
        return statement

    def match(self) -> list[Plain]:
        """Write a match: half of them by operation, so that documents and jobs meet."""
        first = {"operation": self.operation()} if chance(self.rng, 0.5) else self.condition()
        return [first, *([self.condition()] if chance(self.rng, 0.25) else [])]

    def exception(self, place: int, names: tuple[str, ...]) -> Written:
        """Write an exception whose last day is an interesting date or a neighbour."""
        zone = self.rng.choice(list(pools.ZONES))
        last_day = self.rng.choice(pools.ZONES[zone]) + timedelta(days=self.rng.choice([0, 1, -1, 20]))
        exception: Written = {
            "name": f"exception-{place}",
            "lifts": some(self.rng, names, 2),
            "match": self.conditions(2),
            "expires": last_day.isoformat(),
            "because": "CHG-4411",
        }
        return {**exception, "timezone": zone} if chance(self.rng, 0.6) else exception

    def requirement(self) -> Written:
        """Write a requirement with what may stand beside its condition."""
        requirement = dict(self.condition(in_require=True))
        if not mentions(requirement, "budget") and chance(self.rng, 0.25):
            requirement["unless"] = self.conditions(2)
        if not mentions(requirement, "manual_approval") and chance(self.rng, 0.3):
            requirement["on_violation"] = self.rng.choice(["hold", "cancel"])
        if chance(self.rng, 0.1):
            requirement["message"] = "see https://go/batch"
        return requirement

    def conditions(self, at_most: int) -> list[Plain]:
        """Write a list of conditions."""
        return [self.condition() for _ in range(self.rng.randint(1, at_most))]

    def condition(self, depth: int = 0, *, in_require: bool = False) -> Written:
        """Write a condition: a check, or `any` or `all` of some."""
        rng = self.rng
        if depth < DEEPEST and chance(rng, 0.2):
            word = rng.choice(["any", "all"])
            asking = in_require and word == "all"
            return {word: [self.condition(depth + 1, in_require=asking) for _ in range(rng.randint(1, 3))]}
        if in_require and (depth == 0 or self.dialect.manual_approval_nested) and chance(rng, 0.05):
            return {"manual_approval": "required" if chance(rng, 0.4) else self.approvers()}
        if in_require and self.budgets and chance(rng, 0.25):
            return {"budget": rng.choice(self.budgets)}
        if self.calendars and chance(rng, 0.25):
            return {"window": self.negatable(self.some_or_one(self.calendars))}
        check = rng.choice(list(CHECKS))
        return {check: CHECKS[check](self)}

    def approvers(self) -> Written:
        """Write whose approvals are wanted: at least one word of it."""
        rng = self.rng
        words: Written = {
            "by": self.patterns(pools.CALLER_PATTERNS, "callers"),
            "at_least": rng.choice([1, 1, 2, 2, 3]),
            "not_requester": chance(rng, 0.6),
        }
        return {word: words[word] for word in some(rng, tuple(words), 3)}

    def some_or_one(self, values: Sequence[Plain]) -> Plain:
        """Write one value bare, or a list of them."""
        return some(self.rng, tuple(values), 3) if chance(self.rng, 0.3) else self.rng.choice(values)

    def negatable(self, test: Plain) -> Plain:
        """Write a test, sometimes inside `not`."""
        return {"not": test} if chance(self.rng, 0.2) else test

    def patterns(self, values: Sequence[Plain], list_name: str | None = None) -> Plain:
        """Write patterns: one, a list, or the name of a list."""
        if list_name is not None and chance(self.rng, 0.2):
            self.lists_used.add(list_name)
            return {"list": list_name}
        return self.some_or_one(values)

    def operation(self) -> Plain:
        """Write the operand of `operation`."""
        names: tuple[Plain, ...] = (
            (*pools.OPERATIONS, *pools.OPERATION_PATTERNS) if chance(self.rng, 0.4) else ("S3*", "*")
        )
        return self.negatable(self.patterns(names, "operations"))

    def operation_parameters(self) -> Written:
        """Write tests of one or two parameters."""
        return self.parameters(pools.PARAMETER_TESTS)

    def manifest_generator(self) -> Written:
        """Write tests of one or two members of a generator."""
        return self.parameters(pools.GENERATOR_TESTS)

    def parameters(self, tests: Mapping[str, tuple[Plain, ...]]) -> Written:
        """Write tests of one or two paths."""
        paths = some(self.rng, tuple(tests), 2 if chance(self.rng, 0.2) else 1)
        written: Written = {path: self.rng.choice(tests[path]) for path in paths}
        self.lists_used |= lists_named_in(written)
        return written

    def numbers(self, values: Sequence[int]) -> Plain:
        """Write a range that holds something."""
        low, high = sorted((self.rng.choice(values), self.rng.choice(values)))
        written: list[Plain] = [{"at_most": high}, {"at_most": high}, {"at_least": low}]
        return self.negatable(self.rng.choice([*written, {"at_least": low, "at_most": high}]))

    def cost(self) -> Plain:
        """Write a range of dollars."""
        low, high = sorted(self.rng.sample(pools.COSTS, 2), key=lambda each: float(str(each)))
        return self.negatable(
            self.rng.choice([{"at_most": high}, {"at_least": low}, {"at_least": low, "at_most": high}])
        )

    def buckets(self) -> Plain:
        """Write bucket words, one or two side by side."""
        words = some(self.rng, ("any", "only", "none"), 2 if chance(self.rng, 0.2) else 1)
        written: Written = {word: self.patterns(pools.BUCKET_PATTERNS, "buckets") for word in words}
        return self.structure(written)

    def manifest(self) -> Plain:
        """Write tests of parts of the manifest."""
        parts: dict[str, Plain] = {
            "format": self.negatable(self.patterns((*pools.MANIFEST_FORMATS, "S3Inventory*"))),
            "bucket": self.negatable(self.patterns(pools.BUCKET_PATTERNS, "buckets")),
            "key": self.negatable(self.patterns(pools.MANIFEST_KEY_PATTERNS)),
            "version": self.presence(self.patterns(pools.MANIFEST_VERSION_PATTERNS)),
            "generated": chance(self.rng, 0.5),
            "stored": chance(self.rng, 0.5),
            "bytes": {"at_most": self.rng.choice(pools.BYTE_COUNTS)},
            "rows": self.numbers(pools.TASK_COUNTS),
            "rows_without_version": self.numbers((0, 1)),
        }
        return self.structure({part: parts[part] for part in some(self.rng, tuple(parts), 2)})

    def report(self) -> Plain:
        """Write tests of parts of the report."""
        parts: dict[str, Plain] = {
            "enabled": chance(self.rng, 0.7),
            "scope": self.negatable(self.patterns((*pools.REPORT_SCOPES, "*"))),
            "bucket": self.negatable(self.patterns(pools.BUCKET_PATTERNS, "buckets")),
            "expected_bucket_owner": self.presence(self.patterns((*pools.ACCOUNTS, "${account}", "1*"), "accounts")),
        }
        return self.structure({part: parts[part] for part in some(self.rng, tuple(parts), 3)})

    def structure(self, written: Written) -> Written:
        """Write tests of a structure's parts, inside `not` where the dialect has that."""
        return {"not": written} if self.dialect.not_around_structures and chance(self.rng, 0.2) else written

    def tags(self) -> Written:
        """Write tests of one or two tags."""
        keys = some(self.rng, pools.TAG_KEYS, 2 if chance(self.rng, 0.2) else 1)
        return {key: self.presence(self.patterns(pools.TAG_PATTERNS, "tickets")) for key in keys}

    def presence(self, test: Plain) -> Plain:
        """Write a test, or ask only whether there is a value."""
        return self.negatable({"present": True} if chance(self.rng, 0.25) else test)

    def text_of(self, values: Sequence[Plain]) -> Plain:
        """Write patterns for a plain string of the job."""
        patterns = self.patterns(values)
        return self.presence(patterns) if self.dialect.present_anywhere else self.negatable(patterns)


CHECKS: dict[str, Callable[[Writer], Plain]] = {
    "operation": Writer.operation,
    "total_tasks": lambda writer: writer.numbers(pools.TASK_COUNTS),
    "tags": Writer.tags,
    "account": lambda writer: writer.negatable(writer.patterns(pools.ACCOUNTS, "accounts")),
    "region": lambda writer: writer.negatable(writer.patterns((*pools.PARTITION_OF_REGION, "eu-*", "*", "us-*"))),
    "operation_parameters": Writer.operation_parameters,
    "manifest": Writer.manifest,
    "manifest_generator": Writer.manifest_generator,
    "object_bytes": lambda writer: writer.numbers(pools.BYTE_COUNTS),
    "cost": Writer.cost,
    "source_buckets": Writer.buckets,
    "destination_buckets": Writer.buckets,
    "role": lambda writer: writer.text_of(pools.ROLE_PATTERNS),
    "priority": lambda writer: writer.numbers(pools.PRIORITIES),
    "description": lambda writer: writer.text_of(pools.DESCRIPTION_PATTERNS),
    "report": Writer.report,
}
"""How the operand of each check is written; windows, manual approval and budgets apart."""


def mentions(written: Plain, check: str) -> bool:
    """Say whether a check's name stands anywhere in what is written."""
    if isinstance(written, dict):
        return check in written or any(mentions(inner, check) for inner in written.values())
    return isinstance(written, list) and any(mentions(inner, check) for inner in written)


def lists_named_in(written: Plain) -> set[str]:
    """Give the lists that are named anywhere in what is written."""
    if isinstance(written, dict):
        here = {str(written["list"])} if set(written) == {"list"} else set[str]()
        return here.union(*map(lists_named_in, written.values()))
    return set[str]().union(*map(lists_named_in, written)) if isinstance(written, list) else set()
