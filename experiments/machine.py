"""Where a study runs: the device, the precision, and the other processes of a data-parallel run.

`torchrun --nproc-per-node N -m experiments ...` starts N processes that train one network together; each step's batch
is shared out among them, and what they find is gathered. One process alone needs none of it.
"""

from __future__ import annotations

import contextlib
import os
import platform
import resource
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import torch
from torch import distributed

from experiments.config import Config
from experiments.errors import ConfigError

__all__ = ["autocast", "device_of", "dtype_of", "facts", "gather", "mean_of_all", "memory", "processes", "rank",
           "together", "wait"]


def rank() -> int:
    """This process's number among those that train together, 0 where there is one.

    >>> rank()
    0
    """
    return distributed.get_rank() if distributed.is_initialized() else 0


def processes() -> int:
    """How many processes train together.

    >>> processes()
    1
    """
    return distributed.get_world_size() if distributed.is_initialized() else 1


@contextlib.contextmanager
def together(config: Config):
    """Join the processes that `torchrun` started; set torch's threads. `ConfigError` for what cannot be shared out.

    >>> from experiments.config import configure
    >>> with together(configure("smoke")):
    ...     processes()
    1
    """
    torch.set_num_threads(config.threads)
    torch.backends.cudnn.deterministic = True  # the same seed, the same numbers; its fastest kernels are not
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield
        return
    if config.batch % (2 * count):
        raise ConfigError("batch", config.batch, f"a multiple of 2 × {count} processes", "each has whole pairs")
    if config.pairs != "halves":
        raise ConfigError("pairs", config.pairs, "halves with several processes", "a pair lies in one process")
    if config.norm == "batch" and device_of(config).type != "cuda":
        raise ConfigError("norm", config.norm, "group on processors", "torch shares batch statistics on CUDA alone")
    device = device_of(config)
    if device.type == "cuda":
        torch.cuda.set_device(device)  # where `gather` and `wait` communicate: else all would on the first one
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield
    finally:
        distributed.destroy_process_group()


def gather(value) -> list:
    """The value of every process, in the order of their ranks.

    >>> gather(3)
    [3]
    """
    if processes() == 1:
        return [value]
    values = [None] * processes()
    distributed.all_gather_object(values, value)
    return values


def mean_of_all(value: torch.Tensor) -> torch.Tensor:
    """The mean of the value over all processes, without gradient.

    >>> mean_of_all(torch.tensor([3.0, 4.0]))
    tensor([3., 4.])
    """
    value = value.detach()
    if processes() > 1:
        value = value.clone()
        distributed.all_reduce(value)
        value /= processes()
    return value


def wait() -> None:
    """Go on when every process has come here: what one of them wrote, all can read.

    >>> wait()
    """
    if distributed.is_initialized():
        distributed.barrier()


def device_of(config: Config) -> torch.device:
    """The device of a study; `ConfigError` where torch has none of that name.

    >>> from experiments.config import configure
    >>> device_of(configure("smoke", {"device": "cpu"}))
    device(type='cpu')
    """
    name = config.device
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    if name == "cuda" and "LOCAL_RANK" in os.environ:
        name = f"cuda:{os.environ['LOCAL_RANK']}"
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ConfigError("device", config.device, "a device of this machine", "pass --device cpu") from error
    return device


def dtype_of(config: Config, device: torch.device) -> torch.dtype:
    """The precision that the network computes in; parameters and losses stay float32, or float64 if that is asked for.

    >>> from experiments.config import configure
    >>> dtype_of(configure("smoke"), torch.device("cpu"))
    torch.float32
    """
    if config.precision != "auto":
        if config.precision == "float16" and device.type == "cpu":
            raise ConfigError("precision", "float16", "bfloat16 on a processor", "pass --precision bfloat16")
        return getattr(torch, config.precision)
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    capabilities = getattr(torch.cpu, "get_capabilities", dict)()  # older torch cannot say
    fast = device.type == "cpu" and capabilities.get("avx512_bf16", False)
    return torch.bfloat16 if fast else torch.float32


def autocast(config: Config, device: torch.device) -> torch.autocast:
    """The context in which the network is evaluated.

    >>> from experiments.config import configure
    >>> with autocast(configure("smoke"), torch.device("cpu")):
    ...     torch.ones(1).dtype
    torch.float32
    """
    dtype = dtype_of(config, device)
    mixed = dtype in (torch.bfloat16, torch.float16)
    return torch.autocast(device.type, dtype if mixed else torch.bfloat16, enabled=mixed)


def memory(device: torch.device) -> int:
    """The most bytes that this process has held so far: of the accelerator, or of the machine's memory.

    >>> memory(torch.device("cpu")) > 0
    True
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    unit = 1 if sys.platform == "darwin" else 1024  # kilobytes on Linux, bytes on macOS
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def facts(config: Config) -> dict:
    """What a result was made with: the commit, the versions, the machine. No path and no name of the machine.

    >>> from experiments.config import configure
    >>> sorted(facts(configure("smoke")))
    ['commit', 'machine', 'modified', 'precision', 'processes', 'threads', 'versions']
    """
    device = device_of(config)
    return {
        **_commit(),
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("numpy", "scipy", "torch")},
        "machine": {
            "processor": _processor(), "cores": os.cpu_count(), "system": f"{platform.system()} {platform.machine()}",
            "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
            "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        },
        "precision": str(dtype_of(config, device)).removeprefix("torch."), "threads": config.threads,
        "processes": processes(),
    }


def _commit() -> dict:
    """The commit of the checkout that this code runs from, and whether it was changed since; None outside of one."""
    def git(*words: str) -> str:
        return subprocess.run(("git", *words), cwd=Path(__file__).parent, check=True, capture_output=True,
                              text=True).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", Path(__file__).name)  # not the repository of whoever installed this
        return {"commit": git("rev-parse", "HEAD"),
                "modified": bool(git("status", "--porcelain", "--untracked-files=no", ":/experiments", ":/gradients",
                                     ":/gammaprob"))}
    except (OSError, subprocess.CalledProcessError):
        return {"commit": None, "modified": None}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
