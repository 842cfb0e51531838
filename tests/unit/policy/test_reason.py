"""The reason that S3 keeps on the job: 1 to 256 printable ASCII characters of whole parts."""

import json
import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from batchgate.jobs.model import Json, job_from_printed
from batchgate.policy.compiled import Verdict
from batchgate.policy.evaluate import Decision, evaluate_job
from batchgate.policy.facts import NOT_READ, Gap, JobFacts, Result, gather_facts
from batchgate.policy.reason import (
    NAME_ALWAYS_WHOLE,
    NAME_AT_MOST,
    REASON_AT_MOST,
    personal_reason,
    status_update_reason,
)
from batchgate.policy.trace import trace_condition
from batchgate.policy.wording import printable, quoted
from batchgate.text import shorten
from batchgate_cli.authoring import policy_file
from tests.unit.examples import NOW, Written, document, facts, outcome
from tests.unit.strategies import (
    any_text,
    random_facts,
    randoms,
    wild_facts,
    written_with_all_lists,
)

SHAPE = re.compile(
    r"batchgate: (held, policies in shadow mode: would be )?(approved|cancelled|held|waiting)"
    r"(, (will be cancelled at [0-9TZ:-]{20} unless fixed|to be cancelled at [0-9TZ:-]{20})(,(?= by )|(?=: )))?"
    r"( (?:by|because of) .+|: .+) "
    r"\[policy [0-9a-f]{12}( claim [!-~]+)?\]"
)


def reason(written: Written, about: JobFacts, claim_id: str | None = None) -> str:
    """Give the reason of a decision, held to its form."""
    text = status_update_reason(outcome(written, about), claim_id)
    assert 1 <= len(text) <= REASON_AT_MOST
    assert text.isascii()
    assert text.isprintable()
    assert SHAPE.fullmatch(text), text
    assert text == status_update_reason(outcome(written, about), claim_id)
    return text


def without_versions(text: str) -> str:
    """Leave the versions at the end out."""
    return text[: text.rindex(" [policy ")]


def test_a_cancellation_to_come_names_what_ends_first() -> None:
    """Of violations with graces of different length those whose grace ends at the instant that the reason gives."""
    tasks, priority = {"total_tasks": {"at_most": 5}}, {"priority": {"at_least": 50}}

    def policy(name: str, requirement: Written, grace: str) -> Written:
        return {"name": name, "require": [{**requirement, "grace": grace}], "on_violation": "cancel"}

    def first(one: str, other: str) -> str:
        policies = [policy("a", tasks, one), policy("b", priority, other)]
        return without_versions(reason({"version": 1, "policies": policies}, facts()))

    head = "batchgate: held, will be cancelled at 2026-03-28T06:00:00Z unless fixed, by "
    assert first("2d", "1d") == (f"{head}b: priority is 10, want at least 50")
    assert first("1d", "2d") == (f"{head}a: total_tasks is 100, want at most 5")
    assert first("1d", "1d") == (f"{head}a: total_tasks is 100, want at most 5; by b: priority is 10, want at least 50")


# --- by example --------------------------------------------------------------------------------------

RESTORE: Json = {"S3InitiateRestoreObject": {"GlacierJobTier": "STANDARD", "ExpirationInDays": 7}}
BULK = {"operation_parameters": {"S3InitiateRestoreObject.GlacierJobTier": "BULK"}}


def test_a_cancellation_names_policy_values_exception_message_and_versions() -> None:
    """The language's own first example."""
    written = document(
        {
            **BULK,
            "on_violation": "cancel",
            "unless": [{"tags": {"incident": "INC-*"}}],
            "message": "use BULK, or tag an incident",
        }
    )
    written["policies"][0]["name"] = "restores"
    version = outcome(written, facts()).policy_version
    assert reason(written, facts(Operation=RESTORE), "5f3a91c2") == (
        "batchgate: cancelled by restores: S3InitiateRestoreObject.GlacierJobTier is STANDARD, want BULK "
        f"(unless tag incident=INC-*: absent) | use BULK, or tag an incident [policy {version} claim 5f3a91c2]"
    )


def test_an_approval_names_policies_and_counts_requirements() -> None:
    """The language's own second example."""
    written = document(*({"region": "eu-*"}, {"priority": {"at_least": 0}}, {"account": "1*"}, {"role": "*"}))
    written["policies"][0]["name"] = "lake-copies"
    version = outcome(written, facts()).policy_version
    assert reason(written, facts(), "5f3a91c2") == (
        f"batchgate: approved by lake-copies, 4 requirements met [policy {version} claim 5f3a91c2]"
    )


