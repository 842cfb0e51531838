"""How commands reach the gate's API: found, signed, sent, tried again; and what they say where that fails."""

import json
import ssl
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from batchgate.contract import GATE_PARAMETER
from batchgate_cli.exits import Exit
from tests.cli.api_double import ANA, BEN, GateDouble, batchgate, front, gate, job_id, problem
from tests.cli.api_front import Answer, Front, Lost, Request, serving
from tests.cli.live import LiveStage, on_a_terminal
from tests.cli.live import batchgate as run
from tests.flow.stage import ACCOUNT
from tests.flow.stage import REGION as OF_LIVE

__all__ = ["front", "gate"]

URL = "http://a1b2c3.execute-api.eu-central-1.amazonaws.com"
CANCEL = ("jobs", "cancel", "015d2f34", "--reason", "no", "--yes")


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Waits before another attempt pass at once; how long they would have been."""
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    return waited


# --- Who asks, and where ------------------------------------------------------------------------------


def test_the_caller_is_who_signs(gate: GateDouble, front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each request is signed anew, by the environment's credentials."""
    gate.needed = 2
    gate.add(1)
    batchgate(front, "jobs", "approve", "015d2f34", "--reason", "agreed", "--yes")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "BEN")
    batchgate(front, "jobs", "approve", "015d2f34", "--reason", "agreed", "--yes")
    assert [each.caller for each in front.sent("POST")] == [ANA, BEN]
    assert gate.status(job_id(1)) == "Ready"
    assert len({each.headers["authorization"] for each in front.requests}) == len(front.requests)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "another"}, "does not match the signature you provided"),
        ({"AWS_ACCESS_KEY_ID": "UNKNOWN"}, "security token included in the request is invalid"),
        ({"AWS_DEFAULT_REGION": "us-east-1"}, "security token included in the request is invalid"),
    ],
)
def test_a_signature_that_is_refused_is_told(
    front: Front, monkeypatch: pytest.MonkeyPatch, changes: dict[str, str], said: str
) -> None:
    """With what to do."""
    for name, value in changes.items():
        monkeypatch.setenv(name, value)
    result = batchgate(front, "jobs", "held")
    assert result.exit_code == 1
    assert said in result.stderr
    assert "get new credentials, and check --profile and --region" in result.stderr


