"""What is run beside agents runs with the files of their branch."""

from __future__ import annotations

from tests.git.world import World
from tests.timeline.conftest import agent
from tests.timeline.test_branches import here
from zwarm_tui.engine import Engine
from zwarm_tui.pipeline import AgentSessionConfig, AgentSessionInput, SessionConfiguration


async def test_a_run_of_gates_has_the_branchs_folder(world: World, engine: Engine) -> None:
    session = await agent(engine, "@say one")
    await engine.branch("try")
    await agent(engine, "@say two", session)
    given = AgentSessionInput(issue_id="7", prompt="go", working_dir=world.top)
    made = SessionConfiguration(engine.sessions, AgentSessionConfig()).initialize_config(given)
    assert made.working_dir == here(engine)
