"""Compares `trainyard dataset check` with what installed releases of ms-swift make of the same files.

`test_datasets.py PROGRAM VERSION=PYTHON …`, each PYTHON having that release (scripts/swift_venv.sh). Per file: is it refused as a whole, how
many rows are left, and is every row that trains nothing said to be such a one.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

here = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(here / "datasets"))
import cases


def ours(program, version, file):
    done = subprocess.run([program, "dataset", "check", file, "--for", version, "--json"], capture_output=True, text=True)
    assert done.returncode in (0, 1), f"{file}: {done.stderr}"
    report = json.loads(done.stdout)
    lost = report["rows_lost"] > 0 or report["verdict"]["file_fails"]
    assert done.returncode == int(lost), f"{file}: exit code {done.returncode}, {report['rows_lost']} rows lost"
    return report


def compare(program, version, python, files, folder):
    done = subprocess.run([python, here / "datasets/real_swift.py", folder / "model", *files], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"ms-swift {version}: {done.stderr[-2000:]}")
    wrong = 0
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert len(lines) == len(files), done.stderr[-2000:]
    for file, real in zip(files, lines):
        report = ours(program, version, file)
        verdict = report["verdict"]
        left = 0 if verdict["file_fails"] else verdict["kept"] + verdict["changed"] + verdict["empty_turn"]
        really = real.get("kept", 0)
        # Prompts without answers are what GRPO trains from.
        said_empty = verdict["empty_turn"] + verdict["changed"] + report["forms"].get("grpo", 0)
        is_right = left == really and real.get("empty", 0) <= said_empty
        # Beyond its ends, a long file is not encoded row by row.
        is_right |= bool(real.get("loaded", 0) > 60 and left <= really)
        if not is_right:
            wrong += 1
            said = [(one["kind"], one["effect"], one["row"]) for one in report["findings"][:4]]
            print(f"  {version} {file.name}: ms-swift keeps {really} ({real.get('error') or real['errors']}), we say {left}: {said}")
    print(f"ms-swift {version}: {len(files) - wrong} of {len(files)} files judged alike", flush=True)
    return wrong


def main(program, *releases):
    with tempfile.TemporaryDirectory(prefix="trainyard-datasets-") as folder:
        folder = pathlib.Path(folder)
        files = cases.write(folder / "files")
        wrong = sum(compare(program, *release.split("=", 1), files, folder) for release in releases)
    if wrong:
        sys.exit(f"{wrong} verdicts differ")
    print(f"{len(files) * len(releases)} passed, 0 failed")


main(*sys.argv[1:])
