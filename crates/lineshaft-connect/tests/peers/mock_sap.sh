#!/bin/sh
# mock-sap (PyPI, MIT): OData V2 and V4 with CSRF tokens, ETags and faults on demand. Used by tests only.
#
#   mock_sap.sh install DIR            installs it below DIR, once
#   mock_sap.sh run DIR PORT [option]  becomes the server on 127.0.0.1:PORT; ended by its process id
set -eu

version=0.22.0
home="$2/mock-sap-$version"

case "$1" in
install)
    mkdir -p "$2"
    exec 9>"$2/mock-sap.lock"
    if command -v flock >/dev/null; then flock 9; fi
    [ -e "$home/complete" ] && exit 0
    rm -rf "$home"
    python3 -m venv "$home"
    "$home/bin/pip" install --quiet --disable-pip-version-check --timeout 20 --retries 1 "mock-sap==$version"
    touch "$home/complete"
    ;;
run)
    port="$3"
    shift 3
    exec "$home/bin/mock-sap" --host 127.0.0.1 --port "$port" --quiet "$@"
    ;;
*)
    echo "usage: $0 install DIR | run DIR PORT [option...]" >&2
    exit 2
    ;;
esac
