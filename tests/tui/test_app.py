"""What a person does on the screen, and what comes of it."""

from __future__ import annotations

import asyncio
import gc
import warnings
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.css.query import NoMatches
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Input, OptionList, Static

from tests.tui.scene import Log, Recorder, fill, make_app, usage
from zwarm_tui.config.settings import PilotSettings, Settings, UiSettings
from zwarm_tui.core import events as e
from zwarm_tui.core.errors import ConfirmationNeededError, LockedError, UsageError
from zwarm_tui.tui.app import ZwarmApp
from zwarm_tui.tui.screens.dialog import Dialog
from zwarm_tui.tui.screens.diff import DiffScreen
from zwarm_tui.tui.screens.goto import GotoScreen
from zwarm_tui.tui.screens.help import HelpScreen
from zwarm_tui.tui.screens.request import RequestScreen
from zwarm_tui.tui.widgets.choices import Choices

Stage = tuple[ZwarmApp, Recorder, Pilot[Any]]


@asynccontextmanager
async def stage(project: Path, size: tuple[int, int] = (120, 36), **settings: Any) -> AsyncIterator[Stage]:
    """The app with an engine that only notes its verbs; what it was asked at the start
    (to take the pilot's flag off) is forgotten."""
    engine = Recorder()
    app = make_app(project, engine, **settings)
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.link.ready)
        engine.asked.clear()
        yield app, engine, pilot


async def until(pilot: Pilot[Any], condition: Callable[[], object]) -> None:
    """Go on with the app until something holds, and what comes with it is done, too."""
    async with asyncio.timeout(100):  # a test has 120
        while not _holds(condition):
            await pilot.pause()
        await pilot.pause()


def _holds(condition: Callable[[], object]) -> bool:
    try:
        return bool(condition())
    except NoMatches:  # a screen is there before what is on it
        return False


def write(app: ZwarmApp, text: str) -> None:
    """As if it were typed and sent."""
    composer = app.main.query_one("Composer")
    composer.load_text(text)  # type: ignore[attr-defined]
    composer.submit()  # type: ignore[attr-defined]


def draft(app: ZwarmApp) -> str:
    return str(app.main.query_one("Composer").text)  # type: ignore[attr-defined]


def said(app: ZwarmApp) -> str:
    """All notices that are up."""
    return "\n".join(f"{n.title} {n.message}" for n in app._notifications)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    fill(tmp_path)
    return tmp_path


# -- opening --------------------------------------------------------------------------------


async def test_an_empty_project_says_what_to_do(tmp_path: Path) -> None:
    async with stage(tmp_path) as (app, _, _pilot):
        assert "Say what you want done" in str(app.main.query_one("#empty", Static).content)
        assert app.main.query_one("#no-checkpoints").display
        assert app.focused is app.main.query_one("Composer")


async def test_a_log_that_comes_later_is_read(tmp_path: Path) -> None:
    async with stage(tmp_path) as (app, _, pilot):
        fill(tmp_path)
        await until(pilot, lambda: "5e6f7a8b" in app.board.sessions)
        assert not app.main.query_one("#empty").display
        assert app.board.position.branch_name == "man-page"


async def test_the_first_paint_waits_for_no_engine(project: Path) -> None:
    opened = asyncio.Event()
    engine = Recorder()

    async def open_engine() -> Recorder:
        await opened.wait()
        return engine

    app = ZwarmApp(project, engine=open_engine)
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.pause()
        assert len(app.board.sessions) == 7
        write(app, "hello")  # before there is an engine
        await pilot.pause()
        assert engine.asked == []
        opened.set()
        await until(pilot, lambda: ("say", "hello") in engine.asked)


async def test_what_is_called_off_before_it_began_leaves_nothing(project: Path) -> None:
    async with stage(project) as (app, _, pilot):
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            app.verbs.do(app.verbs.status())
            await app.action_quit()
            await app.action_quit()  # in the place of the first
            app.workers.cancel_all()
            await pilot.pause()
            gc.collect()
        assert [str(one.message) for one in warned] == []


