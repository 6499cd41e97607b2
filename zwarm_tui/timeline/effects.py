"""What agents did outside of the files, as their transcripts tell: a jump undoes none of it.

A table of patterns, so it is honest and short: it knows the usual commands that push,
publish, deploy or send, and nothing of what a script does inside.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from zwarm_tui.core import events as e

Json = dict[str, Any]

_WORD = r"(?:^|[\s;&|(`'\"])(?:sudo\s+)?"
_PATTERNS = tuple(
    (re.compile(_WORD + pattern), what)
    for pattern, what in (
        (r"git\s+(?:-\S+\s+\S+\s+)*push\b(?!.*--dry-run)", "pushed to a remote"),
        (r"gh\s+pr\s+(?:create|merge|close|comment|review|edit)\b", "changed a pull request"),
        (r"gh\s+issue\s+(?:create|close|comment|edit)\b", "changed an issue"),
        (r"gh\s+(?:release|gist)\s+create\b", "published on GitHub"),
        (r"gh\s+workflow\s+run\b", "started a workflow on GitHub"),
        (r"gh\s+api\b.*(?:-X|--method)\s*=?\s*(?:POST|PUT|PATCH|DELETE)", "changed something on GitHub"),
        (r"glab\s+mr\s+(?:create|merge|close|note|update)\b", "changed a merge request"),
        (r"(?:npm|pnpm|yarn)\s+publish\b(?!.*--dry-run)", "published a package"),
        (r"(?:cargo|poetry|uv|flit|hatch)\s+publish\b(?!.*--dry-run)", "published a package"),
        (r"(?:python\d?\s+-m\s+)?twine\s+upload\b", "published a package"),
        (r"gem\s+push\b", "published a package"),
        (r"(?:docker|podman)\s+(?:image\s+)?push\b", "pushed an image"),
        (
            r"kubectl\s+(?:apply|create|delete|patch|replace|scale|rollout)\b(?!.*--dry-run)",
            "changed a cluster",
        ),
        (r"helm\s+(?:install|upgrade|uninstall|rollback)\b(?!.*--dry-run)", "changed a cluster"),
        (r"(?:terraform|tofu)\s+(?:apply|destroy|import)\b", "changed infrastructure"),
        (r"pulumi\s+(?:up|destroy)\b", "changed infrastructure"),
        (r"(?:vercel|netlify|fly|flyctl|firebase|wrangler|serverless|sls|cdk)\s+deploy\b", "deployed"),
        (
            r"(?:aws|gcloud|az)\s.*\b(?:create|delete|put|update|deploy|rm|cp|sync|terminate)\b",
            "changed a cloud",
        ),
        (
            r"(?:curl|http|https|xh)\b.*(?:-X\s*|--request[\s=]+|\s)(?:POST|PUT|PATCH|DELETE)\b",
            "sent a request",
        ),
        (r"curl\b.*\s(?:-d|--data\S*|-F|--form|-T|--upload-file|--json)\b", "sent a request"),
        (r"(?:ssh|scp|sftp)\s+\S", "worked on another machine"),
        (r"rsync\b.*\s\S+:", "copied to or from another machine"),
        (r"(?:mail|sendmail|mutt)\s", "sent mail"),
        (r"psql\b.*\b(?i:insert|update|delete|drop|alter|truncate)\b", "changed a database"),
    )
)

_SHOWN = 200
"""Characters of a command."""


def effect(command: str) -> str | None:
    """What a shell command probably did outside of the files, None where nothing is known
    of that."""
    line = " ".join(command.split())
    return next((what for pattern, what in _PATTERNS if pattern.search(line)), None)


def effects(records: Iterable[e.Record]) -> list[Json]:
    """[{"session", "turn", "what"}], oldest first: of commands that agents and the pilot's
    bash ran. One that failed may have done it all the same, and is said to have failed."""
    found = []
    for record in records:
        event = record.event
        if isinstance(event, e.CommandDone) and event.status != "declined":
            command, failed = event.command, event.exit_code not in (0, None)
        elif isinstance(event, e.ToolDone) and event.tool == "bash":
            command, failed = str(event.arguments.get("command", "")), not event.ok
        else:
            continue
        if what := effect(command):
            shown = " ".join(command.split())[:_SHOWN]
            said = f"{what}{' (it failed)' if failed else ''}: {shown}"
            found.append({"session": record.session, "turn": record.turn, "what": said})
    return found
