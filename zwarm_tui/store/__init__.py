"""The log: one SQLite file a project, append-only, with the tables folded from it."""
