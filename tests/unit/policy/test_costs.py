"""Estimated costs: exact, in a fixed order of parts, and never cheaper than what is known."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgate.errors import PolicyError
from batchgate.jobs.model import KNOWN_OPERATIONS
from batchgate.policy.amounts import COST_UNITS
from batchgate.policy.canonical import canonical_json
from batchgate.policy.compile import compile_document, compile_policies
from batchgate.policy.costs import Cost, Prices, cost_of, dollars, units
from batchgate.policy.deployed import load_deployed
from batchgate.policy.evaluate import evaluate_job
from batchgate.policy.facts import Gap, Result
from batchgate.policy.model import MONEY_AT_MOST
from batchgate.policy.operands import prices_of
from batchgate.policy.validation import read_document
from batchgate_cli.authoring.policy_file import load_text
from tests.unit.examples import Written, document, facts, outcome

OPERATION: Any = {"S3InitiateRestoreObject": {"GlacierJobTier": "BULK"}}
money = st.decimals(0, MONEY_AT_MOST, places=4)
counts = st.integers(1, 10**12)
sizes = st.integers(0, 10**18)


def priced(**prices: Any) -> Prices:
    """The prices of a document."""
    found = read_document({"version": 1, "prices": prices}).prices
    return prices_of(found)


def about(tasks: int, size: int | Gap = 0) -> Any:
    """A restore in bulk."""
    return facts(Operation=OPERATION, ProgressSummary={"TotalNumberOfTasks": tasks}, object_bytes=size)


@given(money, money, money, money, counts, sizes)
def test_a_cost_is_what_fractions_say_rounded_up_to_a_unit(
    job: Decimal, objects: Decimal, requests: Decimal, gibibyte: Decimal, tasks: int, size: int
) -> None:
    """Only bytes need rounding at all: one unit, 10**-10 dollars, at most."""
    prices = priced(
        job=job,
        million_objects=objects,
        million_requests={"S3InitiateRestoreObject": requests},
        gibibyte={"S3InitiateRestoreObject.BULK": gibibyte},
    )
    cost = cost_of(prices, about(tasks, size))
    assert isinstance(cost, Cost)
    exact = Fraction(job) + tasks * Fraction(objects + requests) / 10**6 + Fraction(size, 2**30) * Fraction(gibibyte)
    assert 0 <= Fraction(cost.total, COST_UNITS) - exact < Fraction(1, COST_UNITS)
    assert [name for name, _ in cost.parts] == ["job", "objects", "requests", "bytes"]
    assert sum(amount for _, amount in cost.parts) == cost.total


@given(st.sets(st.sampled_from(["job", "million_objects", "million_requests", "tasks", "bytes", "size", "tier"])))
def test_what_is_not_known_is_never_counted_as_nothing(missing: set[str]) -> None:
    """Any missing part leaves no cost at all; what S3 has not counted yet is unknown before anything else."""
    prices = {
        "job": 1,
        "million_objects": 1,
        "million_requests": {"S3InitiateRestoreObject": 1},
        "gibibyte": {
            "S3InitiateRestoreObject.BULK" if "tier" not in missing else "S3InitiateRestoreObject.STANDARD": 1
        },
    }
    there = priced(**{name: price for name, price in prices.items() if name not in missing})
    size: Any = Gap(Result.UNMEASURABLE, "denied") if "bytes" in missing else 5
    if "size" in missing:
        size = Gap(Result.UNKNOWN, "not counted yet")
    found = cost_of(
        there,
        facts(
            Operation=OPERATION,
            ProgressSummary={} if "tasks" in missing else {"TotalNumberOfTasks": 5},
            Status="Preparing" if "tasks" in missing else "Suspended",
            object_bytes=size,
        ),
    )
    assert isinstance(found, Gap) is bool(missing)
    if isinstance(found, Gap):
        assert found.result is (Result.UNKNOWN if missing & {"tasks", "size"} else Result.UNMEASURABLE)


def test_why_a_cost_is_not_known_has_nothing_of_the_job() -> None:
    """An operation's name that this version does not know is not its own word."""
    for operation, named in (("S3PutObjectAcl", True), ("S3\u001b[31mNew", False)):
        found = cost_of(priced(job=1, million_objects=1), facts(Operation={operation: {}}))
        assert isinstance(found, Gap)
        assert (operation in found.why) is named


