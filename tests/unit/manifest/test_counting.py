"""What is counted in the rows of a manifest, and why it can't be."""

import gzip
from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from batchgate.jobs.manifest_contents import ManifestContents, Uncountable
from batchgate.manifest.count import count
from batchgate.manifest.counts import PartCounts, combine
from batchgate.manifest.plan import Columns, CsvRange, InventoryFile, Plan, Source, csv_columns, plan_inventory
from tests.unit.manifest.manifests import inventory_file, manifest_json, read_csv, read_inventory

BUCKET_KEY = ("Bucket", "Key")
WITH_VERSION = ("Bucket", "Key", "VersionId")


@pytest.mark.parametrize(
    ("fields", "data", "rows", "without_version", "buckets"),
    [
        (BUCKET_KEY, b"lake,a\nlake,b\n", 2, 2, {"lake": 2}),
        (BUCKET_KEY, b"lake,a\nlake,b", 2, 2, {"lake": 2}),
        (BUCKET_KEY, b"lake,a\r\nlake,b\r\n", 2, 2, {"lake": 2}),
        (BUCKET_KEY, b"\nlake,a\n\r\n\nlake,b\n\n", 2, 2, {"lake": 2}),
        (BUCKET_KEY, b"lake,a%20b%2Cc\nother,%22\n", 2, 2, {"lake": 1, "other": 1}),
        (BUCKET_KEY, b'lake,"a,\r\n""b"""\n"lake",b\n', 2, 2, {"lake": 2}),
        (BUCKET_KEY, b'"la""ke",a\n', 1, 1, {'la"ke': 1}),
        (BUCKET_KEY, b"lake%2d,a\n", 1, 1, {"lake%2d": 1}),
        (BUCKET_KEY, "lake,Müll\n".encode(), 1, 1, {"lake": 1}),
        (WITH_VERSION, b"lake,a,v1\nlake,b,\nlake,c,null\n", 3, 1, {"lake": 3}),
        (WITH_VERSION, b'lake,a,"v1"\nlake,b,""\nlake,c,"null"\n', 3, 1, {"lake": 3}),
        (("Ignore", "VersionId", "Key", "Ignore", "Bucket"), b",,k,,lake\nx,v,k,y,lake", 2, 1, {"lake": 2}),
        (BUCKET_KEY, b',a\n"",b\nlake,\n', 3, 3, {"": 2, "lake": 1}),
        (BUCKET_KEY, b"", 0, 0, {}),
        (BUCKET_KEY, b"\n\n", 0, 0, {}),
    ],
)
def test_rows_are_counted(
    fields: tuple[str, ...], data: bytes, rows: int, without_version: int, buckets: dict[str, int]
) -> None:
    """With their buckets and versions, however they are written."""
    assert read_csv(data, fields) == ManifestContents(rows, without_version, buckets, None)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\xef\xbb\xbflake,a\n", "it begins with a byte order mark"),
        ("lake,a\n".encode("utf-16"), "it begins with a byte order mark"),
        (b"lake,a\nlake,b,c\n", "row 2 has 3 columns instead of 2"),
        (b'lake,a\n"lake,b"\n', "row 2 has 1 columns instead of 2"),
        (b'lake,a\nlake,"b,c",d', "row 2 has 3 columns instead of 2"),
        (b"lake,a\nlake", "row 2 has 1 columns instead of 2"),
        (b"lake,a\n" + b"l" * 256 + b",b\n", "a row has a bucket of more than 255 bytes"),
        (b"lake,a\nlake,\xffb\n", "row 2 is not UTF-8"),
        (b"lake,a\nlake,b\0\n", "row 2 has a NUL byte"),
        (b"lake,a\nlake,b\rlake,c\n", "row 2 has a carriage return without a line feed"),
        (b"lake,a\nlake,b\r", "row 2 has a carriage return without a line feed"),
        (b'lake,a\nlake,"b', "row 2 has a quotation mark that is never closed"),
        (b'lake,a\nlake,"b""', "row 2 has a quotation mark that is never closed"),
        (b'lake,a\nlake,b"c"\n', "row 2 has a quotation mark where none may be"),
        (b'lake,a\nlake,"b\\"\n', "row 2 has a backslash before a comma, a quotation mark or a line break"),
        (b"lake,a\nlake,b\\\n", "row 2 has a backslash before a comma, a quotation mark or a line break"),
        (b"lake\\,a\nlake,b\n", "row 1 has a backslash before a comma, a quotation mark or a line break"),
        (
            b'lake,a\n"la,ke",b\n',
            "row 2 has a comma within quotation marks that a reader could take for the end of a field",
        ),
        (b'lake,a\nlake,"b"c\n', "row 2 has a quotation mark where none may be"),
        (b"lake,a\nlake," + b"b" * 3 * 1024 * 1024 + b"\n", "row 2 is longer than 1,048,576 bytes"),
    ],
)
def test_what_can_not_be_counted_says_which_row_and_why(data: bytes, why: str) -> None:
    """Nothing of the row itself is in it."""
    assert read_csv(data) == Uncountable(f"its manifest: {why}")


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        (("Bucket", "Ignore"), "its manifest has no column named Key"),
        ((), "its manifest has no column named Bucket"),
        (("Bucket", "Key", "Key"), "its manifest has several columns named Key"),
        (("Bucket", "Key", "VersionId", "VersionId"), "its manifest has several columns named VersionId"),
    ],
)
def test_columns_that_are_not_there_or_twice(fields: tuple[str, ...], why: str) -> None:
    """S3 would refuse such a job, or read one of them."""
    assert csv_columns(fields) == Uncountable(why)


