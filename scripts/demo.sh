#!/bin/bash
# demo.sh [--user UID[:GID]]: shows a real guest on the network through passt. passt runs in a network
# namespace that stands for a pod, as an ordinary user with no capability; UID needs no passwd entry
# (default: nobody; $DEMO_USER says it as well). PASSATELLI_BIN=PROGRAM shows another passt.
# Exit code 0: the guest got the pod's address, and every ping was answered.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/lab.sh
. "$root/scripts/lab.sh"

user=${DEMO_USER:-65534:65534}
case $#:${1:-} in
    0:) ;;
    2:--user) user=$2 ;;
    *)
        sed -n '2,/^set/s/^# \?//p' "$0" >&2
        exit 2
        ;;
esac
uid=${user%%:*} gid=${user#*:}
if [[ ! $uid:$gid =~ ^[1-9][0-9]*:[0-9]+$ ]]; then
    echo "demo: the user is given by number, and is not root: UID or UID:GID, not $user" >&2
    exit 2
fi

say() { printf '\n== %s\n' "$*"; }
note() { echo "   $*"; }

work='' lab='' passt='' boot=''
end() {
    local process
    for process in $boot $passt; do
        kill "$process" 2> /dev/null || true
        wait "$process" 2> /dev/null || true
    done
    [ -z "$lab" ] || lab_down "$lab"
    [ -z "$work" ] || rm -rf "$work"
}
trap end EXIT
trap 'exit 143' TERM
trap 'exit 130' INT HUP
fail() {
    if [ -s "$work/passt.log" ]; then
        echo
        echo "The end of passt's log:"
        tail -n 20 "$work/passt.log" | sed 's/^/   passt | /'
    fi
    echo
    echo "demo: FAILED: $*"
    exit 1
}

[ "$(id -u)" = 0 ] || fail "it takes root to make the network namespaces and to step down from"
work=$(mktemp -d)
chmod 711 "$work"

say "Set-up and build"
"$root/scripts/setup.sh" demo | sed 's/^/   /'
readable=()
if [ -n "${PASSATELLI_BIN:-}" ]; then
    program=$PASSATELLI_BIN
    note "nothing to build: PASSATELLI_BIN is $program"
else
    . "$root/scripts/jdk.sh" || fail "there is no JDK to build with"
    make --no-print-directory -s -C "$root" build 2>&1 | sed 's/^/   /' || fail "the build failed"
    program=$root/target/passatelli/bin/passt
    readable=(-r "$root/target/passatelli" -r "$JAVA_HOME")
fi
[ -x "$program" ] || fail "there is no program $program"
note "passt is $program"
guest=$("$root/src/test/guest/build") || fail "the guest could not be built"
note "the guest is Debian's $(cat "$guest/kernel"), with a root file system in memory"

say "A network of two namespaces"
lab=demo$$
lab_up "$lab" || fail "the network namespaces could not be made"
note "peer:    10.77.0.1 and 10.77.0.3, on the other end of a cable"
note "pod:     10.77.0.2, default route by 10.77.0.1; passt runs here"

say "passt, with no rights"
mkdir -m 700 "$work/run"
chown "$uid:$gid" "$work/run"
socket=$work/run/passt.socket
note "passt -f -s $socket"
ip netns exec "$lab-pod" "$root/scripts/unprivileged.sh" "${readable[@]}" "$uid:$gid" \
    "$program" -f -s "$socket" > "$work/passt.log" 2>&1 < /dev/null &
passt=$!
began=$(date +%s%N)
while [ ! -S "$socket" ]; do
    kill -0 "$passt" 2> /dev/null || fail "passt ended at once"
    [ $((($(date +%s%N) - began) / 1000000)) -lt 30000 ] || fail "passt made no socket within 30 s"
    sleep 0.02
done
note "its socket was there after $((($(date +%s%N) - began) / 1000000)) ms"
note "what /proc/$passt/status says of it ($(getent passwd "$uid" | grep -o '^[^:]*' || echo "a user without a passwd entry")):"
evidence=''
capable() { grep -qE '^Cap(Inh|Prm|Eff|Amb):.*[1-9a-f]' <<< "$evidence"; }
for ((try = 0; try < 20; try++)); do
    evidence=$(grep -E '^(Name|Uid|Gid|Groups|CapInh|CapPrm|CapEff|CapBnd|CapAmb|NoNewPrivs):' "/proc/$passt/status") || fail "passt ended at once"
    # A passt that shuts itself into a user namespace of its own has the capabilities of that, worth
    # nothing outside, until it gives them up.
    capable || break
    [ "$(readlink "/proc/$passt/ns/user")" != "$(readlink /proc/self/ns/user)" ] || break
    sleep 0.1
done
echo "   proc  | ${evidence//$'\n'/$'\n'   proc  | }"
own_uid="Uid:"$'\t'"$uid"$'\t'"$uid"$'\t'"$uid"$'\t'"$uid"
grep -qx "$own_uid" <<< "$evidence" || fail "passt does not run as user $uid"
# The bounding set says nothing of a process in a user namespace of its own.
if capable; then fail "passt has a capability"; fi
grep -qx 'NoNewPrivs:.1' <<< "$evidence" || fail "passt may gain rights"

say "A guest, with a network card that leads to passt"
cat > "$work/guest.sh" << 'GUEST'
echo "\$ lease"
lease || exit 1
echo "\$ ip -4 address show dev eth0 | grep inet"
ip -4 address show dev eth0 | grep inet
echo "\$ ip route"
ip -4 route
probe() {
    echo "\$ ping -c 3 $1"
    ping -c 3 "$1" | tee /tmp/ping
    echo "answered.$2=$(grep -c 'bytes from' /tmp/ping)"
}
probe "$(ip -4 route | sed -n 's/^default via \([^ ]*\).*/\1/p')" gateway
probe 10.77.0.3 peer
GUEST
exec 4> >(tee "$work/guest.log" | sed -u '/^answered/d; s/^/   guest | /')
shown=$!
# In the background, for a signal has to wait for a command in the foreground.
"$root/src/test/guest/boot" "$socket" "$work/guest.sh" >&4 2>&1 &
boot=$!
exec 4>&-
code=0
wait "$boot" || code=$?
boot=
wait "$shown"

say "What was seen"
[ "$code" = 0 ] || fail "the guest did not do all it was asked to (exit code $code)"
got() { sed -n "s/^$1=//p" "$work/guest.log"; }
[ "$(got lease.ip)" = 10.77.0.2 ] || fail "the guest's address is '$(got lease.ip)', not the pod's, 10.77.0.2"
note "the guest has the pod's address, 10.77.0.2, with no NAT in between"
[ "$(got answered.gateway)" = 3 ] || fail "$(got answered.gateway) of 3 pings to the gateway were answered"
note "3 of 3 pings to the gateway, $(got lease.router), answered: it stands for the pod's own loopback"
[ "$(got answered.peer)" = 3 ] || fail "$(got answered.peer) of 3 pings to the peer were answered"
note "3 of 3 pings to the peer, 10.77.0.3, answered, by way of an ordinary ping socket"
kill -0 "$passt" 2> /dev/null || fail "passt did not outlive its guest"
echo
echo "demo: all of it was seen"
