"""A program that keeps a run's contract and computes nothing: for tests of what starts programs.

Only the standard library, so that a start takes milliseconds. Its flags are --level, --seed,
--num_steps, --workdir and --population; for the tests there are --gate (a file: until it is there,
levels above 2 take no step), --broken (a file: while it is there, the program fails), --diverges (a
seed) and --code (a version).
"""

import fcntl
import json
import os
import pathlib
import signal
import sys
import time

SETTINGS = ("level", "seed", "num_steps")


def measured(value, label, better):
    entry = {"label": label, "values": [value], "n": 1, "mean": value, "standard_error": None}
    return {**entry, "published": None, "ideal": None, "better": better}


def result(flags, step, status, reason=""):
    level, seed = flags["level"], flags["seed"]
    return {
        "status": status,
        "reason": reason,
        "step": step,
        "num_steps": flags["num_steps"],
        "seed": seed,
        "evaluated_at_step": step,
        "results": {
            "modes": measured(100.0 * level + seed, "modes covered", "higher"),
            "kl": measured(1.0 / level + 0.1 * seed, "KL, nats", "lower"),
        },
        "params_digest": f"sha256:{level}-{seed}-{step}",
        "wall_time_s": 0.5 * step,
        "versions": {"code": flags["code"], "cores": str(len(os.sched_getaffinity(0)))},
    }


def main() -> int:
    given = dict(word.removeprefix("--").split("=", 1) for word in sys.argv[1:])
    flags = {name: int(given[name]) for name in SETTINGS} | {"code": given.get("code", "a")}
    folder, count = pathlib.Path(given["workdir"]), int(given.get("population", 1))
    if count == 1:
        return run(flags, folder, given)
    seeds = range(flags["seed"], flags["seed"] + count)
    return max(run({**flags, "seed": seed}, folder / f"seed{seed}", given) for seed in seeds)


def run(flags, folder, given) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print(f"error: --workdir={folder} is in use by another process: wait for it")
        return 75
    if pathlib.Path(given.get("broken", "")).is_file():
        print("Traceback\nRuntimeError: out of luck")
        return 1
    return train(flags, folder, given)


def train(flags, folder, given) -> int:
    stop = []
    signal.signal(signal.SIGTERM, lambda number, _: stop.append(number))
    settings = {name: flags[name] for name in SETTINGS}
    (folder / "config.json").write_text(json.dumps(settings))
    (folder / "cores").write_text(json.dumps(sorted(os.sched_getaffinity(0))))
    (folder / "gpus").write_text(os.environ.get("CUDA_VISIBLE_DEVICES", ""))
    with open(folder / "starts", "a") as starts:
        starts.write("start\n")
    with open(folder / "metrics.jsonl", "a+b", buffering=0) as log:
        log.seek(0)
        at = len(log.readlines())
        for step in range(at + 1, flags["num_steps"] + 1):
            while "gate" in given and flags["level"] > 2 and not stop:
                if pathlib.Path(given["gate"]).exists():
                    break
                time.sleep(0.05)
            row = {"step": step, "wall_time_s": 0.5 * step, "modes": step, "kl": 1 / step}
            log.write(json.dumps(row).encode() + b"\n")
            if flags["seed"] == int(given.get("diverges", -1)):
                return end(folder, result(flags, step, "diverged", "the loss is not finite"), 1)
            if stop:
                return end(folder, result(flags, step, "interrupted"), 128 + stop[0])
    return end(folder, result(flags, max(at, flags["num_steps"]), "finished"), 0)


def end(folder, written, status) -> int:
    (folder / "report.html").write_text("a run")
    half = folder / ".result"
    half.write_text(json.dumps(written))
    half.rename(folder / "result.json")
    print("some words")
    return status


if __name__ == "__main__":
    sys.exit(main())
