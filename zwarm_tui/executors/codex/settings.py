"""What codex is told of a thread: on every start, resume and fork the same, since it
forgets sandbox and configuration on the last two."""

from __future__ import annotations

import json
from typing import Any

from zwarm_tui.executors.base import ThreadSpec
from zwarm_tui.executors.process import RUN_MARK, SESSION_MARK

THREAD_MARK = "CODEX_THREAD_ID"
"""Codex sets it in the environment of each command that it runs."""

HELPERS = ("codex-linux-san",)
"""Codex's sandbox, as the kernel cuts its name: it dies at once with a killed server."""

_ONLY_TOOLS: dict[str, Any] = {
    "include_permissions_instructions": False,
    "include_environment_context": False,
    "include_apps_instructions": False,
    "include_collaboration_mode_instructions": False,
    "skills.include_instructions": False,
    "project_doc_max_bytes": 0,
    "features.shell_tool": False,
    "features.unified_exec": False,
    "features.goals": False,
    "agents.enabled": False,
    "web_search": "disabled",
}


def config(spec: ThreadSpec, run: str) -> dict[str, Any]:
    """Overrides of the user's codex configuration for this thread. `run` marks the
    processes of one server."""
    values: dict[str, Any] = {
        **spec.config,
        # Else the sandbox would let a thread write to a worktree beside its own.
        "sandbox_workspace_write.exclude_slash_tmp": True,
        "sandbox_workspace_write.exclude_tmpdir_env_var": True,
        **_variables(spec, run),
    }
    if not spec.questions:
        values["features.default_mode_request_user_input"] = False
    return values | _ONLY_TOOLS if spec.tools_only else values


def thread(spec: ThreadSpec, run: str) -> dict[str, Any]:
    """Parameters that thread/start, thread/resume and thread/fork have in common."""
    params: dict[str, Any] = {
        "cwd": spec.cwd,
        "sandbox": "read-only" if spec.tools_only else spec.sandbox,
        "approvalPolicy": spec.approvals,
        "config": config(spec, run),
    }
    if spec.model is not None:
        params["model"] = spec.model
    if spec.instructions is not None:
        params["baseInstructions"] = spec.instructions
    return params


def start(spec: ThreadSpec, run: str) -> dict[str, Any]:
    """Parameters of thread/start. Only here can a thread be given tools."""
    params = thread(spec, run)
    if spec.tools:
        params["dynamicTools"] = [
            {"type": "function", "name": t.name, "description": t.description, "inputSchema": t.schema}
            for t in spec.tools
        ]
    if spec.tools_only:
        params["environments"] = []
    return params


def turn(thread_id: str, text: str, spec: ThreadSpec) -> dict[str, Any]:
    """Parameters of turn/start."""
    params: dict[str, Any] = {"threadId": thread_id, "input": text_input(text)}
    if spec.tools_only:
        params["environments"] = []  # resume and fork don't take it, and give the shell back
    return params


def text_input(text: str) -> list[dict[str, Any]]:
    """A message as codex takes it."""
    return [{"type": "text", "text": text}]


def flags(spec: ThreadSpec, run: str) -> list[str]:
    """The same for `codex exec`, as arguments before its subcommand. It can ask
    nobody, so that its approval policy is always "never"."""
    argv = ["--json", "--skip-git-repo-check", "-C", spec.cwd, "-s", spec.sandbox]
    if spec.model is not None:
        argv += ["-m", spec.model]
    values: dict[str, bool | str] = {
        "approval_policy": "never",
        "sandbox_workspace_write.exclude_slash_tmp": True,
        "sandbox_workspace_write.exclude_tmpdir_env_var": True,
        **_variables(spec, run),
    }
    for key, value in values.items():
        argv += ["-c", f"{key}={toml(value)}"]
    return argv


def _variables(spec: ThreadSpec, run: str) -> dict[str, str]:
    """What codex sets in the environment of each command that it runs."""
    set_ = {**spec.env, SESSION_MARK: spec.session, RUN_MARK: run}
    return {f"shell_environment_policy.set.{name}": value for name, value in set_.items()}


def toml(value: bool | str) -> str:
    """A value as TOML text."""
    return json.dumps(value, ensure_ascii=False)  # of these two kinds, they are written alike
