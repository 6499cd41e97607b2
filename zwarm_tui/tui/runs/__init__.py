"""Runs of workflows and commands on screen: what is known of them, and how they are laid out."""
