"""Click commands made from functions: the annotations of a function's parameters say what its options are.

A parameter whose type is a dataclass stands for the options that its fields declare; many commands share them. The
first line of the class is their heading in the help.
"""

from collections.abc import Callable, Iterator
from dataclasses import MISSING, fields, is_dataclass
from enum import StrEnum
from inspect import Parameter, getdoc, signature
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, NamedTuple, TypeVar, get_args, get_origin

import click

_WHOLE = 10_000
"""Longer than any first sentence."""

FunctionT = TypeVar("FunctionT", bound=Callable[..., None])


class Declared(NamedTuple):
    """What stands beside a parameter's type: `Annotated[str, option(...)]`."""

    kind: type[click.Parameter]
    names: tuple[str, ...]
    attributes: dict[str, Any]


def option(*names: str, help: str, **attributes: Any) -> Declared:  # noqa: A002, ANN401 - Click's own
    """An option; named after its parameter if not otherwise."""
    return Declared(click.Option, names, {"help": help, "show_default": True, **attributes})


def argument(*, metavar: str, help: str) -> Declared:  # noqa: A002 - Click's own
    """An argument."""
    return Declared(click.Argument, (), {"metavar": metavar, "help": help})


PolicyPaths = Annotated[
    list[Path],
    argument(metavar="PATH...", help="Policy files, or directories of them; together they are one policy set."),
]
"""The argument of every command that reads a policy set."""


class _Path(click.Path):
    """A path; never an empty one, which Python takes for the current directory."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401
        if value == "":
            self.fail("expected a path, got an empty one; is a variable not set?", param, ctx)
        return super().convert(value, param, ctx)


class _Choice(click.Choice[str]):
    """One of an enum's values."""

    def __init__(self, enum: type[StrEnum]) -> None:
        super().__init__([each.value for each in enum])
        self.enum = enum

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401
        return self.enum(super().convert(value, param, ctx))


class PlainGroup(click.Group):
    """A group that lists each command with the whole first sentence of its help."""

    def add(self, name: str | None = None, *, epilog: str | None = None) -> Callable[[FunctionT], FunctionT]:
        """Make a function a command of this group."""

        def added(function: FunctionT) -> FunctionT:
            self.add_command(_command(function, name or function.__name__, epilog))
            return function

        return added

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list into the group's help."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl([(name, found.get_short_help_str(_WHOLE)) for name, found in commands if found])

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - Click's own
        """In the order in which they were added."""
        return list(self.commands)


def command_group(help_text: str | None = None, epilog: str | None = None) -> PlainGroup:
    """A group to which a module of `commands` adds its commands."""
    return PlainGroup(help=help_text, epilog=epilog, no_args_is_help=True)


class _Command(click.Command):
    """A command whose help lists shared options under a heading of their own."""

    def __init__(self, name: str, sections: dict[str, str], **attributes: Any) -> None:  # noqa: ANN401 - Click's own
        super().__init__(name, **attributes)
        self.sections = sections

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options into the command's help."""
        records: dict[str, list[tuple[str, str]]] = {"Options": []}
        for each in self.get_params(ctx):
            if isinstance(each, click.Argument):
                continue
            record = each.get_help_record(ctx)
            if record is not None:
                records.setdefault(self.sections.get(each.name or "", "Options"), []).append(record)
        for heading, rows in records.items():
            if rows:
                with formatter.section(heading):
                    formatter.write_dl(rows)


def _command(function: Callable[..., None], name: str, epilog: str | None) -> click.Command:
    declared = [*signature(function).parameters.values()]
    shared: dict[str, Any] = {each.name: each.annotation for each in declared if is_dataclass(each.annotation)}

    def call(**given: object) -> None:
        values = {key: list(value) if isinstance(value, tuple) else value for key, value in given.items()}
        for key, kind in shared.items():
            values[key] = kind(**{field.name: values.pop(field.name) for field in fields(kind)})
        function(**values)

    parameters = [option for each in declared for option in _parameters(each)]
    sections = {
        field.name: (getdoc(kind) or "").partition("\n")[0].rstrip(".")
        for kind in shared.values()
        for field in fields(kind)
    }
    return _Command(name, sections, callback=call, params=parameters, help=getdoc(function), epilog=epilog)


def _parameters(parameter: Parameter) -> Iterator[click.Parameter]:
    if not is_dataclass(parameter.annotation):
        yield _parameter(parameter.name, parameter.annotation, parameter.default)
        return
    for field in fields(parameter.annotation):
        yield _parameter(field.name, field.type, Parameter.empty if field.default is MISSING else field.default)


def _parameter(name: str, annotated: Any, default: Any) -> click.Parameter:  # noqa: ANN401 - annotations have no type
    annotation, declared = get_args(annotated)
    kind, is_list = _type(annotation)
    attributes = {"type": kind, "required": default is Parameter.empty, "is_flag": kind is bool, **declared.attributes}
    if default is not Parameter.empty and not (is_list and default is None):
        attributes["default"] = default.value if isinstance(default, StrEnum) else default
    if declared.kind is click.Argument:
        del attributes["is_flag"]
        return click.Argument([name], nargs=-1 if is_list else 1, **attributes)
    names = declared.names or (f"--{name.replace('_', '-')}",)
    return click.Option([name, *names], multiple=is_list, **attributes)


def _type(annotation: Any) -> tuple[Any, bool]:  # noqa: ANN401 - annotations have no type of their own
    """Click's type for an annotation, and whether several are taken."""
    [kind] = (
        [each for each in get_args(annotation) if each is not NoneType]
        if NoneType in get_args(annotation)
        else [annotation]
    )
    if get_origin(kind) is list:
        return _type(get_args(kind)[0])[0], True
    if kind is Path:
        return _Path(path_type=Path), False
    return (_Choice(kind), False) if issubclass(kind, StrEnum) else (kind, False)
