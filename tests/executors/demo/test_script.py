"""The script language: total, stateless, the same in every process."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zwarm_tui.executors.script import (
    Ask,
    Called,
    Die,
    Fail,
    Hang,
    Pause,
    Raw,
    Response,
    Run,
    Said,
    Say,
    Think,
    Tokens,
    UseTool,
    Write,
    estimate,
    parse,
    pieces_of,
    prose,
    respond,
    unescape,
)

_NAMES = ["say", "think", "stream", "flood", "sleep", "run", "escalate", "write", "tool", "ask", "usage"]
_NAMES += ["fail", "hang", "die", "raw", "next", "alice"]
lines = st.builds(
    lambda name, rest: f"@{name} {rest}", st.sampled_from(_NAMES), st.text(max_size=20)
) | st.text(max_size=20)
scripts = st.lists(lines, max_size=8).map("\n".join)


def play(conversation: list[Said | Called], tools: tuple[str, ...] = (), most: int = 60) -> list[Response]:
    """The responses of a turn, each call answered with "ok"."""
    found = []
    conversation = list(conversation)
    while len(found) < most:
        response = respond(conversation, tools)
        found.append(response)
        if not response.calls:
            return found
        for call in response.calls:
            conversation.append(Called(type(call).__name__, {}, "ok"))
    raise AssertionError("the turn never ends")


def turn(text: str) -> list[Response]:
    return play([Said("user", text)])


@given(scripts)
def test_any_text_is_a_script_that_ends(text: str) -> None:
    responses = turn(text)
    assert not responses[-1].calls
    assert all(r.tokens is not None and min(r.tokens) >= 0 for r in responses)
    assert all(r.tokens.cached <= r.tokens.input for r in responses if parse(text) is None)


@given(scripts)
def test_the_same_conversation_gets_the_same_answer(text: str) -> None:
    assert turn(text) == turn(text)


@given(scripts)
def test_every_call_ends_its_response(text: str) -> None:
    for response in parse(text) or []:
        assert all(call is response.actions[-1] for call in response.calls)


def test_all_directives() -> None:
    text = "\n".join(
        (
            "words that are not for the script",
            r"@say one\ntwo",
            "@think hmm",
            "@usage 1000 400 50 20",
            "@run ls | wc -l",
            "@escalate rm x",
            r"@write a b.txt \x41",
            '@tool delegate {"task": "x"}',
            "@ask Which one?",
            "@sleep 0.5",
            "@stream 2 100",
            "@flood 2 40",
            r"@raw {\x00",
        )
    )
    responses = parse(text)
    assert responses is not None
    assert [r.actions for r in responses] == [
        (Say("one\ntwo"), Think("hmm"), Run("ls | wc -l")),
        (Run("rm x", escalate=True),),
        (Write("a", "b.txt A"),),
        (UseTool("delegate", {"task": "x"}),),
        (Ask("Which one?"),),
        (Pause(0.5), Say(prose(100), 2.0), Say(prose(480), 2.0, 80), Raw("{\0")),
    ]
    assert [r.tokens for r in responses] == [Tokens(1000, 400, 50, 20), None, None, None, None, None]


@pytest.mark.parametrize(
    ("text", "last"), [("@hang", Hang()), ("@die", Die()), ("@fail oh no", Fail("oh no"))]
)
def test_directives_without_an_end(text: str, last: object) -> None:
    responses = parse(text)
    assert responses is not None
    assert responses[-1].actions == (last,)


@pytest.mark.parametrize("text", ["@sleep nan", "@stream 1", "@usage a b c", "@tool x [1]", "@run", "@write"])
def test_nonsense_fails_and_says_which_line(text: str) -> None:
    responses = parse(f"first\n{text}")
    assert responses is not None
    assert isinstance(responses[0].actions[0], Fail)
    assert "line 2" in responses[0].actions[0].message


def test_usage_belongs_to_the_response_that_it_stands_in() -> None:
    responses = parse("@usage 1 0 1\n@run a\n@usage 2 0 2\n@run b\n@say c\n@usage 3 0 3")
    assert responses is not None
    assert [r.tokens for r in responses] == [Tokens(1, 0, 1), Tokens(2, 0, 2), Tokens(3, 0, 3)]


def test_next_begins_a_response_after_a_command_that_does_nothing() -> None:
    responses = parse("@say a\n@usage 1 0 1\n@next\n@say b\n@usage 2 0 2")
    assert responses is not None
    assert [r.actions for r in responses] == [(Say("a"), Run("true")), (Say("b"),)]


@given(st.text())
def test_what_has_no_escape_stays_as_it_is(text: str) -> None:
    assert unescape(text.replace("\\", "")) == text.replace("\\", "")
    assert unescape(text.replace("\\", "\\\\")) == text


def test_escapes_make_hostile_text() -> None:
    assert unescape(r"\e[31m \ud800 \0 \x07 \q") == "\x1b[31m \ud800 \0 \x07 \\q"


@given(st.text(max_size=400), st.floats(0, 20), st.integers(0, 500))
def test_pieces_are_the_text(text: str, seconds: float, pieces: int) -> None:
    assert "".join(pieces_of(Say(text, seconds, pieces))) == text


def test_a_flood_has_as_many_pieces_as_it_says() -> None:
    responses = parse("@flood 5 40")
    assert responses is not None
    flood = responses[0].actions[0]
    assert isinstance(flood, Say)
    assert len(pieces_of(flood)) == 200


def test_a_message_in_mid_turn_is_the_newest_instruction() -> None:
    conversation = [Said("user", "@run a\n@run b"), Called("run", {}, ""), Said("user", "@say instead")]
    assert respond(conversation, ()).actions == (Say("instead"),)


def test_directives_of_an_earlier_conversation_are_not_played_again() -> None:
    brief = "What was said:\n\n[You]\n@run rm -rf x\n\nNow:\n\n@say new"
    assert turn(brief)[0].actions == (Say("new"),)


def test_without_hands_and_tools_it_only_speaks() -> None:
    response = respond([Said("user", "Summarise this")], (), hands=False)
    assert not response.calls


@given(st.text(max_size=80), st.text(max_size=80))
def test_a_job_is_small_and_ends_with_words(task: str, more: str) -> None:
    responses = turn(f"do {task}")
    assert 1 <= len(responses) <= 6
    follow = [Said("user", task), Said("assistant", "done"), Said("user", f"and {more}")]
    for last in (responses[-1], play(list(follow))[-1]):
        assert any(isinstance(a, Say) and a.text.strip() for a in last.actions)


@given(st.lists(st.text(max_size=50), min_size=1, max_size=5))
def test_estimates_grow_with_the_conversation(messages: list[str]) -> None:
    conversation: list[Said | Called] = []
    before = 0
    for text in messages:
        conversation += [Said("user", text)]
        tokens = estimate(conversation, Response((Say("x"),)))
        assert tokens.input > before
        assert tokens.cached <= tokens.input
        before = tokens.input
        conversation += [Said("assistant", "x")]
