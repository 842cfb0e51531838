"""A type is decoded on several threads at once only after msgspec has built its own description of it.

msgspec stores the description in the class before it is complete. Another thread that decodes to the class meanwhile
crashes the process, and leaves no message.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
BUILT_BY_ITS_READER = "model.PolicyDocument"
"""Not at import; the last test here is about it."""

IS_BUILT = """
import gc, sys
from importlib import import_module

module, name = sys.argv[1:]
found = import_module(module)
for part in name.split("."):
    found = getattr(found, part)
kinds = {type(each).__name__ for each in gc.get_referents(found)}
sys.exit(f"{name} of {module} is not built: {kinds}" if "StructInfo" not in kinds else 0)
"""

READ_AT_ONCE = """
import sys, threading
from importlib import reload

from batchgate.policy import model, validation

sys.setswitchinterval(1e-6)
DOCUMENT = {"version": 1, "policies": [{"name": "a", "require": [{"operation": "S3PutObjectCopy"}]}]}

def read():
    ready.wait()
    names.append(validation.read_document(DOCUMENT).policies[0].name)

for _ in range(40):
    reload(model)  # a class that msgspec has not described yet
    validation._built_type.cache_clear()
    names, ready = [], threading.Barrier(4)
    threads = [threading.Thread(target=read) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert names == ["a"] * 4, names
"""


def decoded() -> Iterator[tuple[str, str]]:
    """The module and the name of each type of its own, or of another module, that a module decodes or converts to."""
    for root in (CHECKOUT / "functions", CHECKOUT / "cli"):
        for path in sorted(root.rglob("*.py")):
            module = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
            source = path.read_text("utf-8")
            if not any(word in source for word in ("Decoder", "decode", "convert")):
                continue  # spares every worker the reading of most files
            tree = ast.parse(source)
            alone = {id(each) for block in ast.walk(tree) if holds_lock(block) for each in ast.walk(block)}
            for call in ast.walk(tree):
                if isinstance(call, ast.Call) and id(call) not in alone and (name := decoded_by(call)):
                    yield module, name


def holds_lock(block: ast.AST) -> bool:
    """Whether what stands in a block is done by one thread at a time."""
    return isinstance(block, ast.With) and ast.unparse(block.items[0]) == "_decoding_lock"


def decoded_by(call: ast.Call) -> str:
    """The type that a call of msgspec decodes or converts to, or that it makes a decoder of; "" for other calls."""
    match call:
        case ast.Call(func=ast.Attribute(attr="Decoder"), args=[kind, *_]):
            pass
        case ast.Call(func=ast.Attribute(value=ast.Name(id="msgspec"), attr="convert"), args=[_, kind, *_]):
            pass
        case ast.Call(func=ast.Attribute(attr="decode"), keywords=[ast.keyword(arg="type", value=kind)]):
            pass
        case _:
            return ""
    return "" if isinstance(kind, ast.Subscript) else ast.unparse(kind)  # dict[str, Any] is described anew each time


def run(script: str, *arguments: str) -> None:
    """Run it in a process in which nothing was decoded yet.

    Raises:
        AssertionError: It failed, or a signal killed it; the message has where.
    """
    command = [sys.executable, "-X", "faulthandler", "-c", script, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=CHECKOUT)
    assert done.returncode == 0, f"exit code {done.returncode}: {done.stderr}"


def test_the_types_are_found() -> None:
    """Those of the ledger, of the deployed gate and of policies, however they are decoded."""
    names = {name for _, name in decoded()}
    assert names >= {"State", "Heartbeat", "DeployedGate", "Running", BUILT_BY_ITS_READER}


@pytest.mark.parametrize(("module", "name"), [each for each in decoded() if each[1] != BUILT_BY_ITS_READER])
def test_a_decoded_type_is_built_when_its_module_is_imported(module: str, name: str) -> None:
    """An import happens once, whichever threads ask for it."""
    run(IS_BUILT, module, name)


def test_policies_are_first_read_on_several_threads_at_once() -> None:
    """As the checks of `batchgate doctor` and the workers of a sweep do."""
    run(READ_AT_ONCE)
