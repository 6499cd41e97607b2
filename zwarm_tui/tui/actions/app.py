"""Moving about on the main screen, and what is the same everywhere."""

from __future__ import annotations

from zwarm_tui.tui.actions.action import ANYWHERE, RUNS, Action

ACTIONS: tuple[Action, ...] = (
    # -- moving about ---------------------------------------------------------------------
    Action(
        id="sessions",
        title="Go to the sessions",
        help="The list at the left.",
        run="go('sessions')",
        keys="f2",
        hint="sessions",
        seen=frozenset({"composer", "transcript", "timeline"}),
    ),
    Action(
        id="transcript",
        title="Go to the transcript",
        help="Read, scroll, fold, search and copy.",
        run="go('transcript')",
        keys="f3",
        hint="transcript",
        seen=frozenset({"composer", "sessions"}),
    ),
    Action(
        id="timeline",
        title="Go to the timeline",
        help="The checkpoints at the right; on a narrow screen they come up over it.",
        run="go('timeline')",
        keys="f4",
        hint="timeline",
        seen=frozenset({"composer", "sessions", "transcript"}),
    ),
    Action(
        id="composer",
        title="Write",
        help="Back to the composer, from anywhere.",
        run="go('composer')",
        keys="escape,i",
        hint="write",
        seen=frozenset({"sessions", "transcript", "timeline"}),
    ),
    # -- the app --------------------------------------------------------------------------
    Action(
        id="status",
        title="Status of the swarm",
        help="What thinks, what runs, and what is wrong.",
        run="status",
    ),
    Action(
        id="theme",
        title="Change the theme",
        help="Choose other colours (:theme NAME).",
        run="app.change_theme",
        where="app",
    ),
    Action(
        id="palette",
        title="Find an action",
        help="Every action, by its name.",
        run="app.command_palette",
        keys="ctrl+p",
        where="app",
        hint="actions",
        seen=ANYWHERE,
    ),
    Action(
        id="help",
        title="Help",
        help="All keys and commands.",
        run="app.help",
        keys="f1,question_mark",
        where="app",
        hint="help",
        seen=ANYWHERE | RUNS,
    ),
    Action(
        id="quit",
        title="Quit",
        help="Leave. Where turns run, it asks first.",
        run="app.quit",
        keys="ctrl+q",
        where="app",
        hint="quit",
        seen=frozenset({"sessions", "timeline"}),
    ),
)
