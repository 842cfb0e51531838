"""The functions' environment reaches the adapters, and a wrong value starts nothing."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

import pytest

from batchgate.aws import wiring
from batchgate.aws.cloudtrail import NOT_ASKED
from batchgate.aws.ledger import DynamoLedger
from batchgate.aws.notices import TopicNotices
from batchgate.aws.settings import SettingError, Settings
from batchgate.aws.wiring import Home
from batchgate.errors import PolicyUnavailableError
from batchgate.jobs.model import JobRef

HOME = Home("aws", "us-east-1", "123456789012")


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """A function's; what is made of it is forgotten before and after."""
    read: tuple[Any, ...] = (wiring._settings, wiring._session, wiring._hosted_policies)
    made = (*read, wiring._ledger, wiring._notices, wiring._requesters)
    for each in made:
        each.cache_clear()
    monkeypatch.delenv("BATCHGATE_APPCONFIG", raising=False)
    for name, value in {
        "BATCHGATE_LEDGER_TABLE": "ledger",
        "BATCHGATE_POLICY_FILE": "policy.json",
        "BATCHGATE_TOPIC_ARN": "arn:aws:sns:us-east-1:123456789012:t",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }.items():
        monkeypatch.setenv(name, value)
    yield monkeypatch
    for each in made:
        each.cache_clear()


@pytest.mark.parametrize(("said", "days"), [(None, 400), ("", 400), ("100", 100), ("3653", 3653)])
def test_how_long_the_record_is_kept_reaches_the_ledger(
    environment: pytest.MonkeyPatch, said: str | None, days: int
) -> None:
    """400 days where nothing is said."""
    if said is not None:
        environment.setenv("BATCHGATE_LEDGER_RETENTION_DAYS", said)
    assert cast("DynamoLedger", wiring._ledger(HOME)).kept == timedelta(days=days)


@pytest.mark.parametrize("said", ["0", "-1", "3654", "400.5", "a year", "\u0664\u0660\u0660", "0003653000", "9" * 5000])
def test_a_wrong_retention_is_refused(environment: pytest.MonkeyPatch, said: str) -> None:
    """An item that expires at once, or never, would be found out too late."""
    environment.setenv("BATCHGATE_LEDGER_RETENTION_DAYS", said)
    with pytest.raises(SettingError, match="BATCHGATE_LEDGER_RETENTION_DAYS: expected a number of days up to 3653"):
        Settings.from_environment()


@pytest.mark.parametrize(("said", "chat"), [(None, False), ("false", False), ("true", True)])
def test_chat_reaches_the_notices(environment: pytest.MonkeyPatch, said: str | None, chat: bool) -> None:
    """Off where nothing is said."""
    if said is not None:
        environment.setenv("BATCHGATE_CHAT", said)
    assert cast("TopicNotices", wiring._notices()).chat is chat


def test_cloudtrail_gets_a_client_when_a_requester_is_asked_for(environment: pytest.MonkeyPatch) -> None:
    """Few policies ask, and making a client takes time; then all reviews share its turns."""
    ports = wiring.open_ports(HOME, timedelta(seconds=60))
    assert wiring._requesters.cache_info().currsize == 0
    environment.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")  # nothing answers there
    for _ in range(2):
        gap = ports.requesters.find(JobRef("aws", HOME.region, HOME.account_id, "some-job"), datetime.now(UTC))
        assert gap == NOT_ASKED
    assert wiring._requesters.cache_info().currsize == 1


def test_policies_of_the_past_come_from_the_packaged_file_or_from_appconfig(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An AppConfig that does not answer is not one without them."""
    document = b'{"policies":[],"version":1}'
    (tmp_path / "policy.json").write_bytes(document)
    environment.setenv("BATCHGATE_POLICY_FILE", str(tmp_path / "policy.json"))
    assert wiring.find_policies(sha256(document).hexdigest()[:12]) == {"policies": [], "version": 1}
    assert wiring.find_policies("0" * 12) is None
    wiring._settings.cache_clear()
    environment.delenv("BATCHGATE_POLICY_FILE")
    environment.setenv("BATCHGATE_APPCONFIG", "app/enforced/profile")
    environment.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")  # nothing answers there
    with pytest.raises(PolicyUnavailableError, match="AppConfig app/enforced/profile: EndpointConnectionError"):
        wiring.find_policies("0" * 12)
