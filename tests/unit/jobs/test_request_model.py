"""The table of S3's request model that ships says what botocore's model says."""

import copy
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, get_args

import pytest
from botocore.model import ListShape, MapShape, StringShape, StructureShape
from botocore.model import Shape as ModelShape
from botocore.session import Session

from batchgate.jobs.model import KNOWN_OPERATIONS
from batchgate.jobs.request_model import Kind, Shape, Structure, request_shape, unknown_members
from docs.generate.request_model import STRUCTURES, TABLE, request_model_table

ALL: tuple[Structure, ...] = get_args(Structure)
S3_CONTROL = Session().get_service_model("s3control")


def test_the_table_is_what_the_command_writes_from_the_installed_model() -> None:
    """Whoever changes botocore's version without `make reference` is told."""
    assert TABLE.read_text(encoding="utf-8") == request_model_table()


def test_the_table_has_the_structures_of_a_job_under_the_names_of_describe_job() -> None:
    """Each is a member of JobDescriptor, of the type that the table takes it for."""
    job = S3_CONTROL.shape_for("JobDescriptor")
    assert isinstance(job, StructureShape)
    assert {name: job.members[name].name for name in ALL} == STRUCTURES


def test_the_operations_of_the_table_are_those_that_this_version_knows() -> None:
    """Both lists say the same."""
    assert request_shape("Operation").members.keys() == KNOWN_OPERATIONS


@pytest.mark.parametrize("structure", ALL)
def test_every_member_has_the_models_type_closed_set_and_wire_name(structure: Structure) -> None:
    """Read independently of the generator: the whole tree, member by member."""
    pending = [(request_shape(structure), S3_CONTROL.shape_for(STRUCTURES[structure]))]
    while pending:
        ours, theirs = pending.pop()
        assert (ours.kind, ours.values) == (theirs.type_name, tuple(getattr(theirs, "enum", ())))
        match theirs:
            case StructureShape():
                assert ours.members.keys() == theirs.members.keys()
                for name, member in theirs.members.items():
                    assert ours.wire_names.get(name, name) == member.serialization.get("name", name)
                    pending.append((ours.members[name], member))
            case ListShape():
                assert ours.element is not None
                assert ours.element_name == theirs.member.serialization.get("name", "member")
                assert not theirs.serialization.get("flattened")
                pending.append((ours.element, theirs.member))
            case MapShape():
                assert ours.element is not None
                assert isinstance(theirs.key, StringShape)
                pending.append((ours.element, theirs.value))
            case _:
                assert not ours.members
                assert ours.element is None


def test_the_table_is_loaded_when_it_is_asked_for() -> None:
    """A cold start that reads no parameter does not pay for the table."""
    program = (
        "import sys, batchgate.jobs.request_model as it, batchgate.policy.validation;"
        "before = 'batchgate.jobs.request_shapes' in sys.modules; it.request_shape('Report');"
        "print(before, 'batchgate.jobs.request_shapes' in sys.modules, 'botocore' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    assert ran.stdout.split() == ["False", "True", "False"]


def whole(shape: Shape) -> Any:
    """A value that has every member, two elements in each list."""
    match shape.kind:
        case Kind.STRUCTURE:
            return {name: whole(member) for name, member in shape.members.items()}
        case Kind.LIST:
            assert shape.element is not None
            return [whole(shape.element), whole(shape.element)]
        case Kind.MAP:
            return {"any.key": "", "NewMember": "text"}
        case Kind.BOOLEAN:
            return True
        case Kind.INTEGER | Kind.LONG:
            return 7
        case Kind.TIMESTAMP:
            return datetime(2026, 3, 27, tzinfo=UTC)
        case Kind.STRING:
            return shape.values[-1] if shape.values else "text"


def places(shape: Shape, value: Any, path: str = "") -> Iterator[tuple[Any, str]]:
    """Every structure of a whole value, and its path."""
    if shape.kind is Kind.STRUCTURE:
        yield value, path
        for name, member in shape.members.items():
            yield from places(member, value[name], f"{path}.{name}" if path else name)
    elif shape.kind is Kind.LIST and shape.element is not None:
        for element in value:
            yield from places(shape.element, element, path)


@pytest.mark.parametrize("structure", ALL)
def test_a_member_that_the_table_lacks_is_found_wherever_it_stands(structure: Structure) -> None:
    """In each structure of the tree, elements of lists among them; without it nothing is found."""
    shape = request_shape(structure)
    value = whole(shape)
    assert unknown_members(structure, value) == ()
    found = list(places(shape, value))
    for number, (_, path) in enumerate(found):
        contents: tuple[Any, ...] = (None, True, "text", [], {"In": {}})
        for content in contents:
            other = copy.deepcopy(value)
            list(places(shape, other))[number][0]["NewMember"] = content
            assert unknown_members(structure, other) == (f"{path}.NewMember" if path else "NewMember",)


@pytest.mark.parametrize("structure", ALL)
def test_what_stands_below_a_member_that_has_nothing_below_it_is_unknown(structure: Structure) -> None:
    """A structure or a list where the model has a text, a number, a flag or a time: S3 said something new."""
    shape = request_shape(structure)
    value = whole(shape)
    for number, (place, path) in enumerate(places(shape, value)):
        for name in [name for name, content in place.items() if not isinstance(content, dict | list)]:
            odd: list[tuple[Any, str]] = [({"New": 1}, f"{name}.New"), (["text"], name)]
            for content, found in odd:
                other = copy.deepcopy(value)
                list(places(shape, other))[number][0][name] = content
                assert unknown_members(structure, other) == (f"{path}.{found}" if path else found,)


def closed_sets(shape: Shape, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Shape]]:
    """Every string with a closed set below a structure, by the names that lead to it."""
    if shape.values:
        yield path, shape
    elif shape.element is not None:
        yield from closed_sets(shape.element, path)
    for name, member in shape.members.items():
        yield from closed_sets(member, (*path, name))


