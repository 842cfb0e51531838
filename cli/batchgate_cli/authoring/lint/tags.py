"""Lint on tags in the form that AWS's APIs give them: a key named Key and a key named Value."""

from collections.abc import Iterator

from batchgate.policy.checks import Tag
from batchgate_cli.authoring.lint.finding import Finding, Path
from batchgate_cli.authoring.lint.located import Leaf, Located

_WRITTEN_AT_MOST = 60


def lint_tags(located: Located) -> Iterator[Finding]:
    """A mapping of nothing but Key and Value. Source: S3 Control API, S3Tag."""
    found: dict[Path, dict[str, Leaf]] = {}
    for leaf in located.leaves:
        if isinstance(leaf.check.measure, Tag):
            found.setdefault(leaf.path[:-1], {})[leaf.check.measure.key] = leaf
    for path, by_key in found.items():
        if {key.casefold() for key in by_key} == {"key", "value"} and len(by_key) == 2:  # noqa: PLR2004 - the two
            key, value = (by_key[each] for each in sorted(by_key, key=str.casefold))
            yield Finding(
                "tags-as-in-aws",
                path,
                f"this asks for two tags of the job, one named {key.path[-1]} and one named {value.path[-1]}; the tags"
                " of its objects are not checked",
                f"write tags: {_as_mapping(key.operand, value.operand)}",
            )


def _as_mapping(key: object, value: object) -> str:
    texts = [each for each in (key, value) if isinstance(each, str) and each.isprintable()]
    written = f"{{{': '.join(texts)}}}"
    return written if len(texts) == 2 and len(written) <= _WRITTEN_AT_MOST else "{KEY: VALUE}"  # noqa: PLR2004
