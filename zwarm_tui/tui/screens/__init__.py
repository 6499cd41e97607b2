"""Screens: the main one, and the dialogs over it (each imported when first shown)."""
