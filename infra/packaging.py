"""The code and the policies of a deployment, as the stack takes them."""

import atexit
import os
import shutil
import tempfile
from datetime import date
from pathlib import Path

from aws_cdk import Annotations
from aws_cdk import aws_lambda as lambda_
from constructs import IConstruct

from batchgate_cli.authoring import policy_file
from batchgate_cli.authoring.lint_file import located_findings
from infra.gate_asset import CHECKOUT, asset_hash, build_asset
from infra.settings import Settings, SettingsError


def gate_code(scope: IConstruct, settings: Settings) -> lambda_.Code:
    """Build the code that every function of the gate runs.

    Args:
        scope: Where warnings about the asset are added.
        settings: Their architecture is built for.

    Raises:
        AssetError: The asset can't be built on this machine.
    """
    directory = tempfile.mkdtemp(prefix="batchgate-asset-")
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    if not build_asset(Path(directory), architecture=settings.architecture):
        Annotations.of(scope).add_warning_v2(
            "batchgate:no-bytecode",
            "There is no Python 3.13 to compile for Lambda: the gate works, but its cold starts take twice as long. "
            "`uv python install 3.13` provides one",
        )
    return lambda_.Code.from_asset(directory, asset_hash=asset_hash(Path(directory)))


def policy_of(settings: Settings, scope: IConstruct | None = None) -> bytes:
    """Read the policies of the settings; returns the canonical document that the gate reads.

    Args:
        settings: Their policy files are read.
        scope: Where warnings are added about checks that this deployment can't measure; None for no warnings.

    Raises:
        PolicyError: A policy file is invalid; the message has file, line and reason.
        SettingsError: A policy file can't be read.
    """
    files = [os.path.relpath(CHECKOUT / name) for name in settings.policy_files]  # short in messages
    try:
        loaded = policy_file.load(files)
    except OSError as error:
        message = f"setting policy_files: {error.filename}: {error.strerror}"
        raise SettingsError(message) from error
    for found in located_findings(loaded, date.min, settings.manifest_buckets) if scope else ():
        if scope and found.finding.lint in _HOLDS_ALL:
            Annotations.of(scope).add_warning_v2(f"batchgate:{found.finding.lint}:{found.place}", str(found))
    return loaded.canonical_json


_HOLDS_ALL = ("not-measured-yet", "setting-off")
"""Lints that depend on the deployment, and not on the date."""
