"""Gates, reviews and retries in plain words, for every place that shows them as text."""

from __future__ import annotations

from zwarm_tui.core import events as e

Check = e.GateStarted | e.GateDone | e.ReviewStarted | e.ReviewDone | e.RetryScheduled
CHECKS: tuple[type[e.Event], ...] = (
    e.GateStarted,
    e.GateDone,
    e.ReviewStarted,
    e.ReviewDone,
    e.RetryScheduled,
)


def in_words(event: Check) -> tuple[str, str]:
    """(one line, what there is to say beyond it)."""
    of = f"attempt {event.attempt}/{event.attempts}"
    match event:
        case e.GateStarted():
            return f"gate {event.gate} runs ({of})", f"$ {event.command}"
        case e.GateDone():
            end = "passed" if event.passed else f"failed: {event.error or f'exit status {event.exit_code}'}"
            shown = "\n".join(filter(None, (f"$ {event.command}", event.output.rstrip("\n"))))
            return f"gate {event.gate} {end} ({of}, {event.seconds:.1f} s)", shown
        case e.ReviewStarted():
            return f"review by {event.reviewer} runs ({of})", ""
        case e.ReviewDone():
            if event.error is not None:
                return f"review by {event.reviewer}: no verdict ({of})", event.error
            end = "passed" if event.passed else "found what has to be fixed"
            said = "\n".join("\n".join(filter(None, (str(f), f.body))) for f in event.findings)
            return f"review by {event.reviewer} {end} ({of}, {event.seconds:.1f} s)", said
        case e.RetryScheduled():
            when = f" in {event.delay:g} s" if event.delay else ""
            return f"{event.what} retry{when} ({of})", event.reason
