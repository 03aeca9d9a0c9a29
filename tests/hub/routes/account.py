"""Who am I, and is this card in order?"""

from __future__ import annotations

from typing import Any

from tests.hub.auth import Token
from tests.hub.card import check_card
from tests.hub.messages import Answer, Request, as_json
from tests.hub.refusal import RefusedError
from tests.hub.state import Hub


def whoami(hub: Hub, request: Request) -> Answer:
    """Describe the token and its user."""
    token = hub.who(request)
    if token is None:
        raise RefusedError(401, "Invalid username or password.")
    orgs = hub.accounts.users[token.user].orgs
    members = [{"type": "org", "name": name, "roleInOrg": role} for name, role in orgs.items()]
    return as_json(
        {
            "type": "user",
            "id": token.user,
            "name": token.user,
            "fullname": token.user.title(),
            "isPro": False,
            "orgs": members,
            "auth": {"type": "access_token", "accessToken": _about(token)},
        }
    )


def validate_yaml(hub: Hub, request: Request) -> Answer:
    """Check a card's front matter."""
    wanted = request.body.json()
    found = check_card(wanted["content"])
    messages = {
        "errors": [{"message": text} for text in found.errors],
        "warnings": [{"message": text} for text in found.warnings],
    }
    return as_json(messages, 400 if found.errors else 200)


def _about(token: Token) -> dict[str, Any]:
    said: dict[str, Any] = {"displayName": "test", "role": token.role}
    if token.role == "fineGrained":
        scoped = [
            {
                "entity": {"name": place, "type": "model" if "/" in place else "user"},
                "permissions": ["repo.content.read", "repo.write"],
            }
            for place in token.may_write_to
        ]
        said["fineGrained"] = {"canReadGatedRepos": True, "global": [], "scoped": scoped}
    return said


ROUTES = (
    ("GET", r"/api/whoami-v2", whoami),
    ("POST", r"/api/validate-yaml", validate_yaml),
)
