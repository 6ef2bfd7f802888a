#!/bin/sh
# Installs what the adapters in evals/adapters/ need into a throw-away virtual
# environment, with pinned versions: scripts/install-adapters.sh [FOLDER]
set -eu
folder=${1:-target/adapters}
python3 -m venv "$folder" || {
    echo "adapters go into a virtual environment: install venv (Debian: \`apt install python3-venv\`)" >&2
    exit 1
}
"$folder/bin/pip" install --quiet --disable-pip-version-check \
    --requirement "$(dirname "$0")/../evals/adapters/requirements.txt"
echo "$folder/bin/python evals/adapters/langgraph_store.py"
echo "$folder/bin/python evals/adapters/mem0_raw.py"
echo "$folder/bin/python evals/adapters/mem0_extracting.py"
