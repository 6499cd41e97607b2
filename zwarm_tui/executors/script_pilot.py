"""The scripted pilot: delegates, waits, looks, reports. A pure function.

What it understands, besides anything else that a person may say::

    delegate: TASK | TASK | …     one session a task (the bar stands between blanks)
    converse ID: MESSAGE          says it to that session; #2 is the second one it has
    ask: QUESTION                 asks the person, and repeats the answer
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from zwarm_tui.executors.script import Action, Called, Item, Response, UseTool
from zwarm_tui.executors.script_jobs import say, topic

_DELEGATE = re.compile(r"\s*delegate:\s*(.+)", re.DOTALL | re.IGNORECASE)
_CONVERSE = re.compile(r"\s*converse:?\s+(#\d+|[\w.-]+):?\s+(.+)", re.DOTALL | re.IGNORECASE)
_ASK = re.compile(r"\s*ask:\s*(.+)", re.DOTALL | re.IGNORECASE)
_SLEEP = 30
_ROUNDS = 60
_ACTIVE = ("pending", "running")

Json = dict[str, Any]


def is_order(message: str) -> bool:
    """One of the forms above: then what follows is passed on as it is, directives too."""
    return any(form.match(message) for form in (_DELEGATE, _CONVERSE, _ASK))


def answer(message: str, done: Sequence[Called], before: Sequence[Item]) -> Response:
    """The pilot's next response: `done` are the calls of this turn, `before` is the
    conversation before it."""
    if order := _ASK.match(message):
        return _ask(order[1].strip(), done)
    opening = [c for c in done if c.tool in ("delegate", "converse")]
    if not opening:
        return _open(message, done, before)
    ours = [s for c in opening if (s := _session(c))]
    last = done[-1].tool
    if last in ("delegate", "converse"):
        return _sleep() if ours else _report(opening, done)
    if last == "sleep":
        return Response((UseTool("list_sessions", {}),))
    listed = _listed(done)
    if last == "list_sessions":
        wanting = [s["session_id"] for s in listed if s.get("needs_attention")]
        unseen = [i for i in ours if _status(listed, i) not in _ACTIVE and i not in _checked(done)]
        if checks := list(dict.fromkeys([*wanting, *unseen])):
            return Response(tuple(UseTool("check_session", {"session_id": i}) for i in checks))
    if any(_status(listed, i) in _ACTIVE for i in ours) and sum(c.tool == "sleep" for c in done) < _ROUNDS:
        return _sleep()
    return _report(opening, done)


def _open(message: str, done: Sequence[Called], before: Sequence[Item]) -> Response:
    """The turn's first responses: hand the work out."""
    if order := _DELEGATE.match(message):
        tasks = [t.strip() for t in re.split(r"\s\|\s", order[1]) if t.strip()]
        many = "one session" if len(tasks) == 1 else f"{len(tasks)} sessions, side by side"
        return Response(
            (say(f"I'll hand this to {many}."), *(UseTool("delegate", {"task": t}) for t in tasks))
        )
    known = [s for c in before if isinstance(c, Called) and c.tool == "delegate" and (s := _session(c))]
    if order := _CONVERSE.match(message):
        return _say_to(order[1], order[2].strip(), known, done)
    subject = _subject(message)
    if not known:
        plan = (
            f"### Plan\n\n1. **Build** it: {subject}\n2. **Test** it beside that, in files of its own\n"
            "3. **Document** it, so that people find it\n\n"
            "The three don't touch the same files, so they can run side by side."
        )
        return Response((say(plan), *(UseTool("delegate", {"task": t}) for t in _tasks(subject))))
    about = set(topic(message))
    tasks_before = {
        s: c for c in before if isinstance(c, Called) and c.tool == "delegate" and (s := _session(c))
    }
    for session, call in tasks_before.items():
        if about & set(topic(str(call.arguments.get("task", "")))):
            told = say(f"Session `{session}` knows this best: I'll go on with it.")
            return Response((told, UseTool("converse", {"session_id": session, "message": message})))
    told = say("That is a concern of its own, so it gets a fresh session.")
    return Response((told, UseTool("delegate", {"task": f"Implement: {subject}\n\n{_LIMITS}"})))


_LIMITS = (
    "Keep the change small, leave other files alone, and say at the end what you changed and how you "
    "checked it."
)


def _tasks(subject: str) -> list[str]:
    return [
        f"Implement: {subject}\n\n{_LIMITS}",
        f"Write tests: {subject}\n\nOnly under tests/. Run them, and report what they print.",
        f"Document: {subject}\n\nA short page under docs/ with one example. Don't change code.",
    ]


