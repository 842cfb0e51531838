"""The JSON Schema takes every policy that the reader takes, and refuses the mistakes that a shape can show."""

import json
from copy import deepcopy
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from batchgate.policy import model
from batchgate.policy.validation import find_problems
from batchgate_cli.authoring import policy_file
from batchgate_cli.authoring.check_descriptions import CHECKS
from batchgate_cli.authoring.key_descriptions import JOINING, KEYS
from batchgate_cli.authoring.schema import policy_schema
from tests.unit.everything import EVERYTHING
from tests.verification.oracle.random_documents import Dialect, random_document

CHECKOUT = Path(__file__).resolve().parents[2]
SCHEMA_FILE = CHECKOUT / "docs" / "policy.schema.json"
POLICIES = sorted([*CHECKOUT.glob("policies/*.yaml"), *CHECKOUT.glob("policies/examples/*.yaml")])
SCHEMA: Any = policy_schema()
VALIDATOR = Draft7Validator(SCHEMA)
BYPASS, DAYS = "S3PutObjectRetention.BypassGovernanceRetention", "S3InitiateRestoreObject.ExpirationInDays"
TAG_SET, UNTIL = "S3PutObjectTagging.TagSet", "S3PutObjectRetention.Retention.RetainUntilDate"
PREFIXES = "Filter.KeyNameConstraint.MatchAnyPrefix"
DIALECT = Dialect(not_around_structures=True, present_anywhere=True)
NUMBERS = {"at_least", "at_most"}


def complaints(document: object) -> list[str]:
    """What the schema says against a document."""
    return [f"{error.json_path}: {error.message[:200]}" for error in VALIDATOR.iter_errors(document)]


