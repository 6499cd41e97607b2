"""What was said in a stage, as a file: written from the log, never by hand."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from pathlib import Path

from zwarm_tui.store.reader import Reader
from zwarm_tui.workflow.errors import OutputError
from zwarm_tui.workflow.runs import StageView


@dataclass(frozen=True)
class Transcript:
    """A stage's conversation as Markdown, and the file that holds it."""

    path: Path
    content: str


@dataclass(frozen=True, slots=True)
class Transcripts:
    """Those of one run; `folder` is its own, `branch` the one that its sessions are on."""

    folder: Path
    reader: Reader
    branch: int

    def write(self, stage: StageView) -> Transcript:
        """The transcript of exactly the turns that served a stage. `OutputError` where
        the log has nothing of them (F9)."""
        path = self.reader.path(self.branch)
        parts = []
        for session in dict.fromkeys(s.session for s in stage.served):
            turns = {s.turn for s in stage.served if s.session == session}
            parts += [
                f"## {'Prompt' if m['role'] == 'user' else 'Answer'}\n\n{m['content'].strip()}\n"
                for m in self.reader.messages(session, path)
                if m["turn"] in turns
            ]
        content = "\n".join(parts)
        if not content.strip():
            raise OutputError(
                f"stage '{stage.name}' has an empty transcript: nothing of its session was recorded"
            )
        file = self._file(f"{stage.name}.md")
        file.write_text(content, encoding="utf-8", errors="backslashreplace")
        return Transcript(file, content)

    def write_error(self, stage: str, error: BaseException) -> None:
        """Keep what ended a stage, with its cause."""
        text = "".join(traceback.format_exception(error))
        self._file(f"{stage}.error.txt").write_text(text, encoding="utf-8", errors="backslashreplace")

    def _file(self, name: str) -> Path:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self.folder / name
