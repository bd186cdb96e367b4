#!/usr/bin/env bash
# What is too slow or too big for CI: five releases of the SwanLab client, a hundred kills of the console under a logging script, the
# bundled dataset is really learnt, real torch and transformers read what the rehearsal writes (they are installed below the target
# folder, about 6 GB, unless TORCH_PYTHON names a python3 that has them), and a log of a gigabyte is read over OpenSSH.
source "$(dirname "$0")/common.sh"
install_build_tools
begun=$SECONDS
if [[ ! ${TORCH_PYTHON:-} ]]; then
  venv=$(realpath -m "$target/torch")
  TORCH_PYTHON=$venv/bin/python
  # Debian's python3 makes no environments without this package.
  python3 -c 'import ensurepip' 2>/dev/null || install_packages /nowhere=python3-venv
  # Also one whose making was broken off.
  if "$TORCH_PYTHON" -c 'import torch, transformers' 2>/dev/null; then
    present "Python with torch and transformers"
  else
    step "Python environment" python3 -m venv "$venv"
    step "torch and transformers" "$venv/bin/pip" install torch transformers
  fi
fi
export TORCH_PYTHON
mkdir -p $site/pkg
log=$(mktemp)
trap 'rm -f "$log"' EXIT
cargo build -q --bin trainyard
TEST_FULL=1 python3 scripts/test_swanlab.py "$target/debug/trainyard" 0.6.13 0.7.20 0.8.5 0.9.8 0.10.3
python3 scripts/test_push.py "$target/debug/trainyard" 100
# Verdicts on dataset files, held to what real ms-swift does with them.
swift_old=$(scripts/swift_venv.sh 3.9.3)
swift_new=$(scripts/swift_venv.sh 4.6.0)
python3 scripts/test_datasets.py "$target/debug/trainyard" "3.9.3=$swift_old" "4.6.0=$swift_new"
SWIFT_PYTHONS="3.9.3=$swift_old 4.6.0=$swift_new" cargo test -q -p domain --test swift -- --ignored
cargo test -q --test export --test megatron -- --include-ignored | tee "$log"
cargo test -q --test supervisor gigabyte -- --ignored --nocapture | tee -a "$log"
printf 'test-full: %d tests passed in %d s, with %s\n' "$(awk '/^test result: ok\./ { sum += $4 } END { print sum }' "$log")" \
  $((SECONDS - begun)) "$("$TORCH_PYTHON" -c 'import torch, transformers; print("torch", torch.__version__, "and transformers", transformers.__version__)')"
