"""JSON lines with a server that says anything, and one that dies."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from typing import Any

import pytest

from zwarm_tui.executors.codex.rpc import Rpc, RpcError, ServerGone
from zwarm_tui.executors.process import end_process, spawn

SERVER = r"""
import json, sys, os, subprocess
def say(line):
    sys.stdout.buffer.write(line + b"\n"); sys.stdout.flush()
for line in sys.stdin:
    m = json.loads(line)
    what = m.get("method")
    if what == "odd":
        for l in (b"", b"no json", b"[1]", b'{"half": ', b"\xff\xfe", b"[" * 100000, b'{"id": 99, "result": 1}',
                  b'{"id": "x"}', b'{"method": 7}', b'{"method": "note", "params": "\xc3\xa9"}'):
            say(l)
        say(json.dumps({"method": "long", "params": "x" * 5_000_000}).encode())
        say(json.dumps({"id": m["id"], "result": "done"}).encode())
    elif what == "refuse":
        say(json.dumps({"id": m["id"], "error": {"code": -32600, "message": "no"}}).encode())
    elif what == "ask":
        say(json.dumps({"id": 0, "method": "question", "params": {}}).encode())
    elif what == "die":
        subprocess.Popen(["sleep", "60"])  # it keeps our pipes open
        sys.stderr.write("the reason\n"); sys.stderr.flush()
        say(b'{"method": "last words"}')
        os.kill(os.getpid(), 9)
    elif what is None:
        say(json.dumps({"method": "answered", "params": m}).encode())
"""


class Heard:
    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.noise: list[str] = []
        self.gone: list[ServerGone] = []
        self.news = asyncio.Event()

    def message(self, message: dict[str, Any], line: str) -> None:
        self.messages.append(message)
        self.news.set()


async def connect(heard: Heard) -> Rpc:
    child = await spawn([sys.executable, "-c", SERVER], stdin=True)
    return Rpc(child, on_message=heard.message, on_noise=heard.noise.append, on_gone=heard.gone.append)


async def close(rpc: Rpc) -> None:
    await end_process(rpc.child)
    await rpc.wait_gone()


async def test_odd_lines_stop_nothing() -> None:
    heard = Heard()
    rpc = await connect(heard)
    assert await rpc.call("odd", {}) == "done"
    assert [m["method"] for m in heard.messages] == ["note", "long"]
    assert len(heard.noise) == 7
    await close(rpc)


async def test_a_refusal_and_a_timeout() -> None:
    rpc = await connect(Heard())
    with pytest.raises(RpcError, match="no"):
        await rpc.call("refuse", {})
    with pytest.raises(TimeoutError):
        await rpc.call("unheard", {}, timeout=0.05)
    await close(rpc)


async def test_answers_to_the_servers_requests() -> None:
    heard = Heard()
    rpc = await connect(heard)
    rpc.notify("ask")
    await heard.news.wait()
    heard.news.clear()
    rpc.reply(0, {"text": "\udc00 \u00e9"})
    await heard.news.wait()
    assert heard.messages[-1]["params"] == {"id": 0, "result": {"text": "\udc00 \u00e9"}}
    heard.news.clear()
    rpc.refuse(1, "why")
    await heard.news.wait()
    assert heard.messages[-1]["params"]["error"] == {"code": -32601, "message": "why"}
    await close(rpc)


async def test_death_is_noticed_at_once_and_once() -> None:
    heard = Heard()
    rpc = await connect(heard)
    began = time.monotonic()
    with pytest.raises(ServerGone):
        await rpc.call("die", {})
    assert time.monotonic() - began < 30  # of its child's 60
    await rpc.wait_gone()
    assert [m["method"] for m in heard.messages] == ["last words"]
    [gone] = heard.gone
    assert (gone.code, gone.stderr) == (-9, "the reason")
    with pytest.raises(ServerGone):
        await rpc.call("anything", {})
    rpc.notify("nothing happens")
    with_our_group = rpc.child.pid
    os.killpg(with_our_group, signal.SIGKILL)
