package io.passatelli.plane;

import io.passatelli.wire.ControlPackets6;
import io.passatelli.wire.Packets;
import org.junit.jupiter.api.Test;

import java.util.Arrays;
import java.util.HexFormat;

import static org.assertj.core.api.Assertions.assertThat;

/** The guest's Neighbor Discovery through a whole plane. Guest fd77::2, router fe80::1, link-local fe80::5054:ff:fe12:3456. */
class NdpScenarioTest {
    private static final String LINK_LOCAL = "fe80::5054:ff:fe12:3456";

    static byte[] hex(String... parts) {
        return HexFormat.of().parseHex(String.join("", parts).replace(" ", ""));
    }

    private static byte[] frame(String src, String dst, byte[] message) {
        return Packets.ethernet(Packets.OUR_MAC, Packets.GUEST_MAC, 0x86dd, ControlPackets6.icmp6(src, dst, message));
    }

    private static byte[] toGuest(String src, String dst, byte[] message) {
        byte[] frame =
                Packets.ethernet(Packets.GUEST_MAC, Packets.OUR_MAC, 0x86dd, ControlPackets6.icmp6(src, dst, message));
        return Arrays.copyOf(frame, Math.max(60, frame.length));
    }

    @Test
    void routerSolicitationIsAnsweredWithPrefixAndMtu() {
        try (PlaneScenario plane = PlaneScenario.setup().ip6().start()) {
            plane.guestSends(frame(LINK_LOCAL, "ff02::2", hex("85000000 00000000", "0101 525400123456")))
                    .runs(0);
            assertThat(plane.link.next().bytes)
                    .isEqualTo(toGuest(
                            "fe80::1",
                            LINK_LOCAL,
                            hex(
                                    "86000000 40c02328 00000000 00000000",
                                    "0101 9a559a559a55",
                                    "0501 0000 000005dc",
                                    "0304 40c0 ffffffff ffffffff 00000000 fd770000000000000000000000000000")));
            plane.guestGetsNothing().dropped();
        }
    }

    @Test
    void neighborSolicitationIsAnsweredForAllButTheGuest() {
        try (PlaneScenario plane = PlaneScenario.setup().ip6().start()) {
            plane.guestSends(frame(
                            LINK_LOCAL,
                            "ff02::1:ff00:1",
                            hex("87000000 00000000", "fe800000000000000000000000000001", "0101 525400123456")))
                    .runs(0);
            assertThat(plane.link.next().bytes)
                    .isEqualTo(toGuest(
                            "fe80::1",
                            LINK_LOCAL,
                            hex("88000000 e0000000", "fe800000000000000000000000000001", "0201 9a559a559a55")));
            plane.guestGetsNothing().dropped();
        }
    }
}
