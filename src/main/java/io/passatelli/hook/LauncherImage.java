package io.passatelli.hook;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What the name of virt-launcher's image tells of the QEMU in it. Only KubeVirt's own releases are known by it: a digest alone, or another vendor's tag,
 * says nothing, and QEMU does not start with an option that it does not know.
 */
final class LauncherImage {
    /** A prefix of the name is KubeVirt's {@code imagePrefix}. */
    private static final Pattern RELEASE = Pattern.compile(
            "(?:[^/]+/)*[a-z0-9._-]*virt-launcher:v?1\\.([0-9]{1,3})\\.[0-9]{1,3}(?:@sha256:[0-9a-f]{64})?");

    /**
     * Minor version of the first KubeVirt 1 whose QEMU has {@code reconnect-ms}, which came with QEMU 9.2: 1.8 has 10.1. The QEMU 9.1 of those before
     * has {@code reconnect}, which later ones do not: a VM that had it could not be migrated to a newer KubeVirt.
     */
    private static final int FIRST = 8;

    private LauncherImage() {}

    static boolean qemuReconnects(String image) {
        Matcher release = RELEASE.matcher(image);
        return release.matches() && Integer.parseInt(release.group(1)) >= FIRST;
    }
}