CLOSED_SETS = [(structure, path, shape) for structure in ALL for path, shape in closed_sets(request_shape(structure))]
OUTSIDE = ["", " ", "NEWER", "{} ", " {}", "{}\n", "{}X", 'say "x"', 7, True]
"""Values that no closed set has; `{}` stands for one that it has."""


def with_value(shape: Shape, path: tuple[str, ...], value: Any) -> Any:
    """A whole value, but for what stands at a path, in every element of a list."""
    if not path:
        return value if shape.element is None else [with_value(shape.element, path, value)]
    if shape.element is not None:
        return [with_value(shape.element, path, value)]
    return {**whole(shape), path[0]: with_value(shape.members[path[0]], path[1:], value)}


def test_there_are_closed_sets_in_each_structure_that_says_what_a_job_does() -> None:
    """Or the tests over all of them would say nothing."""
    assert {structure for structure, _, _ in CLOSED_SETS} >= {"Operation", "ManifestGenerator", "Manifest", "Report"}


@pytest.mark.parametrize(
    ("structure", "path", "shape"), CLOSED_SETS, ids=[".".join((name, *path)) for name, path, _ in CLOSED_SETS]
)
def test_a_value_outside_its_closed_set_is_unknown(structure: Structure, path: tuple[str, ...], shape: Shape) -> None:
    """S3 may add one: what it does nobody here can say, so a policy's `not` must not let it pass."""
    for inside in shape.values:
        assert unknown_members(structure, with_value(request_shape(structure), path, inside)) == ()
        for outside in OUTSIDE:
            value = outside.format(inside) if isinstance(outside, str) else outside
            [found] = unknown_members(structure, with_value(request_shape(structure), path, value))
            quoted = str(value).replace('"', "'")
            assert found == f'{".".join(path)}="{quoted}"'
    assert unknown_members(structure, with_value(request_shape(structure), path, None)) == ()


def test_a_long_value_is_shortened() -> None:
    """It stands in a reason of 256 characters."""
    [found] = unknown_members("Report", {"Format": "x" * 1000})
    assert found.startswith('Format="xxx')
    assert len(found) <= len('Format=""') + 40


def test_every_type_of_the_model_has_its_kind() -> None:
    """The generator would fail for another; this names the types that there are."""

    def kinds(shape: ModelShape) -> Iterator[str]:
        yield shape.type_name
        match shape:
            case StructureShape():
                for member in shape.members.values():
                    yield from kinds(member)
            case ListShape():
                yield from kinds(shape.member)
            case MapShape():
                yield from kinds(shape.value)

    assert {kind for name in STRUCTURES.values() for kind in kinds(S3_CONTROL.shape_for(name))} == set(Kind)
