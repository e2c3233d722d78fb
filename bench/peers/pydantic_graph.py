"""pydantic-graph: the same loop; it keeps nothing, since its second version ships no persistence."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from pydantic_graph import BaseNode, End, GraphBuilder, GraphRunContext, StepContext

from bench.lanes import Round
from bench.pace import Stopwatch, timed_runs


@dataclass
class Counted:
    """Where a loop is, and where it ends."""

    last: int
    wait: float = 0.0
    n: int = 0


@dataclass
class AddOne(BaseNode[Counted, None, int]):
    """The whole work of a step, and what comes next."""

    async def run(self, ctx: GraphRunContext[Counted]) -> AddOne | End[int]:
        if ctx.state.wait:
            await asyncio.sleep(ctx.state.wait)
        ctx.state.n += 1
        return AddOne() if ctx.state.n < ctx.state.last else End(ctx.state.n)


_building = GraphBuilder(state_type=Counted, output_type=int)


@_building.step
async def begin(ctx: StepContext[Counted, None, None]) -> AddOne:  # noqa: ARG001  # what a step takes
    """Where a run starts."""
    return AddOne()


_building.add(_building.node(AddOne), _building.edge_from(_building.start_node).to(begin))
graph = _building.build()


def steps(home: Path, *, steps: int) -> Round:  # noqa: ARG001  # nothing is kept
    """A loop of no-op steps."""

    async def one() -> None:
        assert await graph.run(state=Counted(last=steps)) == steps

    runner = asyncio.Runner()  # one loop for all runs, as a service has it
    return timed_runs(lambda: runner.run(one()), steps)


def concurrent(home: Path, *, runs: int, steps: int) -> Round:  # noqa: ARG001  # nothing is kept
    """Many runs at once on one loop, each step waiting ten milliseconds."""

    async def all_of_them(many: int) -> None:
        done = await asyncio.gather(*(graph.run(state=Counted(steps, wait=0.010)) for _ in range(many)))
        assert done == [steps] * many

    asyncio.run(all_of_them(max(1, runs // 10)))

    def a_round() -> dict[str, float]:
        watch = Stopwatch()
        asyncio.run(all_of_them(runs))
        wall, cpu = watch.stopped()
        return {"cpu": cpu * 1e3 / runs, "wall": wall}

    return a_round
