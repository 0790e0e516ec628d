#!/bin/sh
# form-cluster.sh redis|valkey NODE...: makes one cluster of the nodes, unless they are one. Runs on one of them, as root.
set -eu
program=$1
shift
setting() {
    sed -n "s/^$1 //p" "/etc/$program/$program.conf"
}
# From the node's own file: sudo would log what Ansible hands over in the environment.
REDISCLI_AUTH=$(setting masterauth)
export REDISCLI_AUTH
tls="--tls --cacert $(setting tls-ca-cert-file) --cert $(setting tls-cert-file) --key $(setting tls-key-file)"
cli() {
    node=$1
    shift
    # shellcheck disable=SC2086
    "$program-cli" $tls --no-auth-warning --user admin_user -h "$node" "$@"
}
every_node_says() {
    line=$1
    shift
    for node in "$@"; do
        cli "$node" cluster info | grep -q "^$line" || return 1
    done
}

if ! every_node_says cluster_slots_assigned:16384 "$@"; then
    addresses=
    for node in "$@"; do
        cli "$node" cluster reset hard > /dev/null # what an interrupted run left
        addresses="$addresses $node:6379"
    done
    # shellcheck disable=SC2086
    cli "$1" --cluster create $addresses --cluster-replicas $(($# / 3 - 1)) --cluster-yes > /dev/null
    echo formed
fi
tries=0
until every_node_says cluster_state:ok "$@"; do
    tries=$((tries + 1))
    [ "$tries" -lt 60 ] || { echo "the cluster of $* is not ok after 30 s" >&2; exit 1; }
    sleep 0.5
done
