"""Everything a person can do, in one table.

From it come the key bindings, the command palette, the help screen, the hints in the
bottom line and the ids that a settings file may give other keys to. What `run` names is
a method of the main screen (or of the app).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from textual.binding import Binding

Where = Literal["app", "screen", "sessions", "timeline", "runs"]
"""Where its keys work: always; on the main screen; in one of its lists; on that of runs."""

ANYWHERE = frozenset({"composer", "sessions", "transcript", "timeline"})
READING = frozenset({"sessions", "transcript"})

NEEDS = {
    "attention": "No session needs you.",
    "approval": "No approval of this session waits for you.",
    "request": "Nothing waits for your decision.",
    "running": "No turn of this session runs.",
    "stopped": "This session was not interrupted: just write to it.",
    "forks": "This session’s agent can’t fork: delegate a new session instead.",
    "executor": "The pilot stays: it can only be interrupted.",
    "terminal": "This session's agent works in no terminal.",
    "diff": "This session's last turn changed no files.",
    "found": "Nothing is searched for: / in the transcript searches.",
    "sought": "Nothing is searched for: / in the timeline searches.",
    "run-live": "This run has ended already.",
    "run-stopped": "Only a run that failed or was stopped can be gone on with.",
    "run-asks": "Nothing of this run waits for your decision.",
    "stage": "No stage is chosen.",
    "run-terminal": "Neither this stage nor its run works in a terminal.",
    "stage-over": "One stage is run again when its run has ended.",
}
"""What an action may need -> what is said where that is missing."""

RUNS = frozenset({"runs", "graph"})
GRAPH = frozenset({"graph"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One thing to do. `keys` are the default ones, several with commas, "" for none;
    `hint` is its word in the bottom line while one of `seen` has the focus."""

    id: str
    title: str
    help: str
    run: str
    keys: str = ""
    where: Where = "screen"
    hint: str = ""
    seen: frozenset[str] = frozenset()
    needs: str = ""

    @property
    def action(self) -> str:
        """The action as Textual calls it."""
        return self.run if "." in self.run else f"screen.{self.run}"


