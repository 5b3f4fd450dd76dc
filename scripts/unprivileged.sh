#!/bin/bash
# unprivileged.sh [-r PATH]... UID[:GID] COMMAND...
# Run as root, becomes that user, who needs no passwd entry, with no group, no capability, no way to
# gain one, and an empty environment but for PATH and JAVA_HOME. The command replaces this process.
# -r: the user must be able to read PATH (a directory). Where the permissions do not allow it, a
# copy appears at the same place, with the same times, in a mount namespace of the command's own.
set -euo pipefail

readable=()
while getopts r: option; do
    case $option in
        r) readable+=("$(realpath "$OPTARG")") ;;
        *) exit 2 ;;
    esac
done
shift $((OPTIND - 1))
uid=${1%%:*} gid=${1#*:}
shift

drop=(setpriv "--reuid=$uid" "--regid=$gid" --clear-groups --bounding-set=-all --inh-caps=-all
    --ambient-caps=-all --no-new-privs)

# Whether the user can read all of a directory.
reads() {
    local refused
    refused=$(cd / && "${drop[@]}" find "$1" \( ! -readable -o -type d ! -executable \) -print -quit 2>&1) || true
    [ -z "$refused" ]
}

# The outermost directory on the way to the path that the user cannot enter, else the path itself.
barrier() {
    local at='' part parts
    IFS=/ read -ra parts <<< "${1#/}"
    for part in "${parts[@]}"; do
        at+=/$part
        (cd / && "${drop[@]}" test -x "$at") || break
    done
    echo "$at"
}

hidden=()
for path in "${readable[@]}"; do
    reads "$path" || hidden+=("$path")
done
if [ ${#hidden[@]} -gt 0 ]; then
    if [ "${OWN_MOUNTS:-}" != yes ]; then
        arguments=()
        for path in "${readable[@]}"; do arguments+=(-r "$path"); done
        OWN_MOUNTS=yes exec unshare --mount --propagation private \
            "$(realpath "${BASH_SOURCE[0]}")" "${arguments[@]}" "$uid:$gid" "$@"
    fi
    # Held open, for the first mount may hide the others.
    originals=()
    for path in "${hidden[@]}"; do
        exec {original}< "$path"
        originals+=("$original")
    done
    for index in "${!hidden[@]}"; do
        path=${hidden[index]} original=${originals[index]}
        # A mount made for an earlier path may hide this one too, and then has room for it.
        [ ! -d "$path" ] || mount -t tmpfs -o mode=755 tmpfs "$(barrier "$path")"
        mkdir -p "$path"
        cp -a "/proc/$$/fd/$original/." "$path/"
        chmod -R a+rX "$path"
        exec {original}<&-
    done
fi

cd /
environment=("PATH=$PATH" HOME=/)
[ -z "${JAVA_HOME:-}" ] || environment+=("JAVA_HOME=$JAVA_HOME")
exec "${drop[@]}" env -i "${environment[@]}" "$@"
