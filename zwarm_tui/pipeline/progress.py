"""Did anything change? A fingerprint of a folder by names, sizes and times."""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

_SKIPPED = frozenset({".git", ".zwarm", "__pycache__", "node_modules", ".venv"})
_MOST = 200_000
"""Files that are looked at."""


async def fingerprint(folder: Path) -> str:
    """What the folder looks like now. In a git checkout ignored files don't count, and
    the commit does."""
    return await asyncio.to_thread(_fingerprint, folder)


def _fingerprint(folder: Path) -> str:
    digest = hashlib.sha256()
    listed = _git(folder, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    if listed is None:
        files = _walk(folder)
    else:
        digest.update(_git(folder, "rev-parse", "HEAD") or b"no commit")
        names = sorted({os.fsdecode(name) for name in listed.split(b"\0") if name})
        files = iter([name for name in names if not name.startswith(".zwarm/")])
    for count, name in enumerate(files):
        if count == _MOST:
            break
        try:
            about = os.lstat(folder / name)
            line = f"{name}\0{about.st_size}\0{about.st_mtime_ns}\0{about.st_mode}\n"
        except OSError:
            line = f"{name}\0gone\n"
        digest.update(line.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _walk(folder: Path) -> Iterator[str]:
    for where, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED)
        for name in sorted(names):
            yield os.path.relpath(os.path.join(where, name), folder)


def _git(folder: Path, *arguments: str) -> bytes | None:
    """What git says, None where this is no checkout (or there is no git)."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), "-c", "core.fsmonitor=false", *arguments],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=60,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout
