"""A CODEX_HOME of its own for the real codex against the scripted model server: never
the user's login, configuration or history."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from zwarm_tui.core.errors import ExecutorError
from zwarm_tui.executors.codex.find import locate

MODEL = "gpt-5.1-codex"
_LIKE = "gpt-5.5"
"""The model whose entry in codex's catalogue the scripted one copies: it is offered
the plain tools (a shell, apply_patch), one call each."""

# No login shell, nor a snapshot of one: what a user's profile prints or waits for has no
# place in a demo.
_CONFIG = """\
model = "{model}"
model_provider = "scripted"
model_catalog_json = {catalogue}
allow_login_shell = false
suppress_unstable_features_warning = true

[model_providers.scripted]
name = "Scripted"
base_url = "{url}/v1"
wire_api = "responses"
request_max_retries = 1
stream_max_retries = 1

[features]
unbounded_connection_retries = false
default_mode_request_user_input = true
shell_snapshot = false

[analytics]
enabled = false
"""


def make_codex_home(folder: Path, url: str, *, codex: str | None = None) -> Path:
    """Make `folder` (0700) a CODEX_HOME whose codex asks the model server at `url` and
    knows the model gpt-5.1-codex. Returns it; run codex with `codex_env(home)`.

    `codex` is the program, where it is not the one that would be found. Codex is run
    once (0.1 s). ExecutorError: it is missing, or can't say which models it knows."""
    (folder / "scratch").mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    catalogue = folder / "models.json"
    catalogue.write_text(json.dumps(_catalogue(folder, codex)))
    text = _CONFIG.format(model=MODEL, catalogue=json.dumps(str(catalogue)), url=url.rstrip("/"))
    (folder / "config.toml").write_text(text)
    return folder


def codex_env(home: Path) -> dict[str, str]:
    """The environment that makes codex use `home`. A folder of its own for temporary
    files belongs to it: below the usual one codex puts no helpers into its home, and
    without them its sandbox runs no command."""
    return {"CODEX_HOME": str(home), "TMPDIR": str(home / "scratch")}


def _catalogue(home: Path, codex: str | None) -> dict[str, object]:
    """Codex's own list of models, with the scripted one in it: an unknown name would
    bring a warning and other tools."""
    env = {**os.environ, **codex_env(home)}
    program = locate(codex, env)
    try:
        done = subprocess.run(
            [program, "debug", "models"],
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
            timeout=30,
        )
        models = json.loads(done.stdout)["models"]
        like = next(m for m in models if m["slug"] == _LIKE)
    except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError, StopIteration) as error:
        raise ExecutorError(
            f"{program} did not say which models it knows (codex debug models): {error!r}"
        ) from error
    own = {**like, "slug": MODEL, "display_name": "GPT-5.1-Codex (scripted)", "upgrade": None}
    return {"models": [m for m in models if m["slug"] != MODEL] + [own]}
