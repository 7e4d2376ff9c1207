#!/usr/bin/env bash
# Three headless nodes on this machine and a short tour with curl. Needs curl and a release build
# (`cargo build --release`). The nodes and their data are gone when it ends.
set -euo pipefail
cd "$(dirname "$0")/.."

raftdeck=target/release/raftdeck
[ -x "$raftdeck" ] || { echo "build it first: cargo build --release" >&2; exit 1; }

data=$(mktemp -d)
nodes=()
stop() {
  for node in "${nodes[@]}"; do kill "$node" 2>/dev/null || true; done
  wait
  rm -rf "$data"
}
trap stop EXIT

cluster=127.0.0.1:8080,127.0.0.1:8081,127.0.0.1:8082
for id in 1 2 3; do
  "$raftdeck" node --node-id "$id" --cluster "$cluster" --data-dir "$data/n$id" 2>"$data/n$id.log" &
  nodes+=($!)
done

show() { printf '\n$ %s\n' "$*"; "$@"; echo; }
json=(-H 'Content-Type: application/json')

# Any node takes any request: a follower forwards it to the leader, once there is one.
show curl -sS --retry 20 --retry-delay 1 --retry-all-errors --fail -X PUT "${json[@]}" \
  -d '{"key":"name","value":"luffy"}' localhost:10080/set
show curl -sS 'localhost:10081/get?key=name'
show curl -sS localhost:10082/health

leader=$(curl -sS localhost:10080/health | sed 's/.*"leaderId":"n\([0-9]*\)".*/\1/')
printf '\n# n%s leads; it is killed, and the next one knows the key\n' "$leader"
kill -9 "${nodes[leader - 1]}"
other=$((leader % 3 + 1))
show curl -sS --retry 20 --retry-delay 1 --retry-all-errors --fail "localhost:$((10079 + other))/get?key=name"
show curl -sS "localhost:$((10079 + other))/health"
