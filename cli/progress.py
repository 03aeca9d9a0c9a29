"""The terminal's side of long work: a bar while it lasts, notes that stay."""

from __future__ import annotations

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from cli.render import shown


class _Speed(ProgressColumn):
    """Images per second."""

    def render(self, task: Task) -> Text:
        """Show the speed as soon as it is known."""
        speed = f"{task.speed:.0f} img/s" if task.speed else ""
        return Text(speed, style="cyan", no_wrap=True)


class TerminalProgress:
    """Hears the library's progress and shows it on stderr.

    Where stderr is no terminal, only notes are written.
    """

    def __init__(self) -> None:
        self.console = Console(stderr=True, highlight=False)
        self._bars: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> TerminalProgress:
        """Begin to listen."""
        return self

    def __exit__(self, *error: object) -> None:
        """Take a bar away that an error left standing."""
        self.finish()

    def note(self, text: str) -> None:
        """Print a line that stays."""
        self.console.print(shown(text), markup=False, soft_wrap=True)

    def start(self, task: str, total: int) -> None:
        """Show a bar."""
        self.finish()
        if not self.console.is_terminal:
            return
        self._bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description:<12}"),
            BarColumn(bar_width=16),
            MofNCompleteColumn(),
            _Speed(),
            TimeRemainingColumn(elapsed_when_finished=True),
            TextColumn("{task.fields[figures]}", markup=False),
            console=self.console,
            transient=True,
        )
        self._task = self._bars.add_task(task, total=total, figures="")
        self._bars.start()

    def advance(self, count: int, figures: str = "") -> None:
        """Move the bar."""
        if self._bars is not None and self._task is not None:
            self._bars.update(self._task, advance=count, figures=shown(figures))

    def finish(self) -> None:
        """Take the bar away."""
        if self._bars is not None:
            self._bars.stop()
            self._bars = None
