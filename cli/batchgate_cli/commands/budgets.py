"""`batchgate budgets`: how much of each budget is used, reserved and left."""

from typing import Annotated, Any

from batchgate_cli.exits import PLAIN_EXIT_CODES_HELP, reported_errors
from batchgate_cli.groups import command_group, option
from batchgate_cli.operating.options import ACCOUNT_NAME, PATTERN, ApiOptions, instant_of
from batchgate_cli.output import print_line

app = command_group()

_PAGE = 500


@app.add(epilog=PLAIN_EXIT_CODES_HELP)
def budgets(
    api: ApiOptions,
    budget: Annotated[
        str | None,
        option(
            metavar="PATTERN",
            help="Only budgets whose name matches this pattern, such as team-*.",
            type=PATTERN,
            show_default=False,
        ),
    ] = None,
    account: Annotated[
        str | None,
        option(
            metavar="NAME",
            help="Only this account of a budget with `each`, such as a team; listed even if nothing of it is used.",
            type=ACCOUNT_NAME,
            show_default=False,
        ),
    ] = None,
    at: Annotated[
        str | None,
        option(
            metavar="DAY",
            help="The period that includes this day, or instant; the current one if not given.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """List what is used of each budget in its period, what is reserved, and what is left.

    Used is what was approved, by the policies or by people. Reserved is what belongs to jobs that are being approved,
    or whose approval may have been applied although S3's response was lost. What people approve counts and is not
    limited.

    A budget without `each` has one line. A budget with `each` has a line for each of its accounts, such as a role or a
    team, in which something is used. Only budgets that the policies in force name are listed.
    """
    instant = instant_of(at, "--at", last=False).isoformat() if at is not None else None
    with reported_errors():
        from batchgate_cli.operating.api_client import decoded, find_api
        from batchgate_cli.operating.api_documents import BudgetAccount
        from batchgate_cli.operating.aws_output import printer
        from batchgate_cli.operating.budgets_view import budget_lines, budget_row

        output = printer(api)
        found: list[Any] = []
        names: list[Any] = []
        version: str | None = None
        for page in find_api(api).pages("/budgets", "budgets", budget=budget, account=account, at=instant, limit=_PAGE):
            found += page["budgets"]
            names, version = page.get("names", []), page.get("policy_version")
        if output.is_for_people:
            for line in budget_lines([decoded(each, BudgetAccount) for each in found], names, budget):
                print_line(*line)
        else:
            rows = [budget_row(decoded(each, BudgetAccount)) for each in found]
            output.print("budgets", {"budgets": found, "names": names, "policy_version": version}, rows)
