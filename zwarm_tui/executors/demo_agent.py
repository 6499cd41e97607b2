"""The demo agent: a real child process that plays a script. One process a turn.

    python -I -S demo_agent.py < lines > lines

The first line of its input is the order: {"file", "turn", "cwd", "model", "tools",
"hands", "approvals", "confined"}, where `file` is its thread (see `demo_thread`), in which turn
`turn` already stands with the user's message. Further lines are answers:
{"id", "result"}, or {"steer": text}. Its output is one JSON object a line, with a
"type" (see `demo_parse`). It exits with 0 after `turn.ended`. SIGINT ends the turn
as interrupted; the end of its input ends it without a word.

It starts with each turn, so it imports little.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if __name__ == "__main__":  # -I -S: nothing is on the path but the standard library
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from zwarm_tui.executors import demo_thread, script

if TYPE_CHECKING:
    from subprocess import Popen
    from types import FrameType

_PACE = float(os.environ.get("ZWARM_DEMO_PACE", "1"))
"""How many times longer it writes than its script says: people who watch read along."""
_OUTPUT_LIMIT = 1_000_000
"""Characters of a command's output that are kept."""


_WAKE, _woken = os.pipe()
"""Readable as soon as a signal came: one that comes just before `select` would else be
noticed only after it, which may be never."""
for _end in (_WAKE, _woken):
    os.set_blocking(_end, False)


_interrupts: list[int] = []
"""The SIGINTs that came: where one raises in a callback, Python passes over it."""


class _Failed(Exception):
    """The scripted response fails: so does the turn."""


