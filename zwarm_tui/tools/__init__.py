"""The nine tools with which a pilot, or any agent, drives the swarm."""