def test_temporary_credentials_and_profiles_sign_too(
    gate: GateDouble, front: Front, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As the AWS CLI reads them; the session's token goes with the request and is signed."""
    file = tmp_path / "credentials"
    file.write_text("[ben]\naws_access_key_id = BEN\naws_secret_access_key = test\naws_session_token = a-token\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    assert batchgate(front, "jobs", "held", "--profile", "ben").exit_code == 0
    [asked] = front.requests
    assert (asked.caller, asked.headers["x-amz-security-token"]) == (BEN, "a-token")
    assert "x-amz-security-token" in asked.headers["authorization"]
    nobody = batchgate(front, "jobs", "held", "--profile", "nobody")
    assert (nobody.exit_code, "nobody" in nobody.stderr) == (1, True)


def test_the_region_of_every_aws_sdk_is_read(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the order of the AWS CLI: the option, AWS_REGION, AWS_DEFAULT_REGION."""
    monkeypatch.setenv("AWS_REGION", "ap-south-1")
    assert "/ap-south-1/execute-api/" in (
        batchgate(front, "jobs", "held").exit_code * " " + front.requests[-1].headers["authorization"]
    )
    batchgate(front, "jobs", "held", "--region", "eu-west-3")
    assert "/eu-west-3/execute-api/" in front.requests[-1].headers["authorization"]


def test_without_credentials_or_region_that_is_said(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    """And how to give them."""
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert "no Region; pass --region" in batchgate(front, "jobs", "held").stderr
    assert batchgate(front, "jobs", "held", "--region", "eu-central-1").exit_code == 0
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    result = batchgate(front, "jobs", "held", "--region", "eu-central-1")
    assert "no AWS credentials; pass --profile" in result.stderr
    unsigned = batchgate(front, "jobs", "held", "--region", "eu-central-1", "--no-sign-request")
    assert "Missing Authentication Token" in unsigned.stderr
    assert "authorization" not in front.requests[-1].headers


def test_the_api_is_found_by_the_parameter(live: LiveStage, gate: GateDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the caller's account and Region, by SSM alone."""
    gate.add(1)
    with serving(Front(gate, OF_LIVE, {ACCOUNT: ANA})) as served:
        live.deploy(api_url=f"{served.url}/")
        result = run("jobs", "held")
        assert (result.exit_code, job_id(1) in result.stdout) == (0, True), result.output
    live.deploy()
    assert "names no API; deploy the stack again" in run("jobs", "held").stderr
    live.client("ssm").put_parameter(Name=GATE_PARAMETER, Value="{", Type="String", Overwrite=True)
    assert "not what a stack writes" in run("jobs", "held").stderr
    live.client("ssm").delete_parameter(Name=GATE_PARAMETER)
    missing = run("jobs", "held")
    assert missing.exit_code == 1
    assert f"no gate is deployed for the account of these credentials in {OF_LIVE}" in missing.stderr


@pytest.mark.parametrize("url", ["api.example", "ftp://api.example", "http://", ""])
def test_what_is_no_url_is_refused(front: Front, url: str) -> None:
    """By name of the option; an empty one is not looked up as if it were not given."""
    result = run("jobs", "held", "--endpoint-url", url)
    assert (result.exit_code, "'--endpoint-url': expected http" in result.stderr) == (2, True)


# --- The way there ------------------------------------------------------------------------------------


def test_a_proxy_is_used(gate: GateDouble, front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    """That of the environment; the signature is for the API's own host."""
    gate.add(1)
    monkeypatch.setenv("HTTP_PROXY", front.url)
    result = run("jobs", "held", "--endpoint-url", URL)
    assert (result.exit_code, job_id(1) in result.stdout) == (0, True), result.output
    assert front.requests[-1].headers["host"] == "a1b2c3.execute-api.eu-central-1.amazonaws.com"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate of this machine's, signed by itself, and its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    made = builder.add_extension(names, critical=False).sign(key, hashes.SHA256())
    folder = tmp_path_factory.mktemp("tls")
    pem = serialization.Encoding.PEM
    (folder / "cert.pem").write_bytes(made.public_bytes(pem))
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(private)
    return folder / "cert.pem", folder / "key.pem"


@pytest.fixture
def over_tls(gate: GateDouble, front: Front, certificate: tuple[Path, Path]) -> Iterator[str]:
    """The URL of the API behind TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with serving(Front(gate, front.region, front.callers), context) as served:
        yield served.url.replace("http://127.0.0.1", "https://localhost")


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_certificates_are_verified_unless_that_is_turned_off(
    over_tls: str, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a bundle of the command line, of the environment, or not at all: as with the AWS CLI."""
    refused = run("jobs", "held", "--endpoint-url", over_tls)
    assert refused.exit_code == 1
    assert "SSL validation failed" in refused.stderr
    assert run("jobs", "held", "--endpoint-url", over_tls, "--ca-bundle", str(certificate[0])).exit_code == 0
    assert run("jobs", "held", "--endpoint-url", over_tls, "--no-verify-ssl").exit_code == 0
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate[0]))
    assert run("jobs", "held", "--endpoint-url", over_tls).exit_code == 0
    missing = run("jobs", "held", "--endpoint-url", over_tls, "--ca-bundle", "/nowhere")
    assert missing.exit_code == 1
    assert "Traceback" not in missing.output


def test_an_api_that_can_not_be_reached_is_told(front: Front) -> None:
    """With what to check; where something was to be done, that nothing was sent."""
    for arguments, told in ((("jobs", "held"), False), (("pause", "--reason", "x"), True)):
        result = run(*arguments, "--endpoint-url", "http://127.0.0.1:9")
        assert result.exit_code == 1
        assert "check the network, --region and --endpoint-url" in result.stderr
        assert ("nothing was sent" in result.stderr) is told


def test_time_limits_are_those_that_were_asked_for(front: Front) -> None:
    """Of an answer that does not come."""

    def hang(request: Request) -> None:
        if request.method == "PUT":
            front_sleep(3)

    front.spoil = hang
    result = batchgate(front, "pause", "--reason", "x", "--cli-read-timeout", "1")
    assert result.exit_code == Exit.NOT_KNOWN_YET
    assert "Read timeout" in result.stderr
    assert batchgate(front, "jobs", "held", "--cli-read-timeout", "0", "--cli-connect-timeout", "0").exit_code == 0
    assert batchgate(front, "jobs", "held", "--cli-connect-timeout", "-1").exit_code == Exit.USAGE


front_sleep: Callable[[float], None] = time.sleep


def test_what_is_sent_is_logged_on_demand(gate: GateDouble, front: Front) -> None:
    """To standard error; the secret is not part of it."""
    arguments = ("jobs", "held", "--debug", "--endpoint-url", front.url)
    with on_a_terminal(*arguments, columns=400, AWS_SECRET_ACCESS_KEY="a-secret-key-of-somebody") as terminal:
        assert terminal.end() == 1  # for its signature is another one
    assert "CanonicalRequest" in terminal.said
    assert "GET" in terminal.said
    assert "a-secret-key-of-somebody" not in terminal.said


# --- Tried again --------------------------------------------------------------------------------------


def first(count: int, spoil: Callable[[Request], Answer | None], method: str) -> Callable[[Request], Answer | None]:
    """Spoil the first requests of a method."""
    seen: list[Request] = []

    def act(request: Request) -> Answer | None:
        if request.method != method:
            return None
        seen.append(request)
        return spoil(request) if len(seen) <= count else None

    return act


def lost(_request: Request) -> Answer | None:
    """No answer."""
    raise Lost


def answering(status: int, **headers: str) -> Callable[[Request], Answer | None]:
    """An answer of the gateway's."""
    return lambda _: Answer(status, {"message": "Service Unavailable"}, headers)


@pytest.mark.parametrize(
    "spoil", [lost, *map(answering, (429, 500, 502, 503, 504))], ids=["lost", "429", "500", "502", "503", "504"]
)
def test_a_question_is_asked_again(
    gate: GateDouble, front: Front, spoil: Callable[[Request], Answer | None], at_once: list[float]
) -> None:
    """Three times more, after waits that grow."""
    gate.add(1)
    front.spoil = first(3, spoil, "GET")
    assert job_id(1) in batchgate(front, "jobs", "held").stdout
    assert len(at_once) == 3
    front.spoil = first(4, spoil, "GET")
    assert batchgate(front, "jobs", "held").exit_code == 1


def test_the_api_says_how_long_to_wait(gate: GateDouble, front: Front, at_once: list[float]) -> None:
    """Within reason."""
    front.spoil = first(2, lambda _: Answer(503, {"message": "x"}, {"Retry-After": "3"}), "GET")
    batchgate(front, "jobs", "held")
    front.spoil = first(1, lambda _: Answer(503, {"message": "x"}, {"Retry-After": "3600"}), "GET")
    batchgate(front, "jobs", "held")
    assert at_once == [3.0, 3.0, 8.0]


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Answer(500, {"message": "Internal Server Error"}), Exit.NOT_KNOWN_YET),
        (Answer(502, b"<html>"), Exit.NOT_KNOWN_YET),
        (Answer(503, {"message": "Service Unavailable"}), Exit.NOT_KNOWN_YET),
        (Answer(504, {"message": "Endpoint request timed out"}), Exit.NOT_KNOWN_YET),
        (Answer(200, b'{"job_id": "'), Exit.NOT_KNOWN_YET),
        (Answer(200, b"<html>sign in</html>"), Exit.NOT_KNOWN_YET),
        (problem(500, "error", "an error of the gate"), Exit.NOT_KNOWN_YET),
        (problem(503, "unavailable", "DynamoDB did not answer"), Exit.FAILED),
        (problem(403, "may-not-approve", "the requester may not"), Exit.REFUSED),
        (problem(409, "not-decidable", "it was approved already"), Exit.REFUSED),
        (problem(403, "another-account", "of another account"), Exit.FAILED),
        (problem(422, "invalid", "reason: expected text"), Exit.FAILED),
        (Answer(403, {"Message": "User: ana is not authorized"}), Exit.FAILED),
        (Answer(404, {"message": "Not Found"}), Exit.FAILED),
    ],
    ids=str,
)
def test_what_was_to_be_done_is_sent_once_and_its_end_told_as_it_is_known(
    gate: GateDouble, front: Front, answer: Answer, code: Exit
) -> None:
    """A decision is never sent again by itself; an error that leaves open whether it was made says so."""
    gate.add(1)
    front.spoil = first(9, lambda _: answer, "POST")
    result = batchgate(front, *CANCEL)
    assert result.exit_code == code, result.output
    assert len(front.sent("POST")) == 1
    assert ("may have been recorded" in result.stderr) is (code is Exit.NOT_KNOWN_YET)
    reported = batchgate(front, *CANCEL, "-o", "json")
    [row] = json.loads(reported.stdout)["jobs"]
    assert (reported.exit_code, row["exit_code"], bool(row["error"])) == (code, code, True)


