"""The screen. It reads the log and sends verbs; nothing below it knows of it."""

import os

# Textual waits so long (ms) after an Escape for the rest of a sequence, and reads this when
# it is imported; its own 100 can be felt in every dialog that Escape closes.
os.environ.setdefault("ESCDELAY", "25")