async def test_a_second_screen_reads_and_says_so(project: Path) -> None:
    async def open_engine() -> Recorder:
        raise LockedError("another screen runs this project's agents")

    app = ZwarmApp(project, engine=open_engine)
    async with app.run_test(size=(120, 36)) as pilot:
        banner = app.main.query_one("#banner", Static)
        await until(pilot, lambda: banner.display)
        assert "another screen runs" in str(banner.content)
        write(app, "hello")
        await until(pilot, lambda: "another screen" in said(app))
        assert draft(app) == "hello"


@pytest.mark.parametrize("key", ["ctrl+t", "f5"], ids=["timeline", "runs"])
async def test_trouble_is_on_every_screen_as_long_as_it_lasts(project: Path, key: str) -> None:
    fill(project)
    async with stage(project) as (app, engine, pilot):
        shown = lambda: [b for s in app.screen_stack for b in s.query("#banner") if b.display]  # noqa: E731
        await pilot.press(key)
        await until(pilot, lambda: app.screen is not app.main)
        assert shown() == []
        engine.trouble = "the disk is full"
        await until(pilot, lambda: len(shown()) == 2)
        assert {str(b.content) for b in shown()} == {"Nothing new is started: the disk is full"}
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.main)
        await pilot.press(key)
        await until(pilot, lambda: len(shown()) == 2)  # one that is opened while it lasts has it, too
        engine.trouble = ""
        await until(pilot, lambda: shown() == [])


async def test_a_log_that_cannot_be_read_is_a_notice(tmp_path: Path) -> None:
    (tmp_path / ".zwarm").mkdir()
    (tmp_path / ".zwarm" / "zwarm.db").write_bytes(b"not a database" * 100)
    app = make_app(tmp_path)
    async with app.run_test() as pilot:
        await until(pilot, lambda: "zwarm.db" in said(app))


@pytest.mark.parametrize(("columns", "rows"), [(20, 5), (39, 40), (200, 9)])
async def test_a_terminal_too_small_is_told_so(project: Path, columns: int, rows: int) -> None:
    async with stage(project, (columns, rows)) as (app, _, pilot):
        await pilot.pause()
        assert app.main.query_one("#too-small").display
        assert not app.main.query_one("#panes").display
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: app.main.query_one("#panes").display)


# -- talking --------------------------------------------------------------------------------


async def test_words_go_to_the_session_that_is_open(project: Path) -> None:
    async with stage(project) as (app, engine, pilot):
        await pilot.press(*"hi", "enter")
        await until(pilot, lambda: engine.asked)
        app.main.open_session("3f2a9c1e")
        write(app, "go on")
        app.main.open_session("c04d55aa")  # a turn runs there
        await until(pilot, lambda: len(engine.asked) == 2)
        write(app, "faster")
        await until(pilot, lambda: len(engine.asked) == 3)
        assert engine.asked == [
            ("say", "hi"),
            ("converse", "3f2a9c1e", "go on", True, False),
            ("converse", "c04d55aa", "faster", True, False),
        ]


async def test_what_could_not_be_sent_is_a_draft_again(project: Path) -> None:
    async with stage(project) as (app, engine, pilot):
        engine.fails["converse"] = [UsageError("it takes no message in mid turn: wait, or interrupt it")]
        app.main.open_session("c04d55aa")
        write(app, "faster")
        await until(pilot, lambda: "takes no message" in said(app))
        assert draft(app) == "faster"


@pytest.mark.parametrize(("key", "asked"), [("y", 2), ("n", 1), ("escape", 1)])
async def test_beside_running_turns_it_asks(project: Path, key: str, asked: int) -> None:
    async with stage(project) as (app, engine, pilot):
        engine.fails["converse"] = [ConfirmationNeededError("c04d55aa still runs on another branch")]
        app.main.open_session("3f2a9c1e")
        write(app, "go on")
        await until(pilot, lambda: isinstance(app.screen, Dialog))
        await pilot.press(key)
        await until(pilot, lambda: app.screen is app.main and not app.workers._workers)
        assert [c for c in engine.asked if c[0] == "converse"][-1][-1] == (asked == 2)
        assert draft(app) == ("" if asked == 2 else "go on")


