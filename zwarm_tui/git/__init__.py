"""Files in time: snapshots of a work tree, worktrees of branches, what differs between
them, and adopting one. All by plain git plumbing with an index of our own: the user's
index, HEAD, branches, stash, hooks and config stay what they were, unless the person
adopts a branch as a commit.
"""
