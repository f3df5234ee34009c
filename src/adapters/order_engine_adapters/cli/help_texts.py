"""The help of every command: what users read. Docstrings are for developers and are shown to no user."""

from __future__ import annotations

PROGRAM = """\
Accept orders, keep each one exactly once, and process every one of them to an end.

`order-engine serve` needs no configuration. Every setting is a flag and an environment variable, which may also be set
in the file .env: --lease-seconds is ORDER_ENGINE_LEASE_SECONDS.
"""

SERVE = """\
Serve HTTP and process orders in one process.

Without flags: listen on http://127.0.0.1:8000, keep orders in a SQLite file in the working directory, and process them
with a demonstration. SIGTERM and Ctrl-C drain: running attempts finish, and the exit code is 0.
"""

WORKER = """\
Process orders without serving HTTP.

Start as many workers as you need beside `serve`, on a repository that several processes can share. SIGTERM and Ctrl-C
drain: running attempts finish, and the exit code is 0.
"""

IMPORT = """\
Place the orders of a file of JSON lines.

Each line is one order, in the format of POST /orders. The file may be compressed with gzip.

An interrupted import can be run again: orders that were placed are not placed twice. Refused lines are written to
FILE.refused.jsonl with the reason; the exit code is then 3.
"""

ORDERS = """\
List, show, cancel and redrive orders.

The commands call the running service (--url, or the process that has the SQLite file open). If there is none, they open
the repository.
"""

ORDERS_LIST = "List orders, newest first."
ORDERS_SHOW = "Show one order. Write -- before an ID that begins with -."
ORDERS_CANCEL = "Cancel an order. If it is being processed, its processor is asked to stop."
ORDERS_REDRIVE = "Start a new round of attempts for a Failed order."

METRICS = "Show how many orders have each status."

METRICS_REBUILD = """\
Recount the orders of the repository and correct the counters.

On PostgreSQL, other processes can go on working. A SQLite file must not be open in another process.
"""

KEYS = """\
Create, list and revoke API keys.

The keys are in a file for `serve --api-keys-file`. A running service reads the file again when it changes.
"""

KEYS_ADD = """\
Create a key and print it on standard output.

The key is shown only once, because the file holds only its hash.
"""
KEYS_LIST = "List the names and the scopes of the keys."
KEYS_REVOKE = "Revoke a key. Running services reject it within two seconds."

MIGRATE = """\
Update the schema of the repository.

Every process does this when it starts. This command does it beforehand, and prints what it applied.
"""

OPENAPI = """\
Print the OpenAPI 3.1 document of a service with these settings.

A running service serves it at /openapi.json, and a page that shows it at /docs.
"""

SIMULATE = """\
Simulate the engine under faults, in virtual time.

Each seed is one simulation: processes crash, pause and lose the repository; clients retry and cancel; processors fail,
hang and crash their process. The same seed gives the same simulation. If the engine breaks a promise, the trace of the
first such seed is printed, and the exit code is 1.
"""

CONFIG = "Show the settings."

CONFIG_SHOW = """\
Show every setting with its value and its source: flag, environment, .env or default. Secrets are masked.
"""