def as_editors_read(value: Any, key: str = "") -> Any:
    """The document with its numbers written with underscores, which YAML readers of editors take for text."""
    if isinstance(value, dict):
        return {name: as_editors_read(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [as_editors_read(item, key) for item in value]
    return f"{value:_}" if key in NUMBERS and type(value) is int and value >= 1000 else value


def written(*require: Any, **parts: Any) -> dict[str, Any]:
    """A document with one policy that requires this, and whatever else is given."""
    return {"version": 1, "policies": [{"name": "p", "require": list(require)}], **parts}


def budgeted(**parts: Any) -> dict[str, Any]:
    """A document with a budget that its policy requires."""
    return written({"budget": "b"}, budgets=[{"name": "b", "per": "month", "jobs": 5, **parts}])


def row(**parts: Any) -> dict[str, Any]:
    """A document with a calendar of one row."""
    return written(calendars={"c": {"timezone": "UTC", "open": [{"days": ["mon"], **parts}]}})


def test_the_file_is_current() -> None:
    """`make reference` writes it anew."""
    assert json.loads(SCHEMA_FILE.read_text()) == SCHEMA
    assert SCHEMA_FILE.read_text() == json.dumps(SCHEMA, indent=2) + "\n"


def test_it_is_a_json_schema() -> None:
    """Of draft 7, with nothing that leads nowhere."""
    Draft7Validator.check_schema(SCHEMA)
    text = json.dumps(SCHEMA)
    definitions = SCHEMA["definitions"]
    assert isinstance(definitions, dict)
    for name in definitions:
        assert f'"#/definitions/{name}"' in text
    assert text.count('"$ref"') == sum(text.count(f'"#/definitions/{name}"') for name in definitions)


def test_every_key_has_its_words() -> None:
    """Editors show a description of every key that the model has, and the tables have no others."""
    assert [*CHECKS] == [key for key in model.Condition.__struct_encode_fields__ if key not in JOINING]
    for form, words in KEYS.items():
        own = set(form.__struct_encode_fields__) - set(model.Condition.__struct_encode_fields__)
        assert set(words) == (own if issubclass(form, model.Condition) else set(form.__struct_encode_fields__))
        assert all(words.values())
    assert not undescribed(SCHEMA)


def undescribed(schema: Any, path: str = "") -> list[str]:
    """The keys that a document may have and for which the schema has no description."""
    if isinstance(schema, list):
        return [found for item in schema for found in undescribed(item, path)]
    if not isinstance(schema, dict):
        return []
    found = []
    properties = schema.get("properties", {})
    for key, part in properties.items() if isinstance(properties, dict) else ():
        reference = part.get("$ref") if isinstance(part, dict) else ""
        aim = SCHEMA["definitions"][reference.rsplit("/", 1)[1]] if reference else part
        if aim is not False and not aim.get("description"):
            found.append(f"{path}.{key}")
    return found + [found for key, part in schema.items() for found in undescribed(part, f"{path}.{key}")]


@given(st.randoms(use_true_random=False))
def test_every_random_document_is_valid(rng: Random) -> None:
    """Numbers as they are, and as editors read them."""
    document = random_document(rng, DIALECT)
    if find_problems(document):
        return  # `not` in `not`, which that dialect writes
    assert complaints(document) == []
    assert complaints(as_editors_read(document)) == []


def test_a_document_that_says_everything_is_valid() -> None:
    """All keys of the language, each in some place."""
    assert complaints(EVERYTHING) == []


@pytest.mark.parametrize("file", POLICIES, ids=lambda path: path.name)
def test_every_policy_of_this_repository_is_valid(file: Path) -> None:
    """As our reader reads it and as an editor does."""
    plain, _ = policy_file.read_plain(file.read_bytes(), file.name)
    assert complaints(plain) == []
    assert complaints(as_editors_read(plain)) == []


def everywhere(value: Any) -> list[Any]:
    """Every mapping and list of a document."""
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [
        *([value] if isinstance(value, dict | list) else []),
        *(found for item in inside for found in everywhere(item)),
    ]


@settings(max_examples=200)
@given(st.randoms(use_true_random=False), st.sampled_from([None, True, -1, 1.5, "", "x", [], {}, ["x"], {"not": "x"}]))
def test_what_the_schema_refuses_is_refused_by_the_reader(rng: Random, intruder: Any) -> None:
    """Whatever is put into a valid document in place of something: the schema is never the stricter of the two."""
    document: Any = deepcopy(random_document(rng, Dialect()))
    target = rng.choice(everywhere(document))
    keys = list(target) if isinstance(target, dict) else list(range(len(target)))
    if isinstance(target, dict) and rng.random() < 0.3:
        target[rng.choice(["nope", "not", "present", "list", "any", "name"])] = intruder
    elif keys and rng.random() < 0.3:
        del target[rng.choice(keys)]
    elif keys:
        target[rng.choice(keys)] = intruder
    if not find_problems(document):
        assert complaints(document) == []


WRONG: dict[str, Any] = {
    "no version": {"policies": [{"name": "p", "require": []}]},
    "another version": {"version": 2},
    "an unknown key": {"version": 1, "polices": []},
    "an unknown mode": {"version": 1, "mode": "off"},
    "no policies in policies": {"version": 1, "policies": []},
    "a policy without require": {"version": 1, "policies": [{"name": "p"}]},
    "a policy without a name": {"version": 1, "policies": [{"require": []}]},
    "a guardrail that requires nothing": {"version": 1, "guardrails": [{"name": "g", "require": []}]},
    "an empty match": {"version": 1, "policies": [{"name": "p", "match": [], "require": []}]},
    "require as a mapping": {"version": 1, "policies": [{"name": "p", "require": {"region": "x"}}]},
    "more calendars than there may be": written(
        calendars={f"c{n}": {"timezone": "UTC", "open": [{"days": ["mon"]}]} for n in range(257)}
    ),
    "an unknown check": written({"tasks": {"at_most": 1}}),
    "two checks in one item": written({"region": "eu-*", "account": "111111111111"}),
    "a check beside any": written({"region": "eu-*", "any": [{"region": "us-*"}]}),
    "no check": written({"message": "hi"}),
    "nothing": written({}),
    "two checks in one condition": written({"any": [{"region": "eu-*", "role": "r"}]}),
    "an empty any": written({"any": []}),
    "any three deep": written({"any": [{"all": [{"any": [{"region": "x"}]}]}]}),
    "unless in a condition": written({"any": [{"region": "x", "unless": [{"region": "y"}]}]}),
    "a long message": written({"region": "x", "message": "m" * 101}),
    "a message that is not ASCII": written({"region": "x", "message": "für"}),
    "a bare number": written({"total_tasks": 5}),
    "a number in words": written({"total_tasks": {"at_most": "million"}}),
    "a number in quotes": written({"total_tasks": {"at_most": "5"}}),
    "a number with a fraction": written({"total_tasks": {"at_most": 1.5}}),
    "a negative number": written({"total_tasks": {"at_most": -1}}),
    "an empty range": written({"total_tasks": {}}),
    "a range beside not": written({"total_tasks": {"at_most": 1, "not": {"at_least": 1}}}),
    "not in not": written({"role": {"not": {"not": "x"}}}),
    "two kinds of test": written({"role": {"list": "a", "present": True}}),
    "present in a list": written({"role": ["x", {"present": True}]}),
    "an empty list": written({"role": []}),
    "a number as text": written({"account": 111122223333}),
    "an unknown placeholder": written({"role": "${owner}"}),
    "an open placeholder": written({"role": "${account"}),
    "a window that is present": written({"window": {"present": True}}),
    "buckets without a word": written({"source_buckets": ["lake-*"]}),
    "an unknown bucket word": written({"source_buckets": {"every": ["lake-*"]}}),
    "bucket words beside not": written({"source_buckets": {"any": "a", "not": {"any": "b"}}}),
    "not in not around a report": written({"report": {"not": {"scope": {"not": "AllTasks"}}}}),
    "report words beside present": written({"report": {"present": True, "enabled": True}}),
    "an unknown report word": written({"report": {"on": True}}),
    "manifest bytes as a number": written({"manifest": {"bytes": 5}}),
    "tags of none": written({"tags": {}}),
    "a misspelled parameter": written({"operation_parameters": {"S3PutObjectCopy.StorageClas": "STANDARD"}}),
    "a shortened parameter": written({"operation_parameters": {"S3PutObjectAcl.CannedAccessControlList": "private"}}),
    "a parameter of another type": written({"operation_parameters": {"S3PutObjectCopy.RequesterPays": "true"}}),
    "a denied parameter of another type": written({"operation_parameters": {BYPASS: {"not": "true"}}}),
    "a number of days as text": written({"operation_parameters": {DAYS: "seven"}}),
    "a value outside a parameter's set": written({"operation_parameters": {"S3PutObjectCopy.StorageClass": "COLD"}}),
    "a path into a list": written({"operation_parameters": {"S3PutObjectTagging.TagSet.Key": "a"}}),
    "a list without a word": written({"operation_parameters": {"S3PutObjectTagging.TagSet": "a"}}),
    "a misspelled member of an element": written({"operation_parameters": {TAG_SET: {"any": {"key": "a"}}}}),
    "patterns for structures": written({"operation_parameters": {TAG_SET: {"any": ["a"]}}}),
    "not in not of an element": written({"operation_parameters": {TAG_SET: {"not": {"any": {"Key": {"not": "a"}}}}}}),
    "a range of a list": written({"operation_parameters": {TAG_SET: {"at_most": 5}}}),
    "a pattern of a time": written({"operation_parameters": {UNTIL: "2027-*"}}),
    "a time in words": written({"operation_parameters": {UNTIL: {"before": "tomorrow"}}}),
    "an instant without an offset": written({"operation_parameters": {UNTIL: {"before": "2027-01-01T00:00:00"}}}),
    "a duration in years": written({"operation_parameters": {UNTIL: {"within": "1y"}}}),
    "a value of a structure": written({"operation_parameters": {"S3PutObjectRetention.Retention": "a"}}),
    "a misspelled member of a generator": written({"manifest_generator": {"Filters": {"present": True}}}),
    "a generator's list without a word": written({"manifest_generator": {PREFIXES: ["logs/*"]}}),
    "a storage class that is none": written({"manifest_generator": {"Filter.MatchAnyStorageClass": {"any": "COLD"}}}),
    "a report's scope that is none": written({"report": {"scope": "alltasks"}}),
    "a denied format that is none": written({"manifest": {"not": {"format": ["CSV"]}}}),
    "a path with an empty step": written({"operation_parameters": {"LambdaInvoke..X": "a"}}),
    "approval of another kind": written({"manual_approval": True}),
    "on_violation beside manual_approval": written({"manual_approval": "required", "on_violation": "hold"}),
    "a person asked for in match": {
        "version": 1,
        "policies": [{"name": "p", "match": [{"manual_approval": "required"}], "require": []}],
    },
    "a person asked for in unless": written({"region": "x", "unless": [{"manual_approval": "required"}]}),
    "a budget in match": {
        **budgeted(),
        "policies": [{"name": "p", "match": [{"budget": "b"}], "require": []}],
    },
    "a budget in unless": {**budgeted(), **written({"region": "x", "unless": [{"budget": "b"}]})},
    "a budget as an alternative": {**budgeted(), **written({"any": [{"budget": "b"}, {"region": "x"}]})},
    "unless beside a budget": {**budgeted(), **written({"budget": "b", "unless": [{"region": "x"}]})},
    "several budgets in one item": {**budgeted(), **written({"budget": ["b"]})},
    "a budget without a limit": written(budgets=[{"name": "b", "per": "month"}]),
    "a budget without a period": written(budgets=[{"name": "b", "jobs": 5}]),
    "a budget of a year": budgeted(per="year"),
    "a budget for each of another thing": budgeted(each="team"),
    "a budget for each of two tags": budgeted(each={"tag": "team", "tags": "x"}),
    "a budget below zero": budgeted(jobs=-1),
    "a budget in no zone": budgeted(timezone="Europe/New York"),
    "more budgets than there may be": written(
        budgets=[{"name": f"b{number}", "per": "day", "jobs": 1} for number in range(65)]
    ),
    "days and dates": row(dates=["2026-12-24"]),
    "from alone": row(**{"from": "22:00"}),
    "to alone": row(to="22:00"),
    "a time that no clock shows": row(**{"from": "22:00", "to": "25:00"}),
    "24:00 as an opening": row(**{"from": "24:00", "to": "06:00"}),
    "a day in full": written(calendars={"c": {"timezone": "UTC", "open": [{"days": ["monday"]}]}}),
    "neither days nor dates": written(calendars={"c": {"timezone": "UTC", "open": [{}]}}),
    "a date that is none": written(calendars={"c": {"timezone": "UTC", "open": [{"dates": ["24.12."]}]}}),
    "a year on one side": written(calendars={"c": {"timezone": "UTC", "open": [{"dates": ["2026-12-24..01-06"]}]}}),
    "a calendar without rows": written(calendars={"c": {"timezone": "UTC", "open": []}}),
    "a calendar without a zone": written(calendars={"c": {"open": [{"days": ["mon"]}]}}),
    "a zone with a space": written(calendars={"c": {"timezone": "Europe/New York", "open": [{"days": ["mon"]}]}}),
    "weeks": {"version": 1, "cancel_held_after": "3w"},
    "a list of numbers": {"version": 1, "lists": {"a": [1]}},
    "an exception without an end": written(
        exceptions=[{"name": "e", "lifts": ["p"], "match": [{"region": "x"}], "because": "x"}]
    ),
    "an exception's end in words": written(
        exceptions=[{"name": "e", "lifts": ["p"], "match": [{"region": "x"}], "because": "x", "expires": "2026-3-31"}]
    ),
    "a list": [],
    "nothing at all": None,
}


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_is_refused(name: str) -> None:
    """By the schema, and by the reader too."""
    assert complaints(WRONG[name])
    assert find_problems(WRONG[name])
