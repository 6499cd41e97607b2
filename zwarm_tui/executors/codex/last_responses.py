"""A program: sees codex through its last responses when its host has died.

By itself codex ends at once when its host hangs up. A response that arrives meanwhile is
paid for, and stands in none of its records. So this program holds codex's pipes too, and
watches a pipe of the host's: a byte in it says that codex needs nobody any more; its end
without one, that the host died. Then it has each turn interrupted once its response is
complete and recorded, and hangs up when none is left, or after `PATIENCE` seconds. (Codex
tells so as it asks for the next one, which is cut off before the model has said a word.)

    python -I -S last_responses.py WATCHED STDIN STDOUT STDERR     (file descriptors)

It knows nothing but the standard library, so that it is small, and starts at once.
"""

import json
import os
import select
import sys
import time
from collections.abc import Callable
from typing import Any

PATIENCE = 3.0
"""Seconds that responses under way get. The next host waits for that."""
GRACE = 0.5
"""Seconds for the turns that are then still at one to be interrupted."""


class LastResponses:
    """The talk with a codex whose host died."""

    def __init__(self, stdin: int, stdout: int, stderr: int) -> None:
        self._stdin, self._stdout, self._stderr = stdin, stdout, stderr
        self._rest = b""
        self._asked: set[str] = set()
        """Our questions that are open."""
        self._busy: dict[str, str] = {}
        """Threads at a turn, and its id ("" where it is not known yet)."""
        self._over: set[str] = set()

    def hear(self) -> None:
        """Returns when codex may be hung up on."""
        os.set_blocking(self._stdin, True)
        os.write(self._stdin, b"\n")  # the host may have died in the middle of a line
        self._ask("threads", "thread/loaded/list", {})
        self._listen(PATIENCE, lambda: bool(self._asked or self._busy))
        for thread, turn in self._busy.items():
            self._interrupt(thread, turn)
        self._listen(GRACE, lambda: any(self._busy.values()))

    def _listen(self, seconds: float, wanted: Callable[[], bool]) -> None:
        until = time.monotonic() + seconds
        while wanted() and (left := until - time.monotonic()) > 0:
            ready = select.select([self._stdout, self._stderr], [], [], left)[0]
            if self._stderr in ready and not os.read(self._stderr, 65536):
                raise BrokenPipeError
            if self._stdout not in ready:
                continue
            chunk = os.read(self._stdout, 2**20)
            if not chunk:
                raise BrokenPipeError
            *lines, self._rest = (self._rest + chunk).split(b"\n")
            for line in lines:
                try:
                    message = json.loads(line)
                except ValueError:
                    continue  # the rest of a line that the host had begun to read
                if isinstance(message, dict):
                    self._take(message)

    def _take(self, message: dict[str, Any]) -> None:
        method, params = message.get("method"), message.get("params")
        if method is None:
            self._learn(str(message.get("id")), message.get("result"))
        elif isinstance(params, dict):
            thread, turn = str(params.get("threadId")), params.get("turnId")
            if method == "turn/completed":
                self._over.add(thread)
                self._busy.pop(thread, None)
            elif method == "thread/tokenUsage/updated":
                self._interrupt(thread, turn)
            elif thread in self._busy and isinstance(turn, str):
                self._busy[thread] = turn

    def _learn(self, question: str, result: Any) -> None:
        if question not in self._asked:
            return
        self._asked.discard(question)
        if not isinstance(result, dict):
            return
        if question == "threads":
            for thread in result.get("data") or ():
                self._ask(f"thread {thread}", "thread/read", {"threadId": thread, "includeTurns": False})
            return
        thread, status = str(result["thread"]["id"]), result["thread"]["status"]
        waits_for_someone = status.get("activeFlags")
        if status["type"] == "active" and not waits_for_someone and thread not in self._over:
            self._busy.setdefault(thread, "")

    def _ask(self, name: str, method: str, params: dict[str, Any]) -> None:
        self._asked.add(name)
        self._send(name, method, params)

    def _interrupt(self, thread: str, turn: Any) -> None:
        if turn:
            self._send("interrupt", "turn/interrupt", {"threadId": thread, "turnId": turn})

    def _send(self, name: str, method: str, params: dict[str, Any]) -> None:
        line = json.dumps({"id": name, "method": method, "params": params})
        os.write(self._stdin, line.encode("ascii") + b"\n")


def main() -> None:
    watched, *pipes = map(int, sys.argv[1:])
    if not os.read(watched, 1):
        try:
            LastResponses(*pipes).hear()
        except (OSError, LookupError, TypeError, AttributeError):
            pass  # codex is gone, or another one than we know: hanging up is what is left
    os._exit(0)


if __name__ == "__main__":
    main()