@given(counts, counts, money)
def test_more_objects_never_cost_less(tasks: int, more: int, price: Decimal) -> None:
    """Nor more bytes, nor a higher price."""
    prices = priced(job=0, million_objects=price, million_requests={"S3InitiateRestoreObject": price})
    low, high = (cost_of(prices, about(number)) for number in (tasks, tasks + more))
    assert isinstance(low, Cost)
    assert isinstance(high, Cost)
    assert low.total <= high.total


@given(st.integers(0, 10**38))
def test_an_amount_is_written_exactly(amount: int) -> None:
    """Two decimals at least, and none that says nothing."""
    text = dollars(amount)
    assert text.startswith("$")
    assert units(Decimal(text[1:])) == amount or len(text) > 28
    decimals = text.partition(".")[2]
    assert len(decimals) >= 2
    assert len(decimals) == 2 or not decimals.endswith("0")


def written(limit: str) -> str:
    """A document as a file, with a limit as it is written."""
    return (
        "version: 1\nprices: {job: 0}\npolicies: [{name: p, match: [{operation: S3*}], require: "
        f"[{{cost: {{at_most: {limit}}}}}]}}]\n"
    )


@given(money)
def test_a_price_is_the_same_in_a_file_and_deployed(amount: Decimal) -> None:
    """However it is written, and whoever reads the canonical form: exactly this amount, and one version."""
    plain = f"{amount:f}"
    loaded = load_text(written(plain))
    limit = units(amount)
    [check] = loaded.policies.checks[-1:]
    assert check.test.at_most == limit  # type: ignore[union-attr]
    deployed = load_deployed(loaded.canonical_json)
    assert deployed.version == loaded.policies.version
    assert deployed.checks == loaded.policies.checks
    for same in (plain + "00" if "." in plain else plain + ".00", str(amount.normalize())):
        assert load_text(written(same)).canonical_json == loaded.canonical_json
    again = compile_document(read_document({"version": 1, "prices": {"job": float(amount)}}))
    assert again.version == compile_document(read_document({"version": 1, "prices": {"job": amount}})).version


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        ("0.00001", "at most 4 decimals, got the number 0.00001"),
        ("1.5e-7", "got the number 0.00000015"),
        ("1e-200", "got the number 1e-200"),
        ("-1", "expected US dollars from 0"),
        ("1_000_000_001", "expected US dollars from 0 to 1000000000"),
        (".inf", "expected US dollars"),
        (".nan", "expected US dollars"),
        ("true", "expected US dollars"),
        ('"5"', "write it without quotes: 5"),
        ("$1,500.50", "write 1500.5"),
        ("1.0000000000000001", "expected at most 15 digits"),
        ("0.30000000000000004", "expected at most 15 digits"),
        ("[5]", "expected US dollars"),
    ],
)
def test_an_amount_that_is_none_is_told_so(limit: str, expected: str) -> None:
    """What would not be exact is refused, not rounded."""
    text = written(limit).replace("at_most: $1,500.50", 'at_most: "$1,500.50"')
    with pytest.raises(PolicyError) as error:
        load_text(text)
    assert expected in str(error.value)


def test_a_deployed_number_with_more_digits_than_are_exact_is_refused() -> None:
    """Nothing that a float would round reaches a policy."""
    with pytest.raises(PolicyError, match="more than 15 digits"):
        load_deployed(b'{"version":1,"prices":{"job":0.30000000000000004}}')


def test_prices_that_nothing_asks_for_do_not_ask_for_rows() -> None:
    """`asks_for` is exact: rows are read where a check needs them."""
    sized: Written = {"job": 0, "gibibyte": {"S3PutObjectCopy": 1}}
    cost: Written = {"cost": {"at_most": 5}}
    for asked, prices, expected in (
        ({"total_tasks": {"at_most": 5}}, sized, False),
        (cost, {"job": 0}, False),
        (cost, sized, True),
        ({"object_bytes": {"at_most": 5}}, {"job": 0}, True),
        ({"source_buckets": {"only": "x"}}, {"job": 0}, True),
        ({"destination_buckets": {"only": "x"}}, {"job": 0}, False),
        ({"manifest": {"rows": {"at_most": 5}}}, {"job": 0}, True),
        ({"manifest": {"not": {"rows_without_version": {"at_most": 5}}}}, {"job": 0}, True),
        ({"manifest": {"bytes": {"at_most": 5}, "key": "x"}}, {"job": 0}, False),
    ):
        assert compile_policies(document(asked, prices=prices)).asks_for("manifest.contents") is expected


