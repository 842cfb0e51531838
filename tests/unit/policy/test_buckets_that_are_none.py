"""What is no general-purpose bucket is unmeasurable, wherever a bucket stands and whatever is asked of it."""

import json
from collections.abc import Mapping
from itertools import product
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from hypothesis import given
from hypothesis import strategies as st

from batchgate.aws.manifests import StoredManifests
from batchgate.jobs.arns import NoBucket, ObjectPlace, bucket_name, object_place
from batchgate.jobs.model import Job, Json
from batchgate.policy.facts import Gap, Result
from batchgate.policy.reason import status_update_reason
from tests.unit.examples import Written, description, document, facts, outcome
from tests.unit.policy.test_checks import result_of

MET, VIOLATED, UNMEASURABLE = Result.MET, Result.VIOLATED, Result.UNMEASURABLE

OF_THIS_ACCOUNT = "arn:aws:s3:eu-central-1:111111111111:"
NONE: Mapping[str, str] = {
    f"{OF_THIS_ACCOUNT}accesspoint/lake": "an access point",
    f"{OF_THIS_ACCOUNT}accesspoint:lake": "an access point",
    f"{OF_THIS_ACCOUNT}accesspoint/lake/object/m.csv": "an access point",
    f"{OF_THIS_ACCOUNT}accesspoint/x/object/y:::lake": "an access point",
    f"{OF_THIS_ACCOUNT}accesspoint/x/object/y:::lake/m.csv": "an access point",
    f"{OF_THIS_ACCOUNT}accesspoint/x/object/arn:aws:s3:::lake": "an access point",
    "arn:aws:s3::111111111111:accesspoint/lake.mrap": "an access point",
    "arn:aws-cn:s3:cn-north-1:111111111111:accesspoint/lake": "an access point",
    "arn:aws:s3express:eu-central-1:111111111111:bucket/lake": "a directory bucket",
    "arn:aws:s3express:eu-central-1:111111111111:bucket/lake--euc1-az1--x-s3": "a directory bucket",
    "arn:aws:s3express:eu-central-1:111111111111:accesspoint/lake": "an access point of a directory bucket",
    "arn:aws:s3-object-lambda:eu-central-1:111111111111:accesspoint/lake": "an Object Lambda access point",
    "arn:aws:s3-outposts:eu-central-1:111111111111:outpost/op-1/bucket/lake": "a bucket or access point on an Outpost",
    "arn:aws:s3-outposts:eu-central-1:111111111111:outpost/op-1/accesspoint/lake": (
        "a bucket or access point on an Outpost"
    ),
    "arn:aws:s3tables:eu-central-1:111111111111:bucket/lake": "a table bucket",
    "arn:aws:s3:::lake-a1b2c3-s3alias": "an access point alias",
    "arn:aws:s3:::lake-a1b2c3-ext-s3alias": "an access point alias",
    "arn:aws:s3:::lake-a1b2c3--ol-s3": "an Object Lambda access point alias",
    "arn:aws:s3:::lake-a1b2c3--op-s3": "an Outposts access point alias",
    "arn:aws:s3:::lake.mrap": "a Multi-Region Access Point",
    "arn:aws:s3:::lake--euc1-az1--x-s3": "a directory bucket",
    "arn:aws:s3:::lake--euc1-az1--xa-s3": "an access point of a directory bucket",
    "arn:aws:s3:::lake--table-s3": "a table bucket",
    "arn:aws:s3:::": "a name that no bucket can have",
    "arn:aws:s3:::La_ke": "a name that no bucket can have",
    "arn:aws:s3:::LAKE": "a name that no bucket can have",
    "arn:aws:s3:::lake\n": "a name that no bucket can have",
    "arn:aws:s3:::lake:": "a name that no bucket can have",
    "arn:aws:s3::::lake": "a name that no bucket can have",
    "arn:aws:s3:::lake*": "a name that no bucket can have",
    "arn:aws:s3:::-lake": "a name that no bucket can have",
    "arn:aws:s3:::la..ke": "a name that no bucket can have",
    "arn:aws:s3:::xn--lake": "a name that no bucket can have",
    "arn:aws:s3:::sthree-lake": "a name that no bucket can have",
    "arn:aws:s3:::amzn-s3-demo-lake": "a name that no bucket can have",
    "arn:aws:s3:::192.168.5.4": "a name that no bucket can have",
    "arn:aws:s3:::la": "a name that no bucket can have",
    f"arn:aws:s3:::{'l' * 64}": "a name that no bucket can have",
    "arn:aws:s3:eu-central-1:111111111111:lake": "a malformed ARN",
    "arn:aws:s3:eu-central-1::lake": "a malformed ARN",
    "arn:aws:s3::111111111111:lake": "a malformed ARN",
    "arn:aws:s3:eu-central-1:111111111111:job/lake": "a malformed ARN",
    "arn:aws:sqs:::lake": "a malformed ARN",
    "arn:azure:s3:::lake": "a malformed ARN",
    "arn::s3:::lake": "a malformed ARN",
    "arn:aws:s3:lake": "a malformed ARN",
    "arn:aws:s3": "a malformed ARN",
    "arn:": "a malformed ARN",
    "ARN:aws:s3:::lake": "a name that no bucket can have",
    "s3://lake": "a name that no bucket can have",
    "lake/": "a name that no bucket can have",
    "": "a name that no bucket can have",
    " lake": "a name that no bucket can have",
}
"""Texts that name no general-purpose bucket, and what people are told of them. The keys name a "lake" in some place."""

