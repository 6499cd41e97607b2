"""`adopt` from the shell."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import zwarm  # noqa: F401
from tests.cli.test_compare import project
from tests.git.world import World
from tests.timeline.conftest import world  # noqa: F401

__all__ = ["project"]


def test_a_branch_as_changes_as_a_git_branch_and_as_a_commit(zwarm, project: Path, world: World) -> None:  # type: ignore[no-untyped-def]  # noqa: F811
    keys = {"adopted", "mode", "safety", "files", "commit", "git_branch"}
    looked = zwarm("adopt", "branch-2", "--dry-run", "--json").json()
    assert set(looked) == keys
    assert (looked["adopted"], looked["safety"]) == (False, None)
    assert (world.top / "a.txt").read_text() == "one\ntwo\nthree\n"
    assert "1 file would change" in zwarm("adopt", "branch-2", "--dry-run").out
    done = zwarm("adopt", "branch-2", "--json").json()
    assert set(done) == keys
    assert [(f["path"], f["status"]) for f in done["files"]] == [("a.txt", "M")]
    assert (world.top / "a.txt").read_text() == "by hand\n"
    again = zwarm("adopt", "branch-2")
    assert (again.status, again.out) == (2, "")
    assert "nothing to adopt" in again.err
    taken = zwarm("checkpoints", "--json").json()["checkpoints"]
    assert [c["description"] for c in taken if c["label"] == done["safety"]] == [
        "before branch-2 is adopted as apply"
    ]
    branch = zwarm("adopt", "branch-2", "--as", "branch", "--json").json()
    assert world.git("rev-parse", "branch-2").strip() == branch["commit"]
    world.git("checkout", "-q", "--", "a.txt")
    answer = zwarm("adopt", "branch-2", "--as", "commit")
    assert "holds your files from before" in answer.out
    assert world.git("log", "-1", "--format=%s").startswith("Adopt branch-2: ")


def test_what_does_not_apply_names_the_files(zwarm, project: Path, world: World) -> None:  # type: ignore[no-untyped-def]  # noqa: F811
    world.write("a.txt", "mine\n")
    count = len(zwarm("checkpoints", "--json").json()["checkpoints"])
    for verb in (("branch-2",), ("branch-2", "--as", "commit"), ("branch-2", "--dry-run")):
        answer = zwarm("adopt", *verb, "--json")
        assert (answer.status, answer.out) == (2, "")
        assert "a.txt" in answer.err
        assert "nothing was changed" in answer.err
    assert zwarm("adopt", "main").status == 2
    assert zwarm("adopt", "T1").status == 2
    assert (world.top / "a.txt").read_text() == "mine\n"
    assert len(zwarm("checkpoints", "--json").json()["checkpoints"]) == count
