"""Every error that zwarm_tui raises on purpose. Each message says what happened and,
where there is one, what to do next; screens and the command line show it as it is.

    ZwarmError
    ├── UsageError            wrong use: exit status 2
    │   ├── SessionNotFoundError
    │   ├── SessionBusyError
    │   ├── ConfirmationNeededError
    │   ├── NothingToAdoptError
    │   ├── TakenError
    │   └── ReadOnlyError
    ├── ConfigError           a settings or theme file: path, line, what is wrong
    ├── StoreError            the database: newer, corrupt, full, not writable
    ├── LockedError           another process runs the agents of this project
    ├── ExecutorError         an agent could not be found, started or spoken to
    │   ├── UnknownAgentError  (it is wrong use, too)
    │   ├── ThreadLostError
    │   ├── TurnOverError
    │   └── TmuxError
    ├── ProviderMismatchError
    └── ParseError            an agent's answer is not what was asked for
"""

from __future__ import annotations

from pathlib import Path


class ZwarmError(Exception):
    """Base of all errors of this package."""


class UsageError(ZwarmError):
    """The call was wrong, or names something that is not there."""


class SessionNotFoundError(UsageError):
    """No session, or more than one, has that id or prefix; `candidates` are ids."""

    def __init__(self, wanted: str, candidates: list[str]) -> None:
        self.wanted, self.candidates = wanted, candidates
        if candidates:
            text = f"'{wanted}' could be any of: {', '.join(candidates)}"
        else:
            text = f"no session '{wanted}' (zwarm-tui ls shows them)"
        super().__init__(text)


class SessionBusyError(UsageError):
    """A turn runs on that session; wait for it, steer it or interrupt it."""


class ConfirmationNeededError(UsageError):
    """It can be done, and the person has to want it: ask them, then confirm."""


class NothingToAdoptError(UsageError):
    """The checkout has all of that branch already, so no way of adopting it does anything."""


class TakenError(UsageError):
    """Something has that name already."""


class ReadOnlyError(UsageError):
    """Another process runs this project's agents: this screen only reads."""


class ConfigError(ZwarmError):
    """A settings or theme file is wrong; `line` is None where it isn't known."""

    def __init__(self, path: Path, message: str, line: int | None = None) -> None:
        self.path, self.line, self.message = path, line, message
        where = f"{path}:{line}" if line else str(path)
        super().__init__(f"{where}: {message}")


class StoreError(ZwarmError):
    """The database can't be used as it is; nothing was overwritten."""


class LockedError(ZwarmError):
    """Another process holds the project's lock."""


class ExecutorError(ZwarmError):
    """An agent could not be found, started or spoken to."""


class UnknownAgentError(ExecutorError, UsageError):
    """No agent has that name."""


class ThreadLostError(ExecutorError):
    """The agent does not know that thread any more."""


class TurnOverError(ExecutorError):
    """The turn that a message was meant for ends at this moment: it begins the next one."""


class TmuxError(ExecutorError):
    """A tmux session could not be made, found or typed into; the message says why."""


class ProviderMismatchError(ExecutorError):
    """A thread of one provider or role can't be resumed by another (F11)."""


class ParseError(ZwarmError):
    """An agent's answer has not the form that was asked for; the message holds an excerpt."""


class GitError(ZwarmError):
    """git could not do what was asked; the message repeats what it said."""


class SnapshotError(GitError):
    """The files of a work tree could not be captured; `cause` is why, in git's words."""

    def __init__(self, top: Path, cause: str) -> None:
        self.cause = cause
        super().__init__(f"the files in {top} could not be captured: {cause}")


class IndexLockedError(GitError):
    """Another git works in the checkout, so nothing was changed."""


class ConflictError(GitError):
    """It does not apply as it is, so nothing was changed; `paths` are the files in question."""

    def __init__(self, what: str, paths: list[str]) -> None:
        self.paths = paths
        super().__init__(f"{what}: {', '.join(p if p.isprintable() else ascii(p) for p in paths)}")
