"""`zwarm-tui`: the screen of one project, from its settings to its exit status."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path

from textual.theme import BUILTIN_THEMES

from zwarm_tui.client import EngineClient
from zwarm_tui.config.settings import load
from zwarm_tui.config.themes import load_themes
from zwarm_tui.tui.app import BINDING_IDS, ZwarmApp


def run(project: Path) -> int:
    """Open the screen on a project; the exit status."""
    gc.disable()  # until the first paint: nothing of what start-up makes is garbage
    loaded = load(project)
    themes, broken = load_themes()
    settings = loaded.settings
    wrong = [*loaded.problems, *broken]
    wrong += [
        loaded.error(f"keys.{name}: there is no such action; f1 lists them", "keys", name)
        for name in sorted(set(settings.keys) - BINDING_IDS)
    ]
    if settings.ui.theme not in {*(names := [theme.name for theme in themes]), *BUILTIN_THEMES}:
        text = f"ui.theme: no theme '{settings.ui.theme}'; there are {', '.join(names)}"
        wrong.append(loaded.error(text, "ui", "theme"))

    async def open_engine() -> EngineClient:
        def load_engine() -> None:
            import zwarm_tui.host.connect  # noqa: F401

        await asyncio.to_thread(load_engine)  # slow: the screen goes on meanwhile
        from zwarm_tui.host.connect import connect

        return await connect(project, settings)

    problems = [str(problem) for problem in wrong]
    app = ZwarmApp(project, engine=open_engine, settings=settings, themes=themes, problems=problems)
    return app.play()
