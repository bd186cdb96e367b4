#!/usr/bin/env bash
# What is too slow or too big for CI: the bundled dataset is really learnt, and real torch and transformers read what the rehearsal writes.
source "$(dirname "$0")/common.sh"
install_build_tools
install_packages python3=python3
python=${TORCH_PYTHON:-$target/torch/bin/python}
if [[ ! -x $python ]]; then
  step "Python with torch and transformers" bash -c "python3 -m venv '$target/torch' && '$target/torch/bin/pip' install torch transformers"
fi
export TORCH_PYTHON
TORCH_PYTHON=$(realpath -s "$python")
mkdir -p $site/pkg
cargo test -q --test export --test megatron -- --include-ignored
