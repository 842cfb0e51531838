"""`s3batch-emulator serve` as a process of its own, for tests that talk to it over HTTP."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from .aws_commands import without_settings
from .job_requests import CONTROL_TOKEN

COMMAND = [sys.executable, "-u", "-c", "from s3batch_emulator.cli import main; raise SystemExit(main())", "serve"]


@contextmanager
def serving(*options: str, environment: dict[str, str] | None = None) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The command, once it has said where it listens and how to get there; its control API takes `CONTROL_TOKEN`.

    It knows no credentials but those of `environment`.
    """
    with subprocess.Popen(
        [*COMMAND, *options],
        env=without_settings() | {"S3BATCH_CONTROL_TOKEN": CONTROL_TOKEN} | (environment or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            said = ""
            for line in process.stdout:
                said += line
                if line.startswith("Ctrl-C"):
                    break
            found = re.search(r"http://127\.0\.0\.1:\d+", said)
            assert found, said + (process.stderr.read() if process.stderr else "")
            assert f"export HTTP_PROXY={found[0]}" in said
            yield found[0], process
        finally:
            process.kill()


def end(process: subprocess.Popen[str], by: signal.Signals) -> tuple[int, str, str]:
    """Ask the process to end; its exit code and the rest of what it said."""
    process.send_signal(by)
    out, err = process.communicate(timeout=20)
    return process.returncode, out, err
