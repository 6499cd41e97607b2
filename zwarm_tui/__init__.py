"""zwarm_tui: one person runs a swarm of coding agents, in a terminal."""

__version__ = "0.1.0"
