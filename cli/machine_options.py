"""Where a run computes, in what, and what it keeps on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from cli.changes import read_gigabytes
from cli.choices import PrecisionChoice, list_words, read_word
from cli.options import CacheDirOption, DeviceOption, WorkersOption

if TYPE_CHECKING:
    from zoo.data.pixels.keep import CacheSettings

_PANEL = "Machine"


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineOptions:
    """Options of the hardware and of the pixel cache."""

    device: DeviceOption = "auto"
    precision: Annotated[
        PrecisionChoice,
        typer.Option(
            parser=read_word(PrecisionChoice),
            metavar=list_words(PrecisionChoice),
            help="auto is bf16 on a GPU that has it, else fp32.",
            rich_help_panel=_PANEL,
        ),
    ] = PrecisionChoice.AUTO
    workers: WorkersOption = None
    compile_network: Annotated[
        bool,
        typer.Option("--compile", help="Use torch.compile.", rich_help_panel=_PANEL),
    ] = False
    deterministic: Annotated[
        bool,
        typer.Option(
            "--deterministic",
            help="Refuse operators that do not give the same bits again.",
            rich_help_panel=_PANEL,
        ),
    ] = False
    shard: Annotated[
        bool,
        typer.Option(
            "--shard",
            help="Spread one network over all processes, where a copy in each does not fit.",
            rich_help_panel=_PANEL,
        ),
    ] = False
    cache_dir: CacheDirOption = None
    cache_size: Annotated[
        float | None,
        typer.Option(
            "--cache-size",
            envvar="ZOO_CACHE_SIZE",
            parser=read_gigabytes,
            metavar="GB",
            help="How large they may grow together; by default 20.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    no_cache: Annotated[
        bool,
        typer.Option(
            "--no-cache", help="Decode every image in every epoch.", rich_help_panel=_PANEL
        ),
    ] = False

    def read_cache(self) -> CacheSettings | None:
        """Turn the options of the pixel cache into its settings."""
        from zoo.data.pixels.keep import CacheSettings

        if self.no_cache:
            return None
        size = None if self.cache_size is None else round(self.cache_size * 1e9)
        given = {"folder": self.cache_dir, "max_bytes": size}
        return CacheSettings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
