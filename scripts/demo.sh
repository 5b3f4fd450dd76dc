#!/bin/bash
# demo.sh [--user UID[:GID]]: shows a real guest on the network through passt. passt runs in a network
# namespace that stands for a pod, as an ordinary user with no capability; UID needs no passwd entry
# (default: nobody; $DEMO_USER says it as well). PASSATELLI_BIN=PROGRAM shows another passt.
# Exit code 0: the guest got the pod's addresses, every ping was answered, a name was resolved,
# datagrams went there and back from either side, files went both ways with the same checksums, and a
# web server in the guest was reached from outside, all of it with IPv4 and with IPv6; and a port that
# was opened while the guest ran led to it, and leads nowhere since it was closed.
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

echo_port=7007
guest_port=7008
web_port=8080
upload_port=7009
late_port=8090
file_mib=8

say() { printf '\n== %s\n' "$*"; }
note() { echo "   $*"; }

work='' lab='' passt='' boot='' helpers=()
end() {
    local process
    for process in $boot $passt "${helpers[@]}"; do
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
readable=() ctl=''
if [ -n "${PASSATELLI_BIN:-}" ]; then
    program=$PASSATELLI_BIN
    note "nothing to build: PASSATELLI_BIN is $program"
else
    . "$root/scripts/jdk.sh" || fail "there is no JDK to build with"
    make --no-print-directory -s -C "$root" build 2>&1 | sed 's/^/   /' || fail "the build failed"
    program=$root/target/passatelli/bin/passt
    readable=(-r "$root/target/passatelli" -r "$JAVA_HOME")
    ctl=$root/target/passatelli/bin/passatelli
fi
[ -x "$program" ] || fail "there is no program $program"
note "passt is $program"
guest=$("$root/src/test/guest/build") || fail "the guest could not be built"
note "the guest is Debian's $(cat "$guest/kernel"), with a root file system in memory"

say "A network of two namespaces"
lab=demo$$
lab_up "$lab" || fail "the network namespaces could not be made"
note "peer:    10.77.0.1 and .3, fd77::1 and ::3, on the other end of a cable"
note "pod:     10.77.0.2 and fd77::2, default routes by .1 and ::1; passt runs here"
# A resolver as many machines have it: on the loopback, where no guest reaches it by its address.
printf 'nameserver 127.0.0.1\nnameserver ::1\nsearch lab.example\n' > "/etc/netns/$lab-pod/resolv.conf"
ip netns exec "$lab-pod" dnsmasq --keep-in-foreground --conf-file=/dev/null --pid-file= --user=nobody \
    --no-resolv --no-hosts --bind-interfaces --listen-address=127.0.0.1,::1 \
    --host-record=web.lab.example,10.77.0.3,fd77::3 > "$work/dnsmasq.log" 2>&1 &
helpers+=($!)
note "pod:     a resolver on 127.0.0.1 and ::1 knows web.lab.example"
for address in 10.77.0.3 '[fd77::3]'; do
    family=4
    [ "$address" = 10.77.0.3 ] || family=6
    ip netns exec "$lab-peer" socat "UDP$family-RECVFROM:$echo_port,bind=$address,fork" \
        SYSTEM:'read -r line; echo "the peer heard\: $line"' &
    helpers+=($!)
done
note "peer:    answers datagrams to UDP port $echo_port"

mkdir "$work/web"
head -c "${file_mib}M" /dev/urandom > "$work/web/file"
checksum=$(sha256sum < "$work/web/file" | cut -d ' ' -f 1)
for address in 10.77.0.3 '[fd77::3]'; do
    family=4
    [ "$address" = 10.77.0.3 ] || family=6
    ip netns exec "$lab-peer" busybox httpd -f -p "$address:$web_port" -h "$work/web" &
    helpers+=($!)
    ip netns exec "$lab-peer" socat -u "TCP$family-LISTEN:$upload_port,bind=$address" "CREATE:$work/upload.$family" &
    helpers+=($!)
done
note "peer:    a web server at port $web_port has a file of $file_mib MiB, port $upload_port takes one"

say "passt, with no rights"
mkdir -m 700 "$work/run"
chown "$uid:$gid" "$work/run"
socket=$work/run/passt.socket
options=(-t "$web_port" -u "$guest_port" --dns-forward 10.77.0.53 --dns-forward fd77::53)
[ -z "$ctl" ] || options+=(--control "$work/run/control")
note "passt -f -s $socket ${options[*]}"
ip netns exec "$lab-pod" "$root/scripts/unprivileged.sh" "${readable[@]}" "$uid:$gid" \
    "$program" -f -s "$socket" "${options[@]}" > "$work/passt.log" 2>&1 < /dev/null &
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
cat > "$work/guest.sh" << GUEST
echo_port=$echo_port guest_port=$guest_port web_port=$web_port upload_port=$upload_port
GUEST
cat >> "$work/guest.sh" << 'GUEST'
echo "\$ lease"
lease || exit 1
echo "\$ ra"
ra || exit 1
echo "\$ lease6"
lease6 || exit 1
echo "\$ ip address show dev eth0 | grep inet"
ip address show dev eth0 | grep inet
echo "\$ ip route; ip -6 route show default"
ip -4 route
ip -6 route show default | sed 's/  *expires.*//'
probe() {
    echo "\$ ping -c 3 -i 0.3 $1"
    ping -c 3 -i 0.3 "$1" | tee /tmp/ping
    echo "answered.$2=$(grep -c 'bytes from' /tmp/ping)"
}
probe "$(ip -4 route | sed -n 's/^default via \([^ ]*\).*/\1/p')" gateway
probe 10.77.0.3 peer
probe fd77::1 gateway6
probe fd77::3 peer6
resolve() {
    echo "\$ nslookup -type=$1 web.lab.example $2"
    nslookup "-type=$1" web.lab.example "$2" | tee /tmp/name
    echo "resolved.$1=$(sed -n '/^Name/,$s/^Address[ 0-9:]*: *//p' /tmp/name)"
}
resolve a 10.77.0.53
resolve aaaa fd77::53
ask() {
    echo "\$ echo hello over $1 | socat - $2"
    socat -T 10 "$2" SYSTEM:"echo hello over $1; read -r line; echo \$line > /tmp/answer"
    cat /tmp/answer
    echo "asked.$1=$(cat /tmp/answer)"
}
ask IPv4 "UDP4:10.77.0.3:$echo_port"
ask IPv6 "UDP6:[fd77::3]:$echo_port"
fetch() {
    echo "\$ wget -O file http://$2:$web_port/file && sha256sum file"
    wget -q -O /tmp/file "http://$2:$web_port/file"
    sum=$(sha256sum < /tmp/file | cut -d ' ' -f 1)
    echo "$sum  $(stat -c %s /tmp/file) bytes"
    echo "fetched.$1=$sum"
}
fetch IPv4 10.77.0.3
fetch IPv6 '[fd77::3]'
upload() {
    echo "\$ socat -u OPEN:file $2"
    socat -u OPEN:/tmp/file "$2"
}
upload IPv4 "TCP4:10.77.0.3:$upload_port"
upload IPv6 "TCP6:[fd77::3]:$upload_port"
echo "\$ httpd -p $web_port -h /tmp/web"
mkdir /tmp/web
echo "<h1>The guest's own page</h1>" > /tmp/web/index.html
httpd -p "$web_port" -h /tmp/web
echo "\$ socat UDP-RECVFROM:$guest_port,fork SYSTEM:..."
for listener in "UDP4-RECVFROM:$guest_port" "UDP6-RECVFROM:$guest_port,ipv6only"; do
    socat "$listener,fork" \
        SYSTEM:'read -r line; echo "the guest heard\: $line"; echo "$line" >> /tmp/heard' &
done
for _ in $(seq 100); do
    [ "$(cat /proc/net/udp /proc/net/udp6 | grep -c "$(printf ':%04X 0' "$guest_port")")" -lt 2 ] || break
    sleep 0.1
done
for _ in $(seq 100); do
    ! cat /proc/net/tcp /proc/net/tcp6 | grep -q "$(printf ':%04X [0-9A-F]*:0000 0A' "$web_port")" || break
    sleep 0.1
done
echo "listening=yes"
for _ in $(seq 200); do
    [ "$(cat /tmp/heard 2> /tmp/none | grep -c .)" -lt 2 ] || break
    sleep 0.1
done
sed 's/^/heard: /' /tmp/heard
# until the peer has seen enough
for _ in $(seq 200); do
    ! wget -q -O - "http://10.77.0.3:$web_port/done" > /dev/null 2>&1 || break
    sleep 0.1
done
GUEST
: > "$work/guest.log"
exec 4> >(tee "$work/guest.log" | sed -u '/^answered\|^resolved\|^asked\|^fetched\|^listening/d; s/^/   guest | /')
shown=$!
# In the background, for a signal has to wait for a command in the foreground.
"$root/src/test/guest/boot" -a "$(type -P dhclient)" -a "$(type -P socat)" "$socket" "$work/guest.sh" >&4 2>&1 &
boot=$!
exec 4>&-
while kill -0 "$boot" 2> /dev/null && ! grep -q '^listening' "$work/guest.log"; do
    sleep 0.1
done
ask() {
    ip netns exec "$lab-peer" socat -T 10 "$2" \
        SYSTEM:"echo hello over $1; read -r line; echo \$line > $work/answer.$1" 2>&1 | sed 's/^/   peer  | /'
}
visit() {
    echo "   peer  | \$ echo 'GET / HTTP/1.0' | socat - $2"
    printf 'GET / HTTP/1.0\r\n\r\n' | ip netns exec "$lab-peer" socat -T 10 - "$2" 2>&1 | tr -d '\r' |
        tee "$work/page.$1" | sed 's/^/   peer  | /' || true
}
control() {
    echo "   pod   | \$ passatelli ctl $*"
    "$ctl" ctl --socket "$work/run/control" "$@" 2>&1 | sed 's/^/   pod   | /' || true
}
if grep -q '^listening' "$work/guest.log"; then
    # From .3 and ::3, for what the guest sends to its gateway goes to the pod's loopback.
    ask IPv4 "UDP4:10.77.0.2:$guest_port,bind=10.77.0.3"
    ask IPv6 "UDP6:[fd77::2]:$guest_port,bind=[fd77::3]"
    visit IPv4 "TCP4:10.77.0.2:$web_port,bind=10.77.0.3"
    visit IPv6 "TCP6:[fd77::2]:$web_port,bind=[fd77::3]"
    if [ -n "$ctl" ]; then
        forwards=("tcp:$web_port" "udp:$guest_port")
        control forwards set "${forwards[@]}" "tcp:$late_port:$web_port"
        visit late "TCP4:10.77.0.2:$late_port,bind=10.77.0.3"
        sleep 60 | ip netns exec "$lab-peer" socat -u - "TCP4:10.77.0.2:$late_port,bind=10.77.0.3" &
        helpers+=($!)
        for ((try = 0; try < 50; try++)); do
            "$ctl" ctl --socket "$work/run/control" flows > "$work/flows" || true
            ! grep -q '^tcp .*10\.77\.0\.3' "$work/flows" || break
            sleep 0.1
        done
        control flows
        control forwards set "${forwards[@]}"
        visit closed "TCP4:10.77.0.2:$late_port,bind=10.77.0.3"
    fi
    touch "$work/web/done"
fi
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
[[ $(got ra.ip) == fd77::*/64 ]] || fail "the router advertisement gave the guest '$(got ra.ip)', not an address in fd77::/64"
[[ $(got ra.router) == fe80::* ]] || fail "the router advertisement gave the guest '$(got ra.router)' as its router"
note "a router advertisement gave it $(got ra.ip), and the router $(got ra.router)"
[ "$(got lease6.ip)" = fd77::2 ] || fail "DHCPv6 gave the guest '$(got lease6.ip)', not the pod's address, fd77::2"
note "DHCPv6 gave it the pod's other address, fd77::2"
[ "$(got answered.gateway6)" = 3 ] || fail "$(got answered.gateway6) of 3 pings to the IPv6 gateway were answered"
[ "$(got answered.peer6)" = 3 ] || fail "$(got answered.peer6) of 3 pings to the IPv6 peer were answered"
note "3 of 3 pings to the gateway, fd77::1, and 3 of 3 to the peer, fd77::3, answered"
[ "$(got resolved.a)" = 10.77.0.3 ] || fail "web.lab.example was resolved to '$(got resolved.a)', not to 10.77.0.3"
[ "$(got resolved.aaaa)" = fd77::3 ] || fail "web.lab.example was resolved to '$(got resolved.aaaa)', not to fd77::3"
note "web.lab.example resolved to 10.77.0.3 and fd77::3 by the pod's loopback resolver, asked at 10.77.0.53 and fd77::53"
for family in IPv4 IPv6; do
    [ "$(got asked.$family)" = "the peer heard: hello over $family" ] || fail "the guest's $family datagram was answered by '$(got asked.$family)'"
    note "a datagram of the guest and the peer's answer, over $family: \"$(got asked.$family)\""
    answer=$(cat "$work/answer.$family" 2> /dev/null) || answer=
    [ "$answer" = "the guest heard: hello over $family" ] || fail "the peer's $family datagram to port $guest_port was answered by '$answer'"
    note "a datagram of the peer to the pod's port $guest_port and the guest's answer, over $family: \"$answer\""
done
for family in IPv4 IPv6; do
    [ "$(got fetched.$family)" = "$checksum" ] || fail "the file that the guest fetched over $family has the checksum '$(got fetched.$family)', not $checksum"
    note "the guest fetched a file of $file_mib MiB over $family, and its checksum is right"
    answer=$(sha256sum < "$work/upload.${family#IPv}" | cut -d ' ' -f 1) || answer=
    [ "$answer" = "$checksum" ] || fail "the file that the guest sent over $family has the checksum '$answer', not $checksum"
    note "the guest sent it back over $family, and its checksum is right"
    grep -q "The guest's own page" "$work/page.$family" || fail "the guest's page was not seen over $family: '$(cat "$work/page.$family")'"
    note "the guest's web server was reached at the pod's port $web_port over $family"
done
if [ -n "$ctl" ]; then
    grep -q "The guest's own page" "$work/page.late" || fail "the port that was opened later led to '$(cat "$work/page.late")'"
    note "port $late_port was opened while the guest ran, and led to its web server"
    grep -q '^tcp .*10\.77\.0\.3' "$work/flows" || fail "the connection to port $late_port is not among the flows: '$(cat "$work/flows")'"
    grep -q 'refused' "$work/page.closed" || fail "port $late_port was closed, and a connection to it gave '$(cat "$work/page.closed")'"
    note "it was closed, and a connection to it is refused"
fi
kill -0 "$passt" 2> /dev/null || fail "passt did not outlive its guest"
echo
echo "demo: all of it was seen"