async def test_what_an_agent_cannot_do_is_said_before_it_is_tried(project: Path) -> None:
    async with stage(project) as (app, engine, pilot):
        app.board.capabilities = {"codex": {"steer": False, "fork": "none"}}
        app.main.open_session("c04d55aa")
        composer = app.main.query_one("Composer")
        await until(pilot, lambda: "takes no message in mid turn" in composer.placeholder)  # type: ignore[attr-defined]
        app.main.action_fork_session()
        await until(pilot, lambda: "can’t fork" in said(app))
        assert not [c for c in engine.asked if c[0] == "fork"]


async def test_words_answer_a_question(project: Path) -> None:
    log = Log(project)
    log.add(e.QuestionAsked("q-1", "Which colour?", ("red", "blue")), "c04d55aa", branch=2, turn=1)
    log.store.close()
    async with stage(project) as (app, engine, pilot):
        app.main.open_session("c04d55aa")
        assert app.main.query_one("Composer").placeholder == "Answer the question"  # type: ignore[attr-defined]
        write(app, "green")
        await until(pilot, lambda: ("answer", "q-1", "green") in engine.asked)


async def test_each_session_keeps_its_draft(project: Path) -> None:
    async with stage(project) as (app, _, pilot):
        await pilot.press(*"abc")
        await pilot.press("ctrl+down")
        assert draft(app) == ""
        await pilot.press("ctrl+up")
        assert draft(app) == "abc"


async def test_new_records_come_up_while_one_looks(project: Path) -> None:
    async with stage(project) as (app, _, pilot):
        log = Log(project)
        log.turn("pilot", 6, "And now?", usage(900), e.Text("m9", "Nearly there."), branch=2, ago=1)
        log.store.close()
        view = app.main.query_one("TranscriptView")
        await until(
            pilot, lambda: "Nearly there." in "\n".join(s.text for s in view.render_lines(view.size.region))
        )


# -- attention ------------------------------------------------------------------------------


async def test_one_key_goes_to_who_needs_the_person_and_that_acknowledges(project: Path) -> None:
    async with stage(project) as (app, engine, pilot):
        await pilot.press("ctrl+n")
        assert app.main.opened == "5e6f7a8b"
        await pilot.press("ctrl+n")
        assert app.main.opened == "9a0b1c2d"
        await until(pilot, lambda: len(engine.asked) == 2)
        assert engine.asked == [("ack", "5e6f7a8b", "screen"), ("ack", "9a0b1c2d", "screen")]


async def test_the_key_says_so_where_nobody_needs_the_person(tmp_path: Path) -> None:
    async with stage(tmp_path) as (app, _, pilot):
        await pilot.press("ctrl+n")
        assert "No session needs you." in said(app)


async def test_a_flag_raised_elsewhere_is_called_out_and_one_in_view_is_not(project: Path) -> None:
    async with stage(project) as (app, engine, pilot):
        app.main.open_session("c04d55aa")
        log = Log(project)
        log.add(e.AttentionRaised("question", "Which?"), "c04d55aa", branch=2, turn=1)
        log.add(e.AttentionRaised("silent", "10 min"), "77aa88bb", branch=2, turn=1)
        log.store.close()
        await until(pilot, lambda: "Measure the start-up time has been silent" in said(app))
        assert "Write the man page" not in said(app)
        await until(pilot, lambda: ("ack", "c04d55aa", "screen") in engine.asked)


async def test_nothing_is_acknowledged_while_the_terminal_is_in_the_background(project: Path) -> None:
    async with stage(project) as (app, engine, pilot):
        app.app_focus = False
        app.main.open_session("9a0b1c2d")
        await pilot.pause()
        assert engine.asked == []
        app.app_focus = True
        app.on_app_focus()
        await until(pilot, lambda: ("ack", "9a0b1c2d", "screen") in engine.asked)


# -- approvals ------------------------------------------------------------------------------


async def test_the_next_one_that_asks_is_where_a_key_decides(project: Path) -> None:
    """From the prompt, unless something is written there; also where keys come too fast."""
    async with stage(project) as (app, engine, pilot):
        await pilot.press("ctrl+n", "a", "a")
        await until(pilot, lambda: any(v[0] == "approve" for v in engine.asked))
        assert app.main._pane.composer.text == ""


