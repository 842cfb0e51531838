"""Completion of the command in shells: the script, its installation, and what it completes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

BATCHGATE = str(Path(sys.executable).with_name("batchgate"))


def run(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """The installed command with some variables set."""
    return subprocess.run(
        [BATCHGATE, *arguments], env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("words", "completed"),
    [("batchgate po", ["policy"]), ("batchgate policy ex", ["explain"]), ("batchgate pause --st", ["--status"])],
)
def test_commands_and_options_are_completed(words: str, completed: list[str]) -> None:
    """As the script asks for it."""
    count = str(len(words.split()) - 1)
    done = run(_BATCHGATE_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=count)
    assert [line.partition(",")[2] for line in done.stdout.splitlines()] == completed


@pytest.mark.parametrize(
    ("shell", "written", "rc"),
    [
        ("zsh", ".config/batchgate/completion.zsh", ".zshrc"),
        ("fish", ".config/fish/completions/batchgate.fish", None),
    ],
)
def test_the_script_is_shown_and_installed(tmp_path: Path, shell: str, written: str, rc: str | None) -> None:
    """Where the shell finds it; a second time changes nothing."""
    environment = {"SHELL": f"/bin/{shell}", "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / ".config")}
    script = run("--show-completion", **environment).stdout.rstrip("\n")
    assert "_BATCHGATE_COMPLETE" in script
    for _ in range(2):
        assert run("--install-completion", **environment).returncode == 0
    assert (tmp_path / written).read_text().rstrip("\n") == script
    if rc is not None:
        assert (tmp_path / rc).read_text() == f'\n. "{tmp_path / written}"\n'


def test_an_unknown_shell_is_named() -> None:
    """Nothing is written."""
    done = run("--install-completion", SHELL="/bin/tcsh")
    assert done.returncode == 2
    assert "expected bash, zsh or fish in SHELL, got '/bin/tcsh'" in done.stderr
