"""The script language: what a scripted model answers, as a pure function.

The demo agent and the scripted model server both ask `respond` what the model says
next; so one script plays the same way in both. It depends on nothing but the
conversation so far: same conversation, same answer, in any process.

A message may hold directives, one a line. Where it does, its other text is ignored::

    @say TEXT                    says it (Python-like escapes: \\n \\t \\e \\0 \\xHH \\uHHHH \\\\)
    @think TEXT                  reasoning
    @stream SECONDS CHARS        so many characters of text, over so many seconds
    @flood SECONDS RATE          text in RATE small pieces a second
    @sleep SECONDS               silence
    @run COMMAND                 really run in the agent's folder
    @escalate COMMAND            the same, after asking for leave
    @write PATH TEXT             makes or replaces a file (escapes as above)
    @tool NAME {json}            calls one of the tools that are offered
    @ask QUESTION                asks the person
    @usage INPUT CACHED OUTPUT [REASONING]   what the response costs (INPUT includes CACHED)
    @fail MESSAGE                the response fails
    @hang                        nothing ever comes
    @die                         the agent exits with 3; the server drops the stream
    @raw TEXT                    these bytes, as they are, in the place of an event
    @next                        begin the next response (after a command that does nothing)

A model sees what came of a command, a file, a tool or a question before it goes on:
each of them ends a response, and `@usage` counts for the response that it stands in.

Without directives the answer is a small believable job (`script_jobs`), or, where the
tool `delegate` is offered, that of a scripted pilot (`script_pilot`).

This module and its two neighbours import nothing but the standard library, and little
of that: the demo agent starts with each turn.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

# -- the conversation --------------------------------------------------------------------


class Said(NamedTuple):
    """A message; `role` is "user" or "assistant"."""

    role: str
    text: str


class Called(NamedTuple):
    """A finished call of the model, with what came of it."""

    tool: str
    arguments: dict[str, Any]
    output: str


Item = Said | Called

# -- a response ----------------------------------------------------------------------------


class Say(NamedTuple):
    """Text, streamed over `seconds` in `pieces` deltas (0: as many as suit)."""

    text: str
    seconds: float = 0.0
    pieces: int = 0


class Think(NamedTuple):
    text: str
    seconds: float = 0.0


class Pause(NamedTuple):
    seconds: float


class Run(NamedTuple):
    command: str
    escalate: bool = False


class Write(NamedTuple):
    path: str
    text: str


class UseTool(NamedTuple):
    name: str
    arguments: dict[str, Any]


class Ask(NamedTuple):
    question: str


class Fail(NamedTuple):
    message: str


class Hang(NamedTuple):
    pass


class Die(NamedTuple):
    pass


class Raw(NamedTuple):
    text: str


Call = Run | Write | UseTool | Ask
Action = Say | Think | Pause | Fail | Hang | Die | Raw | Call


class Tokens(NamedTuple):
    """As OpenAI counts: `input` includes `cached`, `output` includes `reasoning`."""

    input: int
    cached: int
    output: int
    reasoning: int = 0


class Response(NamedTuple):
    """One model response: what it does, in order, and what it costs."""

    actions: tuple[Action, ...]
    tokens: Tokens | None = None

    @property
    def calls(self) -> list[Call]:
        """Its calls. A response without any ends the turn."""
        return [a for a in self.actions if isinstance(a, Call)]


PROSE = (
    "The list is read once and kept in memory, so that every command after the first one is quick. "
    "What changes is written beside the old file and then renamed over it, which leaves either the old "
    "list or the new one on disk, never half of one.\n\n"
)

_DIRECTIVE = re.compile(
    r"@(say|think|stream|flood|sleep|run|escalate|write|tool|ask|usage|fail|hang|die|raw|next)\b[ \t]*(.*)"
)
_NOTES = re.compile(r"\A(?:\[The [^\n]*\]\n\n)+")
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|([ntre0\\]))")
_LETTERS = {"n": "\n", "t": "\t", "r": "\r", "e": "\x1b", "0": "\0", "\\": "\\"}
_MOST = 86_400.0


def respond(conversation: Sequence[Item], tools: Collection[str], *, hands: bool = True) -> Response:
    """What the model answers next; `tokens` is always set.

    `tools` are the names of the tools offered to it; `hands` says whether it has a
    shell and an editor of its own."""
    # Late, since both build their answers of the types above.
    from zwarm_tui.executors import script_jobs, script_pilot

    start = max((i for i, item in enumerate(conversation) if _is_message(item)), default=-1)
    message = the_message(conversation[start]) if start >= 0 else ""
    done = [item for item in conversation[start + 1 :] if isinstance(item, Called)]
    if "delegate" in tools and (script_pilot.is_order(message) or parse(message) is None):
        response = script_pilot.answer(message, done, conversation[: max(start, 0)])
    elif responses := parse(message):
        response = _at(responses, len(done))
    elif hands:
        earlier = [the_message(item) for item in conversation[:start] if _is_message(item)]
        response = _at(script_jobs.job(message, earlier), len(done))
    else:
        response = Response((Say(f"You said: {_first_line(message)}"),))
    return response if response.tokens else response._replace(tokens=estimate(conversation, response))


def parse(text: str) -> list[Response] | None:
    """The responses that a message's directives ask for; None where it has none.
    Never raises: a directive that makes no sense becomes a response that fails."""
    responses: list[Response] = []
    actions: list[Action] = []
    tokens: Tokens | None = None
    found = False
    for number, line in enumerate(text.split("\n"), 1):
        match = _DIRECTIVE.fullmatch(line.rstrip("\r"))
        if match is None:
            continue
        found = True
        name, rest = match[1], match[2].strip()
        if name == "next":
            action: Action | None = None if actions and isinstance(actions[-1], Call) else Run("true")
        elif name == "usage":
            counts = _counts(rest)
            tokens, action = (counts, None) if counts else (tokens, _wrong(number, name, rest))
        else:
            action = _action(name, rest)
            if action is None:
                action = _wrong(number, name, rest)
        if action is not None:
            actions.append(action)
        if isinstance(action, Call):
            responses.append(Response(tuple(actions), tokens))
            actions, tokens = [], None
    if not found:
        return None
    if not any(isinstance(a, (Say, Raw, Fail, Hang, Die)) for a in actions):
        actions.append(Say("Done."))
    return [*responses, Response(tuple(actions), tokens)]


def _action(name: str, rest: str) -> Action | None:
    """The action of one directive; None where its argument makes no sense."""
    if name == "say":
        return Say(unescape(rest))
    if name == "think":
        return Think(unescape(rest))
    if name == "raw":
        return Raw(unescape(rest))
    if name in ("stream", "flood"):
        numbers = _numbers(rest, 2)
        if numbers is None:
            return None
        seconds, amount = numbers[0], int(min(numbers[1], 50_000_000))
        if name == "stream":
            return Say(prose(amount), seconds)
        pieces = max(1, int(min(seconds * amount, 5_000_000)))
        return Say(prose(pieces * 6), seconds, pieces)
    if name == "sleep":
        numbers = _numbers(rest, 1)
        return Pause(numbers[0]) if numbers else None
    if name == "write":
        path, _, content = rest.partition(" ")
        return Write(path, unescape(content)) if path else None
    if name == "tool":
        tool, _, arguments = rest.partition(" ")
        return _use(tool, arguments) if tool else None
    if name == "fail":
        return Fail(unescape(rest) or "the scripted model failed")
    if name in ("hang", "die"):
        return Hang() if name == "hang" else Die()
    if not rest:
        return None
    return Ask(rest) if name == "ask" else Run(rest, escalate=name == "escalate")


def _use(tool: str, arguments: str) -> UseTool | None:
    try:
        values = json.loads(arguments or "{}")
    except ValueError:
        return None
    return UseTool(tool, values) if isinstance(values, dict) else None


def _wrong(number: int, name: str, rest: str) -> Fail:
    return Fail(f"line {number} of the script: '@{name} {rest}' makes no sense")


def _numbers(text: str, count: int) -> list[float] | None:
    try:
        numbers = [float(part) for part in text.split()]
    except ValueError:
        return None
    good = len(numbers) == count and all(0 <= n <= _MOST * 1e6 for n in numbers)  # also no nan
    return [min(numbers[0], _MOST), *numbers[1:]] if good else None


def _counts(text: str) -> Tokens | None:
    parts = text.split()
    if len(parts) not in (3, 4) or not all(p.isascii() and p.isdigit() and len(p) < 16 for p in parts):
        return None
    return Tokens(*map(int, parts))


def unescape(text: str) -> str:
    """Resolve the escapes of the script language; anything else stays as it is."""

    def one(match: re.Match[str]) -> str:
        code = match[1] or match[2]
        return chr(int(code, 16)) if code else _LETTERS[match[3]]

    return _ESCAPE.sub(one, text)


def prose(chars: int) -> str:
    """So many characters of ordinary text."""
    return (PROSE * (chars // len(PROSE) + 1))[:chars]


def pieces_of(say: Say | Think) -> list[str]:
    """The deltas of a text: about 20 a second where it takes time, else as few as
    can be. Joined, they are the text."""
    wanted = say.pieces if isinstance(say, Say) and say.pieces else int(say.seconds * 20) + 1
    size = max(1, min(-(-len(say.text) // wanted), 65_536))
    return [say.text[i : i + size] for i in range(0, len(say.text), size)]


def the_message(item: Item) -> str:
    """A user's message without what may stand before it: the earlier conversation (in
    the brief of a thread that goes on from another one), or notes in brackets (in one
    that goes on after a jump)."""
    text = item.text if isinstance(item, Said) else ""
    return _NOTES.sub("", text.rpartition("\nNow:\n")[2] if "\nNow:\n" in text else text).strip()


def estimate(conversation: Sequence[Item], response: Response) -> Tokens:
    """Believable counts for a response without `@usage`: the input grows with the
    conversation, and what the model had seen before is cached."""
    own = [i for i, item in enumerate(conversation) if not _is_message(item)]
    total = 6_200 + sum(_weight(item) for item in conversation)
    seen = 6_200 + sum(_weight(item) for item in conversation[: own[-1]]) if own else 0
    thought = sum(len(a.text) for a in response.actions if isinstance(a, Think)) // 3
    said = sum(len(a.text) for a in response.actions if isinstance(a, (Say, Write))) // 4
    return Tokens(total, seen // 128 * 128, 24 + said + thought + 48 * len(response.calls), thought)


def _weight(item: Item) -> int:
    size = len(item.text) if isinstance(item, Said) else len(item.output) + len(str(item.arguments))
    return 12 + size // 4


def _is_message(item: Item) -> bool:
    return isinstance(item, Said) and item.role == "user"


def _at(responses: list[Response], done: int) -> Response:
    """The response that comes after so many finished calls."""
    for response in responses:
        if done <= 0:
            return response
        done -= len(response.calls)
    return Response((Say("Done."),))


def _first_line(text: str) -> str:
    return text.strip().split("\n")[0][:200]