@given(money, money)
def test_a_lower_limit_never_lowers_caution(one: Decimal, other: Decimal) -> None:
    """A job that a lower limit approves a higher one approves, too."""
    low, high = sorted((one, other))
    prices: Written = {"job": 1, "million_objects": 10**6, "million_requests": {"S3InitiateRestoreObject": 0}}
    verdicts = [
        outcome(document({"cost": {"at_most": limit}}, prices=prices), about(5)).verdict for limit in (low, high)
    ]
    assert verdicts[0] >= verdicts[1]


def test_one_foreign_bucket_among_a_thousand_is_named() -> None:
    """However many others there are, in the reason and first in the trace."""
    buckets = [*(f"lake-{number}" for number in range(999)), "other-team"]
    policies = compile_policies(document({"source_buckets": {"only": "lake-*"}}))
    decision = evaluate_job(policies, facts(source_buckets=buckets))
    from batchgate.policy.reason import status_update_reason

    assert "source bucket other-team, want only lake-*" in status_update_reason(decision)
    [requirement] = decision.trace[0].requirements
    assert requirement.actual.startswith('"other-team", "lake-0"')


def test_the_canonical_form_writes_whole_dollars_without_decimals() -> None:
    """5, 5.0 and 5.00 are one amount."""
    canonical = canonical_json(read_document({"version": 1, "prices": {"job": 5.0, "million_objects": 0.25}}))
    assert canonical == b'{"prices":{"job":5,"million_objects":0.25},"version":1}'


@pytest.mark.parametrize(
    ("prices", "expected"),
    [
        ({"million_requests": {"S3PutObjectTaging": 1}}, "did you mean S3PutObjectTagging?"),
        ({"million_requests": {"PutObjectCopy": 1}}, "did you mean S3PutObjectCopy?"),
        ({"million_requests": {"GetObject": 1}}, 'no operation known to this version is named "GetObject"'),
        ({"million_requests": {"S3InitiateRestoreObject.BULK": 1}}, "write S3InitiateRestoreObject"),
        ({"gibibyte": {"S3NewOperation": 1}}, "no operation known to this version is named"),
        ({"gibibyte": {"S3PutObjectCopy.BULK": 1}}, "S3PutObjectCopy has no tiers; write S3PutObjectCopy"),
        ({"gibibyte": {"S3InitiateRestoreObject.BULKY": 1}}, "did you mean S3InitiateRestoreObject.BULK?"),
        ({"gibibyte": {"S3InitiateRestoreObject.bulk": 1}}, "expected S3InitiateRestoreObject.BULK or"),
        (
            {"gibibyte": {"S3InitiateRestoreObject": 1, "S3InitiateRestoreObject.BULK": 1}},
            "one price, or one for each GlacierJobTier, not both",
        ),
        ({"million_requests": {}}, "expected at least one key"),
        ({"gibibyte": 5}, "expected a mapping"),
        ({}, "expected at least one price"),
        ({"objects": 5}, "unknown key"),
        ({"million_object": 5}, "did you mean million_objects?"),
    ],
)
def test_prices_of_what_s3_does_not_have_are_errors(prices: Written, expected: str) -> None:
    """A misspelled operation would leave the cost of its jobs unknown, and all of them held."""
    with pytest.raises(PolicyError) as error:
        compile_policies({"version": 1, "prices": prices})
    assert expected in str(error.value)


@pytest.mark.parametrize("operation", sorted(KNOWN_OPERATIONS))
def test_every_operation_may_have_every_price(operation: str) -> None:
    """Of requests and by size."""
    prices = {"million_requests": {operation: 0.5}, "gibibyte": {operation: 0.5}}
    assert priced(**prices).prices_by_size(operation)
