import pytest

from zoo.errors import HubError
from zoo.hub.names import Reference, parse_reference, require_revision


@pytest.mark.parametrize("prefix", ["", "hf-hub:", "hub:", "hf://"])
def test_a_reference_has_a_repository_and_perhaps_a_revision(prefix):
    assert parse_reference(f"{prefix}me/my-model") == Reference(repo="me/my-model")
    found = parse_reference(f"{prefix}me/my-model@refs/pr/3")
    assert found == Reference(repo="me/my-model", revision="refs/pr/3")


@pytest.mark.parametrize(
    "text", ["", "alone", "a/b/c", "a/..", "a/b--c", "a/b.git", "../b", "a/b c", "a/b@", "/b"]
)
def test_what_names_no_repository_is_an_error_that_quotes_it(text):
    with pytest.raises(HubError) as caught:
        parse_reference(text)
    assert repr(text) in caught.value.problem or "''" in caught.value.problem
    assert caught.value.hint


@pytest.mark.parametrize("name", ["a..b", "-x", "x/", "a b", "a\nb", "x.lock", "a~1", "a@{1}"])
def test_no_revision_is_called_what_git_would_not_take(name):
    with pytest.raises(HubError, match="can be no branch"):
        require_revision(name)


@pytest.mark.parametrize("commit", ["a" * 40, "0123456789" * 4])
def test_a_whole_commit_can_never_mean_anything_else(commit):
    assert parse_reference(f"me/it@{commit}").is_commit
    assert not parse_reference(f"me/it@{commit[:12]}").is_commit