def test_what_was_throttled_had_no_effect_and_is_sent_again(gate: GateDouble, front: Front) -> None:
    """200 cancellations are more than an API takes at once."""
    gate.add(1)
    front.spoil = first(3, answering(429), "POST")
    assert batchgate(front, *CANCEL).exit_code == 0
    assert len(front.sent("POST")) == 4
    gate.add(1)
    front.spoil = first(9, answering(429), "POST")
    result = batchgate(front, *CANCEL)
    assert (result.exit_code, "the API is throttled; try again later" in result.stderr) == (1, True)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            Answer(403, {"Message": "User: ana is not authorized to perform: execute-api:Invoke"}),
            "these credentials need execute-api:Invoke on POST /jobs/*/cancellation, which `batchgate iam",
        ),
        (Answer(403, {"message": "Signature expired: 2026"}), "synchronize the clock of this machine"),
        (Answer(403, {"message": "The security token included in the request is expired"}), "get new credentials"),
        (Answer(404, {"message": "Not Found"}), "the API has no such route: its version is another one"),
        (problem(503, "unavailable", "no answer")._replace(headers={"Retry-After": "5"}), "run the command again in 5"),
    ],
)
def test_what_refuses_is_told_with_what_to_do(gate: GateDouble, front: Front, answer: Answer, said: str) -> None:
    """Which permission, which clock, which version."""
    gate.add(1)
    front.spoil = first(1, lambda _: answer, "POST")
    result = batchgate(front, *CANCEL)
    assert said in result.stderr


