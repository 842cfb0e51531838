"""How the asset gets into the stack: bundled on this machine, named by the hash of what came out."""

import os
from pathlib import Path
from typing import Any

import jsii
from aws_cdk import Annotations, AssetHashType, BundlingOptions, DockerImage, ILocalBundling
from aws_cdk import aws_lambda as lambda_
from constructs import IConstruct

import policy_file
from infra.gate_asset import CHECKOUT, FUNCTIONS, build_asset
from infra.settings import Settings, SettingsError


def gate_code(scope: IConstruct, settings: Settings) -> lambda_.Code:
    """The code that every function of the gate runs.

    Args:
        scope: What warnings about the asset are shown for.
        settings: Name the processor to build for.

    Raises:
        AssetError: The asset can't be built here.
    """
    return lambda_.Code.from_asset(
        str(FUNCTIONS),
        asset_hash_type=AssetHashType.OUTPUT,
        bundling=BundlingOptions(
            image=DockerImage.from_registry("scratch"),  # asked for, never run
            local=_OnThisMachine(scope, settings),
        ),
    )


def policy_of(settings: Settings) -> bytes:
    """The policies of the settings as the one canonical document that the gate reads.

    Raises:
        PolicyError: A policy file is refused; the message has file, line and reason.
        SettingsError: A policy file can't be read.
    """
    files = [os.path.relpath(CHECKOUT / name) for name in settings.policy_files]  # short in messages
    try:
        return policy_file.load(files).canonical_json
    except OSError as error:
        message = f"setting policy_files: {error.filename}: {error.strerror}"
        raise SettingsError(message) from error


@jsii.implements(ILocalBundling)
class _OnThisMachine:
    def __init__(self, scope: IConstruct, settings: Settings) -> None:
        self._scope = scope
        self._settings = settings

    def try_bundle(self, output_dir: str, *_: Any, **__: Any) -> bool:  # noqa: ANN401 - options of the container
        compiled = build_asset(Path(output_dir), architecture=self._settings.architecture)
        if not compiled:
            Annotations.of(self._scope).add_warning_v2(
                "batchgate:no-bytecode",
                "No Python 3.13 is here to compile for Lambda: the gate works, but its cold starts take twice as long",
            )
        return True
