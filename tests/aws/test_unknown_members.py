"""What S3 says of a job beyond the SDK's model: people decide such a job, and nobody else."""

from typing import Any

import pytest

from batchgate.aws import wiring
from batchgate.aws.s3control import S3Control
from batchgate.aws.settings import SettingError, Settings
from batchgate.gate.state import RequestedAction
from batchgate.jobs.model import STRUCTURES, DateSurvives, Job, JobRef
from batchgate.jobs.request_model import Shape, Structure, request_shape
from batchgate.policy.facts import Gap, Result
from s3batch_emulator import SteppedClock, Switches
from s3batch_emulator.testing import START
from tests.aws.test_recorded_answers import client_that_hears, on_the_wire, recorded
from tests.flow.stage import ACCOUNT, APPROVE_ALL, CANCEL_ALL, REGION, Stage
from tests.unit.jobs.test_request_model import CLOSED_SETS, with_value

NAMES_IT = """
version: 1
policies:
  - name: copies
    match: [{operation: [S3PutObjectCopy, S3PutObjectTagging, S3NewOperation]}]
    require: []
"""
UNMATCHED = """
version: 1
unmatched: cancel
cancel_grace: 0s
policies:
  - name: others
    match: [{operation: LambdaInvoke}]
    require: []
"""
UNGATED = CANCEL_ALL.replace("version: 1", "version: 1\nungated_jobs: cancel")
PLACES = [
    ("Operation", "S3PutObjectCopy", "NewMember"),
    ("Operation", "S3PutObjectCopy", "NewObjectMetadata", "NewMember"),
    ("Operation", "NewOperation"),
    ("Manifest", "NewMember"),
    ("Manifest", "Spec", "NewMember"),
    ("Manifest", "Location", "NewMember"),
    ("Report", "NewMember"),
    ("ManifestGenerator", "NewGenerator"),
]
COPY: dict[str, Any] = {
    "Operation": {
        "S3PutObjectCopy": {"TargetResource": "arn:aws:s3:::target", "NewObjectMetadata": {"CacheControl": "no"}}
    }
}


@pytest.mark.parametrize("text", [NAMES_IT, APPROVE_ALL, CANCEL_ALL.replace("S3PutObjectTagging", "S3*"), UNMATCHED])
@pytest.mark.parametrize("place", PLACES, ids=".".join)
def test_a_member_that_nobody_knows_holds_the_job_wherever_it_stands(text: str, place: tuple[str, ...]) -> None:
    """Neither approved nor cancelled, whatever the policies say and name; the reason says which member."""
    stage = Stage(text)
    ref = stage.create(**COPY)
    stage.emulator.add_member(ref.job_id, place, "ON")
    review = stage.review(ref)
    assert (review.action, stage.updates) == ("held", [])
    path = ".".join(place)
    assert f"this version does not know {path}" in review.reason
    assert review.evidence is not None
    assert "unknown-member" in review.evidence["rules"]  # type: ignore[operator]
    assert review.evidence["facts"]["unknown_members"] == [path]  # type: ignore[index, call-overload]
    assert stage.decide(ref, RequestedAction.APPROVE).action == "approved"


def test_without_it_the_same_job_is_decided() -> None:
    """Otherwise the table above would say nothing."""
    stage = Stage(NAMES_IT)
    assert stage.review(stage.create(**COPY)).action == "approved"
    stage.enforce(UNMATCHED)
    assert stage.review(stage.create(**COPY)).action == "cancelled"


