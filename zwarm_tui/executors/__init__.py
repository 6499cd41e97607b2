"""Adapters: one module an agent (see `base` for what each must do)."""
