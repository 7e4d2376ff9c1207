#!/usr/bin/env bash
# How the throughput of writes changes with the number of nodes, the size of values and the number of keys, as a table
# in Markdown. Each row is a cluster of its own, with the floor measured by turns; the whole takes some minutes.
#
#   examples/cost-as-it-grows.sh [SECONDS A ROW, 5 by default]
set -euo pipefail
cd "$(dirname "$0")/.."

secs=${1:-5}
cargo build --release --quiet
raftdeck=target/release/raftdeck

# The first number that stands under this name.
figure() { grep -o "\"$1\":[0-9.e+-]*" <<<"$json" | head -n 1 | cut -d: -f2; }

row() {
  local nodes=$1 value=$2 keys=$3
  json=$("$raftdeck" bench write --clients 256 --secs "$secs" --floor --json \
    --nodes "$nodes" --value-size "$value" --keys "$keys" --fill)
  awk -v nodes="$nodes" -v value="$value" -v keys="$keys" -v rate="$(figure throughput)" -v p50="$(figure p50)" \
    -v p99="$(figure p99)" -v cpu="$(figure servers_cpu_us_per_op)" -v ratio="$(figure ratio)" 'BEGIN {
      printf "| %d | %d | %d | %.0f | %.2f | %.2f | %.1f | %.3f |\n",
        nodes, value, keys, rate, p50 / 1000, p99 / 1000, cpu, ratio
    }'
}

echo '| nodes | value, bytes | keys | writes/s | p50, ms | p99, ms | CPU of all nodes, us a write | ratio to the floor |'
echo '| --- | --- | --- | --- | --- | --- | --- | --- |'
for nodes in 1 3 5 7; do row "$nodes" 256 100000; done
for value in 16 4096 65536; do row 3 "$value" 1000; done
for keys in 1000 100000 10000000; do row 3 16 "$keys"; done