def test_a_generator_with_a_new_member_beside_is_read_all_the_same() -> None:
    """Botocore refuses a union of two members; the job would never be held, and nobody could decide it."""
    stage = Stage(NAMES_IT)
    stage.objects.put("source", "key", b"x")
    generator = {"SourceBucket": "arn:aws:s3:::source", "EnableManifestOutput": False}
    asked: dict[str, Any] = {
        "AccountId": ACCOUNT,
        "Operation": {"S3PutObjectTagging": {"TagSet": []}},
        "Report": {"Enabled": False},
        "Priority": 1,
        "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/batch",
        "ManifestGenerator": {"S3JobManifestGenerator": generator},
    }
    ref = JobRef("aws", REGION, ACCOUNT, str(stage.person.create_job(**asked)["JobId"]))
    stage.emulator.settle_until(ref.job_id, "Suspended")
    stage.emulator.add_member(ref.job_id, ("ManifestGenerator", "NewGenerator"), "x")
    stage.emulator.add_member(ref.job_id, ("ManifestGenerator", "S3JobManifestGenerator", "Filter", "NewFilter"), "x")
    job = stage.s3control.describe(ref)
    assert job.unknown_members == (
        "ManifestGenerator.NewGenerator",
        "ManifestGenerator.S3JobManifestGenerator.Filter.NewFilter",
    )
    assert job.manifest_generator is not None
    assert stage.review(ref).action == "held"


@pytest.mark.parametrize("place", PLACES[:4], ids=".".join)
def test_a_job_that_runs_without_having_asked_is_not_cancelled_for_what_nobody_knows(place: tuple[str, ...]) -> None:
    """Though its policies forbid what is known of it."""
    stage = Stage(UNGATED.replace("S3PutObjectTagging", "S3*"))
    stage.suspended_date_survives = DateSurvives.TRUE
    ref = stage.create(ConfirmationRequired=False, until="Active", **COPY)
    other = stage.create(ConfirmationRequired=False, until="Active", **COPY)
    stage.emulator.add_member(ref.job_id, place, "ON")
    assert stage.review(ref).action != "cancelled"
    assert stage.review(other).action == "cancelled"
    assert stage.updates == ["Cancelled"]


NOT_STANDARD = """
version: 1
policies:
  - name: restores
    match: [{operation: S3InitiateRestoreObject}]
    require: [{operation_parameters: {S3InitiateRestoreObject.GlacierJobTier: {not: STANDARD}}}]
"""


@pytest.mark.parametrize("tier", ["EXPEDITED", "", " STANDARD", "STANDARD "])
def test_a_value_outside_its_closed_set_passes_no_not(tier: str) -> None:
    """The job is held, the reason names member and value, and a person may approve it."""
    stage = Stage(NOT_STANDARD)
    restore = {"S3InitiateRestoreObject": {"ExpirationInDays": 1, "GlacierJobTier": "BULK"}}
    ref, other = stage.create(Operation=restore), stage.create(Operation=restore)
    stage.emulator.add_member(ref.job_id, ("Operation", "S3InitiateRestoreObject", "GlacierJobTier"), tier)
    review = stage.review(ref)
    assert review.action == "held"
    assert f'this version does not know Operation.S3InitiateRestoreObject.GlacierJobTier="{tier}"' in review.reason
    assert stage.review(other).action == "approved"
    assert stage.decide(ref, RequestedAction.APPROVE).action == "approved"


WITH_CLOSED_SETS = [each for each in CLOSED_SETS if each[0] in STRUCTURES]


@pytest.mark.parametrize(
    ("structure", "path", "shape"),
    WITH_CLOSED_SETS,
    ids=[".".join((name, *path)) for name, path, _ in WITH_CLOSED_SETS],
)
def test_the_wire_shows_values_outside_every_closed_set(
    structure: Structure, path: tuple[str, ...], shape: Shape
) -> None:
    """The same paths as those of what the AWS CLI prints."""
    for value in (shape.values[0], "NEWER", "", f"{shape.values[0]} "):
        said = with_value(request_shape(structure), path, value)
        if structure == "Operation":
            said = {path[0]: said[path[0]]}
        if structure == "ManifestGenerator":  # the filters of encryption are a union, and `whole` gives all of it
            del said["S3JobManifestGenerator"]["Filter"]["MatchAnyObjectEncryption"]
        job = {**recorded("describe_job_suspended.json")["Job"], structure: said}
        ref = JobRef.from_arn(job["JobArn"])
        client = client_that_hears(200, on_the_wire("DescribeJob", {"Job": job}), ref.region)
        read = S3Control(client, SteppedClock(START)).describe(ref)
        assert read.unknown_members == Job.from_description(job).unknown_members
        found = () if value in shape.values else (f'{".".join((structure, *path))}="{value}"',)
        assert read.unknown_members == found