def test_an_inventory_adds_up_the_sizes() -> None:
    """Of all its files."""
    files = [b'"lake","a","v","1"\n"lake","b","","20"\n', b'"other","c","w","300"\n']
    assert read_inventory(files) == ManifestContents(3, 1, {"lake": 2, "other": 1}, 321)


@pytest.mark.parametrize("size", [b"", b"-1", b"1.5", b"1_0", b" 1", b"1" * 16, "\u0661".encode()])
def test_one_row_without_a_size_leaves_the_sum_open(size: bytes) -> None:
    """A delete marker has none."""
    contents = read_inventory([b'"lake","a","v","1"\n"lake","b","w","' + size + b'"\n'])
    assert contents == ManifestContents(2, 0, {"lake": 2}, None)


def test_an_inventory_without_sizes() -> None:
    """Its schema says which columns it has."""
    assert read_inventory([b'"lake","a"\n'], "Bucket, Key") == ManifestContents(1, 1, {"lake": 1}, None)


def test_a_thousand_buckets_are_named_and_one_more_are_not() -> None:
    """The rows are counted all the same."""
    rows = [b"bucket-%d,key\n" % number for number in range(1_001)]
    contents = read_csv(b"".join(rows[:1_000]))
    assert isinstance(contents, ManifestContents)
    assert contents.buckets == {f"bucket-{number}": 1 for number in range(1_000)}
    assert read_csv(b"".join(rows)) == ManifestContents(1_001, 1_001, None, None)
    assert read_csv(b"".join(rows), range_bytes=2_000) == ManifestContents(1_001, 1_001, None, None)


@pytest.mark.parametrize("damage", ["shorter", "longer", "other", "malformed", "no gzip"])
def test_a_data_file_that_is_another_is_not_counted(damage: str) -> None:
    """What is in it says nothing of the manifest."""
    part, data = inventory_file(0, b'"lake","a","v","1"\n')
    stored = {
        "shorter": data[:-1],
        "longer": data + b"\0",
        "other": inventory_file(0, b'"lake","b","v","1"\n')[1],
        "malformed": inventory_file(0, b'"lake"\n')[1],
        "no gzip": b"plain",
    }[damage]
    counts = count(part, Columns(4, 0, 1, 2, 3), [stored])
    assert counts == PartCounts(why="its size or MD5 is not the one that the inventory names")


def test_a_data_file_of_another_size_is_another() -> None:
    """Two files of one MD5 can be made; that they are of one size, too, is harder."""
    part, data = inventory_file(0, b'"lake","a","v","1"\n')
    counts = count(replace(part, size=part.size + 1), Columns(4, 0, 1, 2, 3), [data])
    assert counts == PartCounts(why="its size or MD5 is not the one that the inventory names")


@pytest.mark.parametrize("chunk_bytes", [1, 100, 100_000])
def test_no_more_of_a_data_file_is_read_than_the_inventory_names(chunk_bytes: int) -> None:
    """Whoever writes the inventory names a few bytes, and stores an object that takes hours to read."""
    rows = b'"lake","a","v","1"\n' * 10_000
    _, data = inventory_file(0, rows)
    data = data + gzip.compress(rows, 0) * 10
    part, read = InventoryFile("f", 50, "0" * 32), 0

    def chunks() -> Iterator[bytes]:
        nonlocal read
        for at in range(0, len(data), chunk_bytes):
            read += chunk_bytes
            yield data[at : at + chunk_bytes]

    counts = count(part, Columns(4, 0, 1, 2, 3), chunks())
    assert counts == PartCounts(why="its size or MD5 is not the one that the inventory names")
    assert read <= part.size + 2 * chunk_bytes


@pytest.mark.parametrize("number", [101, 1_000_000])
def test_a_manifest_of_very_many_columns_is_not_read(number: int) -> None:
    """Nothing in S3 makes one, and finding the rows would take longer the more there are."""
    more = [f"c{at}" for at in range(number - 2)]
    why = Uncountable("its manifest has more than 100 columns")
    assert csv_columns(["Bucket", "Key", *["Ignore"] * (number - 2)]) == why
    assert plan_inventory(manifest_json([], ", ".join(["Bucket", "Key", *more]))) == why
    assert isinstance(csv_columns(["Bucket", "Key", *["Ignore"] * 98]), Columns)


