"""The CDK app: context in, the gate's stack out."""

import json
import os
import sys

from aws_cdk import App, Validations
from cdk_nag import AwsSolutionsChecks

from batchgate.errors import GateError
from infra.gate_asset import CHECKOUT
from infra.gate_stack import GateStack
from infra.settings import CONTEXT_KEY, read_settings


def main() -> None:
    """Synthesize; what the user got wrong ends it with one message and no traceback."""
    app = App()
    try:
        own = json.loads((CHECKOUT / "cdk.json").read_bytes())["context"].get(CONTEXT_KEY)
        settings = read_settings(app.node.try_get_context(CONTEXT_KEY), own, os.environ.get("AWS_ENDPOINT_URL"))
        GateStack(app, settings.stack_name, settings=settings)
    except GateError as error:
        sys.exit(f"batchgate: {error}")
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    app.synth()


if __name__ == "__main__":
    main()
