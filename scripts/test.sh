#!/usr/bin/env bash
# Everything CI runs: check, the supervisor against a real OpenSSH and a real Docker, the API, `make up`, the demo and the browser walks against the rehearsal.
source "$(dirname "$0")/common.sh"
install_build_tools
install_packages chromium=chromium /usr/sbin/sshd=openssh-server dockerd=docker.io /usr/share/fonts/opentype/noto=fonts-noto-cjk ip=iproute2 npm=npm
# Debian's python3 makes no environments without this package.
python3 -c 'import ensurepip' 2>/dev/null || install_packages /nowhere=python3-venv
scripts/build.sh
scripts/check.sh
printf 'integration tests\n'
cargo test -q --tests
cargo test -q -p backend --test supervisor container -- --ignored # needs root, for dockerd
printf 'real SwanLab clients\n'
python3 scripts/test_swanlab.py "$target/debug/trainyard" 0.7.20 0.10.3
scripts/test_tensorboard.sh
printf 'metrics pushed by a script\n'
python3 scripts/test_push.py "$target/debug/trainyard"
printf 'what the commands do\n'
python3 scripts/test_up.py
scripts/test_demo.sh
scripts/walk.sh
