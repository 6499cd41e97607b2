"""Implement tasks side by side, each in a git worktree of its own: gate, review, fix, until both pass."""

import asyncio

from zwarm_tui.workflow import Input, PipelineError, StageContext, Work, WorkflowContext

INPUTS = [
    Input("tasks", required=True, description="What is to be done, a task a line"),
    Input("gate", "string", required=True, description="A command that ends with 0 when all is well"),
    Input("attempts", "string", default="3", description="How often at most at the gate, and at the review"),
]


async def run(ctx: WorkflowContext) -> list[Work | str]:
    tasks = [line.strip() for line in ctx.inputs["tasks"].splitlines() if line.strip()]

    async def one(number: int, task: str) -> Work | str:
        async def implement(s: StageContext) -> Work:
            return await s.work(
                f"{task}\n\nWhen it is done, say in a sentence what you changed.",
                gates={"gate": ctx.inputs["gate"]},
                review=True,
                worktree=True,
                attempts=int(ctx.inputs["attempts"]),
            )

        try:
            return (await ctx.stage(f"task {number}", implement)).result
        except PipelineError as error:  # the others go on; the run shows which failed
            return str(error)

    return await asyncio.gather(*(one(n, task) for n, task in enumerate(tasks, 1)))
