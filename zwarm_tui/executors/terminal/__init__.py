"""Agents without a protocol: programs in a terminal, typed into and read from the screen."""