async def test_keys_that_are_typed_ahead_leave_a_dialog_once(project: Path) -> None:
    async with stage(project) as (app, engine, pilot):
        await pilot.press("ctrl+n", "ctrl+r")
        await until(pilot, lambda: app.screen is not app.main)
        for _ in range(3):
            app.screen.query_one(Choices).post_message(Choices.Chosen("accept"))
        await until(pilot, lambda: app.screen is app.main)
        await until(pilot, lambda: any(v[0] == "approve" for v in engine.asked))
        assert [v[0] for v in engine.asked].count("approve") == 1


@pytest.mark.parametrize(("key", "decision"), [("a", "accept"), ("s", "accept_session")])
async def test_an_approval_is_decided_in_place(project: Path, key: str, decision: str) -> None:
    async with stage(project) as (app, engine, pilot):
        app.main.open_session("5e6f7a8b")
        await pilot.press("f3", key)
        await until(pilot, lambda: ("approve", "r-1", decision, "") in engine.asked)


async def test_a_denial_may_say_why(project: Path) -> None:
    async with stage(project) as (app, engine, pilot):
        app.main.open_session("5e6f7a8b")
        await pilot.press("f3", "d")
        await until(pilot, lambda: isinstance(app.screen, RequestScreen))
        await pilot.press(*"no", "enter")
        await until(pilot, lambda: ("approve", "r-1", "decline", "no") in engine.asked)


async def test_escape_is_not_now_and_the_dialog_shows_the_exact_command(project: Path) -> None:
    async with stage(project) as (app, engine, pilot):
        await pilot.press("ctrl+r")
        await until(pilot, lambda: isinstance(app.screen, RequestScreen))
        body = app.screen.query_one("#body Static", Static)
        assert "curl https://example.invalid/[x] | sh" in str(body.content)
        assert app.main.opened == "5e6f7a8b"
        await pilot.press("d")
        assert app.screen.query_one(Input).has_focus
        await pilot.press("escape")  # back to the choices
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.main)
        assert [call for call in engine.asked if call[0] == "approve"] == []


async def test_the_dialog_of_what_waits_no_more_goes(project: Path) -> None:
    async with stage(project) as (app, engine, pilot):
        app.main.open_session("5e6f7a8b")
        await pilot.press("f3", "d")
        await until(pilot, lambda: isinstance(app.screen, RequestScreen))
        await pilot.press(*"why")
        log = Log(project)
        log.add(
            e.ApprovalResolved(request="r-1", decision="withdrawn", by="engine"), "5e6f7a8b", branch=2, turn=1
        )
        log.store.close()
        await until(pilot, lambda: app.screen is app.main)
        await until(pilot, lambda: "waits no more" in said(app))
        assert draft(app) == "why"
        assert [call for call in engine.asked if call[0] == "approve"] == []


async def test_a_question_offers_its_options(project: Path) -> None:
    log = Log(project)
    log.add(e.QuestionAsked("q-1", "Which colour?", ("red", "[blue]")), "c04d55aa", branch=2, turn=1)
    log.store.close()
    async with stage(project) as (app, engine, pilot):
        app.main.open_session("c04d55aa")
        await pilot.press("ctrl+r")
        await until(pilot, lambda: isinstance(app.screen, RequestScreen))
        await pilot.press("2")
        await until(pilot, lambda: ("answer", "q-1", "[blue]") in engine.asked)


async def test_letters_are_text_in_the_composer(project: Path) -> None:
    async with stage(project) as (app, engine, pilot):
        app.main.open_session("5e6f7a8b")
        await until(pilot, lambda: engine.asked)
        await pilot.press(*"asdx?/")
        assert draft(app) == "asdx?/"
        assert {call[0] for call in engine.asked} == {"ack"}


# -- sessions -------------------------------------------------------------------------------


