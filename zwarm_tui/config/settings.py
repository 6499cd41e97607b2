"""The settings: what there is, what a file may say, and how files become values.

Plain dataclasses and the standard library's TOML parser, since every start of the
screen waits for this. A file that is wrong in places counts for the rest of it: each
wrong place is a problem to show, and its setting keeps the value it had.
"""

from __future__ import annotations

import re
from dataclasses import field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args

from zwarm_tui.config import checks, paths, toml
from zwarm_tui.config.agents import TAKEN, AgentSettings, agent
from zwarm_tui.core.errors import ConfigError
from zwarm_tui.core.value import Value, value

if TYPE_CHECKING:  # prices are set by few, and their module is imported by none at the start
    from zwarm_tui.core.costs import ModelPricing

Sandbox = Literal["read-only", "workspace-write", "danger-full-access"]
Approvals = Literal["on-request", "never", "untrusted"]
Bash = Literal["sandbox", "ask", "allow"]

Section = TypeVar("Section", bound=Value)


def _by(check: checks.Check) -> dict[str, Any]:
    return {"check": check}


def _each(check: checks.Check) -> dict[str, Any]:
    """A table of the user's own keys; a later file adds to it."""
    return {"each": check}


@value(kw_only=True)
class PilotSettings(Value):
    """`[pilot]`. `brain`: "auto", "codex", "demo" or "<provider>:<model>"; `base_url` and
    `api_key_env` are for the last. `model` is codex's, None its own default."""

    brain: str = field(default="auto", metadata=_by(checks.brain))
    model: str | None = field(default=None, metadata=_by(checks.text))
    base_url: str | None = field(default=None, metadata=_by(checks.url))
    api_key_env: str | None = field(default=None, metadata=_by(checks.variable))
    bash: Bash = field(default="sandbox", metadata=_by(checks.one_of(*get_args(Bash))))


@value(kw_only=True)
class CodexSettings(Value):
    """`[codex]`. `path` None: the one on PATH, else the wheel's."""

    path: str | None = field(default=None, metadata=_by(checks.path))
    sandbox: Sandbox = field(default="workspace-write", metadata=_by(checks.one_of(*get_args(Sandbox))))
    approvals: Approvals = field(default="on-request", metadata=_by(checks.one_of(*get_args(Approvals))))
    args: tuple[str, ...] = field(default=(), metadata=_by(checks.texts))
    env: dict[str, str] = field(default_factory=dict, metadata=_each(checks.any_text))


@value(kw_only=True)
class CheckpointSettings(Value):
    """`[checkpoints]`. Of the files' snapshots at most `keep` are kept, none for more
    than `days`; untracked files of more than `max_untracked_mb` MiB are in none."""

    keep: int = field(default=1000, metadata=_by(checks.at_least_one))
    days: float = field(default=90.0, metadata=_by(checks.not_negative))
    max_untracked_mb: float = field(default=50.0, metadata=_by(checks.not_negative))


@value(kw_only=True)
class WorktreeSettings(Value):
    """`[worktree]`. `dir` None: in the user's data folder. `setup` is a shell command
    that each new worktree is prepared with, for at most `setup_timeout` seconds."""

    dir: str | None = field(default=None, metadata=_by(checks.path))
    setup: str | None = field(default=None, metadata=_by(checks.text))
    setup_timeout: float = field(default=300.0, metadata=_by(checks.not_negative))


@value(kw_only=True)
class HostSettings(Value):
    """`[host]`. `idle` in seconds, 0 is never."""

    idle: float = field(default=600.0, metadata=_by(checks.not_negative))


@value(kw_only=True)
class BudgetSettings(Value):
    """`[budget]`, in USD; None is without limit. In all, on a branch's path (what `cost`
    calls this branch), and by each session."""

    usd: float | None = field(default=None, metadata=_by(checks.not_negative))
    branch_usd: float | None = field(default=None, metadata=_by(checks.not_negative))
    session_usd: float | None = field(default=None, metadata=_by(checks.not_negative))

    def strictest(self, other: BudgetSettings) -> BudgetSettings:
        """Of each limit the lower one."""

        def lower(a: float | None, b: float | None) -> float | None:
            return min((x for x in (a, b) if x is not None), default=None)

        return BudgetSettings(
            usd=lower(self.usd, other.usd),
            branch_usd=lower(self.branch_usd, other.branch_usd),
            session_usd=lower(self.session_usd, other.session_usd),
        )


@value(kw_only=True)
class UiSettings(Value):
    """`[ui]`."""

    theme: str = field(default="zwarm-dark", metadata=_by(checks.text))
    bell: bool = field(default=True, metadata=_by(checks.flag))
    osc_notices: bool = field(default=True, metadata=_by(checks.flag))
    animations: bool = field(default=True, metadata=_by(checks.flag))