PRICES: Written = {
    "job": 0.25,
    "million_objects": 1,
    "million_requests": {"S3ComputeObjectChecksum": 5, "S3InitiateRestoreObject": 5},
    "gibibyte": {"S3InitiateRestoreObject": 0.01},
}


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["archive-migration"], "1 requirement met, 2 lifted by archive-migration"),
        (["b", "a"], "1 requirement met, 2 lifted by a"),
    ],
)
def test_an_approval_says_what_an_exception_lifted(names: list[str], told: str) -> None:
    """A violated requirement that is lifted is not counted as met; one that its own `unless` meets is."""
    met_anyway: Written = {"region": "x", "unless": [{"role": "*"}]}
    written = document(met_anyway, {"region": "x"}, {"region": "y"})
    end: Written = {"expires": "2026-12-31", "because": "x"}
    written["exceptions"] = [{"name": name, "lifts": ["p"], "match": [{"role": "*"}], **end} for name in names]
    assert f"batchgate: approved by p, {told} [" in reason(written, facts())
    written["exceptions"] = [{"name": "e", "lifts": ["p"], "match": [{"role": "*"}], **end, "expires": "2020-01-01"}]
    assert "lifted" not in reason(written, facts())


@pytest.mark.parametrize(
    ("written", "about", "expected"),
    [
        (document(), facts(), "batchgate: approved by p, 0 requirements met"),
        (document({"region": "*"}), facts(), "batchgate: approved by p, 1 requirement met"),
        (
            document(guardrails=[{"name": "g", "require": [{"region": "*"}]}]),
            facts(),
            "batchgate: approved by p, 1 requirement met",
        ),
        ({"version": 1}, facts(), "batchgate: held: no policy matches the job"),
        ({"version": 1, "unmatched": "cancel"}, facts(), "batchgate: cancelled: no policy matches the job"),
        (
            document({"total_tasks": {"at_most": 5}}),
            facts(),
            "batchgate: held by p: total_tasks is 100, want at most 5",
        ),
        (
            document({"total_tasks": {"at_most": 5}}),
            facts(ProgressSummary={}),
            "batchgate: held by p: total_tasks is unmeasurable (S3 does not report it), want at most 5",
        ),
        (
            document({"description": "daily"}),
            facts(Description='say "hi"\n<b>'),
            "batchgate: held by p: description is \"say 'hi'<b>\", want daily",
        ),
        (
            document({"source_buckets": {"none": "lake"}}),
            facts(source_buckets=frozenset({"aaa", "bbb", "ccc", "ddd", "lake"})),
            "batchgate: held by p: source bucket lake, want none of lake",
        ),
        (
            document({"source_buckets": {"only": ["lake-*", "ddd"]}}),
            facts(source_buckets=frozenset({"lake-raw", "other-team", "ddd", "aaa"})),
            "batchgate: held by p: source bucket aaa and 1 more, want only ddd or lake-*",
        ),
        (
            document({"source_buckets": {"any": "x"}}),
            facts(source_buckets=frozenset({"aaa", "bbb", "ccc", "ddd", "lake"})),
            'batchgate: held by p: source_buckets is "aaa", "bbb", "ccc", "ddd", "lake", want at least one x',
        ),
        (
            document({"source_buckets": {"any": "x"}}),
            facts(source_buckets=frozenset(f"{letter}-{'x' * 20}" for letter in "abcde") | {"lake"}),
            (
                f'batchgate: held by p: source_buckets is "a-{"x" * 20}", "b-{"x" * 20}", "c-{"x" * 20}" and 3 more, '
                "want at least one x"
            ),
        ),
        (
            document({"source_buckets": {"any": "x"}}),
            facts(source_buckets=frozenset({"aaa", "bbb", "lake", "x-s3alias", "y-s3alias", "Z.mrap"})),
            (
                'batchgate: held by p: source_buckets is "aaa", "bbb", "lake", unmeasurable (a Multi-Region Access '
                "Point) and 1 more, want at least one x"
            ),
        ),
        (
            document({"source_buckets": {"none": "lake"}}),
            facts(source_buckets=frozenset({"aaa", "lake", "x-s3alias"})),
            "batchgate: held by p: source bucket lake, want none of lake",
        ),
        (
            document({"cost": {"at_most": 20}}, prices=PRICES),
            facts(ProgressSummary={"TotalNumberOfTasks": 4_200_000}),
            "batchgate: held by p: cost is $25.45 ($0.25 job + $4.20 objects + $21.00 requests), want at most $20",
        ),
        (
            document({"cost": {"at_most": 20.5, "at_least": 0.0001}}, prices=PRICES),
            facts(ProgressSummary={}),
            "batchgate: held by p: cost is unmeasurable (S3 does not report it), want $0.0001 to $20.50",
        ),
        (
            document({"cost": {"at_most": 20}}),
            facts(),
            "batchgate: held by p: cost is unmeasurable (no prices.job), want at most $20",
        ),
        (
            document({"source_buckets": {"only": "lake"}}),
            facts(source_buckets=frozenset({"lake", "x-s3alias"})),
            'batchgate: held by p: source_buckets is "lake", unmeasurable (an access point alias), want only lake',
        ),
        (
            document({"tags": {"a": {"present": True}}}),
            facts(),
            "batchgate: held by p: tag a is absent, want present",
        ),
        (
            document({"any": [{"region": "us-*"}, {"all": [{"region": "eu-*"}, {"account": "2*"}]}]}),
            facts(),
            "batchgate: held by p: want account 2* (is 111111111111) or region us-* (is eu-central-1)",
        ),
        (
            document({"any": [{"region": "us-*"}, {"all": [{"region": "af-*"}, {"account": "2*"}]}]}),
            facts(),
            (
                "batchgate: held by p: want (account 2* (is 111111111111) and region af-* (is eu-central-1)) "
                "or region us-* (is eu-central-1)"
            ),
        ),
        (
            document({"all": [{"any": [{"region": "us-*"}, {"role": "x"}]}, {"account": "2*"}]}),
            facts(RoleArn="r"),
            (
                'batchgate: held by p: (want region us-* (is eu-central-1) or role x (is "r")), '
                "and account is 111111111111, want 2*"
            ),
        ),
        (
            document({"region": "us-*", "unless": [{"any": [{"tags": {"a": "b"}}, {"role": "x"}]}, {"account": "2*"}]}),
            facts(),
            (
                "batchgate: held by p: region is eu-central-1, want us-* (unless "
                '(role x: "arn:aws:iam::111111111111:role/batch" or tag a=b: absent) and account 2*: 111111111111)'
            ),
        ),
        (
            document({"manual_approval": "required", "unless": [{"total_tasks": {"at_most": 5}}]}),
            facts(),
            "batchgate: held by p: needs manual approval (unless total_tasks at most 5: 100)",
        ),
        (
            document(
                {
                    "total_tasks": {"at_most": 5},
                    "unless": [{"tags": {"a": {"present": True}, "b": {"not": ["x", "y"]}}}],
                }
            ),
            facts(tags={"b": "x"}),
            (
                "batchgate: held by p: total_tasks is 100, want at most 5 "
                '(unless tag a present: absent and tag b neither x nor y: "x")'
            ),
        ),
        (
            document({"any": [{"tags": {"team": "lake"}}, {"total_tasks": {"at_most": 5}}]}),
            facts(),
            "batchgate: held by p: want tag team=lake (is absent) or total_tasks at most 5 (is 100)",
        ),
        (
            document({"manual_approval": "required"}),
            facts(),
            "batchgate: held by p: needs manual approval",
        ),
        (
            {"version": 1, "guardrails": [{"name": "g", "require": [{"account": "2*"}]}]},
            facts(),
            "batchgate: held by g: account is 111111111111, want 2*; no policy matches the job",
        ),
        (
            {"version": 1, "policies": [{"name": "p", "match": [{"object_bytes": {"at_most": 5}}], "require": []}]},
            facts(object_bytes=NOT_READ),
            "batchgate: held by p: cannot evaluate its match: object_bytes is unmeasurable (not read), want at most 5",
        ),
        (
            document({"region": "us-*"}, {"account": "2*"}),
            facts(),
            "batchgate: held by p: account is 111111111111, want 2*; region is eu-central-1, want us-*",
        ),
        (
            document({"region": "us-*"}, guardrails=[{"name": "g", "require": [{"account": "2*"}]}]),
            facts(),
            "batchgate: held by g: account is 111111111111, want 2*; by p: region is eu-central-1, want us-*",
        ),
    ],
)
def test_the_reason_says_verdict_name_actual_and_wanted(written: Written, about: JobFacts, expected: str) -> None:
    """In so many words."""
    assert without_versions(reason(written, about)) == expected


