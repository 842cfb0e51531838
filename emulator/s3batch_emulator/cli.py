"""The command `s3batch-emulator`."""

import argparse
import sys
from collections.abc import Callable, Sequence
from importlib import metadata

_MAX_PORT = 65535
_DELAY_MS_AT_MOST = 86_400_000
_DIGITS_AT_MOST = 18

_DESCRIPTION = """\
Serve the job API over HTTP on the loopback interface until Ctrl-C.

Manifests are read with your AWS credentials: environment variables, a profile, or whatever else AWS tools find. The
control API under /_emulator/ is open to requests with `Authorization: Bearer TOKEN`, where TOKEN is the value of the
environment variable S3BATCH_CONTROL_TOKEN, and closed if that is not set. Web browsers are refused.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code."""
    parser = _parser()
    options = vars(parser.parse_args(arguments))

    from s3batch_emulator.serve import OptionError, Options, ServeError, serve

    try:
        serve(Options(**options))
    except OptionError as error:
        parser.error(f"{error.option}: {error}")
    except ServeError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="s3batch-emulator", description="The Amazon S3 Batch Operations job API on this machine."
    )
    parser.add_argument("--version", action="version", version=metadata.version("s3batch-emulator"))
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serve = commands.add_parser(
        "serve",
        help="serve the job API over HTTP",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    serve.add_argument(
        "--port", type=_whole_number(_MAX_PORT), default=0, help="port on 127.0.0.1; 0 takes any free one (default)"
    )
    serve.add_argument("--s3-endpoint", metavar="URL", help="S3 that holds the manifests; without it there are none")
    serve.add_argument("--region", default="us-east-1", help="Region of requests that name none (default: %(default)s)")
    serve.add_argument(
        "--delay-ms",
        type=_whole_number(_DELAY_MS_AT_MOST),
        default=50,
        help="how long a job stays in a passing status, in milliseconds, at most a day (default: %(default)s)",
    )
    serve.add_argument(
        "--stepped",
        action="store_true",
        help="let time stand still until POST /_emulator/clock advances it; needs a token in S3BATCH_CONTROL_TOKEN",
    )
    serve.add_argument(
        "--events", action=argparse.BooleanOptionalAction, default=True, help="print a line for every event (default)"
    )
    return parser


def _whole_number(most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        is_number = text.isascii() and text.isdigit() and len(text) <= _DIGITS_AT_MOST
        if not is_number or int(text) > most:
            got = text if len(text) <= _DIGITS_AT_MOST else f"{text[:_DIGITS_AT_MOST]}..."
            raise argparse.ArgumentTypeError(f"expected a whole number from 0 to {most}, got {got!r}")
        return int(text)

    return read
