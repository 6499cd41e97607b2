"""Run the benchmarks and print a table, or with --json one object."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time

BENCHES = {
    "first_paint_ratio": ("first_paint", "≤ 2.0 (aim 1.5)"),
    "key_p95_ms": ("keys", "≤ 50 ms"),
    "graph_key_p95_ms": ("graph_keys", "≤ 50 ms"),
    "ingest_events_per_s": ("ingest", "≥ 20,000"),
    "transcript_open_ms": ("transcript", "≤ 150 ms"),
    "ls_1000_ms": ("ls", "≤ 200 ms"),
    "help_ms": ("help", "≤ 150 ms"),
    "checkpoint_record_ratio": ("checkpoint", "≤ 2.0"),
    "jump_ms": ("jump:jump_ms", "≤ 20 ms"),
    "checkpoint_space_ratio": ("jump:space_ratio", "< 2.0"),
    "snapshot_ratio": ("snapshot", "≤ 1.5"),
    "worktree_ratio": ("worktree", "≤ 1.3"),
    "codex_20_turns_s": ("codex_turns", "≤ 6 s"),
    "stage_overhead_ms": ("stages", "≤ 10 ms"),
    "verb_ms": ("host:verb_ms", "≤ 5 ms"),
    "ls_cold_ms": ("host:ls_cold_ms", "≤ 250 ms"),
    "host_start_ms": ("host:host_start_ms", "≤ 1,000 ms"),
    "idle_cpu_percent": ("host:idle_cpu_percent", "< 1 %"),
    "second_screen_p95_ms": ("second_screen", "≤ 250 ms"),
    "timeline_open_ms": ("timeline", "≤ 50 ms"),
    "idle_rss_mb": ("host:idle_rss_mb", "< 120 MB"),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(BENCHES)}; all by default")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    unknown = [n for n in options.names if n not in BENCHES]
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}")
    results: dict[str, object] = {}
    for key in options.names or BENCHES:
        where, bar = BENCHES[key]
        module, _, function = where.partition(":")
        began = time.perf_counter()
        value, notes = getattr(importlib.import_module(f"tests.bench.{module}"), function or "run")()
        results[key] = round(value, 3)
        results.update({f"{key}.{name}": note for name, note in notes.items()})
        if not options.json:
            detail = ", ".join(f"{name} {note}" for name, note in notes.items())
            print(
                f"{key:26} {value:>12,.2f}   bar {bar:16} {detail}  [{time.perf_counter() - began:.0f} s]",
                flush=True,
            )
    if options.json:
        print(json.dumps(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