def _say_to(who: str, message: str, known: list[str], done: Sequence[Called]) -> Response:
    if who.startswith("#"):
        number = int(who[1:])
        everyone = known if number <= len(known) else [str(s["session_id"]) for s in _listed(done)]
        if number > len(known) and not any(c.tool == "list_sessions" for c in done):
            return Response((UseTool("list_sessions", {}),))
        if not 0 < number <= len(everyone):
            return Response((say(f"There is no session {who}: there are {len(everyone)}."),))
        who = everyone[number - 1]
    told = say(f"I'll tell session `{who}`.")
    return Response((told, UseTool("converse", {"session_id": who, "message": message})))


def _ask(question: str, done: Sequence[Called]) -> Response:
    if not done:
        return Response((UseTool("chat", {"message": question, "wait_for_user_input": True}),))
    result = _json(done[-1].output)
    if "user_input" in result:
        return Response((say(f"You said: **{result['user_input']}**. I'll go by that."),))
    return Response((say(f"I got no answer ({result.get('error', 'none came')}), so I leave it as it is."),))


def _sleep() -> Response:
    return Response((UseTool("sleep", {"seconds": _SLEEP}),))


def _report(opening: Sequence[Called], done: Sequence[Called]) -> Response:
    """The summary that closes a turn."""
    checked, listed = _checked(done), _listed(done)
    lines, good = [], 0
    for call in opening:
        title = _title(call)
        session = _session(call)
        if session is None:
            lines.append(f"- **{title}** was not begun: {_json(call.output).get('error', 'no reason given')}")
            continue
        result = checked.get(session, {})
        status = _status(listed, session) or str(result.get("status", "unknown"))
        said = _headline(result)
        good += status == "completed"
        if status == "completed":
            lines.append(f"- **{title}** (`{session}`): {said or 'done'}")
        elif status == "awaiting_input":
            lines.append(f"- **{title}** (`{session}`) **waits for you**: answer it on its screen")
        else:
            why = result.get("error")
            lines.append(
                f"- **{title}** (`{session}`) is {status.replace('_', ' ')}{f': {why}' if why else ''}"
            )
    total = len(lines)
    head = (
        "Done."
        if good == total == 1
        else f"All {total} are done."
        if good == total
        else f"{good} of {total} are done."
    )
    body = "\n".join(lines)
    end = "I read every session's report; what they say about their work was **not** run again by me."
    said_all: tuple[Action, ...] = (say(f"## {head}\n\n{body}\n\n{end}"),)
    return Response(said_all)


def _subject(message: str) -> str:
    first = re.split(r"(?<=[.!?])\s|\n", message.strip(), maxsplit=1)[0].rstrip(".!?")
    first = re.sub(
        r"^(please|could you|can you|let's|i want to|we need to)\s+", "", first, flags=re.IGNORECASE
    )
    first = first[:100].strip() or "what the project needs next"
    return first if first[1:2].isupper() else first[0].lower() + first[1:]


def _title(call: Called) -> str:
    text = str(call.arguments.get("task") or call.arguments.get("message") or "")
    first = next((line for line in text.split("\n") if line.strip()), "session").strip()
    return first if len(first) <= 60 else first[:59] + "…"


def _headline(result: Json) -> str:
    """The first line of what a session said last."""
    messages = result.get("messages")
    said = (
        [m for m in messages if isinstance(m, dict) and m.get("role") == "assistant"]
        if isinstance(messages, list)
        else []
    )
    lines = (
        [line.strip("# ").strip() for line in str(said[-1].get("content", "")).split("\n")] if said else []
    )
    # A response's texts are joined: the last heading, or else the last line, says most.
    heads = [
        h.strip("# ").strip()
        for m in said[-1:]
        for h in str(m.get("content", "")).split("\n")
        if h.startswith("#")
    ]
    found = heads[-1:] or [line for line in lines if line][-1:]
    return found[0][:160] if found else ""


def _checked(done: Sequence[Called]) -> dict[str, Json]:
    """Session -> the newest look at it since the last message to it."""
    found: dict[str, Json] = {}
    for call in done:
        if call.tool == "check_session":
            result = _json(call.output)
            found[str(result.get("session_id") or call.arguments.get("session_id"))] = result
    return found


def _listed(done: Sequence[Called]) -> list[Json]:
    for call in reversed(done):
        if call.tool == "list_sessions":
            sessions = _json(call.output).get("sessions")
            return (
                [s for s in sessions if isinstance(s, dict) and "session_id" in s]
                if isinstance(sessions, list)
                else []
            )
    return []


def _status(listed: Sequence[Json], session: str) -> str | None:
    return next((str(s.get("status")) for s in listed if s["session_id"] == session), None)


def _session(call: Called) -> str | None:
    session = _json(call.output).get("session_id")
    return session if isinstance(session, str) else None


def _json(text: str) -> Json:
    """The object in a tool's answer (agents may put words of their own before it)."""
    try:
        value = json.loads(text[max(text.find("{"), 0) :])
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
