#!/bin/bash
# A small network to try things in, all of it in two network namespaces and gone with them:
#
#   NAME-peer                        NAME-pod
#   eth0 10.77.0.1/24 10.77.0.3  --  eth0 10.77.0.2/24, default route 10.77.0.1
#        fd77::1/64   fd77::3             fd77::2/64,   default route fd77::1
#
# and on demand a pod on another node, OTHER-pod, whose eth0, 10.78.0.2/24 and fd78::2/64, leads to NAME-peer's eth1, .1 and ::1.
#
# Sourced, this file offers lab_up NAME, lab_beside OTHER NAME and lab_down NAME; run, "up NAME", "beside OTHER NAME", "down NAME" and
# "with NAME COMMAND...", which takes the network down again after the command. NAME has to be unique
# on the machine. Commands go into a namespace by "ip netns exec NAME-pod COMMAND...", where
# /etc/resolv.conf names the peer as the resolver, with a search list.

# lab_pod NAME PEER INTERFACE N: the namespace NAME-pod, whose eth0, 10.N.0.2 and fdN::2, leads to an interface of PEER, 10.N.0.1 and fdN::1.
lab_pod() {
    local pod=$1-pod peer=$2 card=$3 n=$4
    mkdir -p "/etc/netns/$pod" &&
        printf 'nameserver 10.77.0.3\nsearch lab.example sub.lab.example\n' > "/etc/netns/$pod/resolv.conf" &&
        ip netns add "$pod" &&
        ip -n "$pod" link add eth0 type veth peer name "$card" netns "$peer" &&
        ip -n "$peer" address add "10.$n.0.1/24" dev "$card" &&
        ip -n "$peer" address add "fd$n::1/64" dev "$card" nodad &&
        ip -n "$pod" address add "10.$n.0.2/24" dev eth0 &&
        ip -n "$pod" address add "fd$n::2/64" dev eth0 nodad &&
        ip -n "$pod" link set lo up && ip -n "$pod" link set eth0 up &&
        ip -n "$peer" link set "$card" up &&
        ip -n "$pod" route add default via "10.$n.0.1" &&
        ip -n "$pod" -6 route add default via "fd$n::1" dev eth0 &&
        ip netns exec "$pod" sysctl -qw net.ipv4.ping_group_range='0 2147483647' \
            net.ipv4.ip_unprivileged_port_start=0
}

# What nodes normally use, so that figures mean the same on every machine. A namespace may choose
# only what the machine allows everybody.
lab_cubic() {
    local namespace
    [ "$(sysctl -n net.ipv4.tcp_congestion_control)" != cubic ] || return 0
    case " $(sysctl -n net.ipv4.tcp_allowed_congestion_control) " in
        *" cubic "*) ;;
        *) sysctl -qw net.ipv4.tcp_allowed_congestion_control="$(sysctl -n net.ipv4.tcp_allowed_congestion_control) cubic" || true ;;
    esac
    for namespace in "$@"; do
        ip netns exec "$namespace" sysctl -qw net.ipv4.tcp_congestion_control=cubic || true
    done
}

lab_up() {
    local pod=$1-pod peer=$1-peer
    if [ "$(id -u)" != 0 ]; then
        echo "lab: network namespaces need root" >&2
        return 1
    fi
    if ! {
        ip netns add "$peer" && ip -n "$peer" link set lo up &&
            lab_pod "$1" "$peer" eth0 77 &&
            ip -n "$peer" address add 10.77.0.3/24 dev eth0 &&
            ip -n "$peer" address add fd77::3/64 dev eth0 nodad
    }; then
        echo "lab: the network $1 could not be made" >&2
        lab_down "$1"
        return 1
    fi
    lab_cubic "$pod" "$peer"
}

lab_beside() {
    if ! lab_pod "$1" "$2-peer" eth1 78; then
        echo "lab: the pod $1 could not be made beside $2" >&2
        lab_down "$1"
        return 1
    fi
    lab_cubic "$1-pod"
}

lab_down() {
    local namespace pids
    for namespace in "$1-pod" "$1-peer"; do
        if [ -e "/run/netns/$namespace" ]; then
            pids=$(ip netns pids "$namespace" 2> /dev/null)
            # shellcheck disable=SC2086
            [ -z "$pids" ] || kill $pids 2> /dev/null || true
            ip netns delete "$namespace"
        fi
    done
    rm -rf "/etc/netns/$1-pod"
    rmdir /etc/netns 2> /dev/null || true
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
    case ${1:-}-$# in
        up-2) lab_up "$2" ;;
        beside-3) lab_beside "$2" "$3" ;;
        down-2) lab_down "$2" ;;
        with-1 | with-2 | -*) echo "usage: $0 up NAME | beside OTHER NAME | down NAME | with NAME COMMAND..." >&2 && exit 2 ;;
        with-*)
            lab=$2
            shift 2
            command=
            trap '[ -z "$command" ] || kill "$command" 2> /dev/null; lab_down "$lab"' EXIT
            trap 'exit 143' TERM
            trap 'exit 130' INT HUP
            lab_up "$lab" || exit 1
            # In the background, for a signal has to wait for a command in the foreground.
            "$@" <&0 &
            command=$!
            code=0
            wait "$command" || code=$?
            command=
            exit "$code"
            ;;
        *) echo "usage: $0 up NAME | beside OTHER NAME | down NAME | with NAME COMMAND..." >&2 && exit 2 ;;
    esac
fi