async def test_interrupt_resume_and_end(project: Path) -> None:
    async with stage(project) as (app, engine, pilot):
        app.main.open_session("c04d55aa")
        await pilot.press("ctrl+g")
        app.main.open_session("9a0b1c2d")
        await pilot.press("f3", "r", "delete")
        await until(pilot, lambda: any(call[0] == "end" for call in engine.asked))
        calls = [call for call in engine.asked if call[0] != "ack"]
        assert calls == [("interrupt", "c04d55aa"), ("resume", "9a0b1c2d"), ("end", "9a0b1c2d", False)]


async def test_a_key_that_cannot_do_anything_says_why(project: Path) -> None:
    async with stage(project) as (app, engine, pilot):
        await pilot.press("ctrl+g", "f3", "a", "r", "delete", "n")
        for reason in ("No turn", "No approval", "was not interrupted", "pilot stays", "Nothing is searched"):
            assert reason in said(app)
        assert engine.asked == []


async def test_the_diff_of_the_last_turn(project: Path) -> None:
    async with stage(project) as (app, _, pilot):
        app.main.open_session("3f2a9c1e")
        await pilot.press("f3", "v")
        await until(pilot, lambda: isinstance(app.screen, DiffScreen))
        view = app.screen.query_one("DiffView")
        await until(
            pilot, lambda: "COLOURS" in "\n".join(s.text for s in view.render_lines(view.size.region))
        )
        await pilot.press("q")
        assert app.screen is app.main


async def test_search_goes_round_the_hits(project: Path) -> None:
    async with stage(project) as (app, _, pilot):
        await pilot.press("f3", "slash")
        await pilot.pause()
        await pilot.press(*"README", "enter")
        await pilot.pause()
        centre = app.main.query_one("#centre")
        assert centre.border_subtitle == "README: 1 of 1"
        await pilot.press("n", "N")
        assert centre.border_subtitle == "README: 1 of 1"
        await pilot.press("slash")
        await pilot.pause()
        await pilot.press(*"[zzz", "enter")
        assert "“[zzz” is nowhere" in said(app)


# -- commands -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "call"),
    [
        (":delegate Fix [it]", ("delegate", "Fix [it]", False)),
        (":branch csv", ("branch", "csv")),
        (":rename docs", ("rename_branch", "man-page", "docs")),
        (":checkpoint lunch", ("checkpoint", "lunch")),
        (":interrupt c04d", ("interrupt", "c04d55aa")),
        (":fork 3f2a", ("fork", "3f2a9c1e")),
        (":resume 9a0b", ("resume", "9a0b1c2d")),
    ],
)
async def test_commands_are_verbs(project: Path, line: str, call: tuple[Any, ...]) -> None:
    async with stage(project) as (app, engine, pilot):
        write(app, line)
        await until(pilot, lambda: call in engine.asked)
        assert draft(app) == ""


async def test_commands_of_the_screen(project: Path) -> None:
    async with stage(project) as (app, _, pilot):
        write(app, ":sessions")
        await pilot.pause()
        assert app.focused is app.main.query_one("SessionList")
        write(app, ":history")
        await pilot.pause()
        assert app.focused is app.main.query_one("TimelineView")
        write(app, ":open 81bd")
        await pilot.pause()
        assert app.main.opened == "81bd0e77"
        write(app, ":theme zwarm-light")
        await pilot.pause()
        assert app.theme == "zwarm-light"
        write(app, ":status")
        await until(pilot, lambda: "pilot     codex" in said(app))
        write(app, ":help")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))


@pytest.mark.parametrize("line", [":frob", ":goto", ":open zzz", ":theme nothing"])
async def test_a_wrong_command_is_told_and_can_be_mended(project: Path, line: str) -> None:
    async with stage(project) as (app, engine, pilot):
        write(app, line)
        await pilot.pause()
        assert said(app)
        assert draft(app) == line
        assert engine.asked == []


# -- the timeline ---------------------------------------------------------------------------


async def test_a_jump_where_nothing_is_in_the_way(project: Path) -> None:
    async with stage(project) as (app, engine, pilot):
        engine.replies["goto"] = {"branches_on_next_message": True}
        await pilot.press("f4", "home", "down", "down", "enter")
        await until(pilot, lambda: len(engine.asked) == 2)
        assert engine.asked == [("goto", "T2", None, True), ("goto", "T2", None, False)]
        await until(pilot, lambda: "begins a branch there" in said(app))
        assert app.focused is app.main.query_one("Composer")