def test_patterns_are_shown_with_the_jobs_own_account_region_and_partition() -> None:
    """What a requester has to write, not what the author of the policy wrote."""
    pattern = "arn:${partition}:iam::${account}:role/${region}-*"
    written = document({"role": {"not": ["x", pattern.replace("${region}-", "")]}}, {"role": pattern})
    assert without_versions(reason(written, facts())) == (
        'batchgate: held by p: role is "arn:aws:iam::111111111111:role/batch", '
        "want arn:aws:iam::111111111111:role/eu-central-1-*; "
        'role is "arn:aws:iam::111111111111:role/batch", want neither arn:aws:iam::111111111111:role/* nor x'
    )


def test_only_what_decides_is_said() -> None:
    """A hold is not mentioned beside a cancellation."""
    written = document({"region": "us-*"}, {"account": "2*", "on_violation": "cancel"})
    assert without_versions(reason(written, facts())) == ("batchgate: cancelled by p: account is 111111111111, want 2*")


def test_without_a_claim_only_the_policy_version_is_named() -> None:
    """A hold or an explanation claims nothing."""
    assert re.search(r" \[policy [0-9a-f]{12}\]$", reason(document(), facts()))
    assert re.search(r" \[policy [0-9a-f]{12} claim abc\]$", reason(document(), facts(), "abc"))


