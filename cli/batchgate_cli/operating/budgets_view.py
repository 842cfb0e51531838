"""Budgets for people: a block for each budget, a line for each limit of an account."""

from collections.abc import Sequence
from itertools import groupby
from typing import Final

from batchgate.jobs.model import Json
from batchgate.policy.patterns import matcher
from batchgate_cli.operating.api_documents import BudgetAccount
from batchgate_cli.operating.wording import minute
from batchgate_cli.output import Styled, printable_line

_COLUMNS: Final = ("account", "", "used", "reserved", "left", "limit")
_ALL: Final = "(all jobs)"
_NAMES: Final = {"object_bytes": "bytes"}


def budget_lines(
    accounts: Sequence[BudgetAccount], names: Sequence[str], asked_for: str | None = None
) -> list[list[Styled]]:
    """The view.

    Args:
        accounts: In their order.
        names: Of all budgets in force.
        asked_for: The pattern of the budgets that were asked for.
    """
    if not accounts:
        return [[_none_in_words(names, asked_for)]]
    rows = {id(each): list(_cells(each)) for each in accounts}
    widths = [
        max(len(name), *(len(row[column]) for each in rows.values() for row in each))
        for column, name in enumerate(_COLUMNS)
    ]
    lines: list[list[Styled]] = [[(_padded(_COLUMNS, widths), "dim")]]
    for _, several in groupby(accounts, key=lambda each: each.budget):
        of_one = list(several)
        first = of_one[0]
        each = f"each {printable_line(first.each)}, " if first.each else ""
        period = f"{minute(first.period_start)} to {minute(first.period_end)} UTC"
        head = f"  {each}per {first.per} in {printable_line(first.timezone)}: {period}"
        lines.append([(printable_line(first.budget), "bold"), head])
        for account in of_one:
            full = any(_is_nothing(left) for left in account.left.values())
            for row in rows[id(account)]:
                text = _padded(row, widths)
                lines.append([(text, "bold red") if full else text])
    return lines


def _none_in_words(names: Sequence[str], asked_for: str | None) -> str:
    if not names:
        return "the policies in force have no budget"
    all_names = ", ".join(map(printable_line, names))
    if asked_for is not None and not any(map(matcher([asked_for]), names)):
        return f"no budget in force matches {printable_line(asked_for)}; there are: {all_names}"
    return f"nothing that was asked for is used or reserved in this period; the budgets in force: {all_names}"


def _cells(account: BudgetAccount) -> list[tuple[str, ...]]:
    name = printable_line(account.account) if account.each else _ALL
    return [
        (
            name if number == 0 else "",
            _NAMES.get(what, what),
            _amount(what, account.used.get(what, 0)),
            _amount(what, account.reserved.get(what, 0)),
            _amount(what, account.left.get(what, 0)),
            _amount(what, limit),
        )
        for number, (what, limit) in enumerate(account.limits.items())
    ]


def _padded(cells: Sequence[str], widths: Sequence[int]) -> str:
    """Texts at the left, numbers at the right."""
    texts = (
        cell.ljust(width) if column < _COLUMNS.index("used") else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return f"  {'  '.join(texts)}".rstrip()


def _amount(what: str, amount: int | str) -> str:
    """Costs exactly, so that what is used and left add up, with two decimals at least."""
    if what != "cost":
        return f"{int(amount):,}"
    whole, _, cents = str(amount).partition(".")
    return f"${int(whole):,}.{cents.rstrip('0'):0<2}"


def _is_nothing(amount: int | str) -> bool:
    return str(amount) == "0"


def budget_row(account: BudgetAccount) -> dict[str, Json]:
    """An account as one line of CSV."""
    amounts: dict[str, Json] = {
        f"{kind}_{what}": amount
        for kind in ("used", "reserved", "left", "limit")
        for what, amount in getattr(account, f"{kind}s" if kind == "limit" else kind).items()
    }
    period: dict[str, Json] = {
        "period_start": account.period_start.isoformat(),
        "period_end": account.period_end.isoformat(),
    }
    return {"budget": account.budget, "account": account.account, "per": account.per, **period, **amounts}
