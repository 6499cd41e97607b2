"""Counting what a diff changes."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zwarm_tui.cli.diffstat import diff_stat

GIT = """\
diff --git a/kept.py b/kept.py
index 1..2 100644
--- a/kept.py
+++ b/kept.py
@@ -1,2 +1,3 @@
 one
--- looks like a header
+++ so does this
+three
\\ No newline at end of file
diff --git a/gone.txt b/gone.txt
deleted file mode 100644
--- a/gone.txt
+++ /dev/null
@@ -1 +0,0 @@
-bye
diff --git a/old name b/new name
similarity index 100%
rename from old name
rename to new name
"""


def test_git_diff() -> None:
    assert diff_stat(GIT) == {
        "files": [
            {"path": "kept.py", "added": 2, "removed": 1},
            {"path": "gone.txt", "added": 0, "removed": 1},
            {"path": "new name", "added": 0, "removed": 0},
        ],
        "added": 2,
        "removed": 2,
    }


def test_plain_diff_of_two_files() -> None:
    plain = (
        "--- a\n+++ a\t2026-01-01\n@@ -1 +1 @@\n-x\n+y\n--- /dev/null\n+++ b/new\n@@ -0,0 +1,2 @@\n+1\n+2\n"
    )
    assert [(f["path"], f["added"], f["removed"]) for f in diff_stat(plain)["files"]] == [
        ("a", 1, 1),
        ("new", 2, 0),
    ]


def test_nothing() -> None:
    assert diff_stat("") == {"files": [], "added": 0, "removed": 0}


@given(st.text())
def test_any_text_is_counted_somehow(text: str) -> None:
    diff_stat(text)


LINES = st.lists(
    st.sampled_from(["", "a", "b", "-- a", "++ b", "@@ -1 +1 @@", "diff --git a/x b/x"]), max_size=8
)


@settings(max_examples=25, deadline=None)
@given(LINES, LINES)
def test_agrees_with_git(
    tmp_path_factory: pytest.TempPathFactory, before: list[str], after: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("diff")
    (folder / "x").write_text("".join(f"{line}\n" for line in before))
    (folder / "y").write_text("".join(f"{line}\n" for line in after))
    command = ["git", "diff", "--no-index", "x", "y"]
    diff = subprocess.run(command, cwd=folder, capture_output=True, text=True).stdout
    counts = subprocess.run(
        [*command[:2], "--numstat", *command[2:]], cwd=folder, capture_output=True, text=True
    ).stdout.split()
    added, removed = (int(counts[0]), int(counts[1])) if counts else (0, 0)
    stat = diff_stat(diff)
    assert (stat["added"], stat["removed"]) == (added, removed)
    assert len(stat["files"]) == bool(counts)
