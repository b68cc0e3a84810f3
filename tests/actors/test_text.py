from __future__ import annotations

from contextlib import suppress

import nh3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.refusals import Refused
from actors.text import characters, hashtags, length, line, markdown, page_link, plain, prose

# What Mastodon keeps (mastodon-compat §3.4), written down anew.
MASTODON_TAGS = set("p br span a del s pre blockquote code b strong u i em ul ol li ruby rt rp".split())  # noqa: SIM905
MASTODON_ATTRIBUTES = {
    "*": {"lang"},
    "a": {"href", "rel", "class", "translate"},
    "span": {"class", "translate"},
    "ol": {"start", "reversed"},
    "li": {"value"},
    "p": {"class"},
}
MASTODON_SCHEMES = {"http", "https", "dat", "dweb", "ipfs", "ipns", "ssb", "gopher", "xmpp", "magnet", "gemini"}


def as_mastodon_keeps_it(content: str) -> str:
    return nh3.clean(
        content, tags=MASTODON_TAGS, attributes=MASTODON_ATTRIBUTES, url_schemes=MASTODON_SCHEMES, link_rel=None
    )


def why(check: object) -> str:
    with pytest.raises(Refused) as refusal:
        check()  # type: ignore[operator]
    (problem,) = refusal.value.problems
    assert problem.field == "f"
    return problem.why


@pytest.mark.parametrize(
    "value",
    [
        "Help \u202egnp.exe",
        "a\u2066b\u2069",
        "a\u2067b\u2069",
        "a\u200eb",
        "a\u200fb",
        "a\u061cb",
        "x\u0000y",
        "x\u0007y",
        "x\ny",
        "x\u2028y",
        "x\u0085y",
        "x\u200by",
        "x\u2060y",
        "x\u00ady",
        "\ufeffx",
        "x\U000e0041y",
        "x\ud800y",
        "   ",
        "",
        "\u200c\u200d",
        "\u3164",
        "\u2800 \u2800",
        None,
        5,
        ["x"],
        "x" * 101,
        "é" * 101,
        "e" + "\u0301" * 1000,
    ],
)
def test_h6_a_line_without_plain_visible_characters_is_refused(value: object) -> None:
    why(lambda: line(value, "f", cap=100))


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("@all@mastodon.social free money", "@all@mastodon.social free money"),
        ("e\u0301", "é"),
        ("  می‌خواهیم  ", "می‌خواهیم"),
        ("👩‍🚒 hilft", "👩‍🚒 hilft"),
        ("x" * 100, "x" * 100),
        ("e\u0323\u0302" * 100, "ệ" * 100),
    ],
)
def test_a_line_is_kept_as_it_was_written_in_nfc(value: str, kept: str) -> None:
    assert line(value, "f", cap=100) == kept


@pytest.mark.parametrize(
    "value",
    [
        "a\u202ab",
        "a\u202bb",
        "a\u202cb",
        "a\u202db",
        "a\u202eb",
        "a\u2066b",
        "a\u2069b",
        "\u2069a\u2066",
        "a\u2066b\nc\u2069",
        "x\u0000y",
        "x\u001by",
        "x\U000e0041y",
        "x\ud800y",
        "x\u206ay",
        "x\ufff9y",
        " \n ",
        None,
        "x" * 401,
    ],
)
def test_h6_prose_with_direction_traps_or_controls_is_refused(value: object) -> None:
    why(lambda: prose(value, "f", cap=400))


def test_prose_keeps_line_ends_joiners_marks_and_paired_isolates() -> None:
    text = "می‌خواهیم \u2066EUR 5\u2069\u200f\nدوم"
    assert prose(text.replace("\n", "\r\n"), "f", cap=400) == text


@pytest.mark.parametrize(
    "value",
    [
        "give at donate.example",
        "[here](https://donate.example/x)",
        "<https://donate.example/x>",
        "don**ate.exam**ple",
        "donate\\.example",
        "[t.co](https://t.co/x)",
        "bitcoin:bc1qxyz",
        "[coins](bitcoin:bc1qxyz)",
        "[mail](mailto:a@b.example)",
        "[plain](http://b.example/)",
        "[relative](/x)",
        "[no host](https:///x)",
        "[address](https://127.0.0.1/)",
        "[https://a.example](https://b.example/)",
        "[**a**.example](https://b.example/)",
    ],
)
def test_h7_a_link_to_where_money_goes_or_under_a_false_name_is_refused(value: str) -> None:
    why(lambda: prose(value, "f", cap=400, hosts=("donate.example",)))


@pytest.mark.parametrize(
    "value", ["[report](https://b.example/r)", "<https://b.example/r>", "[b.example](https://www.b.example/)"]
)
def test_links_to_other_pages_are_let_through(value: str) -> None:
    assert 'href="https://' in markdown(prose(value, "f", cap=400, hosts=("donate.example",)))


@pytest.mark.parametrize("value", ["https://kitchen.example", "https://KITCHEN.example/"])
def test_the_page_of_a_project_is_kept_in_canonical_form(value: str) -> None:
    assert page_link(value, "f") == "https://kitchen.example/"


