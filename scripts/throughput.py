#!/usr/bin/env python3
"""Replays writes against a server that answers at once and one that takes 50 ms, and prints in one table what dlq, wrk (or
oha), the guide's loop and a 64-way aiohttp program do with the same bodies.

Needs cargo and Python; requests and aiohttp are put into target/throughput/venv, wrk is taken from the PATH (Debian: wrk).
All traffic stays on loopback. Use: scripts/throughput.py [--writes 100000] [--only fast|slow]
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
WORK = ROOT / "target" / "throughput"
VENV = WORK / "venv"


def cargo(*args):
    subprocess.run(["cargo", *args], cwd=ROOT, check=True)


def body(n):
    record = {"order_id": f"ord_{n}", "customer_email": f"c{n % 5000}@example.org", "total": n % 1000 / 4, "currency": "EUR",
              "items": [{"sku": f"sku-{n % 97}", "quantity": n % 5 + 1}], "note": "as captured"}
    return json.dumps({"record": record})


def failure(n):
    return json.dumps({
        "method": "POST", "path": "records/orders/append", "body": json.loads(body(n)), "status": 422,
        "error_code": "CDP_ETL.VALIDATION.REQUEST_SCHEMA", "error_message": "record.note: field does not exist in object schema",
        "idempotency_key": f"evt-{n:08}", "failed_at": "2026-11-01T00:00:00Z",
    })


class Server:
    def __init__(self, delay):
        binary = ROOT / "target" / "release" / "examples" / "answering_server"
        self.process = subprocess.Popen([binary, str(delay)], stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def dlq(url, writes, concurrency):
    """Writes a second of the whole command, plan and all, with every intent durable."""
    directory = WORK / "db"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    env = {**os.environ, "DLQ_DB": str(directory / "dlq.db"), "EXPERITURE_BASE_URL": url, "EXPERITURE_API_KEY": "t",
           "XDG_CONFIG_HOME": str(directory)}
    binary = ROOT / "target" / "release" / "dlq"
    lines = "".join(failure(n) + "\n" for n in range(writes))
    subprocess.run([binary, "ingest", "--quiet"], env=env, input=lines, text=True, check=True)
    began = time.monotonic()
    done = subprocess.run([binary, "replay", "--all", "--yes", "--quiet", "--concurrency", str(concurrency)], env=env,
                          capture_output=True, text=True, check=True)
    took = time.monotonic() - began
    assert f" {writes:,} replayed" in done.stdout, done.stdout
    return writes / took


def wrk(url, writes, concurrency, seconds):
    script = WORK / "bodies.lua"
    bodies = WORK / "bodies.txt"
    bodies.write_text("".join(body(n) + "\n" for n in range(min(writes, 20000))))
    script.write_text("""
