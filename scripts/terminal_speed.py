#!/usr/bin/env python3
"""How fast the terminal UI is on a large file: terminal_speed.py DB [BINARY] [--run RATE] [--ingest RATE]

Opens it on a pseudo-terminal of 120 by 40 and prints: the time to the first screen with data, from each key to the first
byte of its frame (median, 99th percentile, worst), the memory, and the processor time while nothing happens.

With --run a replay of the file's schema failures is under way beside it, at most so many requests a second (0: as fast as it can), against
target/release/examples/answering_server; with --ingest so many failures a second come in. Both change the file.
Only Linux: memory and processor time come from /proc."""
import argparse, fcntl, json, os, pty, random, select, signal, struct, subprocess, termios, threading, time

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("db")
parser.add_argument("binary", nargs="?")
parser.add_argument("--run", type=float, metavar="RATE")
parser.add_argument("--ingest", type=int, metavar="RATE")
args = parser.parse_args()
release = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "target", "release")
db, binary = args.db, args.binary or os.path.join(release, "dlq")
beside = []


def replay(rate):
    """Starts a replay beside the screen."""
    server = subprocess.Popen([os.path.join(release, "examples", "answering_server"), "5"], stdout=subprocess.PIPE, text=True)
    url = server.stdout.readline().strip()
    env = {**os.environ, "EXPERITURE_BASE_URL": url, "EXPERITURE_API_KEY": "t"}
    # A file that was measured before is bound to the server of that time.
    subprocess.run([binary, "--db", db, "--base-url", url, "target", "set", "default", "--reason", "measured again"],
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    pace = ["--rate", str(rate)] if rate else []
    command = [binary, "--db", db, "replay", "type:schema", "--yes", "--no-canary", "--concurrency", "64",
               "--allow", "endpoint-assumed,lane-blocked,key-expired,key-not-sent,superseded", *pace]
    beside.extend([server, subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)])


def ingest(rate):
    """Feeds failures, a tenth of a second's worth at a time."""
    taker = subprocess.Popen([binary, "--db", db, "ingest"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    beside.append(taker)

    def feed():
        n, tag = 0, os.getpid()
        try:
            while taker.poll() is None:
                for _ in range(max(1, rate // 10)):
                    n += 1
                    line = {"path": "records/orders/append", "body": {"record": {"order_id": f"{tag}-{n}"}}, "status": 422,
                            "error_code": "CDP_ETL.VALIDATION.REQUEST_SCHEMA", "error_message": f"record.f{n % 7}: field does not exist",
                            "idempotency_key": f"speed-{tag}-{n}"}
                    taker.stdin.write((json.dumps(line) + "\n").encode())
                taker.stdin.flush()
                time.sleep(0.1)
        except BrokenPipeError:
            pass

    threading.Thread(target=feed, daemon=True).start()


def start():
    pid, fd = pty.fork()
    if pid == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        os.environ.update(TERM="xterm-256color", LANG="C.UTF-8", XDG_CONFIG_HOME="/nonexistent")
        os.execv(binary, [binary, "--db", db])
    return pid, fd


def read(fd, seconds):
    """What comes within so many seconds; nothing if nothing does."""
    ready, _, _ = select.select([fd], [], [], seconds)
    return os.read(fd, 65536) if ready else b""


def drain(fd, quiet=0.15):
    """Reads until nothing comes for a while; at most five times as long, since a file that changes never rests."""
    end = time.perf_counter() + 5 * quiet
    while time.perf_counter() < end and read(fd, quiet):
        pass


def until(fd, text):
    seen = b""
    while text not in seen:
        seen += read(fd, 10)
    return time.perf_counter()


def first_screen():
    began = time.perf_counter()
    pid, fd = start()
    done = until(fd, b" open of ")
    os.kill(pid, signal.SIGTERM)
    os.waitpid(pid, 0)
    os.close(fd)
    return done - began


firsts = sorted(first_screen() for _ in range(9))
print(f"first screen with data   median {firsts[4] * 1000:.0f} ms, worst {firsts[-1] * 1000:.0f} ms (of 9 starts)")

if args.run is not None:
    replay(args.run)
if args.ingest:
    ingest(args.ingest)
# A plan of many writes takes a while to be made.
time.sleep(15 if args.run is not None else 2 if beside else 0)
pid, fd = start()
until(fd, b" open of ")
drain(fd, 0.6)
random.seed(7)
times, silent = [], 0
up, down, pgdn, pgup, home, end = b"\x1b[A", b"\x1b[B", b"\x1b[6~", b"\x1b[5~", b"\x1b[H", b"\x1b[F"


def press(key, settle=0.0):
    global silent
    began = time.perf_counter()
    os.write(fd, key)
    answer = read(fd, 0.25)
    if answer:
        times.append(time.perf_counter() - began)
    else:
        silent += 1
    drain(fd, settle or 0.01)


for key in [down, up] * 10:
    press(key)
press(b"\t", 1.0)  # the writes
for _ in range(600):
    press(random.choice([down, down, b"j", b"k", pgdn, pgdn, pgup]))
for key in [end, home, b"G", b"g"] * 5:
    press(key)
for key in b"/email:~example-12 type:schema":
    press(bytes([key]))
press(b"\r", 0.5)
for _ in range(200):
    press(random.choice([down, pgdn, up, b" "]))
press(b"\x1b", 0.3)
press(b"x", 0.5)
for key in [b"1", b"1", b"2", b"2", b"s", b"S", b"o", b"O", b"O"] * 4:
    press(key)
press(b"x", 1.0)
for _ in range(20):
    for key in [b"\r", b"\t", b"\t", b"\t", b"\x1b", down]:
        press(key)
for key in [b"?", pgdn, b"\x1b", b":", b"r", b"\x1b", b"\t", b"\t"] * 5:
    press(key)
drain(fd, 3.0)
times.sort()
pick = lambda share: times[min(len(times) - 1, int(len(times) * share))] * 1000
print(f"key to frame             median {pick(0.5):.1f} ms, 99th percentile {pick(0.99):.1f} ms, worst {times[-1] * 1000:.1f} ms "
      f"({len(times)} keys; {silent} changed nothing)")


def status(name):
    with open(f"/proc/{pid}/status") as lines:
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(name))


print(f"memory                   {status('VmRSS'):.0f} MB now, {status('VmHWM'):.0f} MB at most")


def processor():
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if not beside:
    before, began = processor(), time.perf_counter()
    time.sleep(15)
    print(f"processor while idle     {(processor() - before) / (time.perf_counter() - began) * 100:.2f} %")
os.kill(pid, signal.SIGTERM)
os.waitpid(pid, 0)
for process in beside:
    over = process.poll()
    if process.args[-1] == "ingest" or "replay" in process.args:
        print(f"beside it                {' '.join(process.args[3:])}: {'under way all the time' if over is None else 'ended before the keys did'}")
    process.send_signal(signal.SIGTERM)
for process in beside:
    process.wait()
