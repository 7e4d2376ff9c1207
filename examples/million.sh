#!/usr/bin/env bash
# A follower is away while a million entries are written, and catches up by a snapshot and the log's tail. Says how much
# memory and disk the leader took. Needs curl and release builds:
#   cargo build --release && cargo build --release -p raftdeck-client --example load
# Takes a minute or two; everything is gone when it ends. Another number of entries: examples/million.sh 50000
set -euo pipefail
cd "$(dirname "$0")/.."

entries=${1:-1000000}
raftdeck=target/release/raftdeck
load=target/release/examples/load
for program in "$raftdeck" "$load"; do
  [ -x "$program" ] || { echo "$program is missing, build it first: see the top of this script" >&2; exit 1; }
done

data=$(mktemp -d)
declare -A nodes
stop() {
  for node in "${nodes[@]}"; do kill "$node" 2>/dev/null || true; done
  wait
  rm -rf "$data"
}
trap stop EXIT

cluster=127.0.0.1:8080,127.0.0.1:8081,127.0.0.1:8082
start() {
  "$raftdeck" node --node-id "$1" --cluster "$cluster" --data-dir "$data/n$1" 2>>"$data/n$1.log" &
  nodes[$1]=$!
}
field() { curl -sS --fail "localhost:$((11079 + $1))/health" | sed "s/.*\"$2\":\"*\([^,\"}]*\).*/\1/"; }
memory() { awk '/VmHWM/ { printf "%d MiB", $2 / 1024 }' "/proc/${nodes[$1]}/status"; }

start 1; start 2
curl -sS -o /dev/null --retry 30 --retry-delay 1 --retry-all-errors --fail -X PUT -H 'Content-Type: application/json' \
  -d '{"key":"first","value":"1"}' localhost:11080/set
leader=$(field 1 leaderId); leader=${leader#n}
echo "n$leader leads; n3 is away; the leader's greatest memory so far is $(memory "$leader")"

"$load" "$cluster" "$entries"
echo "the leader's commit index is $(field "$leader" commitIndex), its greatest memory $(memory "$leader")," \
  "its directory $(du -sh "$data/n$leader" | cut -f1)"

start 3
target=$(field "$leader" commitIndex)
deadline=$((SECONDS + 60))
until [ "$(field 3 lastApplied 2>/dev/null || echo 0)" -ge "$target" ]; do
  [ $SECONDS -lt $deadline ] || { echo "n3 did not catch up within a minute" >&2; exit 1; }
  sleep 0.2
done
echo "n3 has applied everything through entry $target; its greatest memory is $(memory 3)"
echo "the leader's greatest memory is $(memory "$leader")"
