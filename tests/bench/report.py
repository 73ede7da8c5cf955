# SPDX-License-Identifier: MIT
"""Medians and ratios of what run.sh measured: one line a run, its name and its JSON."""
import collections
import json
import statistics
import sys

# what, wherry's run and key, the raw run and key, goal: a ratio to raw or a bound
ROWS = [
    ("tasks/s, 100-byte no-ops, against raw with 100 a message",
     ("throughput", "tasks_per_s"), ("raw_100", "tasks_per_s"), ("ratio ≥", 0.3)),
    ("tasks/s, against raw with one a message",
     ("throughput", "tasks_per_s"), ("raw_1", "tasks_per_s"), None),
    ("CPU us a task, broker + workers + client",
     ("throughput", "cpu_us_per_task"), ("raw_100", "cpu_us_per_task"), ("value ≤", 1.5)),
    ("round trip p50, us", ("latency", "p50_us"), ("raw_latency", "p50_us"), ("ratio ≤", 1.15)),
    ("round trip p99, us", ("latency", "p99_us"), ("raw_latency", "p99_us"), None),
    ("1 MiB there and back, MB/s", ("payload", "mb_per_s"), ("raw_payload", "mb_per_s"), None),
    ("broker bytes a queued 100-byte task", ("backlog", "broker_bytes_per_task"), None,
     ("value ≤", 160)),
    ("submits/s into the backlog", ("backlog", "submits_per_s"), None, None),
    ("tasks/s out of the backlog", ("backlog", "tasks_per_s"), None, None),
]


def read(path):
    runs = collections.defaultdict(list)
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            name, _, result = line.partition("\t")
            runs[name].append(json.loads(result))
    return runs


def values(runs, source):
    if source is None:
        return None
    return [run[source[1]] for run in runs[source[0]]]


def short(number):
    return f"{number:,.0f}" if number >= 100 else f"{number:.2f}"


def spread(found):
    if found is None:
        return "-"
    return f"{short(statistics.median(found))} [{short(min(found))}..{short(max(found))}]"


def judged(goal, value, ratio):
    if goal is None:
        return ""
    kind, bound = goal
    number = ratio if kind.startswith("ratio") else value
    met = number >= bound if "≥" in kind else number <= bound
    return f"{kind} {bound}: {'met' if met else 'MISSED'}"


def main(path):
    runs = read(path)
    out = []
    print(f"{'':58}  {'wherry':>34}  {'raw':>34}  {'ratio':>6}")
    for what, source, raw_source, goal in ROWS:
        found, raw = values(runs, source), values(runs, raw_source)
        value = statistics.median(found)
        ratio = value / statistics.median(raw) if raw else None
        verdict = judged(goal, value, ratio)
        shown = f"{ratio:.2f}" if ratio is not None else "-"
        print(f"{what:58}  {spread(found):>34}  {spread(raw):>34}  {shown:>6}  {verdict}")
        out.append({"what": what, "wherry": value, "raw": statistics.median(raw) if raw else None,
                    "ratio": ratio, "verdict": verdict})
    print(json.dumps(out, ensure_ascii=False))


if __name__ == "__main__":
    main(sys.argv[1])
