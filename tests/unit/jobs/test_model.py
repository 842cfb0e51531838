"""Reading what S3 says of a job."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import botocore.session
import pytest
from botocore.model import StringShape
from hypothesis import given
from hypothesis import strategies as st

from batchgate.errors import JobDescriptionError
from batchgate.jobs.model import KNOWN_OPERATIONS, AsksForConfirmation, Job, JobRef, JobStatus, Json, RequestedStatus
from tests.unit.examples import ARN, SUPPLIED_MANIFEST, SUSPENDED, description
from tests.unit.strategies import any_text, job_refs, json_values

MEMBERS = (
    "JobArn",
    "Status",
    "Operation",
    "ProgressSummary",
    "ConfirmationRequired",
    "RoleArn",
    "Priority",
    "Description",
    "Report",
    "Manifest",
    "ManifestGenerator",
    "GeneratedManifestDescriptor",
    "StatusUpdateReason",
    "SuspendedDate",
    "CreationTime",
)


def s3_enum(name: str) -> set[str]:
    """Give the values of an enum of the S3 Control service model."""
    shape = botocore.session.get_session().get_service_model("s3control").shape_for(name)
    assert isinstance(shape, StringShape)
    return set(shape.enum)


class TestJobRef:
    """Which job, in the whole world of AWS."""

    @given(job_refs)
    def test_an_arn_is_read_back_as_what_it_was_written_from(self, ref: JobRef) -> None:
        """Writing and reading are inverse for every partition, Region, account and id."""
        assert JobRef.from_arn(ref.arn) == ref
        assert str(ref) == ref.arn

    def test_the_parts_of_an_arn_are_told_apart(self) -> None:
        """Partition, Region, account and id come out under their names."""
        ref = JobRef.from_arn("arn:aws-us-gov:s3:us-gov-west-1:222222222222:job/abc-DEF_5")
        assert ref == JobRef("aws-us-gov", "us-gov-west-1", "222222222222", "abc-DEF_5")

    @pytest.mark.parametrize(
        "arn",
        [
            "",
            "00e123a4-c0d8-41f4-a0eb-b46f9ba5b07c",
            "arn:aws:s3:::lake",
            "arn:aws:s3:eu-central-1:111111111111:accesspoint/abcde",
            "arn:aws:s3:eu-central-1:111111111111:job/",
            "arn:aws:s3:eu-central-1:111111111111:job/abcd",
            f"arn:aws:s3:eu-central-1:111111111111:job/{'a' * 37}",
            "arn:aws:s3:eu-central-1:111111111111:job/abcde/f",
            "arn:aws:s3:eu-central-1:111111111111:job/ab.cde",
            "arn:aws:s3:eu-central-1:11111111111:job/abcde",
            "arn:aws:s3:eu-central-1:1111111111111:job/abcde",
            f"arn:aws:s3:eu-central-1:{chr(0x661) * 12}:job/abcde",
            "arn:aws:s3::111111111111:job/abcde",
            "arn:aws:s3:EU-central-1:111111111111:job/abcde",
            "arn:aws:s3:eu-*:111111111111:job/abcde",
            "arn:aws:s3-outposts:eu-central-1:111111111111:job/abcde",
            "arn:amazon:s3:eu-central-1:111111111111:job/abcde",
            "ARN:aws:s3:eu-central-1:111111111111:job/abcde",
            f"{ARN}\n",
            f" {ARN}",
        ],
    )
    def test_what_is_no_job_arn_is_refused(self, arn: str) -> None:
        """Nothing is guessed at: whole ARN, ASCII digits, ids of 5 to 36 characters."""
        with pytest.raises(JobDescriptionError, match="expected arn:PARTITION:s3:REGION:ACCOUNT:job/ID"):
            JobRef.from_arn(arn)

    @given(any_text)
    def test_any_text_is_read_or_refused(self, text: str) -> None:
        """No text raises anything else."""
        with suppress(JobDescriptionError):
            assert JobRef.from_arn(text).arn == text


class TestClosedSets:
    """S3's enums, as the SDK's own service model has them."""

    def test_every_status_of_the_service_model_is_known(self) -> None:
        """JobStatus has S3's thirteen and the one that stands for all others."""
        assert {str(status) for status in JobStatus} == s3_enum("JobStatus") | {"?"}

    def test_both_requested_statuses_are_those_of_the_service_model(self) -> None:
        """UpdateJobStatus takes Ready and Cancelled."""
        assert {str(status) for status in RequestedStatus} == s3_enum("RequestedJobStatus")

    def test_every_operation_of_the_service_model_is_known(self) -> None:
        """An operation that the SDK learns of is looked at by a person before it is known here."""
        assert s3_enum("OperationName") == KNOWN_OPERATIONS
        shape: Any = botocore.session.get_session().get_service_model("s3control").shape_for("JobOperation")
        assert set(shape.members) == KNOWN_OPERATIONS

    @given(any_text)
    def test_any_other_status_is_unrecognised(self, text: str) -> None:
        """A status that S3 adds later is tolerated and is none of those that are acted on."""
        status = JobStatus(text)
        assert status is JobStatus.UNRECOGNIZED or status == text
        assert not JobStatus.UNRECOGNIZED.before_suspended

    def test_only_new_and_preparing_are_before_suspended(self) -> None:
        """In all other statuses S3 has read the manifest."""
        assert {status for status in JobStatus if status.before_suspended} == {JobStatus.NEW, JobStatus.PREPARING}


