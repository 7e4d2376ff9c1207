#!/usr/bin/env bash
# Two minutes with a cluster over HTTP: set, get, delete, health; kill the leader; health again. Starts three nodes of its own,
# which are gone with their data when it ends. Needs curl, a shell and raftdeck: a release build (cargo build --release), one
# on the PATH, or the one that RAFTDECK names. HOST is the address they serve at. tour.ps1 is the same for PowerShell.
set -euo pipefail
cd "$(dirname "$0")/.."

raftdeck=${RAFTDECK:-target/release/raftdeck}
[ -x "$raftdeck" ] || raftdeck=$(command -v raftdeck) || { echo "build it first: cargo build --release" >&2; exit 1; }
host=${HOST:-127.0.0.1}

data=$(mktemp -d)
nodes=(0 0 0)
stop() {
  trap - EXIT
  for node in "${nodes[@]}"; do
    if [ "$node" != 0 ]; then kill "$node" 2>/dev/null || true; fi
  done
  wait
  rm -rf "$data"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

say() { printf '\n# %s\n' "$*"; }
url() { echo "http://$host:$((11079 + $1))"; }
show() { printf '$ %s\n' "$*"; "$@"; echo; }
start() {
  "$raftdeck" node --node-id "$1" --cluster "$host:8080,$host:8081,$host:8082" --data-dir "$data/n$1" \
    >/dev/null 2>>"$data/n$1.log" &
  nodes[$1 - 1]=$!
}
health() { curl -sS --max-time 2 "$(url "$1")/health" 2>/dev/null || true; }
# What a node knows of its role, and of its leader.
state() { health "$1" | sed -n 's/.*"state":"\([a-z_]*\)".*/\1/p'; }
leader() { health "$1" | sed -n 's/.*"leaderId":"n\([0-9]*\)".*/\1/p'; }
# Tries a condition again and again, for at most half a minute.
wait_until() {
  for _ in $(seq 300); do
    if "$@"; then return; fi
    sleep 0.1
  done
  echo "waited in vain: $*" >&2
  cat "$data"/*.log >&2
  exit 1
}
follow_a_leader() {
  for id in "$@"; do [ -n "$(leader "$id")" ] || return 1; done
}
follow_another_than() {
  local old=$1
  shift
  for id in "$@"; do
    local now
    now=$(leader "$id")
    [ -n "$now" ] && [ "$now" != "$old" ] || return 1
  done
}
is_follower() { [ "$(state "$1")" = follower ]; }

say "Three nodes. Any of them takes any request: a follower forwards it to the leader."
for id in 1 2 3; do start "$id"; done
wait_until follow_a_leader 1 2 3
json=(-H 'Content-Type: application/json')
show curl -sS --fail -X PUT "${json[@]}" -d '{"key":"name","value":"luffy"}' "$(url 1)/set"
show curl -sS --fail "$(url 2)/get?key=name"

say "A key that is deleted is gone: 404."
show curl -sS --fail -X PUT "${json[@]}" -d '{"key":"boat","value":"merry"}' "$(url 2)/set"
show curl -sS --fail -X DELETE "$(url 3)/delete?key=boat"
show curl -sS -w ' (%{http_code})' "$(url 1)/get?key=boat"

say "Exactly one of them leads."
for id in 1 2 3; do show curl -sS --fail "$(url "$id")/health"; done

old=$(leader 1)
case $old in 1) others=(2 3) ;; 2) others=(1 3) ;; *) others=(1 2) ;; esac
say "n$old leads. It is killed, as a crash would; the others elect one of themselves, and nothing is lost."
kill -9 "${nodes[old - 1]}"
wait "${nodes[old - 1]}" 2>/dev/null || true
nodes[old - 1]=0
wait_until follow_another_than "$old" "${others[@]}"
for id in "${others[@]}"; do show curl -sS --fail "$(url "$id")/health"; done
show curl -sS --fail "$(url "${others[0]}")/get?key=name"

say "n$old comes back, as a follower."
start "$old"
wait_until is_follower "$old"
show curl -sS --fail "$(url "$old")/health"
