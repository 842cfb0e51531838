"""What is counted in a manifest, held against two readers of CSV that share nothing with the gate's.

Ten thousand manifests of every form and damage are counted whole and in ranges: what is counted is what the readers
count, and what is not counted has the defect that is given as the reason.
"""

import csv
import gzip
import hashlib
import io
import re
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random
from typing import Literal

import pytest

from batchgate.jobs.manifest_contents import ManifestContents, Uncountable
from batchgate.manifest.count import count
from batchgate.manifest.plan import Columns, InventoryFile, plan_inventory
from tests.unit.manifest.manifests import inventory_file, manifest_json, read_csv, read_inventory
from tests.unit.manifest.reference_reader import Defect, Reading, read, read_with_python

MANIFESTS = 10_000
FIELDS = (
    ("Bucket", "Key"),
    ("Key", "Bucket"),
    ("Bucket", "Key", "VersionId"),
    ("Bucket", "VersionId", "Key"),
    ("VersionId", "Ignore", "Key", "Bucket"),
    ("Ignore", "Bucket", "Key", "Ignore", "VersionId", "Ignore"),
)
PIECES = ("a", "%2C", "%22", "/", "ü", "日本", "+", " ", "null", ",", '"', "\n", "\r\n", "\r", "''", ";", "\t", "\\")
DEFECTS: Mapping[str, Defect] = {
    "it begins with a byte order mark": Defect.MARK,
    "is not UTF-8": Defect.TEXT,
    "has a NUL byte": Defect.NUL,
    "has a carriage return without a line feed": Defect.LONE_RETURN,
    "has a quotation mark that is never closed": Defect.OPEN_QUOTE,
    "has a quotation mark where none may be": Defect.STRAY_QUOTE,
    "has a backslash before a comma, a quotation mark or a line break": Defect.ESCAPE,
    "has a comma within quotation marks that a reader could take for the end of a field": Defect.COMMA,
}


def text(random: Random, pieces: int) -> str:
    """A field's content."""
    return "".join(random.choices(PIECES, k=random.randint(0, pieces)))


def written(random: Random, content: str, quoting: str) -> str:
    """A field as it stands in the manifest."""
    is_needed = any(each in content for each in ',"\r\n')
    if quoting == "all" or (quoting == "some" and random.random() < 0.3) or (is_needed and quoting != "none"):
        return '"' + content.replace('"', '""') + '"'
    return content if quoting != "none" else re.sub(r'[,"\r\n]', "-", content)


def csv_manifest(random: Random, fields: Sequence[str]) -> bytes:
    """A manifest without damage."""
    quoting = random.choice(["none", "none", "needed", "some", "all"])
    buckets = random.choice([["lake"], ["lake", "other"], ["lake", "", "lake ", 'l"ake', "a,b", "x\ny"]])
    line_ends = random.choice([["\n"], ["\r\n"], ["\n", "\r\n", "\n\n"]])
    simple = random.random() < 0.5
    rows = []
    for _ in range(random.choice([1, 2, 3, 8, 40])):
        contents = {
            "Bucket": random.choice(buckets),
            "Key": "key" if simple else text(random, 5) or "k",
            "VersionId": random.choice(["", "null", "v1"]),
            "Ignore": "" if simple else text(random, 2),
        }
        row = ",".join(written(random, contents[name], quoting) for name in fields)
        rows.append(row + random.choice(line_ends))
    manifest = "".join(rows)
    return (manifest if random.random() < 0.7 else manifest.rstrip("\r\n")).encode()


