"""The demo, whole: real SDK, real CLI, real handler."""

import os
import re
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
BATCHGATE = Path(sys.executable).with_name("batchgate")

WITHOUT_TIME = """
import sys, threading
from batchgate_cli.commands import demo
from batchgate_cli.main import main

demo.EVALUATED_WITHIN_SECONDS = 0
sys.argv[1:] = ["demo", "--policy", "policies/demo.yaml"]
try:
    main()
finally:
    print([thread.name for thread in threading.enumerate() if thread is not threading.main_thread()])
"""


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """The installed command, as `make demo` calls it."""
    return subprocess.run(
        [str(BATCHGATE), *arguments],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
        env={**os.environ, "COLUMNS": "200"},
    )


def test_the_demo_shows_each_job_with_its_verdict_and_what_the_aws_cli_says(aws_cli: str) -> None:
    """Approved, cancelled and held jobs, by SDK and CLI; then describe-job of one, and what to try next."""
    done = run("demo", "--policy", "policies/demo.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = {line.split("  ")[0].strip(): line for line in done.stdout.splitlines() if "boto3" in line or "CLI" in line}
    assert re.search(r"aws CLI +approved", rows["tag 40 objects"])
    assert re.search(r"boto3 +held +Suspended", rows["untag 2,500 objects"])
    assert re.search(r"boto3 +cancelled +Cancelled", rows["restore, standard tier"])
    assert '"StatusUpdateReason": "batchgate: cancelled by small-jobs: tag team is absent' in done.stdout
    assert "make demo POLICY=demo-copy.yaml" in done.stdout


def test_the_demo_evaluates_by_the_file_it_is_given(aws_cli: str, tmp_path: Path) -> None:
    """Everything held by a policy set without policies."""
    policy = tmp_path / "mine.yaml"
    policy.write_text("version: 1\nunmatched: cancel\n")
    done = run("demo", "--policy", str(policy))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("cancelled ") >= 9
    assert "approved" not in done.stdout


def test_a_policy_that_is_wrong_is_refused_before_anything_starts(tmp_path: Path) -> None:
    """With line and exit status 3."""
    policy = tmp_path / "mine.yaml"
    policy.write_text("version: 1\nunmatchd: cancel\n")
    done = run("demo", "--policy", str(policy))
    assert done.returncode == 3
    assert "mine.yaml:2:1: unmatchd: unknown key; did you mean unmatched?" in done.stderr


def test_a_demo_that_fails_leaves_no_thread_behind() -> None:
    """It fails while jobs are created: a thread that runs on while the interpreter ends can crash the process."""
    command = [sys.executable, "-c", WITHOUT_TIME]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False, timeout=180)
    assert (done.returncode, done.stderr) == (1, "batchgate: not all jobs were evaluated within 0 s\n")
    assert done.stdout.split()[-1] == "[]"
