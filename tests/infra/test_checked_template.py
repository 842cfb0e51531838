"""What others' rules say of the template, by default and with every optional part."""

import subprocess
import sys
from pathlib import Path

import pytest
from aws_cdk import Stack, Validations
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from cdk_nag import AwsSolutionsChecks

from infra.gate_stack import GateStack
from infra.settings import Settings
from tests.infra.conftest import EVERYTHING, an_app


def synthesized(settings: Settings, directory: Path, *, naked: bool = False) -> Path:
    """The template, checked by cdk-nag's AwsSolutions as `make synth` checks it."""
    app = an_app(outdir=str(directory))
    code = lambda_.Code.from_inline("stands in for the asset")
    stack: Stack = GateStack(app, settings.stack_name, settings=settings, code=code)
    if naked:
        sqs.Queue(stack, "Naked")
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    app.synth()
    return directory / f"{settings.stack_name}.template.json"


@pytest.mark.parametrize("settings", [Settings(), EVERYTHING], ids=["default", "everything"])
def test_nothing_is_found(settings: Settings, tmp_path: Path) -> None:
    """By cdk-nag, each of whose rules holds or is acknowledged with a reason, and by cfn-lint, in any Region."""
    template = synthesized(settings, tmp_path)
    lint = [str(Path(sys.executable).with_name("cfn-lint")), "--ignore-checks", "W3005"]
    lint += ["--regions", "ALL_REGIONS", "--", str(template)]
    found = subprocess.run(lint, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout) == (0, "")


def test_what_is_wrong_would_be_found(tmp_path: Path) -> None:
    """A queue without dead letters ends the synthesis."""
    with pytest.raises(RuntimeError, match="ValidationFailed"):
        synthesized(Settings(), tmp_path, naked=True)
    assert "AwsSolutions-SQS3" in (tmp_path / "validation-report.json").read_text()
