"""Every error that zoo raises on purpose: the problem with its values, then the next step.

ZooError                        exit code 1: the user or the environment
├── RegistryError               the catalogue itself is wrong
│   ├── BrokenRegistryError     a registry file with mistakes; all of them are listed
│   ├── UnknownBackboneError    no such backbone
│   └── UnknownRecipeError      no such recipe
├── RecipeError                 a recipe that does not fit the backbone, the data or itself
│   └── DivergedError           training left the finite numbers, and would again if resumed
├── WeightsError                pretrained weights are missing, damaged or of another shape
├── DataError                   the data folder cannot be trained on
│   └── UnreadableImagesError   some files are not images
├── DeviceError                 a device was asked for that cannot be used
├── RunError                    a run folder that is missing, damaged or in the way
│   └── DamagedFileError        a file that is not what was written
├── StorageError                the disk refused a write
├── ExportError                 the network cannot be turned into ONNX
├── BenchmarkError              a benchmark that would measure nothing
├── UnsafeFileError             a file from outside that zoo does not open
├── HubError                    the Hub cannot be reached, or has not what was asked of it
│   ├── HubAccessError          it does not let this account in
│   └── HubChangedError         what it holds is no longer what it was
├── PushError                   a model that is not published as it is
├── EchoedError                 in the other processes, what stopped the first, which says so
├── VerificationError           exit code 3: the exported model is not the trained one
└── RunInterruptedError         exit code 130: a signal stopped the run, which can be resumed
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path


class ZooError(Exception):
    """The base of all errors that a user can act on."""

    exit_code = 1

    def __init__(self, problem: str, *, hint: str = "") -> None:
        super().__init__(f"{problem}\n{hint}" if hint else problem)
        self.problem = problem
        self.hint = hint


class RegistryError(ZooError):
    """The catalogue does not hold what was asked of it, or is not well formed."""


class BrokenRegistryError(RegistryError):
    """A registry file that cannot be used; every mistake in it is listed."""

    def __init__(self, origin: str, mistakes: Sequence[str], *, hint: str = "") -> None:
        listing = "\n".join(f"  {mistake}" for mistake in mistakes)
        count = f"{len(mistakes)} mistake{'s' if len(mistakes) > 1 else ''}"
        super().__init__(
            f"{origin} has {count}:\n{listing}",
            hint=hint
            or "mend the file; `zoo registry check FILE` lists what is left, and an editor that "
            "is given `zoo registry schema` checks while you type",
        )
        self.mistakes = tuple(mistakes)


def _nearest(name: str, known: Sequence[str], command: str) -> str:
    """Suggest a name: of another case, without its tag, cut short, or of similar letters."""
    wanted = name.lower()
    same = [k for k in known if k.lower() == wanted]
    tagged = [k for k in known if k.lower().partition(".")[0] == wanted]
    begun = [k for k in known if wanted and k.lower().startswith(wanted)]
    near = same or tagged or begun or get_close_matches(wanted, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"run `{command}` to see all names"


class UnknownBackboneError(RegistryError):
    """The requested backbone is not in the registry."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        known = sorted(known)
        hint = _nearest(name, known, "zoo list")
        elsewhere = "timm/NAME, torchvision/NAME, hf-hub:org/name and model folders work as well"
        super().__init__(
            f"no backbone named {name!r} among {len(known)}", hint=f"{hint} ({elsewhere})"
        )


class UnknownRecipeError(RegistryError):
    """The requested recipe is not in the registry."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        known = sorted(known)
        hint = _nearest(name, known, "zoo list --recipes")
        super().__init__(f"no recipe named {name!r} among {', '.join(known)}", hint=hint)


class RecipeError(ZooError):
    """A recipe that contradicts itself, the backbone or the data."""


class DivergedError(RecipeError):
    """Training left the finite numbers; resumed as it was, it would do so again."""


class WeightsError(ZooError):
    """Pretrained weights that cannot be had, or are not the ones the registry names."""


class DataError(ZooError):
    """A data folder that cannot be trained or evaluated on."""


class UnreadableImagesError(DataError):
    """Files with an image's name that cannot be decoded; all of them are listed."""

    def __init__(self, reasons: dict[Path, str], *, hint: str = "") -> None:
        listing = "\n".join(f"  {path}: {reason}" for path, reason in sorted(reasons.items()))
        count = f"{len(reasons)} file{'s' if len(reasons) > 1 else ''}"
        super().__init__(
            f"{count} cannot be read as an image:\n{listing}",
            hint=hint or "repair or remove them, or go on without them with --skip-bad",
        )
        self.reasons = reasons


class DeviceError(ZooError):
    """A device or execution provider that this machine cannot offer."""


class RunError(ZooError):
    """A run folder that is missing, in the way, or not in the state the command needs."""


class DamagedFileError(RunError):
    """A file whose content is not what zoo wrote."""

    def __init__(self, path: Path, reason: str, *, hint: str = "") -> None:
        super().__init__(
            f"{path} is {'missing' if reason == 'missing' else f'damaged: {reason}'}",
            hint=hint or "restore the file from a copy, or train again",
        )
        self.path = path


class StorageError(ZooError):
    """The operating system refused a write; what stood there before still stands."""

    def __init__(self, path: Path, cause: OSError) -> None:
        super().__init__(
            f"cannot write {path}: {cause.strerror or cause}",
            hint="nothing already written was touched; free some space or choose another place, "
            "then try again",
        )
        self.path = path


class ExportError(ZooError):
    """A network that the exporter cannot turn into the promised graph."""


class BenchmarkError(ZooError):
    """A benchmark that would measure nothing, or what there is not."""


class UnsafeFileError(ZooError):
    """A file from outside that holds what no model needs, or did harm when it was tried."""

    def __init__(self, path: Path, reason: str, *, hint: str = "") -> None:
        super().__init__(
            f"{path} is not opened: {reason}",
            hint=hint or "get the file again from whoever made it, and ask them what this is for",
        )
        self.path = path


class HubError(ZooError):
    """The Hub cannot be reached, refuses, or has not what was asked of it."""


class HubAccessError(HubError):
    """The Hub does not let this account do what was asked, or does not know who asks."""


class HubChangedError(HubError):
    """What the Hub holds is no longer what it was, or what it was said to be."""


class PushError(ZooError):
    """A model that must not be published as it is."""


class EchoedError(ZooError):
    """What stopped the first of several processes, as the others hear of it.

    The first tells the user; the others only have to end likewise.
    """

    def __init__(self, problem: str, *, hint: str = "", exit_code: int = 1) -> None:
        super().__init__(problem, hint=hint)
        self.exit_code = exit_code


class VerificationError(ZooError):
    """The exported model failed a level of its verification."""

    exit_code = 3


class RunInterruptedError(ZooError):
    """A signal stopped the work at a safe point."""

    exit_code = 130