# --- whole parts only --------------------------------------------------------------------------------


def phrases(keys: list[str]) -> list[str]:
    """Give what the reason says of each tag that is not there."""
    return sorted(f"tag {key} is absent, want x" for key in keys)


def test_a_reason_that_is_too_long_is_cut_at_whole_parts() -> None:
    """Any number of objections: as many as fit, whole, in order, and how many more there are."""
    for count in [*range(1, 40), 300, 5_000]:
        keys = [f"key{number:05}" for number in range(count)]
        text = without_versions(reason(document(*({"tags": {key: "x"}} for key in keys)), facts(), "5f3a91c2"))
        head = "batchgate: held by p: "
        assert text.startswith(head)
        parts = text.removeprefix(head).split("; ")
        more = re.fullmatch(r"\+(\d+) more", parts[-1])
        told = parts[:-1] if more else parts
        assert told == phrases(keys)[: len(told)]
        assert len(told) + (int(more[1]) if more else 0) == count
        assert len(told) == count or len(f"{head}{'; '.join(phrases(keys)[: len(told) + 1])}") > 256 - 55


def test_an_objection_that_is_too_long_by_itself_is_shortened() -> None:
    """The first is always named, with both ends of what is too long; how many more there are is said after it."""
    key, value = f"a{'k' * 126}z", f"x{'y' * 126}z"
    text = without_versions(reason(document({"tags": {key: value}}), facts()))
    assert re.fullmatch(r"batchgate: held by p: tag ak{126}z is absent, want xy+\.\.\.y+z", text), text
    text = without_versions(reason(document({"tags": {key: value}}, {"tags": {f"b{key[1:]}": value}}), facts()))
    assert re.fullmatch(r"batchgate: held by p: tag ak+z is absent, want xy+\.\.\.y*z; \+1 more", text), text


def test_an_objection_of_too_many_values_is_cut_behind_the_last_that_fits() -> None:
    """Where shorter values do not help, its beginning stays."""
    conditions = [{"tags": {f"{number:03}{'k' * 20}": "x"}} for number in range(40)]
    text = without_versions(reason(document({"any": conditions}), facts(), "5f3a91c2"))
    assert re.fullmatch(r"batchgate: held by p: want tag 000k+\.\.\.k+=x \(is absent\) or .*\.\.\.", text), text


def test_a_shortened_objection_closes_the_quotation_that_it_cuts() -> None:
    """So that nothing of the gate's own words seems to be the requester's, nor the other way round."""
    conditions = [{"role": f"{number:03}"} for number in range(40)]
    for length in range(40):
        written = document({"any": conditions})
        written["policies"][0]["name"] = "n" * (length + 1)
        text = without_versions(reason(written, facts(), "5f3a91c2"))
        assert text.count('"') % 2 == 0, text
        assert re.search(r'\.\.\."?$', text), text


