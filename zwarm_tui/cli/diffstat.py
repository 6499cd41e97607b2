"""How much a unified diff changes, file by file."""

from __future__ import annotations

import re
from typing import Any

_HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")


def diff_stat(diff: str) -> dict[str, Any]:
    """{files: [{path, added, removed}], added, removed} of a unified diff (git's or plain)."""
    files: list[dict[str, Any]] = []
    file: dict[str, Any] | None = None
    old = new = 0  # lines that the hunk at hand still has, on either side
    for line in diff.split("\n"):
        if old > 0 or new > 0:
            sign = line[:1]
            if sign == "+":
                new -= 1
            elif sign == "-":
                old -= 1
            elif sign != "\\":  # "\ No newline at end of file"
                old, new = old - 1, new - 1
            if file is not None and sign in ("+", "-"):
                file["added" if sign == "+" else "removed"] += 1
        elif line.startswith("diff --git "):
            file = _file(line.rpartition(" b/")[2])
            files.append(file)
        elif line.startswith("--- "):
            path = _path(line)
            if file is None or file["added"] or file["removed"]:  # a diff without git's headers
                file = _file(path)
                files.append(file)
            elif path:
                file["path"] = path
        elif line.startswith("+++ ") and file is not None:
            file["path"] = _path(line) or file["path"]
        elif hunk := _HUNK.match(line):
            old, new = int(hunk[1] or 1), int(hunk[2] or 1)
    return {
        "files": files,
        "added": sum(f["added"] for f in files),
        "removed": sum(f["removed"] for f in files),
    }


def _file(path: str) -> dict[str, Any]:
    return {"path": path, "added": 0, "removed": 0}


def _path(line: str) -> str:
    """The name in a "---" or "+++" line; nothing for /dev/null."""
    name = line[4:].partition("\t")[0].strip().strip('"')
    if name == "/dev/null":
        return ""
    return name[2:] if name[:2] in ("a/", "b/") else name