@value(kw_only=True)
class Settings(Value):
    """All of it. `idle_timeout` in seconds, 0 is off; `keys`: action id -> keys with
    commas between; `prices`: model -> prices."""

    executor: str = field(default="codex", metadata=_by(checks.text))
    model: str | None = field(default=None, metadata=_by(checks.text))
    max_concurrent: int = field(default=8, metadata=_by(checks.at_least_one))
    idle_timeout: float = field(default=600.0, metadata=_by(checks.not_negative))
    pilot: PilotSettings = PilotSettings()
    codex: CodexSettings = field(default_factory=CodexSettings)
    checkpoints: CheckpointSettings = CheckpointSettings()
    worktree: WorktreeSettings = WorktreeSettings()
    host: HostSettings = HostSettings()
    budget: BudgetSettings = BudgetSettings()
    ui: UiSettings = UiSettings()
    keys: dict[str, str] = field(default_factory=dict, metadata=_each(checks.any_text))
    agents: dict[str, AgentSettings] = field(default_factory=dict, metadata=_each(agent))
    prices: dict[str, ModelPricing] = field(default_factory=dict, metadata=_each(checks.price))


@value()
class Loaded(Value):
    """The settings that hold, the files they come from, and what is wrong in them."""

    settings: Settings
    problems: list[ConfigError]
    documents: list[toml.Document]

    @property
    def files(self) -> list[Path]:
        """The files that were read, the one that wins last."""
        return [document.path for document in self.documents]

    def error(self, message: str, *keys: str) -> ConfigError:
        """An error about a setting, found by who knows more of it than this module
        (an action that isn't there, a theme that isn't): with its file and line."""
        for document in reversed(self.documents):
            if document.holds(*keys):
                return document.error(message, *keys)
        return ConfigError(paths.user_config(), message)


PERSONAL = {
    "codex": ("path", "sandbox", "approvals", "args", "env"),
    "pilot": ("bash", "base_url", "api_key_env"),
    "worktree": ("dir", "setup", "setup_timeout"),
    "agents": (),
}
"""What only the user's own file may set (no keys: all of the section): which program runs,
what it may do unasked, where it writes, and who gets the key. A cloned repository can bring a project's file along."""


def load(project: Path | None) -> Loaded:
    """Read the user's file, then the project's (where there is one); later wins, but for
    what is `PERSONAL`, and of budgets the lower counts. Never raises for what stands in a
    file: that is in `problems`."""
    loaded = Loaded(Settings(), [], [])
    settings = loaded.settings
    own = paths.user_config()
    for file in (own, *([paths.project_config(project)] if project else [])):
        try:
            document = toml.read(file)
        except FileNotFoundError:
            continue
        except ConfigError as problem:
            loaded.problems.append(problem)
            continue
        loaded.documents.append(document)
        data = document.data if file == own else _shared(document, own, loaded.problems)
        before = settings.budget
        settings = _apply(settings, data, document, (), loaded.problems)
        settings = replace(settings, budget=before.strictest(settings.budget))
    return replace(loaded, settings=settings)


def _shared(document: toml.Document, own: Path, problems: list[ConfigError]) -> dict[str, Any]:
    """What a project's file may say; the rest of it is a problem each."""
    data = dict(document.data)
    for section, keys in PERSONAL.items():
        table = data.get(section)
        if not isinstance(table, dict):
            continue
        keys = keys or tuple(table)
        for key in (k for k in keys if table.get(k) not in (None, {})):
            text = (
                f"{section}.{key} counts only in your own file ({own}): a repository can bring this one along"
            )
            problems.append(document.error(text, section, key))
        data[section] = {k: v for k, v in table.items() if k not in keys}
    return data


def _apply(
    section: Section,
    data: dict[str, Any],
    document: toml.Document,
    at: tuple[str, ...],
    problems: list[ConfigError],
) -> Section:
    """The section with what a table says; what is wrong goes to `problems`."""
    known = {option.name: option for option in fields(section)}
    changes: dict[str, Any] = {}

    def checked(check: checks.Check, value: Any, *keys: str) -> list[Any]:
        """The value in a list, or nothing and a problem."""
        try:
            return [check(value)]
        except checks.Wrong as wrong:
            inner = () if wrong.key is None else (wrong.key,)
            problems.append(document.error(f"{'.'.join(keys)}: {wrong}", *keys, *inner))
            return []

    for key, given in data.items():
        keys = (*at, key)
        option = known.get(key)
        if option is None:
            where = f"[{'.'.join(at)}]" if at else "the file"
            text = f"unknown setting '{key}'; {where} may hold {', '.join(known)}"
            problems.append(document.error(text, *keys))
        elif check := option.metadata.get("check"):
            changes.update((key, good) for good in checked(check, given, *keys))
        elif not isinstance(given, dict):
            problems.append(document.error(f"{key}: a table is wanted, [{'.'.join(keys)}]", *keys))
        elif check := option.metadata.get("each"):
            given = _untaken(given, document, keys, problems) if key == "agents" else given
            own = [(name, good) for name, one in given.items() for good in checked(check, one, *keys, name)]
            changes[key] = {**getattr(section, key), **dict(own)}
        else:
            changes[key] = _apply(getattr(section, key), given, document, keys, problems)
    return replace(section, **changes)


