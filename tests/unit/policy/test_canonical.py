"""The canonical form and its hash: the same for what means the same, another for what does not."""

import hashlib
import json
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from msgspec import inspect

from batchgate.errors import PolicyError
from batchgate.policy import model
from batchgate.policy.canonical import canonical_json
from batchgate.policy.compile import compile_policies
from batchgate.policy.validation import find_problems, read_document
from batchgate_cli.authoring import policy_file
from batchgate_cli.authoring.key_descriptions import JOINING
from tests.unit.everything import EVERYTHING, WrittenPath, at, everything, places, shown, with_value, without
from tests.unit.examples import Written, document
from tests.unit.strategies import RICH_DIALECT, randoms
from tests.verification.oracle.random_documents import random_document


def version(written: Any) -> str:
    """Give the version of a document as written."""
    return compile_policies(written).version


def canonical(written: Any) -> Any:
    """Give the canonical form of a document as data."""
    return json.loads(canonical_json(read_document(written)))


# --- how large it may be ------------------------------------------------------------------------------


def described(length: int, **more: Any) -> Written:
    """A document whose canonical form has this many bytes."""
    written = {**document({"description": ["x"]}), **more}
    size = len(json.dumps(canonical(written), separators=(",", ":")))
    written["policies"][0]["require"] = [{"description": ["x" * (1 + length - size)]}]
    return written


def test_a_document_takes_at_most_a_mebibyte() -> None:
    """Of its canonical form, to the byte."""
    assert len(canonical_json(read_document(described(1 << 20)))) == 1 << 20
    with pytest.raises(PolicyError) as refused:
        compile_policies(described((1 << 20) + 1))
    [problem] = refused.value.problems
    assert problem.where == "policies[0]"
    assert "expected a document of at most 1048576 bytes" in problem.message
    assert "got 1048577" in problem.message


@pytest.mark.slow
def test_what_lists_come_to_counts_wherever_they_are_named() -> None:
    """And is refused before it is written out: a small file may come to gigabytes."""
    many = {"list": "many"}
    named: Written = {
        "version": 1,
        "lists": {"many": [f"{number:012}" for number in range(10_000)]},
        "policies": [
            {"name": "small", "require": []},
            {"name": "large", "require": [{"account": many}, {"any": [{"account": many}] * 10}]},
        ],
    }
    with pytest.raises(PolicyError) as refused:
        compile_policies(named)
    [problem] = refused.value.problems
    assert problem.where == "policies[1]"
    named["policies"] = [{"name": f"p{number}", "require": [{"account": many}]} for number in range(5_000)]
    with pytest.raises(PolicyError, match="lists expanded, got more"):
        compile_policies(named)
    named["policies"] = named["policies"][:5]
    assert compile_policies(named).version


def test_a_file_that_is_too_large_is_told_with_its_place() -> None:
    """The line of its largest part."""
    text = "\n".join(
        [
            "version: 1",
            "lists:",
            f"  many: [{', '.join(f'v{number:09}' for number in range(9_000))}]",
            "policies:",
            "  - {name: small, require: []}",
            "  - name: large",
            "    require:",
            *["      - description: {list: many}"] * 20,
        ]
    )
    with pytest.raises(PolicyError) as refused:
        policy_file.load_text(text, "large.yaml")
    [problem] = refused.value.problems
    assert str(problem).startswith("large.yaml:6:5: policies[1]: expected a document of at most 1048576 bytes")


# --- one form ----------------------------------------------------------------------------------------


@given(randoms())
def test_the_canonical_form_is_a_document_and_its_own_canonical_form(rng: Random) -> None:
    """YAML to canonical JSON to structs to JSON: the same bytes every time."""
    written: Any = random_document(rng, RICH_DIALECT)
    loaded = policy_file.load_text(json.dumps(written))
    once = loaded.canonical_json
    again = compile_policies(json.loads(once))
    assert canonical(json.loads(once)) == json.loads(once)
    assert policy_file.load_text(once.decode("ascii")).canonical_json == once
    assert again.version == loaded.policies.version


def test_the_full_document_is_stable_too() -> None:
    """The same for the document that says everything."""
    once = canonical(EVERYTHING)
    assert canonical(once) == once
    assert version(once) == version(EVERYTHING)


def test_the_version_is_the_first_digits_of_the_sha_256() -> None:
    """Twelve hex digits, of exactly the bytes that are deployed."""
    policies = compile_policies(EVERYTHING)
    assert policies.version == hashlib.sha256(canonical_json(read_document(EVERYTHING))).hexdigest()[:12]


