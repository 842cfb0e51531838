"""The emulator against botocore's service model: every member, limit and error, generated from it.

What is checked here is generated from the shapes, so a new botocore brings new cases by itself.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from botocore.exceptions import ClientError
from botocore.model import ListShape, MapShape, OperationModel, Shape, StringShape, StructureShape
from botocore.parsers import create_parser
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from s3batch_emulator import Emulator, SteppedClock, connect, model, wire
from s3batch_emulator.constraints import violations
from s3batch_emulator.errors import OTHER_NAMES, STATUS_BY_CODE
from s3batch_emulator.testing import START, EmulatedBatch

from .job_requests import ACCOUNT, client, job_request

EXAMPLES = {
    "IAMRoleArn": "arn:aws:iam::123456789012:role/r",
    "JobArn": "arn:aws:s3:us-east-1:123456789012:job/x",
    "AccountId": ACCOUNT,
    "FunctionArnString": "arn:aws:lambda:us-east-1:123456789012:function:f",
    "NonEmptyKmsKeyArnString": "arn:aws:kms:us-east-1:123456789012:key/k",
}
"""Values for patterns that a string of one letter does not match."""

MOMENT = datetime(2026, 7, 1, 12, 30, 0, 250000, tzinfo=UTC)


def example(shape: Shape, length: int | None = None) -> Any:
    """A value that the shape allows, with every member of every structure in it (one of a union)."""
    match shape:
        case StructureShape():
            members = shape.members if not shape.is_tagged_union else dict([next(iter(shape.members.items()))])
            return {name: example(member) for name, member in members.items()}
        case ListShape():
            return [example(shape.member)] * (length if length is not None else shape.metadata.get("min", 1) or 1)
        case MapShape():
            return {f"key-{number}": example(shape.value) for number in range(length if length is not None else 1)}
        case StringShape():
            return _text(shape, length)
    if shape.type_name == "timestamp":
        return MOMENT
    return True if shape.type_name == "boolean" else int(shape.metadata.get("max", 7))


def _text(shape: StringShape, length: int | None) -> str:
    if shape.enum:
        return str(shape.enum[0])
    begin = EXAMPLES.get(shape.name, "arn:aws:s3:::" if "arn:" in shape.metadata.get("pattern", "") else "")
    return (
        begin
        if length is None and len(begin) > 5 and begin[-1] != ":"
        else begin.ljust(len(begin) + 5 if length is None else length, "a")[:length]
    )


def operations() -> list[OperationModel]:
    """The job operations."""
    return [model.operation(name) for name in model.OPERATIONS]


def leaves(shape: Shape, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Shape]]:
    """Every list, map and scalar below a shape, with its path of member names; `[]` stands for an entry."""
    if isinstance(shape, StructureShape):
        for name, member in shape.members.items():
            yield from leaves(member, (*path, name))
        return
    yield path, shape
    if isinstance(shape, ListShape):
        yield from leaves(shape.member, (*path, "[]"))
    elif isinstance(shape, MapShape):
        yield from leaves(shape.value, (*path, "{}"))


def limits() -> Iterator[tuple[str, tuple[str, ...], int, bool]]:
    """Every limit of every member of every operation: a size at it, or one beyond it."""
    for operation in operations():
        for path, shape in leaves(wire.input_shape(operation)):
            least, most = shape.metadata.get("min"), shape.metadata.get("max")
            # A pattern of fixed length decides before a length does.
            if shape.name == "AccountId" or isinstance(shape, MapShape):
                continue
            if most is not None:
                yield operation.name, path, most, True
                yield operation.name, path, most + 1, False
            if (
                least is not None
                and least > 0
                and not (isinstance(shape, StringShape) and shape.metadata.get("pattern"))
            ):
                yield operation.name, path, least, True
                yield operation.name, path, least - 1, False


def with_size(shape: Shape, path: tuple[str, ...], size: int) -> Any:
    """An example of a shape, whose leaf at the path has a size."""
    if not path:
        return size if shape.type_name in {"integer", "long"} else example(shape, size)
    match shape:
        case StructureShape():
            whole = {path[0]: ...} if shape.is_tagged_union else example(shape)
            whole[path[0]] = with_size(shape.members[path[0]], path[1:], size)
            return whole
        case ListShape():
            return [with_size(shape.member, path[1:], size)]
        case MapShape():
            return {"key": with_size(shape.value, path[1:], size)}
    raise AssertionError(path)


LIMITS = list(limits())


def test_there_are_limits_of_every_kind() -> None:
    """So that the generated cases can't silently become none."""
    assert len(LIMITS) > 100
    assert {operation for operation, *_ in LIMITS} == set(model.OPERATIONS)


