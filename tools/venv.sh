# Sourced by demo.sh and test.sh from the root of the checkout: makes .venv and installs the package with an extra.
install_blurdata() {
    python=${PYTHON:-python3}
    if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        echo "blurdata needs Python 3.11 or newer; '$python' is older or missing. Set PYTHON to one that is." >&2
        exit 1
    fi
    if [ ! -x .venv/bin/python ]; then
        echo "Making .venv with $("$python" --version) …" >&2
        "$python" -m venv .venv || { echo "On Debian, 'apt install python3-venv' brings what is missing." >&2; exit 1; }
    fi
    echo "Installing blurdata[$1] into .venv (the first time this takes some minutes: torch is large) …" >&2
    .venv/bin/python -m pip install --quiet --disable-pip-version-check -e ".[$1]"
}