def test_the_canonical_form_is_ascii_without_spaces_lists_expanded_and_sorted() -> None:
    """What is deployed, byte for byte."""
    written = {
        "policies": [
            {
                "require": [{"tags": {"ü": {"list": "l"}}}, {"region": "eu-*", "message": "m"}],
                "name": "q",
            },
            {"name": "p", "require": []},
        ],
        "lists": {"l": ["b", "a", "b"]},
        "mode": "enforce",
        "version": 1,
    }
    assert canonical_json(read_document(written)) == (
        b'{"policies":[{"name":"p","require":[]},{"name":"q","require":'
        b'[{"message":"m","region":["eu-*"]},{"tags":{"\\u00fc":["a","b"]}}]}],"version":1}'
    )


# --- the same meaning ---------------------------------------------------------------------------------


def shuffled(value: Any, rng: Random) -> Any:
    """Write a document in another order: keys, statements, conditions, rows, values."""
    if isinstance(value, dict):
        return {key: shuffled(value[key], rng) for key in rng.sample(list(value), len(value))}
    if isinstance(value, list):
        return [shuffled(item, rng) for item in rng.sample(value, len(value))]
    return value


def without_lists(value: Any, lists: Any) -> Any:
    """Write every named list out."""
    if isinstance(value, dict):
        if set(value) == {"list"} and isinstance(value["list"], str) and value["list"] in lists:
            return list(lists[value["list"]])
        return {key: without_lists(inner, lists) for key, inner in value.items() if key != "lists"}
    return [without_lists(item, lists) for item in value] if isinstance(value, list) else value


@given(randoms())
def test_the_version_is_the_same_in_whatever_order_things_are_written(rng: Random) -> None:
    """Keys, statements, conditions, rows and values: their order means nothing, so it changes nothing."""
    written: Any = random_document(rng, RICH_DIALECT)
    order = Random(rng.getrandbits(32))
    assert version(shuffled(written, order)) == version(written)
    assert version(shuffled(EVERYTHING, order)) == version(EVERYTHING)


@given(randoms())
def test_the_version_is_the_same_whether_lists_are_named_or_written_out(rng: Random) -> None:
    """A named list is its values."""
    written: Any = random_document(rng, RICH_DIALECT)
    assert version(without_lists(written, written.get("lists", {}))) == version(written)


def test_naming_lists_otherwise_changes_nothing() -> None:
    """Nor does a list that nothing uses."""
    text = json.dumps(EVERYTHING)
    assert version(json.loads(text.replace('"sandboxes"', '"playgrounds"'))) == version(EVERYTHING)
    assert version({**EVERYTHING, "lists": {**EVERYTHING["lists"], "unused": ["x"]}}) == version(EVERYTHING)
    assert "lists" not in canonical(EVERYTHING)


TAG_SET, PREFIXES = "S3PutObjectTagging.TagSet", "Filter.KeyNameConstraint.MatchAnyPrefix"
UNTIL = "S3PutObjectRetention.Retention.RetainUntilDate"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"region": "eu-*"}, {"region": ["eu-*"]}),
        ({"region": {"not": "eu-*"}}, {"region": {"not": ["eu-*"]}}),
        ({"region": ["a", "b", "a"]}, {"region": ["b", "a"]}),
        ({"tags": {"a": "x"}}, {"tags": {"a": ["x", "x"]}}),
        ({"operation_parameters": {"A.B": 5}}, {"operation_parameters": {"A.B": [5]}}),
        ({"operation_parameters": {"A.B": {"not": True}}}, {"operation_parameters": {"A.B": {"not": [True]}}}),
        ({"source_buckets": {"any": "x"}}, {"source_buckets": {"any": ["x"]}}),
        ({"source_buckets": {"not": {"any": "x"}}}, {"source_buckets": {"not": {"any": ["x"]}}}),
        ({"report": {"scope": "All*"}}, {"report": {"scope": ["All*"]}}),
        (
            {"operation_parameters": {TAG_SET: {"any": {"Key": "a"}}}},
            {"operation_parameters": {TAG_SET: {"any": {"Key": ["a", "a"]}}}},
        ),
        (
            {"operation_parameters": {TAG_SET: {"not": {"none": {"Key": "a", "Value": "b"}}}}},
            {"operation_parameters": {TAG_SET: {"not": {"none": {"Value": ["b"], "Key": "a"}}}}},
        ),
        ({"manifest_generator": {PREFIXES: {"only": "a"}}}, {"manifest_generator": {PREFIXES: {"only": ["a"]}}}),
        ({"manifest": {"not": {"key": "x"}}}, {"manifest": {"not": {"key": ["x"]}}}),
    ],
)
def test_one_value_is_a_list_of_one(one: Written, other: Written) -> None:
    """Two ways to write one thing have one version."""
    assert version(document(one)) == version(document(other))