class Agent:
    """Plays one turn of a thread."""

    def __init__(self, order: dict[str, Any]) -> None:
        self._file = Path(order["file"])
        self._turns = demo_thread.read(self._file)
        self._turn = next(t for t in self._turns if t["id"] == order["turn"])
        self._cwd, self._model = order["cwd"], order["model"]
        self._tools, self._hands = order["tools"], order["hands"]
        self._approvals = order["approvals"]
        self._confined = order["confined"]
        self._items = 0
        self._input = b""
        self._answers: dict[str, Any] = {}
        self._steered: list[str] = []
        self._diffs: dict[str, str] = {}

    def play(self) -> None:
        """Response after response, until one makes no call."""
        self._emit({"type": "turn.started", "turn": self._turn["id"]})
        try:
            going = True
            while going:
                called = self._respond()
                going = self._take_steered() or called
        except _Failed as failure:
            self._end("failed", str(failure))
        except KeyboardInterrupt:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            self._end("interrupted", None)
        else:
            self._end("completed", None)

    def _respond(self) -> bool:
        """One model response and its calls. False: it made none."""
        conversation = [item for turn in self._turns for item in demo_thread.items(turn)]
        response = script.respond(conversation, self._tools, hands=self._hands)
        calls = []
        for action in response.actions:
            if isinstance(action, script.Call):
                calls.append(action)
            else:
                self._act(action)
        tokens = response.tokens
        assert tokens is not None
        self._emit({"type": "usage", "model": self._model, **tokens._asdict()})
        for call in calls:
            self._remember(self._call(call))
        return bool(calls)

    def _take_steered(self) -> bool:
        self._listen(0)
        steered, self._steered = self._steered, []
        for text in steered:
            self._remember({"user": text})
            self._emit({"type": "message", "text": text})
        return bool(steered)

    def _act(self, action: script.Action) -> None:
        if isinstance(action, script.Say | script.Think):
            kind = "text" if isinstance(action, script.Say) else "reasoning"
            self._stream(kind, action)
            if kind == "text":
                self._remember({"assistant": action.text})
        elif isinstance(action, script.Pause):
            self._pause(action.seconds)
        elif isinstance(action, script.Raw):
            os.write(1, action.text.encode("utf-8", "surrogatepass") + b"\n")
        elif isinstance(action, script.Fail):
            raise _Failed(action.message)
        elif isinstance(action, script.Die):
            os.write(2, b"the demo agent dies, as its script says\n")
            os._exit(3)
        else:
            while True:
                self._pause(3600)

    def _stream(self, kind: str, said: script.Say | script.Think) -> None:
        item, pieces = self._item(), script.pieces_of(said)
        # At most 20 writes a second: a screen paints no more often.
        seconds = said.seconds * _PACE
        ticks = max(1, min(len(pieces), int(seconds * 20)))
        began = time.monotonic()
        for tick in range(ticks):
            lines = [
                _line({"type": f"{kind}.delta", "item": item, "text": piece})
                for piece in pieces[len(pieces) * tick // ticks : len(pieces) * (tick + 1) // ticks]
            ]
            _write("".join(lines))
            self._pause(began + seconds * (tick + 1) / ticks - time.monotonic())
        self._emit({"type": kind, "item": item, "text": said.text})

    # -- calls ------------------------------------------------------------------------------

    def _call(self, call: script.Call) -> dict[str, Any]:
        """Do it: {"tool", "arguments", "output"} for the history."""
        if isinstance(call, script.Run):
            return {"tool": "run", "arguments": {"command": call.command}, "output": self._run(call)}
        if isinstance(call, script.Write):
            output = self._edit(call)
            return {"tool": "write", "arguments": {"path": call.path}, "output": output}
        if isinstance(call, script.Ask):
            self._emit({"type": "question", "id": (name := self._item()), "text": call.question})
            answer = str(self._answer(name))
            return {"tool": "ask", "arguments": {"question": call.question}, "output": answer}
        name = self._item()
        self._emit({"type": "tool_call", "id": name, "name": call.name, "arguments": call.arguments})
        return {"tool": call.name, "arguments": call.arguments, "output": str(self._answer(name))}

    def _run(self, call: script.Run) -> str:
        item = self._item()
        done = {"type": "command", "item": item, "command": call.command, "cwd": self._cwd}
        if refused := self._refused(call, item):
            self._emit({**done, "output": refused, "exit_code": None, "status": "declined"})
            return refused
        self._emit({"type": "command.started", "item": item, "command": call.command, "cwd": self._cwd})
        import subprocess  # 15 ms: not every turn runs a command

        process = subprocess.Popen(
            ["bash", "-c", call.command],
            cwd=self._cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        try:
            output = self._output(process, item)
            code = process.wait()
        except BaseException:
            process.kill()
            process.wait()
            raise
        status = "completed" if code == 0 else "failed"
        self._emit({**done, "output": output, "exit_code": code, "status": status})
        return f"exit code {code}\n{output}"

    def _refused(self, call: script.Run, item: str) -> str | None:
        """Ask for leave where that is needed. Why it was refused, None where it wasn't."""
        if not self._hands:
            return "there is no shell here"
        if self._approvals == "never":
            return "leave is needed, and nobody is asked (approvals: never)" if call.escalate else None
        if not call.escalate and self._approvals != "untrusted":
            return None
        name = f"{item}?"
        reason = "this reaches outside of its sandbox" if call.escalate else "every command is asked about"
        self._emit(
            {
                "type": "approval",
                "id": name,
                "item": item,
                "what": "command",
                "text": call.command,
                "cwd": self._cwd,
                "reason": reason,
            }
        )
        decision = self._answer(name)
        if decision == "cancel":
            raise KeyboardInterrupt
        return None if decision in ("accept", "accept_session") else "rejected by the user"

    def _output(self, process: Popen[bytes], item: str) -> str:
        """All that a command prints, passed on as it comes, until it has ended (what it
        left running in the background may hold its output open for longer)."""
        import codecs

        assert process.stdout is not None
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        kept = ""
        while True:
            ended = process.poll() is not None
            ready = self._listen(0.1, process.stdout.fileno())
            chunk = os.read(process.stdout.fileno(), 65536) if ready else b""
            if not chunk and (ready or ended):
                return kept
            if (text := decoder.decode(chunk)) and len(kept) < _OUTPUT_LIMIT:
                kept = (kept + text)[:_OUTPUT_LIMIT]
                self._emit({"type": "command.output", "item": item, "text": text})

    def _edit(self, call: script.Write) -> str:
        item, path = self._item(), Path(self._cwd, call.path)
        change: dict[str, Any] = {"path": call.path, "change": "update" if path.exists() else "add"}
        event = {"type": "files", "item": item, "changes": [change]}
        if not self._hands:
            self._emit({**event, "status": "failed"})
            return "there is no editor here"
        if self._confined and not path.resolve().is_relative_to(Path(self._cwd).resolve()):
            self._emit({**event, "status": "failed"})
            return f"{call.path}: outside of the working folder"
        try:
            old = path.read_text("utf-8", "replace") if path.exists() else ""
            change["diff"] = self._diffs[call.path] = _diff(old, call.text, call.path)
            self._emit({**event, "status": "in_progress"})
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(call.text, "utf-8", "replace")
        except OSError as error:
            self._emit({**event, "status": "failed"})
            return f"{call.path}: {error.strerror}"
        self._emit({**event, "status": "completed"})
        self._emit({"type": "diff", "text": "".join(self._diffs.values())})
        return f"wrote {call.path}"

    # -- the wire ---------------------------------------------------------------------------

    def _answer(self, name: str) -> Any:
        while name not in self._answers:
            self._listen(None)
        return self._answers.pop(name)

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._listen(left)

    def _listen(self, seconds: float | None, other: int | None = None) -> bool:
        """Wait for input for so long, and take it in. True: `other` is ready to read."""
        if _interrupts:
            raise KeyboardInterrupt
        watched = [0, _WAKE] if other is None else [0, _WAKE, other]
        ready, _, _ = select.select(watched, [], [], seconds)
        if _WAKE in ready:
            os.read(_WAKE, 64)
        if 0 in ready:
            chunk = os.read(0, 65536)
            if not chunk:
                _leave()
            *lines, self._input = (self._input + chunk).split(b"\n")
            for line in lines:
                message = json.loads(line)
                if "steer" in message:
                    self._steered.append(message["steer"])
                else:
                    self._answers[message["id"]] = message["result"]
        return other in ready

    def _item(self) -> str:
        self._items += 1
        return f"{self._turn['id']}/{self._items}"

    def _emit(self, event: dict[str, Any]) -> None:
        _write(_line(event))

    def _remember(self, item: dict[str, Any]) -> None:
        self._turn["items"].append(item)
        demo_thread.write(self._file, self._turns)

    def _end(self, status: str, error: str | None) -> None:
        self._turn["status"] = status
        demo_thread.write(self._file, self._turns)
        self._emit({"type": "turn.ended", "turn": self._turn["id"], "status": status, "error": error})


def _interrupt(number: int, _: FrameType | None) -> NoReturn:
    _interrupts.append(number)
    raise KeyboardInterrupt


def _leave() -> NoReturn:
    """Whoever gave the order is gone: leave, with all that was started."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.killpg(0, signal.SIGTERM)
    os._exit(1)


def _diff(old: str, new: str, path: str) -> str:
    import difflib

    before, after = old.splitlines(keepends=True), new.splitlines(keepends=True)
    source = f"a/{path}" if old else "/dev/null"
    lines = difflib.unified_diff(before, after, source, f"b/{path}")
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )


def _line(event: dict[str, Any]) -> str:
    return json.dumps(event, separators=(",", ":")) + "\n"


def _write(text: str) -> None:
    data = text.encode("ascii")
    while data:
        data = data[os.write(1, data) :]


def main() -> None:
    """Take the order, and play it."""
    # A script's background job is begun with it ignored, and so is all that it starts.
    signal.signal(signal.SIGINT, _interrupt)
    signal.set_wakeup_fd(_woken, warn_on_full_buffer=False)
    agent = Agent(json.loads(_first_line()))
    agent.play()


def _first_line() -> bytes:
    """Read the order byte by byte's worth: what follows it is left in the pipe."""
    line = b""
    while not line.endswith(b"\n"):
        if not (byte := os.read(0, 1)):
            _leave()
        line += byte
    return line


if __name__ == "__main__":
    main()
