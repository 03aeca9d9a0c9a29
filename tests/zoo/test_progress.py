import inspect

from cli.progress import TerminalProgress
from zoo.progress import Progress, Silence


def test_both_listeners_hear_everything_the_library_says():
    said = {name for name, _ in inspect.getmembers(Progress, inspect.isfunction) if name[0] != "_"}
    assert said == {"note", "start", "advance", "finish"}
    for listener in (Silence(), TerminalProgress()):
        assert all(callable(getattr(listener, name)) for name in said)
