"""Time travel with the real codex: threads, folders and files of each branch."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.git.world import World
from tests.timeline.conftest import agent
from tests.timeline.test_branches import files, here
from zwarm_tui.config.settings import CodexSettings, PilotSettings, Settings
from zwarm_tui.demo.codex_home import MODEL, codex_env, make_codex_home
from zwarm_tui.demo.model_server import ModelServer
from zwarm_tui.engine import Engine


@pytest.mark.codex
async def test_a_branch_has_its_thread_its_folder_and_its_files(world: World, tmp_path: Path) -> None:
    async with ModelServer() as server:
        home = make_codex_home(tmp_path / "codex-home", server.url)
        settings = Settings(
            executor="codex",
            model=MODEL,
            pilot=PilotSettings(brain="demo"),
            codex=CodexSettings(env=codex_env(home)),
        )
        async with await Engine.open(world.top, settings, simulated=True) as engine:
            session = await agent(engine, "@run echo one > f1\n@say said one")
            await agent(engine, "@run echo two > f2\n@say said two", session)
            await agent(engine, "@run echo three > f3\n@say said three", session)
            left = files(world.top)
            assert set(left) == {"a.txt", "src/b.py", "f1", "f2", "f3"}
            plan = await engine.goto("T2", dry_run=True)
            assert plan["threads"] == [{"id": session, "how": "fork"}]
            await engine.goto("T2")
            # It writes where it is now, and can't where it was.
            stray = f"@run pwd > where; echo x > {world.top}/stray; true\n@say said else"
            await agent(engine, stray, session)
            view = engine.reader.session(session)
            assert view is not None
            assert (view.how, view.status.value) == ("forked", "completed"), view.error
            assert files(world.top) == left
            assert set(files(here(engine))) == {"a.txt", "src/b.py", "f1", "f2", "where"}
            assert files(here(engine))["where"] == f"{here(engine)}\n"
            asked = str(server.requests[-1].input)
            assert "said two" in asked
            assert "said three" not in asked
            assert f"from {world.top} to {here(engine)}" in asked
            # And back, on its old thread.
            await engine.goto("main")
            await agent(engine, "@run pwd > where\n@say said four", session)
            assert files(world.top)["where"] == f"{world.top}\n"
            asked = str(server.requests[-1].input)
            assert "said three" in asked
            assert "said else" not in asked
