"""Workflow files: where they lie, what they declare, and loading one to run it.

Looking at them runs nothing of theirs: a repository can bring files along. What a file
declares is read from its text; only a run executes it.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from zwarm_tui.config.paths import config_dir, state_dir
from zwarm_tui.workflow.errors import InputError, WorkflowLoadError
from zwarm_tui.workflow.inputs import Input, check_schema

if TYPE_CHECKING:
    from zwarm_tui.workflow.context import WorkflowContext

FOLDER = "workflows"


@dataclass(frozen=True)
class Workflow:
    """A workflow that can run."""

    name: str
    path: Path
    inputs: Sequence[Input]
    run: Callable[[WorkflowContext], Awaitable[Any]]


@dataclass(frozen=True)
class WorkflowFile:
    """A workflow that was found. `origin`: project, user or shipped. `error` says why it
    can't run, where it can't."""

    name: str
    path: Path
    inputs: Sequence[Input] = ()
    description: str = ""
    error: str | None = None
    origin: str = "project"


def folders(project: Path) -> tuple[tuple[str, Path], ...]:
    """(origin, folder), the one that wins first."""
    return (
        ("project", state_dir(project) / FOLDER),
        ("user", config_dir() / FOLDER),
        ("shipped", Path(__file__).parents[1] / "examples"),
    )


def discover_workflows(project: Path) -> list[WorkflowFile]:
    """All workflows by name; a broken one is among them, with its error. Of several with
    one name the project's counts, then the person's own."""
    found: dict[str, WorkflowFile] = {}
    for origin, folder in folders(project):
        for path in sorted(folder.glob("*.py")) if folder.is_dir() else ():
            if not path.name.startswith("_") and path.stem not in found:
                found[path.stem] = replace(look_at(path), origin=origin)
    return [found[name] for name in sorted(found)]


def find_workflow(wanted: str, project: Path) -> Path:
    """The file of that path, or of the workflow of that name; `WorkflowLoadError`."""
    if (path := Path(wanted).expanduser()).is_file():
        return path.absolute()
    for _, folder in folders(project):
        if (path := folder / f"{wanted}.py").is_file():
            return path.absolute()
    known = ", ".join(w.name for w in discover_workflows(project))
    raise WorkflowLoadError(
        f"no workflow '{wanted}': it is no file, and none of {state_dir(project) / FOLDER}"
        + (f" (there is {known})" if known else "")
    )


def look_at(path: Path) -> WorkflowFile:
    """What a file declares. Never raises for what is in it."""
    try:
        tree = ast.parse(path.read_bytes(), str(path))
        inputs = _declared(tree)
        check_schema(inputs)
        _check_run(tree)
    except SyntaxError as error:
        return WorkflowFile(path.stem, path, error=f"{path}:{error.lineno}: {error.msg}")
    except (OSError, ValueError, TypeError) as error:
        return WorkflowFile(path.stem, path, error=f"{path}: {error}")
    doc = ast.get_docstring(tree) or ""
    return WorkflowFile(path.stem, path, inputs, doc.strip().partition("\n")[0])


def load_workflow(path: Path) -> Workflow:
    """Execute a workflow's file. `WorkflowLoadError` names the file and, where it is
    known, the line."""
    try:
        values = _execute(path)
    except SyntaxError as error:
        raise WorkflowLoadError(f"{path}:{error.lineno}: {error.msg}") from error
    except InputError as error:
        raise WorkflowLoadError(f"{path}: {error}") from error
    except Exception as error:
        line = _line(error, path)
        raise WorkflowLoadError(f"{path}{line}: {type(error).__name__}: {error}") from error
    inputs, run = values.get("INPUTS", []), values.get("run")
    if not isinstance(inputs, (list, tuple)) or not all(isinstance(i, Input) for i in inputs):
        raise WorkflowLoadError(f"{path}: INPUTS has to be a list of Input(…)")
    if not inspect.iscoroutinefunction(run):
        raise WorkflowLoadError(f"{path}: it has no `async def run(ctx)`")
    try:
        check_schema(inputs)
    except InputError as error:
        raise WorkflowLoadError(f"{path}: {error}") from error
    return Workflow(path.stem, path.absolute(), tuple(inputs), run)


def _execute(path: Path) -> dict[str, Any]:
    # Compiled here: a cached file of bytecode can be older than what was just edited.
    code = compile(path.read_bytes(), str(path), "exec")
    module = ModuleType(f"zwarm_workflow_{path.stem}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # dataclasses look their module up there
    exec(code, module.__dict__)
    return module.__dict__


def _line(error: BaseException, path: Path) -> str:
    trace, line = error.__traceback__, ""
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = f":{trace.tb_lineno}"
        trace = trace.tb_next
    return line


def _check_run(tree: ast.Module) -> None:
    if not any(isinstance(n, ast.AsyncFunctionDef) and n.name == "run" for n in tree.body):
        raise ValueError("it has no `async def run(ctx)`")


def _declared(tree: ast.Module) -> list[Input]:
    """The `INPUTS` of a file, from its text alone."""
    for node in tree.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        value = getattr(node, "value", None)
        if isinstance(target, ast.Name) and target.id == "INPUTS" and isinstance(value, ast.List):
            return [_input(element) for element in value.elts]
    return []


def _input(node: ast.expr) -> Input:
    called = getattr(node, "func", None)
    if not isinstance(node, ast.Call) or getattr(called, "id", getattr(called, "attr", "")) != "Input":
        raise ValueError(f"line {node.lineno}: INPUTS has to be a list of Input(…)")
    try:
        values = [ast.literal_eval(a) for a in node.args]
        named = {str(k.arg): ast.literal_eval(k.value) for k in node.keywords}
    except ValueError:
        raise ValueError(f"line {node.lineno}: an Input(…) is made of plain values") from None
    return Input(*values, **named)
