"""A model from the Hub: every file checked, and a folder that appears whole or not at all."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import HfApi

from zoo.errors import HubChangedError
from zoo.hub.bring import bring_all, require_free
from zoo.hub.client import make_api
from zoo.hub.failures import explained
from zoo.hub.fetch import Wanted, fetch_checked
from zoo.hub.foreign import FILES as FOREIGN
from zoo.hub.foreign import pull_foreign, require_weights
from zoo.hub.held import digest_of, hold
from zoo.hub.names import Reference
from zoo.hub.patience import patiently
from zoo.hub.plan import is_picture
from zoo.hub.remote import Remote, look_up
from zoo.hub.safety import require_data
from zoo.manifest import NAME as MANIFEST
from zoo.manifest import Recorded, read_manifest
from zoo.model_files import CARD
from zoo.registry.lock import Lock
from zoo.storage import sha256_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulled:
    """A model folder that came from the Hub."""

    folder: Path
    repo: str
    commit: str
    files: tuple[str, ...]
    """What lies in it now, in name order."""
    checked: int
    """Files whose sha256 is the one that `manifest.json` records."""
    left: tuple[str, ...]
    """Files of the repository that are no part of the model; none of them was fetched."""
    adopted: bool
    """Whether the model is one that zoo did not make, and now is one of zoo's."""
    assumptions: tuple[str, ...]
    """What nobody stated of such a model, and zoo took to be so."""


def pull(reference: Reference, folder: Path, lock: Lock) -> Pulled:
    """Fetch a model: one that zoo published, or a classifier of timm's or transformers'.

    What was fetched stays in the cache that all users of the Hub's client share, so that a pull
    that broke off goes on where it did.

    Args:
        reference: The repository and, if not that of its main branch, the commit.
        folder: What to make.
        lock: Remembers what tags and commits held; each must go on holding it.

    Raises:
        RunError: `folder` exists.
        HubChangedError: The revision holds something else than it did, or than it records.
        UnsafeFileError: The model has files that are no data.
        DamagedFileError: The manifest is none.
        RegistryError: Zoo did not make the model, and it is none that zoo can take.
        WeightsError: Likewise.
        ZooError: The Hub cannot be reached, or has no such model.
    """
    require_free(folder)
    api = make_api()
    remote = look_up(api, reference)
    _require_commit(reference, remote)
    if MANIFEST in remote.files:
        return _pull_own(api, reference, remote, folder, lock)
    require_weights(reference, remote)
    if reference.is_commit or _is_tag(api, reference):
        files = [remote.files[name] for name in FOREIGN if name in remote.files]
        size = sum(file.size for file in files)
        hold(lock, reference, remote.commit, digest_of(files), size)
    assumptions = pull_foreign(reference, remote, folder)
    return _report(reference, remote, folder, FOREIGN, checked=0, assumptions=assumptions)


def _pull_own(api: HfApi, reference: Reference, remote: Remote, folder: Path, lock: Lock) -> Pulled:
    manifest, recorded = _read_manifest(reference, remote)
    require_data(recorded, manifest)
    wanted = _list_wanted(reference, remote, recorded)
    if reference.is_commit or _is_tag(api, reference):
        size = manifest.stat().st_size
        hold(lock, reference, remote.commit, sha256_of(manifest), size)
    bring_all(reference.repo, remote.commit, wanted, folder)
    names = [file.name for file in wanted]
    return _report(reference, remote, folder, names, checked=len(recorded))


def _report(
    reference: Reference,
    remote: Remote,
    folder: Path,
    taken: Collection[str],
    *,
    checked: int,
    assumptions: tuple[str, ...] = (),
) -> Pulled:
    lying = (path for path in folder.rglob("*") if path.is_file())
    return Pulled(
        folder=folder,
        repo=reference.repo,
        commit=remote.commit,
        files=tuple(sorted(path.relative_to(folder).as_posix() for path in lying)),
        checked=checked,
        left=tuple(sorted(set(remote.files) - {*taken, ".gitattributes"})),
        adopted=not checked,
        assumptions=assumptions,
    )


def _require_commit(reference: Reference, remote: Remote) -> None:
    if reference.is_commit and remote.commit != reference.revision:
        raise HubChangedError(
            f"the Hub answers {reference} with another commit, {remote.commit[:12]}",
            hint="do not use what it sends; ask who runs it",
        )


def _read_manifest(reference: Reference, remote: Remote) -> tuple[Path, Mapping[str, Recorded]]:
    with explained(f"fetch {MANIFEST} of {reference}"):
        wanted = Wanted.listed(remote.files[MANIFEST])
        path = fetch_checked(reference.repo, remote.commit, wanted)
    return path, read_manifest(path)


def _list_wanted(
    reference: Reference, remote: Remote, recorded: Mapping[str, Recorded]
) -> list[Wanted]:
    """List what is fetched; what the repository lists must be what its manifest records.

    Raises:
        HubChangedError: It is not.
    """
    strays = []
    for name, file in sorted(recorded.items()):
        there = remote.files.get(name)
        if there is None:
            strays.append(f"  {name} is missing")
        elif there.size != file.bytes:
            strays.append(f"  {name} has {there.size:,} bytes instead of {file.bytes:,}")
        elif there.sha256 not in (None, file.sha256):
            strays.append(f"  {name} has sha256 {there.sha256 or ''}, not {file.sha256}")
    if strays:
        listing = "\n".join(strays)
        raise HubChangedError(
            f"{reference} (commit {remote.commit[:12]}) is not what its {MANIFEST} records:\n"
            f"{listing}",
            hint="somebody changed it without zoo: ask them, or pull an earlier commit",
        )
    wanted = [Wanted(name=n, size=f.bytes, sha256=f.sha256) for n, f in recorded.items()]
    unrecorded = [remote.files[name] for name in (MANIFEST, CARD) if name in remote.files]
    unrecorded += [file for name, file in remote.files.items() if is_picture(name)]
    return [*wanted, *(Wanted.listed(file) for file in unrecorded)]


def _is_tag(api: HfApi, reference: Reference) -> bool:
    if reference.revision is None:
        return False
    with explained(f"look at the tags of {reference.repo}"):
        refs = patiently(lambda: api.list_repo_refs(reference.repo))
    return reference.revision in {tag.name for tag in refs.tags}
