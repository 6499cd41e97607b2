"""A unified diff on a page of its own: a heading a file, each of which folds."""

from __future__ import annotations

from textual import on

from zwarm_tui.core.events import FileChange, FilesChanged, Notice
from zwarm_tui.core.model import Block
from zwarm_tui.tui.render.diff import split_files
from zwarm_tui.tui.widgets.block_view import Reading
from zwarm_tui.tui.widgets.transcript import TranscriptView


class DiffView(TranscriptView):
    """The transcript's view with files for blocks: the same keys, search and selection."""

    BINDING_GROUP_TITLE = "Diff"
    HELP = "What changed, file by file."

    def show_diff(self, diff: str) -> None:
        """Show a unified diff (git's or plain) from its top."""
        blocks = [
            _block(at, file.path, file.change, file.body) for at, file in enumerate(split_files(diff), 1)
        ]
        if not blocks:
            text = "Nothing changed." if not diff.strip() else diff
            notice = Notice("info", text)
            blocks = [Block(key=(0, 0, "#1"), first_seq=1, seq=1, time=0.0, event=notice)]
        first = blocks[0]
        opened = {block.key for block in blocks}
        self._readings[diff] = Reading(opened=opened, key=first.key, first_seq=first.first_seq)
        self.show(diff, blocks, older=False)

    @on(TranscriptView.FollowChanged)
    def _keep_to_itself(self, event: TranscriptView.FollowChanged) -> None:
        event.stop()


def _block(at: int, path: str, change: str, body: str) -> Block:
    event = FilesChanged(str(at), (FileChange(path, change, body),))
    return Block(key=(0, 0, str(at)), first_seq=at, seq=at, time=0.0, event=event)
