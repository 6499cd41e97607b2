"""The small believable jobs that a scripted agent does when nobody told it what to do.

Which one, and how it goes, follows from the task's words alone."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Sequence

from zwarm_tui.executors.script import Action, Response, Run, Say, Think, Write
from zwarm_tui.executors.script_code import sample

_WORD = re.compile(r"[A-Za-z][A-Za-z0-9]{2,}")
_COMMON = """\
about add after again already also and any app application are asked because been before being both
build but can change check clean clear code command commands could create describe didn document
does doesn done dos each end ensure every existing explain explore feature file files find first fix
folder for from get give good half have here how implement instead into investigate its just keep
leave let like list look make message missing more must need new next not now off once one only
other our out over overdue page plain please print program project put readme reject report review
right run same say see should show simple small some such support sure survives tell test tests than
that the their them then there these they thing this those three todo todos too under update use
user using very want was way well were what when where which while who whole why will with work
would write writing you your
"""
_DULL = frozenset(_COMMON.split())
_SPEED = 700.0
"""Characters a second at which a believable model writes."""


def job(task: str, earlier: Sequence[str] = ()) -> list[Response]:
    """The responses of a turn on `task`; `earlier` are the session's messages before."""
    words = topic(task) or (topic(earlier[0]) if earlier else []) or ["project"]
    lead = task.strip().lower().split("\n")[0][:80]
    if earlier:
        return _follow_up(task, earlier[0], words)
    title = _title(task, words)
    if '{"findings":' in task:
        return _judge(task)
    if re.match(r"(explore|review|look|find|why|explain|how|what|investigate)\b", lead):
        return _explore(words, title)
    if re.match(r"(release|publish|deploy)\b", lead):
        return _release(task, title)
    if re.search(r"\btests?\b", lead):
        return _test(words, title)
    if re.search(r"\b(document|docs?|readme|describe)\b", lead):
        return _document(words, title)
    return _implement(words, title)


def topic(text: str) -> list[str]:
    """The one or two words that a text is about, in lower case."""
    words = (w.lower() for w in _WORD.findall(text[:400]))
    found = dict.fromkeys(w for w in words if w not in _DULL)
    return list(found)[:2]


def _title(text: str, words: Sequence[str]) -> str:
    """The words as they would be spoken: "due dates", but "tags and filter"."""
    together = re.search(r"\s+".join(words), text, re.IGNORECASE)
    return (" " if together else " and ").join(words)


def say(text: str) -> Say:
    """Text at a pleasant pace."""
    return Say(text, min(2.0, len(text) / _SPEED))


def _pick(words: Sequence[str], *choices: str) -> str:
    return choices[zlib.crc32(" ".join(words).encode()) % len(choices)]


def _steps(*steps: tuple[Action, ...]) -> list[Response]:
    return [Response(step) for step in steps]


def _implement(words: list[str], title: str) -> list[Response]:
    made = sample(words)
    path = made.path
    return _steps(
        (
            Think(f"First see what is there, then decide where {title} belongs.", 0.3),
            say(f"I'll look at the code first, then add {title} in a module of its own."),
            Run("git ls-files | head -20"),
        ),
        (
            Think("A to-do is one dataclass. A separate module keeps it as it is.", 0.3),
            Write(path, made.code),
        ),
        (Run(f"python3 -c \"import ast; ast.parse(open('{path}').read()); print('{path}: syntax ok')\""),),
        (
            say(
                f"## Added: {title}\n\n"
                f"It is in `{path}`, a module of its own:\n\n"
                f"```python\n{made.example}\n```\n\n"
                f"- {made.remarks[0]}\n- {made.remarks[1]}\n\n"
                "Checked: the file parses. **Open:** no command uses it yet."
            ),
        ),
    )


def _test(words: list[str], title: str) -> list[Response]:
    name = "_".join(words)
    path = f"tests/test_{name}.py"
    code = (
        "from todo.model import Todo\n\n\n"
        f"def test_{name}_keeps_the_text_as_typed():\n"
        f'    assert Todo("  buy tea ").text == "  buy tea "\n\n\n'
        f"def test_{name}_begins_open():\n"
        f'    assert not Todo("buy tea").done\n\n\n'
        f"def test_{name}_tells_done_from_open():\n"
        f'    assert Todo("buy tea", done=True) != Todo("buy tea")\n'
    )
    return _steps(
        (
            Think("What do the tests look like now? New ones should read like them.", 0.3),
            Run("cat tests/*.py 2>/dev/null | head -30"),
        ),
        (
            say(f"Three cases matter for {title}: what is typed, what is new, and what is done."),
            Write(path, code),
        ),
        (Run("wc -l tests/*.py && grep -c '^def test' tests/*.py"),),
        (
            say(
                f"## Added: tests for {title}\n\nThree tests in `{path}`, in the style of the others:\n\n"
                "1. the text of a to-do stays as it was typed\n"
                "2. a new to-do is open\n"
                "3. a done to-do is another one than an open one\n\n"
                "They need no fixture and no file. "
                + _pick(
                    words,
                    "I changed no code.",
                    "The code itself is untouched.",
                    "Nothing but tests was added.",
                )
            ),
        ),
    )


