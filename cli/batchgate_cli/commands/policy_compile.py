"""`batchgate policy compile`: the canonical document of a policy set."""

import json
from pathlib import Path
from typing import Annotated

from batchgate_cli.exits import reported_errors, show_notes
from batchgate_cli.files import check_output
from batchgate_cli.groups import PolicyPaths, option


def compile_(
    paths: PolicyPaths,
    to: Annotated[
        Path | None,
        option(metavar="FILE", help="Write the document to this file instead of standard output.", show_default=False),
    ] = None,
    pretty: Annotated[
        bool, option("--pretty", help="Indent the document, for people; its SHA-256 is then not the policy version.")
    ] = False,
) -> None:
    """Print the one document that a policy set is deployed as: canonical JSON.

    Named lists are written out and everything is sorted, so that sets that differ only in order, comments, files or
    notation have the same document. Only the document is printed, without a line break at its end. The first 12
    hexadecimal digits of its SHA-256 are the policy version, which is reported on standard error. The document is
    itself a valid policy file (name it *.yaml), and compiling it again prints the same document.
    """
    from batchgate_cli.authoring import policy_file

    with reported_errors():
        if to is not None:
            check_output(to, "--to", policy_file.files_of(paths))
        loaded = policy_file.load(paths)
        text = loaded.canonical_json.decode("ascii")
        if pretty:
            text = json.dumps(json.loads(text), indent=2) + "\n"
        if to is None:
            print(text, end="", flush=True)
        else:
            to.write_text(text, encoding="ascii")
        show_notes([f"policy version {loaded.policies.version}{f', wrote {to}' if to else ''}"])
