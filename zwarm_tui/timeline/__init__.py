"""Checkpoints and branches of the whole swarm."""

from zwarm_tui.timeline.timeline import Timeline

__all__ = ["Timeline"]
