"""The seam between the swarm and any agent: what an adapter must do.

A new agent is one new module with a class that has these methods. An adapter owns
processes and protocol; it decides nothing: when a turn runs, what a failure means
for the session and where events go is the business of `sessions`.

The rules for an adapter:

* Its parser is pure and total: a line it does not know becomes `Unknown`.
* `run_turn` returns exactly one `TurnEnded`, also when the process dies, and does
  not raise for anything the agent did. It raises `ExecutorError` only where the
  turn could not be begun. Cancelling it interrupts the turn.
* Status comes from the protocol or from the process, never from a guess.
* Usage leaves it normalised, one `Usage` a model response (see `core.events`).
* Nothing of a thread lives on after `end`, nothing at all after `aclose`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from zwarm_tui.core.events import Event, TurnEnded

Sandbox = Literal["read-only", "workspace-write", "danger-full-access"]
Approvals = Literal["on-request", "never", "untrusted"]
Decision = Literal["accept", "accept_session", "decline", "cancel"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What an agent can do; the UI shows it and greys out by it."""

    fork: Literal["turn", "tip", "none"] = "none"
    resume: bool = False
    approvals: bool = False
    interrupt: bool = False
    steer: bool = False
    tools: bool = False
    deltas: bool = False
    """Text streams in while it is written."""
    live_usage: bool = False
    """Tokens are reported after each response, not only at the turn's end."""
    sandbox: bool = False
    protocol: bool = True
    """It says itself what it does. Without one (a program in a terminal) silence is no
    reason to interrupt it, and its thread ends with its process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorInfo:
    """What `doctor` says of an agent. `login` is "yes", "no" or "unknown"."""

    name: str
    found: bool
    path: str | None = None
    version: str | None = None
    login: str = "unknown"
    problem: str | None = None
    capabilities: Capabilities = Capabilities()


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool of ours that the agent may call; `schema` is JSON Schema."""

    name: str
    description: str
    schema: dict[str, Any]


ToolHandler = Callable[[str, dict[str, Any]], Awaitable[tuple[str, bool]]]
"""(tool, arguments) -> (text for the model, success)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadSpec:
    """All that a thread needs on each start, resume AND fork (agents forget parts
    of it: codex drops sandbox and config on resume)."""

    session: str
    """Our session's id; children carry it in their environment (ZWARM_SESSION)."""
    cwd: str
    model: str | None = None
    sandbox: Sandbox = "workspace-write"
    approvals: Approvals = "on-request"
    questions: bool = True
    """The agent may ask the person questions; False where nobody is there."""
    env: dict[str, str] = field(default_factory=dict)
    """More variables for what the agent runs."""
    config: dict[str, Any] = field(default_factory=dict)
    """More of the agent's own configuration, as its keys have it (codex)."""
    instructions: str | None = None
    """Replaces the agent's own system prompt (the pilot); None leaves it alone."""
    tools: tuple[Tool, ...] = ()
    tools_only: bool = False
    """No shell and no file editing of its own: only `tools` (the pilot)."""


class Sink(Protocol):
    """Where a thread's events go, during its turns and between them."""

    def emit(self, event: Event) -> None:
        """Take an event. Never blocks, never raises."""

    async def call_tool(self, name: str, arguments: dict[str, Any]) -> tuple[str, bool]:
        """Run one of the spec's tools: (text for the model, success)."""


@dataclass(frozen=True, slots=True)
class Forked:
    """A new thread. `exact` is False where the agent could not fork just there and
    the caller has to brief the thread with the transcript so far."""

    thread: str
    exact: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Interactive:
    """An agent that is a program in a terminal. `ready` is the pattern of its prompt for
    a message (None: it isn't known when it is done), `asks` those of its questions, which
    are approvals where `approve` and `deny` are what to type. `socket` is that of the
    project's tmux server."""

    command: tuple[str, ...]
    ready: str | None = None
    asks: tuple[str, ...] = ()
    approve: str | None = None
    deny: str | None = None
    socket: Path | None = None


@dataclass(frozen=True, slots=True)
class ExecutorSettings:
    """What the user's configuration says of one agent."""

    path: str | None = None
    env: dict[str, str] = field(default_factory=dict)
    args: tuple[str, ...] = ()
    interactive: Interactive | None = None


class Executor(Protocol):
    """An agent. One instance serves all its threads; `thread` is the agent's own id."""

    name: str

    @property
    def capabilities(self) -> Capabilities:
        """What the installed agent can do (after `probe`; a safe guess before)."""

    async def probe(self) -> ExecutorInfo:
        """Look whether and how it is installed. Starts no turn, spends nothing."""

    async def start(self, spec: ThreadSpec, sink: Sink) -> str:
        """Make a new thread; returns its id."""

    async def resume(self, thread: str, spec: ThreadSpec, sink: Sink) -> None:
        """Make a thread live that an earlier process ran (a no-op where it is live)."""

    async def fork(self, thread: str, spec: ThreadSpec, sink: Sink, *, at_turn: str | None = None) -> Forked:
        """A new thread with this one's history up to and with native turn `at_turn`
        (None: its tip). The old one stays as it is."""

    async def run_turn(self, thread: str, text: str) -> TurnEnded:
        """Send a message and see the turn through to its one terminal fact. With "" it sends
        nothing, and follows what the thread is at since an earlier process of ours (only
        where there is no `protocol`)."""

    async def steer(self, thread: str, text: str) -> None:
        """Put a message into the running turn. `TurnOverError` where that has just ended; one
        that it was too late for all the same is counted in the turn's `TurnEnded.late`."""

    async def interrupt(self, thread: str) -> None:
        """Stop the running turn; `run_turn` then returns with status interrupted."""

    async def answer(self, thread: str, request: str, decision: Decision, message: str = "") -> None:
        """Decide an `ApprovalRequested`, or answer a `QuestionAsked` (in `message`)."""

    async def end(self, thread: str) -> None:
        """Let the thread go: its turn, and every process that it left behind."""

    async def aclose(self) -> None:
        """End everything this adapter started. Idempotent."""
