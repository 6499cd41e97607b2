"""Codex, driven through `codex app-server`, or through `codex exec` where it lacks that."""
