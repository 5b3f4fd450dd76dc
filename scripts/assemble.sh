#!/bin/sh
# Lays out target/passatelli (bin/, lib/, lib/sidecar) from what Maven and Quarkus packaged, and trains the ahead-of-time cache of the passt role.
# Needs JAVA_HOME (". scripts/jdk.sh"). The training run serves a scripted guest over a socket of its own, in a network that is the same everywhere.
set -eu
cd "$(dirname "$0")/.."
tree=$PWD/target/passatelli
mkdir -p "$tree/bin" "$tree/lib"

install -m 755 src/main/sh/passatelli "$tree/bin/passatelli"
ln -sf passatelli "$tree/bin/passt"
ln -sf passatelli "$tree/bin/qrap"
printf '%s\n' "$JAVA_HOME" > "$tree/lib/java-home"

# What the sidecar runs on: one jar, whose manifest names those in lib. Copied only when something has changed: caches ask for time stamps.
sums=$(cd target/quarkus && find . -name '*.jar' -exec sha256sum {} + | sort -k 2)
if [ "$(cat "$tree/lib/sidecar/sums" 2> /dev/null)" != "$sums" ]; then
    rm -rf "$tree/lib/sidecar"
    mkdir "$tree/lib/sidecar"
    cp target/quarkus/passatelli-*-runner.jar "$tree/lib/sidecar/passatelli.jar"
    cp -R target/quarkus/lib "$tree/lib/sidecar/lib"
    printf '%s\n' "$sums" > "$tree/lib/sidecar/sums"
    chmod -R a+rX "$tree/lib/sidecar"
fi

# A cache belongs to one JVM, its options, and jars of one time stamp: as long as these are the same, it stays.
stamp=$(cat target/passatelli-*.jar src/main/sh/passatelli scripts/Train.java "$tree"/lib/picocli.jar "$tree"/lib/jackson-*.jar "$JAVA_HOME/release" | sha256sum)
if [ -s "$tree/lib/passt.aot" ] && [ "$(cat "$tree/lib/passt.aot.stamp" 2> /dev/null)" = "$stamp" ]; then
    exit 0
fi
rm -f "$tree/lib/passt.aot" "$tree/lib/passt.aot.stamp"
cp -p target/passatelli-*.jar "$tree/lib/passatelli.jar"
chmod -R a+rX "$tree"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if ! PASSATELLI_AOT_OPTION="-XX:AOTCacheOutput=$tree/lib/passt.aot" \
    timeout 90 "$JAVA_HOME/bin/java" -Xlog:disable scripts/Train.java "$work" "$tree/bin/passt" > "$work/log" 2>&1; then
    cat "$work/log" >&2
    echo "assemble: the training run failed" >&2
    exit 1
fi
if [ ! -s "$tree/lib/passt.aot" ]; then
    cat "$work/log" >&2
    echo "assemble: the training run left no cache" >&2
    exit 1
fi
chmod a+r "$tree/lib/passt.aot"
printf '%s\n' "$stamp" > "$tree/lib/passt.aot.stamp"
