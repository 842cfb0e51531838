"""Policies from AppConfig: asked for as often as it wants, never mistaken, and not believed for long unconfirmed."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from botocore.exceptions import IncompleteReadError

from batchgate.aws import appconfig as appconfig_module
from batchgate.contract import ProfileLocation
from batchgate.errors import NoPolicyDeployedError, PolicyUnavailableError
from tests.aws.stubbed import Stubbed, document, stubbed

NOT_A_POLICY = (
    b"{}",
    b"not json",
    b"\xff\xfe",
    b'{"version": 1, "version": 1, "policies": []}',
    b'{"version": NaN}',
    b"[" * 100_000,
)


@pytest.fixture
def appconfig() -> Iterator[Stubbed]:
    """A source that has not asked yet."""
    with stubbed() as made:
        yield made


def test_one_answer_serves_until_the_interval_is_over(appconfig: Stubbed) -> None:
    """However often somebody asks; then the token that came with it is used, once."""
    appconfig.begins("t0")
    appconfig.answers("t0", document(1), "t1", interval=60)
    assert [appconfig.limit for _ in range(3)] == [1, 1, 1]
    appconfig.clock.step(seconds=59)
    assert appconfig.limit == 1
    appconfig.answers("t1", document(2), "t2")
    appconfig.clock.step(seconds=1)
    assert appconfig.limit == 2
    assert appconfig.warnings == []


def test_an_empty_answer_within_a_session_means_unchanged(appconfig: Stubbed) -> None:
    """It is no empty policy, and it confirms: the same policies decide hours later."""
    appconfig.begins("t0")
    appconfig.answers("t0", document(1), "t1")
    first = appconfig.source.current()
    for number in range(1, 100):
        appconfig.clock.step(minutes=5)
        appconfig.answers(f"t{number}", b"", f"t{number + 1}")
        assert appconfig.source.current() is first
    assert appconfig.warnings == []


def test_a_refused_token_begins_a_new_session_at_once(appconfig: Stubbed) -> None:
    """Tokens end after 24 hours; a new session answers in full."""
    appconfig.begins("t0")
    appconfig.answers("t0", document(1), "t1")
    assert appconfig.limit == 1
    appconfig.clock.step(hours=25)
    appconfig.refuses("t1", "BadRequestException")
    appconfig.begins("u0")
    appconfig.answers("u0", document(2), "u1")
    assert appconfig.limit == 2
    assert appconfig.warnings == []


@pytest.mark.parametrize(
    ("code", "status"), [("ThrottlingException", 429), ("InternalServerException", 500), ("AccessDeniedException", 403)]
)
def test_what_can_not_be_confirmed_decides_for_fifteen_minutes(appconfig: Stubbed, code: str, status: int) -> None:
    """Then nothing decides, until AppConfig answers again."""
    appconfig.begins("t0")
    appconfig.answers("t0", document(1), "t1")
    assert appconfig.limit == 1
    appconfig.clock.step(minutes=15)
    appconfig.refuses("t1", code, status)
    assert appconfig.limit == 1
    appconfig.clock.step(seconds=5)
    appconfig.refuses_to_begin(code, status)
    with pytest.raises(PolicyUnavailableError, match=f"since 2026-03-27T00:00:00Z .*{code}"):
        appconfig.source.current()
    assert len(appconfig.warnings) == 2
    appconfig.clock.step(seconds=5)
    appconfig.begins("u0")
    appconfig.answers("u0", document(1), "u1")
    assert appconfig.limit == 1


def test_after_a_failure_it_is_left_alone_for_some_seconds(appconfig: Stubbed) -> None:
    """Sixteen workers must not hammer at an AppConfig that is down: the stub knows of one call only."""
    appconfig.refuses_to_begin("InternalServerException", 500)
    for _ in range(16):
        with pytest.raises(PolicyUnavailableError, match="InternalServerException"):
            appconfig.source.current()
    assert len(appconfig.warnings) == 1


def test_while_policies_may_decide_nobody_waits_for_an_appconfig_that_hangs(appconfig: Stubbed) -> None:
    """Who waited for a poll that hung until it failed does not hang in the next one; half a minute later one asks."""
    appconfig.begins("t0")
    appconfig.answers("t0", document(1), "t1")
    assert appconfig.limit == 1
    appconfig.clock.step(minutes=1)
    appconfig.refuses("t1", "InternalServerException", 500)
    taking_six_seconds = appconfig.source.client.meta.events
    taking_six_seconds.register_first("before-call.appconfigdata", lambda **_: appconfig.clock.step(seconds=6))
    assert appconfig.limit == 1
    for _ in range(16):
        assert appconfig.limit == 1  # the stub knows of no other call
    appconfig.clock.step(seconds=30)
    appconfig.begins("u0")
    appconfig.answers("u0", document(2), "u1")
    assert appconfig.limit == 2


def test_a_document_that_can_not_be_read_in_any_way_ends_the_one_before_it(
    appconfig: Stubbed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AppConfig gives it once: were the old one kept, every later answer would confirm it."""
    appconfig.begins("t0")
    appconfig.answers("t0", document(1), "t1")
    assert appconfig.limit == 1

    def too_large(content: bytes) -> None:
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr(appconfig_module, "load_deployed", too_large)
        appconfig.clock.step(minutes=1)
        appconfig.answers("t1", document(2), "t2")
        with pytest.raises(MemoryError):
            appconfig.source.current()
    with pytest.raises(PolicyUnavailableError, match="could not be read"):
        appconfig.source.current()
    appconfig.clock.step(seconds=5)
    appconfig.begins("u0")
    appconfig.answers("u0", document(2), "u1")
    assert appconfig.limit == 2


