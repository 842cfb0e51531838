"""When the garbage collector runs in Lambda."""

import gc
import os
import subprocess
import sys

import pytest

from batchgate.handlers import collecting_after_first_response

LOADED = "import gc; before = gc.isenabled(); import batchgate.handlers.{name}; print(before, gc.isenabled())"


def loaded(name: str, environment: dict[str, str]) -> str:
    """Whether the collector was on before and after a fresh process loaded a handler."""
    command = [sys.executable, "-c", LOADED.format(name=name)]
    path = os.pathsep.join(sys.path)
    done = subprocess.run(
        command, env={"PYTHONPATH": path, **environment}, capture_output=True, text=True, check=True, cwd=os.curdir
    )
    return done.stdout.strip()


@pytest.mark.parametrize("name", ["job_event", "sweep", "validate_policy", "held_jobs_widget"])
def test_in_lambda_it_waits_for_the_first_answer(name: str) -> None:
    """Of every function; elsewhere importing one changes nothing."""
    assert loaded(name, {"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001"}) == "True False"
    assert loaded(name, {}) == "True True"


@pytest.mark.parametrize("fails", [False, True])
def test_it_runs_from_the_first_answer_on(fails: bool) -> None:
    """An error is an answer too; a function that only ever failed would grow for ever."""

    @collecting_after_first_response
    def handler(number: int) -> int:
        seen.append(gc.isenabled())
        if fails:
            raise ValueError("no")
        return number

    seen: list[bool] = []
    gc.disable()
    try:
        for number in range(2):
            if fails:
                with pytest.raises(ValueError, match="no"):
                    handler(number)
            else:
                assert handler(number) == number
            assert gc.isenabled()
    finally:
        gc.unfreeze()
        gc.enable()
    assert seen == [False, True]
