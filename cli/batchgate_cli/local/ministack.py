"""Start and end ministack, the local AWS: real S3, SQS, EventBridge, Lambda calls against one loopback port."""

import http.client
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from batchgate.errors import GateError
from s3batch_emulator import guard

CHECKOUT = Path(__file__).resolve().parents[3]
SERVER = Path(__file__).with_name("ministack_server.py")
PYTHON_VARIABLE = "BATCHGATE_MINISTACK_PYTHON"
START_SECONDS = 60
STOP_SECONDS = 10


class MinistackError(GateError):
    """The local AWS isn't installed, or didn't start."""


@contextmanager
def running_ministack(port: int = 0, *, environment: dict[str, str] | None = None) -> Iterator[str]:
    """Serve a fresh local AWS on 127.0.0.1 for as long as the context lasts, and yield its endpoint URL.

    It can't outlive this process, not even when this one is killed; its state goes with it.

    Args:
        port: The port to listen on; 0 takes a free one.
        environment: Environment variables for ministack's process, over the ones of this process.

    Raises:
        MinistackError: Not installed, or not answering in time; the message ends with what it printed.
    """
    python = ministack_python()
    with (
        tempfile.TemporaryDirectory(prefix="batchgate-ministack-", ignore_cleanup_errors=True) as state,
        Path(state, "log").open("wb") as log,
        subprocess.Popen(
            [str(python), "-I", str(SERVER), str(port), str(guard.__file__)],
            stdin=subprocess.PIPE,  # ends with us, and ministack with it
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            cwd=state,
            env=_environment(Path(state)) | (environment or {}),
            start_new_session=True,  # Ctrl-C is for us; we end ministack in our turn
        ) as process,
    ):
        try:
            yield _endpoint(process, Path(state, "log"))
        finally:
            _stop(process)


def ministack_python() -> Path:
    """The interpreter that ministack is installed for.

    Raises:
        MinistackError: There is none.
    """
    named = os.environ.get(PYTHON_VARIABLE)
    python = Path(named) if named else CHECKOUT / ".venv-ministack" / "bin" / "python"
    if not python.exists():
        raise MinistackError(_not_installed(python, is_named=named is not None))
    return python


def _not_installed(python: Path, *, is_named: bool) -> str:
    if is_named:
        return f"{PYTHON_VARIABLE}: expected a Python that has ministack, got {python}, which does not exist"
    if (CHECKOUT / "Makefile").exists():
        return f"{python}: the local AWS isn't installed; `make setup` in {CHECKOUT} installs it"
    return (
        "this batchgate was installed by pip, without the local AWS, which only a checkout has; run `make setup` and "
        f"`make local` in a checkout, or name a Python that has ministack in {PYTHON_VARIABLE}"
    )


def _environment(state: Path) -> dict[str, str]:
    """No listener but ours, nothing outside of `state`, and no containers: ministack would reap those that run here."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHON"))}
    return kept | {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "BIND_HOST": "127.0.0.1",
        "DOCKER_HOST": f"unix://{state}/no-docker",
        "IOT_MTLS_ENABLED": "0",
        "LOG_LEVEL": "WARNING",
        "S3_DATA_DIR": str(state / "s3"),
        "SFTP_ENABLED": "0",
        "STATE_DIR": str(state / "state"),
        "TMPDIR": str(state),
    }


def _endpoint(process: subprocess.Popen[str], log: Path) -> str:
    """Where ministack listens, once it answers there."""
    assert process.stdout is not None  # noqa: S101 - it was asked for with PIPE
    printed = process.stdout.readline().strip()
    if not printed:
        raise _failure("did not start", log)
    connection = http.client.HTTPConnection("127.0.0.1", int(printed), timeout=START_SECONDS)
    try:
        # The port listens before ministack serves it: this request waits until it does.
        connection.request("GET", "/_ministack/health")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        raise _failure("does not answer", log) from error
    finally:
        connection.close()
    if status != http.client.OK:
        raise _failure(f"is not well: its health check answers {status}", log)
    return f"http://127.0.0.1:{printed}"


def _failure(what: str, log: Path) -> MinistackError:
    printed = log.read_text(errors="replace").strip()[-2000:]
    return MinistackError(f"ministack {what}. Its output ends:\n{printed or '(nothing)'}")


def _stop(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None  # noqa: S101 - it was asked for with PIPE
    process.stdin.close()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()


if __name__ == "__main__":
    with running_ministack(int(sys.argv[1]) if len(sys.argv) > 1 else 0) as endpoint_url:
        print(endpoint_url, flush=True)
        sys.stdin.read()