def test_after_a_failure_no_old_token_is_used(appconfig: Stubbed) -> None:
    """AppConfig may have counted it as used, and would say 'unchanged' of a document that never arrived."""
    appconfig.begins("t0")
    appconfig.answers("t0", document(1), "t1")
    assert appconfig.limit == 1
    appconfig.clock.step(minutes=1)
    appconfig.answers_with("t1", BrokenBody(), "t2")
    assert appconfig.limit == 1
    assert "IncompleteReadError" in appconfig.warnings[0]
    appconfig.clock.step(seconds=30)
    appconfig.begins("u0")
    appconfig.answers("u0", document(2), "u1")
    assert appconfig.limit == 2


class BrokenBody:
    """A body whose connection ends before it does."""

    def read(self) -> bytes:
        """Fail as botocore does."""
        raise IncompleteReadError(actual_bytes=3, expected_bytes=100)


@pytest.mark.parametrize("content", NOT_A_POLICY, ids=range(len(NOT_A_POLICY)))
def test_what_is_no_policy_document_decides_nothing(appconfig: Stubbed, content: bytes) -> None:
    """At the first answer, and the same when it takes the place of a good one; it is told each time."""
    appconfig.begins("t0")
    appconfig.answers("t0", content, "t1")
    with pytest.raises(PolicyUnavailableError, match="app1234/enforced/prof123: invalid policy document"):
        appconfig.source.current()
    appconfig.answers("t1", document(1), "t2")
    appconfig.clock.step(seconds=15)
    assert appconfig.limit == 1
    assert len(appconfig.warnings) == 1


def test_a_bad_document_takes_the_last_good_one_out_of_force(appconfig: Stubbed) -> None:
    """Somebody has put another one in force; 'unchanged' confirms the bad one, and going back brings the good one."""
    appconfig.begins("t0")
    appconfig.answers("t0", document(1), "t1")
    assert appconfig.limit == 1
    appconfig.answers("t1", b"{}", "t2")
    appconfig.clock.step(seconds=15)
    for following in ("t3", "t4"):
        with pytest.raises(PolicyUnavailableError, match="invalid policy document"):
            appconfig.source.current()
        appconfig.answers(f"t{int(following[1]) - 1}", b"", following)
        appconfig.clock.step(seconds=15)
    with pytest.raises(PolicyUnavailableError, match="invalid policy document"):
        appconfig.source.current()
    appconfig.answers("t4", document(1), "t5")
    appconfig.clock.step(seconds=15)
    assert appconfig.limit == 1


