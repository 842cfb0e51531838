"""What others' rules say of the template, by default and with every optional part."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from aws_cdk import CfnResource, Stack, Validations
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from cdk_nag import AwsSolutionsChecks

from infra.gate_stack import GateStack
from infra.settings import Settings
from tests.infra.conftest import EVERYTHING, an_app


def synthesized(settings: Settings, directory: Path, add: Callable[[Stack], object] = lambda _stack: None) -> Path:
    """The template, checked by CDK's own rules and cdk-nag's AwsSolutions as `make synth` checks it."""
    app = an_app(outdir=str(directory), validated=True)
    code = lambda_.Code.from_inline("stands in for the asset")
    stack: Stack = GateStack(app, settings.stack_name, settings=settings, code=code)
    add(stack)
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


def without_dead_letters(stack: Stack) -> None:
    """What cdk-nag objects to."""
    sqs.Queue(stack, "Wrong")


def with_a_word_for_a_number(stack: Stack) -> None:
    """What CloudFormation would refuse."""
    CfnResource(stack, "Wrong", type="AWS::SQS::Queue", properties={"VisibilityTimeout": "soon"})


@pytest.mark.parametrize(
    ("add", "rule"), [(without_dead_letters, "AwsSolutions-SQS3"), (with_a_word_for_a_number, "F3012")]
)
def test_what_is_wrong_would_be_found(add: Callable[[Stack], None], rule: str, tmp_path: Path) -> None:
    """And ends the synthesis."""
    with pytest.raises(RuntimeError, match="ValidationFailed"):
        synthesized(Settings(), tmp_path, add)
    assert rule in (tmp_path / "validation-report.json").read_text()