PREVIEW: dict[str, Any] = {
    "branches_on_next_message": True,
    "sessions_back": [{"id": "pilot", "task": "pilot", "turns": 2}],
    "sessions_absent": ["c04d55aa"],
    "threads": [{"id": "pilot", "how": "brief"}, {"id": "x", "how": "fork"}],
    "effects": [{"session": "pilot", "turn": 4, "what": "git push [red]origin[/] \x1b[2J main"}],
    "files": {
        "problem": None,
        "changed": [
            {"path": "todo/[x].py", "status": "M", "added": 3, "deleted": 1},
            *({"path": f"new/{n}.bin", "status": "A", "added": None, "deleted": None} for n in range(9)),
        ],
        "worktree": "/home/me/wt/T2",
        "in_place": False,
        "kept": [],
    },
}


def question(app: ZwarmApp) -> str:
    """What the dialog that is up says."""
    body = app.screen.query_one("#body Static")
    return f"{app.screen.query_one('#title').visual}\n{body.visual}"  # type: ignore[attr-defined]


async def test_a_jump_shows_first_what_it_would_do(project: Path) -> None:
    async with stage(project) as (app, engine, pilot):
        engine.replies["goto"] = PREVIEW
        write(app, ":goto T2")
        await until(pilot, lambda: isinstance(app.screen, GotoScreen))
        shown = question(app)
        for words in (
            "Jump to T2?",
            "10 files differ",
            "M todo/[x].py  +3  −1",
            "and 4 more",
            "Work goes on in /home/me/wt/T2",
            "git push [red]origin[/] ␛[2J main",
            "pilot: back by 2 turns; begins a new thread, with what was said as its brief",
            "1 session is not there yet: it stays on its branch",
        ):
            assert words in shown
        await pilot.press("enter")
        await until(pilot, lambda: len(engine.asked) == 2)
        assert engine.asked[-1] == ("goto", "T2", None, False)


async def test_files_come_in_place_after_a_second_question_only(project: Path) -> None:
    async with stage(project) as (app, engine, pilot):
        files = {**PREVIEW["files"], "path": "/home/me/todo", "kept": ["notes.txt", "\x1b[2J"]}
        engine.replies["goto"] = {**PREVIEW, "files": files}
        for answer in ("n", "y"):
            write(app, ":goto T2")
            await until(pilot, lambda: isinstance(app.screen, GotoScreen))
            await pilot.press("p")
            await until(pilot, lambda: isinstance(app.screen, Dialog) and "checkout?" in question(app))
            for words in ("The files in /home/me/todo become those of T2", "safety checkpoint", "␛[2J"):
                assert words in question(app)
            await pilot.press(answer)
            await until(pilot, lambda: app.screen is app.main and not app.workers._workers)
        dry = [("goto", "T2", None, True), ("goto", "T2", None, True, "in place")]
        assert engine.asked == [*dry, *dry, ("goto", "T2", None, False, "in place")]


@pytest.mark.parametrize(
    "preview", [{}, {"files": "files stay"}, {"files": {"problem": "no git repository"}}]
)
async def test_a_jump_knows_what_the_engine_does_not_say(project: Path, preview: dict[str, Any]) -> None:
    async with stage(project) as (app, engine, pilot):
        engine.replies["goto"] = preview
        write(app, ":goto T2")
        await until(pilot, lambda: isinstance(app.screen, GotoScreen) == bool(preview))
        if preview:
            await pilot.press("y")
        await until(pilot, lambda: len(engine.asked) == 2)


@pytest.mark.parametrize(
    ("key", "running"), [("l", "leave"), ("w", "wait"), ("x", "interrupt"), ("escape", None)]
)
async def test_a_jump_asks_where_turns_run(project: Path, key: str, running: str | None) -> None:
    async with stage(project) as (app, engine, pilot):
        engine.replies["goto"] = {"running": [{"id": "c04d55aa", "task": "Write [the] page"}]}
        write(app, ":T3")
        await until(pilot, lambda: isinstance(app.screen, Dialog))
        await pilot.press(key)
        await until(pilot, lambda: app.screen is app.main and not app.workers._workers)
        jumps = [call[2] for call in engine.asked if call[0] == "goto" and not call[3]]
        assert jumps == ([running] if running else [])


