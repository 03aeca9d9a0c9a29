import json
from io import StringIO

from rich.console import Console

from cli import render


def test_json_is_one_document_with_its_own_letters(capsys):
    render.print_json({"label": "größe"})
    out = capsys.readouterr().out
    assert json.loads(out) == {"label": "größe"}
    assert "größe" in out


def test_a_table_cuts_nothing_off(capsys):
    long = "x" * 300
    render.print_table(("file", "score"), [(long, "1.0")], right=("score",))
    assert capsys.readouterr().out.count("x") == 300


def test_control_characters_are_shown_and_not_sent(capsys):
    render.print_facts([("name", "\x1b[31mred\x07")])
    render.print_table(("a",), [("\x1b]0;title\x07",)])
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\x07" not in out
    assert r"\x1b[31mred" in out


def test_a_lines_end_in_a_cell_breaks_no_table_unless_it_is_meant(capsys):
    render.print_table(("a", "b"), [("one\ntwo", "x")])
    assert "one\\ntwo  x" in capsys.readouterr().out
    render.print_table(("a",), [("one\ntwo",)], lines_in_cells=True)
    assert capsys.readouterr().out == "a\none\ntwo\n"


def test_notes_and_lines_send_no_control_characters(capsys):
    render.note("\x1b[31mred")
    render.print_line("\x1b[31mred")
    captured = capsys.readouterr()
    assert captured.err == captured.out == "\\x1b[31mred\n"


def test_on_a_terminal_facts_are_folded_between_words_only(monkeypatch):
    screen = StringIO()
    console = Console(file=screen, force_terminal=True, color_system=None, width=30)
    monkeypatch.setattr(render, "_console", lambda: console)
    render.print_facts([("sha256", "ab" * 32), ("note", "of several words that do not fit")])
    said = screen.getvalue()
    assert "sha256  " + "ab" * 32 + "\n" in said
    assert "note    of several words that\n        do not fit\n" in said


def test_square_brackets_are_text_not_markup(capsys):
    render.print_facts([("name", "[red]dress[/red]")])
    render.print_table(("a",), [("[bold]x",)])
    out = capsys.readouterr().out
    assert "[red]dress[/red]" in out
    assert "[bold]x" in out


def test_a_heading_in_a_pipe_is_a_plain_line(capsys):
    render.print_heading("kind\x07 [class]")
    assert capsys.readouterr().out == "kind\\x07 [class]\n"


def test_facts_in_a_pipe_are_folded_nowhere_and_end_without_spaces(capsys):
    render.print_facts([("a", "x" * 300), ("long", "one\n  two"), ("", "more")])
    assert capsys.readouterr().out == f"a     {'x' * 300}\nlong  one\n        two\n      more\n"
