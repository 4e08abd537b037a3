"""Both ends of a contestant's own process.

Every contestant has a process of its own, so that its thread pool and its memory are its own. It
works only when it is asked to: the parent writes one JSON object a line, and the worker answers
with one. `python workers.py NAME` is the worker's end, for a name in MODULES or of a module.

    {"ask": "race", "model": name, "unroll": K, "batch": B, "count": n}
                                              -> first_call_s (n steps), temp_bytes, disc_bytes
    {"ask": "block", "count": n}              -> seconds, for n steps
    {"ask": "memory"}                         -> rss_mb, the most it ever held of the host's
    {"ask": "shapes", "model": name}          -> ganstab's parameters by name, and their shapes
    {"ask": "trajectory", "model": name, "unroll": K, "inputs": path, "output": path}   -> nothing

Where a contestant's packages are not installed its worker answers `{"missing": why}` to everything.
"""

import importlib
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

MODULES = {
    "ganstab": "ours",
    "pytorch": "peers",
    "torchopt": "peer_torchopt",
    "pytorch_graph": "peer_graph",
}
JAX_NAMES = {"cpu": "cpu", "gpu": "cuda"}
JAX_PRECISIONS = {"float32": "float32", "tf32": "tensorfloat32"}


def environment(**own: str) -> dict[str, str]:
    """This process's environment with these variables, for one that imports from this clone."""
    paths = [str(Path(__file__).resolve().parents[1]), os.environ.get("PYTHONPATH", "")]
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))} | own


class Worker:
    """The parent's end. Use it as a context; `ask` waits for the answer."""

    def __init__(self, name: str, threads: int, device: str = "cpu", precision: str = "float32"):
        count = str(threads)
        env = environment(
            JAX_PLATFORMS=JAX_NAMES[device], NPROC=count, OMP_NUM_THREADS=count,
            MKL_NUM_THREADS=count, JAX_DEFAULT_MATMUL_PRECISION=JAX_PRECISIONS[precision],
            BENCHMARK_DEVICE=device, BENCHMARK_PRECISION=precision,
            # All contestants are there at once, so none may take most of a GPU's memory.
            XLA_PYTHON_CLIENT_PREALLOCATE="false",
        )  # fmt: skip
        command = [sys.executable, str(Path(__file__).resolve()), name]
        self.name = name
        self.process = subprocess.Popen(
            command, env=env, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self.process.stdin and self.process.stdout
        self.requests, self.answers = self.process.stdin, self.process.stdout

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_) -> None:
        self.requests.close()
        self.process.wait()

    def ask(self, what: str, **details) -> dict:
        """The worker's answer.

        Raises:
          RuntimeError: when the worker has died; its last words are on stderr.
        """
        try:
            self.requests.write(json.dumps({"ask": what, **details}) + "\n")
            self.requests.flush()
            line = self.answers.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise RuntimeError(f"the worker of {self.name} died when asked for {what}")
        return json.loads(line)

    def ms(self, count: int) -> float:
        """Milliseconds a step, of a block of so many steps."""
        # An idle OpenMP pool spins for a moment before it sleeps: let it.
        time.sleep(0.05)
        return self.ask("block", count=count)["seconds"] / count * 1e3


def _pin(threads: int) -> None:
    """No more cores than threads, so that no library's pool is larger than the others'."""
    if sys.platform == "linux":
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def _race(module, count: int, **details) -> tuple[dict, object]:
    start = time.perf_counter()
    contestant = module.race(**details)
    contestant.run(count)
    seconds = time.perf_counter() - start
    sizes = {"temp_bytes": contestant.temp_bytes, "disc_bytes": contestant.disc_bytes}
    return {"first_call_s": seconds, **sizes}, contestant


def _block(contestant, count: int) -> dict:
    start = time.perf_counter()
    contestant.run(count)
    return {"seconds": time.perf_counter() - start}


def _memory() -> dict:
    scale = 2**20 if sys.platform == "darwin" else 2**10
    return {"rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale}


def _trajectory(module, inputs: str, output: str, **details) -> dict:
    import numpy as np

    with np.load(inputs, allow_pickle=False) as given:
        found = module.trajectory(inputs=dict(given), **details)
    np.savez(output, **found)
    return {}


def _answer(module, contestant, ask: str, **details) -> tuple[dict, object]:
    if ask == "race":
        return _race(module, **details)
    if ask == "block":
        return _block(contestant, **details), contestant
    if ask == "memory":
        return _memory(), contestant
    if ask == "shapes":
        return module.shapes(**details), contestant
    return _trajectory(module, **details), contestant


def serve(name: str) -> None:
    """Answers every line of stdin; what a library prints goes to stderr."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    _pin(int(os.environ["OMP_NUM_THREADS"]))
    missing, module, contestant = None, None, None
    try:
        module = importlib.import_module(MODULES.get(name, name))
    except ImportError as error:
        missing = {"missing": str(error)}
    for line in sys.stdin:
        answer = missing
        if module is not None:
            answer, contestant = _answer(module, contestant, **json.loads(line))
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    serve(sys.argv[1])
