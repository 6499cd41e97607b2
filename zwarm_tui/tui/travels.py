"""What the person wants of the timeline, as verbs of the engine: with the questions in
between. Each method is a task of its own (`Verbs.do`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zwarm_tui.core.errors import NothingToAdoptError, UsageError
from zwarm_tui.core.model import CheckpointView
from zwarm_tui.tui.diffs import commits, no_files, patch_between
from zwarm_tui.tui.render.literal import line_of

if TYPE_CHECKING:
    from zwarm_tui.tui.app import ZwarmApp

Json = dict[str, Any]


class Travels:
    """Jumps, branches, comparisons, and what a person says of checkpoints."""

    def __init__(self, app: ZwarmApp) -> None:
        self._app = app

    # -- jumping ------------------------------------------------------------------------

    async def goto(self, label: str) -> None:
        """Show what a jump would do; then, if the person wants it, do it."""
        from zwarm_tui.tui.screens.goto import GotoScreen, goto_said, in_place_dialog, nothing_else

        client = await self._app.link.client()
        preview = await client.goto(label, dry_run=True)
        if preview.get("same"):
            self._app.say(f"You are at {line_of(preview['label'])} already.")
            return
        arguments: Json = {}
        if not nothing_else(preview):
            chosen = await self._app.push_screen_wait(GotoScreen(preview, self._app.size.height))
            if not chosen:
                return
            if chosen == "in_place":
                preview = await client.goto(label, dry_run=True, in_place=True)
                chosen = await self._app.push_screen_wait(in_place_dialog(preview))
                if not chosen:
                    return
                arguments["in_place"] = True
            arguments["running"] = chosen if chosen != "go" else None
            if chosen == "wait":
                self._app.say("Waiting for the turns to end; then it jumps.")
        there = await client.goto(label, **arguments)
        title = f"At {line_of(there['label'])} on {line_of(there['branch'])}"
        self._app.say(goto_said(preview, there), title=title)
        self._app.show_main()

    # -- branches -----------------------------------------------------------------------

    async def ask_branch(self, start: str | None) -> None:
        from zwarm_tui.tui.screens.ask import AskScreen

        where = f"at {line_of(start)}" if start else "here"
        name = await self._app.push_screen_wait(
            AskScreen(f"A new branch {where}: its name", hint="branch", most=64)
        )
        if name:
            await self.branch(name, start)

    async def branch(self, name: str, start: str | None = None) -> None:
        client = await self._app.link.client()
        made = await client.branch(name, start=start)
        self._app.say(f"You are on the new branch {line_of(made['branch'])}.")

    async def ask_rename(self) -> None:
        from zwarm_tui.tui.screens.ask import AskScreen

        here = self._app.board.position.branch_name
        name = await self._app.push_screen_wait(
            AskScreen(f"Another name for {line_of(here)}", here, hint="rename", most=64)
        )
        if name and name != here:
            await self.rename(name)

    async def rename(self, name: str) -> None:
        client = await self._app.link.client()
        await client.rename_branch(self._app.board.position.branch_name, name)

    # -- what a person says of a checkpoint ---------------------------------------------

    async def checkpoint(self, words: str) -> None:
        taken = await (await self._app.link.client()).checkpoint(words)
        self._app.say(f"{line_of(taken['label'])} is taken: :{line_of(taken['label'])} comes back here.")

    async def ask_name(self, label: str) -> None:
        from zwarm_tui.tui.screens.ask import AskScreen

        was = self.checkpoint_of(label).name
        name = await self._app.push_screen_wait(
            AskScreen(f"A name for {label}", was, hint="name it", most=64)
        )
        if name is not None and name != was:
            await self.label(label, name)

    async def label(self, label: str, name: str) -> None:
        done = await (await self._app.link.client()).label_checkpoint(label, name)
        what = f"is “{line_of(done['name'])}”" if done["name"] else "has no name any more"
        self._app.say(f"{line_of(done['label'])} {what}.", timeout=3)

    async def ask_note(self, label: str) -> None:
        from zwarm_tui.tui.screens.ask import AskScreen

        was = self.checkpoint_of(label).note
        text = await self._app.push_screen_wait(AskScreen(f"A note at {label}", was, hint="note it"))
        if text is not None and text != was:
            await self.note(label, text)

    async def note(self, label: str, text: str) -> None:
        await (await self._app.link.client()).note(label, text)

    def checkpoint_of(self, label: str) -> CheckpointView:
        """The checkpoint with this label; `UsageError`."""
        wanted = label.lower()
        found = next((c for c in self._app.board.checkpoints if c.label.lower() == wanted), None)
        if found is None:
            raise UsageError(f"there is no checkpoint {line_of(label)}: the timeline shows them (f4)")
        return found

    # -- looking ------------------------------------------------------------------------

    async def diff(self, label: str) -> None:
        """What changed since the checkpoint before."""
        from zwarm_tui.tui.screens.diff import DiffScreen

        board, checkpoint = self._app.board, self.checkpoint_of(label)
        ends = commits(board, checkpoint)
        if isinstance(ends, str):
            raise UsageError(ends)
        parent = next(c.label for c in board.checkpoints if c.id == checkpoint.parent)
        self._app.push_screen(DiffScreen(f"Files from {parent} to {label}", lambda: patch_between(*ends)))

    async def diff_to_now(self, label: str) -> None:
        """What changed from a checkpoint until now: as the preview of a jump there sees it."""
        from zwarm_tui.tui.screens.diff import DiffScreen

        client = await self._app.link.client()
        files = (await client.goto(label, dry_run=True)).get("files")
        if not isinstance(files, dict) or not files.get("from") or not files.get("to"):
            why = files.get("problem") if isinstance(files, dict) else ""
            raise UsageError(str(why or no_files(self._app.board.facts_of(self.checkpoint_of(label)))))
        path, now, then = str(files.get("path") or self._app.project), files["from"], files["to"]
        self._app.push_screen(
            DiffScreen(f"Files from {label} until now", lambda: patch_between(path, then, now))
        )

    async def compare(self, a: str, b: str) -> None:
        """Two checkpoints or branches, side by side."""
        from zwarm_tui.tui.screens.compare import CompareScreen

        reader = self._app.board.reader
        if reader is None:
            raise UsageError("There is nothing to compare yet: a checkpoint is taken after each turn.")
        from zwarm_tui.timeline.compare import compare

        self._app.push_screen(CompareScreen(await compare(reader, self._app.project, a, b)))

    async def adopt(self, branch: str) -> None:
        """Bring a branch's files into the checkout, in the way that the person chooses."""
        from zwarm_tui.tui.screens.adopt import AdoptScreen, adopted_said

        client = await self._app.link.client()
        refused = ""
        try:
            plan = await client.adopt(branch, dry_run=True)
        except NothingToAdoptError:
            raise
        except UsageError as error:
            refused = str(error)
            try:  # what does not apply can be a git branch still, if it can be anything
                plan = await client.adopt(branch, mode="branch", dry_run=True)
            except UsageError:
                raise error from None
        mode = await self._app.push_screen_wait(AdoptScreen(branch, plan, refused, self._app.size.height))
        if not mode:
            return
        done = await self._app.verbs.confirmed(
            lambda confirm: client.adopt(branch, mode=mode, confirm=confirm)
        )
        if done is not None:
            self._app.say(adopted_said(done), title=f"{line_of(branch)} is adopted", timeout=10)
