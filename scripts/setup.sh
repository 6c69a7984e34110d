#!/bin/sh
# Gets uv where it is missing and brings .venv to the committed lock: `setup.sh run` for running, `setup.sh all` for
# working on the project as well. A second call with nothing changed returns at once.
set -eu
cd "$(dirname "$0")/.."
what=${1:-all}

say() { printf '%s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

# Prints the major and minor version of an interpreter as one number (312), or nothing where it does not even start,
# which is what a pyenv shim does in a folder that asks for a version it does not have.
version_of() { "$1" -c 'import sys; print(sys.version_info[0] * 100 + sys.version_info[1])' 2>/dev/null || true; }

interpreters() {
    for name in python3.13 python3.14 python3.12 python3 python; do
        # `command -v` knows one path only, and the first may be a shim.
        echo "$PATH" | tr : '\n' | while IFS= read -r folder; do
            if [ -x "$folder/$name" ]; then echo "$folder/$name"; fi
        done
    done
    for root in "${PYENV_ROOT:-$HOME/.pyenv}"; do
        for version in 3.13 3.14 3.12 3.11 3.10 3.9 3.8; do
            for python in "$root"/versions/"$version"*/bin/python; do
                if [ -x "$python" ]; then echo "$python"; fi
            done
        done
    done
}

# The first interpreter of at least the given version.
find_python() {
    interpreters | while IFS= read -r python; do
        version=$(version_of "$python")
        if [ -n "$version" ] && [ "$version" -ge "$1" ]; then
            echo "$python"
            break
        fi
    done
}

find_uv() {
    if [ -x .tools/bin/uv ] && .tools/bin/uv --version >/dev/null 2>&1; then
        echo "$PWD/.tools/bin/uv"
        return
    fi
    # Settings of the project (required-version) decide whether an installed uv will do.
    if command -v uv >/dev/null 2>&1 && uv lock --check --offline >/dev/null 2>&1; then
        command -v uv
        return
    fi
    any=$(find_python 308)
    if [ -z "$any" ]; then
        fail "Gatehouse needs Python 3.12 or newer, and no Python was found. Install one and run make again."
    fi
    say "Getting uv into .tools …"
    rm -rf .tools
    if "$any" -m venv .tools >/dev/null 2>&1 && .tools/bin/pip install --quiet "uv==$UV_VERSION" >&2; then
        echo "$PWD/.tools/bin/uv"
    elif "$any" -m pip install --quiet --target .tools "uv==$UV_VERSION" >&2 && [ -x .tools/bin/uv ]; then
        # Debian splits venv off its Python; a plain folder does as well.
        echo "$PWD/.tools/bin/uv"
    else
        fail "uv could not be installed into .tools with $any. Install uv (0.13 or newer) and run make again."
    fi
}

UV_VERSION=0.13.8
stamp=.venv/.synced-$what
wanted=$(cat uv.lock pyproject.toml .python-version | cksum)
if [ -x .venv/bin/python ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && [ -n "$(version_of .venv/bin/python)" ]; then
    exit 0
fi

uv=$(find_uv)
present=$(version_of .venv/bin/python)
python=$(find_python 312)
if [ -n "$present" ] && [ "$present" -ge 312 ]; then
    # Any other path to the same interpreter would have uv build .venv anew.
    export UV_PYTHON="$PWD/.venv/bin/python"
elif [ -n "$python" ]; then
    UV_PYTHON=$("$python" -c 'import sys; print(getattr(sys, "_base_executable", sys.executable))')
    export UV_PYTHON
elif ! "$uv" python find '>=3.12' >/dev/null 2>&1 && ! "$uv" python install 3.13 >/dev/null 2>&1; then
    old=$(find_python 308)
    fail "Gatehouse needs Python 3.12 or newer; the newest here is $("${old:-python3}" -V 2>&1 | head -n 1) and uv could fetch none."
fi

# Run needs no development tools, but takes none away either.
if [ "$what" = run ]; then options="--no-dev --inexact"; else options=""; fi
say "Installing what uv.lock names …"
rm -f .venv/.synced-*
# shellcheck disable=SC2086  # the options are words
if "$uv" sync --locked --quiet --group local-llm $options; then
    :
elif "$uv" sync --locked --quiet $options; then
    say "The local model cannot be installed on this machine; Gatehouse runs without it."
else
    fail "The packages that uv.lock names could not be installed; the lines above say why."
fi
echo "$wanted" > "$stamp"
if [ "$what" = all ]; then echo "$wanted" >.venv/.synced-run; fi