@pytest.mark.parametrize("length", [1, 50, 100])
def test_a_message_stays_beside_a_list_that_is_too_long(length: int) -> None:
    """What to do is worth more than the end of a list of patterns; how many more there are is said."""
    message = "m" * length
    wanted = [f"{number:012}" for number in range(50)]
    text = without_versions(reason(document({"account": wanted, "message": message}), facts(), "5f3a91c2"))
    assert re.fullmatch(
        rf"batchgate: held by p: account is 111111111111, want 000000000000( or 0+\d+)* or \+\d+ more \| {message}",
        text,
    ), text


ARN = "arn:aws:lambda:eu-west-3:111122223333:function:delete_everything:7"


@pytest.mark.parametrize("name", range(1, NAME_ALWAYS_WHOLE + 1))
@pytest.mark.parametrize("verdict", ["hold", "cancel"])
def test_a_reason_shows_the_functions_name_beside_any_message(name: int, verdict: str) -> None:
    """The end of an ARN stays, whatever the policy's name, its list and its message take."""
    wanted = [f"arn:aws:lambda:*:111122223333:function:thumbnails-{number}:*" for number in range(20)]
    written = document(
        {"operation_parameters": {"LambdaInvoke.FunctionArn": wanted}, "on_violation": verdict, "message": "m" * 100}
    )
    written["policies"][0]["name"] = "n" * name
    text = reason(written, facts(Operation={"LambdaInvoke": {"FunctionArn": ARN}}), "5f3a91c2")
    assert f" by {'n' * name}: " in text
    assert ':delete_everything:7", ' in text
    assert f" | {'m' * 100} [policy" in text


HERE = Path(__file__).resolve().parents[3]
LAMBDA_OTHER: dict[str, Json] = json.loads((HERE / "tests/recorded/lambda-other.json").read_text())


def test_every_shipped_policy_that_names_functions_shows_the_name_of_another() -> None:
    """As a job from the field invokes it."""
    said = []
    for path in sorted((HERE / "policies/examples").glob("*.yaml")):
        policies = policy_file.load([path]).policies
        if policies.asks_for("LambdaInvoke.FunctionArn"):
            said.append(
                status_update_reason(
                    evaluate_job(policies, gather_facts(job_from_printed(LAMBDA_OTHER), NOW)), "5f3a91c2"
                )
            )
    assert said
    assert all(':delete_everything:7"' in text for text in said), said


def test_many_policies_are_cut_at_whole_names() -> None:
    """An approval names as many policies as fit."""
    written = {"version": 1, "policies": [{"name": f"policy-number-{n:03}", "require": []} for n in range(200)]}
    text = without_versions(reason(written, facts(), "5f3a91c2"))
    found = re.fullmatch(r"batchgate: approved by ((?:policy-number-\d{3}, )+)\+(\d+) more, 0 requirements met", text)
    assert found
    assert found[1].count(",") + int(found[2]) == 200


def test_the_versions_are_never_cut() -> None:
    """Whatever else is said, the end names policy version and claim."""
    written = document(*({"tags": {f"{n}" * 60: "x"}} for n in range(9)))
    decision = outcome(written, facts())
    text = status_update_reason(decision, "0" * 36)
    assert text.endswith(f" [policy {decision.policy_version} claim {'0' * 36}]")
    assert len(text) <= 256


# --- whatever is written -------------------------------------------------------------------------------

wild_names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=64)
wild_keys = st.text(st.characters(codec="utf-8"), min_size=1, max_size=128)
wild_patterns = st.text(st.characters(codec="utf-8"), max_size=256).filter(lambda text: "${" not in text)


@st.composite
def wild_documents(draw: st.DrawFn) -> Written:
    """Draw documents of very long and very strange names, keys and patterns."""
    requirements = st.builds(
        lambda key, pattern, verdict, more: {"tags": {key: pattern}, "on_violation": verdict, **more},
        wild_keys,
        wild_patterns | st.just({"present": True}) | st.lists(wild_patterns, min_size=1, max_size=20),
        st.sampled_from(["hold", "cancel"]),
        st.just({})
        | st.builds(lambda key: {"unless": [{"tags": {key: "x"}}]}, wild_keys)
        | st.from_regex(r"[ -~]{1,100}", fullmatch=True).map(lambda message: {"message": message}),
    )
    names = draw(st.lists(wild_names, min_size=1, max_size=4, unique=True))
    statements = [
        {
            "name": name,
            "require": draw(st.lists(requirements, min_size=1, max_size=4)) * draw(st.sampled_from([1, 1, 100])),
        }
        for name in names
    ]
    return {"version": 1, "policies": statements[:1], **({"guardrails": statements[1:]} if statements[1:] else {})}


