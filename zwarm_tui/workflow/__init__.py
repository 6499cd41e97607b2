"""Runs of several stages: each a prompt and its validated answer, kept and resumable.

`Session` is for programs; a file with `INPUTS` and `async def run(ctx)` is a workflow
that can be run from the shell and the screen, and taken up again where it stopped.
"""

from zwarm_tui.core.errors import ProviderMismatchError
from zwarm_tui.workflow.acw import Agents, run_acw
from zwarm_tui.workflow.calls import StageCall, StageResult
from zwarm_tui.workflow.context import StageContext, WorkflowContext
from zwarm_tui.workflow.errors import (
    EmptyResponseError,
    InputError,
    PipelineError,
    PlaceholderError,
    StageNotCompletedError,
    UnattendedError,
    UnawaitedStageError,
    WorkFailedError,
    WorkflowLoadError,
)
from zwarm_tui.workflow.execution import WorkflowRun
from zwarm_tui.workflow.extract import extract_text
from zwarm_tui.workflow.files import Workflow, WorkflowFile, discover_workflows, find_workflow, load_workflow
from zwarm_tui.workflow.graph import GraphFrontier
from zwarm_tui.workflow.inputs import Input
from zwarm_tui.workflow.patterns import ReviewOutcome, retry_with_backoff, review_loop
from zwarm_tui.workflow.runs import RunGraph, RunView, StageView, find_run, read_runs
from zwarm_tui.workflow.session import Session
from zwarm_tui.workflow.shared import StageHandle
from zwarm_tui.workflow.work import Work

__all__ = [
    "Agents",
    "EmptyResponseError",
    "GraphFrontier",
    "Input",
    "InputError",
    "PipelineError",
    "PlaceholderError",
    "ProviderMismatchError",
    "ReviewOutcome",
    "RunGraph",
    "RunView",
    "Session",
    "StageCall",
    "StageContext",
    "StageHandle",
    "StageNotCompletedError",
    "StageResult",
    "StageView",
    "UnattendedError",
    "UnawaitedStageError",
    "Work",
    "WorkFailedError",
    "Workflow",
    "WorkflowContext",
    "WorkflowFile",
    "WorkflowLoadError",
    "WorkflowRun",
    "discover_workflows",
    "extract_text",
    "find_run",
    "find_workflow",
    "load_workflow",
    "read_runs",
    "retry_with_backoff",
    "review_loop",
    "run_acw",
]