@pytest.mark.parametrize(
    ("operation", "path", "size", "allowed"),
    LIMITS,
    ids=[f"{operation}.{'.'.join(path)} {size}" for operation, path, size, _ in LIMITS],
)
def test_every_limit_holds_exactly(operation: str, path: tuple[str, ...], size: int, allowed: bool) -> None:
    """At the limit there is nothing to refuse; one beyond, that member and nothing else is named."""
    shape = wire.input_shape(model.operation(operation))
    broken = list(violations(shape, with_size(shape, path, size)))
    named = ".".join(path).replace(".[]", "[0]").replace("{}", "key")
    assert broken == [] if allowed else (len(broken) >= 1 and all(said.startswith(named) for said in broken)), broken


@pytest.mark.parametrize("operation", model.OPERATIONS)
def test_every_required_member_is_demanded(operation: str) -> None:
    """Each alone left out."""
    shape = wire.input_shape(model.operation(operation))
    whole = example(shape)
    for name in shape.required_members:
        rest = {member: value for member, value in whole.items() if member != name}
        assert list(violations(shape, rest)) == [f"{name} is required"]


@pytest.mark.parametrize("operation", model.OPERATIONS)
def test_every_member_that_botocore_sends_is_read(operation: str) -> None:
    """The input with all of its members comes back from the wire as it was, timestamps included."""
    described = model.operation(operation)
    asked = example(wire.input_shape(described))
    batch = EmulatedBatch()
    s3control = connect(client(parameter_validation=False), batch.emulator)
    # Two operations at once, no such job, a foreign token: refused for what it says, once it was read.
    with pytest.raises(ClientError):
        getattr(s3control, _snake(operation))(**asked)
    assert batch.emulator.calls[-1].parameters == asked


def _snake(operation: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in operation).removeprefix("_")


def output_shape(operation: str) -> StructureShape:
    """The output of an operation; every job operation has one."""
    shape = model.operation(operation).output_shape
    assert shape is not None
    return shape


@pytest.mark.parametrize("operation", [name for name in model.OPERATIONS if output_shape(name).members])
def test_every_member_of_an_answer_is_parsed_by_botocore(operation: str) -> None:
    """The output with all of its members is written so that botocore's parser loses nothing."""
    described, shape = model.operation(operation), output_shape(operation)
    answer = example(shape)
    parser = create_parser("rest-xml")
    body = wire.write_answer(described, answer)
    parsed = parser.parse({"status_code": 200, "headers": {}, "body": body}, shape)
    del parsed["ResponseMetadata"]
    assert parsed == answer


def test_every_operation_can_be_created_and_described_whole() -> None:
    """Each member of JobOperation with all of its members: what DescribeJob shows is what was sent."""
    batch = EmulatedBatch()
    s3control = connect(client(), batch.emulator)
    shape = wire.input_shape(model.operation("CreateJob")).members["Operation"]
    assert isinstance(shape, StructureShape)
    for name, member in shape.members.items():
        asked = {name: example(member)}
        job_id = s3control.create_job(**job_request(batch.objects, Operation=asked))["JobId"]
        assert s3control.describe_job(AccountId=ACCOUNT, JobId=job_id)["Job"]["Operation"] == asked
        assert s3control.list_jobs(AccountId=ACCOUNT)["Jobs"][0]["Operation"] == name


