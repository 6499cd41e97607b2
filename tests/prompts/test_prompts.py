from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from zwarm_tui import prompts
from zwarm_tui.tools.schema import TOOLS

BOTH = pytest.mark.parametrize("text", [prompts.PILOT_SYSTEM_PROMPT, prompts.ORCHESTRATOR_SYSTEM_PROMPT])


@BOTH
def test_all_tools_are_explained_with_their_own_parameters(text: str) -> None:
    for tool in TOOLS:
        required = tool.schema["required"]
        optional = [name for name in tool.schema["properties"] if name not in required]
        signature = ", ".join([*required, *(f"{name}?" for name in optional)])
        if tool.name == "list_sessions":
            signature = "status?"
        assert f"`{tool.name}({signature})`" in text


@BOTH
def test_how_long_to_wait_and_how_to_end(text: str) -> None:
    for guidance in ("15–30 s", "30–60 s", "60–120 s", "300 at most", "`reason=`"):
        assert guidance in text
    assert "verdict" not in text
    assert "{" not in text


@pytest.mark.parametrize(
    ("get", "prompt"),
    [
        (prompts.get_pilot_prompt, prompts.PILOT_SYSTEM_PROMPT),
        (prompts.get_orchestrator_prompt, prompts.ORCHESTRATOR_SYSTEM_PROMPT),
    ],
)
def test_context_is_a_line_a_fact(get: Callable[..., str], prompt: str) -> None:
    assert get() == prompt
    assert get(branch=None) == prompt
    text = get(working_dir="/src/app", executors=["codex", "demo"], note="two\nlines")
    assert text.startswith(prompt)
    assert text[len(prompt) :].strip().splitlines()[2:] == [
        "- working dir: /src/app",
        "- executors: codex, demo",
        "- note: two lines",
    ]


def test_importing_them_loads_nothing_else() -> None:
    code = "import sys, zwarm_tui.prompts; print({'asyncio', 'pydantic', 'textual'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
