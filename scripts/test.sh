#!/usr/bin/env bash
# Everything CI runs: check, the supervisor against a real OpenSSH, the API and the browser walks against the rehearsal.
source "$(dirname "$0")/common.sh"
install_build_tools
install_packages chromium=chromium /usr/sbin/sshd=openssh-server /usr/share/fonts/opentype/noto=fonts-noto-cjk ip=iproute2 npm=npm
scripts/build.sh
scripts/check.sh
printf 'integration tests\n'
cargo test -q --tests
scripts/walk.sh
