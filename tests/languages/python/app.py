"""An application of the Python SDK, for ../../src/languages/python.test.ts.

    python3 app.py <app ID> <app ID of the TypeScript SDK>

The rest it is told as any user tells the SDK: by INNGEST_* variables. It listens on a free port of loopback. Its standard
output is for the test, one JSON object a line: {"port": n} once it listens, then one for each thing that it does,
{"did": what, "run": run ID, ...}. It ends when its standard input does.
"""

import asyncio
import collections
import datetime
import json
import os
import socket
import sys
import threading

import fastapi
import inngest
import inngest.fast_api
import uvicorn

APP_ID, TYPESCRIPT_APP_ID = sys.argv[1:]

client = inngest.Inngest(app_id=APP_ID)


def event(name: str) -> inngest.TriggerEvent:
    return inngest.TriggerEvent(event=f"{APP_ID}/{name}")


def tell(**facts: object) -> None:
    print(json.dumps(facts), flush=True)


def did(ctx: inngest.Context | inngest.ContextSync, what: str, **more: object) -> None:
    tell(did=what, run=ctx.run_id, attempt=ctx.attempt, **more)


@client.create_function(fn_id="steps", trigger=event("steps"), retries=2)
async def steps(ctx: inngest.Context) -> object:
    async def first() -> object:
        did(ctx, "first")
        return {"word": ctx.event.data["word"], "numbers": ctx.event.data["numbers"]}

    async def again() -> int:
        did(ctx, "again", at=datetime.datetime.now().timestamp())
        return ctx.attempt

    async def second() -> str:
        did(ctx, "second")
        if ctx.attempt == 0:
            raise RuntimeError("not yet")
        return "second"

    one = await ctx.step.run("first", first)
    await ctx.step.run("again", again)
    await ctx.step.sleep("nap", datetime.timedelta(seconds=1))
    await ctx.step.run("again", again)
    two = await ctx.step.run("second", second)
    return {"first": one, "second": two, "event": ctx.event.name, "events": len(ctx.events)}


@client.create_function(fn_id="retries-after", trigger=event("retries-after"), retries=1)
def retries_after(ctx: inngest.ContextSync) -> str:
    def late() -> str:
        did(ctx, "late", at=datetime.datetime.now().timestamp())
        if ctx.attempt == 0:
            raise inngest.RetryAfterError("in 3 seconds", 3_000)
        return "came"

    return ctx.step.run("late", late)


@client.create_function(fn_id="waits", trigger=event("waits"))
async def waits(ctx: inngest.Context) -> object:
    answer = await ctx.step.wait_for_event(
        "answer",
        event=f"{APP_ID}/answer",
        if_exp="async.data.id == event.data.id",
        timeout=datetime.timedelta(minutes=5),
    )
    nothing = await ctx.step.wait_for_event("nothing", event=f"{APP_ID}/nothing", timeout=1_000)
    return {"answer": answer and {"name": answer.name, "data": answer.data, "id": answer.id}, "nothing": nothing}


@client.create_function(fn_id="double", trigger=event("double"))
def double(ctx: inngest.ContextSync) -> int:
    did(ctx, "double", event=ctx.event.name)
    return ctx.event.data["n"] * 2


@client.create_function(fn_id="refuse", trigger=event("refuse"))
def refuse(ctx: inngest.ContextSync) -> None:
    raise inngest.NonRetriableError("refused")


@client.create_function(fn_id="nap", trigger=event("nap"))
def nap(ctx: inngest.ContextSync) -> None:
    ctx.step.sleep("nap", datetime.timedelta(minutes=5))


@client.create_function(fn_id="invokes", trigger=event("invokes"))
async def invokes(ctx: inngest.Context) -> object:
    async def caught(step_id: str, **target: object) -> object:
        try:
            return await ctx.step.invoke_by_id(step_id, **target)
        except inngest.StepError as error:
            return {"name": error.name, "message": error.message}

    return {
        "same app": await ctx.step.invoke("same app", function=double, data={"n": ctx.event.data["n"]}),
        "other language": await ctx.step.invoke_by_id(
            "other language", app_id=TYPESCRIPT_APP_ID, function_id="greet", data={"name": "Ada"}, timeout=60_000
        ),
        "failed": await caught("failed", function_id="refuse"),
        "unknown": await caught("unknown", app_id="nobody", function_id="at-home"),
        "timed out": await caught("timed out", function_id="nap", timeout=1_000),
    }


begun: collections.Counter[str] = collections.Counter()
"""Steps that have begun and wait for one another, by run."""


