"""Rendering: whatever an agent wrote comes out as rows that only paint."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from zwarm_tui.core import events as e
from zwarm_tui.core.model import Block
from zwarm_tui.core.transcript import Transcript
from zwarm_tui.tui.render.blocks import block_parts, copy_of, request_of
from zwarm_tui.tui.render.calls import gist, summary
from zwarm_tui.tui.render.column import Column, Place
from zwarm_tui.tui.render.diff import as_hunks, counts, split_files
from zwarm_tui.tui.render.growing import Growing
from zwarm_tui.tui.render.literal import exact, literal, output_of
from zwarm_tui.tui.render.palette import Palette
from zwarm_tui.tui.render.rows import ends, slices
from zwarm_tui.tui.render.wrap import fit, wrap

PALETTE = Palette.of({"foreground": "#dddddd", "zwarm-dim": "#888888", "panel": "#222222"})

HOSTILE = st.text(
    st.one_of(
        st.characters(),  # surrogates too
        st.sampled_from(
            "\x00\x07\x08\x1b\x7f\x85\x9b\u202e\u2066\u2028\r\n\t `*#|[]<>-1.\u0301\ufe0f\u200d👩日é"
        ),
    ),
    max_size=120,
)
SNIPPETS = st.sampled_from(
    [
        "[/tmp/x]",
        "[red]",
        "list[int]",
        "<b>",
        "\x1b[31m",
        "\x1b]0;t\x07",
        "```py\n",
        "```\n",
        "| a | b |\n|-|-|\n",
        "> ",
        "1. ",
    ]
)
TEXT = st.lists(st.one_of(HOSTILE, SNIPPETS), max_size=6).map("".join)
NAME = st.one_of(st.sampled_from(["command", "delegate", "accept", "completed", "update"]), HOSTILE)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAME, inner, max_size=3)),
    max_leaves=6,
)
ARGUMENTS = st.dictionaries(
    st.one_of(NAME, st.sampled_from(["task", "session_id", "message", "seconds", "command", "status"])),
    JSON,
    max_size=4,
)
CODE = st.one_of(st.none(), st.integers(-70, 300))
EVENTS = st.one_of(
    st.builds(e.UserMessage, TEXT, NAME, st.booleans()),
    st.builds(e.ThreadBound, NAME, NAME),
    st.builds(e.TurnEnded, status=NAME, error=st.none() | TEXT, exit_code=CODE, stderr=st.none() | TEXT),
    st.builds(e.SessionEnded, st.none() | TEXT),
    st.builds(e.TextDelta, st.just("i"), TEXT),
    st.builds(e.Text, st.just("i"), TEXT, st.none() | NAME),
    st.builds(e.ReasoningDelta, st.just("i"), TEXT),
    st.builds(e.Reasoning, st.just("i"), TEXT),
    st.builds(e.CommandStarted, st.just("i"), TEXT),
    st.builds(e.CommandOutput, st.just("i"), TEXT),
    st.builds(
        e.CommandDone,
        item=st.just("i"),
        command=TEXT,
        output=TEXT,
        exit_code=CODE,
        status=NAME,
        seconds=st.none() | st.floats(0, 1e6),
    ),
    st.builds(
        e.FilesChanged,
        st.just("i"),
        st.lists(st.builds(e.FileChange, TEXT, NAME, TEXT), max_size=3).map(tuple),
        NAME,
    ),
    st.builds(e.TurnDiff, TEXT),
    st.builds(e.Plan, st.lists(st.tuples(TEXT, NAME), max_size=3).map(tuple)),
    st.builds(e.ToolStarted, st.just("i"), NAME, ARGUMENTS),
    st.builds(e.ToolDone, item=st.just("i"), tool=NAME, arguments=ARGUMENTS, result=TEXT, ok=st.booleans()),
    st.builds(
        e.ApprovalRequested,
        request=st.just("r"),
        what=NAME,
        text=TEXT,
        cwd=TEXT,
        reason=TEXT,
        choices=st.lists(NAME, max_size=3).map(tuple),
    ),
    st.builds(e.ApprovalResolved, request=st.just("r"), decision=NAME, by=NAME, text=TEXT, message=TEXT),
    st.builds(e.QuestionAsked, st.just("r"), TEXT, st.lists(TEXT, max_size=3).map(tuple)),
    st.builds(e.QuestionAnswered, st.just("r"), TEXT, st.none() | TEXT),
    st.builds(e.Notice, NAME, TEXT),
    st.builds(e.Unknown, NAME, TEXT),
)


def block(event: e.Event, *, streaming: bool = False, text: str = "", at: int = 1) -> Block:
    return Block(
        key=(1, 1, f"#{at}"),
        first_seq=at,
        seq=at,
        time=1_700_000_000.0,
        event=event,
        streaming=streaming,
        text=text,
    )


def rows(event: e.Event, *, width: int = 80, open: bool = False, **kind: object) -> list[str]:
    b = block(event, **kind)  # type: ignore[arg-type]
    parts = block_parts(b, open=open, live=Growing(b))
    return [strip.text for part in parts for strip in part.paint(width, PALETTE)]


def acts(char: str) -> bool:
    return (
        unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp")
        or char in "\u200e\u200f\u061c"
        or ("\u202a" <= char <= "\u202e" or "\u2066" <= char <= "\u2069")
    )


@settings(max_examples=300, deadline=None)
@given(EVENTS, TEXT, st.integers(16, 130), st.booleans())
def test_hostile_text_only_paints(event: e.Event, text: str, width: int, open: bool) -> None:
    b = block(event, streaming=event.kind in e.DELTAS or event.kind.endswith("started"), text=text)
    for part in block_parts(b, open=open, live=Growing(b)):
        for strip in part.paint(width, PALETTE):
            assert not [c for c in strip.text if acts(c)]
            strip.text.encode()  # no lone surrogate is left
            assert all(segment.style is None or not segment.style.link for segment in strip)
            assert strip.cell_length == sum(cell_len(segment.text) for segment in strip) <= width
    copy_of(b)


@settings(max_examples=200, deadline=None)
@given(TEXT, st.integers(4, 60))
def test_wrapping_loses_only_the_space_at_a_break(text: str, width: int) -> None:
    line = literal(text).replace("\n", " ").replace("\t", " ")
    cut = wrap(line, width)
    assert all(cell_len(part) <= width for part in cut)
    assert "".join(cut).replace(" ", "") == line.replace(" ", "")


@settings(max_examples=100, deadline=None)
@given(st.lists(HOSTILE, max_size=12), st.integers(16, 60))
@example(["0000", "000000000\u2e80", "\t"], 16)
def test_growing_text_equals_the_text_drawn_at_once(deltas: list[str], width: int) -> None:
    b = block(e.TextDelta("i", ""), streaming=True)
    live = Growing(b)
    for delta in deltas:
        b.text += delta
        grown = [strip.text for strip in live.part().paint(width, PALETTE)]
    once = [strip.text for strip in Growing(b).part().paint(width, PALETTE)]
    assert not deltas or grown == once


def test_literal_shows_what_would_act() -> None:
    assert literal("a\x1b[31mb\x00\x07") == "a␛[31mb␀␇"
    assert literal("x\u202ey\ud800") == "x�y�"
    assert literal("tab\there\nnew") == "tab\there\nnew"
    assert output_of("\x1b[1;32mok\x1b[0m 10%\r 50%\r100%\r\nend") == "100%\nend"
    assert exact("rm\u200b -rf") == "rm‹U+200B› -rf"


@pytest.mark.parametrize(
    "text", ["path [/tmp/x]", "list[int]", "[red]no[/red]", "a <b> c", ":smile:", "<details>"]
)
def test_markup_and_html_are_text(text: str) -> None:
    assert text in "\n".join(rows(e.Text("i", text)))
    assert text in "\n".join(rows(e.CommandDone(item="i", command=text, output=text)))


def test_markdown_is_rendered_and_links_show_where_they_go() -> None:
    text = "# Title\n\n- *one*\n- two\n\n```python\nx = 1\n```\n\n[here](https://example.org/y)"
    shown = rows(e.Text("i", text))
    assert "  Title" in [line.rstrip() for line in shown]
    assert any("• one" in line for line in shown)
    assert any("x = 1" in line and len(line) == 80 for line in shown)  # a ground as wide as the text
    assert "here (https://example.org/y)" in "\n".join(shown)


def test_a_long_message_is_cut_into_parts_between_blocks() -> None:
    text = "\n\n".join(f"## Part {n}\n\n" + "words and words " * 60 for n in range(20))
    parts = block_parts(block(e.Text("i", text)), open=False)
    assert len(parts) > 3
    shown = "\n".join(strip.text for part in parts for strip in part.paint(80, PALETTE))
    assert all(f"Part {n}" in shown for n in range(20))
    fenced = block_parts(block(e.Text("i", "```py\n" + "x = 1\n" * 5000 + "```\nafter")), open=False)
    lines = [strip.text.strip() for part in fenced for strip in part.paint(80, PALETTE)]
    assert lines.count("x = 1") == 5000
    assert lines[-1] == "after"


def test_a_command_folds_its_output_to_both_ends() -> None:
    output = "\n".join(f"line {n}" for n in range(130))
    done = e.CommandDone(item="i", command="make all", output=output, exit_code=0, seconds=75.0)
    shown = rows(done)
    assert shown[0].startswith("  $ make all")
    assert shown[0].endswith("✓ 1m 15s")
    assert [line.strip() for line in shown[1:]] == [
        *("line 0", "line 1", "… 124 more lines", "line 126", "line 127", "line 128", "line 129")
    ]
    assert len(rows(done, open=True)) == 131


def test_a_failed_command_says_so_in_words() -> None:
    failed = e.CommandDone(item="i", command="x", exit_code=2, status="failed")
    assert rows(failed)[0].endswith("✗ exit 2")
    assert rows(e.CommandDone(item="i", command="x", status="declined"))[0].endswith("⊘ declined")
    assert rows(e.CommandStarted("i", "x"), streaming=True)[0].endswith("● running")


def test_a_running_command_shows_its_newest_lines() -> None:
    text = "\n".join(f"line {n}" for n in range(50))
    shown = rows(e.CommandStarted("i", "make"), streaming=True, text=text)
    assert shown[-1].strip() == "line 49"
    assert shown[1].strip() == "… 46 more lines"


def test_an_approval_shows_the_exact_command() -> None:
    command = "echo " + "very-long-argument " * 20 + "&& rm -rf /\u200b"
    shown = rows(
        e.ApprovalRequested(request="r1", what="command", text=command, cwd="/p", reason="why"), width=60
    )
    inside = "".join(line.strip(" │") + " " for line in shown[2:])
    assert "rm -rf /‹U+200B›" in inside
    assert inside.count("very-long-argument") == 20
    assert any("in /p" in line for line in shown)
    assert "allow, allow for the session, decline" in inside
    assert request_of(block(e.ApprovalRequested(request="r1", what="command", text="x"))) == "r1"
    assert request_of(block(e.ApprovalResolved(request="r1", decision="accept"))) is None


def test_how_a_turn_ended() -> None:
    ended = e.TurnEnded(status="failed", error="no more", exit_code=3, stderr="\n".join(map(str, range(20))))
    shown = "\n".join(rows(ended))
    assert "turn 1 failed · exit 3" in shown
    assert "no more" in shown
    assert "the last 5 of 20 lines" in shown
    assert "│ 19" in shown
    assert "│ 14" not in shown
    assert "SIGKILL" in rows(e.TurnEnded(status="killed", exit_code=-9))[0]
    assert "interrupted" in rows(e.TurnEnded(status="interrupted"))[0]


@pytest.mark.parametrize(("how", "seen"), [("continued", []), ("forked", ["forked"]), ("briefed", ["brief"])])
def test_how_a_thread_came_to_be(how: str, seen: list[str]) -> None:
    shown = rows(e.ThreadBound("t", how))
    assert len(shown) == len(seen)
    assert all(word in line for word, line in zip(seen, shown, strict=True))


def test_a_sub_agents_words_are_set_apart() -> None:
    assert rows(e.Text("i", "sub *text*", "call-1")) == ["    ┆ sub *text*"]


def test_the_unknown_is_one_line_and_whole_when_opened() -> None:
    unknown = e.Unknown("thread/odd", '{"a": 1}')
    assert rows(unknown) == ["  ? unrecognised: thread/odd"]
    assert rows(unknown, open=True)[-1].strip() == '{"a": 1}'


def test_tokens_that_nobody_reported_are_no_unknown_line() -> None:
    assert rows(e.UsageUnknown("a response was cut off")) == ["  ≥ tokens unknown: a response was cut off"]


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("delegate", {"task": "Do x", "model": "m"}, "“Do x” (m)"),
        ("converse", {"session_id": "ab", "message": "hi"}, "→ ab: “hi”"),
        ("peek_session", {"session_id": "ab"}, "ab"),
        ("check_session", {"session_id": "ab"}, "ab"),
        ("list_sessions", {"status": "failed"}, "only failed"),
        ("end_session", {"session_id": "ab", "reason": "done"}, "ab: done"),
        ("sleep", {"seconds": 30}, "up to 30 s"),
        ("bash", {"command": "ls\nx"}, "$ ls x"),
        ("chat", {"message": "ok?", "wait_for_user_input": True}, "“ok?” (waits for you)"),
        ("delegate", {"nonsense": 1}, "(nonsense=1)"),
        ("mcp.other", {"a": [1], "b": "x"}, '(a=[1], b="x")'),
    ],
)
def test_tool_calls_in_words(tool: str, arguments: dict[str, object], said: str) -> None:
    assert summary(tool, arguments) == said


def test_results_in_few_words() -> None:
    assert gist("delegate", '{"session_id": "ab", "status": "pending"}') == "session_id: ab · status: pending"
    assert gist("list_sessions", '[{"id": "ab"}, {"id": "cd"}]') == "2 of them: ab, cd"
    assert gist("x", "plain") == "plain"


DIFF = """diff --git a/x.py b/x.py
index 1..2 100644
--- a/x.py
+++ b/x.py
@@ -1,2 +1,3 @@
 one
