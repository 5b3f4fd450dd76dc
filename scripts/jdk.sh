#!/bin/sh
# Finds a JDK 25: run, it prints the directory; sourced (". scripts/jdk.sh"), it sets JAVA_HOME and PATH.
# Looks under /usr/lib/jvm first, then at $JAVA_HOME.
jdk_find() {
    for jdk_dir in /usr/lib/jvm/*25*; do
        if [ -x "$jdk_dir/bin/javac" ] && grep -q '^JAVA_VERSION="25[."]' "$jdk_dir/release" 2> /dev/null; then
            echo "$jdk_dir"
            return 0
        fi
    done
    if [ -x "${JAVA_HOME:-}/bin/javac" ] && grep -q '^JAVA_VERSION="25[."]' "$JAVA_HOME/release" 2> /dev/null; then
        echo "$JAVA_HOME"
        return 0
    fi
    echo "No JDK 25 found: neither under /usr/lib/jvm nor by JAVA_HOME (${JAVA_HOME:-not set})." >&2
    return 1
}

if [ "${0##*/}" = jdk.sh ]; then
    jdk_find
elif JDK_HOME=$(jdk_find); then
    JAVA_HOME=$JDK_HOME
    PATH=$JAVA_HOME/bin:$PATH
    unset JDK_HOME
    export JAVA_HOME PATH
else
    # shellcheck disable=SC2317
    return 1 2> /dev/null || exit 1
fi
