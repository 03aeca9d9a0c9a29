import numpy as np
import pytest

from zoo.data.columns import Digests, Text, join_digests, list_digests, no_digests, number_digests

FEW = ["b" * 64, "", "a" * 64, "b" * 64, ""]


@pytest.mark.parametrize("gather", [list_digests, number_digests])
def test_digests_are_read_as_they_were_given(gather):
    column = gather(FEW)
    assert list(column) == FEW
    assert [column[at] for at in range(len(column))] == FEW
    assert column.to_text().tolist() == FEW


def test_rows_of_one_digest_keep_it_once():
    assert number_digests(FEW * 100).found.tolist() == ["", "a" * 64, "b" * 64]


def test_a_row_takes_four_bytes_whatever_it_has():
    column = number_digests(FEW * 100)
    assert column.which.nbytes == 4 * len(column)
    assert no_digests(1000).which.nbytes == 4000


def test_rows_are_chosen_in_the_order_asked_for():
    column = number_digests(FEW)
    assert list(column.select(np.array([4, 2, 2]))) == ["", "a" * 64, "a" * 64]
    assert list(column[1:3]) == FEW[1:3]
    assert column.select(np.array([0])).found is column.found


def test_of_files_that_nobody_hashed_nothing_is_known():
    assert list(no_digests(3)) == [""] * 3
    assert list(no_digests(0)) == []


def test_columns_are_put_one_below_the_other():
    parts = [number_digests(FEW), no_digests(2), number_digests(["c" * 64, "a" * 64])]
    assert list(join_digests(parts)) == [*FEW, "", "", "c" * 64, "a" * 64]


def test_more_rows_than_a_block_come_in_their_order():
    found = np.array([f"{at:064x}" for at in range(3)], dtype=Text)
    index = np.arange(25_000, dtype=np.int32) % 3
    assert list(Digests(found, index)) == [f"{at % 3:064x}" for at in range(25_000)]
