"""A line-oriented agent without a protocol: says, asks, works, ends; what it is told to."""

import sys
import time
from pathlib import Path


def main() -> None:
    print("\x1b[1mlines 1.0\x1b[0m  [red]not markup[/red]")
    if "--trust" in sys.argv:
        input("Trust this folder? [y/N] ")
    while True:
        said = input("lines> ")
        word, _, rest = said.partition(" ")
        if word == "say":
            print(rest)
        elif word == "escape":
            print("\x1b]0;title\x07\x1b[31mred\x1b[0m \x1b7\x1b[2A\x1b8down")
        elif word == "many":
            for n in range(int(rest)):
                print("row", n)
        elif word == "spin":
            for n in range(8):
                print(f"\r{'|/-'[n % 3]} working", end="", flush=True)
                time.sleep(0.05)
            print("\rdone worked")
        elif word == "ask":
            answer = input(f"Overwrite {rest}? [y/N] ")
            print(f"answered {answer!r}")
        elif word == "hang":
            try:
                print("hangs\nfor long", flush=True)  # of a last line more may come
                time.sleep(300)
            except KeyboardInterrupt:
                print("stopped")
        elif word == "until":
            print("waits")
            while not Path(rest).exists():
                time.sleep(0.05)
            print("found it")
        elif word == "exit":
            sys.exit(int(rest))
        else:
            print(f"got {said!r}")


main()
