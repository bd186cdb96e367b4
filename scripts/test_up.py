"""`make up` on a terminal, as a person meets it: what is shown, Ctrl-C, again, `make reset`; and what one who is not root is told."""
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time

root = pathlib.Path(__file__).resolve().parent.parent
folder = pathlib.Path(tempfile.mkdtemp(prefix="trainyard-up-"))
data = folder / "data"
with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    listen = f"127.0.0.1:{probe.getsockname()[1]}"
env = {**os.environ, "TRAINYARD_DATA": str(data), "TRAINYARD_LISTEN": listen, "TRAINYARD_REHEARSAL_FIRST_ADDRESS": "81", "RUST_LOG": "warn"}


class Terminal:
    """A command on a terminal of its own, 120 columns wide."""

    def __init__(self, *words):
        self.pid, self.end = pty.fork()
        if self.pid == 0:
            os.chdir(root)
            os.execvpe("sh", ["sh", "-c", 'stty cols 120 rows 40; exec "$@"', "sh", *words], env)
        self.text = ""

    def until(self, pattern, seconds):
        """Reads until the output has the pattern."""
        deadline = time.monotonic() + seconds
        while not (found := re.search(pattern, self.text)):
            if not select.select([self.end], [], [], max(0, deadline - time.monotonic()))[0]:
                sys.exit(f"waited in vain for {pattern}:\n{self.text}")
            self.text += self.read() or sys.exit(f"ended without {pattern}:\n{self.text}")
        return found

    def read(self):
        try:
            return os.read(self.end, 65536).decode(errors="replace")
        except OSError:  # Linux says so when nobody has the terminal open any more.
            return ""

    def type(self, text):
        os.write(self.end, text.encode())

    def ended(self):
        """The exit code, once everything was read."""
        while more := self.read():
            self.text += more
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def pid_in(path):
    return int((data / path).read_text().split()[0])


def lives(pid):
    try:
        return not re.search(r"^State:\s+[ZX]", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M)
    except OSError:
        return False


def expect(is_so, what):
    if not is_so:
        sys.exit(what)


def nodes():
    return [pid_in(f"rehearsal/node-{n}/.node/pid") for n in (1, 2)]


def someone_else():
    """Who has no root and misses a program: one command, and an end."""
    tools = folder / "tools"
    tools.mkdir()
    for name in ("bash", "dirname", "id", "cat", "awk", "env"):
        (tools / name).symlink_to(shutil.which(name))
    for name in ("cargo", "rustc", "cc", "c++", "cmake", "ssh", "ssh-keygen", "rsync", "curl"):
        (tools / name).write_text("#!/bin/sh\nexit 0\n")
        (tools / name).chmod(0o755)
    copy = folder / "clone"
    shutil.copytree(root / "scripts", copy / "scripts")
    folder.chmod(folder.stat().st_mode | stat.S_IROTH | stat.S_IXOTH)
    words = [shutil.which("bash"), "-c", 'PATH=$1 CARGO_HOME=/nowhere exec "$2" scripts/up.sh', "sh", str(tools), str(tools / "bash")]
    plain = [shutil.which("setpriv"), "--reuid=65534", "--regid=65534", "--clear-groups"] if os.getuid() == 0 else []
    said = subprocess.run([*plain, *words], cwd=copy, capture_output=True, text=True, timeout=60)
    expect(said.returncode == 1, f"who is not root went on: {said}")
    commands = [line.strip() for line in said.stderr.splitlines() if "apt-get" in line]
    expect(commands == ["sudo apt-get install -y brotli python3"], f"not the one command: {said}")
    expect(not (copy / "data").exists() and not (copy / "target").exists(), "something half-started stays")


def slow_steps():
    """A step on a terminal shows what it does; on a pipe it is one line; one that fails shows its output and ends the script."""
    step = 'source scripts/common.sh; step "slow" bash -c "echo first; printf \'one\\rtwo\'; sleep 2; exit $0"'
    shown = Terminal("bash", "-c", step, "0")
    shown.until(r"slow +\d s  two\s*\r\x1b\[K", 20)
    expect(shown.ended() == 0 and re.search(r"\r\x1b\[K  slow +done, 2\.\d s\r\n$", shown.text), repr(shown.text))
    piped = subprocess.run(["bash", "-c", step, "0"], cwd=root, capture_output=True, text=True)
    expect(re.fullmatch(r"  slow +done, 2\.\d s\n", piped.stdout) and not piped.stderr, repr(piped))
    failed = subprocess.run(["bash", "-c", step + "; echo went on", "3"], cwd=root, capture_output=True, text=True)
    expect(failed.returncode == 1 and failed.stdout.endswith("FAILED\n") and failed.stderr == "first\ntwo", repr(failed))


def up_and_up_again():
    first = Terminal("make", "up")
    first.until(re.escape(listen) + r"/setup\?token=\S+", 900)
    console, before = pid_in("console.pid"), nodes()
    expect(all(map(lives, [console, *before])), "something is not up")
    first.type("\x03")
    first.ended()
    expect(not lives(console), "Ctrl-C left the console")
    expect(all(map(lives, before)), "Ctrl-C ended a node")

    again = Terminal("make", "up")
    again.until(re.escape(listen) + r"/setup\?token=\S+", 120)
    expect(nodes() == before, "make up did not pick the nodes up")
    console = pid_in("console.pid")

    asked = Terminal("make", "reset")
    asked.until('Type "delete"', 20)
    asked.type("no\n")
    expect(asked.ended() != 0 and lives(console) and all(map(lives, before)), f"reset did more than ask: {asked.text}")
    asked = Terminal("make", "reset")
    asked.until('Type "delete"', 20)
    asked.type("delete\n")
    expect(asked.ended() == 0 and not data.exists(), f"data is left: {asked.text}")
    expect(not any(map(lives, [console, *before])), "reset left something running")
    again.ended()


try:
    for test in (slow_steps, someone_else, up_and_up_again):
        test()
        print(f"  {test.__name__.replace('_', ' '):<44} passed", flush=True)
finally:
    if (console := data / "console.pid").exists() and lives(int(console.read_text())):
        os.kill(int(console.read_text()), signal.SIGTERM)
    subprocess.run([root / "scripts/down.sh"], env=env, stdout=subprocess.DEVNULL)
    shutil.rmtree(folder, ignore_errors=True)