PATHS = ("arn:aws:s3:::lake/", "arn:aws:s3:::lake/x", "arn:aws:s3:::lake/x/y:::lake")
"""Where a bucket is asked for."""

OWN = {"report.bucket": "report", "manifest.bucket": "manifest", "manifest.key": "manifest"}
TESTS = ("lake", "*", "x*", ["lake", "x"], {"list": "lakes"}, "${region}")
WORDS = ("any", "only", "none")


def operands(check: str) -> list[Written]:
    """Every way to ask for a bucket in one check, plain and denied."""
    if check in OWN:
        kind, member = check.split(".")
        asked: list[Any] = [*TESTS, {"present": True}, {"present": False}]
        denied: list[Any] = [{"not": test} for test in asked]
        around: list[Any] = [{"not": {member: test}} for test in asked]
        return [*({kind: {member: test}} for test in (*asked, *denied)), *({kind: each} for each in around)]
    asked = [{word: test} for word, test in product(WORDS, TESTS)]
    asked += [{one: "lake", other: "x*"} for one, other in product(WORDS, WORDS) if one != other]
    return [{check: each} for each in (*asked, *({"not": each} for each in asked))]


def job_with(check: str, text: Json) -> dict[str, Any]:
    """The arguments of `facts` for a job that says this where the check looks."""
    match check:
        case "report.bucket":
            return {"Report": {"Enabled": True, "Bucket": text}}
        case "manifest.bucket" | "manifest.key":
            return {"Manifest": {"Spec": {}, "Location": {"ObjectArn": text, "ETag": "e"}}}
        case "destination_buckets":
            return {"Operation": {"S3PutObjectCopy": {"TargetResource": text}}}
        case "generated":
            return {
                "Manifest": None,
                "ManifestGenerator": {"S3JobManifestGenerator": {"SourceBucket": text, "EnableManifestOutput": False}},
            }
        case _:
            return {"source_buckets": [text]}


PLACES = (*OWN, "destination_buckets", "generated", "rows")


def results(place: str, text: Json) -> set[Result]:
    """What every question about that place comes to."""
    about = facts(**job_with(place, text))
    check = "source_buckets" if place in ("generated", "rows") else place
    lists = {"lakes": ["lake", "x*"]}
    return {
        outcome(document(operand, lists=lists), about).trace[0].requirements[0].result for operand in operands(check)
    }


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("text", [*NONE, *PATHS])
def test_what_is_no_bucket_is_unmeasurable_whatever_is_asked_of_it(place: str, text: str) -> None:
    """All forms of ARNs and names times all places of a bucket times plain, not, any, only and none."""
    if text in PATHS and place.startswith("manifest"):
        return  # an object's own ARN
    assert results(place, text) == {UNMEASURABLE}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("text", [5, True, ["arn:aws:s3:::lake"], {"Bucket": "lake"}])
def test_what_is_no_text_is_unmeasurable_too(place: str, text: Json) -> None:
    """As a job's description in a file may have it."""
    if place != "rows":
        assert results(place, text) == {UNMEASURABLE}


@pytest.mark.parametrize("place", PLACES)
def test_a_general_purpose_bucket_is_measured_by_its_name(place: str) -> None:
    """So that the tests above are not about places where nothing is ever measured."""
    text = "arn:aws:s3:::lake/lake" if place.startswith("manifest") else "arn:aws:s3:::lake"
    assert results(place, text) == {MET, VIOLATED}


