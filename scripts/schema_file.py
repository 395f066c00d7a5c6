#!/usr/bin/env python3
"""Makes tests/data/schema_N.db.gz with a dlq that writes schema N: the file that later versions have to bring up to date.

Run it with the binary of a version before its schema is changed:

    scripts/schema_file.py target/release/dlq tests/data/schema_5.db.gz

The file has eight failures: one captured as a 429 and refused with a 422 when it was replayed (1), one that was accepted
(2), one that may have been applied (3), one resolved (4), one discarded (5), a batch that was split (6), one whose run was
killed while its request was out (7), and one that nobody touched (8).
"""

import gzip
import http.server
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading

SCHEMA = "CDP_ETL.VALIDATION.REQUEST_SCHEMA"
arrived = threading.Event()


class Api(http.server.BaseHTTPRequestHandler):
    """Answers by the field `kind` of the record: `good`, `bad` or `hang`."""

    def do_POST(self):
        record = json.loads(self.rfile.read(int(self.headers["content-length"])))["record"]
        if record["kind"] == "hang":
            arrived.set()
            threading.Event().wait()
        cid = f"req-{record['n']}"
        if record["kind"] == "good":
            status, body = 200, {"success": True}
        else:
            error = {"code": SCHEMA, "message": "record.kind: field does not exist in object schema"}
            status, body = 422, {"success": False, "error": error}
        body = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("x-correlation-id", cid)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def failure(n, status, code, message, kind, **more):
    return {
        "method": "POST", "path": "records/orders/append", "idempotency_key": f"key-{n}",
        "body": {"record": {"n": n, "kind": kind}}, "status": status, "error_code": code, "error_message": message,
        "correlation_id": f"first-{n}", "failed_at": f"2026-03-02T08:00:0{n}.000Z",
        "first_attempt_at": f"2026-03-02T08:00:0{n}.000Z", "source": "checkout", **more,
    }


def failures():
    unknown = "record.total: field does not exist in object schema"
    records = [{"email": "a@example.org"}, {"email": "b@example.org", "x": 1}]
    batch = {"path": "records/profiles/upsert-batch", "body": {"records": records, "matchKey": "email"}}
    return [
        failure(1, 429, "CDP_ETL.RATE_LIMIT.EXCEEDED", "too many requests", "bad"),
        failure(2, 422, SCHEMA, unknown, "good"),
        failure(3, 503, "CDP_ETL.UNAVAILABLE", "the service is overloaded", "good"),
        failure(4, 422, SCHEMA, unknown, "good"),
        failure(5, 400, "CDP_ETL.VALIDATION.REQUEST_INVALID", "record.email: invalid email format", "good"),
        failure(6, 422, SCHEMA, "records[1].x: field does not exist in object schema", "good", **batch),
        failure(7, 422, SCHEMA, unknown, "hang"),
        failure(8, 422, SCHEMA, unknown, "good"),
    ]


def main(binary, to):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        db = os.path.join(folder, "dlq.db")
        environment = {
            "PATH": os.environ["PATH"], "HOME": folder, "XDG_CONFIG_HOME": folder, "DLQ_DB": db, "USER": "ana",
            "EXPERITURE_API_KEY": "no secret", "EXPERITURE_BASE_URL": f"http://127.0.0.1:{server.server_port}/public/v1",
        }

        def start(*args, **more):
            return subprocess.Popen([binary, "--operator", "ana", *args], env=environment, cwd=folder, **more)

        def dlq(*args, given=None, codes=(0,)):
            child = start(*args, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
            child.communicate(given)
            if child.returncode not in codes:
                sys.exit(f"dlq {' '.join(args)} ended with {child.returncode}")

        dlq("ingest", given="".join(json.dumps(line) + "\n" for line in failures()).encode())
        dlq("replay", "id:1", "--yes", codes=(4,))
        dlq("replay", "id:2", "--yes", "--reason", "the field was added")
        dlq("resolve", "id:4", "--applied", "--reason", "it is in the API")
        dlq("discard", "id:5", "--reason", "reported to the web team")
        dlq("split", "6")
        hangs = start("replay", "id:7", "--yes", stdout=subprocess.DEVNULL)
        if not arrived.wait(10):
            sys.exit("the request of run 3 didn't arrive")
        hangs.send_signal(signal.SIGKILL)
        hangs.wait()
        with sqlite3.connect(db) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        with open(db, "rb") as made, open(to, "wb") as out, gzip.GzipFile("", "wb", 9, out, 0) as packed:
            packed.write(made.read())


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]))