-two
+--- not a header
+three
diff --git a/new.txt b/new.txt
new file mode 100644
--- /dev/null
+++ b/new.txt
@@ -0,0 +1 @@
+hello
diff --git a/b.bin b/b.bin
Binary files a/b.bin and b/b.bin differ
"""


def test_a_diff_is_split_into_files() -> None:
    files = split_files(DIFF)
    assert [(f.path, f.change, f.counts) for f in files] == [
        ("x.py", "update", (2, 1)),
        ("new.txt", "add", (1, 0)),
        ("b.bin", "update", (0, 0)),
    ]
    plain = split_files("--- a/y\n+++ b/y\n@@ -1 +1 @@\n-a\n+b\n")
    assert [(f.path, f.counts) for f in plain] == [("y", (1, 1))]
    assert split_files("nothing of the kind") == []


def test_diffs_keep_their_signs_and_number_their_lines() -> None:
    changed = e.FilesChanged("i", (e.FileChange("x.py", "update", split_files(DIFF)[0].body),))
    shown = rows(changed)
    assert shown[0].startswith("  ± x.py  changed  +2 −1")
    assert shown[2:] == ["     1  one", "     2 -two", "     2 +--- not a header", "     3 +three"]


def test_a_whole_file_as_a_diff() -> None:
    hunks = as_hunks("a\nb\n", "add")
    assert hunks == "@@ -0,0 +1,2 @@\n+a\n+b"
    assert counts(hunks) == (2, 0)
    assert as_hunks("@@ -1 +1 @@\n-a\n+b", "update") == "@@ -1 +1 @@\n-a\n+b"


def test_long_diffs_are_folded() -> None:
    body = "@@ -0,0 +1,60 @@\n" + "\n".join(f"+line {n}" for n in range(60))
    changed = e.FilesChanged("i", (e.FileChange("x", "update", body),))
    assert len(rows(changed)) == 1
    assert len(rows(changed, open=True)) == 62


@given(st.lists(st.text("ab\n", max_size=30), max_size=10).map("".join), st.integers(1, 20))
def test_slices_cover_a_text(text: str, size: int) -> None:
    joined = ""
    for start, end in slices(text, size):
        joined += text[start:end]
        if end < len(text) and text[end] == "\n" and end - start >= size:
            joined += "\n"
    assert joined.replace("\n", "") == text.replace("\n", "")


def test_ends_of_a_text() -> None:
    assert ends("a\nb\nc\n", 1, 1) == (["a", "b", "c"], 0, [])
    assert ends("a\nb\nc\nd", 1, 1) == (["a"], 2, ["d"])
    assert ends("", 1, 1) == ([], 0, [])


def test_fit_keeps_to_its_cells() -> None:
    assert fit("日本語", 4) == "日…"
    assert fit("abc", 3) == "abc"
    assert cell_len(fit("👩‍👩‍👧 family " * 9, 11)) <= 11


# -- the column ------------------------------------------------------------------------


def column(blocks: list[Block], width: int = 80) -> Column:
    return Column(blocks, width=width, palette=PALETTE, opened=set())


def said(at: int, text: str) -> Block:
    return block(e.UserMessage(text), at=at)


def test_a_column_settles_from_its_end() -> None:
    col = column([said(n, f"message {n} " + "long words " * 40) for n in range(1, 400)])
    col.settle_up(Place(len(col.items), 0, 0), 40)
    drawn = [item for item in col.items if any(part.exact for part in item.parts[1:])]
    assert 0 < len(drawn) < 20
    assert "message 399" in "".join(col.line(y)[0].text for y in range(col.height - 12, col.height))
    while col.settle_some(1.0):
        pass
    assert col.settled
    assert col.height == sum(len(part.paint(80, PALETTE)) for item in col.items for part in item.parts)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 300), min_size=1, max_size=12), st.data())
def test_places_survive_settling(lengths: list[int], data: st.DataObject) -> None:
    col = column([said(n, "word " * length) for n, length in enumerate(lengths, 1)], width=30)
    y = data.draw(st.integers(0, max(col.height - 1, 0)))
    place = col.place_of(y)
    assert col.row_of(place) == y
    col.settle_down(place, 20)
    col.settle_up(place, 20)
    assert col.place_of(col.row_of(place))[:2] == place[:2]


def test_deltas_fold_into_one_block() -> None:
    col = column([])
    records = [e.Record(e.TextDelta("i", f"w{n} "), "s", turn=1, seq=n) for n in range(1, 101)]
    assert col.extend(records) == 0
    assert col.extend(records) is None  # replayed: said already
    assert col.blocks[0].text == "".join(f"w{n} " for n in range(1, 101))
    assert (col.blocks[0].first_seq, col.blocks[0].seq) == (1, 100)
    col.extend([e.Record(e.Text("i", "done"), "s", turn=1, seq=101)])
    col.settle_up(Place(1, 0, 0), 5)
    assert col.line(0)[0].text.strip() == "done"


def test_a_column_grows_as_if_it_had_been_whole() -> None:
    events: list[e.Event] = [
        e.UserMessage("go"),
        *(e.CommandStarted("c", "ls"), e.CommandOutput("c", "a\n"), e.CommandOutput("c", "b\nc\nd")),
        e.CommandDone(item="c", command="ls", output="a\nb\nc\nd", exit_code=0),
        *(e.TextDelta("t", "Hel"), e.TextDelta("t", "lo"), e.Text("t", "Hello")),
        *(e.Notice("info", "x"), e.TurnEnded(status="completed")),
    ]
    records = [e.Record(event, "s", turn=1, seq=n, time=1.0) for n, event in enumerate(events, 1)]
    grown = column([])
    for record in records:
        grown.extend([record])
    transcript = Transcript()
    for record in records:
        transcript.apply(record)
    whole = column(transcript.blocks)
    for col in (grown, whole):
        col.settle_down(Place(0, 0, 0), 100)
    assert [grown.line(y)[0].text for y in range(grown.height)] == [
        whole.line(y)[0].text for y in range(whole.height)
    ]


def test_what_is_huge_is_drawn_in_slices() -> None:
    output = "".join(f"{n:07d} a line of output\n" for n in range(200_000))
    done = e.CommandDone(item="i", command="x", output=output, exit_code=0)
    one_line = e.CommandDone(item="j", command="x", output="x" * 5_000_000, exit_code=0)
    col = column([block(done, at=1), block(one_line, at=2), block(e.Text("k", "y" * 5_000_000), at=3)])
    for index in range(3):
        col.toggle(index, True)
    start = time.process_time()
    col.settle_up(Place(3, 0, 0), 60)
    col.settle_down(Place(0, 0, 0), 60)
    place = col.place_of(col.top(1) - 30)
    col.settle_down(place, 20)
    assert time.process_time() - start < 0.25
    assert "a line of output" in col.line(col.row_of(place))[0].text
    found = col.find(0, "0150000 a line")
    assert found is not None
    assert "0150000" in col.line(col.row_of(found))[0].text


def test_an_equal_theme_is_an_equal_palette() -> None:
    assert Palette.of({"foreground": "#fff"}) == Palette.of({"foreground": "#fff", "other": "1"})
    assert Palette.of({"foreground": "auto 87%"}).text is not None
    assert Palette.of({}).dim is not None


def test_a_huge_message_to_the_agent_is_folded_too() -> None:
    shown = rows(e.UserMessage("x" * 1_000_000))
    assert len(shown) < 100
    assert any("… 994,000 more characters" in line for line in shown)
    shown = rows(e.UserMessage("\n".join(f"line {n}" for n in range(100))))
    assert "▌ … 72 more lines" in shown
    assert len(rows(e.UserMessage("a\nb"), open=False)) == 3


def test_a_call_with_huge_arguments_stays_one_line() -> None:
    call = e.ToolDone(item="i", tool="write", arguments={"path": "x", "text": "y" * 3_000_000}, result="ok")
    assert len(rows(call)) == 2
    assert copy_of(block(call)).count("y") == 3_000_000


def test_a_question_and_its_answer() -> None:
    asked = rows(e.QuestionAsked("q", "Which one?", ("this", "that")))
    assert any("2. that" in line for line in asked)
    assert rows(e.QuestionAnswered("q", "Which one?", "this")) == ["  ? Which one?", "  → this"]
    assert rows(e.QuestionAnswered("q", "Which one?", None))[1].strip() == "no answer: the turn ended first"