def damaged(random: Random, manifest: bytes) -> bytes:
    """A manifest to which something happened; not everything is damage."""
    at = random.randint(0, len(manifest))
    piece = random.choice([b'"', b",", b"\n", b"\r", b"\r\n", b"\0", b"\xff", b"\xc3", b"x", b"\n\n", b'"\n"', b'","'])
    match random.randint(0, 6):
        case 0 | 1 | 2:
            return manifest[:at] + piece + manifest[at:]
        case 3:
            return manifest[:at] + piece + manifest[at + 1 :]
        case 4:
            return manifest[:at] + manifest[at + random.randint(1, 4) :]
        case 5:
            return manifest[:at]
        case _:
            return random.choice([b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"]) + manifest


def any_bytes(random: Random) -> bytes:
    """Nothing that anybody would call a manifest."""
    letters = [b'"', b",", b"\n", b"\r", b"a", b"b", b"\0", b"\xff", "ü".encode(), b"lake,a\n", b'"lake","a"\n']
    return b"".join(random.choices(letters, k=random.randint(0, 60)))


def manifests(seed: int, number: int) -> Iterator[tuple[Random, Sequence[str], bytes]]:
    """Of all kinds."""
    random = Random(seed)
    for _ in range(number):
        fields = random.choice(FIELDS)
        kind = random.random()
        manifest = any_bytes(random) if kind < 0.1 else csv_manifest(random, fields)
        yield random, fields, damaged(random, manifest) if kind > 0.5 else manifest


def check(counted: ManifestContents | Uncountable, reading: Reading, fields: Sequence[str], *, in_ranges: bool) -> None:
    """Equal to what the readers count, or not counted for a reason that is true."""
    if isinstance(counted, ManifestContents):
        assert not reading.defects
        assert all(len(row) == len(fields) for row in reading.rows)
        assert (counted.rows, counted.rows_without_version, counted.buckets) == reading.contents(fields)
        return
    if counted.why == "its manifest: a line break within quotation marks where two ranges meet":
        assert in_ranges
        assert reading.has_quoted_line_break
        return
    row, why = re.fullmatch(r"its manifest(?:, part \d+ of \d+)?: (?:row (\d+) )?(.*)", counted.why).groups()  # type: ignore[union-attr]
    if found := re.fullmatch(r"has (\d+) columns instead of (\d+)", why):
        assert int(found[2]) == len(fields)
        lengths = [len(each) for each in reading.rows]
        assert int(found[1]) in lengths
        assert int(found[1]) != len(fields)
        if not in_ranges:
            assert next(at for at, length in enumerate(lengths, 1) if length != len(fields)) == int(row)
        return
    assert DEFECTS[why] in reading.defects or (in_ranges and reading.has_quoted_line_break)


def assert_other_dialects_agree(counted: ManifestContents, manifest: bytes, fields: Sequence[str]) -> None:
    """A reader that knows backslashes, or no quotation marks, finds other numbers of rows or the same buckets."""
    dialects: tuple[tuple[Literal[0, 3], str | None], ...] = (
        (csv.QUOTE_MINIMAL, "\\"),
        (csv.QUOTE_NONE, None),
        (csv.QUOTE_NONE, "\\"),
    )
    for quoting, escape in dialects:
        text = io.StringIO(manifest.decode(), newline="")
        rows = [row for row in csv.reader(text, quoting=quoting, escapechar=escape) if row]
        if len(rows) != counted.rows or min(map(len, rows), default=len(fields)) < len(fields):
            continue  # S3's number of tasks is another one, or its tasks fail
        buckets = [row[fields.index("Bucket")] for row in rows]
        if quoting == csv.QUOTE_NONE:
            buckets = [re.sub('^"(.*)"$', r"\1", each).replace('""', '"') for each in buckets]
        assert Counter(buckets) == counted.buckets, (quoting, escape, manifest)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_ten_thousand_manifests_are_counted_as_others_read_them(seed: int) -> None:
    """Whole, and in ranges, blocks and chunks of any length."""
    counted = 0
    for random, fields, manifest in manifests(seed, MANIFESTS // 4):
        reading = read(manifest, fields)
        block_bytes, chunk_bytes = random.choice([(4, 1), (7, 3), (64, 64), (1 << 20, 1 << 20)])
        whole = read_csv(manifest, fields, block_bytes=block_bytes, chunk_bytes=chunk_bytes)
        check(whole, reading, fields, in_ranges=False)
        range_bytes = random.randint(1, len(manifest) + 1)
        ranges = read_csv(manifest, fields, range_bytes=range_bytes, block_bytes=block_bytes, chunk_bytes=chunk_bytes)
        check(ranges, reading, fields, in_ranges=True)
        if isinstance(whole, ManifestContents):
            assert reading.rows == read_with_python(manifest)
            assert_other_dialects_agree(whole, manifest, fields)
            assert ranges == whole or reading.has_quoted_line_break
        else:
            assert isinstance(ranges, Uncountable)
        counted += isinstance(whole, ManifestContents)
    assert MANIFESTS / 4 * 0.3 < counted < MANIFESTS / 4 * 0.8


def test_small_manifests_are_counted_alike_wherever_they_are_cut() -> None:
    """Into ranges of every length; only a line break within quotation marks may prevent it."""
    cut = 0
    for _, fields, manifest in manifests(5, 400):
        if not 0 < len(manifest) <= 60:
            continue
        reading = read(manifest, fields)
        whole = read_csv(manifest, fields)
        for range_bytes in range(1, len(manifest) + 1):
            ranges = read_csv(manifest, fields, range_bytes=range_bytes, block_bytes=16)
            check(ranges, reading, fields, in_ranges=True)
            assert ranges == whole or isinstance(whole, Uncountable) or reading.has_quoted_line_break
            cut += 1
    assert cut > 2_000


def test_inventories_are_counted_as_the_same_rows_in_a_csv() -> None:
    """Whatever is in their files."""
    for random, fields, manifest in manifests(6, 500):
        expected = read_csv(manifest, fields)
        counted = read_inventory([manifest], ", ".join(fields), block_bytes=random.choice([4, 16, 1 << 20]))
        assert counted == expected


def test_sizes_are_added_up_as_others_read_them() -> None:
    """Quoted or not, and not at all where one row has none."""
    random = Random(9)
    for _ in range(1_000):
        quoting = random.choice(["none", "some", "all"])
        sizes = random.choices(["0", "7", "1000", "007"], k=random.randint(1, 30))
        if random.random() < 0.3:
            sizes[random.randrange(len(sizes))] = random.choice(["", "-1", "1.0", '"1"', "x"])
        rows = [",".join(written(random, each, quoting) for each in ("lake", size, "key")) for size in sizes]
        manifest = "\n".join(rows).encode()
        expected = [row[1] for row in read_with_python(manifest)]
        counted = read_inventory([manifest], "Bucket, Size, Key", block_bytes=random.choice([4, 64, 1 << 20]))
        assert isinstance(counted, ManifestContents)
        assert counted.object_bytes == (sum(map(int, expected)) if all(map(str.isdigit, expected)) else None)


def compressed(random: Random) -> bytes:
    """Two members of a gzip file."""
    rows = [gzip.compress(csv_manifest(random, ("Bucket", "Key")), mtime=0) for _ in range(2)]
    return b"".join(rows)


DAMAGES: Mapping[str, Callable[[Random, bytes], bytes]] = {
    "none": lambda random, data: data,
    "cut": lambda random, data: data[: random.randint(0, len(data))],
    "followed": lambda random, data: data + random.randbytes(random.randint(1, 9)),
    "padded": lambda random, data: data + b"\0" * 8,
    "changed": lambda random, data: bytes(each ^ (random.random() < 0.01) for each in data),
    "other": lambda random, data: random.randbytes(50),
}


@pytest.fixture(params=["isal", "zlib"])
def decompressor(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With ISA-L, which ships with the functions, and where that is not installed."""
    if request.param == "zlib":
        monkeypatch.setitem(sys.modules, "isal", None)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.usefixtures("decompressor")
def test_damaged_compression_is_never_a_wrong_count(damage: str) -> None:
    """Even of a file that the inventory names as it is: with its size and MD5."""
    random = Random(7)
    for _ in range(100):
        data = DAMAGES[damage](random, compressed(random))
        part = InventoryFile("data.csv.gz", len(data), hashlib.md5(data).hexdigest())  # noqa: S324 - S3's
        counts = count(part, Columns(2, 0, 1), [data[:11], data[11:]], block_bytes=random.choice([4, 16, 1 << 20]))
        try:
            expected = read_csv(gzip.decompress(data))
        except (OSError, EOFError, zlib.error):
            assert counts.why
            continue
        if not counts.why:
            assert isinstance(expected, ManifestContents)
            assert (counts.rows, counts.buckets) == (expected.rows, expected.buckets)
        elif damage == "none":
            assert expected == Uncountable(f"its manifest: {counts.why}")
        else:
            assert damage == "padded" or not data or isinstance(expected, Uncountable)


def test_no_document_breaks_the_plan_of_an_inventory() -> None:
    """It is a plan, or says that it is none."""
    random = Random(8)
    document = manifest_json([inventory_file(0, b"lake,a\n")[0]])
    for _ in range(2_000):
        at = random.randrange(len(document))
        changed = (
            document[:at]
            + random.choice([b"", b"1", b'"', b"{", b"null", b"\xff"])
            + document[at + random.randint(0, 3) :]
        )
        plan_inventory(changed)
