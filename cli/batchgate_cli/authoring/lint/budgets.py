"""Lints on budgets: those that nothing uses, and those whose account the requester chooses."""

from collections.abc import Iterator

from batchgate.policy import model
from batchgate.policy.checks import WithinBudget
from batchgate_cli.authoring.lint.finding import Finding
from batchgate_cli.authoring.lint.located import Located


def lint_budgets(located: Located) -> Iterator[Finding]:
    """Each budget by a tag, which whoever creates the job writes as they like, and each without a use.

    Source: S3 Control API, CreateJob Tags; PutJobTagging.
    """
    measures = (leaf.check.measure for leaf in located.leaves)
    used = {measure.budget.name for measure in measures if isinstance(measure, WithinBudget)}
    for index, budget in enumerate(located.document.budgets or ()):
        path = ("budgets", index)
        if budget.name not in used:
            why = f"no statement requires the budget {budget.name}, so it limits nothing"
            yield Finding("unused-budget", path, why, f"remove it, or write budget: {budget.name} in require")
        elif isinstance(budget.each, model.EachTag):
            tag = budget.each.tag
            why = (
                f"whoever creates the job chooses its tag {tag}, and so can choose a value whose budget is still unused"
            )
            instead = (
                "write each: account or each: role, or let IAM restrict who may set the tag (aws:RequestTag on"
                " s3:CreateJob and s3:PutJobTagging) and silence this finding with that reason"
            )
            yield Finding("budget-of-requesters-tag", (*path, "each", "tag"), why, instead)
