"""The background host: one process a project that owns its agents, and outlives screens."""