class TestFromDescription:
    """One answer of DescribeJob."""

    def test_every_member_is_read(self) -> None:
        """Each attribute holds the member that it is named for."""
        job = Job.from_description(
            description(
                Operation={"S3PutObjectCopy": {"TargetResource": "arn:aws:s3:::archive"}},
                Report={"Enabled": True},
                ProgressSummary={"TotalNumberOfTasks": 100, "NumberOfTasksSucceeded": 5, "NumberOfTasksFailed": 2},
                StatusUpdateReason="because",
                ManifestGenerator={"S3JobManifestGenerator": {"SourceBucket": "arn:aws:s3:::lake"}},
                GeneratedManifestDescriptor={"Format": "S3InventoryReport_CSV_20211130"},
                CreationTime=datetime(2026, 3, 26, tzinfo=UTC),
            )
        )
        assert job == Job(
            ref=JobRef.from_arn(ARN),
            status=JobStatus.SUSPENDED,
            operation="S3PutObjectCopy",
            parameters={"TargetResource": "arn:aws:s3:::archive"},
            confirmation_required=True,
            total_tasks=100,
            tasks_ended=7,
            role="arn:aws:iam::111111111111:role/batch",
            priority=10,
            description="nightly",
            report={"Enabled": True},
            manifest=SUPPLIED_MANIFEST,  # type: ignore[arg-type]
            manifest_generator={"S3JobManifestGenerator": {"SourceBucket": "arn:aws:s3:::lake"}},
            generated_manifest={"Format": "S3InventoryReport_CSV_20211130"},
            status_update_reason="because",
            suspended_date=SUSPENDED,
            creation_time=datetime(2026, 3, 26, tzinfo=UTC),
        )

    def test_arn_and_status_alone_are_a_job(self) -> None:
        """Every other member may be missing, and is then None or empty."""
        job = Job.from_description({"JobArn": ARN, "Status": "Preparing"})
        assert (job.operation, job.parameters, job.total_tasks, job.suspended_date) == (None, {}, None, None)
        assert (job.tasks_ended, job.asks_for_confirmation()) == (0, AsksForConfirmation.UNKNOWN)

    @pytest.mark.parametrize("member", ["JobArn", "Status"])
    def test_without_arn_or_status_it_is_no_job(self, member: str) -> None:
        """Those two every job has."""
        with pytest.raises(JobDescriptionError, match=f"{member}: expected text, got nothing"):
            Job.from_description(description(**{member: None}))
        with pytest.raises(JobDescriptionError, match=f"{member}: expected text, got null"):
            Job.from_description({**description(), member: None})

    @given(st.dictionaries(any_text.filter(lambda name: name not in MEMBERS), json_values))
    def test_unknown_members_are_passed_over(self, more: dict[str, Json]) -> None:
        """What S3 adds later changes nothing."""
        assert Job.from_description({**more, **description()}) == Job.from_description(description())

    @pytest.mark.parametrize("said", [True, False, None])
    def test_what_the_requester_asked_for_has_three_states(self, said: bool | None) -> None:
        """Though S3 has been recorded to say none of them."""
        assert Job.from_description(description(ConfirmationRequired=said)).confirmation_required == said

    @pytest.mark.parametrize(
        ("operation", "name", "parameters"),
        [
            ({"S3ReplicateObject": {}}, "S3ReplicateObject", {}),
            ({"S3ReplicateObject": None}, "S3ReplicateObject", {}),
            ({"S3NewOperation": {"A": [1]}}, "S3NewOperation", {"A": [1]}),
            ({}, None, {}),
            (None, None, {}),
            (
                {"S3ReplicateObject": {}, "S3PutObjectCopy": {"A": 1}},
                None,
                {"S3ReplicateObject": {}, "S3PutObjectCopy": {"A": 1}},
            ),
        ],
    )
    def test_the_operation_is_the_one_member_of_its_structure(
        self, operation: Json, name: str | None, parameters: Json
    ) -> None:
        """None where the SDK dropped the only member, and where there are two."""
        job = Job.from_description(description(Operation=operation))
        assert (job.operation, job.parameters) == (name, parameters)

    @pytest.mark.parametrize(
        ("written", "read"),
        [
            ("2026-03-27T06:00:00Z", SUSPENDED),
            ("2026-03-27T06:00:00.000000+00:00", SUSPENDED),
            ("2026-03-27T08:00:00+02:00", SUSPENDED),
            ("2026-03-27T06:00:00", SUSPENDED),
            (datetime(2026, 3, 27, 8, tzinfo=timezone(timedelta(hours=2))), SUSPENDED),
            (datetime(2026, 3, 27, 6), SUSPENDED),  # noqa: DTZ001 what botocore never gives is UTC too
            (None, None),
        ],
    )
    def test_instants_are_utc_however_they_are_written(self, written: Json, read: datetime | None) -> None:
        """As the SDK gives them, and as the AWS CLI prints them."""
        job = Job.from_description(description(SuspendedDate=written, CreationTime=written))
        assert job.suspended_date == job.creation_time == read
        assert read is None or job.suspended_date is None or job.suspended_date.tzinfo is UTC

    @pytest.mark.parametrize(
        ("member", "value", "message"),
        [
            ("JobArn", 5, "JobArn: expected text, got the number 5"),
            ("JobArn", "arn:aws:s3:::lake", "JobArn: expected arn:PARTITION:s3:REGION:ACCOUNT:job/ID"),
            ("Status", ["Suspended"], "Status: expected text, got a list of 1"),
            ("Operation", "S3PutObjectCopy", 'Operation: expected an object, got "S3PutObjectCopy"'),
            ("Operation", {"S3PutObjectCopy": "x"}, 'Operation.S3PutObjectCopy: expected an object, got "x"'),
            ("ProgressSummary", 7, "ProgressSummary: expected an object, got the number 7"),
            (
                "ProgressSummary",
                {"TotalNumberOfTasks": "7"},
                'ProgressSummary.TotalNumberOfTasks: expected a whole number, got "7"',
            ),
            (
                "ProgressSummary",
                {"TotalNumberOfTasks": True},
                "ProgressSummary.TotalNumberOfTasks: expected a whole number, got true",
            ),
            (
                "ProgressSummary",
                {"TotalNumberOfTasks": 7.0},
                "ProgressSummary.TotalNumberOfTasks: expected a whole number, got the number 7.0",
            ),
            ("ConfirmationRequired", "false", 'ConfirmationRequired: expected true or false, got "false"'),
            ("ConfirmationRequired", 0, "ConfirmationRequired: expected true or false, got the number 0"),
            ("RoleArn", {}, "RoleArn: expected text, got an empty object"),
            ("Priority", "10", 'Priority: expected a whole number, got "10"'),
            ("Priority", True, "Priority: expected a whole number, got true"),
            ("Description", 5, "Description: expected text, got the number 5"),
            ("Report", [], "Report: expected an object, got an empty list"),
            ("Manifest", "m.csv", 'Manifest: expected an object, got "m.csv"'),
            ("ManifestGenerator", 1, "ManifestGenerator: expected an object, got the number 1"),
            ("GeneratedManifestDescriptor", True, "GeneratedManifestDescriptor: expected an object, got true"),
            ("StatusUpdateReason", [], "StatusUpdateReason: expected text, got an empty list"),
            ("SuspendedDate", "yesterday", 'SuspendedDate: expected an ISO 8601 instant, got "yesterday"'),
            ("SuspendedDate", 1774591200, "SuspendedDate: expected an ISO 8601 instant, got the number 1774591200"),
            ("CreationTime", False, "CreationTime: expected an ISO 8601 instant, got false"),
        ],
    )
    def test_a_member_of_another_type_is_named(self, member: str, value: Json, message: str) -> None:
        """The message says which member, what was expected and what came."""
        with pytest.raises(JobDescriptionError, match=message):
            Job.from_description(description(**{member: value}))

    @pytest.mark.parametrize(
        "instant",
        [
            "0001-01-01T00:00:00+23:59",
            "9999-12-31T23:59:59-01:00",
            datetime.min.replace(tzinfo=timezone(timedelta(hours=1))),
            datetime.max.replace(tzinfo=timezone(timedelta(hours=-1))),
        ],
    )
    def test_an_instant_outside_of_the_years_is_refused(self, instant: Json) -> None:
        """One whose UTC has no year is a wrong description, and no traceback."""
        with pytest.raises(JobDescriptionError, match="SuspendedDate"):
            Job.from_description(description(SuspendedDate=instant))

    @given(st.dictionaries(st.sampled_from(MEMBERS), json_values))
    def test_any_json_is_read_or_refused(self, members: dict[str, Json]) -> None:
        """No description raises anything but JobDescriptionError."""
        with suppress(JobDescriptionError):
            assert isinstance(Job.from_description({**description(), **members}).status, JobStatus)
