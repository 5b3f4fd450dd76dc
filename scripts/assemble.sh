#!/bin/sh
# Lays out target/passatelli (bin/, lib/, lib/sidecar) from what Maven and Quarkus packaged, and trains the ahead-of-time caches of the passt role and of
# the sidecar. Needs JAVA_HOME (". scripts/jdk.sh"). A training run serves a scripted guest over a socket of its own.
set -eu
cd "$(dirname "$0")/.."
tree=$PWD/target/passatelli
mkdir -p "$tree/bin" "$tree/lib"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

install -m 755 src/main/sh/passatelli "$tree/bin/passatelli"
ln -sf passatelli "$tree/bin/passt"
ln -sf passatelli "$tree/bin/qrap"
printf '%s\n' "$JAVA_HOME" > "$tree/lib/java-home"

# What the sidecar runs on: Quarkus' jar of our classes, without the manifest that names all others; those of the first stage; and the rest.
# `never` are other roles', annotations, and what nobody calls: a first look for a class that is nowhere opens all jars, which takes a tenth of the start.
# Copied only when something has changed: caches ask for time stamps.
first='^(modified-)?(com\.fasterxml\.jackson\.core\.|com\.google\.(guava|protobuf)\.|io\.(grpc|perfmark)\.|org\.jspecify\.|io\.netty\.netty-(buffer|codec(-http2?)?|common|handler|resolver|transport(-native-unix-common)?)-[0-9])'
never='^(com\.aayushatharva\.|com\.github\.jnr\.|com\.google\.(android|api\.grpc|code|errorprone|j2objc)\.|info\.picocli\.|io\.netty\.netty-(codec-(haproxy|socks)|handler-proxy)-|io\.prometheus\.simpleclient_tracer_otel|org\.codehaus\.mojo\.|org\.ow2\.asm\.)'
sums="$(cd target/quarkus && find . -name '*.jar' -exec sha256sum {} + | sort -k 2)
$(sha256sum scripts/assemble.sh)"
if [ "$(cat "$tree/lib/sidecar/sums" 2> /dev/null)" != "$sums" ]; then
    rm -rf "$tree/lib/sidecar"
    mkdir "$tree/lib/sidecar" "$work/classes"
    jar=$PWD/$(ls target/quarkus/passatelli-*-runner.jar)
    (cd "$work/classes" && "$JAVA_HOME/bin/jar" --extract --file "$jar" && rm META-INF/MANIFEST.MF)
    "$JAVA_HOME/bin/jar" --create --no-manifest --file "$tree/lib/sidecar/passatelli.jar" -C "$work/classes" .
    cp -R target/quarkus/lib "$tree/lib/sidecar/lib"
    (cd "$tree/lib/sidecar/lib" && ls | grep -E "$never" | xargs rm)
    ls "$tree/lib/sidecar/lib" | LC_ALL=C sort | grep -E "$first" > "$tree/lib/sidecar/first"
    ls "$tree/lib/sidecar/lib" | LC_ALL=C sort | grep -vE "$first" > "$tree/lib/sidecar/then"
    printf '%s\n' "$sums" > "$tree/lib/sidecar/sums"
    chmod -R a+rX "$tree/lib/sidecar"
fi

# train CACHE STAMP COMMAND...: the command starts what makes the cache. A cache belongs to one JVM, its options, and jars of one time stamp: as long as
# these are the same, it stays.
train() {
    cache=$tree/lib/$1
    stamp=$2
    shift 2
    if [ -s "$cache" ] && [ "$(cat "$cache.stamp" 2> /dev/null)" = "$stamp" ]; then
        return
    fi
    rm -f "$cache" "$cache.stamp"
    if ! PASSATELLI_AOT_OPTION="-XX:AOTCacheOutput=$cache" timeout 90 "$@" > "$work/log" 2>&1; then
        cat "$work/log" >&2
        echo "assemble: the training run of $cache failed" >&2
        exit 1
    fi
    if [ ! -s "$cache" ]; then
        cat "$work/log" >&2
        echo "assemble: the training run left no $cache" >&2
        exit 1
    fi
    chmod a+r "$cache"
    printf '%s\n' "$stamp" > "$cache.stamp"
}

java=$JAVA_HOME/bin/java
stamp=$(cat target/passatelli-*.jar src/main/sh/passatelli scripts/Train.java "$tree"/lib/picocli.jar "$tree"/lib/jackson-*.jar "$JAVA_HOME/release" | sha256sum)
if [ "$(cat "$tree/lib/passt.aot.stamp" 2> /dev/null)" != "$stamp" ]; then
    cp -p target/passatelli-*.jar "$tree/lib/passatelli.jar"
    chmod -R a+rX "$tree"
fi
train passt.aot "$stamp" "$java" -Xlog:disable scripts/Train.java "$work" "$tree/bin/passt"

stamp=$(cat "$tree/lib/sidecar/sums" src/main/sh/passatelli scripts/Train.java scripts/TrainSidecar.java "$JAVA_HOME/release" | sha256sum)
train sidecar.aot "$stamp" "$java" -Xlog:disable -cp "$tree/lib/sidecar/passatelli.jar:$tree/lib/sidecar/lib/*" \
    scripts/TrainSidecar.java "$work" "$tree/bin/passatelli"
