"""Is the machine fit: Python, torch and its devices, memory, threads, load."""

import os
import platform
import sys
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from counterweight.cli.checkup.finding import GIB, Finding, render_size
from counterweight.core.memory import Memory, measure_memory
from counterweight.core.process import describe_want

LITTLE_MEMORY = 2 * GIB
NVIDIA = Path("/proc/driver/nvidia/version")
CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")
OLDEST = (3, 11)


class Device(NamedTuple):
    """A CUDA device: its name, its compute capability, and its memory in bytes."""

    name: str
    capability: tuple[int, int]
    free: int
    total: int


def check_python() -> Iterator[Finding]:
    """Yield what Python and the system are."""
    version = platform.python_version()
    if sys.version_info < OLDEST:
        yield Finding("python", "problem", version, "Python 3.11 or newer is needed")
    else:
        yield Finding("python", "ok", f"{version} ({sys.executable})")
    if sys.platform != "linux":
        advice = "a stage may outlive a DVC that is killed; Linux is what this is tested on"
        yield Finding("system", "warning", platform.platform(), advice)


def check_torch() -> Iterator[Finding]:
    """Yield whether torch, torchvision and the devices fit each other."""
    try:
        import torch
        import torchvision
    except (ImportError, OSError, RuntimeError) as error:  # RuntimeError: torchvision of another torch.
        if describe_want(error) is not None:  # What is looked at next needs both, and torch is imported once only.
            raise
        text = f"torch or torchvision cannot be imported: {' '.join(str(error).split())[:200]}"
        yield Finding("torch", "problem", text, "install both as requirements.lock pins them: make clean setup")
        return
    built = f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "built without CUDA"
    yield Finding("torch", "ok", f"{torch.__version__} {built}, torchvision {torchvision.__version__}")
    with warnings.catch_warnings(record=True) as caught:  # Of a driver that is too old torch only warns.
        warnings.simplefilter("always")
        there = torch.cuda.is_available()
    if not there:
        yield judge_no_device(torch.version.cuda is not None, NVIDIA.is_file(), [str(item.message) for item in caught])
        return
    for number in range(torch.cuda.device_count()):
        try:
            free, total = torch.cuda.mem_get_info(number)
            found = Device(torch.cuda.get_device_name(number), torch.cuda.get_device_capability(number), free, total)
        except RuntimeError as error:
            text = f"cuda:{number} cannot be used: {' '.join(str(error).split())[:200]}"
            yield Finding("device", "problem", text, "device: cpu in params.yaml, or look at nvidia-smi")
            continue
        yield judge_device(number, found, torch.cuda.get_arch_list())


def judge_no_device(has_cuda: bool, has_driver: bool, told: list[str]) -> Finding:
    """Say what it means that torch sees no CUDA device.

    Args:
        has_cuda: whether torch is built for CUDA.
        has_driver: whether NVIDIA's driver is loaded.
        told: what torch warned of.
    """
    if not has_driver:
        return Finding("device", "ok", "the CPU: there is no NVIDIA driver here")
    if not has_cuda:
        advice = "make clean, then make setup without TORCH=cpu"
        return Finding("device", "warning", "the CPU: a GPU is here, but torch is built without CUDA", advice)
    reason = f": {' '.join(told[0].split())[:200]}" if told else ""
    advice = "update the driver, install a torch for an older CUDA (make clean setup TORCH=cu126), or free the device"
    return Finding("device", "warning", f"the CPU: there is a driver, but torch cannot use it{reason}", advice)


def judge_device(number: int, device: Device, built_for: list[str]) -> Finding:
    """Say whether torch has code for a device, and whether that has room.

    Args:
        built_for: architectures as torch names them, sm_80 for code and compute_80 for what is compiled on the spot.
    """
    text = f"cuda:{number}: {device.name}, {render_size(device.free)} of {render_size(device.total)} free"
    codes = [name for name in built_for if name.startswith(("sm_", "compute_"))]  # a torch for AMD has others
    if codes and not any(fits(device.capability, name) for name in codes):
        wanted = f"sm_{device.capability[0]}{device.capability[1]}"
        advice = f"install a torch that is built for {wanted}, or device: cpu in params.yaml"
        return Finding("device", "problem", f"{text}; torch has no code for {wanted}: {', '.join(codes)}", advice)
    if device.free < LITTLE_MEMORY:
        return Finding("device", "warning", text, "another process fills it: end that, or take another device")
    return Finding("device", "ok", text)


def fits(capability: tuple[int, int], built_for: str) -> bool:
    """Say whether code of an architecture runs on a device: of the same major version, or any older if compiled there.

    Source: NVIDIA, CUDA C++ Programming Guide, "Binary Compatibility" and "PTX Compatibility".
    """
    kind, _, digits = built_for.partition("_")
    digits = digits.rstrip("af")
    own = int(digits[:-1]), int(digits[-1])
    return own <= capability if kind == "compute" else own[0] == capability[0] and own[1] <= capability[1]


def check_load() -> Iterator[Finding]:
    """Yield cores, threads, load and memory."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = read_quota(CPU_QUOTA.read_text(encoding="ascii")) if CPU_QUOTA.is_file() else None
    yield judge_threads(read_first_environment().get("OMP_NUM_THREADS"), cores, quota)
    yield judge_load(os.getloadavg()[0], min(cores, quota or cores))
    if (memory := measure_memory()) is not None:
        yield judge_memory(memory)


def read_first_environment() -> Mapping[str, str]:
    """Return the environment that this process was started with: the command line itself sets what is missing."""
    try:
        pairs = Path("/proc/self/environ").read_text(encoding="utf-8", errors="replace").split("\0")
    except OSError:
        return os.environ
    return dict(pair.split("=", 1) for pair in pairs if "=" in pair)


def read_quota(text: str) -> float | None:
    """Return how many cores' time a container grants; None: no limit."""
    quota, _, period = text.strip().partition(" ")
    return int(quota) / int(period) if quota.isdecimal() and period.isdecimal() else None


def judge_threads(setting: str | None, cores: int, quota: float | None) -> Finding:
    """Say how many threads work side by side."""
    text = f"{cores} cores, OMP_NUM_THREADS {'not set: 1' if setting is None else setting}"
    if setting is not None and not (setting.isdecimal() and int(setting)):
        return Finding("threads", "problem", f"{text} is no number of threads", "unset OMP_NUM_THREADS, or set it to 1")
    if setting is not None and int(setting) > 1:
        advice = "unset it: whole items run side by side, and threads within them wait for each other"
        return Finding("threads", "warning", text, advice)
    if quota is not None and quota < cores:
        advice = f"start it with taskset -c 0-{max(1, int(quota)) - 1}: as many threads as cores are seen work at once"
        return Finding("threads", "warning", f"{text}; the container grants the time of {quota:g}", advice)
    return Finding("threads", "ok", text)


def judge_load(load: float, cores: float) -> Finding:
    """Say whether the machine is busy with other work."""
    text = f"{load:.1f} on {cores:g} cores in the last minute"
    if load > cores / 2:
        return Finding(
            "load", "warning", text, "other work is running: everything takes longer now, so measure no times"
        )
    return Finding("load", "ok", text)


def judge_memory(memory: Memory) -> Finding:
    """Say whether there is enough memory, of the machine or of what limits this process."""
    words = f"{render_size(memory.free)} of {render_size(memory.total)} free"
    if memory.free < LITTLE_MEMORY:
        return Finding("memory", "warning", words, "a large extract.batch_size or images of many pixels may not fit")
    return Finding("memory", "ok", words)
