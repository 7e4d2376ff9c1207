#!/usr/bin/env bash
# Prints the Secrets of the example: a certificate for each node, and the tokens. Nothing is kept but what is printed: the authority's key
# is thrown away, so for a new certificate all are made anew. Needs raftdeck (or the one that RAFTDECK names) and kubectl.
#
#   ./secrets.sh | kubectl apply -n raftdeck -f -
set -euo pipefail

raftdeck=${RAFTDECK:-raftdeck}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

hosts=raftdeck-1.raftdeck-nodes,raftdeck-2.raftdeck-nodes,raftdeck-3.raftdeck-nodes,raftdeck-http,localhost,127.0.0.1
"$raftdeck" tls new --dir tls --nodes 3 --hosts "$hosts" >&2
for token in client-token manager-token; do
  head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n' >"$token"
done

secret() {
  kubectl create secret generic "$@" --dry-run=client -o yaml
  echo ---
}
for id in 1 2 3; do
  secret "raftdeck-n$id" --from-file=ca.crt=tls/ca.pem --from-file="tls.crt=tls/n$id.pem" --from-file="tls.key=tls/n$id-key.pem"
done
secret raftdeck-tokens --from-file=client-token --from-file=manager-token
secret raftdeck-client --from-file=ca.crt=tls/ca.pem --from-file=tls.crt=tls/client.pem --from-file=tls.key=tls/client-key.pem
