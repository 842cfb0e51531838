"""Editors complete and check policies: the YAML language server over its protocol, with this checkout's schema."""

import json
import queue
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import pytest

from batchgate_cli.authoring.check_descriptions import CHECKS
from batchgate_cli.authoring.key_descriptions import JOINING

CHECKOUT = Path(__file__).resolve().parents[2]
SERVER = CHECKOUT / "node_modules" / ".bin" / "yaml-language-server"
POLICIES = sorted([*CHECKOUT.glob("policies/*.yaml"), *CHECKOUT.glob("policies/examples/*.yaml")])
MODELINE = "# yaml-language-server: $schema=policy.schema.json\n"
PATIENCE_SECONDS = 60

POLICY = """\
version: 1
policies:
  - name: tagging
    match:
      - operation: S3PutObjectTagging
    require:
"""


@dataclass(slots=True)
class Editor:
    """What an editor does with the YAML language server. Source: Language Server Protocol 3.17."""

    process: subprocess.Popen[bytes]
    settings: dict[str, Any]
    received: queue.SimpleQueue[dict[str, Any] | None] = field(default_factory=queue.SimpleQueue)
    diagnostics: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    requests: int = 0

    def start(self, directory: Path) -> None:
        """Say hello, and where the files are."""
        threading.Thread(target=self._listen, daemon=True).start()
        capabilities = {
            "textDocument": {"completion": {}, "hover": {"contentFormat": ["markdown"]}},
            "workspace": {"configuration": True},
        }
        folder = {"uri": directory.as_uri(), "name": directory.name}
        self.ask(
            "initialize",
            {
                "processId": None,
                "rootUri": folder["uri"],
                "capabilities": capabilities,
                "workspaceFolders": [folder],
            },
        )
        self.tell("initialized", {})
        self.tell("workspace/didChangeConfiguration", {"settings": {"yaml": self.settings}})

    def open(self, file: Path, text: str) -> str:
        """Open a file that says this; its URI."""
        document = {"uri": file.as_uri(), "languageId": "yaml", "version": 1, "text": text}
        self.tell("textDocument/didOpen", {"textDocument": document})
        return file.as_uri()

    def squiggles(self, uri: str) -> list[str]:
        """What is underlined in an open file: `LINE: MESSAGE`, lines counted from 1."""
        while uri not in self.diagnostics:
            self._take()
        return [f"{each['range']['start']['line'] + 1}: {each['message']}" for each in self.diagnostics[uri]]

    def ask(self, method: str, parameters: dict[str, Any]) -> Any:
        """Ask the server and wait for its answer."""
        self.requests += 1
        self._send({"id": self.requests, "method": method, "params": parameters})
        while True:
            message = self._take()
            if message.get("id") == self.requests and "method" not in message:
                assert "error" not in message, message
                return message["result"]

    def ask_at(self, method: str, file: Path, text: str) -> Any:
        """Open a file and ask about the place in it that is marked by `|`."""
        before, _, after = text.partition("|")
        uri = self.open(file, before + after)
        position = {"line": before.count("\n"), "character": len(before) - (before.rfind("\n") + 1)}
        return self.ask(f"textDocument/{method}", {"textDocument": {"uri": uri}, "position": position})

    def tell(self, method: str, parameters: dict[str, Any]) -> None:
        """Tell the server something that it does not answer."""
        self._send({"method": method, "params": parameters})

    def _send(self, message: dict[str, Any]) -> None:
        content = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._pipe(self.process.stdin).write(b"Content-Length: %d\r\n\r\n%s" % (len(content), content))
        self._pipe(self.process.stdin).flush()

    def _take(self) -> dict[str, Any]:
        """One message of the server, its own questions answered."""
        message = self.received.get(timeout=PATIENCE_SECONDS)
        assert message is not None, "the language server ended"
        if message.get("method") == "workspace/configuration":
            asked = message["params"]["items"]
            answer = [self.settings if item.get("section") == "yaml" else None for item in asked]
            self._send({"id": message["id"], "result": answer})
        elif message.get("method") == "textDocument/publishDiagnostics":
            self.diagnostics[message["params"]["uri"]] = message["params"]["diagnostics"]
        elif "method" in message and "id" in message:
            self._send({"id": message["id"], "result": None})
        return message

    def _listen(self) -> None:
        stream = self._pipe(self.process.stdout)
        while header := stream.readline():
            if header.lower().startswith(b"content-length:"):
                length = int(header.split(b":")[1])
                while stream.readline().strip():
                    pass
                self.received.put(json.loads(stream.read(length)))
        self.received.put(None)

    @staticmethod
    def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
        assert stream is not None
        return stream


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the schema in it, as `batchgate policy new` leaves one."""
    directory = tmp_path_factory.mktemp("workspace")
    shutil.copy(CHECKOUT / "docs" / "policy.schema.json", directory)
    return directory


@pytest.fixture(scope="module")
def editor(workspace: Path) -> Iterator[Editor]:
    """A server that asks no network for schemas and takes all policies of this checkout for such."""
    if not SERVER.exists():
        pytest.fail(f"{SERVER} is missing: run `make setup`", pytrace=False)
    schema = (CHECKOUT / "docs" / "policy.schema.json").as_uri()
    settings = {
        "completion": True,
        "hover": True,
        "validate": True,
        "schemaStore": {"enable": False, "url": ""},
        "schemas": {schema: [file.as_uri() for file in POLICIES]},
    }
    with subprocess.Popen(
        [str(SERVER), "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        editor = Editor(process, settings)
        try:
            editor.start(workspace)
            yield editor
        finally:
            process.kill()


def test_it_underlines_nothing_in_the_policies_of_this_repository(editor: Editor) -> None:
    """Whether they name the schema in their first line or not; and where a key is wrong, it does."""
    opened = {file: editor.open(file, file.read_text()) for file in POLICIES}
    assert {file.name: editor.squiggles(uri) for file, uri in opened.items()} == {file.name: [] for file in POLICIES}
    for file, uri in opened.items():
        spoiled = file.read_text() + "unheard-of: true\n"
        change = {"textDocument": {"uri": uri, "version": 2}, "contentChanges": [{"text": spoiled}]}
        del editor.diagnostics[uri]
        editor.tell("textDocument/didChange", change)
    last = {file: len(file.read_text().splitlines()) + 1 for file in POLICIES}
    assert {file.name: editor.squiggles(uri) for file, uri in opened.items()} == {
        file.name: [f"{last[file]}: Property unheard-of is not allowed."] for file in POLICIES
    }


@pytest.mark.parametrize(
    ("name", "text", "offered"),
    [
        ("statement", "version: 1\npolicies:\n  - na|\n", {"name", "match", "require", "on_violation"}),
        ("requirement", f"{POLICY}      - |\n", {*CHECKS, *JOINING, "unless", "on_violation", "message"}),
        ("range", f"{POLICY}      - total_tasks: {{a|}}\n", {"at_least", "at_most", "not"}),
        ("operation", "version: 1\npolicies:\n  - name: p\n    match:\n      - operation: |\n", {"S3PutObjectTagging"}),
        ("path", f"{POLICY}      - operation_parameters: {{S3|}}\n", {"S3InitiateRestoreObject.GlacierJobTier"}),
        (
            "parameter",
            f"{POLICY}      - operation_parameters:\n          S3InitiateRestoreObject.GlacierJobTier: |\n",
            {"BULK", "STANDARD"},
        ),
        ("setting", "version: 1\nunmatched: |\n", {"hold", "cancel"}),
        ("row", "version: 1\ncalendars:\n  nights:\n    open:\n      - d|\n", {"days", "dates", "from", "to"}),
    ],
)
def test_it_offers_what_can_be_written(
    editor: Editor, workspace: Path, name: str, text: str, offered: set[str]
) -> None:
    """Keys and values, by the schema that the file's first line names."""
    found = editor.ask_at("completion", workspace / f"complete-{name}.yaml", MODELINE + text)
    assert offered <= {item["label"] for item in found["items"]}


