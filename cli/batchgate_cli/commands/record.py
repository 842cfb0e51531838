"""`batchgate jobs record`: write the jobs that S3 still has into a file."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import click

from batchgate_cli.exits import reported_errors, show_notes
from batchgate_cli.files import check_output
from batchgate_cli.groups import argument, option
from batchgate_cli.operating.options import ACCOUNT_ID, CALLS_PER_SECOND, PACE, URL, AwsOptions
from batchgate_cli.output import print_line

if TYPE_CHECKING:
    from batchgate_cli.replay.recorder import Progress

EPILOG = "Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted; what was recorded until then is kept."


def record(
    file: Annotated[Path, argument(metavar="FILE", help="The file to write; never overwritten.")],
    redact: Annotated[
        bool,
        option(
            "--redact",
            help="Replace names in the file, the same name always by the same replacement, so that it can be shared.",
        ),
    ] = False,
    calls_per_second: Annotated[
        float,
        option(metavar="NUMBER", help="At most so many calls of S3 a second; a gate's sweep calls S3, too.", type=PACE),
    ] = CALLS_PER_SECOND,
    account_id: Annotated[
        str | None,
        option(metavar="ID", help="Whose jobs; those of the caller's own account if not given.", type=ACCOUNT_ID),
    ] = None,
    region: Annotated[str | None, option(metavar="REGION", help="The Region of the jobs.")] = None,
    profile: Annotated[str | None, option(metavar="NAME", help="The AWS profile.")] = None,
    endpoint_url: Annotated[str | None, option(metavar="URL", help="S3 Control's endpoint.", type=URL)] = None,
) -> None:
    """Record the jobs that S3 still has, with their tags, one JSON document a line.

    S3 keeps a job for 90 days after it ended. Nothing is changed; ListJobs, DescribeJob and GetJobTagging are called.
    An interrupted recording is kept beside FILE, and the same command continues it. `batchgate policy replay`
    shows what policies would have done with the recorded jobs.
    """
    with reported_errors():
        from batchgate_cli.operating.aws_errors import aws_errors
        from batchgate_cli.replay.recorder import check_new, jobs_of, unfinished
        from batchgate_cli.replay.recorder import record as record_jobs

        check_new(file)
        check_output(file, "FILE")
        source = jobs_of(AwsOptions(profile, region, endpoint_url, account_id), calls_per_second)
        with click.progressbar(length=1, label="recording jobs", file=sys.stderr, show_pos=True) as bar:

            def watch(progress: "Progress") -> None:
                bar.length = max(progress.of, 1)
                bar.update(progress.done + progress.gone - bar.pos)

            try:
                with aws_errors("--region and --endpoint-url"):
                    done = record_jobs(source, file, redact=redact, watch=watch)
            finally:
                _note_kept(unfinished(file), redact=redact)  # there is none after a whole recording
    if done.gone:
        show_notes([f"{done.gone} jobs were listed and not there any more when S3 was asked for them"])
    print_line(f"recorded {done.done} job{'' if done.done == 1 else 's'} in {file}")


def _note_kept(part: Path, *, redact: bool) -> None:
    if not part.exists() or not part.stat().st_size:
        return
    names = "; names in it are not replaced yet" if redact else ""
    sys.stderr.write("\n")
    show_notes([f"what was recorded is kept in {part}{names}; run the same command again to go on"])
