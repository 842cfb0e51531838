"""Command groups. Their help is plain text that nothing cuts off, so showing it needs no Rich."""

from typing import TYPE_CHECKING

import typer
from typer.core import TyperGroup

if TYPE_CHECKING:
    from typer._click import Context, HelpFormatter

_WHOLE = 10_000
"""Longer than any first sentence."""


class PlainGroup(TyperGroup):
    """A group that lists each command with the whole first sentence of its help."""

    def format_commands(self, ctx: "Context", formatter: "HelpFormatter") -> None:
        """Write the list into the group's help."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl([(name, found.get_short_help_str(_WHOLE)) for name, found in commands if found])


def command_group(help_text: str | None = None, epilog: str | None = None) -> typer.Typer:
    """A group to which a module of `commands` adds its commands."""
    return typer.Typer(
        cls=PlainGroup,
        help=help_text,
        epilog=epilog,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
    )
