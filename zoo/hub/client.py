"""How the Hub is reached: its address and token are the official client's, from its places only."""

from __future__ import annotations

from importlib.util import find_spec
from urllib.parse import quote

from huggingface_hub import HfApi, constants, get_token
from huggingface_hub.utils import (  # type: ignore[attr-defined]
    build_hf_headers,
    get_session,
    hf_raise_for_status,
)

from zoo.errors import HubAccessError, HubError

_NO_SUCH_ROUTE = (404, 405, 501)


def make_api() -> HfApi:
    """Make a client of the Hub that `HF_ENDPOINT` names, with `HF_TOKEN` or the login's token.

    Raises:
        HubError: The address or the token cannot be one.
    """
    if not constants.ENDPOINT.startswith(("http://", "https://")):
        raise HubError(
            f"HF_ENDPOINT is {constants.ENDPOINT!r}, which is no address of the web",
            hint="unset it for huggingface.co, or begin it with https://",
        )
    if not (get_token() or "").isascii():
        raise HubAccessError(
            "the token has characters that no token has",
            hint="copy it again into HF_TOKEN, or log in with `hf auth login`",
        )
    return HfApi(endpoint=constants.ENDPOINT, library_name="zoo")


def page_of(repo: str) -> str:
    """Name the repository's page."""
    return f"{constants.ENDPOINT}/{repo}"


def offers_xet(repo: str, branch: str, *, create_pr: bool = False) -> bool:
    """Ask whether large files can go through Xet to a repository.

    From version 1.33 on the client takes that way wherever `hf_xet` is installed and fails where
    the server has none; only `HF_HUB_DISABLE_XET`, read at its import, tells it otherwise. It
    sends open files by Git-LFS though, which every server has.

    Raises:
        HUB_FAILURES: The server does not answer that.
    """
    if constants.HF_HUB_DISABLE_XET or find_spec("hf_xet") is None:
        return False
    path = f"/api/models/{repo}/xet-write-token/{quote(branch, safe='')}"
    answer = get_session().get(
        f"{constants.ENDPOINT}{path}",
        headers=build_hf_headers(library_name="zoo"),
        params={"create_pr": "1"} if create_pr else None,
    )
    if answer.status_code in _NO_SUCH_ROUTE:
        return False
    hf_raise_for_status(answer)
    return True