def test_what_else_is_new_changes_nothing() -> None:
    """A member beside the four structures says nothing of what the job does."""
    stage = Stage(NAMES_IT)
    ref = stage.create(**COPY)
    stage.emulator.add_member(ref.job_id, ("NewMember",), "x")
    stage.emulator.add_member(ref.job_id, ("ProgressSummary", "NewCount"), "5")
    assert stage.review(ref).action == "approved"


def test_a_hostile_name_is_printed_as_text() -> None:
    """It stands in the job's reason, in logs and events."""
    stage = Stage(NAMES_IT)
    ref = stage.create(**COPY)
    stage.emulator.add_member(ref.job_id, ("Operation", "S3PutObjectCopy", "N\u00e9" + "x" * 300), "x")
    review = stage.review(ref)
    assert review.reason.isascii()
    assert review.reason.isprintable()
    assert len(review.reason) <= 256
    assert "xxx" in review.reason


# --- Untagged jobs ------------------------------------------------------------------------------------


@pytest.mark.parametrize("lacks", [False, True])
@pytest.mark.parametrize("known", [False, True])
def test_an_answer_without_tags_says_that_there_are_none_only_where_that_is_known(lacks: bool, known: bool) -> None:
    """Read as none it would cancel a tagged job, or approve one past a guardrail."""
    stage = Stage(switches=Switches(untagged_lacks_tags=lacks))
    stage.jobs.jobs = type(stage.s3control)(stage.s3control.client, stage.clock, untagged_lacks_tags=known)
    ref, tagged = stage.create(), stage.create(tags={"a": "b"})
    assert stage.jobs.snapshot(tagged, with_tags=True).tags == {"a": "b"}
    tags = stage.jobs.snapshot(ref, with_tags=True).tags
    if lacks and not known:
        assert isinstance(tags, Gap)
        assert tags.result is Result.UNMEASURABLE
    else:
        assert tags == {}


def test_an_untagged_job_is_held_until_somebody_has_looked() -> None:
    """Neither the policy that wants a tag nor the guardrail that forbids one knows."""
    stage = Stage(
        """
        version: 1
        guardrails:
          - name: frozen
            require: [{tags: {frozen: {present: false}}}]
        policies:
          - name: ticketed
            match: [{operation: S3PutObjectTagging}]
            require: [{tags: {ticket: {present: true}}}]
            on_violation: cancel
        """,
        switches=Switches(untagged_lacks_tags=True),
    )
    review = stage.review(stage.create())
    assert review.action == "held"
    assert "unmeasurable (S3 answered no list of tags)" in review.reason


@pytest.mark.parametrize(("said", "known"), [(None, False), ("unknown", False), ("false", False), ("true", True)])
def test_the_setting_reaches_the_adapter(monkeypatch: pytest.MonkeyPatch, said: str | None, known: bool) -> None:
    """Only `true` says that S3 leaves the tags out."""
    monkeypatch.setenv("BATCHGATE_LEDGER_TABLE", "ledger")
    monkeypatch.setenv("BATCHGATE_POLICY_FILE", "policy.json")
    monkeypatch.delenv("BATCHGATE_APPCONFIG", raising=False)
    if said is not None:
        monkeypatch.setenv("BATCHGATE_UNTAGGED_ANSWER_LACKS_TAGS", said)
    assert Settings.from_environment().untagged_lacks_tags is known
    monkeypatch.setenv("BATCHGATE_UNTAGGED_ANSWER_LACKS_TAGS", "yes")
    with pytest.raises(SettingError, match="expected unknown or true or false, got 'yes'"):
        Settings.from_environment()
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("BATCHGATE_UNTAGGED_ANSWER_LACKS_TAGS", said or "")
    for made in (wiring._settings, wiring._jobs):
        made.cache_clear()
    try:
        jobs = wiring._jobs(paced=False)
        assert isinstance(jobs, S3Control)
        assert jobs.untagged_lacks_tags is known
    finally:
        for made in (wiring._settings, wiring._jobs):
            made.cache_clear()