@client.create_function(fn_id="parallel", trigger=event("parallel"))
async def parallel(ctx: inngest.Context) -> object:
    async def both_begun() -> None:
        while begun[ctx.run_id] < 2:
            await asyncio.sleep(0.01)

    async def lasting(name: str, seconds: float) -> str:
        did(ctx, name)
        begun[ctx.run_id] += 1
        await asyncio.wait_for(both_begun(), 20)
        await asyncio.sleep(seconds)
        return name

    async def after() -> str:
        did(ctx, "after")
        return "after"

    together = await ctx.group.parallel(
        (
            lambda: ctx.step.run("a", lasting, "a", 0.3),
            lambda: ctx.step.run("b", lasting, "b", 0.7),
            lambda: ctx.step.sleep("nap", datetime.timedelta(seconds=1)),
            lambda: ctx.step.wait_for_event("nothing", event=f"{APP_ID}/nothing", timeout=1_000),
            lambda: ctx.step.invoke("invoked", function=double, data={"n": 4}),
        )
    )
    return {"together": together, "after": await ctx.step.run("after", after)}


@client.create_function(fn_id="sends", trigger=event("sends"))
async def sends(ctx: inngest.Context) -> object:
    return await ctx.step.send_event(
        "tell",
        [
            inngest.Event(name=f"{APP_ID}/told", data={"n": 1}),
            inngest.Event(name=f"{APP_ID}/told", data={"n": 2}, id=f"told-{ctx.run_id}"),
        ],
    )


def fails_handler(ctx: inngest.ContextSync) -> None:
    did(ctx, "on failure", event=ctx.event.name, data=ctx.event.data)


@client.create_function(fn_id="fails", trigger=event("fails"), retries=1, on_failure=fails_handler)
def fails(ctx: inngest.ContextSync) -> None:
    did(ctx, "fails")
    raise ValueError(f"no value in {ctx.event.data['what']}")


@client.create_function(fn_id="gives-up", trigger=event("gives-up"))
def gives_up(ctx: inngest.ContextSync) -> None:
    def step() -> None:
        did(ctx, "gives up")
        raise inngest.NonRetriableError("for good")

    ctx.step.run("step", step)


@client.create_function(fn_id="catches", trigger=event("catches"), retries=1)
async def catches(ctx: inngest.Context) -> object:
    async def broken() -> None:
        did(ctx, "broken")
        raise KeyError("key")

    async def remedy() -> str:
        did(ctx, "remedy")
        return "mended"

    try:
        await ctx.step.run("broken", broken)
    except inngest.StepError as error:
        caught = {"name": error.name, "message": error.message}
        return {"caught": caught, "remedy": await ctx.step.run("remedy", remedy)}
    return "not thrown"


@client.create_function(fn_id="too-large", trigger=event("too-large"))
async def too_large(ctx: inngest.Context) -> object:
    async def more_than_fits() -> str:
        did(ctx, "too large")
        return "x" * (4 * 1024 * 1024)

    try:
        await ctx.step.run("more than fits", more_than_fits)
    except inngest.StepError as error:
        return {"name": error.name, "message": error.message}
    return "stored"


@client.create_function(
    fn_id="cancelled",
    trigger=event("cancelled"),
    cancel=[inngest.Cancel(event=f"{APP_ID}/stop", if_exp="async.data.id == event.data.id", timeout=600_000)],
)
async def cancelled(ctx: inngest.Context) -> None:
    async def mark() -> None:
        did(ctx, "marked")

    await ctx.step.run("mark", mark)
    await ctx.step.sleep("long", datetime.timedelta(minutes=5))


@client.create_function(fn_id="large", trigger=event("large"))
async def large(ctx: inngest.Context) -> object:
    async def part(letter: str) -> str:
        did(ctx, letter)
        return letter * 2 * 1024 * 1024

    parts = [await ctx.step.run(letter, part, letter) for letter in "abc"]
    await ctx.step.sleep("nap", datetime.timedelta(seconds=1))
    return {"parts": [[part[0], len(part)] for part in parts], "event": ctx.events[0].data}


def end_with_stdin() -> None:
    sys.stdin.read()
    os._exit(0)


def main() -> None:
    app = fastapi.FastAPI()
    functions = [steps, retries_after, waits, double, refuse, nap, invokes, parallel, sends, fails, gives_up, catches]
    inngest.fast_api.serve(app, client, [*functions, too_large, cancelled, large])
    listening = socket.create_server(("127.0.0.1", 0), backlog=256)
    threading.Thread(target=end_with_stdin, daemon=True).start()
    tell(port=listening.getsockname()[1])
    uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False)).run(sockets=[listening])


main()
