"""Who may do what: users, organisations and their tokens."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from tests.hub.refusal import RefusedError

Role = Literal["read", "write", "fineGrained"]
Membership = Literal["read", "contributor", "write", "admin"]


@dataclass(frozen=True, kw_only=True)
class User:
    """Somebody with an account."""

    name: str
    orgs: Mapping[str, Membership] = field(default_factory=dict)
    """What they may do in organisations."""


@dataclass(frozen=True, kw_only=True)
class Token:
    """What a client shows instead of a password."""

    secret: str
    user: str
    role: Role
    may_write_to: tuple[str, ...] = ()
    """Of a fine-grained token: namespaces and repositories. It may read all that its user may."""
    expired: bool = False

    def allows_writing_to(self, *places: str) -> bool:
        """Say whether the token, whoever has it, is one to change one of these places with."""
        if self.role == "fineGrained":
            return any(place in self.may_write_to for place in places)
        return self.role == "write"


class Accounts:
    """Everybody that the Hub knows."""

    def __init__(self) -> None:
        self.users: dict[str, User] = {}
        self.tokens: dict[str, Token] = {}
        self.limits: dict[str, int] = {}
        """How many bytes of large files a namespace may have; none is no limit."""

    def add(self, user: str, **orgs: Membership) -> None:
        """Open an account."""
        self.users[user] = User(name=user, orgs=orgs)

    def token(self, user: str, role: Role = "write", *may_write_to: str) -> str:
        """Issue a token; the account is opened if there is none."""
        if user not in self.users:
            self.add(user)
        secret = f"hf_{secrets.token_hex(17)}"
        self.tokens[secret] = Token(secret=secret, user=user, role=role, may_write_to=may_write_to)
        return secret

    def expire(self, user: str) -> None:
        """End all tokens of a user from now on."""
        for secret, token in self.tokens.items():
            if token.user == user:
                self.tokens[secret] = replace(token, expired=True)

    def identify(self, authorization: str | None) -> Token | None:
        """Look at a request's Authorization.

        Raises:
            RefusedError: There is one, and it is not valid (any more).
        """
        if authorization is None:
            return None
        token = self.tokens.get(authorization.removeprefix("Bearer ").strip())
        if token is None or token.expired:
            raise RefusedError(401, "Invalid credentials in Authorization header")
        return token

    def may_write(self, token: Token | None, namespace: str, repo: str = "") -> bool:
        """Say whether a token may change what belongs to a user or an organisation."""
        if token is None or not token.allows_writing_to(namespace, repo):
            return False
        role = self.users[token.user].orgs.get(namespace)
        return token.user == namespace or role in ("write", "admin")

    def may_read(self, token: Token | None, namespace: str) -> bool:
        """Say whether a token may see what is private there."""
        return token is not None and namespace in (token.user, *self.users[token.user].orgs)
