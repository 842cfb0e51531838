"""The policies of a version that a decision names, among all that were ever deployed."""

import io
import json
from hashlib import sha256
from typing import Any

import boto3
import pytest
from botocore.response import StreamingBody
from botocore.stub import Stubber

from batchgate.aws.policy_versions import CONFIG, HostedPolicies
from batchgate.contract import ProfileLocation
from batchgate.errors import PolicyUnavailableError
from batchgate.policy.canonical import canonical_json
from batchgate.policy.deployed import load_deployed
from batchgate.policy.validation import read_document
from tests.aws.stubbed import document
from tests.aws.test_appconfig_local import Deployed

COMPACT: Any = {"sort_keys": True, "separators": (",", ":")}
LOCATION = ProfileLocation("app1234", "enforced", "prof123")


@pytest.fixture
def hosted(local_s3: str) -> Deployed:
    """A profile without versions."""
    return Deployed(local_s3)


def versions(hosted: Deployed) -> HostedPolicies:
    """The adapter on it."""
    return HostedPolicies(hosted.appconfig, ProfileLocation(hosted.application, "enforced", hosted.profile))


def canonical(at_most: int) -> tuple[str, dict[str, Any]]:
    """A document's version, and its canonical form."""
    content = canonical_json(read_document(json.loads(document(at_most))))
    version = load_deployed(document(at_most)).version
    assert sha256(content).hexdigest().startswith(version)
    return version, json.loads(content)


def test_each_version_that_was_deployed_is_found(hosted: Deployed) -> None:
    """As the stack stores them, and as a person wrote them in the console."""
    for at_most in range(9):
        written = json.dumps(json.loads(document(at_most)), indent=1).encode()
        hosted.put_in_force(json.dumps(canonical(at_most)[1], **COMPACT).encode() if at_most % 2 else written)
    found = versions(hosted)
    for at_most in range(9):
        version, expected = canonical(at_most)
        assert found.find(version) == expected
    assert found.find("0" * 12) is None


def test_versions_that_are_no_policies_any_more_are_passed_over(hosted: Deployed) -> None:
    """A document that this batchgate does not read is found by its hash all the same, if the stack stored it."""
    old = json.dumps({"of": "another time", "version": 0}, **COMPACT).encode()
    for content in (old, b"no JSON", b"[]", b"[" * 5000, document(3)):
        hosted.put_in_force(content)
    found = versions(hosted)
    assert found.find(canonical(3)[0]) == canonical(3)[1]
    assert found.find(sha256(old).hexdigest()[:12]) == json.loads(old)
    assert found.find("0" * 12) is None


def test_what_was_read_is_not_read_again(hosted: Deployed) -> None:
    """An export asks for many versions, and each request would read all documents."""
    for at_most in range(5):
        hosted.put_in_force(document(at_most))
    found, read = versions(hosted), []
    hosted.appconfig.meta.events.register(
        "provide-client-params.appconfig.GetHostedConfigurationVersion",
        lambda params, **_: read.append(params["VersionNumber"]),
    )
    for at_most in (0, 4, 2):
        assert found.find(canonical(at_most)[0]) == canonical(at_most)[1]
    assert found.find("0" * 12) is None
    assert read == [5, 4, 3, 2, 1, 1, 5, 3]


@pytest.mark.parametrize("operation", ["list_hosted_configuration_versions", "get_hosted_configuration_version"])
@pytest.mark.parametrize(("code", "status"), [("InternalServerException", 500), ("AccessDeniedException", 403)])
def test_an_appconfig_that_does_not_answer_is_not_one_without_the_version(
    operation: str, code: str, status: int
) -> None:
    """Whoever asks tries again; an export would otherwise have a gap."""
    client = boto3.client(
        "appconfig", region_name="eu-central-1", aws_access_key_id="t", aws_secret_access_key="t", config=CONFIG
    )
    with Stubber(client) as stub:
        if operation.startswith("get"):
            stub.add_response("list_hosted_configuration_versions", {"Items": [{"VersionNumber": 1}]})
        stub.add_client_error(operation, code, http_status_code=status)
        with pytest.raises(PolicyUnavailableError, match=f"AppConfig app1234/enforced/prof123: {code}"):
            HostedPolicies(client, LOCATION).find("0" * 12)


def test_every_page_is_looked_through() -> None:
    """Whatever order AppConfig lists them in; the local one has no second page."""
    client = boto3.client(
        "appconfig", region_name="eu-central-1", aws_access_key_id="t", aws_secret_access_key="t", config=CONFIG
    )
    profile = {"ApplicationId": LOCATION.application, "ConfigurationProfileId": LOCATION.profile}
    with Stubber(client) as stub:
        for token, numbers in (({}, [1, 2]), ({"NextToken": "n"}, [3])):
            page = {"Items": [{"VersionNumber": number} for number in numbers]} | ({} if token else {"NextToken": "n"})
            stub.add_response("list_hosted_configuration_versions", page, {**profile, "MaxResults": 50, **token})
            for number in sorted(numbers, reverse=True):
                content = document(number)
                for _ in range(1 + (number == 3)):
                    body = StreamingBody(io.BytesIO(content), len(content))
                    stub.add_response(
                        "get_hosted_configuration_version", {"Content": body}, {**profile, "VersionNumber": number}
                    )
        version, expected = canonical(3)
        assert HostedPolicies(client, LOCATION).find(version) == expected
        stub.assert_no_pending_responses()


def test_a_list_that_is_not_there_is_not_an_empty_one() -> None:
    """AppConfig always has at least the version in force."""
    client = boto3.client(
        "appconfig", region_name="eu-central-1", aws_access_key_id="t", aws_secret_access_key="t", config=CONFIG
    )
    with Stubber(client) as stub:
        stub.add_response("list_hosted_configuration_versions", {})
        with pytest.raises(PolicyUnavailableError, match="Items"):
            HostedPolicies(client, LOCATION).find("0" * 12)