def _release(task: str, title: str) -> list[Response]:
    version = next(iter(re.findall(r"\d+(?:\.\d+)+", task)), "0.1")
    return _steps(
        (
            Think("What is in it, and is the tree clean? A tag can't be taken back once it is pushed.", 0.3),
            Run("git log --oneline | head -5 && git status --short | head -5"),
        ),
        (
            say("All that is missing is the tag. I ask first, since it is outside of what I may do alone."),
            Run(f"git tag -f v{version}", escalate=True),
        ),
        (
            say(
                f"## {title.capitalize()}: version {version}\n\n"
                f"- the tag `v{version}` is on the last commit\n- nothing was pushed: that is yours to do\n\n"
                "Say so if the tag shall go away again."
            ),
        ),
    )


def _document(words: list[str], title: str) -> list[Response]:
    name = "_".join(words)
    path = f"docs/{name}.md"
    text = (
        f"# {title.capitalize()}\n\nThree commands are enough:\n\n"
        '    todo add "buy tea"\n    todo list\n    todo done 1\n\n'
        "| command | what it does |\n| --- | --- |\n"
        "| `add TEXT` | puts a to-do at the end |\n| `list` | shows them with their numbers |\n"
        "| `done NUMBER` | ticks one off |\n"
    )
    return _steps(
        (
            Think("The README is short; a page of its own is easier to find.", 0.3),
            Run("cat README.md | head -20"),
        ),
        (Write(path, text),),
        (
            say(
                f"## Written: `{path}`\n\nOne page about {title}: three commands to copy, "
                'and a table of what each does.\n\n> `todo add "buy tea"`\n\n'
                + _pick(
                    words,
                    "The README does not link to it yet; say so if it should.",
                    "Examples only use what the program can do today.",
                    "I kept to the README's tone: short sentences, no screenshots.",
                )
            ),
        ),
    )


def _explore(words: list[str], title: str) -> list[Response]:
    return _steps(
        (say(f"Let me see what there is about {title}."), Run("git ls-files | head -30")),
        (
            Think("Few files. The definitions tell most.", 0.2),
            Run("grep -rn '^class \\|^def ' --include=*.py . | head -20"),
        ),
        (
            say(
                f"## What I found about {title}\n\n"
                "- The code is small: one package, one data type, one test beside it.\n"
                f"- Nothing in it deals with {title} so far.\n"
                "- The natural place is a module of its own next to `model.py`.\n\n"
                "I'd begin with the *smallest* form that can be tested: a pure function from text to value. "
                "I changed nothing."
            ),
        ),
    )


def _judge(task: str) -> list[Response]:
    """A review: something is missing until a follow-up has written its decision down."""
    decided = "docs/decisions/" in task
    finding = {
        "priority": 1,
        "title": "Nothing says why it is done this way",
        "body": "Whoever reads this next has to know what was decided: write it down.",
        "file": "",
        "line": None,
    }
    verdict = json.dumps({"findings": [] if decided else [finding]})
    return _steps(
        (Think("The change, then what the next reader will miss.", 0.3), Run("git status --short")),
        (say(verdict),),
    )


def _follow_up(message: str, task: str, words: list[str]) -> list[Response]:
    path = f"docs/decisions/{'_'.join(words)}.md"
    first, asked = task.strip().split("\n")[0][:70], message.strip().split("\n")[0][:90].rstrip(".")
    return _steps(
        (
            Think("This goes on from what I did before; a look at the state, then the change.", 0.3),
            Run("git status --short | head -10"),
        ),
        (Write(path, f"# {asked}\n\nDecided while working on: {first}\n"),),
        (
            say(
                f"## Changed: {asked[:1].lower() + asked[1:]}\n\n"
                f"On top of *{first}*:\n\n"
                f"1. wrote the decision down in `{path}`\n"
                "2. left everything else as it was\n\n"
                + _pick(
                    words,
                    "It still fits what we agreed on before.",
                    "The earlier work needed no change for it.",
                    "Nothing that was finished before is open again.",
                )
            ),
        ),
    )
