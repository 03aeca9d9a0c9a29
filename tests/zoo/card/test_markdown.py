import html
import re

import pytest
from markdown_it import MarkdownIt

from tests.zoo.card.made_up import make_run
from zoo.card import render_card
from zoo.card.markdown import code, escape, fold, one_line, safe_address, table
from zoo.targets import ClassTarget, LabelsTarget, ValueTarget

HOSTILE = (
    "a|b",
    "\"double\" and 'single'",
    "two\nlines\r\nand\ttabs",
    "🦊 fox",
    "---",
    "# heading",
    "- item",
    "<script>alert(1)</script>",
    "<!-- gone -->",
    "</details>",
    "[text](javascript:alert(1))",
    "![alt](https://evil.example/x.png)",
    "`code` ```",
    "**bold** _it_ ~~gone~~",
    "$$x^2$$ \\(y\\)",
    "https://evil.example/?a=b&c",
    "www.evil.example",
    "me@evil.example @someone",
    ":smile:",
    "&lt;b&gt; &#65;",
    "back\\slash \\| end\\",
    "\u202egnp.exe",
    "{{ 7 * 7 }} {% raw %}",
    "none: [a, b]: {c: d} !!python/object",
    "x" * 300,
    "日本語",
    "e\u0301",
)


def shown(markdown: str) -> str:
    """Render as GitHub and the Hub do, HTML let through."""
    return (
        MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(markdown)
    )


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_is_shown_as_it_is_in_prose_and_in_a_cell(name):
    for text in (f"The class {escape(name)}.", table(["class", "n"], [[escape(name), "1"]])):
        rendered = shown(text)
        assert html.escape(one_line(name), quote=False) in rendered.replace("&quot;", '"')
    assert rendered.count("<td") == 2


@pytest.mark.parametrize("name", HOSTILE)
def test_no_address_in_a_name_becomes_a_link_of_its_own(name):
    """GitHub links bare addresses wherever it sees them in the source."""
    assert not re.search(r"https?://|www\.|@\w", escape(name))


def test_a_summary_is_html_and_shows_the_name_too():
    assert html.unescape(fold(escape("my_*|<b>"), "").split("summary>")[1][:-2]) == "my_*|<b>"


def test_code_is_for_identifiers_and_nothing_else():
    assert code("resnet50.a1_in1k") == "`resnet50.a1_in1k`"
    assert "`" not in code("a`b")
    assert "|" not in code("a|b")


def test_only_pages_of_the_web_are_linked():
    assert safe_address("https://example.org/a b?c=d") == "https://example.org/a%20b?c=d"
    for address in ("javascript:alert(1)", "file:///etc/passwd", "https://u:p@h/", "", None):
        assert safe_address(address) is None


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A model whose user called everything by the worst names."""
    targets = (
        ClassTarget(name="a|b\n---\n# c", classes=HOSTILE),
        LabelsTarget(name="<b>: - 'x'", classes=HOSTILE),
        ValueTarget(
            name="$v$ `w`",
            columns=HOSTILE,
            mean=(0.0,) * len(HOSTILE),
            std=(1.0,) * len(HOSTILE),
        ),
    )
    root = tmp_path_factory.mktemp("hostile")
    made = make_run(
        root, *targets, backbone="squeezenet1_1", counts={"train": 80, "validation": 60}
    )
    return render_card(made.folder, made.run, repo_id="acme/shapes")


def test_hostile_names_leave_front_matter_and_structure_whole(hostile, card):
    from huggingface_hub import ModelCard

    from tests.hub.card import check_card

    assert check_card(hostile.text).errors == ()
    assert ModelCard(hostile.text).data.model_name == "shapes"
    body = shown(ModelCard(hostile.text).text)
    harmless = shown(ModelCard(card("several").text).text)
    for tag in ("h1", "h2", "h3", "pre", "blockquote"):
        assert body.count(f"<{tag}>") == harmless.count(f"<{tag}>")
    assert body.count("<details>") == body.count("</details>") > 0
    assert "<script" not in body
    assert "<b>" not in body


def test_every_row_of_every_table_has_its_columns(hostile):
    for found in re.findall(r"<table>.*?</table>", shown(hostile.text), re.DOTALL):
        rows = [row.count("<t") - 1 for row in found.split("<tr>")[1:]]
        widths = {len(re.findall(r"<t[hd]", row)) for row in found.split("<tr>")[1:]}
        assert len(rows) > 1
        assert len(widths) == 1


def test_a_link_leads_only_where_zoo_sends_it(hostile):
    hosts = set(re.findall(r'href="https?://([^/"]+)', shown(hostile.text)))
    assert hosts <= {"arxiv.org", "pytorch.org", "download.pytorch.org", "github.com", "spdx.org"}