def operands_with(kind: inspect.Type, texts: Any) -> Iterator[Any]:
    """Operands of a type: for each place where a text test may stand, one with these texts there."""
    match kind:
        case inspect.Metadata(type=inner):
            yield from operands_with(inner, texts)
        case inspect.UnionType(types=kinds):
            if any(
                isinstance(each, inspect.Metadata) and isinstance(each.type, inspect.VarTupleType) for each in kinds
            ):
                yield texts
            for each in kinds:
                yield from operands_with(each, texts)
        case inspect.DictType(value_type=inner):
            yield from ({path: operand} for path in ("A.B", PREFIXES) for operand in operands_with(inner, texts))
        case inspect.StructType(fields=members):
            for member in members:
                yield from ({member.encode_name: operand} for operand in operands_with(member.type, texts))
        case _:
            pass


CONDITION = inspect.type_info(model.Condition)
assert isinstance(CONDITION, inspect.StructType)
KINDS = {key.encode_name: key.type for key in CONDITION.fields if key.encode_name not in JOINING}
WITHOUT_TEXTS = [inspect.type_info(kind) for kind in (model.Range, model.MoneyRange, str)]
HOURS = {"timezone": "UTC", "open": [{"days": ["mon"]}]}
AROUND: Written = {
    "lists": {"both": ["*", "?*"], "one": ["*"]},
    "calendars": {"*": HOURS, "?*": HOURS},
}
"""Patterns that every closed set of values takes, and calendars of these names."""


def around_each(key: str, *texts: Any) -> list[list[Written]]:
    """For each place where a key takes texts: a document for each way to write them.

    The language refuses some that its types allow, such as `not` in `not`.
    """
    places = zip(*(operands_with(KINDS[key], each) for each in texts), strict=True)
    written = [[document({key: operand}, **AROUND) for operand in operands] for operands in places]
    found = [each for each in written if not find_problems(each[0])]
    assert bool(found) is (KINDS[key] not in WITHOUT_TEXTS)
    return found


@pytest.mark.parametrize("key", KINDS)
def test_texts_of_every_key_have_one_form(key: str) -> None:
    """In any order, repeated or in a named list: one version. One text, a list of it and a named list: another one."""
    several = ["*", "?*"], ["?*", "*", "*"], {"list": "both"}
    for written in around_each(key, *several, "*", ["*"], {"list": "one"}):
        versions = [version(each) for each in written]
        assert versions == [versions[0]] * 3 + [versions[3]] * 3, written
        assert versions[0] != versions[3], written


@pytest.mark.parametrize("key", KINDS)
def test_the_canonical_form_of_every_key_is_a_document_and_its_own_canonical_form(key: str) -> None:
    """No name of a list is left in it, which would have no list then."""
    for [written] in around_each(key, {"list": "both"}):
        once = canonical(written)
        assert canonical(once) == once


@pytest.mark.parametrize(
    "default",
    [
        {"mode": "enforce"},
        {"unmatched": "hold"},
        {"ungated_jobs": "report"},
        {"cancel_grace": "5m"},
        {"lists": {}},
        {"calendars": {}},
    ],
)
def test_a_default_that_is_written_out_changes_nothing(default: Written) -> None:
    """Saying what holds anyway is no change."""
    assert version(document(**default)) == version(document())


# --- another meaning -----------------------------------------------------------------------------------


def other_values(value: Any) -> Iterator[Any]:
    """Give values that mean something else: the language decides which of them may stand there."""
    match value:
        case bool():
            yield not value
        case int():
            yield value + 1
            yield value + 1_000_000
        case str():
            yield f"{value}x"
            yield f"{value}*"
            words = ("shadow", "cancel", "hold", "report", "enforce", "8d", "thu", "12-25", "23:59", "03:17", "week")
            names = ("Asia/Kolkata", "2026-04-01", "region", "role-day", "team-month")
            yield from (word for word in (*words, *names) if word != value)
        case _:
            pass


def changed_documents(written: Any, path: WrittenPath) -> Iterator[Any]:
    """Give valid documents that differ from a document at this path only, and in meaning."""
    value = at(written, path)
    candidates = [with_value(written, path, other) for other in other_values(value)]
    if value != "enforce":  # the default, written out
        candidates.append(without(written, path))
    return (candidate for candidate in candidates if not find_problems(candidate))


@cache
def version_of_everything() -> str:
    """Of `EVERYTHING`, computed once."""
    return version(EVERYTHING)


LEAVES = [path for path, _ in places(EVERYTHING) if path not in {(), ("version",)}]


@pytest.mark.slow
@pytest.mark.parametrize("path", LEAVES, ids=shown)
def test_any_change_that_matters_changes_the_version(path: WrittenPath) -> None:
    """One operand, limit, name, mode, date, message, key or item more, less or otherwise: another version."""
    for candidate in changed_documents(EVERYTHING, path):
        assert version(candidate) != version_of_everything(), candidate


