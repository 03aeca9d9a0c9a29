import pytest

from zoo.data.tables.guess import guess_columns, guess_kind, to_options
from zoo.data.tables.read import read_table

ROWS = range(20)
FILES = [f"{row:02d}.png" for row in ROWS]


def guess(write, cells, name="column", table="table.csv"):
    (found,) = guess_columns(read_table(write({name: cells}, table)))
    return found


@pytest.mark.parametrize(
    ("cells", "role", "reason"),
    [
        (FILES, "input", "20 of 20"),
        ([f"gone/{name}" for name in FILES], "unused", "0 of 20 looked for are there"),
        ([f"{row * 1.5}" for row in ROWS], "value", "numbers from 0 to 28.5"),
        (["1.5", *[""] * 9, *["2.5"] * 10], "value", "numbers"),
        ([row % 3 for row in ROWS], "class", "3 different whole numbers"),
        ([f"{row % 5:03d}" for row in ROWS], "class", "5 different names"),
        (["cat", "dog"] * 10, "class", "2 different names"),
        (["red;round", "red", "", "blue;round"] * 5, "labels", "3 different labels"),
        (['["red"]', "[]"] * 10, "labels", "as JSON"),
        (["cat"] * 20, "unused", "always 'cat'"),
        ([""] * 20, "unused", "empty"),
        (list(ROWS), "unused", "numbers the rows"),
        ([f"name {row}" for row in ROWS], "unused", "20 different cells in 20 rows"),
        (["one two " * 20, "three four " * 20] * 10, "unused", "prose"),
        ([f"a sentence; number {row}" for row in ROWS], "unused", "20 different cells"),
    ],
)
def test_a_column_is_guessed_from_its_cells(pictures, write, cells, role, reason):
    found = guess(write, cells)
    assert found.role == role, found
    assert reason in found.reason


def test_a_column_that_says_train_and_val_is_the_split(pictures, write):
    assert guess(write, ["train", "Val"] * 10, "split").role == "split"
    assert guess(write, ["train", "plane"] * 10, "split").role == "class"
    assert guess(write, ["train", "val"] * 10, "vehicle").role == "class"


@pytest.mark.parametrize("name", ["patient_id", "id", "Group", "user-id", "subject"])
def test_an_identifier_is_left_out_with_a_word_on_groups(write, name):
    found = guess(write, [f"p{row % 5}" for row in ROWS], name)
    assert found.role == "unused"
    assert "--group" in found.reason


def test_lists_of_json_are_labels(write):
    assert guess(write, [["a"], ["b", "a"]] * 10, table="t.jsonl").role == "labels"


def test_a_second_column_of_images_is_left_out(pictures, write):
    guesses = guess_columns(read_table(write({"image": FILES, "mask": FILES})))
    assert [g.role for g in guesses] == ["input", "unused"]


def test_a_target_of_unknown_kind_is_never_left_out(write):
    table = read_table(write({"id": [f"p{row}" for row in ROWS], "n": list(ROWS)}))
    assert guess_kind(table, "id").role == "class"
    assert guess_kind(table, "n").role == "value"


def test_guesses_are_written_as_options(pictures, write):
    table = read_table(write({"kind of": ["a", "b"] * 10, "image": FILES}))
    options = to_options(guess_columns(table))
    assert options == '--input image --target "kind of:class"'


def test_rows_are_looked_at_all_over_a_table(write):
    cells = ["a"] * 3000 + ["1;2"] * 3000
    assert guess(write, cells, table="t.csv").role == "labels"