local bodies, n = {}, 0
for line in io.lines(os.getenv("BODIES")) do bodies[#bodies + 1] = line end
request = function()
  n = n + 1
  local headers = { ["Content-Type"] = "application/json", ["Authorization"] = "Bearer t", ["Idempotency-Key"] = "evt-" .. n }
  return wrk.format("POST", nil, headers, bodies[n % #bodies + 1])
end
""")
    out = subprocess.run(["wrk", "-t1", f"-c{concurrency}", f"-d{seconds}s", "-s", script, f"{url}/records/orders/append"],
                         env={**os.environ, "BODIES": str(bodies)}, capture_output=True, text=True, check=True).stdout
    return float(next(line.split(":")[1] for line in out.splitlines() if line.startswith("Requests/sec")))


def oha(url, concurrency, seconds):
    out = subprocess.run(["oha", "--no-tui", "--output-format", "json", "-c", str(concurrency), "-z", f"{seconds}s", "-m", "POST",
                          "-H", "Content-Type: application/json", "-H", "Authorization: Bearer t", "-d", body(1),
                          f"{url}/records/orders/append"], capture_output=True, text=True, check=True).stdout
    return json.loads(out)["summary"]["requestsPerSec"]


LOOP = """
import json, random, sys, time, requests
url, bodies = sys.argv[1], [json.loads(line) for line in open(sys.argv[2])]
began = time.monotonic()
for n, body in enumerate(bodies):
    for attempt in range(5):
        answer = requests.post(url, headers={"Authorization": "Bearer t", "Idempotency-Key": f"evt-{n}"}, json=body, timeout=30)
        if answer.status_code < 400:
            break
        time.sleep(max(float(answer.headers.get("Retry-After", 0)), min(60, 2 ** attempt + random.uniform(0, 1))))
print(len(bodies) / (time.monotonic() - began))
"""

AIOHTTP = """
import asyncio, json, sys, time, aiohttp
url, bodies = sys.argv[1], [line.encode() for line in open(sys.argv[2])]
async def main():
    left = iter(enumerate(bodies))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=64)) as session:
        async def worker():
            for n, body in left:
                headers = {"Authorization": "Bearer t", "Idempotency-Key": f"evt-{n}", "Content-Type": "application/json"}
                async with session.post(url, data=body, headers=headers) as answer:
                    await answer.read()
                    assert answer.status == 200
        began = time.monotonic()
        await asyncio.gather(*(worker() for _ in range(64)))
        print(len(bodies) / (time.monotonic() - began))
asyncio.run(main())
"""


def python(program, url, writes):
    bodies = WORK / "python-bodies.txt"
    bodies.write_text("".join(body(n) + "\n" for n in range(writes)))
    out = subprocess.run([VENV / "bin" / "python", "-c", program, f"{url}/records/orders/append", str(bodies)],
                         capture_output=True, text=True, check=True).stdout
    return float(out)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--writes", type=int, default=100_000)
    parser.add_argument("--only", choices=["fast", "slow"])
    args = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    if not (VENV / "bin" / "python").exists():
        subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
        subprocess.run([VENV / "bin" / "pip", "install", "--quiet", "requests", "aiohttp"], check=True)
    cargo("build", "--release", "--quiet", "--locked", "--bins", "--example", "answering_server")
    tool = next((name for name in ["wrk", "oha"] if shutil.which(name)), None)
    if tool is None:
        sys.exit("wrk or oha is needed (Debian: apt install wrk)")

    def load(url, concurrency, seconds):
        return wrk(url, args.writes, concurrency, seconds) if tool == "wrk" else oha(url, concurrency, seconds)

    rows = []
    if args.only != "slow":
        with Server(0) as server:
            loop = python(LOOP, server.url, max(args.writes // 50, 500))
            aio = python(AIOHTTP, server.url, max(args.writes // 5, 2000))
            rows.append(("at once", "the guide's loop", loop, ""))
            rows.append(("at once", "aiohttp, 64 at once", aio, ""))
            rows.append(("at once", f"{tool}, 64 at once", load(server.url, 64, 5), ""))
            rate = dlq(server.url, args.writes, 256)
            rows.append(("at once", "dlq replay --concurrency 256", rate, f"{rate / loop:.1f} x the loop, {rate / aio:.2f} x aiohttp"))
    if args.only != "fast":
        with Server(50) as server:
            rows.append(("in 50 ms", "the guide's loop", python(LOOP, server.url, 100), ""))
            rows.append(("in 50 ms", "aiohttp, 64 at once", python(AIOHTTP, server.url, max(args.writes // 10, 2000)), ""))
            for concurrency in (64, 512):
                base = load(server.url, concurrency, 10)
                rate = dlq(server.url, args.writes, concurrency)
                rows.append(("in 50 ms", f"{tool}, {concurrency} at once", base, ""))
                rows.append(("in 50 ms", f"dlq replay --concurrency {concurrency}", rate, f"{rate / base:.2f} x {tool}"))
    print(f"{args.writes:,} writes, {os.cpu_count()} cores\n")
    print(f"{'server answers':<16}{'who sends':<32}{'writes/s':>10}  ratio")
    for server, who, rate, ratio in rows:
        print(f"{server:<16}{who:<32}{rate:>10,.0f}  {ratio}".rstrip())


if __name__ == "__main__":
    main()
