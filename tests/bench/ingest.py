"""Bytes of an agent to durable, folded rows, in this process, on one core."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

from zwarm_tui.core import events as e
from zwarm_tui.executors.demo_parse import parse
from zwarm_tui.store.log import Store

EVENTS = 100_000
SESSIONS = 50


def _lines() -> list[bytes]:
    """A mixture as agents print it: deltas of many sessions, commands, texts, usage."""
    out: list[bytes] = []
    for n in range(EVENTS):
        match n % 10:
            case 0:
                line: dict[str, object] = {
                    "type": "command.started",
                    "item": f"c{n}",
                    "command": "pytest -q",
                    "cwd": ".",
                }
            case 1:
                line = {
                    "type": "command",
                    "item": f"c{n - 1}",
                    "command": "pytest -q",
                    "output": "ok\n" * 20,
                    "exit_code": 0,
                }
            case 2:
                line = {
                    "type": "text",
                    "item": f"m{n // 10}",
                    "text": "A finished paragraph of an answer. " * 8,
                }
            case 3:
                line = {"type": "usage", "model": "gpt-5.1-codex", "input": 1000, "cached": 100, "output": 50}
            case _:
                line = {"type": "text.delta", "item": f"m{n // 10}", "text": "a few words more "}
        out.append(json.dumps(line).encode())
    return out


def run() -> tuple[float, dict[str, str]]:
    lines = _lines()
    with tempfile.TemporaryDirectory() as folder:
        store = Store.open(Path(folder) / "zwarm.db")
        try:
            names = [f"s{n:02}" for n in range(SESSIONS)]
            for name in names:
                store.append(
                    e.Record(e.SessionCreated(task=name, executor="demo"), name),
                    e.Record(e.UserMessage("go"), name, 1, 1),
                )
            store.flush()
            began = time.perf_counter()
            for n, line in enumerate(lines):
                # Agents take turns about as often as their pipes are read.
                name = names[n // 40 % SESSIONS]
                store.append(e.Record(parse(line), name, 1, 1))
            parsed = time.perf_counter() - began
            store.flush()
            took = time.perf_counter() - began
        finally:
            store.close()
    return EVENTS / took, {"parsed_s": f"{parsed:.2f}", "durable_s": f"{took:.2f}"}
