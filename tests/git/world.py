"""A real repository, and what can be seen of it."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
from pathlib import Path

from zwarm_tui.git.repo import Repo, find

Seen = dict[bytes, tuple[int, bytes]]


class World:
    def __init__(self, top: Path) -> None:
        self.top = top.resolve()
        top.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments: str, cwd: Path | None = None, code: int = 0) -> str:
        done = subprocess.run(["git", *arguments], cwd=cwd or self.top, capture_output=True, check=False)
        assert done.returncode == code, done.stderr
        return os.fsdecode(done.stdout)

    def write(self, path: str, content: str | bytes, mode: int = 0o644) -> Path:
        target = self.top / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)
        target.chmod(mode)
        return target

    async def repo(self) -> Repo:
        found = await find(self.top)
        assert found is not None
        return found

    def tree(self, commit: str) -> Seen:
        """Path -> (mode, content) of what a commit holds."""
        listed = self.git("ls-tree", "-r", "-z", commit).split("\0")
        seen: Seen = {}
        for entry in filter(None, listed):
            meta, path = entry.split("\t", 1)
            mode, kind, blob = meta.split(" ")
            if kind == "blob":
                content = subprocess.run(
                    ["git", "cat-file", "blob", blob], cwd=self.top, capture_output=True, check=True
                ).stdout
                seen[os.fsencode(path)] = (int(mode, 8), content)
        return seen


def seen(top: Path) -> Seen:
    """Path -> (git's mode, content or link target) of all files that lie in a folder."""
    found: Seen = {}
    root = os.fsencode(top)
    for folder, folders, files in os.walk(root):
        if b".git" in folders:
            folders.remove(b".git")
        for name in files + [f for f in folders if os.path.islink(os.path.join(folder, f))]:
            path = os.path.join(folder, name)
            relative = os.path.relpath(path, root)
            mode = os.lstat(path).st_mode
            if relative == b".git":
                continue
            if stat.S_ISLNK(mode):
                found[relative] = (0o120000, os.readlink(path))
            elif stat.S_ISREG(mode):
                with open(path, "rb") as file:
                    found[relative] = (0o100755 if mode & 0o100 else 0o100644, file.read())
    return found


def private(top: Path) -> dict[str, str]:
    """A digest of every file in .git but objects and what is ours."""
    found = {}
    for path in (top / ".git").rglob("*"):
        name = path.relative_to(top / ".git").as_posix()
        if name.startswith(("objects/", "refs/zwarm", "zwarm", "worktrees")) or not path.is_file():
            continue
        found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found