def _untaken(
    given: dict[str, Any], document: toml.Document, keys: tuple[str, ...], problems: list[ConfigError]
) -> dict[str, Any]:
    """Agents without those whose names are taken, or none."""
    for name in given:
        if name in TAKEN or not re.fullmatch(r"[a-z][a-z0-9_-]{0,39}", name):
            text = f"'{name}' can't name an agent of yours: a word in small letters is wanted, and none of "
            problems.append(document.error(text + ", ".join(TAKEN), *keys, name))
    return {
        name: one
        for name, one in given.items()
        if name not in TAKEN and re.fullmatch(r"[a-z][a-z0-9_-]{0,39}", name)
    }


TEMPLATE = """\
# Settings of zwarm-tui. A line like "#name = value" is a setting with its default, or
# with an example where it says so: take the "#" away and change it.
#
# This file is for one project. The same settings for all projects stand in config.toml
# in your configuration folder (`zwarm-tui doctor` says which files are read); where both
# say something, this one wins; but what is marked "own file only" counts only there, since
# a cloned repository can bring this file along.

# The agent that runs what is delegated: "codex" or "demo" (scripted, costs nothing).
#executor = "codex"
# Its model. Example; without it, the agent's own default.
#model = "gpt-5.1-codex"
# How many turns may run at once; more wait in a queue.
#max_concurrent = 8
# Seconds without a sign of life after which a turn is interrupted; 0 is never. A running
# command and a waiting approval don't count as silence.
#idle_timeout = 600

[pilot]
# What the pilot thinks with: "auto" (the first that works: codex, an API key, the demo),
# "codex" (with the login that you have), "demo", or "PROVIDER:MODEL" for an API model.
#brain = "auto"
# The model of a codex pilot. Example; without it, codex's own default.
#model = "gpt-5.1-codex"
# Own file only, for "PROVIDER:MODEL". Examples: where it is served, if not at the provider's own address,
# and the environment variable that holds the key.
#base_url = "http://localhost:11434/v1"
#api_key_env = "OPENAI_API_KEY"
# Own file only: how the pilot's bash tool runs. "sandbox" (codex's own, where that is found; else it
# asks), "ask" (before each command) or "allow" (everything, unasked).
#bash = "sandbox"

# Own file only, all of this section.
[codex]
# Example; without it, the codex on your PATH, else the one in the Python environment.
#path = "/opt/codex/bin/codex"
# What codex's commands may do: "read-only", "workspace-write" or "danger-full-access".
#sandbox = "workspace-write"
# When codex asks you first: "on-request", "untrusted" (almost always) or "never".
#approvals = "on-request"
# More arguments for the codex program.
#args = []

# More variables for its environment. Example:
[codex.env]
#HTTPS_PROXY = "http://proxy.example:3128"

# Own file only: programs in a terminal, as agents (`delegate --executor NAME`). `ready` is a
# regular expression for its prompt (without it, nothing says when a turn is done), `asks` are
# those of its questions, `approve` and `deny` what to type for a decision. Example:
[agents]
#helper = { command = ["helper", "chat"], ready = "^> $", asks = ["\\\\[y/N\\\\] $"], approve = "y", deny = "n" }

[checkpoints]
# Of the files of old checkpoints so many snapshots are kept, and each for so many days;
# what a branch of the timeline still needs is kept in any case.
#keep = 1000
#days = 90
# Untracked files that are larger than this (MiB) are in no snapshot; it is said where
# there are any.
#max_untracked_mb = 50

# Own file only, all of this section.
[worktree]
# Where the worktrees of branches are made. Example; without it, in your data folder,
# outside of the project.
#dir = "~/worktrees"
# A command that prepares each new worktree, and the seconds that it may take. Example:
#setup = "npm ci"
#setup_timeout = 300

[host]
# The background host runs the agents, and leaves by itself after so many seconds without
# a running turn and without a screen; 0 is never.
#idle = 600

# Budgets in $. At 80 % you are warned; at 100 % no turn begins until you say so (approve or deny
# it): the pilot's, agents', workflows'. A running turn is never cut, so it can become a
# little more. Where your own file sets one too, the lower counts. Examples; without them, no limit:
# for the whole project, for a branch's path, for each session.
[budget]
#usd = 20.0
#branch_usd = 10.0
#session_usd = 5.0

[ui]
# A theme of those that come along, or of your own (files in the folder themes/ in your
# configuration folder).
#theme = "zwarm-dark"
# When a session needs you and you are not looking at it: ring, and tell the terminal.
#bell = true
#osc_notices = true
#animations = true

# Other keys for actions (the help screen shows their ids), several with commas. Example:
[keys]
#next-attention = "ctrl+n,f8"

# Prices in $ per million tokens, in front of the built-in ones. Example:
[prices]
#"my-model" = { input = 1.25, output = 10.0, cached_input = 0.125 }
"""
"""What `init` writes."""