@pytest.mark.parametrize(
    "value", ["http://b.example/", "https://donate.example/", "https://bit.ly/x", "javascript:alert(1)", 5]
)
def test_the_page_of_a_project_takes_no_payment(value: object) -> None:
    why(lambda: page_link(value, "f", ("donate.example",)))


@pytest.mark.parametrize(
    ("source", "content"),
    [
        ("a *b* **c**\nd", "<p>a <em>b</em> <strong>c</strong><br>d</p>"),
        ("a\n\nb", "<p>a</p><p>b</p>"),
        ("- x\n- y", "<ul><li>x</li><li>y</li></ul>"),
        ("3. x", '<ol start="3"><li>x</li></ol>'),
        ("> q", "<blockquote><p>q</p></blockquote>"),
        ('[a](https://b.example/?c=1&d=2 "t")', '<p><a href="https://b.example/?c=1&amp;d=2">a</a></p>'),
        ("<script>alert(1)</script>", "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>"),
        ("<img src=x onerror=alert(1)>", "<p>&lt;img src=x onerror=alert(1)&gt;</p>"),
        ("[x](javascript:alert(1))", "<p>[x](javascript:alert(1))</p>"),
        ("# no heading", "<p># no heading</p>"),
        ("`no code`", "<p>`no code`</p>"),
        ("&#8238;", "<p>&amp;#8238;</p>"),
        ("@all@mastodon.social", "<p>@all@mastodon.social</p>"),
        ("#NoTag", "<p>#NoTag</p>"),
    ],
)
def test_h7_markdown_is_small_and_everything_else_is_escaped(source: str, content: str) -> None:
    assert markdown(source) == content


@given(
    st.text(alphabet=st.sampled_from("ab *_[]()<>!#`-+1.>&;:/\\\n\"'h@é\u200c"), max_size=200) | st.text(max_size=200)
)
def test_h7_whatever_is_written_passes_mastodon_unchanged(source: str) -> None:
    content = markdown(source)
    assert as_mastodon_keeps_it(content) == content
    assert "<img" not in content
    assert "<script" not in content
    assert 'class="' not in content.replace("&quot;", '"').replace(source, "")


def test_hashtags_of_any_script_are_kept_without_their_sign() -> None:
    assert hashtags(["#MutualAid", "کمک_متقابل", "हिन्दी", "Help2026"], "f") == (
        "MutualAid",
        "کمک_متقابل",
        "हिन्दी",
        "Help2026",
    )


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ("MutualAid", "f"),
        (None, "f"),
        (["a", "b", "c", "d", "e", "g"], "f"),
        (["2026"], "f.0"),
        (["two words"], "f.0"),
        (["#"], "f.0"),
        (["##x"], "f.0"),
        (["a-b"], "f.0"),
        (["کمک‌متقابل"], "f.0"),
        (["ok", "Same", "sAME"], "f.2"),
        ([5], "f.0"),
        (["<b>"], "f.0"),
        (["_"], "f.0"),
    ],
)
def test_hashtags_that_mastodon_would_not_read_are_refused(value: object, field: str) -> None:
    with pytest.raises(Refused) as refusal:
        hashtags(value, "f")
    assert refusal.value.problems[0].field == field


@pytest.mark.parametrize(
    ("content", "counted"),
    [
        ("<p>abc</p>", 3),
        ("<p>a<br>b</p>", 3),
        ("<p>a</p><p>b</p>", 4),
        ("<p>a &amp; b&nbsp;c</p>", 7),
        (f'<p><a href="https://b.example/{"x" * 80}">https://b.example/{"x" * 80}</a></p>', 23),
        ('<p><a href="https://b.example/">it</a></p>', 23),
        ('<p><a href="https://b.example/" class="mention hashtag" rel="tag">#Aid</a></p>', 4),
        ("<p>https://b.example/ and more</p>", 32),
        ("<p>@all@mastodon.social</p>", 4),
        ("<p>e\u0301\u0301</p>", 1),
        ("<p>می‌خواهیم</p>", 8),
    ],
)
def test_posts_are_counted_as_mastodon_counts(content: str, counted: int) -> None:
    assert length(content) == counted


def test_marks_at_the_start_of_a_line_count_by_themselves() -> None:
    assert characters("\u0301a\n\u0301") == 4


def test_plain_text_has_a_line_per_paragraph() -> None:
    assert plain("<p>a<br>b</p><ul><li>&lt;c&gt;</li></ul>") == "a\nb\n<c>"


@given(st.text() | st.integers() | st.none() | st.lists(st.text()))
def test_h6_no_input_leads_to_anything_but_a_value_or_a_refusal(value: object) -> None:
    for check in (
        lambda: line(value, "f", cap=100, hosts=("donate.example",)),
        lambda: prose(value, "f", cap=400, hosts=("donate.example",)),
        lambda: hashtags(value, "f"),
        lambda: page_link(value, "f"),
    ):
        with suppress(Refused):
            check()


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "piece", ["[", "*a _b ", "> ", "- a\n", "[a](", "<https://", "\\", "@a", "[x](https://a.example) ", "**a *"]
)
def test_hostile_prose_is_read_in_linear_time(piece: str) -> None:
    text = (piece * 20_000)[:19_999]
    with suppress(Refused):
        prose(text, "f", cap=20_000, hosts=("donate.example",))
    length(markdown(text))
