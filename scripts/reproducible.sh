#!/bin/bash
# Builds HEAD twice, in two directories, and compares the class files and the jar; what Quarkus makes for the sidecar depends on the order of
# its threads, and is left out. Needs JAVA_HOME (". scripts/jdk.sh").
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for place in one two/deeper; do
    mkdir -p "$work/$place"
    git -C "$root" archive HEAD | tar -x -C "$work/$place"
    (cd "$work/$place" && mvn -B -q package -Dmaven.test.skip=true -Dspotless.check.skip=true)
    (cd "$work/$place/target" && find classes passatelli-*.jar -type f -exec sha256sum {} + | sort -k 2) > "$work/sums.${place%%/*}"
done
diff "$work/sums.one" "$work/sums.two"
echo "reproducible: $(wc -l < "$work/sums.one") files are the same in both builds"
