"""The `zoo` command: its sub-commands, and what an error looks like."""

from __future__ import annotations

import os
import sys
import warnings

import typer

from cli.commands import (
    augment_preview,
    benchmark,
    cache,
    check,
    demo,
    doctor,
    evaluate,
    export,
    fetch,
    finetune,
    list_entries,
    predict,
    pull,
    push,
    register,
    registry,
    show,
    verify,
    whoami,
)
from zoo.errors import EchoedError, RunInterruptedError, ZooError

app = typer.Typer(
    name="zoo",
    help="Fine-tune a pretrained network on your own data, export it to ONNX, and prove that "
    "the export is the model you trained.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command("list")(list_entries.list_entries)
app.command("show")(show.show)
app.command("fetch")(fetch.fetch)
app.command("finetune")(finetune.finetune)
app.command("evaluate")(evaluate.evaluate)
app.command("predict")(predict.predict)
app.command("export")(export.export)
app.command("verify")(verify.verify)
app.command("benchmark")(benchmark.benchmark)
app.command("push")(push.push)
app.command("pull")(pull.pull)
app.command("whoami")(whoami.whoami)
app.command("register")(register.register)
app.add_typer(registry.app, name="registry")
app.command("check")(check.check)
app.command("augment-preview")(augment_preview.augment_preview)
app.command("cache")(cache.cache)
app.command("doctor")(doctor.doctor)
app.command("demo")(demo.demo)


def main() -> None:
    """Run the command line; errors that a user can act on end it with their exit code."""
    # Read once, when torch is first imported: threads that wait then sleep instead of taking
    # a core from whoever else computes on this machine, zoo's own decoders among them.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # The Hub's client announces each of its retries; zoo reports what came of them.
    os.environ.setdefault("HF_HUB_VERBOSITY", "error")
    warnings.filterwarnings("ignore", module=r"PIL\.")
    try:
        app()
    except EchoedError as error:
        sys.exit(error.exit_code)
    except ZooError as error:
        _report(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(RunInterruptedError.exit_code)


def _report(error: ZooError) -> None:
    from rich.console import Console
    from rich.text import Text

    from cli.render import shown

    console = Console(stderr=True, highlight=False)
    stopped = isinstance(error, RunInterruptedError)
    label = Text("stopped ", style="bold yellow") if stopped else Text("error: ", style="bold red")
    console.print(label + Text(shown(error.problem)), soft_wrap=True)
    if error.hint:
        console.print(Text("hint: ", style="bold") + Text(shown(error.hint)), soft_wrap=True)


if __name__ == "__main__":
    main()