def deciding_subjects(decision: Decision) -> set[str]:
    """Give the words that each objection begins with."""
    return {
        f"{trace_condition(vote.requirement.own, decision.rows).subject} is "
        for vote in decision.deciding
        if vote.requirement
    }


@pytest.mark.slow
@given(wild_documents(), st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=64))
@settings(max_examples=60)
def test_the_first_objection_is_named_and_the_versions_are_whole(written: Written, claim_id: str) -> None:
    """However long names, keys, patterns and the claim's id are: at least the beginning of it is there."""
    decision = outcome(written, facts())
    text = reason(written, facts(), claim_id)
    assert text.endswith(f" [policy {decision.policy_version} claim {claim_id}]")
    assert any(f": {subject[:20]}" in text for subject in deciding_subjects(decision)), text


@pytest.mark.slow
@given(wild_documents(), st.dictionaries(any_text, any_text, max_size=3), st.booleans())
@settings(max_examples=40)
def test_strange_names_and_tags_leave_a_reason(written: Written, tags: dict[str, str], approve: bool) -> None:
    """Full Unicode, control characters, very long names, hundreds of requirements: the form is kept."""
    if approve:
        for policy in written["policies"]:
            policy["require"] = []
        written.pop("guardrails", None)
    known = {
        key: "\x1b[31m\u202e" + "ü" * 300
        for each in written["policies"]
        for require in each["require"]
        for key in require["tags"]
    }
    reason(written, facts(tags={**tags, **known}), "5f3a91c2")
    reason(written, facts(tags=Gap(Result.UNMEASURABLE, "denied")))


unbroken = any_text.filter(lambda text: "; " not in quoted(text))
"""Text that does not look like two parts of a reason."""


@given(unbroken, unbroken, unbroken, unbroken)
def test_the_requesters_text_is_quoted_cut_and_stripped(text: str, tag: str, value: str, bucket: str) -> None:
    """Description, tags, parameters and buckets: at most 40 characters each, in quotes, and nothing else of it."""
    about = facts(
        Description=text,
        tags={"a": tag},
        Operation={"S3NewOperation": {"Text": value}},
    )
    about = replace(about, source_buckets=frozenset({bucket}))  # as no manifest would have it
    for condition, shown in (
        ({"description": "never so"}, text),
        ({"tags": {"a": "never so"}}, tag),
        ({"operation_parameters": {"S3NewOperation.Text": "never so"}}, value),
        ({"source_buckets": {"only": "never so"}}, bucket),
    ):
        said = without_versions(
            reason(document({"any": [condition]}, guardrails=[{"name": "g", "require": [condition]}]), about)
        )
        told = [
            part.replace("source bucket ", "source_buckets is ")
            .partition(" is ")[2]
            .removesuffix(", want never so")
            .removesuffix(", want only never so")
            for part in said.split("; ")
        ]
        enumeration = condition.get("operation_parameters") and re.fullmatch("[A-Z][A-Z0-9_]{0,39}", shown)
        name = condition.get("source_buckets") and re.fullmatch("[a-z0-9.-]{3,40}", shown)
        assert all(each == (shown if enumeration or name else quoted(shown)) for each in told if each), said


@given(any_text, st.sampled_from([20, 40, 1024]))
def test_quoting_leaves_so_many_printable_characters_between_two_quotes(text: str, at_most: int) -> None:
    """Nothing of the text can end the quotation or start a line."""
    said = quoted(text, at_most)
    assert said[0] == said[-1] == '"'
    assert '"' not in said[1:-1]
    assert len(said) <= at_most + 2
    assert said.isascii()
    assert said.isprintable()
    kept = "".join(letter for letter in text if " " <= letter <= "~").replace('"', "'")
    assert said[1:-1] == shorten(kept, at_most)


@given(any_text)
def test_what_the_authors_wrote_is_made_printable(text: str) -> None:
    """ASCII stays as it is; each stretch of anything else is one question mark."""
    said = printable(text)
    assert said.isascii()
    assert said.isprintable()
    assert (said == text) == (text.isascii() and text.isprintable())
    assert [part for part in said.split("?") if part] == [part for part in re.split(r"[^ -~]|\?", text) if part]