def test_it_offers_only_checks_in_match(editor: Editor, workspace: Path) -> None:
    """A person can't be asked there, and nothing follows from a violation."""
    text = "version: 1\npolicies:\n  - name: p\n    match:\n      - |\n    require: []\n"
    found = editor.ask_at("completion", workspace / "complete-match.yaml", MODELINE + text)
    assert {item["label"] for item in found["items"]} == {*CHECKS, *JOINING} - {"manual_approval", "budget"}


def test_it_explains_every_check(editor: Editor, workspace: Path) -> None:
    """With what it looks at and an example."""
    for key, check in CHECKS.items():
        example = check.example.replace("\n", "\n        ")
        text = f"{MODELINE}{POLICY}      - |{example}\n"
        shown = editor.ask_at("hover", workspace / f"hover-{key}.yaml", text)
        assert check.looks_at in shown["contents"]["value"]
        assert check.example in shown["contents"]["value"]


@pytest.mark.parametrize(
    ("name", "requirement", "underlined"),
    [
        ("check", "- totl_tasks: {at_most: 1}", "8: Property totl_tasks is not allowed."),
        ("two", "- region: eu-*\n        role: x", "8: one check per item: make each a separate item (- )"),
        ("none", "- message: hi", "8: expected one check, any or all"),
        (
            "placeholder",
            '- role: "${owner}"',
            "8: expected ${account}, ${region} or ${partition}; no other ${...} is known",
        ),
        ("not", "- total_tasks: {at_most: 1, not: {at_most: 2}}", "8: Property at_most is not allowed."),
        ("buckets", "- source_buckets: [lake-*]", '8: Incorrect type. Expected "bucket tests".'),
    ],
)
def test_it_underlines_a_mistake_once(
    editor: Editor, workspace: Path, name: str, requirement: str, underlined: str
) -> None:
    """On its line, and nothing else."""
    uri = editor.open(workspace / f"wrong-{name}.yaml", f"{MODELINE}{POLICY}      {requirement}\n")
    assert editor.squiggles(uri) == [underlined]


def test_numbers_with_underscores_are_numbers(editor: Editor, workspace: Path) -> None:
    """Though an editor reads them as text; a number in quotes is none."""
    right = editor.open(workspace / "number.yaml", f"{MODELINE}{POLICY}      - total_tasks: {{at_most: 5_000_000}}\n")
    wrong = editor.open(workspace / "quoted.yaml", f'{MODELINE}{POLICY}      - total_tasks: {{at_most: "5"}}\n')
    assert editor.squiggles(right) == []
    assert len(editor.squiggles(wrong)) == 1
