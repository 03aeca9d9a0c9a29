"""What is published and what came back, in a terminal or as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cli import render

if TYPE_CHECKING:
    from zoo.hub.changes import Changes
    from zoo.hub.names import Reference
    from zoo.hub.plan import Plan
    from zoo.hub.preflight import Account
    from zoo.hub.pull import Pulled
    from zoo.hub.push import Prospect, Pushed, PushSettings

_MEGA = 1e6


def print_changes(changes: Changes) -> None:
    """Print a line a file: what it is and what happens to it."""
    states = {file.name: "unchanged" for file in changes.unchanged}
    files = sorted((*changes.sent, *changes.unchanged), key=lambda file: file.name)
    rows = [(f.name, f"{f.size:,}", states.get(f.name, "sent"), f.sha256[:16]) for f in files]
    rows += [(name, "", "removed", "") for name in changes.removed]
    render.print_table(("file", "bytes", "state", "sha256"), rows, right=("bytes",))


def print_prospect(
    prospect: Prospect | None, changes: Changes, target: Reference, settings: PushSettings
) -> None:
    """Print where a push would go, and what it would make there."""
    if prospect is None:
        state = "nobody knows whether it is there"
    elif prospect.base is None:
        state = f"new, {'private' if settings.private else 'public'}"
    else:
        state = f"there already, {'private' if prospect.base.private else 'public'}"
    branch = target.revision or "main"
    new = " (new)" if prospect is not None and prospect.new_branch else ""
    facts = [("repository", f"{target.repo}: {state}"), ("branch", f"{branch}{new}")]
    if settings.create_pr:
        facts.append(("proposed", "as a pull request"))
    if settings.tag:
        facts.append(("tag", settings.tag))
    facts.append(("would send", f"{len(changes.sent)} files, {changes.size / _MEGA:.1f} MB"))
    render.print_facts(facts)


def describe_changes(changes: Changes) -> dict[str, Any]:
    """Say as JSON what happens to each file."""
    sent = {file.name for file in changes.sent}
    files = sorted((*changes.sent, *changes.unchanged), key=lambda file: file.name)
    return {
        "files": [
            {"name": f.name, "bytes": f.size, "sha256": f.sha256, "sent": f.name in sent}
            for f in files
        ],
        "removed": list(changes.removed),
    }


def describe_plan(plan: Plan) -> dict[str, Any]:
    """Say as JSON what else a plan tells."""
    return {"verified": not plan.doubt, "doubt": plan.doubt, "notes": list(plan.notes)}


def print_pushed(pushed: Pushed, plan: Plan) -> None:
    """Print where a model is now."""
    changes = pushed.changes
    facts = [("commit", pushed.commit)]
    if changes.is_empty:
        facts.append(("changed", "nothing: the repository has all of it already"))
    else:
        kept = f", {len(changes.unchanged)} unchanged" if changes.unchanged else ""
        gone = f", {len(changes.removed)} removed" if changes.removed else ""
        sent = f"{len(changes.sent)} files, {changes.size / _MEGA:.1f} MB"
        facts.append(("sent", f"{sent}{kept}{gone}"))
    if pushed.tag:
        facts.append(("tag", pushed.tag))
    facts.append(("proof", f"NOT VERIFIED: {plan.doubt}" if plan.doubt else "verification passed"))
    if pushed.pull_request:
        facts.append(("proposed", pushed.pull_request))
    facts.append(("page", pushed.url))
    if not pushed.pull_request:
        at = pushed.tag or (pushed.branch if pushed.branch != "main" else "")
        facts.append(("next", f"zoo pull {pushed.repo}{'@' * bool(at)}{at}"))
    render.print_facts(facts)


def describe_pushed(pushed: Pushed) -> dict[str, Any]:
    """Say as JSON where a model is now."""
    return {
        "repo": pushed.repo,
        "commit": pushed.commit,
        "url": pushed.url,
        "pull_request": pushed.pull_request,
        "tag": pushed.tag,
    }


def print_pulled(pulled: Pulled) -> None:
    """Print what came, and from where."""
    facts = [
        ("model", str(pulled.folder)),
        ("from", f"{pulled.repo}, commit {pulled.commit}"),
        ("checked", _say_checked(pulled)),
    ]
    facts += [("assumed", assumption) for assumption in pulled.assumptions]
    if pulled.left:
        facts.append(("not fetched", ", ".join(pulled.left)))
    render.print_facts(facts)


def _say_checked(pulled: Pulled) -> str:
    if pulled.adopted:
        return "against what the Hub lists; zoo did not make it, so that nothing proves it yet"
    return f"{pulled.checked} of {len(pulled.files)} files by manifest.json"


def describe_pulled(pulled: Pulled) -> dict[str, Any]:
    """Say as JSON what came, and from where."""
    return {
        "folder": str(pulled.folder),
        "repo": pulled.repo,
        "commit": pulled.commit,
        "files": list(pulled.files),
        "checked": pulled.checked,
        "adopted": pulled.adopted,
        "assumptions": list(pulled.assumptions),
        "not_fetched": list(pulled.left),
    }


def print_account(account: Account, endpoint: str) -> None:
    """Print who the Hub takes this user for."""
    roles = {"read": "for reading only", "write": "may write", "": "of unknown rights"}
    own = ", ".join(
        f"{name} (reading only)" if name in account.readonly_organizations else name
        for name in account.organizations
    )
    render.print_facts(
        [
            ("account", account.name),
            ("organisations", own or "none"),
            ("token", roles.get(account.token_role, f"{account.token_role}: the Hub decides")),
            ("Hub", endpoint),
        ]
    )
