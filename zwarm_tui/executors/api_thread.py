"""A thread of an API model: its messages, in a file that only its owner can read.

An API keeps nothing between two requests, so this file is the thread: resuming
reads it, forking copies its first turns. It is appended to while a turn runs, so a
crash loses at most the message being written. A line is

    {"turn": id, "at": n, "messages": [...]}

and says that from message `n` on, turn `id` consists of `messages` (each as
pydantic-ai's `ModelMessagesTypeAdapter` dumps it). A last message that grew is
written again with the same `at`.
"""

from __future__ import annotations

import json
import os
import re
import uuid
from pathlib import Path
from typing import Any

from zwarm_tui.core.errors import ExecutorError

Messages = list[dict[str, Any]]


class ThreadFile:
    """One thread's file below `folder`."""

    def __init__(self, folder: Path, thread: str) -> None:
        self.thread = thread
        self.path = folder / f"{thread}.jsonl"

    @classmethod
    def create(cls, folder: Path, turns: dict[str, Messages] | None = None) -> ThreadFile:
        """A new thread, with copies of `turns` in it. ExecutorError: not writable."""
        file = cls(folder, uuid.uuid4().hex)
        lines = "".join(_line(turn, 0, messages) for turn, messages in (turns or {}).items())
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with open(os.open(file.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
                out.write(lines)
        except OSError as error:
            raise ExecutorError(f"the thread can't be kept in {file.path}: {error.strerror}") from error
        return file

    @classmethod
    def open(cls, folder: Path, thread: str) -> ThreadFile:
        """A thread that an earlier process wrote. ExecutorError: there is none."""
        file = cls(folder, thread)
        if not re.fullmatch(r"[0-9a-f]{32}", thread) or not file.path.is_file():
            raise ExecutorError(
                f"no messages are kept of thread '{thread}' in {folder}: it can't be resumed, start a new one"
            )
        file._mend()
        return file

    def turns(self) -> dict[str, Messages]:
        """Turn id -> its messages, oldest turn first. ExecutorError: unreadable."""
        turns: dict[str, Messages] = {}
        try:
            lines = self.path.read_text("ascii").splitlines()
            for line in lines:
                entry = json.loads(line)
                kept = turns.setdefault(entry["turn"], [])
                kept[entry["at"] :] = entry["messages"]
        except OSError as error:
            raise ExecutorError(f"{self.path} can't be read: {error.strerror}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise ExecutorError(f"{self.path} is damaged ({error}): start a new thread") from error
        return turns

    def write(self, turn: str, at: int, messages: Messages) -> None:
        """From message `at` on, `turn` consists of `messages`. OSError: not writable."""
        with self.path.open("a", encoding="ascii") as out:
            out.write(_line(turn, at, messages))

    def _mend(self) -> None:
        """Drop a last line that a crash cut off, so that the next one stands alone."""
        data = self.path.read_bytes()
        if data and not data.endswith(b"\n"):
            os.truncate(self.path, data.rfind(b"\n") + 1)


def _line(turn: str, at: int, messages: Messages) -> str:
    # ASCII-only, so that lone surrogates in an agent's text survive
    return json.dumps({"turn": turn, "at": at, "messages": messages}, separators=(",", ":")) + "\n"
