"""The demo: a scratch repository, scripted agents, and the scripted model server."""