def test_before_the_first_answer_nothing_decides(appconfig: Stubbed) -> None:
    """There is no policy, and an empty one is not made up."""
    appconfig.refuses_to_begin("ResourceNotFoundException", 404)
    with pytest.raises(PolicyUnavailableError, match="ResourceNotFoundException"):
        appconfig.source.current()


def test_a_clock_that_is_set_back_asks_again(appconfig: Stubbed) -> None:
    """Else policies would count as confirmed, and not be asked for, until the clock has caught up."""
    appconfig.begins("t0")
    appconfig.answers("t0", document(1), "t1")
    assert appconfig.limit == 1
    appconfig.clock.step(hours=-6)
    appconfig.refuses("t1", "InternalServerException", 500)
    with pytest.raises(PolicyUnavailableError, match="has not confirmed"):
        appconfig.source.current()
    appconfig.clock.step(seconds=5)
    appconfig.begins("u0")
    appconfig.answers("u0", document(2), "u1")
    assert appconfig.limit == 2


def test_many_threads_ask_once(appconfig: Stubbed) -> None:
    """The stub knows of one session and one token: a second call of either would fail."""
    workers = 16
    together = Barrier(workers)
    appconfig.begins("t0")
    appconfig.answers("t0", document(1), "t1")

    def ask(_: int) -> int:
        together.wait()
        return appconfig.limit

    with ThreadPoolExecutor(workers) as pool:
        assert list(pool.map(ask, range(workers))) == [1] * workers
    assert appconfig.warnings == []


@pytest.mark.parametrize("text", ["", "a/b", "a/b/c/d", "a//c", "/b/c"])
def test_a_location_is_three_names(text: str) -> None:
    """Anything else is refused by name."""
    with pytest.raises(ValueError, match="APPLICATION/ENVIRONMENT/PROFILE"):
        ProfileLocation.parse(text)
    assert str(ProfileLocation.parse("a/b/c")) == "a/b/c"


def test_that_nothing_is_deployed_is_told_from_what_can_not_be_loaded(appconfig: Stubbed) -> None:
    """By AppConfig's word for it, or by a session that begins with nothing; any other answer is a failure to load."""
    appconfig.stub.add_client_error(
        "start_configuration_session",
        "ResourceNotFoundException",
        "so it says",
        404,
        modeled_fields={"ResourceType": "Deployment"},
    )
    with pytest.raises(NoPolicyDeployedError):
        appconfig.source.current()
    appconfig.clock.step(minutes=1)
    appconfig.begins("t0")
    appconfig.answers("t0", b"", "t1")
    with pytest.raises(NoPolicyDeployedError, match="no policies are deployed"):
        appconfig.source.current()
    appconfig.clock.step(minutes=1)
    appconfig.answers("t1", document(1), "t2")
    assert appconfig.limit == 1
    appconfig.clock.step(hours=25)
    appconfig.refuses("t2", "BadRequestException")
    appconfig.begins("u0")
    appconfig.answers("u0", b"", "u1")
    with pytest.raises(PolicyUnavailableError, match="invalid policy document") as raised:
        appconfig.source.current()
    assert not isinstance(raised.value, NoPolicyDeployedError)
    appconfig.answers("u1", document(1), "t2")
    appconfig.clock.step(minutes=1)
    assert appconfig.limit == 1
    appconfig.clock.step(minutes=16)
    appconfig.stub.add_client_error(
        "get_latest_configuration",
        "ResourceNotFoundException",
        "so it says",
        404,
        modeled_fields={"ResourceType": "Application"},
    )
    with pytest.raises(PolicyUnavailableError) as raised:
        appconfig.source.current()
    assert not isinstance(raised.value, NoPolicyDeployedError)


@pytest.mark.parametrize("content", [b"{}", b"not json"])
def test_a_document_that_does_not_load_is_deployed(appconfig: Stubbed, content: bytes) -> None:
    """It is a failure to load, by which AppConfig rolls it back."""
    appconfig.begins("t0")
    appconfig.answers("t0", content, "t1")
    with pytest.raises(PolicyUnavailableError) as raised:
        appconfig.source.current()
    assert not isinstance(raised.value, NoPolicyDeployedError)
