"""Who takes codex over should its host die: the host's side of `last_responses`."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from zwarm_tui.executors.codex import __path__ as _here
from zwarm_tui.executors.process import PROJECT_MARK, Child

PROGRAM = str(Path(_here[0]) / "last_responses.py")
"""What an heir runs: the one of our processes below a host that is no agent's."""


class Heir:
    """A small process that waits for our death, or for its dismissal."""

    def __init__(self, process: asyncio.subprocess.Process, tie: int) -> None:
        self._process, self._tie = process, tie

    @classmethod
    async def of(cls, child: Child, env: Mapping[str, str]) -> Heir | None:
        """An heir for this codex. None where no host would wait for it: there, codex had
        better end at once. None too where it can't be had: nothing else depends on it."""
        if PROJECT_MARK not in os.environ:
            return None
        watched, tie = os.pipe()
        pipes = (watched, *child.pipes())
        null = asyncio.subprocess.DEVNULL
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", PROGRAM, *map(str, pipes)),
                stdin=null,
                stdout=null,
                stderr=null,
                env=dict(env),
                pass_fds=pipes,
                start_new_session=True,
            )
        except OSError:
            os.close(tie)
            return None
        except BaseException:
            os.close(tie)  # it ends with that
            raise
        finally:
            os.close(watched)
        return cls(process, tie)

    async def dismiss(self) -> None:
        """Codex ends under our own eyes, or has ended: nobody has to take it over."""
        if self._tie >= 0:
            tie, self._tie = self._tie, -1
            with contextlib.suppress(OSError):  # it was killed
                os.write(tie, b".")
            os.close(tie)
        await self._process.wait()