@pytest.mark.slow
@given(randoms(), wild_facts())
@settings(max_examples=60)
def test_every_verdict_on_anything_has_a_reason(rng: Random, about: JobFacts) -> None:
    """Random documents over the whole language, facts that no S3 would say."""
    rng = Random(rng.getrandbits(64))
    written = written_with_all_lists(rng)
    reason(written, about, "5f3a91c2")
    reason(written, random_facts(rng, written))


@given(st.text(st.characters(codec="utf-8"), min_size=50, max_size=64))
def test_a_policys_name_is_whole(name: str) -> None:
    """The longest that a document may have fits."""
    written = {"version": 1, "policies": [{"name": name, "require": []}]}
    said = without_versions(reason(written, facts()))
    told = said.removeprefix("batchgate: approved by ").removesuffix(", 0 requirements met")
    assert told == printable(name)


# --- the author's message -------------------------------------------------------------------------------

printable_ascii = st.characters(min_codepoint=32, max_codepoint=126)
plain = st.characters(min_codepoint=32, max_codepoint=126, exclude_characters='"|')
"""What makes no quotation and no message."""

messages = st.text(printable_ascii, min_size=1, max_size=100)
names = st.text(plain, min_size=1, max_size=NAME_AT_MOST)
functions = st.text(plain, max_size=120).filter(lambda text: "${" not in text)
arns = st.builds("arn:aws:lambda:eu-west-3:111122223333:{}".format, functions)


@st.composite
def documents_with_messages(draw: st.DrawFn) -> Written:
    """Draw documents with names, values, ARNs and messages of every valid length, some of them in shadow mode."""
    patterns = st.text(plain, min_size=1, max_size=256).filter(lambda text: "${" not in text)
    conditions = st.one_of(
        st.builds(lambda arn: {"operation_parameters": {"LambdaInvoke.FunctionArn": arn}}, arns),
        st.builds(lambda key, value: {"tags": {key: value}}, st.text(plain, min_size=1, max_size=128), patterns),
        st.builds(lambda values: {"role": values}, st.lists(patterns, min_size=1, max_size=5, unique=True)),
        st.builds(lambda value: {"any": [{"description": value}, {"role": value}]}, patterns),
    )
    requirements = st.builds(
        lambda condition, verdict, message: {
            **condition,
            "on_violation": verdict,
            **({"message": message} if message else {}),
        },
        conditions,
        st.sampled_from(["hold", "cancel"]),
        messages | st.none(),
    )
    statements = [
        {"name": name, "require": draw(st.lists(requirements, min_size=1, max_size=4))}
        for name in draw(st.lists(names, min_size=1, max_size=4, unique=True))
    ]
    mode = draw(st.sampled_from(["enforce", "shadow"]))
    return {"version": 1, "mode": mode, "policies": statements[:1], "guardrails": statements[1:] or None}


@given(
    written=documents_with_messages(),
    arn=arns,
    description=st.text(max_size=256),
    claim_id=st.sampled_from([None, "5f3a91c2"]),
    expired=st.sampled_from([None, timedelta(days=21)]),
)
def test_the_message_of_what_decides_stays_whole(
    written: Written, arn: str, description: str, claim_id: str | None, expired: timedelta | None
) -> None:
    """Whatever names, values and ARNs are; what had to go is marked, quotes are balanced, the versions come last."""
    written = {key: value for key, value in written.items() if value is not None}
    about = facts(Operation={"LambdaInvoke": {"FunctionArn": arn}}, Description=description)
    decision = outcome(written, about)
    expired = expired if decision.may_expire else None
    text = status_update_reason(decision, claim_id, exceeded_limit=expired)
    assert text == status_update_reason(outcome(written, about), claim_id, exceeded_limit=expired)
    assert 1 <= len(text) <= REASON_AT_MOST
    assert text.isascii()
    assert text.isprintable()
    claim = f" claim {claim_id}" if claim_id else ""
    versions = f" [policy {decision.policy_version}{claim}]"
    assert text.endswith(versions)
    said, bar, message = text.removesuffix(versions).partition(" | ")
    assert said.count('"') % 2 == 0
    wanted = decision.verdict if expired or decision.if_enforced is None else decision.if_enforced
    votes = [vote for vote in decision.votes if vote.verdict is wanted and vote.requirement]
    if wanted is Verdict.APPROVE:
        return
    assert message in (
        {vote.requirement.message for vote in votes if vote.requirement and vote.requirement.message} or {""}
    )
    assert bool(bar) is bool(message)
    if not any(mark in said for mark in ("...", "; +", " or +")):
        for vote in votes:
            assert vote.statement is not None
            assert vote.requirement is not None
            own = trace_condition(vote.requirement.own, decision.rows)
            assert all(part in said for part in (vote.statement.name, own.subject, own.brief, own.expected))


