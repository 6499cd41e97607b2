"""`ExecutorSession`: what a caller of the manager holds of one session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from zwarm_tui.core.model import SessionStatus, SessionView, iso


class ExecutorSession:
    """A session as it was when it was asked for (ask again for news).

    `token_usage` has the keys input_tokens (without cached ones), cached_tokens,
    cache_write_tokens, output_tokens (with reasoning), reasoning_tokens. `cost` is
    USD, or None while any of its prices or usages is unknown. Times are ISO 8601.
    """

    def __init__(self, view: SessionView, load_messages: Callable[[], list[dict[str, Any]]]) -> None:
        self.view = view
        self._load_messages = load_messages
        self._messages: list[dict[str, Any]] | None = None
        self.id: str = view.id
        self.task: str = view.task
        self.status: SessionStatus = view.status
        self.executor: str = view.executor
        self.model: str | None = view.model
        self.working_dir: str = view.working_dir
        self.thread_id: str | None = view.thread
        self.error: str | None = view.error
        self.exit_code: int | None = view.exit_code
        self.needs_attention: bool = view.needs_attention
        self.attention_reason: str | None = view.attention.reason if view.attention else None
        self.created_at: str | None = iso(view.created_at)
        self.completed_at: str | None = iso(view.completed_at)
        self.parent_id: str | None = view.parent
        self.cost: float | None = view.cost.usd if view.cost.complete else None
        t = view.tokens
        self.token_usage: dict[str, int] = {
            "input_tokens": t.input,
            "cached_tokens": t.cached,
            "cache_write_tokens": t.cache_write,
            "output_tokens": t.output,
            "reasoning_tokens": t.reasoning,
        }

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The conversation: {"role": "user" | "assistant", "content", "turn", "time"}."""
        if self._messages is None:
            self._messages = self._load_messages()
        return self._messages

    def to_json(self) -> dict[str, Any]:
        """The session as spec §6 pins it."""
        return self.view.to_json()

    def __repr__(self) -> str:
        return f"<ExecutorSession {self.id} {self.status.value} {self.task[:40]!r}>"
