#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds what every verb prints with -o json against docs/reference/wherry.schema.json.

    json_test.py BIN SCHEMA         exit 77: python3-jsonschema is not installed

Starts `wherry dev` in a folder of its own; each definition of the schema must have been met.
"""
import json
import os
import subprocess
import sys
import tempfile

try:
    import jsonschema
except ImportError:
    print("SKIPPED: python3-jsonschema is not installed")
    sys.exit(77)

BIN, SCHEMA = sys.argv[1], json.load(open(sys.argv[2], encoding="utf-8"))
NOT_TOP = {"id", "process", "totals"}  # only inside others
met = set()


def wherry(*arguments):
    run = subprocess.run([f"{BIN}/wherry", *arguments], stdout=subprocess.PIPE, check=False,
                         stdin=subprocess.DEVNULL, timeout=60)
    return run.stdout.decode()


def check(definition, text, what):
    schema = {"$ref": f"#/definitions/{definition}", "definitions": SCHEMA["definitions"]}
    try:
        jsonschema.validate(json.loads(text), schema)
    except (jsonschema.ValidationError, json.JSONDecodeError) as error:
        sys.exit(f"FAILED: {what}: {getattr(error, 'message', error)}\n{text}")
    met.add(definition)


def verb(definition, *arguments):
    text = wherry(*arguments, "-o", "json")
    check(definition, text, "wherry " + " ".join(arguments))
    return json.loads(text)


def lines(*arguments):
    for line in wherry("map", "-o", "json", *arguments).splitlines():
        check("item", line, "wherry map " + " ".join(arguments))


def verbs():
    task = verb("submitted", "submit", "wherry.echo", "[1, 2]")["id"]
    verb("result", "submit", "--wait", "wherry.echo", '{"a": null}')
    verb("result", "result", task)
    verb("outcomes", "wait", task)
    verb("outcomes", "cancel", task)
    missing = verb("submitted", "submit", "--queue", "night", "nobody.offers.this")["id"]
    verb("outcomes", "wait", "--timeout", "0", task, missing)
    verb("status", "status")
    verb("pool", "pool")
    verb("queues", "queue", "ls")
    verb("queue", "queue", "show", "night")
    verb("queue", "queue", "set", "night", "max=5")
    verb("queue", "queue", "pause", "night")
    verb("queue", "queue", "resume", "night")
    verb("purged", "queue", "purge", "night")
    verb("ps", "worker", "show", verb("worker_hosts", "worker", "ls")[0]["host"])
    sleeper = verb("submitted", "submit", "wherry.sleep", "600")["id"]
    while not verb("ps", "ps"):
        pass
    verb("outcomes", "cancel", sleeper)
    lines("wherry.echo", "1", "text")
    lines("--", "sh", "-c", "echo {}; exit {}", ":::", "0", "3")
    for mode in ("throughput", "latency", "backlog", "payload"):
        verb("bench", "bench", mode, "--tasks", "50")
    verb("worker_hosts", "worker", "drain", "--wait", verb("worker_hosts", "worker", "ls")[0]["id"])


def backup(folder):
    store = f"lmdb:{folder}/store"
    broker = subprocess.Popen([f"{BIN}/wherry-broker", "--store", store, "--http", "off",
                               "--listen", f"ipc://{folder}/kept"], stderr=subprocess.PIPE)
    try:
        while b"msg=ready" not in broker.stderr.readline():
            if broker.poll() is not None:
                sys.exit("FAILED: wherry-broker does not start")
        verb("backup", "backup", "--store", store, f"{folder}/copy.mdb")
    finally:
        broker.terminate()
        broker.wait()


def main():
    with tempfile.TemporaryDirectory(prefix="wherry-json-") as folder:
        os.environ["XDG_RUNTIME_DIR"] = folder
        os.environ.pop("WHERRY_BROKER", None)
        dev = subprocess.Popen([f"{BIN}/wherry", "dev", "-n", "2", "-o", "json"],
                               stdout=subprocess.PIPE)
        try:
            check("dev", dev.stdout.readline().decode(), "wherry dev")
            verbs()
            backup(folder)
        finally:
            dev.terminate()
            dev.wait()
    unmet = set(SCHEMA["definitions"]) - NOT_TOP - met
    if unmet:
        sys.exit(f"FAILED: nothing printed {', '.join(sorted(unmet))}")
    print(f"ok: {len(met)} kinds of output")


main()
