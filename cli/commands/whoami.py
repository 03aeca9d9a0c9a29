"""`zoo whoami`: whether a push would be let in."""

from __future__ import annotations

from cli.options import Format, FormatOption


def whoami(fmt: FormatOption = Format.TABLE) -> None:
    """Show who the Hub takes you for, and what your token may do; the token itself stays hidden."""
    from dataclasses import asdict

    from huggingface_hub import constants

    from cli import hub, render
    from zoo.hub.client import make_api
    from zoo.hub.preflight import who_am_i

    account = who_am_i(make_api())
    if fmt is Format.JSON:
        render.print_json(asdict(account) | {"endpoint": constants.ENDPOINT})
    else:
        hub.print_account(account, constants.ENDPOINT)
