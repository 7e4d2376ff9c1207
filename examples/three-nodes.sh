#!/usr/bin/env bash
# Three headless nodes on this machine until Ctrl-C; then they and their data are gone. Needs a shell and raftdeck: a release
# build (cargo build --release), one on the PATH, or the one that RAFTDECK names. HOST is the address they serve at.
set -euo pipefail
cd "$(dirname "$0")/.."

raftdeck=${RAFTDECK:-target/release/raftdeck}
[ -x "$raftdeck" ] || raftdeck=$(command -v raftdeck) || { echo "build it first: cargo build --release" >&2; exit 1; }
host=${HOST:-127.0.0.1}

data=$(mktemp -d)
nodes=()
stop() {
  trap - EXIT
  for node in ${nodes[@]+"${nodes[@]}"}; do kill "$node" 2>/dev/null || true; done
  wait
  rm -rf "$data"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

cluster=$host:8080,$host:8081,$host:8082
for id in 1 2 3; do
  "$raftdeck" node --node-id "$id" --cluster "$cluster" --data-dir "$data/n$id" >/dev/null &
  nodes+=($!)
done

echo "Three nodes, until Ctrl-C. From another shell:"
echo "  curl -X PUT -H 'Content-Type: application/json' -d '{\"key\":\"name\",\"value\":\"luffy\"}' http://$host:11080/set"
echo "  curl 'http://$host:11081/get?key=name'"
echo "  $raftdeck client --cluster $cluster status --watch"
# A node that ends by itself ends the others, too: its last words say why.
wait -n 2>/dev/null || wait
