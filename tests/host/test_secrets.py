"""Keys of the environment: agents have them, and nothing that is kept does."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from tests.host.conftest import Stage
from tests.host.test_recovery import server
from zwarm_tui.demo.model_server import ModelServer

__all__ = ["server"]  # the fixture

KEYS = {
    "OPENAI_API_KEY": "sk-fake-8d1f0c55e7",
    "DEPLOY_TOKEN": "tok-b00d1e-77c2",
    "PGPASSWORD": "hunter-2-sesame",
}
WORK = "@run env | sort\n@usage 1000 100 50\n@say Done."


def nowhere(stage: Stage) -> None:
    """No file of the project's folder holds one of them: log, raw lines, host's log, all."""
    files = [file for file in (stage.project / ".zwarm").rglob("*") if file.is_file()]
    names = {file.name for file in files}
    assert {"zwarm.db", "host.log"} <= names
    assert any(file.parent.name == "raw" for file in files)
    for file in files:
        found = [name for name, value in KEYS.items() if value.encode() in file.read_bytes()]
        assert found == [], f"{file} holds {found}"


def work(stage: Stage) -> None:
    """A session, the pilot, a command of its own, and verbs from shells with other keys."""
    stage.json("host", "start", **KEYS)
    session = stage.json("delegate", WORK, **KEYS)["session_id"]
    stage.json("wait", **KEYS)
    stage.json("converse", session, WORK, **{**KEYS, "OTHER_API_KEY": "another"})
    stage.json("say", "@say Yes.", **KEYS)
    assert {s["status"] for s in stage.json("wait", **KEYS)} == {"completed"}
    assert "OPENAI_API_KEY=[OPENAI_API_KEY]" in stage.zwarm("export", session).stdout
    nowhere(stage)
    stage.kill()
    stage.json("host", "start", **KEYS)
    stage.json("host", "stop", **KEYS)
    nowhere(stage)


def test_the_demos_agents(stage: Stage) -> None:
    work(stage)


@pytest.mark.codex
async def test_codex(stage: Stage, server: ModelServer) -> None:
    await asyncio.to_thread(work, stage)


@pytest.mark.codex
async def test_what_only_the_settings_give_codex(stage: Stage, server: ModelServer) -> None:
    # A project's own settings may not say what its agents get.
    mine = "".join(f'{name} = "{value}"\n' for name, value in KEYS.items())
    folder = Path(os.environ["ZWARM_CONFIG_DIR"])
    folder.mkdir(exist_ok=True)
    (folder / "config.toml").write_text(f"[codex.env]\n{mine}")
    session = (await asyncio.to_thread(stage.json, "delegate", WORK))["session_id"]
    await asyncio.to_thread(stage.json, "wait")
    assert "OPENAI_API_KEY=[OPENAI_API_KEY]" in stage.zwarm("export", session).stdout
    nowhere(stage)