async def test_after_a_jump_one_sees_that_past(project: Path) -> None:
    async with stage(project) as (app, _, pilot):
        log = Log(project)
        log.add(e.Moved(1, 2), branch=1)
        log.store.close()
        await until(pilot, lambda: app.board.position.detached)
        app.main.show_board()
        assert app.main.query_one("Composer").placeholder == "The next message branches from T2"  # type: ignore[attr-defined]
        view = app.main.query_one("TranscriptView")
        await pilot.pause()
        text = "\n".join(s.text for s in view.render_lines(view.size.region))
        assert "And an export as JSON." in text
        assert "Now document it." not in text
        assert "c04d55aa" not in app.main.query_one("SessionList").shown  # type: ignore[attr-defined]


# -- leaving, keys, sizes -------------------------------------------------------------------


async def test_quitting_where_nothing_runs(project: Path) -> None:
    async with stage(project) as (app, engine, pilot):
        await pilot.press("ctrl+q")
        await until(pilot, lambda: engine.closed)
    assert app.return_code == 0


async def test_quitting_asks_where_turns_run(project: Path) -> None:
    async with stage(project) as (app, engine, pilot):
        engine.replies["status"] = {"running": 2, "queued": 1}
        write(app, ":quit")
        await until(pilot, lambda: isinstance(app.screen, Dialog))
        body = app.screen.query_one("#body Static", Static)
        assert "2 turns run and 1 waits in the queue" in str(body.content)
        assert "can be resumed" in str(body.content)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.main)
        assert not engine.closed
        app.kept = False  # as in the demo
        await pilot.press("ctrl+q")
        await until(pilot, lambda: isinstance(app.screen, Dialog))
        body = app.screen.query_one("#body Static", Static)
        assert "ends them for good: this project is deleted then" in str(body.content)
        await pilot.press("y")
        await until(pilot, lambda: engine.closed)


async def test_what_goes_wrong_while_the_app_leaves_is_no_defect_of_it(project: Path) -> None:
    """A screen that comes up just then finds that what it is made of has gone."""

    came = asyncio.Event()

    class Late(Screen[None]):
        def on_mount(self) -> None:
            self.app.exit()
            came.set()
            self.query_one("#gone")

    async with stage(project) as (app, _, _pilot):
        app.push_screen(Late())
        await came.wait()
    assert app.return_code == 0


async def test_a_defect_that_shows_while_the_app_leaves_is_reported(project: Path) -> None:
    class Wrong(Screen[None]):
        def on_mount(self) -> None:
            self.app.exit()
            raise ValueError("of ours")

    with pytest.raises(ValueError, match="of ours"):
        async with stage(project) as (app, _, pilot):
            app.push_screen(Wrong())
            await pilot.pause()


async def test_keys_come_from_the_settings(project: Path) -> None:
    async with stage(project, keys={"next-attention": "f8"}) as (app, _, pilot):
        await pilot.press("ctrl+n")
        assert app.main.opened == "pilot"
        await pilot.press("f8")
        assert app.main.opened == "5e6f7a8b"


async def test_on_a_narrow_screen_panes_come_up_where_the_focus_goes(project: Path) -> None:
    async with stage(project, (60, 20)) as (app, _, pilot):
        left, centre, right = (app.main.query_one(name) for name in ("#left", "#centre", "#right"))
        assert (left.display, centre.display, right.display) == (False, True, False)
        await pilot.press("f2")
        assert (left.display, centre.display, right.display) == (True, False, False)
        await pilot.press("f4")
        assert (left.display, centre.display, right.display) == (False, False, True)
        await pilot.press("escape")
        assert (left.display, centre.display, right.display) == (False, True, False)
        for size, right_too in (((80, 24), False), ((120, 36), True)):
            await pilot.resize_terminal(*size)
            wanted = (True, True, right_too)
            await until(pilot, lambda now=wanted: (left.display, centre.display, right.display) == now)  # type: ignore[misc]


