"""The walk over a document along the structs of `model`."""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from msgspec import inspect

from batchgate.policy import model, patterns
from batchgate.policy.as_written import NUMBER_AT_MOST, show
from batchgate.policy.parameters import CHECKS, ELEMENT_WORDS, text_term
from batchgate.policy.validation import operands, parameters, prices, statements, times
from batchgate.policy.validation.kinds import FORMS_OF_TESTS, has_length, is_money, plain, same_family
from batchgate.policy.validation.notes import Notes, Path

_PLACEHOLDER = re.compile(r"\$\{([^}]*)\}?")


@cache
def _names_term() -> inspect.Type:
    return inspect.type_info(model.NamesTerm)


class Reader(Notes):
    """One walk over one document: notes the problems of its shape and of each part by itself.

    Attributes:
        required: The path of the last member that can't be left out.
    """

    required: Path = ()

    # --- the shape --------------------------------------------------------------------------------

    def read(self, value: object, kind: inspect.Type, path: Path) -> None:
        """Check `value` against one type of the model, then against the rules of that type."""
        form = None
        if isinstance(kind, inspect.Metadata):
            form = (kind.extra or {}).get("form")
            if isinstance(value, str) and kind.extra in (model.PATTERN, model.GLOB):
                self._check_placeholders(value, path)
            if isinstance(value, str) and kind.extra == model.GLOB:
                self._check_glob(value, path)
            kind = kind.type
        if form is not None and not isinstance(value, str):
            from batchgate.policy.validation.value_messages import wrong_form

            self.wrong(path, wrong_form(form, value))
            return
        _READERS.get(type(kind), Reader._read_scalar)(self, value, kind, path)

    def _read_union(self, value: object, union: inspect.UnionType, path: Path) -> None:
        for kind in union.types:
            if same_family(value, plain(kind)):
                self.read(value, kind, path)
                return
        from batchgate.policy.validation.value_messages import wrong_union

        self.wrong(path, wrong_union(union.types, value, path[-1]))

    def _read_struct(self, value: object, kind: inspect.StructType, path: Path) -> None:
        if not isinstance(value, dict):
            from batchgate.policy.validation.value_messages import wrong_type

            self.wrong(path, wrong_type(kind, value, path[-1] if path else ""))
            return
        fields = _fields(kind)
        meant: dict[str, str] = {}
        if not value.keys() <= fields.keys():
            from batchgate.policy.validation.key_messages import foreign_word, keys_meant

            foreign = foreign_word(value, kind, fields, path)
            if foreign:
                self.wrong((*path, foreign[0]), foreign[1])
                return
            meant = keys_meant(value, kind, fields)
        rule = _RULES.get(kind.cls)
        if rule is not None:
            rule(self, {str(meant.get(key, key)): content for key, content in value.items()}, path)
        self._read_members(value, kind, fields, meant, path)
        self._require(kind, {*value, *meant.values()}, path)

    def _read_members(
        self,
        value: Mapping[str, object],
        kind: inspect.StructType,
        fields: Mapping[str, inspect.Field],
        meant: Mapping[str, str],
        path: Path,
    ) -> None:
        outer = (self.nesting, self.asking, self.in_any)
        for written, content in value.items():
            key = meant.get(written, written)
            if key not in fields or key != written:
                from batchgate.policy.validation.key_messages import misplaced_key, unknown_key

                misplaced = misplaced_key(str(written), value, fields)
                wrong = misplaced or unknown_key(str(written), kind, fields, meant.get(written))
                self.wrong((*path, str(written)), wrong)
            if key in fields:  # the content of a misspelled key is checked, too
                self._enter(key, kind.cls)
                if self.nesting <= model.MAX_NESTING:  # what is deeper is reported already, and may have no end
                    self._read_member(content, kind.cls, fields[key], (*path, written))
                self.nesting, self.asking, self.in_any = outer

    def _require(self, kind: inspect.StructType, given: set[str], path: Path) -> None:
        for member in kind.fields:
            if member.required and member.encode_name not in given:
                from batchgate.policy.validation.key_messages import missing

                self.wrong(path, f"{member.encode_name} is missing; {missing(kind.cls, member.encode_name)}")

    def _read_member(self, content: object, form: type, member: inspect.Field, path: Path) -> None:
        """One member of a struct, which may be a value that S3 chooses from a closed set."""
        before = len(self.problems)
        if member.required:
            self.required = path
        self.read(content, member.type, path)
        closed = _CLOSED_SETS.get((form, member.encode_name))
        if closed and len(self.problems) == before:
            self._note(parameters.closed_set_mistakes(parameters.closed_set(closed), content), path, content)

    def _enter(self, key: str, form: type) -> None:
        """Update `nesting`, `asking` and `in_any` for the conditions below `key`."""
        if issubclass(form, model.Condition):
            if key in ("any", "all"):
                self.nesting += 1
                self.in_any |= key == "any"
            elif key == "unless":
                self.nesting, self.asking, self.in_any = 0, False, False
        elif key in ("match", "require"):
            self.nesting, self.asking, self.in_any = 0, key == "require", False

    def _read_list(self, value: object, kind: inspect.VarTupleType, path: Path) -> None:
        if not isinstance(value, list | tuple):
            from batchgate.policy.validation.value_messages import wrong_list

            self.wrong(path, wrong_list(value, kind, path[-1], is_required=path == self.required))
            return
        if kind.min_length and not value:
            from batchgate.policy.validation.value_messages import empty_list

            self.wrong(path, empty_list(kind, path[-1], is_required=path == self.required))
        for index, item in enumerate(value):
            self.read(item, kind.item_type, (*path, index))

    def _read_mapping(self, value: object, kind: inspect.DictType, path: Path) -> None:
        if not isinstance(value, dict):
            from batchgate.policy.validation.value_messages import wrong_mapping

            self.wrong(path, wrong_mapping(value, kind, path))
            return
        if kind.min_length and not value:
            what = "the key" if path[0] == "prices" else "the check"
            self.wrong(path, f"expected at least one key, got none; add one, or remove {what}")
        if path[-1] == "tags" and (key := operands.key_of_aws_tags(value)) is not None:
            from batchgate.policy.validation.value_messages import wrong_tags

            self.wrong(path, wrong_tags(key))
            return
        if path[-1] in ELEMENT_WORDS and text_term(value):
            self.read(value, _names_term(), path)
            return
        for key, content in value.items():
            if not isinstance(key, str):
                self.wrong((*path, str(key)), f"expected a text key, got {key!r}; write it in quotes")
            elif not _is_encodable(key):
                self.wrong(path, "expected a text key, got half of a surrogate pair; write the character itself")
            elif path[-1] in (*ELEMENT_WORDS, *CHECKS):
                self._read_parameter(key, content, kind.value_type, path)
            else:
                wanted = plain(kind.key_type)
                if isinstance(wanted, inspect.StrType) and not has_length(key, wanted):
                    from batchgate.policy.validation.value_messages import wrong_length

                    self.wrong((*path, key), wrong_length(wanted, key, "write it, or remove the key"))
                self.read(content, kind.value_type, (*path, key))

    def _read_parameter(self, key: str, content: object, kind: inspect.Type, path: Path) -> None:
        """One path into S3's request model with its test; a test that is in form is checked against that model."""
        before = len(self.problems)
        operands.check_parameter_path(self, key, (*path, key))
        self.read(content, kind, (*path, key))
        check = next((check for check in CHECKS if check == path[-1]), None)
        if check and len(self.problems) == before:
            self._note(parameters.mistakes_in(check, key, content), (*path, key), content)

    def _read_scalar(self, value: object, kind: inspect.Type, path: Path) -> None:
        if not same_family(value, kind):
            from batchgate.policy.validation.value_messages import wrong_type

            self.wrong(path, wrong_type(kind, value, path[-1] if path else ""))
            return
        match kind:
            case inspect.LiteralType(values=values) if value not in values:
                from batchgate.policy.validation.value_messages import wrong_choice

                self.wrong(path, wrong_choice(value, kind))
            case inspect.IntType(ge=lowest) if isinstance(value, int):
                if abs(value) > NUMBER_AT_MOST:
                    from batchgate.policy.validation.value_messages import too_large

                    self.wrong(path, too_large(value, kind))
                elif lowest is not None and value < lowest:
                    from batchgate.policy.validation.value_messages import wrong_number

                    self.wrong(path, wrong_number(value, kind))
            case inspect.DecimalType() if not is_money(value):
                from batchgate.policy.validation.value_messages import wrong_type

                self.wrong(path, wrong_type(kind, value))
            case inspect.StrType() if isinstance(value, str):
                self._read_text(value, kind, path)
            case _:
                pass

    def _read_text(self, value: str, kind: inspect.StrType, path: Path) -> None:
        if not _is_encodable(value):
            self.wrong(path, "expected text, got half of a surrogate pair; write the character itself")
        if not has_length(value, kind):
            from batchgate.policy.validation.value_messages import instead_of_empty, wrong_length

            self.wrong(path, wrong_length(kind, value, instead_of_empty(path, is_required=path == self.required)))
        elif kind.pattern is not None and not re.search(kind.pattern.replace("$", r"\Z"), value):
            from batchgate.policy.validation.value_messages import wrong_text

            self.wrong(path, wrong_text(value, kind, path[-1]))

    def _note(self, found: Iterator[parameters.Mistake | parameters.Use], path: Path, test: object) -> None:
        """Note what is wrong with a test; the values of a named list are compared when all lists are known."""
        for each in found:
            if isinstance(each, parameters.Use):
                self.closed_uses.append(((*path, *each.path), each.name, each.values))
            else:
                written = _at(each[0], test)
                is_list = isinstance(written, str) and written in self.lists
                self.wrong((*path, *each[0]), each[1] + (f"; write {{list: {written}}}" if is_list else ""))

    def _check_placeholders(self, value: str, path: Path) -> None:
        for found in _PLACEHOLDER.finditer(value):
            if found.group(1) not in model.PLACEHOLDERS or not found.group(0).endswith("}"):
                known = ", ".join(f"${{{name}}}" for name in model.PLACEHOLDERS)
                self.wrong(path, f"expected one of {known}, got {show(found.group(0))}")

    def _check_glob(self, value: str, path: Path) -> None:
        try:
            patterns.check_glob(value)
        except patterns.GlobError as error:
            self.wrong(path, str(error))