ACTIONS: tuple[Action, ...] = (
    # -- what waits for the person ------------------------------------------------------
    Action(
        id="next-attention",
        title="Next session that needs you",
        help="Open the session that has waited longest with the most urgent reason.",
        run="next_attention",
        keys="ctrl+n",
        hint="next ▲",
        seen=ANYWHERE,
        needs="attention",
    ),
    Action(
        id="decide",
        title="Decide what waits",
        help="Look at the open approval or question of this session, else at the oldest one.",
        run="decide",
        keys="ctrl+r",
        hint="decide",
        seen=ANYWHERE,
        needs="request",
    ),
    Action(
        id="accept",
        title="Accept",
        help="Let the agent do what it asks for, this once.",
        run="approve('accept')",
        keys="a",
        hint="accept",
        seen=READING,
        needs="approval",
    ),
    Action(
        id="accept-session",
        title="Accept for the session",
        help="Let the agent do this, and the like of it for as long as its session lasts.",
        run="approve('accept_session')",
        keys="s",
        hint="for the session",
        seen=READING,
        needs="approval",
    ),
    Action(
        id="deny",
        title="Deny",
        help="Refuse what the agent asks for, with a word on why if you like.",
        run="deny",
        keys="d",
        hint="deny",
        seen=READING,
        needs="approval",
    ),
    # -- sessions -----------------------------------------------------------------------
    Action(
        id="delegate",
        title="Delegate a task",
        help="Start an agent of your own, beside those of the pilot (:delegate TASK).",
        run="prefill(':delegate ')",
        keys="ctrl+o",
        hint="delegate",
        seen=frozenset({"sessions"}),
    ),
    Action(
        id="interrupt",
        title="Interrupt the turn",
        help="Stop this session's running turn, or take a queued one back.",
        run="interrupt",
        keys="ctrl+g,x",
        hint="interrupt",
        seen=ANYWHERE,
        needs="running",
    ),
    Action(
        id="resume",
        title="Resume",
        help="Go on with a turn that was interrupted.",
        run="resume",
        keys="r",
        hint="resume",
        seen=READING,
        needs="stopped",
    ),
    Action(
        id="end-session",
        title="End the session",
        help="Stop its turn and let its agent go. Its transcript stays.",
        run="end_session",
        keys="delete",
        needs="executor",
    ),
    Action(
        id="attach",
        title="Go to the terminal",
        help="Step aside for the terminal that this session's agent works in; ctrl+b d comes back.",
        run="attach",
        keys="t",
        hint="terminal",
        seen=READING,
        needs="terminal",
    ),
    Action(
        id="fork-session",
        title="Fork the session",
        help="A new session with the history of this one.",
        run="fork_session",
        needs="forks",
    ),
    Action(
        id="diff",
        title="Show the diff",
        help="All that this session's last turn changed, file by file.",
        run="show_diff",
        keys="v",
        hint="diff",
        seen=READING,
        needs="diff",
    ),
    Action(
        id="next-session",
        title="Next session in the list",
        help="Open the session below.",
        run="step(1)",
        keys="ctrl+down",
    ),
    Action(
        id="previous-session",
        title="Previous session in the list",
        help="Open the session above.",
        run="step(-1)",
        keys="ctrl+up",
    ),
    Action(
        id="open-session",
        title="Open the chosen session",
        help="Show the session under the cursor, and write to it.",
        run="open_chosen",
        keys="enter",
        where="sessions",
        hint="open",
        seen=frozenset({"sessions"}),
    ),
    Action(
        id="filter-sessions",
        title="Filter the sessions",
        help="Show only those whose task, id, status or agent holds some words.",
        run="filter_sessions",
        keys="slash",
        where="sessions",
        hint="filter",
        seen=frozenset({"sessions"}),
    ),
    # -- the transcript -----------------------------------------------------------------
    Action(
        id="search",
        title="Search the transcript",
        help="Find words in all of this session's transcript.",
        run="search",
        keys="slash",
        hint="search",
        seen=frozenset({"transcript"}),
    ),
    Action(
        id="search-next",
        title="Next hit",
        help="Go to the next place that the search found.",
        run="search_step(1)",
        keys="n",
        hint="next",
        seen=frozenset({"transcript"}),
        needs="found",
    ),
    Action(
        id="search-previous",
        title="Previous hit",
        help="Go to the place before that the search found.",
        run="search_step(-1)",
        keys="N",
        needs="found",
    ),
    # -- the timeline -------------------------------------------------------------------
    Action(
        id="goto",
        title="Jump to the chosen checkpoint",
        help="Go to what is under the cursor; first it says what that does. Nothing is lost by it.",
        run="goto_chosen",
        keys="enter",
        where="timeline",
        hint="jump",
        seen=frozenset({"timeline"}),
    ),
    Action(
        id="checkpoint-diff",
        title="Diff of the chosen checkpoint",
        help="What changed in the files since the checkpoint before it.",
        run="diff_chosen",
        keys="v",
        where="timeline",
        hint="diff",
        seen=frozenset({"timeline"}),
    ),
    Action(
        id="checkpoint-diff-now",
        title="Diff up to now",
        help="What changed in the files from the chosen checkpoint until now.",
        run="diff_now",
        keys="V",
        where="timeline",
        hint="to now",
        seen=frozenset({"timeline"}),
    ),
    Action(
        id="compare",
        title="Compare the chosen checkpoint",
        help="Mark it; with another one marked, compare the two (:compare T3 T7).",
        run="compare_chosen",
        keys="c",
        where="timeline",
        hint="compare",
        seen=frozenset({"timeline"}),
    ),
    Action(
        id="branch",
        title="Branch at the chosen checkpoint",
        help="A new branch of the timeline there (:branch NAME).",
        run="branch_chosen",
        keys="b",
        where="timeline",
        hint="branch",
        seen=frozenset({"timeline"}),
    ),
    Action(
        id="adopt",
        title="Adopt the chosen branch",
        help="Bring a branch's files into your checkout: as changes, a commit or a git branch (:adopt NAME).",
        run="adopt_chosen",
        keys="A",
        where="timeline",
        hint="adopt",
        seen=frozenset({"timeline"}),
    ),
    Action(
        id="label-checkpoint",
        title="Name the chosen checkpoint",
        help="A name beside its label, to find it by and to jump to it (:label T3 NAME).",
        run="label_chosen",
        keys="l",
        where="timeline",
        hint="name",
        seen=frozenset({"timeline"}),
    ),
    Action(
        id="note-checkpoint",
        title="Note something at the chosen checkpoint",
        help="A sentence to remember (:note T3 TEXT).",
        run="note_chosen",
        keys="e",
        where="timeline",
        hint="note",
        seen=frozenset({"timeline"}),
    ),
    Action(
        id="fold",
        title="Fold or unfold",
        help="The line under the cursor; on the way to here, all that leaves it at that place (:fold).",
        run="fold",
        keys="space",
        where="timeline",
        hint="fold",
        seen=frozenset({"timeline"}),
    ),
    Action(
        id="fold-all",
        title="Fold all but the way to here",
        help="Every line that was left becomes one row; once more unfolds them all.",
        run="fold_all",
        keys="z",
        where="timeline",
        hint="fold all",
        seen=frozenset({"timeline"}),
    ),
    Action(
        id="search-timeline",
        title="Search the timeline",
        help="Find checkpoints by label, name, description, note or branch.",
        run="search_timeline",
        keys="slash",
        where="timeline",
        hint="search",
        seen=frozenset({"timeline"}),
    ),
    Action(
        id="timeline-next",
        title="Next checkpoint found",
        help="Go to the next checkpoint that the search found.",
        run="timeline_step(1)",
        keys="n",
        where="timeline",
        hint="next",
        seen=frozenset({"timeline"}),
        needs="sought",
    ),
    Action(
        id="timeline-previous",
        title="Previous checkpoint found",
        help="Go to the checkpoint before that the search found.",
        run="timeline_step(-1)",
        keys="N",
        where="timeline",
        needs="sought",
    ),
    Action(
        id="timeline-home",
        title="Where you are in the timeline",
        help="Put the cursor on the current position.",
        run="timeline_home",
        keys="h",
        where="timeline",
    ),
    Action(
        id="open-run",
        title="Show the run of the checkpoint",
        help="The graph of the run that the chosen checkpoint is a point of.",
        run="run_chosen",
        keys="o",
        where="timeline",
    ),
    Action(
        id="rename-branch",
        title="Rename the branch",
        help="Another name for the branch that you are on (:rename NAME).",
        run="rename_here",
        keys="R",
        where="timeline",
    ),
    Action(
        id="checkpoint",
        title="Take a checkpoint",
        help="Mark this place in the timeline, to come back to it.",
        run="checkpoint",
        keys="ctrl+s",
        hint="checkpoint",
        seen=frozenset({"timeline"}),
    ),
    Action(
        id="timeline-screen",
        title="Open the timeline wide",
        help="The timeline on a screen of its own, with all of the chosen checkpoint beside it.",
        run="open_timeline",
        keys="ctrl+t",
        hint="wide",
        seen=frozenset({"timeline"}),
    ),
    # -- runs -------------------------------------------------------------------------------
    Action(
        id="runs",
        title="Show the runs",
        help="Runs of workflows and commands, each as a graph of its stages (:run NAME).",
        run="runs",
        keys="f5",
        hint="runs",
        seen=frozenset({"sessions", "timeline"}),
    ),
    Action(
        id="start-run",
        title="Start a workflow or a command",
        help="Choose one, and fill in what it wants to know.",
        run="start_run",
        keys="f8",
    ),
    Action(
        id="open-stage",
        title="Open the stage",
        help="Its transcript, artifacts, gates and findings; in the list, the run's graph.",
        run="open_stage",
        keys="enter",
        where="runs",
        hint="open",
        seen=RUNS,
        needs="stage",
    ),
    Action(
        id="decide-run",
        title="Decide what waits in the run",
        help="The open question, review or approval of the chosen stage, else of the run.",
        run="decide",
        keys="ctrl+r,d",
        where="runs",
        hint="decide",
        seen=RUNS,
        needs="run-asks",
    ),
    Action(
        id="retry-stage",
        title="Run the stage again",
        help="What completed before it stands, and is not paid for again.",
        run="retry",
        keys="r",
        where="runs",
        hint="retry stage",
        seen=GRAPH,
        needs="stage-over",
    ),
    Action(
        id="retry-from",
        title="Run again from here, as a branch",
        help="The stage and all that follow it, on a new branch of the timeline.",
        run="retry_from",
        keys="b",
        where="runs",
        hint="branch from here",
        seen=GRAPH,
        needs="stage-over",
    ),
    Action(
        id="resume-run",
        title="Go on with the run",
        help="A run that failed or was stopped goes on after the stages that completed.",
        run="resume",
        keys="c",
        where="runs",
        hint="go on",
        seen=RUNS,
        needs="run-stopped",
    ),
    Action(
        id="stop-run",
        title="Stop the run",
        help="Interrupt its agents. It can be gone on with.",
        run="cancel",
        keys="x",
        where="runs",
        hint="stop",
        seen=RUNS,
        needs="run-live",
    ),
    Action(
        id="new-run",
        title="Start another workflow or command",
        help="Choose one, and fill in what it wants to know.",
        run="start",
        keys="n,f8",
        where="runs",
        hint="start one",
        seen=RUNS,
    ),
    Action(
        id="stage-session",
        title="Go to the stage's session",
        help="Open it among the sessions, to write to its agent.",
        run="open_session",
        keys="o",
        where="runs",
        hint="session",
        seen=GRAPH,
        needs="stage",
    ),
    Action(
        id="run-terminal",
        title="Go to the run's terminal",
        help="Step aside for the terminal of the chosen stage, else of its run; ctrl+b d comes back.",
        run="attach",
        keys="t",
        where="runs",
        hint="terminal",
        seen=RUNS,
        needs="run-terminal",
    ),
    Action(
        id="graph-view",
        title="Cards or list",
        help="Draw the graph the other way: as cards in layers, or as a list with rails.",
        run="change_view",
        keys="v",
        where="runs",
        hint="view",
        seen=GRAPH,
    ),
    # -- moving about -------------------------------------------------------------------
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
    # -- the app ------------------------------------------------------------------------
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
        seen=ANYWHERE,
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

BY_ID = {action.id: action for action in ACTIONS}


def bindings(where: Where) -> list[Binding]:
    """The bindings of one place. Quitting works in dialogs too."""
    return [
        Binding(a.keys, a.action, a.title, show=False, id=a.id, priority=a.id == "quit")
        for a in ACTIONS
        if a.where == where and a.keys
    ]


def hints(focus: str, facts: Iterable[str]) -> list[Action]:
    """What the bottom line shows for a focus, where these `facts` hold: first what is
    possible only now, then what is always."""
    holds = set(facts)
    shown = [a for a in ACTIONS if a.hint and focus in a.seen and (not a.needs or a.needs in holds)]
    return sorted(shown, key=lambda a: (not a.needs, a.where == "app", a.where == "screen"))


def key_of(action: Action, keymap: dict[str, str]) -> str:
    """Its first key, as a person reads it."""
    first = keymap.get(action.id, action.keys).split(",")[0].strip()
    names = {"slash": "/", "question_mark": "?", "escape": "esc", "delete": "del"}
    return first.replace("ctrl+", "^") if first not in names else names[first]
