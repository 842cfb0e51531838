"""The template of the default settings as reviewed: `make reference` writes it, a test compares it."""

import json
from functools import cache
from pathlib import Path

from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Template

from infra.gate_stack import GateStack
from infra.settings import Settings
from tests.infra.conftest import an_app

SNAPSHOT = Path(__file__).with_name("template.json")


@cache
def synthesize(settings: Settings) -> Template:
    """The template of these settings; the asset has tests of its own, so something stands in for it."""
    code = lambda_.Code.from_inline("stands in for the asset")
    return Template.from_stack(GateStack(an_app(), settings.stack_name, settings=settings, code=code))


def text() -> str:
    """The snapshot as it should be."""
    return json.dumps(synthesize(Settings()).to_json(), indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    SNAPSHOT.write_text(text())
