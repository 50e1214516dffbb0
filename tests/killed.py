"""Runs of the study that are killed: `python -m tests.killed` reads one request a line and answers each with one.

A request is {"arguments": [...], "write": n, "place": PLACE, "delay": seconds, "disturbed": bool}, all but the first
optional. Each runs in a process of its own, forked from this one, which has loaded everything but has computed nothing.
It is killed by SIGKILL after `delay`, or at its n-th write of a file: with half of the content written ("inside"),
before the rename ("before") or after it ("after"). The answer is {"signal": 9 or 0, "code": exit code, "seconds": s}.

`disturbed` gives the run other random numbers: what resumes from it must not agree with an undisturbed run.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time

import experiments.checkpoint
import experiments.report  # noqa: F401 - so that no process has to load it
import experiments.study  # noqa: F401 - the same
import experiments.train
import torch._dynamo  # noqa: F401 - which the first optimiser of a process loads
from experiments.__main__ import main


def serve() -> None:
    for line in sys.stdin:
        request = json.loads(line)
        began, child = time.monotonic(), os.fork()
        if child == 0:
            _run(request)
        if "delay" in request:
            time.sleep(request["delay"])
            os.kill(child, signal.SIGKILL)  # of one that has ended as well: its parent has not waited for it yet
        _, status = os.waitpid(child, 0)
        killed = os.WIFSIGNALED(status)
        print(json.dumps({"signal": os.WTERMSIG(status) if killed else 0,
                          "code": None if killed else os.WEXITSTATUS(status),
                          "seconds": time.monotonic() - began}), flush=True)


def _run(request: dict) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    if "write" in request:
        _arm(request["write"], request["place"])
    if request.get("disturbed"):
        stream = experiments.train.stream
        experiments.train.stream = lambda *names: stream("disturbed", *names)
    code = 1  # of an exception, which no one above handles
    try:
        code = main(request["arguments"])
    finally:
        os._exit(code)


def _arm(number: int, place: str) -> None:
    """Kill this process at its n-th write."""
    fsync, replace, count = os.fsync, os.replace, 0

    def flushed(file: int) -> None:
        nonlocal count
        count += 1
        if count == number and place == "inside":
            os.ftruncate(file, os.fstat(file).st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)
        fsync(file)

    def replaced(source, target) -> None:
        if count == number and place == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        replace(source, target)
        if count == number and place == "after":
            os.kill(os.getpid(), signal.SIGKILL)

    # The functions of the os module, which the cache of decoded figures uses as well: it is there before.
    experiments.checkpoint.os.fsync, experiments.checkpoint.os.replace = flushed, replaced


if __name__ == "__main__":
    serve()
