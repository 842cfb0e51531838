"""The boto3 session of a command, and whose account it is."""

import boto3
from botocore.exceptions import NoRegionError

from batchgate.aws.s3control import CONFIG
from batchgate_cli.operating.aws_errors import aws_errors
from batchgate_cli.operating.options import AwsOptions, GateAccessError, region_of


def open_session(profile: str | None, region: str | None) -> boto3.session.Session:
    """A session in a Region.

    Raises:
        NoRegionError: No Region is set anywhere.
        BotoCoreError: There is no such profile.
    """
    session = boto3.session.Session(profile_name=profile, region_name=region_of(region))
    if not session.region_name:
        raise NoRegionError
    return session


def account_of(session: boto3.session.Session, options: AwsOptions) -> str:
    """The account that is named, or else the caller's.

    Raises:
        GateAccessError: AWS did not answer whose credentials these are.
    """
    if options.account_id:
        return options.account_id
    try:
        with aws_errors():
            return str(session.client("sts", config=CONFIG).get_caller_identity()["Account"])
    except GateAccessError as error:
        if not options.endpoint_url:
            raise
        raise GateAccessError(f"{error}; --account-id makes this call of STS unnecessary") from error
