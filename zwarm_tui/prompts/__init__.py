"""System prompts for the models that delegate. Plain strings: importing costs nothing."""

from __future__ import annotations

from zwarm_tui.prompts.orchestrator import ORCHESTRATOR_SYSTEM_PROMPT, get_orchestrator_prompt
from zwarm_tui.prompts.pilot import PILOT_SYSTEM_PROMPT, get_pilot_prompt

__all__ = ["ORCHESTRATOR_SYSTEM_PROMPT", "PILOT_SYSTEM_PROMPT", "get_orchestrator_prompt", "get_pilot_prompt"]
