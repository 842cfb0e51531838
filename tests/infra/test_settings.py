"""Settings are refused rather than guessed at."""

import re

import pytest

from batchgate_cli.operating.canary_facts import SETTINGS, Finding, settings_of
from infra.settings import PROCESSOR, Architecture, Settings, SettingsError, local_endpoint, read_settings


@pytest.mark.parametrize("context", [None, {}, "{}"])
def test_without_choices_there_are_defaults(context: object) -> None:
    """No key, an empty object and an empty JSON object all mean the same."""
    assert read_settings(context) == Settings()


@pytest.mark.parametrize(
    "context", [{"architecture": "x86_64", "timeout_seconds": 30}, '{"architecture": "x86_64", "timeout_seconds": 30}']
)
def test_choices_are_taken_from_objects_and_from_json_text(context: object) -> None:
    """cdk.json holds objects, the command line passes text."""
    assert read_settings(context) == Settings(architecture=Architecture.X86_64, timeout_seconds=30)


@pytest.mark.parametrize("minutes", [0, 6, 1440])
def test_a_policy_bakes_not_at_all_or_long_enough_for_its_alarms(minutes: int) -> None:
    """In one to five minutes no alarm would have noticed what the policy does."""
    assert read_settings({"policy_bake_minutes": minutes}).policy_bake_minutes == minutes


@pytest.mark.parametrize(
    ("context", "named"),
    [
        ({"architectures": "arm64"}, "architectures"),
        ({"architecture": "riscv"}, r"architecture"),
        ({"max_concurrency": 1}, r"max_concurrency"),
        ({"manifest_buckets": ["arn:aws:s3:::b"]}, r"manifest_buckets\[0\]"),
        ({"manifest_bytes_at_most": 1000}, "manifest_bytes_at_most: expected `int` >= 67108864"),
        ({"max_concurrency": "2"}, r"max_concurrency"),
        ({"max_receive_count": 4}, r"max_receive_count"),
        ({"max_receive_count": 51}, r"max_receive_count"),
        ({"timeout_seconds": 901}, r"timeout_seconds"),
        ({"timeout_seconds": None}, r"timeout_seconds"),
        ({"dead_letter_days": 15}, r"dead_letter_days"),
        ({"dead_letter_days": 4}, r"dead_letter_days"),
        ({"log_retention_days": 8}, r"log_retention_days"),
        ({"ledger_retention_days": 99}, r"ledger_retention_days"),
        ({"ledger_retention_days": 3654}, r"ledger_retention_days"),
        ({"chat": "true"}, r"chat"),
        ({"log_level": "info"}, r"log_level"),
        ({"policy_files": []}, r"policy_files"),
        ({"policy_owner": "team"}, r"policy_owner"),
        *(
            ({"policy_owner": "repository", name: value}, rf"{name}: has no effect")
            for name, value in (("policy_files", ["p.yaml"]), ("policy_findings", "fail"), ("policy_cases", "warn"))
        ),
        ({"policy_files": "policies/approval.yaml"}, r"policy_files"),
        ({"policy_bake_minutes": -1}, r"policy_bake_minutes"),
        ({"policy_bake_minutes": 1}, r"policy_bake_minutes: expected 0 .* or 6 to 1440, got 1"),
        ({"policy_bake_minutes": 5}, r"policy_bake_minutes: expected 0 .* or 6 to 1440, got 5"),
        ({"notify_email": "nobody"}, r"notify_email"),
        ({"held_alarm_hours": 0}, r"held_alarm_hours"),
        ({"customer_key": "yes"}, r"customer_key"),
        ({"trail": 1}, r"trail"),
        ({"idle": "yes"}, r"idle"),
        ({"policy_findings": "error"}, r"policy_findings"),
        ({"policy_cases": True}, r"policy_cases"),
        ({"adopt_existing": "ignore"}, r"adopt_existing"),
        ({"suspended_date_survives": "yes"}, r"suspended_date_survives"),
        ({"suspended_date_survives": 1}, r"suspended_date_survives"),
        ({"circuit_breaker_cancellations": 0}, r"circuit_breaker_cancellations"),
        ({"sweep_timeout_seconds": 30}, r"sweep_timeout_seconds"),
        ({"stack_name": "1st"}, r"stack_name"),
        ({"memory_mb": True}, r"memory_mb"),
        ([], "object"),
        ("not json", "batchgate"),
        (3, "batchgate"),
    ],
)
def test_a_wrong_setting_is_named(context: object, named: str) -> None:
    """Unknown names, values out of range, values of another type, and what isn't an object at all."""
    with pytest.raises(SettingsError, match=named):
        read_settings(context)


