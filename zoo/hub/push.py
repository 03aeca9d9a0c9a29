"""A planned model to the Hub: one atomic commit, or none."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from huggingface_hub import CommitInfo, HfApi
from huggingface_hub.errors import HfHubHTTPError

from zoo.errors import HubAccessError, HubChangedError, HubError, PushError, ZooError
from zoo.hub.cache import HUB_FAILURES
from zoo.hub.changes import Changes, compare
from zoo.hub.client import make_api, page_of
from zoo.hub.failures import explain, explained
from zoo.hub.names import Reference, require_revision
from zoo.hub.patience import patiently
from zoo.hub.plan import Plan
from zoo.hub.preflight import require_permission, who_am_i
from zoo.hub.remote import Remote, exists, look_up
from zoo.hub.upload import Target, commit

MAIN = "main"
MESSAGE = "Publish a model with zoo"


@dataclass(frozen=True, slots=True, kw_only=True)
class PushSettings:
    """How a model is published."""

    private: bool = False
    """Make a new repository a private one; an existing one must be."""
    create_pr: bool = False
    """Propose the commit instead of making it."""
    tag: str | None = None
    """What to call the commit."""
    message: str = MESSAGE

    def __post_init__(self) -> None:
        if self.tag is not None:
            require_revision(self.tag)
        if self.tag is not None and self.create_pr:
            raise PushError(
                "a proposed commit cannot be tagged", hint="tag what comes of it once it is merged"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Prospect:
    """What a push would do."""

    base: Remote | None
    """What the changes are changes of; None where there is no repository yet."""
    branch: str
    new_branch: bool
    """Whether the branch has to be made."""
    tags: Mapping[str, str]
    """Commits by tag."""
    changes: Changes


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """What a push did."""

    repo: str
    branch: str
    commit: str
    """That holds the model now; where nothing changed, the one that was there."""
    url: str
    """Of the commit, or of the repository where nothing changed."""
    pull_request: str | None
    """Its address."""
    tag: str | None
    changes: Changes


def prepare(api: HfApi, plan: Plan, reference: Reference, settings: PushSettings) -> Prospect:
    """Compare a plan with what the repository holds; nothing there is touched.

    Raises:
        PushError: The repository is public and was to be private.
        HubChangedError: The tag names something else already.
        ZooError: The Hub cannot be read.
    """
    branch = reference.revision or MAIN
    if not exists(api, reference.repo):
        if settings.create_pr:
            raise HubError(
                f"there is no {reference.repo} to propose a commit to, or this account may not "
                "see it",
                hint="check the name, or leave --create-pr out to make the repository",
            )
        return Prospect(
            base=None,
            branch=branch,
            new_branch=branch != MAIN,
            tags={},
            changes=compare(plan, reference, None),
        )
    with explained(f"look at the branches of {reference.repo}"):
        refs = patiently(lambda: api.list_repo_refs(reference.repo))
    known = branch.startswith("refs/") or branch in {ref.name for ref in refs.branches}
    if not known and (branch in {ref.name for ref in refs.tags} or reference.is_commit):
        raise PushError(
            f"{branch} is a {'commit' if reference.is_commit else 'tag'} of {reference.repo}, and "
            "a push goes to a branch",
            hint="name a branch with --revision; --tag names what was pushed",
        )
    base = look_up(api, Reference(repo=reference.repo, revision=branch if known else MAIN))
    if settings.private and not base.private:
        raise PushError(
            f"{reference.repo} exists and is public",
            hint="make it private in its settings, choose another name, or leave --private out",
        )
    prospect = Prospect(
        base=base,
        branch=branch,
        new_branch=not known,
        tags={ref.name: ref.target_commit for ref in refs.tags},
        changes=compare(plan, reference, base),
    )
    _require_free_tag(prospect, reference.repo, settings.tag)
    return prospect


def push(plan: Plan, reference: Reference, settings: PushSettings) -> Pushed:
    """Publish a planned model.

    Args:
        plan: Its files, all of them checked.
        reference: The repository, which is made if there is none, and the branch.
        settings: How.

    Raises:
        HubAccessError: This account may not.
        HubChangedError: Somebody else committed in the meantime.
        ZooError: The Hub cannot be reached, or refuses. What was uploaded stays, unseen, and
            is not sent again.
    """
    api = make_api()
    account = who_am_i(api)
    if not settings.create_pr:
        require_permission(account, reference.repo)
    elif not account.may_write:
        raise HubAccessError(
            f"the token of {account.name} is for reading only", hint="use one that may write"
        )
    prospect = prepare(api, plan, reference, settings)
    base = prospect.base or _make_repository(api, reference.repo, settings)
    if prospect.new_branch:
        with explained(f"make the branch {prospect.branch} of {reference.repo}"):
            api.create_branch(
                reference.repo, branch=prospect.branch, revision=base.commit, exist_ok=True
            )
    pushed = _publish(api, plan, reference.repo, prospect, base, settings)
    if settings.tag is not None and settings.tag not in prospect.tags:
        with explained(
            f"call {pushed.commit[:12]} {settings.tag!r}, which is published without a tag"
        ):
            api.create_tag(reference.repo, tag=settings.tag, revision=pushed.commit)
    return pushed


def _publish(
    api: HfApi, plan: Plan, repo: str, prospect: Prospect, base: Remote, settings: PushSettings
) -> Pushed:
    made, url, proposal = base.commit, page_of(repo), None
    if not prospect.changes.is_empty:
        target = Target(
            repo=repo, branch=prospect.branch, parent=base.commit, create_pr=settings.create_pr
        )
        try:
            info = _commit(api, prospect.changes, target, settings.message)
            made, url, proposal = info.oid, str(info.commit_url), info.pr_url
        except (*HUB_FAILURES, RuntimeError) as failure:
            landed = None if settings.create_pr else _find_landed(api, plan, target)
            if landed is None and settings.create_pr and not isinstance(failure, HfHubHTTPError):
                raise HubError(
                    f"{repo} did not say whether the pull request was made",
                    hint=f"look at {page_of(repo)}/discussions before you run it again: it would "
                    "propose the same twice",
                ) from None
            if landed is None:
                raise explain(failure, f"push to {repo}") from None
            made, url = landed, f"{page_of(repo)}/commit/{landed}"
    return Pushed(
        repo=repo,
        branch=prospect.branch,
        commit=made,
        url=url,
        pull_request=proposal,
        tag=settings.tag,
        changes=prospect.changes,
    )


def _commit(api: HfApi, changes: Changes, target: Target, message: str) -> CommitInfo:
    """Commit, again where the Hub was busy: the parent keeps it from being made twice.

    A proposal has no such guard.
    """
    if target.create_pr:
        return commit(api, changes, target, message)
    return patiently(lambda: commit(api, changes, target, message))


def _find_landed(api: HfApi, plan: Plan, target: Target) -> str | None:
    """Find the commit that was made although the answer to it was lost."""
    reference = Reference(repo=target.repo, revision=target.branch)
    with suppress(ZooError):
        now = look_up(api, reference)
        if now.commit != target.parent and compare(plan, reference, now).is_empty:
            return now.commit
    return None


def _make_repository(api: HfApi, repo: str, settings: PushSettings) -> Remote:
    with explained(f"make the repository {repo}"):
        # None: an organisation may want its repositories private.
        patiently(lambda: api.create_repo(repo, private=settings.private or None, exist_ok=True))
    return look_up(api, Reference(repo=repo))


def _require_free_tag(prospect: Prospect, repo: str, tag: str | None) -> None:
    """Make sure that a tag is new, or names the very commit that holds the model already."""
    if tag is not None and tag in (prospect.branch, MAIN):
        raise PushError(
            f"{tag!r} is what a branch is called", hint="choose another --tag, such as v1"
        )
    found = prospect.tags.get(tag) if tag is not None else None
    if found is None or prospect.base is None:
        return
    if found != prospect.base.commit or not prospect.changes.is_empty:
        raise HubChangedError(
            f"{repo} has a tag {tag!r} already, which names commit {found[:12]}",
            hint="choose another --tag: whoever pinned this one relies on it",
        )