def test_a_message_stands_beside_its_own_objection() -> None:
    """An objection with a message is the first, so that no message seems to be the remedy for another."""
    written = document(
        {"account": "2*"}, {"region": "us-*", "message": "only the US"}, {"role": "x", "message": "as somebody else"}
    )
    assert without_versions(reason(written, facts())) == (
        "batchgate: held by p: region is eu-central-1, want us-*; "
        'role is "arn:aws:iam::111111111111:role/batch", want x; account is 111111111111, want 2* | only the US'
    )


@pytest.mark.parametrize(
    ("requirement", "expected"),
    [
        ({"total_tasks": {"at_most": 100}}, "would be approved by p, 1 requirement met"),
        ({"total_tasks": {"at_most": 5}}, "would be held by p: total_tasks is 100, want at most 5"),
        (
            {"total_tasks": {"at_most": 5}, "on_violation": "cancel", "message": "split it"},
            "would be cancelled by p: total_tasks is 100, want at most 5 | split it",
        ),
        (None, "would be held: no policy matches the job"),
    ],
)
def test_a_set_in_shadow_mode_says_so_and_what_it_would_do_and_why(requirement: Written | None, expected: str) -> None:
    """Plainly, and first."""
    written: Written = document(requirement) if requirement else {"version": 1}
    text = without_versions(reason({**written, "mode": "shadow"}, facts()))
    assert text == f"batchgate: held, policies in shadow mode: {expected}"


@given(who=st.text(printable_ascii, max_size=2048), why=st.text(min_size=1, max_size=600))
def test_a_persons_reason_fits_and_every_cut_is_marked(who: str, why: str) -> None:
    """The end of the ARN stays, which has the name; then the beginning of what the person said."""
    text = personal_reason("approved", f"arn:aws:{who}/ana", why, "7c41f09be2aa", "5f3a91c2")
    said = text.removesuffix(" [policy 7c41f09be2aa claim 5f3a91c2]")
    assert said != text
    assert len(text) <= REASON_AT_MOST
    assert "/ana: " in said
    assert said.endswith((f": {printable(why)}", "..."))


# --- deterministic --------------------------------------------------------------------------------------

MANY_WAYS: Written = {
    "version": 1,
    "policies": [
        {
            "name": f"p{number}",
            "require": [
                {"region": ["us-*", "ap-*", "sa-*", "af-*"]},
                {"source_buckets": {"none": ["b*", "c*", "d*"]}},
                {"operation_parameters": {"A.B": [1, True, "x", 2, "y"]}, "message": f"message {number}"},
                {"any": [{"account": ["2*", "3*"]}, {"role": "x"}], "unless": [{"tags": {"a": ["x", "y"], "b": "z"}}]},
            ],
        }
        for number in range(3)
    ],
}


def test_the_reason_is_the_same_in_every_process() -> None:
    """No order of a set or a dictionary shows: Python's hashing may start from anywhere."""
    program = (
        "import json, sys\n"
        "from tests.unit.examples import facts, outcome\n"
        "from batchgate.policy.reason import status_update_reason\n"
        "for written in json.load(sys.stdin):\n"
        "    about = facts(source_buckets=frozenset(each * 3 for each in 'abcdefg'))\n"
        "    print(status_update_reason(outcome(written, about), 'c'))\n"
    )
    alone: list[Any] = [
        {**MANY_WAYS, "policies": [{"name": "p", "require": [requirement]}]}
        for requirement in MANY_WAYS["policies"][0]["require"]
    ]
    said = set()
    for seed in ("0", "1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        done = subprocess.run(
            [sys.executable, "-c", program],
            input=json.dumps([MANY_WAYS, *alone]),
            capture_output=True,
            text=True,
            check=True,
            env=environment,
        )
        said.add(done.stdout)
    assert len(said) == 1
    assert said.pop().count("batchgate: held by") == 5


def test_the_order_of_writing_does_not_show() -> None:
    """Statements, requirements and values in another order: the same words."""
    mirrored = {
        **MANY_WAYS,
        "policies": [
            {**policy, "require": list(reversed(policy["require"]))} for policy in reversed(MANY_WAYS["policies"])
        ],
    }
    assert reason(MANY_WAYS, facts()) == reason(mirrored, facts())