@pytest.mark.slow
def test_nearly_every_value_of_the_full_document_has_a_change_that_was_tried() -> None:
    """The test above is not empty: few values can only be what they are."""
    tried = {path for path in LEAVES if any(True for _ in changed_documents(EVERYTHING, path))}
    leaves = {path for path in LEAVES if not isinstance(at(EVERYTHING, path), dict | list)}
    assert len(tried & leaves) > 0.9 * len(leaves)


@pytest.mark.slow
@given(randoms())
@settings(max_examples=100)
def test_any_change_of_a_random_document_changes_the_version(rng: Random) -> None:
    """The same for random documents, at a random place outside of lists that nothing may use."""
    written: Any = random_document(rng, RICH_DIALECT)
    written = without_lists(written, written.get("lists", {}))
    paths = [
        path
        for path, _ in places(written)
        if path and path[0] not in ("version", "mode", "unmatched", "ungated_jobs", "cancel_grace")
    ]
    if not paths:
        return
    path = rng.choice(paths)
    value = at(written, path)
    siblings = at(written, path[:-1])
    before = version(written)
    for candidate in changed_documents(written, path):
        after = at(candidate, path[:-1])
        if isinstance(siblings, list) and same_values(siblings, after):
            continue  # an item that was there twice
        assert version(candidate) != before, (path, value)


def same_values(one: list[Any], other: list[Any]) -> bool:
    """Say whether two lists hold the same values, however often."""
    return {json.dumps(item) for item in one} == {json.dumps(item) for item in other}


@pytest.mark.parametrize(
    "change",
    [
        {"mode": "shadow"},
        {"unmatched": "hold"},
        {"ungated_jobs": "report"},
        {"cancel_grace": "5m"},
        {"cancel_held_after": "20d"},
    ],
)
def test_every_setting_is_in_the_version(change: Written) -> None:
    """A gate with another setting is another gate."""
    assert version({**EVERYTHING, **change}) != version(EVERYTHING)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"operation_parameters": {"A.B": 1}}, {"operation_parameters": {"A.B": True}}),
        (
            {"operation_parameters": {TAG_SET: {"any": {"Key": "a"}}}},
            {"operation_parameters": {TAG_SET: {"none": {"Key": "a"}}}},
        ),
        ({"operation_parameters": {"A.B": {"any": "a"}}}, {"operation_parameters": {"A.B": {"any": {"a": "a"}}}}),
        ({"operation_parameters": {UNTIL: {"within": "1d"}}}, {"operation_parameters": {UNTIL: {"within": "1h"}}}),
        (
            {"operation_parameters": {UNTIL: {"before": "2027-01-01"}}},
            {"operation_parameters": {UNTIL: {"after": "2027-01-01"}}},
        ),
        ({"operation_parameters": {"A.B": 1}}, {"operation_parameters": {"A.B": "1"}}),
        ({"operation_parameters": {"A.B": True}}, {"operation_parameters": {"A.B": "true"}}),
        ({"operation_parameters": {"A.B": [True, "True"]}}, {"operation_parameters": {"A.B": [True]}}),
        ({"operation_parameters": {"A.B": [1, "1", True]}}, {"operation_parameters": {"A.B": [1, True]}}),
        ({"operation_parameters": {"A.B": [1, "1"]}}, {"operation_parameters": {"A.B": ["1"]}}),
        ({"tags": {"a": {"present": True}}}, {"tags": {"a": {"present": False}}}),
        ({"any": [{"region": "x"}]}, {"all": [{"region": "x"}]}),
        ({"region": "x"}, {"account": "x"}),
        ({"source_buckets": {"any": "x"}}, {"source_buckets": {"only": "x"}}),
        ({"source_buckets": {"any": "x"}}, {"source_buckets": {"not": {"any": "x"}}}),
        ({"region": "x"}, {"region": "x", "on_violation": "cancel"}),
        ({"region": "x"}, {"region": "x", "unless": [{"region": "x"}]}),
        ({"region": "x", "unless": [{"region": "y"}]}, {"any": [{"region": "x"}, {"region": "y"}]}),
    ],
)
def test_what_is_nearly_the_same_has_another_version(one: Written, other: Written) -> None:
    """Types, words and places are part of the meaning."""
    assert version(document(one)) != version(document(other))


def test_a_policy_turned_guardrail_is_another_set() -> None:
    """The two kinds of statement are distinguished."""
    moved = everything()
    moved["guardrails"].append(moved["policies"].pop())
    assert version(moved) != version(EVERYTHING)


def test_making_the_canonical_form_changes_no_document() -> None:
    """It is read only."""
    before = deepcopy(EVERYTHING)
    canonical(EVERYTHING)
    assert before == EVERYTHING
