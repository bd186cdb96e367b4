#!/usr/bin/env bash
# Files of TensorBoard's own writer and of tensorboardX, read back value for value. Both are installed below the target folder (about 100 MB)
# unless TENSORBOARD_PYTHON names a python3 that has them.
source "$(dirname "$0")/common.sh"
if [[ ! ${TENSORBOARD_PYTHON:-} ]]; then
  venv=$(realpath -m "$target/venvs/tensorboard")
  TENSORBOARD_PYTHON=$venv/bin/python
  # Debian's python3 makes no environments without this package.
  python3 -c 'import ensurepip' 2>/dev/null || install_packages /nowhere=python3-venv
  # Also one whose making was broken off.
  if "$TENSORBOARD_PYTHON" -c 'import tensorboard, tensorboardX' 2>/dev/null; then
    present "Python with TensorBoard"
  else
    step "Python environment" python3 -m venv "$venv"
    step "TensorBoard and tensorboardX" "$venv/bin/pip" install tensorboard==2.21.0 tensorboardX==2.6.5
  fi
fi
export TENSORBOARD_PYTHON
cargo test -q --test tensorboard -- --ignored
