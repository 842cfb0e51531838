"""What the tests of the stack share."""

import json
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App

from infra.gate_asset import CHECKOUT, built_asset
from infra.settings import CONTEXT_KEY, PROCESSOR, Settings

EVERYTHING = Settings(
    customer_key=True,
    trail=True,
    notify_email="lake@example.com",
    manifest_buckets=("audit-manifests",),
    keep_ledger=False,
)
"""With every optional part."""


def an_app(*, validated: bool = False, **options: Any) -> App:
    """A CDK app with the feature flags that the deployed one has; its template is not validated unless a test wants it.

    Validating takes longer than making one. tests/infra/test_checked_template.py does it.
    """
    context = json.loads((CHECKOUT / "cdk.json").read_bytes())["context"]
    flags = {key: each for key, each in context.items() if key != CONTEXT_KEY}
    return App(context=flags, builtin_cloud_formation_validation=validated, **options)


@pytest.fixture(scope="session")
def asset() -> Path:
    """The asset, built for the processor of this machine."""
    return built_asset(architecture=PROCESSOR)
