"""What a command reports when AWS can't be reached."""

import pytest
from botocore.exceptions import BotoCoreError, ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError

from batchgate_cli.operating.live_gate import aws_errors
from batchgate_cli.operating.options import GateAccessError

URL = "https://sts.eu-central-1.amazonaws.com/"


@pytest.mark.parametrize("kind", [EndpointConnectionError, ConnectTimeoutError, ReadTimeoutError])
def test_a_network_error_names_the_endpoint_and_what_to_check(kind: type[BotoCoreError]) -> None:
    """Whichever way the connection fails."""
    expected = r"sts\.eu-central-1.*; check the network, --region and AWS_ENDPOINT_URL"
    with pytest.raises(GateAccessError, match=expected), aws_errors():
        raise kind(endpoint_url=URL, error="")