def _fields(kind: inspect.StructType) -> Mapping[str, inspect.Field]:
    """A struct's members by their keys; made once for each, as documents have hundreds of structs."""
    if kind.cls not in _FIELDS:
        _FIELDS[kind.cls] = {member.encode_name: member for member in kind.fields}
    return _FIELDS[kind.cls]


_FIELDS: dict[type, Mapping[str, inspect.Field]] = {}

_READERS: Mapping[type[inspect.Type], Callable[[Reader, object, Any, Path], None]] = {
    inspect.UnionType: Reader._read_union,  # noqa: SLF001 - this class's own
    inspect.StructType: Reader._read_struct,  # noqa: SLF001
    inspect.VarTupleType: Reader._read_list,  # noqa: SLF001
    inspect.DictType: Reader._read_mapping,  # noqa: SLF001
}
"""Values of all other types are scalars."""


def _at(path: Path, value: object) -> object:
    """What stands at a path below a value; None where it leads nowhere."""
    for step in path:
        if isinstance(value, dict):
            value = value.get(step)
        else:
            value = value[step] if isinstance(value, list | tuple) and isinstance(step, int) else None
    return value


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


_RULES: Mapping[type, Callable[[Notes, Mapping[str, Any], Path], None]] = {
    model.PolicyDocument: statements.check_document,
    model.Budget: statements.check_budget,
    model.Policy: statements.check_statement,
    model.Guardrail: statements.check_statement,
    model.Exemption: statements.check_exception,
    model.Condition: statements.check_condition,
    model.Requirement: statements.check_requirement,
    **dict.fromkeys(FORMS_OF_TESTS, operands.check_term),
    model.Report: operands.check_group,
    model.PlainReport: operands.check_group,
    model.Manifest: operands.check_group,
    model.PlainManifest: operands.check_group,
    model.Buckets: operands.check_group,
    model.PlainBuckets: operands.check_group,
    model.Prices: prices.check_prices,
    model.OpenRow: times.check_open_row,
    model.CalendarForm: times.check_calendar,
}

_CLOSED_SETS: Mapping[tuple[type, str], parameters.ClosedSet] = {
    (model.Report, "scope"): "report.scope",
    (model.PlainReport, "scope"): "report.scope",
    (model.Report, "format"): "report.format",
    (model.PlainReport, "format"): "report.format",
    (model.Manifest, "format"): "manifest.format",
    (model.PlainManifest, "format"): "manifest.format",
}
