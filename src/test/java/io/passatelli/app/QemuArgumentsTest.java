package io.passatelli.app;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.util.List;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/** What becomes of QEMU's command line. Words are separated by a space, and an option's table shows what stays. */
class QemuArgumentsTest {
    private static final String CARD = "virtio-net-pci,netdev=passatelli0";

    private static List<String> onSocket(String program, String words) {
        return QemuArguments.onSocket(program, words.isEmpty() ? List.of() : List.of(words.split(" ")), 5);
    }

    private static String card(String program, String words) {
        return onSocket(program, words).getLast();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "-m 256                                          | -m 256",
                "-net none -m 256                                | -m 256",
                "-net nic -net user -m 256                       | -m 256",
                "-nic user,model=e1000 -m 256                    | -m 256",
                "--nic none --netdev user,id=n -m 256            | -m 256",
                "-netdev user,id=n -device e1000,netdev=n -m 256 | -m 256",
                "-device virtio-net-pci,netdev=n -hda disk       | -hda disk",
                "-device some-new-card,netdev=n -hda disk        | -hda disk",
                "-device rtl8139 -device usb-net -hda disk       | -hda disk",
                "-device virtio-blk-pci,drive=d -snapshot        | -device virtio-blk-pci,drive=d -snapshot",
                "-append net.ifnames=0 -device                   | -append net.ifnames=0 -device",
                "-m 256 -net                                     | -m 256 -net",
                "''                                              | ''",
            })
    void whatConcernsTheNetworkIsLeftOut(String words, String kept) {
        List<String> all = onSocket("qemu-system-riscv64", words);
        assertThat(String.join(" ", all.subList(0, all.size() - 4))).isEqualTo(kept);
        assertThat(all.subList(all.size() - 4, all.size()))
                .containsExactly("-netdev", "socket,fd=5,id=passatelli0", "-device", CARD);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "qemu-system-x86_64  | ''                           | pci.0  | 1e",
                "qemu-system-i386    | -m 256                       | pci.0  | 1e",
                "qemu-kvm            | ''                           | pci.0  | 1e",
                "/usr/bin/kvm        | -machine pc-i440fx-6.2,accel=kvm | pci.0 | 1e",
                "qemu-system-x86_64  | -M pc                        | pci.0  | 1e",
                "qemu-system-x86_64  | -machine q35,accel=kvm       | pcie.0 | 1e",
                "qemu-system-x86_64  | -machine type=pc-q35-7.2,accel=tcg | pcie.0 | 1e",
                "qemu-system-x86_64  | -machine accel=kvm,type=q35  | pcie.0 | 1e",
                "qemu-system-x86_64  | -M q35 -device ahci,bus=pcie.0,addr=0x1e | pcie.0 | 1d",
                "qemu-system-x86_64  | -M q35 -device ahci,bus=pcie.0,addr=1e.1,id=a -device nvme,addr=0x1d | pcie.0 | 1c",
                "qemu-system-x86_64  | -M q35 -device nvme,bus=pci.3,addr=0x1e -device pcie-root-port,port=1e | pcie.0 | 1e",
                "qemu-system-x86_64  | -M q35 -device e1000,netdev=n,addr=0x1e | pcie.0 | 1e",
            })
    void cardHasAPlaceThatNoOtherDeviceHas(String program, String words, String bus, String slot) {
        assertThat(card(program, words)).isEqualTo(CARD + ",bus=" + bus + ",addr=0x" + slot);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "qemu-system-aarch64 | -M virt",
                "qemu-system-x86_64  | -M microvm",
                "qemu-system-ppc64   | ''",
            })
    void whereThePlaceIsNotKnownQemuChooses(String program, String words) {
        assertThat(card(program, words)).isEqualTo(CARD);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "qemu-system-s390x | ''                                              | ffff",
                "/opt/qemu         | -machine s390-ccw-virtio-6.0                    | ffff",
                "qemu-system-s390x | -device virtio-blk-ccw,drive=d,devno=fe.0.ffff  | fffe",
                "qemu-system-s390x | -device virtio-net-ccw,devno=fe.0.ffff          | ffff",
            })
    void onS390ItIsAChannelDevice(String program, String words, String number) {
        assertThat(card(program, words)).isEqualTo("virtio-net-ccw,netdev=passatelli0,devno=fe.0." + number);
    }

    @Test
    void busThatIsFullIsSaid() {
        StringBuilder words = new StringBuilder("-M q35");
        for (int slot = 1; slot < 31; slot++) {
            words.append(" -device nvme,addr=0x").append(Integer.toHexString(slot));
        }
        assertThatThrownBy(() -> onSocket("qemu", words.toString()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("pcie.0");
    }
}
