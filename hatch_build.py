"""How the distribution depends on the emulator.

In a checkout on its directory, so that `pip install .` works where no index has it; in an sdist by name and version.
"""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface

NAME = "s3batch-emulator"
EMULATOR = f"{NAME}==0.1.0"


class Dependencies(MetadataHookInterface):
    """The dependencies of pyproject.toml, and the emulator. Not asked in an unpacked sdist: that has PKG-INFO."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set the dependencies."""
        emulator = (Path(self.root) / "emulator").as_uri()
        metadata["dependencies"] = [*self.config["dependencies"], f"{NAME} @ {emulator}"]


class PlainName(BuildHookInterface[Any]):
    """Of the sdist: its PKG-INFO names no directory of this machine."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling's signature
        """Change what is about to be written."""
        dependencies = self.metadata.core.dependencies
        dependencies[:] = [EMULATOR if each.startswith(f"{NAME} @") else each for each in dependencies]
