#!/usr/bin/env python3
"""How fast the terminal UI opens a large body: batch_speed.py [BINARY]

Takes in a batch of 10,000 records (7 MB) whose 7,433rd was refused, opens it on a pseudo-terminal of 100 by 40, and prints the time
from the key to the frame that shows that record, in a new process each time, after a rest of a second."""
import fcntl, json, os, pty, select, signal, struct, subprocess, sys, tempfile, termios, time

here = os.path.dirname(os.path.abspath(__file__))
binary = sys.argv[1] if len(sys.argv) > 1 else os.path.join(here, "..", "target", "release", "dlq")


def failure():
    records = [{"email": f"person-{n}@example.org", "name": "N" * 200, "address": {"street": "S" * 200, "zip": n},
                "tags": ["a", "b", "c"], "note": "x" * 200} for n in range(10_000)]
    return json.dumps({"path": "records/profiles/upsert", "body": {"records": records, "matchKey": "email"}, "status": 422,
                       "error_code": "CDP_ETL.VALIDATION.REQUEST_INVALID", "error_message": "records[7432].email: invalid email format",
                       "idempotency_key": "batch-1"})


def read(fd, seconds):
    ready, _, _ = select.select([fd], [], [], seconds)
    return os.read(fd, 65536) if ready else b""


def until(fd, text):
    seen = b""
    while text not in seen:
        seen += read(fd, 10) or sys.exit(f"{text} did not come")


def quiet(fd):
    while read(fd, 0.3):
        pass


def once(db):
    pid, fd = pty.fork()
    if pid == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
        os.environ.update(TERM="xterm-256color", LANG="C.UTF-8", XDG_CONFIG_HOME="/nonexistent")
        os.execv(binary, [binary, "--db", db])
    until(fd, b" open of ")
    quiet(fd)
    os.write(fd, b"\t")  # the writes
    quiet(fd)
    time.sleep(1)
    began = time.perf_counter()
    os.write(fd, b"\r")
    until(fd, b"person-7432@")
    took = time.perf_counter() - began
    os.kill(pid, signal.SIGTERM)
    os.waitpid(pid, 0)
    os.close(fd)
    return took


with tempfile.TemporaryDirectory() as directory:
    db, line = os.path.join(directory, "batch.db"), failure()
    subprocess.run([binary, "--db", db, "ingest"], input=line.encode() + b"\n", check=True, stdout=subprocess.DEVNULL)
    times = sorted(once(db) for _ in range(9))
    print(f"batch of 10,000 records  {len(line) / 1e6:.1f} MB opened in {times[4] * 1000:.0f} ms, worst {times[-1] * 1000:.0f} ms (of 9)")
