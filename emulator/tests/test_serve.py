"""`s3batch-emulator serve` as a process: port, output, Ctrl-C."""

import re
import signal
import subprocess

import pytest
import urllib3

from s3batch_emulator import MemoryObjects
from s3batch_emulator.server import bound_socket

from .job_requests import ACCOUNT, CONTROL_TOKEN, client, job_request
from .served import COMMAND, end, serving

pytestmark = pytest.mark.slow


def test_a_served_emulator_prints_how_to_reach_it_and_ends_on_ctrl_c() -> None:
    """A free port, a hint that works, a line for each event, exit code 0 and no traceback."""
    with serving("--delay-ms", "0") as (url, process):
        s3control = client(base_url=url)
        job_id = s3control.create_job(**job_request(MemoryObjects()))["JobId"]
        status = "New"
        for _ in range(1000):
            status = s3control.describe_job(AccountId=ACCOUNT, JobId=job_id)["Job"]["Status"]
            if status == "Failed":
                break
        code, out, err = end(process, signal.SIGINT)
    assert (status, code, err) == ("Failed", 0, "")
    assert re.search(rf"JobCreated {job_id} New\n", out)
    assert out.endswith("ended\n")


def test_a_stepped_server_stands_still_until_its_clock_is_advanced() -> None:
    """Another process advances its clock."""
    with serving("--stepped", "--no-events", "--region", "eu-west-1") as (url, process):
        s3control = client("eu-west-1", base_url=url)
        job_id = s3control.create_job(**job_request(MemoryObjects()))["JobId"]
        assert s3control.describe_job(AccountId=ACCOUNT, JobId=job_id)["Job"]["Status"] == "New"
        headers = {"Authorization": f"Bearer {CONTROL_TOKEN}"}
        urllib3.request("POST", f"{url}/_emulator/clock", json={"advance_seconds": 60}, headers=headers)
        assert s3control.describe_job(AccountId=ACCOUNT, JobId=job_id)["Job"]["Status"] == "Failed"
        code, out, err = end(process, signal.SIGTERM)
    assert "JobCreated" not in out
    assert "Traceback" not in err
    assert code in {0, -signal.SIGTERM}


@pytest.mark.parametrize("option", ["--port=70000", "--delay-ms=-1"])
def test_a_wrong_option_is_refused(option: str) -> None:
    """By argparse, with exit code 2."""
    done = subprocess.run([*COMMAND, option], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert f"argument {option.partition('=')[0]}: expected a whole number" in done.stderr


def test_a_port_that_is_taken_is_an_error_of_one_line() -> None:
    """One line, exit code 1, no traceback."""
    with bound_socket() as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run([*COMMAND, "--port", port], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (1, f"can't listen on 127.0.0.1:{port}: Address already in use\n")
