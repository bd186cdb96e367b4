#!/usr/bin/env bash
# swift_venv.sh VERSION  installs that release of ms-swift below the target folder, over the environment that has torch (test_full.sh), and
# prints its python. About 1 GB each; nothing needs a GPU.
source "$(dirname "$0")/common.sh"
version=$1
torch=$(realpath -m "$target/torch")
venv=$(realpath -m "$target/swift-$version")
if ! "$venv/bin/python" -c 'import swift' 2>/dev/null >&2; then
  python3 -m venv "$venv"
  site_packages=$("$venv/bin/python" -c 'import site; print(site.getsitepackages()[0])')
  # What the torch environment has is used from there, unless this release needs another version.
  "$torch/bin/python" -c 'import site; print(site.getsitepackages()[0])' >"$site_packages/torch.pth"
  # 3.x was made for these: without the bounds pip tries hundreds of old releases, and today's pyarrow refuses numpy 1.
  bounds=()
  [[ $version != 3.* ]] || bounds=('numpy<2' 'pyarrow<22' 'pandas<3' 'transformers==4.57.1' 'huggingface_hub<1' 'tokenizers<0.23' 'datasets==3.6.0' 'trl==0.23.1' 'peft==0.17.1' 'fsspec<2025.4')
  "$venv/bin/pip" install -q "ms-swift==$version" "${bounds[@]}" >&2
fi
printf '%s\n' "$venv/bin/python"
