"""The pilot: an LLM that delegates."""
