import pytest

from zoo.hub.redaction import holds_token, redact

TOKEN = "hf_" + "aB3" * 12


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"token {TOKEN} is bad", "token hf_*** is bad"),
        (f"x{TOKEN} is bad", "xhf_*** is bad"),
        (f"next=a%3D{TOKEN}", "next=a%3Dhf_***"),
        ("Authorization: Bearer abc.def-123", "Authorization: Bearer ***"),
        ("Authorization: Token abc/def:123 x", "Authorization: Token *** x"),
        ("{'authorization': 'Token abc'}", "{'authorization': 'Token ***'}"),
        ("Authorization: Odd abc-123 x", "Authorization: *** x"),
        ("authorization=abc-123", "authorization=***"),
        ("https://me:secret@proxy:80/x", "https://***@proxy:80/x"),
        ("PUT http://host/part?X-Amz-Signature=0f0f&x=1 failed", "PUT http://host/part?*** failed"),
    ],
)
def test_secrets_of_every_kind_are_taken_out(text, told):
    assert redact(text) == told


@pytest.mark.parametrize(
    "text", ["the token is invalid", "the authorization failed", "a half_finished file"]
)
def test_other_words_stay(text):
    assert redact(text) == text


@pytest.mark.parametrize("before", ["", " ", "x", "%3D", "_"])
def test_a_token_is_found_behind_whatever_stands_before_it(before):
    assert holds_token(before + TOKEN)


def test_the_tokens_of_this_account_are_taken_out_whatever_they_look_like(monkeypatch, tmp_path):
    (tmp_path / "token").write_text("from-a-login\n")
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setenv("HF_TOKEN", "from-the-environment")
    assert redact("a from-the-environment b from-a-login c") == "a *** b *** c"
    assert holds_token("x from-a-login")
    assert not holds_token("an hf_hub download")