# --- Errors for programs ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "code", "members"),
    [
        (("jobs", "show", "ff"), 1, {"type": "/problems/not-found", "status": 404}),
        (("jobs", "show"), 2, {}),
        (("jobs", "held", "--nonsense"), 2, {}),
        (("jobs", "held", "--sort", "nonsense"), 2, {}),
        (("jobs", "cancel", "01", "--reason", "no"), 2, {}),
        (("jobs", "nonsense"), 2, {}),
        (("nonsense",), 2, {}),
        (("policy", "explain", "nope.yaml", "--job", "nope.json"), 1, {}),
    ],
)
@pytest.mark.parametrize("how", [("--output", "json"), ("-o", "json"), ("--output=json",), ("-ojson",)])
def test_an_error_of_json_output_is_json(
    gate: GateDouble, front: Front, arguments: tuple[str, ...], code: int, members: dict[str, Any], how: tuple[str, ...]
) -> None:
    """Whatever reports it, of every command: one object on standard error, with the exit code."""
    gate.add(1)
    has_url = arguments[0] == "jobs" and arguments[1] != "nonsense"
    result = (batchgate if has_url else lambda _, *words: run(*words))(front, *arguments, *how)
    assert result.exit_code == code
    error = json.loads(result.stderr[result.stderr.index("{") :])["error"]
    assert (error["exit_code"], bool(error["message"])) == (code, True)
    assert members.items() <= error.items()


def test_an_error_of_other_output_is_text(front: Front) -> None:
    """So is the help where there are no arguments at all."""
    assert batchgate(front, "jobs", "show", "ff").stderr == "batchgate: S3 and the gate know no job ff\n"
    assert run().stdout.startswith("Usage: ") or run().stderr.startswith("Usage: ")


def test_an_invalid_policy_is_an_error_with_its_problems(tmp_path: Path) -> None:
    """With file, line and column, where the command has no place of its own for them."""
    policy = tmp_path / "policy.yaml"
    policy.write_text("version: 7\n")
    result = run("policy", "explain", str(policy), "--job", "docs/examples/job.json", "-o", "json")
    assert result.exit_code == Exit.INVALID_POLICY
    [found] = json.loads(result.stderr)["error"]["problems"]
    assert (found["line"], found["path"]) == (1, "version")