def test_no_answer_has_a_member_that_the_model_does_not_know() -> None:
    """In every status: nothing is sent that botocore drops."""
    batch = EmulatedBatch()
    s3control = connect(client(), batch.emulator)
    seen: set[str] = set()

    def check(response_dict: dict[str, Any], event_name: str, **_: object) -> None:
        operation = event_name.rpartition(".")[2]
        seen.add(operation)
        assert unknown_members(operation, response_dict["body"]) == []

    s3control.meta.events.register("response-received.s3-control", check)
    for confirmation in (None, True, False):
        job_id = s3control.create_job(**job_request(batch.objects, ConfirmationRequired=confirmation))["JobId"]
        for _ in range(12):
            s3control.describe_job(AccountId=ACCOUNT, JobId=job_id)
            s3control.list_jobs(AccountId=ACCOUNT, MaxResults=1)
            s3control.get_job_tagging(AccountId=ACCOUNT, JobId=job_id)
            batch.advance(seconds=1)
    assert seen == {"CreateJob", "DescribeJob", "ListJobs", "GetJobTagging"}


def unknown_members(operation: str, body: bytes) -> list[str]:
    """Elements of an operation's answer that its shape does not name."""

    def walk(found: Shape, element: ET.Element) -> Iterator[str]:
        for child in element:
            name = child.tag.rpartition("}")[2]
            if isinstance(found, ListShape):
                yield from walk(found.member, child) if name == "member" else [name]
            elif isinstance(found, StructureShape):
                members = {member.serialization.get("name", key): member for key, member in found.members.items()}
                yield from walk(members[name], child) if name in members else [name]

    return list(walk(output_shape(operation), ET.fromstring(body)))  # noqa: S314 -- our own answer


def test_every_error_code_is_the_models_the_guides_or_s3s_own() -> None:
    """Nothing is invented: the job operations' declared errors can all be answered."""
    common = {
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationHeaderMalformed",
        "EntityTooLarge",
        "InternalError",
        "InvalidAccessKeyId",
        "InvalidURI",
        "MethodNotAllowed",
        "NotImplemented",
        "RequestTimeTooSkewed",
        "ServiceUnavailable",
        "SignatureDoesNotMatch",
    }
    others = {name for names in OTHER_NAMES.values() for name in names.values()}
    assert set(STATUS_BY_CODE) == model.error_codes() | others | common


XML_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=256)


@given(description=XML_TEXT, reason=XML_TEXT)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_survives_both_ways(description: str, reason: str) -> None:
    """Body, query and answer: what was sent is what is shown, or it is refused as unspeakable in XML."""
    batch = EmulatedBatch()
    s3control = connect(client(), batch.emulator)
    try:
        job_id = s3control.create_job(**job_request(batch.objects, Description=description))["JobId"]
        s3control.update_job_status(
            AccountId=ACCOUNT, JobId=job_id, RequestedJobStatus="Cancelled", StatusUpdateReason=reason
        )
    except ClientError as error:
        assert "XML can't carry" in str(error)  # noqa: PT017 -- only some texts are refused
        assert any(char in description + reason for char in "\ufffe\uffff")
        return
    job = s3control.describe_job(AccountId=ACCOUNT, JobId=job_id)["Job"]
    assert (job["Description"], job["StatusUpdateReason"]) == (description, reason)


def test_two_thousand_five_hundred_jobs_are_listed_by_next_token() -> None:
    """Three pages of at most a thousand, every job once, the newest first."""
    batch = EmulatedBatch()
    emulator = Emulator(SteppedClock(START), batch.objects, seed=0)
    s3control = connect(client(), emulator)
    asked = job_request(batch.objects)
    created = [
        str(s3control.create_job(**asked, ClientRequestToken=f"token-{number}")["JobId"]) for number in range(2500)
    ]
    pages: list[list[str]] = []
    token: dict[str, str] = {}
    while not pages or token:
        page = s3control.list_jobs(AccountId=ACCOUNT, **token)
        pages.append([job["JobId"] for job in page["Jobs"]])
        token = {"NextToken": page["NextToken"]} if "NextToken" in page else {}
    assert [len(page) for page in pages] == [1000, 1000, 500]
    assert [job_id for page in pages for job_id in page] == created[::-1]
