"""The CDK app: context in, the gate's stack out."""

import json
import os
import sys

from aws_cdk import Annotations, App, Validations
from cdk_nag import AwsSolutionsChecks

from batchgate.errors import GateError
from infra.gate_asset import CHECKOUT, LAMBDA_PYTHON
from infra.gate_stack import GateStack
from infra.settings import CONTEXT_KEY, local_endpoint, read_settings


def main() -> None:
    """Synthesize; what the user got wrong ends it with one message and no traceback."""
    try:
        local = local_endpoint(os.environ)
        # CDK's own validation of the template takes half the time of a synth, and is about AWS, not about a local AWS.
        app = App(builtin_cloud_formation_validation=not local)
        own = json.loads((CHECKOUT / "cdk.json").read_bytes())["context"].get(CONTEXT_KEY)
        settings = read_settings(app.node.try_get_context(CONTEXT_KEY), own, local)
        python = sys.version_info[:2] if local else LAMBDA_PYTHON
        stack = GateStack(app, settings.stack_name, settings=settings, python=python)
        if local:
            Annotations.of(stack).add_info(
                f"for the local AWS at {local}: functions use this machine's processor and Python "
                f"{python[0]}.{python[1]}"
            )
    except GateError as error:
        sys.exit(f"batchgate: {error}")
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    app.synth()


if __name__ == "__main__":
    main()