@pytest.mark.parametrize(("text", "what"), NONE.items())
def test_people_are_told_what_it_is(text: str, what: str) -> None:
    """In words of ours, with nothing of the requester's text."""
    assert bucket_name(text) == NoBucket(what)
    about = facts(**job_with("report.bucket", text))
    reason = status_update_reason(outcome(document({"report": {"not": {"bucket": "secret"}}}), about))
    assert reason.startswith(f"batchgate: held by p: report.bucket is unmeasurable ({what}), want not secret [")


@pytest.mark.parametrize("key", ["m.csv", "a/b:::c/[d]*.csv", "arn:aws:s3:::trusted/m.csv", " ", "/", "\n"])
def test_the_key_is_all_behind_the_bucket(key: str) -> None:
    """Whatever it looks like."""
    assert object_place(f"arn:aws:s3:::lake/{key}") == ObjectPlace("lake", key)


@pytest.mark.parametrize("arn", ["arn:aws:s3:::lake", "arn:aws:s3:::lake/"])
def test_an_arn_without_a_key_has_a_bucket_and_no_key(arn: str) -> None:
    """The bucket is known; the key is asked for and not to be had."""
    about = facts(**job_with("manifest.key", arn))
    assert result_of({"manifest": {"bucket": "lake"}}, about) is MET
    for test in ("*", "", {"not": "*"}, {"present": True}, {"present": False}):
        assert result_of({"manifest": {"key": test}}, about) is UNMEASURABLE


def test_no_bucket_is_still_none() -> None:
    """A report that is off names none: that is absent, not unmeasurable."""
    assert result_of({"report": {"bucket": {"present": False}}}, facts(Report={"Enabled": False})) is MET
    assert result_of({"report": {"not": {"bucket": "lake"}}}, facts(Report={"Enabled": False})) is MET


