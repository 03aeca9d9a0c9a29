import pytest

from zoo.hub.privacy import find_secrets, without_paths


@pytest.mark.parametrize(
    "path",
    [
        *("/home/jane/x", "/data/x", "C:\\Users\\jane\\x", "D:/photos/x"),
        *("file:///home/jane/x", "file:/jane/x", "file:///C:/Users/jane/x", "~/jane/x"),
        *("\\\\server\\share\\x", "\\\\server\\x"),
    ],
)
def test_a_path_of_any_kind_is_found_and_cut_to_its_last_part(path):
    assert list(find_secrets(f"see {path} there")) == [f"the path {path!r}"]
    assert list(find_secrets(f"({path})")) == [f"the path {path!r}"]
    assert without_paths("", {"from": [path]}) == {"from": ["x"]}


def test_a_path_behind_a_colon_is_found():
    assert list(find_secrets("see:/home/jane/x")) == ["the path '/home/jane/x'"]


@pytest.mark.parametrize(
    "text",
    [
        *("https://huggingface.co/home/me", "http://localhost:8080/data/x", "https://x.org/~/me"),
        *("images/a.png", "./data/x", "../home/x", "runs/data/model", "a~/x"),
        *("1/2", "~1/2 of them", "about ~images/s", "/", "/home.", "~", "file://", "profile:/x"),
        *("hf-hub:org/data", "hub:data/x", "a \\ b", "\\\\d+\\\\w", "x\\y\\z"),
    ],
)
def test_addresses_relative_paths_and_fractions_are_no_secrets(text):
    assert not list(find_secrets(text))
    assert without_paths("", text) == text
