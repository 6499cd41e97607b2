"""A full-screen agent: a transcript that scrolls under a header, a box for input, and a
dialog; everything is drawn anew with each key, in the alternate screen."""

import os
import sys
import termios
import time
import tty

transcript: list[str] = ["full screen agent"]
ROWS = 12


def draw(box: str, state: str) -> None:
    out = ["\x1b[H\x1b[2J", f"== screen 1.0 == {state}\r\n"]
    shown = transcript[-ROWS:]
    out += [f"{line}\r\n" for line in shown] + ["\r\n"] * (ROWS - len(shown))
    out.append("─" * 40 + f"\r\n│ {box}\r\n" + "─" * 40)
    sys.stdout.write("".join(out))
    sys.stdout.flush()


def key() -> str:
    data = os.read(0, 1)
    while data[0] & 0xC0 == 0xC0 and len(data) < 4:
        try:
            data.decode()
            break
        except UnicodeDecodeError:
            data += os.read(0, 1)
    return data.decode(errors="replace")


def line() -> str:
    text = ""
    while True:
        draw(f"> {text}", "ready")
        pressed = key()
        if pressed == "\r":
            return text
        if pressed == "\x03":
            raise SystemExit(130)
        text += pressed


def serve(text: str) -> None:
    transcript.append(f"you: {text}")
    for n in range(4):
        draw("(working)", f"busy {n} {'⠋⠙⠹⠸'[n]}")
        time.sleep(0.05)
    if text.startswith("many"):
        for n in range(30):
            transcript.append(f"row {n}")
            draw("(working)", f"busy {n}")
            while n % 6 == 5 and not os.path.exists(f"seen {n}"):  # half a screen at a time
                time.sleep(0.02)
    elif text.startswith("ask"):
        transcript.append("Do you want to proceed?")
        transcript.append("  1. Yes   2. No")
        draw("(choose)", "waiting")
        transcript.append(f"chose {key()}")
    else:
        transcript.append(f"reply to {text}")


before = termios.tcgetattr(0)
tty.setraw(0)
sys.stdout.write("\x1b[?1049h")
try:
    while True:
        if said := line():
            serve(said)
finally:
    sys.stdout.write("\x1b[?1049l")
    sys.stdout.flush()
    termios.tcsetattr(0, termios.TCSANOW, before)
