#!/bin/bash
# demo-kubevirt.sh: shows, on one machine and without a cluster, a virtual machine that starts through the
# KubeVirt sidecar. Two network namespaces stand for a node and a virt-launcher pod; in the pod the
# sidecar runs as KubeVirt runs it (user 107, no capability, read-only root), a program that does
# what virt-launcher does makes the hook calls with what a real one was recorded to send, and Debian's
# libvirt starts the domain that came out. See src/test/launcher/README.md.
# Exit code 0: the node reached the VM's web servers by the declared port and by the annotation's
# port, and no other; the VM has the pod's address and reached the node; after it rebooted all is as
# before; when it was switched off the sidecar ended, with exit code 0.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/lab.sh
. "$root/scripts/lab.sh"

if [ $# != 0 ]; then
    sed -n '2,/^set/s/^# \?//p' "$0" >&2
    exit 2
fi

vm=stream/default-nonroot
recorded=$root/src/test/resources/kubevirt/domain/$vm
container=hook-sidecar-0
declared=80
annotated=8080
inside=8000
shell_port=2222
undeclared=8081

say() { printf '\n== %s\n' "$*"; }
note() { echo "   $*"; }
indent() { sed -u "s/^/   $1 | /"; }

work='' lab='' sidecar='' launcher='' compute='' shown=''
end() {
    local process
    # What ends at once when it is killed takes all that it started with it.
    for process in $shown $launcher $compute $sidecar; do
        kill -KILL "$process" 2> /dev/null || true
        wait "$process" 2> /dev/null || true
    done
    [ -z "$lab" ] || lab_down "$lab"
    [ -z "$work" ] || rm -rf "$work"
}
trap end EXIT
trap 'exit 143' TERM
trap 'exit 130' INT HUP
fail() {
    local log
    for log in sidecar compute; do
        if [ -s "$work/$log.log" ]; then
            echo
            echo "The end of what the $log container said:"
            tail -n 20 "$work/$log.log" | indent "$log"
        fi
    done
    echo
    echo "demo-kubevirt: FAILED: $*"
    exit 1
}
now_ms() { echo $(($(date +%s%N) / 1000000)); }
# await SECONDS WHAT COMMAND...: until the command succeeds
await() {
    local until=$(($(now_ms) + $1 * 1000)) what=$2
    shift 2
    until "$@" > /dev/null 2>&1; do
        [ "$(now_ms)" -lt "$until" ] || fail "$what did not happen in time"
        sleep 0.05
    done
}
pod() { "$root/src/test/launcher/pod" "$@"; }
in_pod() { ip netns exec "$lab-pod" "$@"; }
# The process of the pod that has a name.
process() {
    local process
    for process in $(ip netns pids "$lab-pod"); do
        [ "$(cat "/proc/$process/comm" 2> /dev/null)" != "$1" ] || echo "$process"
    done
}
in_node() { ip netns exec "$lab-peer" "$@"; }

[ "$(id -u)" = 0 ] || fail "it takes root to make the network namespaces and to step down from"
work=$(mktemp -d)

say "Set-up and build"
"$root/scripts/setup.sh" demo-kubevirt | sed 's/^/   /'
. "$root/scripts/jdk.sh" || fail "there is no JDK to build with"
make --no-print-directory -s -C "$root" build 2>&1 | sed 's/^/   /' || fail "the build failed"
(cd "$root" && mvn -B -ntp -q -Dstyle.color=never dependency:build-classpath \
    -Dmdep.includeScope=test "-Dmdep.outputFile=$work/classpath") 2>&1 | sed 's/^/   /' || fail "the build failed"
classes=$root/target/test-classes:$root/target/classes:$(cat "$work/classpath")
note "the guest is Debian's $(cat "$("$root/src/test/guest/build")/kernel")"

say "A node and a pod"
lab=kubevirt$$
lab_up "$lab" || fail "the network namespaces could not be made"
mkdir "$work/web"
echo "the node's page" > "$work/web/index.html"
in_node busybox httpd -p 10.77.0.3:8000 -h "$work/web"
note "node: 10.77.0.1 and .3, with a web server at 10.77.0.3:8000"
note "pod:  10.77.0.2, default route by .1; sidecar and libvirt run here"
sed -e 's#"passatelli.io/forward":"[^"]*"#"passatelli.io/forward":"tcp:'"$annotated:$inside, tcp:$shell_port:22"'"#' \
    -e 's#"interfaces":\[{"name":"default",#&"ports":[{"name":"web","port":'"$declared"',"protocol":"TCP"}],#' \
    -e 's#virt-launcher:v1.9.0#virt-launcher:v1.7.0#' \
    "$recorded/vmi.json" > "$work/vmi.json" # Debian's QEMU knows no more than the one of KubeVirt 1.7
note "the VirtualMachineInstance says:"
grep -oE '"passatelli.io/forward":"[^"]*"|"interfaces":\[\{"name":"default"[^]]*\][^]]*\]' "$work/vmi.json" | sed -n 1,2p | indent vmi

say "The sidecar"
mkdir "$work/hooks"
note "CONTAINER_NAME=$container NETWORK_BINDING_PLUGIN_NAME=passatelli passatelli sidecar"
began=$(now_ms)
ip netns exec "$lab-pod" "$root/src/test/launcher/pod" sidecar "$work" "$container" \
    "$root/target/passatelli/bin/passatelli" sidecar > "$work/sidecar.log" 2>&1 < /dev/null &
sidecar=$!
hook_socket() {
    kill -0 "$sidecar" 2> /dev/null || fail "the sidecar ended at once"
    find "$work/hooks/$container" -maxdepth 1 -type s | grep .
}
await 30 "a hook socket" hook_socket
note "its hook socket was there after $(($(now_ms) - began)) ms:"
(cd "$work/hooks" && find . -mindepth 1 -printf '%M %U:%G %P\n') | indent volume
java=$(process java)
note "what /proc/$java/status says of it:"
evidence=$(grep -E '^(Name|Uid|Gid|Groups|CapInh|CapPrm|CapEff|CapBnd|CapAmb|NoNewPrivs):' "/proc/$java/status")
indent proc <<< "$evidence"
grep -qx "Uid:"$'\t'"107"$'\t'"107"$'\t'"107"$'\t'"107" <<< "$evidence" || fail "the sidecar does not run as user 107"
if grep -qE '^Cap(Inh|Prm|Eff|Bnd|Amb):.*[1-9a-f]' <<< "$evidence"; then fail "the sidecar has a capability"; fi

say "virt-launcher's calls"
mkfifo "$work/ended"
"$JAVA_HOME/bin/java" --sun-misc-unsafe-memory-access=allow -cp "$classes" io.passatelli.e2e.LauncherMain "$work/hooks" "$work/vmi.json" "$work/answer.xml" \
    "$vm" < "$work/ended" > "$work/launcher.log" 2>&1 &
launcher=$!
exec 5> "$work/ended"
answered() {
    kill -0 "$launcher" 2> /dev/null || fail "the calls failed: $(cat "$work/launcher.log")"
    [ -e "$work/answer.xml" ]
}
await 30 "the sidecar's answer" answered
indent launcher < "$work/launcher.log"
note "what the sidecar changed in the domain, in the last call:"
plain() { xmllint --noblanks "$1" | xmllint --c14n - | xmllint --format -; }
diff <(plain "$recorded/call3.xml") <(plain "$work/answer.xml") | grep '^[<>]' | indent diff || true
grep -q 'net/0\.sock' "$work/answer.xml" || fail "the domain has no network card of the sidecar's"

say "libvirt starts the domain"
ip netns exec "$lab-pod" "$root/src/test/launcher/pod" compute session "$work" > "$work/compute.log" 2>&1 < /dev/null 5>&- &
compute=$!
await 30 "libvirt's answer" pod virsh "$work" version
pod virsh "$work" version | indent virsh
cat > "$work/guest.sh" << GUEST
lease || exit 1
echo "fetched=\$(wget -q -O - http://10.77.0.3:8000/)"
mkdir /tmp/declared /tmp/annotated
echo "the guest's page at port $declared" > /tmp/declared/index.html
echo "the guest's page at port $inside" > /tmp/annotated/index.html
httpd -p $declared -h /tmp/declared
httpd -p $inside -h /tmp/annotated
nc -ll -p 22 -e sh &
until grep -q ':0016 [0-9A-F]*:0000 0A' /proc/net/tcp /proc/net/tcp6; do
    sleep 0.1
done
echo "ready=\$(cat /proc/sys/kernel/random/boot_id)"
sleep 300
GUEST
domain=$(pod define "$work" "$work/answer.xml" "$work/guest.sh") || fail "libvirt refuses the domain"
note "virsh define, virsh start $domain"
pod virsh "$work" start "$domain" || fail "libvirt does not start the domain"
pod virsh "$work" domiflist "$domain" | grep . | indent virsh
qemu=$(process qemu-system-x86)
tr '\0' '\n' < "/proc/$qemu/cmdline" | grep -A 1 '^-netdev' | grep stream | indent qemu
connections() { in_pod ss -xnH state established | grep -o ' /var/run/kubevirt-hooks/net/0\.sock .*'; }

say "The guest"
console=$work/run/$(pod virsh "$work" dumpxml "$domain" | grep -oP "<log file='/var/run/\K[^']+" | sed -n 1p) # who reads no further ends the writer
{ tail -n +1 -f "--pid=$qemu" "$console" 2> /dev/null | sed -u 's/\r$//; s/^/   guest | /'; } 5>&- &
shown=$!
said() { sed -n "s/\r$//; s/^$1=//p" "$console" | tail -n 1; }
is_ready() { [ "$(grep -c '^ready=' "$console")" -ge "$1" ]; }
await 90 "the guest's start" is_ready 1
first=$(said ready)
connected=$(connections) || fail "QEMU has no connection to the sidecar"

say "From the node"
visit() {
    echo "   node  | \$ curl http://10.77.0.2:$1/"
    in_node curl -sS -m 10 "http://10.77.0.2:$1/" > "$work/page.$1.$2" 2>&1 || true
    indent 'node ' < "$work/page.$1.$2"
}
visits() {
    visit "$declared" "$1"
    visit "$annotated" "$1"
    visit "$undeclared" "$1"
}
visits 1
order() {
    echo "   node  | \$ echo '$1' | socat - TCP:10.77.0.2:$shell_port"
    echo "$1" | in_node socat -T 10 - "TCP:10.77.0.2:$shell_port" 2>&1 | indent 'node ' || true
}
order 'uname -n; uptime'

say "The guest reboots"
order 'reboot -f'
await 90 "the guest's second start" is_ready 2
second=$(said ready)
again=$(connections) || true
visits 2

say "The guest switches itself off"
order 'poweroff -f'
is_off() { [ "$(pod virsh "$work" domstate "$domain")" = "shut off" ]; }
await 30 "the domain's end" is_off
pod virsh "$work" list --all | grep . | indent virsh
began=$(now_ms)
exec 5>&-
wait "$launcher" || fail "the sidecar did not answer the Shutdown call"
launcher=
tail -n 1 "$work/launcher.log" | indent launcher
gone() { ! kill -0 "$sidecar" 2> /dev/null; }
await 30 "the sidecar's end" gone
code=0
wait "$sidecar" || code=$?
sidecar=
note "the sidecar ended $(($(now_ms) - began)) ms after it, with exit code $code; what it said:"
cut -c -240 "$work/sidecar.log" | indent sidecar

say "What was seen"
[ "$(said lease.ip)" = 10.77.0.2 ] || fail "the guest's address is '$(said lease.ip)', not the pod's, 10.77.0.2"
note "the VM has the pod's address, 10.77.0.2"
[ "$(said fetched)" = "the node's page" ] || fail "the guest fetched '$(said fetched)' from the node's web server"
note "it fetched the node's page"
for round in 1 2; do
    [ "$(cat "$work/page.$declared.$round")" = "the guest's page at port $declared" ] ||
        fail "port $declared led to '$(cat "$work/page.$declared.$round")'"
    [ "$(cat "$work/page.$annotated.$round")" = "the guest's page at port $inside" ] ||
        fail "port $annotated led to '$(cat "$work/page.$annotated.$round")'"
    grep -q "Couldn't connect\|refused" "$work/page.$undeclared.$round" ||
        fail "port $undeclared is neither declared nor annotated, and led to '$(cat "$work/page.$undeclared.$round")'"
done
note "port $declared, declared in the spec, led to its port $declared; port $annotated, of the annotation, to its port $inside; port $undeclared nowhere"
[ "$first" != "$second" ] || fail "the guest did not reboot"
[ "$connected" = "$again" ] || fail "QEMU's connection to the sidecar did not outlive the reboot"
note "it rebooted, on the same connection between QEMU and the sidecar, and the ports led to it again"
[ "$code" = 0 ] || fail "the sidecar's exit code is $code"
note "it was switched off, and the sidecar ended with exit code 0"
echo
echo "demo-kubevirt: all of it was seen"
