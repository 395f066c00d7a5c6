#!/usr/bin/env python3
"""Pictures of the real program: pictures.py [BINARY] runs `dlq demo` in tmux, presses keys, and writes docs/*.svg."""
import html, os, re, subprocess, sys, time, unicodedata

root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
binary = sys.argv[1] if len(sys.argv) > 1 else os.path.join(root, "target", "release", "dlq")
WIDTH, HEIGHT, CELL, LINE = 110, 30, 8.4, 18
GROUND, TEXT = "#16181d", "#d7dae0"
SESSION = f"dlq-pictures-{os.getpid()}"
SIXTEEN = ["#16181d", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#d7dae0",
           "#5c6370", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#ffffff"]


def tmux(*arguments):
    return subprocess.run(["tmux", *arguments], check=True, capture_output=True, text=True).stdout


def colour(n):
    if n < 16:
        return SIXTEEN[n]
    if n >= 232:
        level = 8 + (n - 232) * 10
        return f"#{level:02x}{level:02x}{level:02x}"
    n -= 16
    part = lambda value: 0 if value == 0 else 55 + value * 40
    return f"#{part(n // 36):02x}{part(n // 6 % 6):02x}{part(n % 6):02x}"


class Style:
    def __init__(self):
        self.reset()

    def reset(self):
        self.fg, self.bg, self.bold, self.underline, self.reverse = TEXT, None, False, False, False

    def take(self, codes):
        codes = [int(code or 0) for code in codes.split(";")]
        while codes:
            code = codes.pop(0)
            if code == 0:
                self.reset()
            elif code == 1:
                self.bold = True
            elif code == 4:
                self.underline = True
            elif code == 7:
                self.reverse = True
            elif code == 22:
                self.bold = False
            elif code == 24:
                self.underline = False
            elif code == 27:
                self.reverse = False
            elif 30 <= code <= 37:
                self.fg = SIXTEEN[code - 30]
            elif 90 <= code <= 97:
                self.fg = SIXTEEN[code - 82]
            elif code == 39:
                self.fg = TEXT
            elif code == 49:
                self.bg = None
            elif code == 48 and codes[:1] == [5]:
                self.bg = colour(codes[1])
                del codes[:2]
            elif code == 38 and codes[:1] == [5]:
                self.fg = colour(codes[1])
                del codes[:2]


def wide(character):
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def picture(name):
    lines = tmux("capture-pane", "-p", "-e", "-t", SESSION).split("\n")[:HEIGHT]
    style, out = Style(), []
    for row, line in enumerate(lines):
        column = 0
        for part in re.split(r"(\x1b\[[0-9;]*m)", line):
            if part.startswith("\x1b["):
                style.take(part[2:-1])
                continue
            if not part:
                continue
            cells = sum(wide(c) for c in part)
            x, y = 12 + column * CELL, 12 + row * LINE
            fg = style.fg
            if style.bg and not style.reverse:
                out.append(f'<rect x="{x:.1f}" y="{y}" width="{cells * CELL:.1f}" height="{LINE}" fill="{style.bg}"/>')
            if style.reverse:
                out.append(f'<rect x="{x:.1f}" y="{y}" width="{cells * CELL:.1f}" height="{LINE}" fill="{fg}"/>')
                fg = GROUND
            if part.strip():
                look = (' font-weight="bold"' if style.bold else "") + (' text-decoration="underline"' if style.underline else "")
                out.append(f'<text x="{x:.1f}" y="{y + 13}" fill="{fg}"{look} textLength="{cells * CELL:.1f}" '
                           f'xml:space="preserve">{html.escape(part)}</text>')
            column += cells
    width, height = 24 + WIDTH * CELL, 24 + HEIGHT * LINE
    with open(os.path.join(root, "docs", f"{name}.svg"), "w", encoding="utf-8") as file:
        file.write(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" font-size="14" '
                   f'font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, DejaVu Sans Mono, monospace">\n'
                   f'<rect width="100%" height="100%" rx="8" fill="{GROUND}"/>\n' + "\n".join(out) + "\n</svg>\n")
    print(f"docs/{name}.svg")


def until(text):
    end = time.time() + 20
    while text not in tmux("capture-pane", "-p", "-t", SESSION):
        if time.time() > end:
            sys.exit(f"{text!r} does not appear:\n" + tmux("capture-pane", "-p", "-t", SESSION))
        time.sleep(0.05)


def press(*keys):
    tmux("send-keys", "-t", SESSION, *keys)


environment = "TERM=xterm-256color COLORTERM=truecolor LANG=C.UTF-8 USER=ana"
tmux("new-session", "-d", "-s", SESSION, "-x", str(WIDTH), "-y", str(HEIGHT), f"{environment} {binary} demo")
try:
    until("The schema group grows")
    time.sleep(8)
    picture("groups")
    press("Enter")
    until("new ones appear by themselves")
    press("Enter")
    until("A field of the record")
    press("Tab")
    until("this field")
    picture("request")
    press("F")
    until("the schema has the field now")
    press("Escape")
    until("marks all of them")
    press("Escape")
    until("OPEN")
    time.sleep(5.2)
    press("g", "r")
    until("sends them")
    picture("plan")
    press("Enter")
    until("none was applied")
    picture("run")
    press("q")
finally:
    subprocess.run(["tmux", "kill-session", "-t", SESSION], capture_output=True)
