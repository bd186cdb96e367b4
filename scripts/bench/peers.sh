#!/usr/bin/env bash
# Installs the programs that ours is measured against: peers.sh FOLDER. Each in a venv of its own, at the versions that the figures name.
source "$(dirname "$0")/../common.sh"
folder=$1
mkdir -p "$folder"

# venv name package …
venv() {
  local name=$1
  shift
  if [[ -e $folder/$name/.has-$(printf '%s' "$*" | cksum | cut -d' ' -f1) ]]; then
    present "$name"
  else
    step "$name" bash -c 'python3 -m venv "$0" && "$0/bin/pip" install -q --disable-pip-version-check "$@"' "$folder/$name" "$@"
    touch "$folder/$name/.has-$(printf '%s' "$*" | cksum | cut -d' ' -f1)"
  fi
}
venv tensorboard tensorboard==2.21.0 tensorboard-data-server==0.7.2 tensorboardX==2.6.5 setuptools crc32c
venv trackio trackio==0.43.0
venv wandb wandb==0.31.0
venv swanlab swanlab==0.10.3
venv trailer trailer-sdk==0.1.22
venv duckdb duckdb==2.0.1 pyarrow numpy
if [[ -d $folder/js/node_modules/uplot ]]; then
  present "uPlot, ECharts"
else
  mkdir -p "$folder/js"
  step "uPlot, ECharts" npm install --prefix "$folder/js" --no-audit --no-fund uplot@1.6.32 echarts@6.1.0
fi
