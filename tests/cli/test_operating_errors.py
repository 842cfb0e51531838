"""What a command reports when AWS can't be reached."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import BotoCoreError, ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError

import batchgate_cli
from batchgate_cli.operating.aws_errors import aws_errors
from batchgate_cli.operating.options import GateAccessError

URL = "https://sts.eu-central-1.amazonaws.com/"


@pytest.mark.parametrize("kind", [EndpointConnectionError, ConnectTimeoutError, ReadTimeoutError])
def test_a_network_error_names_the_endpoint_and_what_to_check(kind: type[BotoCoreError]) -> None:
    """Whichever way the connection fails."""
    expected = r"sts\.eu-central-1.*; check the network, --region and AWS_ENDPOINT_URL"
    with pytest.raises(GateAccessError, match=expected), aws_errors():
        raise kind(endpoint_url=URL, error="")


def clients_without_configuration() -> Iterator[str]:
    """Where a command makes a client of AWS that waits for minutes: botocore's own time-outs are 60 seconds."""
    package = Path(batchgate_cli.__file__).parent
    for path in (*package.glob("commands/*.py"), *package.glob("operating/*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            if node.func.attr == "client" and "config" not in {keyword.arg for keyword in node.keywords}:
                yield f"{path.name}:{node.lineno}"


def test_no_command_waits_for_minutes_where_there_is_no_network() -> None:
    """Packets that a firewall drops are answered by nothing: every client has time-outs of its own."""
    assert [*clients_without_configuration()] == []
