import numpy as np
import pyarrow as pa
import pytest

from zoo.data.tables.cells import distinct_cells
from zoo.errors import DataError
from zoo.targets import ClassTarget

MANY = pa.chunked_array([["a", None, "b"], ["a"], [], ["c", None]])
LISTS = pa.chunked_array([[["a"], None, []], [["a"], ["b", "a"]]])


@pytest.mark.parametrize("column", [MANY, LISTS, pa.chunked_array([], pa.string())])
def test_distinct_cells_and_their_index_say_what_the_column_says(column):
    cells = distinct_cells(column)
    assert [cells.found[at] for at in cells.index] == column.to_pylist()
    assert len(set(map(str, cells.found))) == len(cells.found)


def test_cells_of_some_rows_name_each_once():
    cells = distinct_cells(MANY)
    assert cells.at(np.array([0, 3])) == ["a"]
    assert cells.at(np.array([1, 5, 4])) == [None, "c"]


def test_each_different_cell_is_encoded_once():
    asked = []

    def encode(cells):
        asked.extend(cells)
        return np.array([len(cell or "") for cell in cells])

    assert distinct_cells(MANY).read(encode).tolist() == [1, 0, 1, 1, 1, 0]
    assert sorted(asked, key=str) == [None, "a", "b", "c"]


def test_rows_that_are_silenced_are_not_encoded():
    cells = distinct_cells(MANY).without(np.array([0, 0, 1, 0, 1, 0], dtype=bool))
    assert cells.read(ClassTarget(classes=("a", "z")).encode).tolist() == [0, -1, -1, 0, -1, -1]


def test_a_complaint_counts_the_rows_of_the_table():
    with pytest.raises(DataError, match="row 5: 'c'"):
        distinct_cells(MANY).read(ClassTarget(classes=("a", "b")).encode)
