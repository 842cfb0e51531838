"""What budgets count, as the ledger keeps it: amounts, by account and period."""

from msgspec import Struct

from batchgate.jobs.model import Instant

COST_UNITS = 10**10
"""Of a dollar: prices have four decimals, and a price of a million objects is still exact for one."""


class Amounts(Struct, frozen=True):
    """What jobs amount to, one or several.

    Attributes:
        jobs: How many.
        objects: In their manifests.
        object_bytes: The objects' own sizes added up.
        cost: In 10**-10 US dollars, so that it is exact.
    """

    jobs: int = 0
    objects: int = 0
    object_bytes: int = 0
    cost: int = 0

    def __add__(self, other: "Amounts") -> "Amounts":
        return Amounts(
            self.jobs + other.jobs,
            self.objects + other.objects,
            self.object_bytes + other.object_bytes,
            self.cost + other.cost,
        )


class Limits(Struct, frozen=True):
    """At most how much of each; None: not limited."""

    jobs: int | None = None
    objects: int | None = None
    object_bytes: int | None = None
    cost: int | None = None

    def admit(self, amounts: Amounts) -> bool:
        """Whether amounts stay within every limit."""
        return not self.exceeded(amounts)

    def exceeded(self, amounts: Amounts) -> tuple[str, ...]:
        """The names of the limits that amounts are above, in one fixed order."""
        return tuple(name for name in self.named if getattr(amounts, name) > getattr(self, name))

    @property
    def named(self) -> tuple[str, ...]:
        """What is limited."""
        return tuple(name for name in self.__struct_fields__ if getattr(self, name) is not None)


class BudgetAccount(Struct, frozen=True):
    """The key under which a budget counts.

    Attributes:
        budget: The budget's name.
        account: The job's value of what the budget has an account for each of, such as a team; "" where there is one
            for all.
        period_start: When the period began.
    """

    budget: str
    account: str
    period_start: Instant


class BudgetUse(Struct, frozen=True):
    """How much of one account is used.

    Attributes:
        account: Which.
        period_end: When its period ends: the first instant of the next.
        used: What was approved in it.
        reserved: Whether this job has a reservation in it, maybe of an earlier period than the present one.
        own: Whether that reservation is part of what is used: the job fits by it. If not, the job must fit anew.
    """

    account: BudgetAccount
    period_end: Instant
    used: Amounts
    own: bool = False
    reserved: bool = False


class Reservation(Struct, frozen=True):
    """What the approval of one job takes of one account.

    Attributes:
        account: Which.
        amounts: How much.
        limits: What all that is used of the account must stay within; nothing of what people approve.
    """

    account: BudgetAccount
    amounts: Amounts
    limits: Limits

    def fits(self, amounts: Amounts, limits: Limits) -> bool:
        """Whether it was made within just these limits, for just these amounts of what they limit."""
        same = (getattr(self.amounts, name) == getattr(amounts, name) for name in limits.named)
        return self.limits == limits and all(same)
