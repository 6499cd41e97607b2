"""Finding codex."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

import pytest

from zwarm_tui.core.errors import ExecutorError
from zwarm_tui.executors.codex.find import locate, native, version


def program(path: Path, text: str = "#!/bin/sh\necho 'codex-cli 9.8.7'\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def test_the_configured_path_comes_first(tmp_path: Path) -> None:
    mine, other = program(tmp_path / "mine" / "codex"), program(tmp_path / "bin" / "codex")
    env = {"PATH": str(other.parent)}
    assert locate(str(mine), env) == str(mine)
    assert locate(None, env) == str(other)
    assert locate("codex", env) == str(other)
    with pytest.raises(ExecutorError, match=r"configured codex .*executors\.codex\.path"):
        locate(str(tmp_path / "none"), env)


def test_the_wheel_comes_last(tmp_path: Path) -> None:
    assert locate(None, {"PATH": str(tmp_path)}).endswith("codex_cli_bin/bin/codex")


def test_without_any_the_error_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "codex_cli_bin", None)
    with pytest.raises(ExecutorError, match="install it"):
        locate(None, {"PATH": str(tmp_path)})


def test_behind_the_node_wrapper_lies_the_binary(tmp_path: Path) -> None:
    modules = tmp_path / "node_modules"
    script = program(modules / "@openai" / "codex" / "bin" / "codex.js", "#!/usr/bin/env node\n")
    machine = {"arm64": "aarch64", "amd64": "x86_64"}.get(platform.machine().lower(), platform.machine())
    system = "apple-darwin" if platform.system() == "Darwin" else "unknown-linux-musl"
    vendor = modules / "@openai" / "codex-here" / "vendor"
    program(vendor / "sparc-sun-solaris" / "bin" / "codex")
    real = program(vendor / f"{machine}-{system}" / "bin" / "codex")
    link = modules / ".bin" / "codex"
    link.parent.mkdir()
    link.symlink_to(script)
    assert native(str(link)) == str(real)
    os.remove(real)
    assert native(str(link)) == str(link)


async def test_the_version(tmp_path: Path) -> None:
    assert await version(str(program(tmp_path / "a")), {}) == "9.8.7"
    assert await version(str(program(tmp_path / "b", "#!/bin/sh\nexit 1\n")), {}) is None
