package io.passatelli.hook;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;

class LauncherImageTest {
    private static final String DIGEST = "@sha256:" + "0123456789abcdef".repeat(4);

    @ParameterizedTest
    @ValueSource(
            strings = {
                "quay.io/kubevirt/virt-launcher:v1.8.0",
                "quay.io/kubevirt/virt-launcher:v1.8.3",
                "registry.local/kubevirt/virt-launcher:v1.9.0",
                "registry.local:5000/a/b/prefix-virt-launcher:v1.10.1",
                "virt-launcher:1.8.0",
            })
    void releasesWhoseQemuHasTheOption(String image) {
        assertThat(LauncherImage.qemuReconnects(image)).isTrue();
        assertThat(LauncherImage.qemuReconnects(image + DIGEST)).isTrue();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "quay.io/kubevirt/virt-launcher:v1.7.0",
                "quay.io/kubevirt/virt-launcher:v0.59.2",
                "quay.io/kubevirt/virt-launcher:v2.0.0",
                "quay.io/kubevirt/virt-launcher:v1.8.0-alpha.0",
                "quay.io/kubevirt/virt-launcher:v1.8.0-rc.1",
                "quay.io/kubevirt/virt-launcher:v1.8",
                "quay.io/kubevirt/virt-launcher:v1.8.0.1",
                "quay.io/kubevirt/virt-launcher:latest",
                "quay.io/kubevirt/virt-launcher",
                "quay.io/kubevirt/virt-handler:v1.9.0",
                "quay.io/kubevirt/virt-launcher-rhel9:v1.9.0",
                "quay.io/kubevirt/virt-launcher:v1.9999.0",
                "quay.io/kubevirt/virt-launcher:v1.9.0\\n",
            })
    void othersWhoseQemuMayNotKnowIt(String image) {
        assertThat(LauncherImage.qemuReconnects(image)).isFalse();
        assertThat(LauncherImage.qemuReconnects(image + DIGEST)).isFalse();
        assertThat(LauncherImage.qemuReconnects("quay.io/kubevirt/virt-launcher" + DIGEST))
                .isFalse();
    }
}
