import gzip
import json

import pyarrow as pa
import pyarrow.parquet
import pytest

from zoo.data.tables.read import is_table, read_names, read_table
from zoo.errors import DataError

COLUMNS = {"image": ["a.jpg", "b.jpg"], "label": ["ü", None]}


def read(path, content: bytes):
    path.write_bytes(content)
    table = read_table(path)
    assert read_names(path) == table.names
    return table


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters_and_encodings_are_found(tmp_path, delimiter, encoding):
    text = "image,label\na.jpg,ü\nb.jpg,\n".replace(",", delimiter)
    table = read(tmp_path / "t.csv", text.encode(encoding))
    assert table.columns.to_pydict() == COLUMNS
    assert any("not UTF-8" in note for note in table.notes) == (encoding == "cp1252")


def test_latin_1_is_the_last_resort(tmp_path):
    table = read(tmp_path / "t.csv", b"image,label\na.jpg,\x81\n")
    assert table.columns.to_pydict()["label"] == ["\x81"]


def test_tabs_compression_and_quotes(tmp_path):
    assert read(tmp_path / "t.tsv", b"a;b\tc\n1\t2\n").names == ("a;b", "c")
    packed = gzip.compress(b'a,b\n"x,\ny","say ""hi"""\n')
    assert read(tmp_path / "t.csv.gz", packed).columns.to_pydict() == {
        "a": ["x,\ny"],
        "b": ['say "hi"'],
    }


def test_cells_of_a_csv_stay_text(tmp_path):
    table = read(tmp_path / "t.csv", b"a,b\n007,2026-01-31\n,true\n")
    assert table.columns.to_pydict() == {"a": ["007", None], "b": ["2026-01-31", "true"]}


def test_json_lines_keep_kinds_and_dates_stay_text(tmp_path):
    rows = [{"day": "2026-01-31", "tags": ["x"], "n": 1}, {"day": "2026-02-01", "tags": []}]
    expected = {"day": ["2026-01-31", "2026-02-01"], "tags": [["x"], []], "n": [1, None]}
    lines = "\n".join(map(json.dumps, rows))
    assert read(tmp_path / "t.jsonl", lines.encode()).columns.to_pydict() == expected
    assert read(tmp_path / "t.json", json.dumps(rows).encode()).columns.to_pydict() == expected


def test_parquet_categories_become_plain_columns(tmp_path):
    column = pa.array(["x", "y", "x"]).dictionary_encode()
    pa.parquet.write_table(pa.table({"a": column, "n": [1, 2, 3]}), tmp_path / "t.parquet")
    table = read_table(tmp_path / "t.parquet")
    assert table.columns.to_pydict() == {"a": ["x", "y", "x"], "n": [1, 2, 3]}
    assert table.columns.schema.field("a").type == pa.string()
    assert read_names(tmp_path / "t.parquet") == ("a", "n")


def test_only_the_columns_asked_for_are_read(tmp_path):
    (tmp_path / "t.csv").write_text("a,b,c\n1,2,3\n")
    assert read_table(tmp_path / "t.csv", ["c", "a"]).names == ("a", "c")
    with pytest.raises(DataError, match="no column 'labl'") as caught:
        read_table(tmp_path / "t.csv", ["labl"])
    assert "its columns are" in caught.value.hint


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is empty"),
        (b"\n \n", "no rows"),
        (b"image,label\n", "has no rows"),
        (b"image,label", "has no rows"),
        (b"a.jpg,cat\nb.jpg,dog\n", "holds data .'a.jpg', 'cat'., not the names"),
        (b"a,b,a\n1,2,3\n", "several columns named 'a'"),
        (b"a,b\n1,2\n1\n\n1,2,3\n", "2 columns are named, but line 3 has 1, line 5 has 3"),
    ],
)
def test_what_is_wrong_with_a_csv_is_told(tmp_path, content, problem):
    with pytest.raises(DataError, match=problem):
        read(tmp_path / "t.csv", content)


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("t.jsonl", b'{"a": 1}\n{"a": "x"}\n', "'a' held numbers before line 2 and now text"),
        ("t.jsonl", b'{"a": 1}\n[1]\n', "line 2 is not an object"),
        ("t.jsonl", b'{"a": 1}\n\n{"a"\n', "line 3 is not JSON"),
        ("t.json", b"[1]", "no list of JSON objects"),
        ("t.parquet", b"PAR1", "no Parquet file"),
        ("t.xlsx", b"PK", "no table that can be read"),
    ],
)
def test_what_is_wrong_with_other_tables_is_told(tmp_path, name, content, problem):
    with pytest.raises(DataError, match=problem):
        read(tmp_path / name, content)


def test_a_table_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        read_table(tmp_path / "t.csv")
    with pytest.raises(DataError, match="is not a file"):
        read_table(tmp_path)


def test_a_table_is_known_by_its_name(tmp_path):
    assert is_table(tmp_path / "T.CSV.gz")
    assert not is_table(tmp_path / "t.tar")
