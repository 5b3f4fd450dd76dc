#!/bin/bash
# setup.sh build|test|demo|demo-kubevirt|bench: installs the Debian packages that this part of the project needs and
# that are missing. With nothing missing it looks at the package database and does nothing else.
# The JDK is not among them: see jdk.sh.
set -euo pipefail

build=(make maven)
net=(iproute2 iputils-ping procps util-linux)
guest=(busybox-static cpio dnsmasq-base isc-dhcp-client qemu-system-x86 socat)
launcher=(curl ipxe-qemu libvirt-clients libvirt-daemon libxml2-utils qemu-utils)
case ${1:-} in
    build) packages=("${build[@]}") ;;
    demo) packages=("${build[@]}" "${net[@]}" "${guest[@]}") ;;
    demo-kubevirt) packages=("${build[@]}" "${net[@]}" "${guest[@]}" "${launcher[@]}") ;;
    test) packages=("${build[@]}" "${net[@]}" "${guest[@]}" "${launcher[@]}"
        bind9-dnsutils dhcpcd-base gcc libc6-dev linux-libc-dev ndisc6 nftables python3 traceroute tshark udhcpc) ;;
    bench) packages=("${build[@]}" "${net[@]}" "${guest[@]}"
        curl gcc git iperf3 libc6-dev linux-libc-dev passt python3 slirp4netns strace) ;;
    *)
        echo "usage: $0 build|test|demo|demo-kubevirt|bench" >&2
        exit 2
        ;;
esac

installed=$(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' "${packages[@]}" 2> /dev/null | sed -n 's/^ii  *//p') || true
missing=()
for package in "${packages[@]}"; do
    grep -qx "$package" <<< "$installed" || missing+=("$package")
done
if [ ${#missing[@]} = 0 ]; then
    echo "set-up: all packages for '$1' are here"
    exit 0
fi
if [ "$(id -u)" != 0 ]; then
    echo "set-up: only root can install the missing Debian packages: ${missing[*]}" >&2
    exit 1
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
quietly() {
    if ! "$@" > "$log" 2>&1; then
        tail -n 30 "$log" >&2
        echo "set-up: this failed: $*" >&2
        exit 1
    fi
}
export DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true
began=$SECONDS
echo "set-up: installing the Debian packages that '$1' needs: ${missing[*]}"
quietly apt-get -o DPkg::Lock::Timeout=300 -q update
quietly apt-get -o DPkg::Lock::Timeout=300 -q -y --no-install-recommends \
    -o Dpkg::Options::=--force-confold install "${missing[@]}"
echo "set-up: done in $((SECONDS - began)) s"