def test_a_data_file_of_less_than_no_bytes_describes_no_inventory() -> None:
    """It would make up for another, of any size, where what is to be read is added up."""
    files = [InventoryFile("a", 10**12, "0" * 32), InventoryFile("b", -(10**12), "0" * 32)]
    why = "its manifest.json is not the description of an inventory"
    assert plan_inventory(manifest_json(files)) == Uncountable(why)


def test_what_is_wrong_with_the_right_data_file_is_its_own_reason() -> None:
    """It is read to its end before that is said."""
    rows = b"".join(b"lake,key-%d\n" % number for number in range(1_000))
    part, data = inventory_file(0, b"lake\n" + rows)
    counts = count(part, Columns(2, 0, 1), [data[:100], data[100:]], block_bytes=64)
    assert counts == PartCounts(why="row 1 has 1 columns instead of 2")


PLAN = Plan(Source("lake", Columns(2, 0, 1)), (CsvRange(0, 8, 16), CsvRange(8, 16, 16)))
FIRST = PartCounts(1, 1, {"lake": 1}, None, 0, 9)
SECOND = PartCounts(1, 1, {"lake": 1}, None, 9, 16)
EDGE = Uncountable("its manifest: a line break within quotation marks where two ranges meet")


@pytest.mark.parametrize(
    ("counts", "found"),
    [
        ([FIRST, SECOND], ManifestContents(2, 2, {"lake": 2}, None)),
        ([FIRST, replace(SECOND, begins=8)], EDGE),
        ([FIRST, replace(SECOND, begins=10)], EDGE),
        ([replace(FIRST, ends=16), PartCounts()], ManifestContents(1, 1, {"lake": 1}, None)),
        ([FIRST, PartCounts()], EDGE),
        ([FIRST, replace(SECOND, ends=15)], EDGE),
        (
            [FIRST, PartCounts(begins=9, why="row 1 is not UTF-8")],
            Uncountable("its manifest, part 2 of 2: row 1 is not UTF-8"),
        ),
        ([FIRST, PartCounts(begins=8, why="row 1 is not UTF-8")], EDGE),
        ([FIRST], Uncountable("1 of the 2 parts of its manifest were read")),
        ([], Uncountable("0 of the 2 parts of its manifest were read")),
    ],
)
def test_parts_are_added_up_only_where_they_meet(
    counts: list[PartCounts], found: ManifestContents | Uncountable
) -> None:
    """Each begins where the one before it ended: then none began within quotation marks."""
    assert combine(PLAN, counts) == found


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (b"\xef\xbb\xbf{}", "its manifest.json is not the description of an inventory"),
        (b"{}", "its manifest.json is not the description of an inventory"),
        (b"[" * 100_000, "its manifest.json is not the description of an inventory"),
        (manifest_json([]).replace(b"arn", b"\xff"), "its manifest.json is not the description of an inventory"),
        (
            manifest_json([]).replace(b"[]", b'[{"key": "a"}]'),
            "its manifest.json is not the description of an inventory",
        ),
        *(
            (
                manifest_json([]).replace(b"}", b", %b}" % twice),
                "its manifest.json is not the description of an inventory",
            )
            for twice in (b'"files": []', b'"fileSchema": "Key, Bucket"', b'"x": {"y": 1, "y": 1}')
        ),
        (manifest_json([], fileFormat="ORC"), "its manifest is an inventory in the format ORC"),
        (manifest_json([], fileFormat="Parquet"), "its manifest is an inventory in the format Parquet"),
        (manifest_json([], fileFormat="csv"), "its manifest is an inventory in a format other than CSV"),
        (manifest_json([], "Bucket"), "its manifest has no column named Key"),
        (manifest_json([], "Bucket, Key, Size, Size"), "its manifest has several columns named Size"),
        (
            manifest_json([], destinationBucket="arn:aws:s3:us-east-1:1:x"),
            "the data files of its manifest are in a malformed ARN",
        ),
    ],
)
def test_a_document_that_is_no_csv_inventory(document: bytes, why: str) -> None:
    """S3 Batch Operations reads inventories in CSV only."""
    assert plan_inventory(document) == Uncountable(why)


def test_a_bucket_of_the_inventory_may_be_named_or_an_arn() -> None:
    """As AWS's example and other tools write it."""
    for written in ("inventories", "arn:aws:s3:::inventories"):
        plan = plan_inventory(manifest_json([], destinationBucket=written))
        assert isinstance(plan, Plan)
        assert plan.source.bucket == "inventories"
