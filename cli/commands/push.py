"""`zoo push`: a model to the Hugging Face Hub, in one commit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import Format, FormatOption, ModelArgument

if TYPE_CHECKING:
    from zoo.hub.names import Reference
    from zoo.hub.plan import Plan
    from zoo.hub.push import PushSettings
    from zoo.run import Located


def push(
    model: ModelArgument,
    repo: Annotated[str, typer.Argument(metavar="ORG/NAME", help="The repository on the Hub.")],
    private: Annotated[
        bool, typer.Option("--private", help="Make a new repository a private one.")
    ] = False,
    revision: Annotated[
        str | None, typer.Option(metavar="BRANCH", help="The branch; made if there is none. [main]")
    ] = None,
    create_pr: Annotated[
        bool, typer.Option("--create-pr", help="Propose the commit as a pull request.")
    ] = False,
    tag: Annotated[str | None, typer.Option(help="What to call the commit, such as v1.")] = None,
    message: Annotated[
        str, typer.Option("--message", "-m", help="What the commit says.")
    ] = "Publish a model with zoo",
    license_: Annotated[
        str | None,
        typer.Option(
            "--license",
            help="What the repository grants; by default what the pretrained weights do.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show files and card; change nothing.")
    ] = False,
    unverified: Annotated[
        bool, typer.Option("--unverified", help="Push a model whose export is not proved.")
    ] = False,
    allow_samples: Annotated[
        bool,
        typer.Option("--allow-samples", help="Publish golden answers with your own pictures."),
    ] = False,
    fmt: FormatOption = Format.TABLE,
) -> None:
    """Publish a model on the Hub: all of it in one commit, or nothing.

    Log in with `hf auth login`, or set HF_TOKEN.
    """
    from cli import hub, render
    from zoo.hub.names import Reference, parse_reference, require_revision
    from zoo.hub.preflight import require_license
    from zoo.hub.push import PushSettings
    from zoo.hub.push import push as publish
    from zoo.run import locate_model

    reference = parse_reference(repo)
    if reference.revision is not None:
        raise typer.BadParameter("name the branch with --revision, a tag with --tag")
    if revision is not None:
        require_revision(revision)
    settings = PushSettings(private=private, create_pr=create_pr, tag=tag, message=message)
    place = locate_model(model)
    require_license(place.folder, license_)
    if place.run is None:
        render.note(
            "there is no run around this model: its card has neither counts nor scores; name the "
            "run folder where there is one"
        )
    plan = _plan(place, reference.repo, license_, samples=allow_samples, unverified=unverified)
    for note in plan.notes:
        render.note(note)
    target = Reference(repo=reference.repo, revision=revision)
    if dry_run:
        _show(plan, target, settings, fmt)
        return
    render.note(f"comparing {len(plan.files)} files, {plan.size / 1e6:.1f} MB, with {target}")
    done = publish(plan, target, settings)
    if fmt is Format.JSON:
        changes, told = hub.describe_changes(done.changes), hub.describe_plan(plan)
        render.print_json(hub.describe_pushed(done) | changes | told)
    else:
        hub.print_pushed(done, plan)


def _plan(
    place: Located,
    repo: str,
    license_: str | None,
    *,
    samples: bool,
    unverified: bool,
) -> Plan:
    """Render the card, which says whether the model is proved, and choose what is published."""
    from cli import render
    from zoo.card import render_card
    from zoo.hub.plan import make_plan
    from zoo.model_files import CARD

    card = render_card(
        place.folder,
        place.run,
        repo_id=repo,
        unverified=unverified,
        license=license_,
        allow_samples=samples,
    )
    if card.base_model:
        render.note(f"the card names {card.base_model} as what training began with")
    return make_plan(
        place.folder,
        {CARD: card.text.encode(), **card.pictures},
        allow_samples=samples,
        allow_unverified=unverified,
    )


def _show(plan: Plan, target: Reference, settings: PushSettings, fmt: Format) -> None:
    """Print what a push would do."""
    from cli import hub, render
    from zoo.errors import HubChangedError, HubError
    from zoo.hub.changes import compare
    from zoo.hub.client import make_api
    from zoo.hub.preflight import require_permission, who_am_i
    from zoo.hub.push import prepare
    from zoo.model_files import CARD

    api = make_api()
    try:
        account = who_am_i(api)
        if not settings.create_pr:
            require_permission(account, target.repo)
    except HubError as error:
        render.note(f"it could not be pushed now: {error.problem}; {error.hint}")
    prospect = None
    try:
        prospect = prepare(api, plan, target, settings)
        changes = prospect.changes
    except HubChangedError:
        raise
    except HubError as error:
        render.note(f"compared with nothing: {error.problem}")
        changes = compare(plan, target, None)
    card = next(file.source for file in plan.files if file.name == CARD)
    text = card.decode() if isinstance(card, bytes) else ""
    if fmt is Format.JSON:
        told = hub.describe_changes(changes) | hub.describe_plan(plan)
        render.print_json({"repo": target.repo, "dry_run": True, "card": text} | told)
        return
    render.print_heading(CARD)
    render.print_line(text)
    hub.print_changes(changes)
    render.print_line()
    hub.print_prospect(prospect, changes, target, settings)
    render.note("nothing was changed: --dry-run")
