"""How any process finds a project's host, and what they say to each other."""