S3 = boto3.client("s3", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")


@pytest.mark.parametrize("text", [*NONE, "arn:aws:s3:::lake", "arn:aws:s3:::lake/"])
def test_the_manifest_reader_asks_about_general_purpose_buckets_only(text: str) -> None:
    """Botocore would send the question to an access point's host, or make a session for a directory bucket first."""
    members = {**job_with("manifest.key", text)}
    with Stubber(S3):  # which fails whatever it is asked
        size = StoredManifests(S3).size(Job.from_description(description(**members)))
    place = object_place(text)
    assert size == Gap(UNMEASURABLE, place.what if isinstance(place, NoBucket) else "an ARN without a key")


# --- anything at all ------------------------------------------------------------------------------------

PIECES = (
    *("arn", "aws", "aws-cn", "s3", "s3express", "s3-object-lambda", "lake", "x", "accesspoint", "bucket", "object"),
    *("eu-central-1", "111111111111", "-s3alias", "--x-s3", "--ol-s3", "--xa-s3", "--table-s3", ".mrap", "m.csv"),
    *(":", ":", ":", "::", ":::", "/", "/", "_", "A", ".", "..", "-", "\n", " ", "*", "\u0660"),
)
texts = st.lists(st.sampled_from(PIECES), max_size=12).map("".join) | st.text(max_size=70)
arns = texts.map(lambda text: f"arn:aws:s3:::{text}") | texts


def is_general_purpose(name: str) -> bool:
    """The naming rules, read once more and the long way."""
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    labels = name.split(".")
    return (
        3 <= len(name) <= 63
        and all(each in f"{letters}-." for each in name)
        and name[0] in letters
        and name[-1] in letters
        and ".." not in name
        and not (len(labels) == 4 and all(each.isdigit() and len(each) <= 3 for each in labels))
        and not name.startswith(("xn--", "sthree-", "amzn-s3-demo-"))
        and not name.endswith(("-s3alias", "--ol-s3", "--op-s3", ".mrap", "--x-s3", "--xa-s3", "--table-s3"))
    )


@given(arns, st.sampled_from(PLACES))
def test_no_text_that_is_no_general_purpose_bucket_ever_yields_a_definite_result(text: str, place: str) -> None:
    """Nor is one that is ever taken for another: what is definite is about exactly this name."""
    own = text.removeprefix("arn:aws:s3:::") if text.startswith("arn:") else text
    if place.startswith("manifest"):
        bucket, _, key = own.partition("/") if text.startswith("arn:aws:s3:::") else ("", "", "")
        is_known = is_general_purpose(bucket) and (bool(key) or place == "manifest.bucket")
    else:
        bucket, is_known = own, is_general_purpose(own)
    if not is_known:
        assert results(place, text) == {UNMEASURABLE}
    elif place == "manifest.key":
        assert result_of({"manifest": {"key": {"not": "never so"}}}, facts(**job_with(place, text))) is MET
    else:
        about = facts(**job_with(place, text))
        for name, expected in ((bucket, MET), (f"{bucket}0", VIOLATED), (bucket[1:] or "x", VIOLATED)):
            operand: Written = {OWN.get(place, ""): {"bucket": name}}
            if place not in OWN:
                check = "source_buckets" if place in ("generated", "rows") else place
                operand = {check: {"any": name}}
            assert result_of(operand, about) is expected


# --- as it was found ------------------------------------------------------------------------------------

NOT_THAT_BUCKET: Written = {
    "version": 1,
    "policies": [{"name": "any-lambda", "match": [{"operation": "LambdaInvoke"}], "require": []}],
    "guardrails": [
        {"name": "not-that-report", "require": [{"report": {"not": {"bucket": "secret-bucket"}}}]},
        {"name": "not-that-manifest", "require": [{"manifest": {"not": {"bucket": "secret-bucket"}}}]},
        {"name": "not-that-source", "require": [{"source_buckets": {"none": "secret-bucket"}}]},
    ],
}
INVOKE: Json = {
    "LambdaInvoke": {"FunctionArn": "arn:aws:lambda:eu-west-3:111122223333:function:process_lambda:$LATEST"}
}


@pytest.mark.parametrize(
    ("members", "told"),
    [
        (
            {"Report": {"Enabled": True, "Bucket": "arn:aws:s3:::secret-bucket/x"}},
            "not-that-report: report.bucket is unmeasurable (a path behind a bucket), want not secret-bucket",
        ),
        (
            {
                "Manifest": {
                    "Location": {"ObjectArn": "arn:aws:s3:eu-west-3:111122223333:accesspoint/ap1/object/manifest.csv"}
                }
            },
            "not-that-manifest: manifest.bucket is unmeasurable (an access point), want not secret-bucket",
        ),
        (
            {"source_buckets": ["lake", "secret-bucket-x1y2-s3alias"]},
            (
                'not-that-source: source_buckets is "lake", unmeasurable (an access point alias), '
                "want none of secret-bucket"
            ),
        ),
    ],
)
def test_a_guardrail_against_a_bucket_is_not_met_by_another_name_for_it(members: dict[str, Any], told: str) -> None:
    """The job is held, and the reason says why."""
    decision = outcome(json.loads(json.dumps(NOT_THAT_BUCKET)), facts(Operation=INVOKE, **members))
    assert str(decision.verdict) == "hold"
    assert status_update_reason(decision).startswith(f"batchgate: held by {told} [policy ")


# --- A manifest and a generator at once ---------------------------------------------------------------

LISTS_THE_LAKE: Json = {"S3JobManifestGenerator": {"SourceBucket": "arn:aws:s3:::lake", "EnableManifestOutput": True}}


@pytest.mark.parametrize("generator", [LISTS_THE_LAKE, {"S3JobManifestGenerator": {}}, {}])
@pytest.mark.parametrize(
    "check",
    [
        {"source_buckets": {"only": "lake"}},
        {"source_buckets": {"none": "secret"}},
        {"manifest_generator": {"SourceBucket": "arn:aws:s3:::lake"}},
        {"manifest": {"generated": True}},
        {"manifest": {"generated": False}},
        {"manifest": {"bucket": "manifests"}},
        {"manifest": {"bytes": {"at_most": 10_000}}},
        {"object_bytes": {"at_most": 10_000}},
    ],
    ids=str,
)
def test_beside_a_manifest_a_generator_says_nothing(check: Written, generator: Json) -> None:
    """Which of the two S3 follows nobody here can say."""
    about = facts(ManifestGenerator=generator)
    assert result_of(check, about) is UNMEASURABLE
    [policy] = [{"name": "p", "require": [check]}]
    reason = status_update_reason(outcome({"version": 1, "policies": [policy]}, about))
    assert "unmeasurable (both a manifest and a generator)" in reason


def test_each_alone_says_the_source_buckets() -> None:
    """So that the jobs above are held for having both."""
    check = {"source_buckets": {"only": "lake"}}
    assert result_of(check, facts(ManifestGenerator=LISTS_THE_LAKE, Manifest=None)) is MET
    assert result_of(check, facts()) is MET