@pytest.mark.parametrize(
    ("setting", "wrong", "expected"),
    [
        ("suspended_date_survives", "yes", 'expected one of true, false, "unknown", "true", "false", got "yes"'),
        ("untagged_answer_lacks_tags", "no", 'expected one of true, false, "unknown", "true", "false", got "no"'),
        ("adopt_existing", "ignore", 'expected one of "report", "evaluate", got "ignore"'),
        ("log_level", "info", 'expected one of "DEBUG", "INFO", got "info"'),
        ("log_retention_days", 8, "expected one of 1, 3, 5, 7, 14, 30,"),
    ],
)
def test_a_value_outside_a_closed_set_is_answered_with_the_set(setting: str, wrong: object, expected: str) -> None:
    """Whoever reads the message need not look the setting up."""
    with pytest.raises(SettingsError, match=re.escape(f"{setting}: {expected}")):
        read_settings({setting: wrong})


@pytest.mark.parametrize(
    ("value", "word"), [(True, "true"), ("true", "true"), (False, "false"), ("false", "false"), ("unknown", "unknown")]
)
def test_a_fact_about_s3_is_set_in_either_spelling(value: object, word: str) -> None:
    """As JSON's true and false, and as the text that `batchgate doctor --canary` prints for cdk.json."""
    settings = read_settings({"suspended_date_survives": value, "untagged_answer_lacks_tags": value})
    assert (settings.suspended_date_survives_word, settings.untagged_answer_lacks_tags_word) == (word, word)


@pytest.mark.parametrize("answer", [True, False])
def test_what_the_canary_prints_for_cdk_json_is_accepted(answer: bool) -> None:
    """Copied as it stands."""
    printed = settings_of([Finding(name, answer=answer) for name in SETTINGS])
    assert printed.keys() == set(SETTINGS)
    assert read_settings(printed).suspended_date_survives_word == str(answer).lower()


def test_all_wrong_settings_are_told_at_once() -> None:
    """Each with what was expected and what was said; a misspelt name with the one that was meant."""
    with pytest.raises(SettingsError) as raised:
        read_settings({"held_alarm_hour": 24, "circuit_breaker_minutes": 0, "notify_email": "lake"})
    said = str(raised.value)
    assert "held_alarm_hour: unknown setting; did you mean held_alarm_hours?" in said
    assert "circuit_breaker_minutes: expected `int` >= 1, got 0" in said
    assert "notify_email: " in said
    assert 'got "lake"' in said


def test_the_command_lines_settings_add_to_cdk_jsons() -> None:
    """CDK has its text in the place of the file's object: nobody who sets one thing there means to lose the others."""
    own = {"customer_key": True, "memory_mb": 1024}
    settings = read_settings('{"memory_mb": 256, "trail": true}', own)
    assert (settings.customer_key, settings.memory_mb, settings.trail) == (True, 256, True)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:4566",
        "http://localhost:4566",
        "http://LOCALHOST.:4566",
        "http://[::1]:4566",
        "http://127.8.0.2:4566",
    ],
)
def test_for_a_local_aws_functions_are_built_for_this_machines_processor(url: str) -> None:
    """It runs them as processes; built for another, they could not start, and nothing would say so."""
    other = Architecture.X86_64 if PROCESSOR is Architecture.ARM64 else Architecture.ARM64
    local = local_endpoint({"AWS_ENDPOINT_URL": url})
    assert read_settings({}, local=local).architecture is PROCESSOR
    assert read_settings({"architecture": PROCESSOR}, local=local).architecture is PROCESSOR
    with pytest.raises(SettingsError, match=r"architecture: the local AWS at .* they could not start"):
        read_settings({"architecture": other}, local=local)


def test_an_endpoint_that_is_no_url_is_an_error() -> None:
    """With what it should be."""
    with pytest.raises(SettingsError, match=r"AWS_ENDPOINT_URL: Invalid IPv6 URL: expected a URL such as"):
        local_endpoint({"AWS_ENDPOINT_URL": "http://[::1:4566"})


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"AWS_ENDPOINT_URL": ""},
        {"AWS_ENDPOINT_URL": "https://cloudformation.eu-central-1.amazonaws.com"},
        {"AWS_ENDPOINT_URL": "https://vpce.example"},
        {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "True"},
    ],
)
def test_for_aws_the_architecture_is_the_settings(environment: dict[str, str]) -> None:
    """Whatever this machine is."""
    assert read_settings({}, local=local_endpoint(environment)).architecture is Architecture.ARM64
