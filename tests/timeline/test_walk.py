"""Random walks through time, over real git: what a model says must be there, is there.

The model knows what every branch's files are, and what was said on every line. After
each step the files of all branches, the messages, each session's thread, the person's
`.git` and the ledger are compared with it.
"""

from __future__ import annotations

import copy
import json
import os
import random
from pathlib import Path

import pytest

from tests.git.world import Seen, World, private, seen
from tests.timeline.conftest import SETTINGS, idle
from zwarm_tui.engine import Engine
from zwarm_tui.executors.script import Said, the_message

Talk = dict[str, list[str]]
"""What was said to each session, in order."""


def files(folder: Path) -> Seen:
    return {k: v for k, v in seen(folder).items() if not k.startswith(b".zwarm/")}


class Walk:
    """One walk. `at` is the label of the checkpoint the position is at while detached."""

    def __init__(self, world: World, seed: int) -> None:
        self.world, self.chance = world, random.Random(seed)
        self.count = 0
        self.mine = private(world.top)
        self.live: dict[int, Seen] = {1: files(world.top)}
        self.said: dict[int, Talk] = {1: {}}
        self.kept: dict[str, tuple[Seen, Talk]] = {}
        self.at: str | None = None
        self.spent = 0.0
        self.names = {1: "main"}
        self.left: list[str] = []
        self.done: list[str] = []

    async def walk(self, steps: int) -> None:
        self.engine = await Engine.open(self.world.top, SETTINGS)
        self.kept["root"] = ({}, {})  # known as soon as anything is said
        self.begun = False
        try:
            for _ in range(steps):
                step = self.chance.choices(
                    [
                        self.edit,
                        self.pilot,
                        self.delegate,
                        self.converse,
                        self.goto,
                        self.branch,
                        self.restart,
                    ],
                    weights=[6, 3, 2, 6, 5, 1, 1],
                )[0]
                self.done.append(step.__name__)
                await step()
                await idle(self.engine)
                await self.look()
        except BaseException:
            print("\n".join(self.done[-20:]))
            raise
        finally:
            await self.engine.aclose()

    # -- steps ------------------------------------------------------------------------------

    @property
    def here(self) -> int:
        return self.engine.reader.position().branch

    def folder(self, branch: int) -> Path:
        return self.engine.timeline.files.folder(branch)

    def name(self) -> str:
        self.count += 1
        odd = self.chance.choice(["f", "sub/f", "ü ", "-x", "sub/deep/f", "a b"])
        return f"{odd}{self.count}"

    async def edit(self) -> None:
        """A person's hand, on the branch in view."""
        if self.at is not None or not self.engine.reader.places().placed(self.here):
            return
        top = self.folder(self.here)
        paths = sorted(p for p in files(top))
        target = top / os.fsdecode(self.chance.choice(paths)) if paths else top / self.name()
        what = self.chance.choice(["write", "add", "delete", "chmod", "link", "rename", "binary", "empty"])
        fresh = top / self.name()
        fresh.parent.mkdir(parents=True, exist_ok=True)
        match what:
            case "add":
                fresh.write_text(f"{self.count}\n")
            case "binary":
                fresh.write_bytes(os.urandom(64) + b"\0")
            case "empty":
                fresh.touch()
            case "link":
                fresh.symlink_to(self.chance.choice(["a.txt", "nowhere", "../outside"]))
            case _ if not target.exists() or target.is_symlink():
                fresh.write_text("instead")
            case "write":
                target.write_text(f"by hand {self.count}\n")
            case "delete":
                target.unlink()
            case "chmod":
                target.chmod(target.stat().st_mode ^ 0o111)
            case "rename":
                target.rename(fresh)
        self.live[self.here] = files(top)

    async def pilot(self) -> None:
        text = f"@usage 1000 0 100\n@say pilot {self.count}"
        await self.say("pilot", text)

    async def delegate(self) -> None:
        path, text = self.write()
        await self.begin()
        made = await self.engine.delegate(text, worktree=False)
        self.told(made["session_id"], text, path)

    async def converse(self) -> None:
        talk = self.talk()
        sessions = sorted(s for s in talk if s != "pilot")
        if not sessions:
            return
        session = self.chance.choice(sessions)
        path, text = self.write()
        if self.left and self.chance.random() < 0.3:
            # It goes on as if it were where it was before: that must not come through.
            text = f"@write {self.chance.choice(self.left)}/stray x\n{text}"
        await self.begin()
        await self.engine.converse(session, text)
        self.told(session, text, path)

    async def say(self, session: str, text: str) -> None:
        await self.begin()
        await self.engine.say(text)
        self.told(session, text, None)

    def write(self) -> tuple[str, str]:
        self.count += 1
        path = f"agent{self.chance.randrange(6)}"
        return path, f"@usage 500 0 50\n@write {path} {self.count}\n@say wrote {self.count}"

    async def goto(self) -> None:
        to = self.chance.choice([*self.kept, *self.names.values()])
        in_place = self.begun and self.chance.random() < 0.25
        plan = await self.engine.goto(to, dry_run=True, in_place=in_place)
        before = self.engine.reader.position()
        done = await self.engine.goto(to, in_place=in_place)
        self.notice(before.branch if not before.detached else None)
        position = self.engine.reader.position()
        if in_place and position.branch not in self.live:
            held, talk = self.kept[plan["label"]]
            self.live[position.branch], self.said[position.branch] = copy.deepcopy(held), copy.deepcopy(talk)
            self.names[position.branch] = done["branch"]
        self.at = plan["label"] if position.detached else None
        if plan["files"]["problem"] is None and position.detached:
            held = self.kept[plan["label"]][0]
            assert self.world.tree(plan["files"]["to"]) == held

    async def branch(self) -> None:
        name = f"b{len(self.names)}-{self.count}"
        self.rooted()
        origin = self.here if self.at is None else None
        state = (self.live[origin], self.said[origin]) if origin else self.kept[str(self.at)]
        made = await self.engine.branch(name)
        self.notice(origin)
        self.live[made["id"]], self.said[made["id"]] = copy.deepcopy(state[0]), copy.deepcopy(state[1])
        self.names[made["id"]], self.at = name, None

    async def restart(self) -> None:
        await self.engine.aclose()
        self.engine = await Engine.open(self.world.top, SETTINGS)
        assert not self.engine.problems, self.engine.problems

    # -- the model --------------------------------------------------------------------------

    def talk(self) -> Talk:
        return self.said[self.here] if self.at is None else self.kept[self.at][1]

    async def begin(self) -> None:
        """Something is about to be said: where the position is in the past, that begins
        a branch with the files of then."""
        self.rooted()
        if self.at is None:
            return
        held, talk = self.kept[self.at]
        new = max(self.names) + 1
        self.live[new], self.said[new] = copy.deepcopy(held), copy.deepcopy(talk)
        self.at = None
        self.names[new] = ""

    def rooted(self) -> None:
        if not self.begun:
            self.begun, self.kept["root"] = True, (copy.deepcopy(self.live[1]), {})

    def told(self, session: str, text: str, path: str | None) -> None:
        branch = self.here
        self.names[branch] = self.engine.reader.position().branch_name
        self.said[branch].setdefault(session, []).append(text)
        if path is not None:
            content = text.split(f"@write {path} ")[1].split("\n")[0]
            self.live[branch][os.fsencode(path)] = (self.mode(branch, path), content.encode())

    def mode(self, branch: int, path: str) -> int:
        was = self.live[branch].get(os.fsencode(path))
        return was[0] if was and was[0] != 0o120000 else 0o100644

    def notice(self, branch: int | None) -> None:
        """Remember what the checkpoints hold that were taken by now."""
        for one in self.engine.reader.checkpoints():
            if one.label not in self.kept:
                self.kept[one.label] = copy.deepcopy((self.live[one.branch], self.said[one.branch]))

    # -- what is there ------------------------------------------------------------------------

    async def look(self) -> None:
        reader, places = self.engine.reader, self.engine.reader.places()
        self.notice(None)
        assert private(self.world.top) == self.mine
        for branch, held in self.live.items():
            if places.placed(branch):
                assert files(self.folder(branch)) == held, self.names[branch]
        self.left = [str(self.folder(b)) for b in self.live if b != self.here and places.placed(b)]
        for branch, talk in ((self.here, self.talk()),):
            line = reader.position().path
            views = {v.id: v for v in reader.sessions(line)}
            assert set(views) == set(talk), branch
            for session, texts in talk.items():
                told = [m["content"] for m in reader.messages(session, line) if m["role"] == "user"]
                assert told == texts
                if views[session].branch_id == self.here and self.at is None:
                    self.thread(views[session].thread, texts)
        totals = reader.totals()
        assert totals.total.usd >= self.spent - 1e-9
        assert totals.total.usd == pytest.approx(sum(c.usd for c in totals.by_session.values()))
        assert totals.branch.usd + totals.abandoned.usd == pytest.approx(totals.total.usd)
        self.spent = totals.total.usd

    def thread(self, thread: str | None, texts: list[str]) -> None:
        """The agent's own record holds exactly the turns of this line."""
        if thread is None:
            return
        turns = json.loads((self.world.top / ".zwarm" / "demo" / f"{thread}.json").read_text())
        asked = [the_message(Said("user", turn["items"][0]["user"])) for turn in turns]
        assert asked == texts


@pytest.mark.timeout(300)
async def test_a_walk(world: World) -> None:
    await Walk(world, 7).walk(60)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(6))
async def test_long_walks(world: World, seed: int) -> None:
    await Walk(world, seed).walk(200)
