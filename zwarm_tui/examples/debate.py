"""Plan, draft it twice in different spirits, criticise both, and merge the best of them."""

import asyncio

from zwarm_tui.workflow import Input, StageContext, WorkflowContext

INPUTS = [
    Input("question", required=True, description="What is to be decided or written"),
    Input("rules", default="Answer in Markdown. End with a summary of three sentences."),
]


async def run(ctx: WorkflowContext) -> str:
    question, rules = ctx.inputs["question"], ctx.inputs["rules"]

    async def plan(s: StageContext) -> str:
        return await s.send(
            f"Plan how to answer this, and name what is hard about it.\n\n{question}\n\n{rules}"
        )

    planned = await ctx.stage("plan", plan)

    async def draft(s: StageContext) -> str:
        spirit = "boldly: the best there could be" if s.name == "bold" else "carefully: what surely works"
        return await s.send(f"Answer it {spirit}.\n\n{question}\n\nThe plan:\n\n{planned.result}\n\n{rules}")

    bold, careful = await asyncio.gather(ctx.stage("bold", draft), ctx.stage("careful", draft))

    async def critique(s: StageContext) -> str:
        return await s.send(
            "Criticise both drafts: what is wrong, what is missing, which parts are the best.\n\n"
            f"{question}\n\nA:\n\n{bold.result}\n\nB:\n\n{careful.result}\n\n{rules}"
        )

    criticised = await ctx.stage("critique", critique)

    async def merge(s: StageContext) -> str:
        return await s.send(
            "Write the final answer: the best of both drafts, with every point of the critique met.\n\n"
            f"{question}\n\nA:\n\n{bold.result}\n\nB:\n\n{careful.result}\n\n"
            f"The critique:\n\n{criticised.result}\n\n{rules}"
        )

    return (await ctx.stage("merge", merge)).result
