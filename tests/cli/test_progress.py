from cli.progress import TerminalProgress


def test_notes_go_to_stderr_and_bars_only_to_a_terminal(capsys):
    progress = TerminalProgress()
    progress.start("epoch 1/2", 10)
    progress.advance(5, "loss 0.5")
    progress.note("epoch done [not markup]")
    progress.finish()
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "epoch done [not markup]\n"


def test_control_characters_in_notes_are_shown_and_not_sent(capsys):
    TerminalProgress().note("class \x1b[31mred")
    assert capsys.readouterr().err == "class \\x1b[31mred\n"


def test_a_terminal_sees_figures_speed_and_what_is_left(monkeypatch):
    from io import StringIO

    from rich.console import Console

    progress = TerminalProgress()
    screen = StringIO()
    progress.console = Console(file=screen, force_terminal=True, width=120)
    progress.start("epoch 1/2", 10)
    progress.advance(5, "loss 0.512")
    progress.advance(1, "loss 0.511")
    progress.finish()
    assert "epoch 1/2" in screen.getvalue()
    assert "6/10" in screen.getvalue()
    assert "loss 0.511" in screen.getvalue()
    assert "img/s" in screen.getvalue()