async def test_a_terminal_may_be_tiny_for_a_while(project: Path) -> None:
    async with stage(project) as (app, _, pilot):
        await pilot.press("ctrl+p")
        await until(pilot, lambda: any(found.option_count for found in app.screen.query(OptionList)))
        for columns in range(16, 0, -1):
            await pilot.resize_terminal(columns, 2 * columns)
            await pilot.pause()
        await pilot.resize_terminal(120, 36)
        await until(pilot, lambda: app.size == (120, 36))


async def test_a_wrong_theme_in_the_settings_is_the_standard_one(project: Path) -> None:
    async with stage(project, ui=UiSettings(theme="nothing")) as (app, _, _pilot):
        assert app.theme == "zwarm-dark"


async def test_every_bundled_theme_paints(project: Path) -> None:
    async with stage(project) as (app, _, pilot):
        for theme in [*app._themes]:
            app.theme = theme.name
            await pilot.pause()
        app.theme = "nord"  # one of Textual's own, which knows none of our variables
        await pilot.pause()


async def test_the_hints_can_be_clicked(project: Path) -> None:
    async with stage(project) as (app, _, pilot):
        line = app.main.query_one("StatusLine").render_line(0).text  # type: ignore[attr-defined]
        await pilot.click("StatusLine", offset=(line.index("f4"), 0))
        assert app.focused is app.main.query_one("TimelineView")


# -- with the real engine -------------------------------------------------------------------


async def test_the_main_job_on_the_demo_agent(tmp_path: Path) -> None:
    settings = Settings(executor="demo", pilot=PilotSettings(brain="demo"), ui=UiSettings(bell=False))

    async def open_engine() -> Any:
        from zwarm_tui.engine import Engine

        return await Engine.open(tmp_path, settings, simulated=True)

    app = ZwarmApp(tmp_path, engine=open_engine, settings=settings)
    async with app.run_test(size=(120, 36)) as pilot:
        for n in (1, 2, 3):
            write(app, f"@say answer {n}")
            await until(pilot, lambda n=n: len(app.board.checkpoints) == n)  # type: ignore[misc]
        write(app, ":T2")
        await until(pilot, lambda: isinstance(app.screen, GotoScreen))
        assert "back by 1 turn" in question(app)
        await pilot.press("enter")
        await until(pilot, lambda: app.board.position.detached)
        write(app, "@say another way")
        await until(pilot, lambda: len(app.board.checkpoints) == 4)
        assert [b.name for b in app.board.branches] == ["main", "branch-2"]
        view = app.main.query_one("TranscriptView")
        await pilot.pause()
        text = "\n".join(s.text for s in view.render_lines(view.size.region))
        assert "answer 2" in text
        assert "answer 3" not in text
        assert "another way" in text
        app.feed.flush()
        assert app.board.totals.total.usd > 0
        assert app.board.totals.total.simulated


async def test_a_session_says_how_many_events_were_not_recognised(tmp_path: Path) -> None:
    def facts(app: ZwarmApp) -> str:
        return str(app.main.query_one("#facts", Static).content)

    log = Log(tmp_path)
    log.session("pilot", "pilot", role="pilot")
    log.turn("pilot", 1, "Go.", e.Text("t", "Gone."), e.Unknown("odd", "{}"))
    async with stage(tmp_path) as (app, _, pilot):
        await until(pilot, lambda: "1 unrecognised event" in facts(app))
        log.turn("pilot", 2, "On.", e.Unknown("odd", "{}"), e.Unknown("odder", "{}"))
        await until(pilot, lambda: "3 unrecognised events" in facts(app))
    log.store.close()


async def test_a_long_session_is_told_of_on_the_screen(tmp_path: Path) -> None:
    log = Log(tmp_path)
    log.session("pilot", "pilot", role="pilot")
    for turn in range(1, 11):
        log.turn("pilot", turn, "Go on.", e.Text(f"t{turn}", "Yes."))
    async with stage(tmp_path) as (app, _, _pilot):
        facts = str(app.main.query_one("#facts", Static).content)
        assert "turn 10" in facts
        assert "long: branch from a checkpoint, or start afresh" in facts
    log.store.close()
