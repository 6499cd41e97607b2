"""One stage in some lines: beside the graph where there is room, and on its page."""

from __future__ import annotations

from textual.content import Content

from zwarm_tui.core import events as e
from zwarm_tui.tui.render.literal import line_of, literal
from zwarm_tui.tui.runs import words
from zwarm_tui.tui.runs.book import Check, Run
from zwarm_tui.workflow.runs import StageView

Part = tuple[str, str]
_LABEL = 10


def about_stage(run: Run, stage: StageView, asking: bool, now: float, *, whole: bool = True) -> Content:
    """State, agent, and what went wrong; the `whole` of it has gates, findings and what
    the stage handed on, too."""
    look = words.stage_look(stage, run.view, asking)
    parts: list[Part] = [
        (f"{look.sign} ", f"bold ${look.colour}"),
        (line_of(stage.name), "bold $foreground"),
        (f"  {look.word}", f"${look.colour}"),
    ]
    tries = f"attempt {words.attempt(stage)}" if words.attempt(stage) else ""
    agent = f"{line_of(stage.backend)}" if stage.backend else ""
    rest = [tries, words.took(stage, run.view, now), words.spent(run, stage.name), agent]
    rest += ["unattended" if stage.headless else "", words.begun(stage)]
    parts.append(("".join(f" · {word}" for word in rest if word), "$zwarm-dim"))
    if stage.parents:
        parts += _line("after", line_of(", ".join(stage.parents)))
    if stage.what:
        parts += _line("does", line_of(stage.what))
    for question in stage.questions:
        parts += _line("asks", literal(question.strip())[:600], "$zwarm-attention")
    for check in run.checks_of(stage.name)[-4:] if whole else ():
        parts += _check(check)
    if stage.error:
        parts += _line("error", literal(stage.error.strip())[:1200], "$zwarm-failed")
    elif stage.result is not None and whole:
        text = stage.result if isinstance(stage.result, str) else _short(stage.result)
        parts += _line("result", literal(text.strip())[:1200], "$foreground")
    return Content.assemble(*parts)


def _check(check: Check) -> list[Part]:
    if isinstance(check, (e.GateStarted, e.GateDone)):
        sign = words.marks([check])[0]
        done = ""
        if isinstance(check, e.GateDone):
            end = check.error or f"exit {check.exit_code}"
            done = f" · {line_of(end)} · {check.seconds:.1f} s"
        return [*_line("gate", sign[0], f"${sign[1]}"), (f" · {line_of(check.command)}{done}", "$zwarm-dim")]
    sign = words.marks([check])[0]
    parts = _line("review", sign[0], f"${sign[1]}")
    if isinstance(check, e.ReviewDone):
        for finding in check.findings[:3]:
            parts.append((f"\n{'':{_LABEL}}{line_of(str(finding))}", "$foreground"))
    return parts


def _line(label: str, text: str, colour: str = "$foreground") -> list[Part]:
    first, *more = text.split("\n")
    body = "\n".join([first, *(" " * _LABEL + line for line in more[:5])])
    return [(f"\n{label:<{_LABEL}}", "$zwarm-dim"), (body, colour)]


def _short(value: object) -> str:
    import json

    return json.dumps(value, ensure_ascii=False)
