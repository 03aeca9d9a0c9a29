"""A model that zoo did not make, from its repository into a model folder of zoo's."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

from zoo.errors import StorageError, WeightsError
from zoo.hub.bring import bring_all, require_free
from zoo.hub.client import page_of
from zoo.hub.fetch import Wanted
from zoo.hub.names import Reference
from zoo.hub.remote import Remote, RemoteFile
from zoo.model_files import CARD, PROCESSOR, WEIGHTS

FILES = (WEIGHTS, "config.json", PROCESSOR, CARD)
"""What is fetched, where it is there."""


def require_weights(reference: Reference, remote: Remote) -> None:
    """Make sure that there is a file of weights that zoo would open.

    Raises:
        WeightsError: There is none.
    """
    if WEIGHTS not in remote.files:
        raise WeightsError(
            f"zoo did not make {reference}, and it has no {WEIGHTS} to make a model of",
            hint="zoo opens no pickles and no weights in several parts; what it has: "
            f"{page_of(reference.repo)}",
        )


def pull_foreign(reference: Reference, remote: Remote, folder: Path) -> tuple[str, ...]:
    """Fetch what makes a classifier of timm's or transformers', and write it as zoo's own.

    Returns:
        What nobody stated and zoo took to be so.

    Raises:
        RegistryError: The repository holds no classifier of images that timm has.
        WeightsError: Its weights are damaged, or of another network.
        ZooError: It cannot be fetched or written.
    """
    # Imported here: a model of zoo's own comes without torch.
    from zoo.hub.interchange.adopt import adopt

    fetched, made = (_beside(folder, word) for word in ("fetched", "made"))
    try:
        bring_all(reference.repo, remote.commit, _list_wanted(remote.files), fetched)
        config = adopt(fetched, reference.repo, remote.commit, made)
        require_free(folder)
        try:
            made.rename(folder)
        except OSError as cause:
            raise StorageError(folder, cause) from cause
    finally:
        for staged in (fetched, made):
            shutil.rmtree(staged, ignore_errors=True)
    return config.assumptions


def _beside(folder: Path, word: str) -> Path:
    return folder.with_name(f".{folder.name}.{word}.{uuid4().hex}.part")


def _list_wanted(files: Mapping[str, RemoteFile]) -> list[Wanted]:
    return [Wanted.listed(files[name]) for name in FILES if name in files]
