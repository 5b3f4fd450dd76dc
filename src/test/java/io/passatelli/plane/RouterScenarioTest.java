package io.passatelli.plane;

import io.passatelli.base.Drop;
import io.passatelli.base.Limits;
import io.passatelli.os.Os;
import io.passatelli.wire.Packets;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;

import static io.passatelli.plane.PlaneScenario.GATEWAY;
import static io.passatelli.plane.PlaneScenario.GUEST;
import static io.passatelli.plane.PlaneScenario.S;
import static org.assertj.core.api.Assertions.assertThat;

/** What becomes of a frame, by its protocol; and what a bug of ours does to the others. */
@Tag("sim")
class RouterScenarioTest {
    private static final int ARP = 0x0806;
    private static final int IP4 = 0x0800;

    @Test
    void guestIsAskedForItsMacWhenItComes() {
        try (var t = PlaneScenario.standard()) {
            t.link.guestLeaves(0);
            t.runs(0);
            t.link.guestComes();
            t.runs(0);
            byte[] asked = Packets.ethernet(
                    Packets.BROADCAST,
                    Packets.OUR_MAC,
                    ARP,
                    Packets.arp(1, Packets.OUR_MAC, GATEWAY, "00:00:00:00:00:00", GUEST));
            assertThat(t.link.next().bytes).isEqualTo(Arrays.copyOf(asked, 60));
            assertThat(t.events).containsExactly("up", "down 0", "up");
        }
    }

    @Test
    void arpRequestIsAnswered() {
        try (var t = PlaneScenario.standard()) {
            t.guestSends(arpFrom(Packets.GUEST_MAC)).runs(0);
            byte[] answer = Packets.ethernet(
                    Packets.GUEST_MAC,
                    Packets.OUR_MAC,
                    ARP,
                    Packets.arp(2, Packets.OUR_MAC, GATEWAY, Packets.GUEST_MAC, GUEST));
            assertThat(t.link.next().bytes).isEqualTo(Arrays.copyOf(answer, 60));
            t.guestGetsNothing().dropped();
        }
    }

    @Test
    void dhcpDiscoverIsAnsweredWithAnOffer() {
        try (var t = PlaneScenario.standard()) {
            t.guestSends(discover()).runs(0);
            byte[] offer = t.link.next().bytes;
            assertThat(offer[23]).isEqualTo((byte) 17);
            assertThat(Arrays.copyOfRange(offer, 34, 38)).isEqualTo(new byte[] {0, 67, 0, 68});
            assertThat(Arrays.copyOfRange(offer, 42 + 16, 42 + 20)).isEqualTo(Packets.ip(GUEST)); // yiaddr
            assertThat(HexFormat.of().formatHex(offer, 42 + 240, offer.length)).contains("350102"); // OFFER
            t.guestGetsNothing().dropped();
        }
    }

    @Test
    void whatNobodyHandlesIsCounted() {
        try (var t = PlaneScenario.standard()) {
            t.guestSends(ip4(17, Packets.udp(GUEST, 4000, GATEWAY, 0, new byte[20])));
            t.guestSends(ip4(6, new byte[19]));
            t.guestSends(ip4(47, new byte[20]));
            t.guestSends(Packets.ethernet(Packets.OUR_MAC, Packets.GUEST_MAC, 0x86dd, new byte[60]));
            t.guestSends(Packets.ethernet(Packets.OUR_MAC, Packets.GUEST_MAC, 0x8100, new byte[60]));
            t.runs(0)
                    .guestGetsNothing()
                    .dropped(
                            Drop.UDP_BAD_DESTINATION,
                            Drop.TCP_TRUNCATED,
                            Drop.IP4_PROTOCOL_UNKNOWN,
                            Drop.IP6_OFF,
                            Drop.ETHERNET_TYPE_UNKNOWN);
        }
    }

    @Test
    void framesAndBytesAreMeteredBothWays() {
        try (var t = PlaneScenario.standard()) {
            PlaneStats.Traffic before = t.stats().traffic();
            assertThat(before).isEqualTo(new PlaneStats.Traffic(0, 0, 1, 42));
            t.guestPings(GATEWAY, 1, 1).guestSends(arpFrom(Packets.GUEST_MAC)).runs(0);
            assertThat(t.stats().traffic()).isEqualTo(new PlaneStats.Traffic(2, 50 + 42, 3, 42 + 50 + 42));
        }
    }

    @Test
    void movingMacIsSaidAFewTimesASecond() {
        try (var t = PlaneScenario.standard()) {
            for (int i = 0; i < 100; i++) {
                t.guestSends(arpFrom("52:54:00:00:00:%02x".formatted(i)));
            }
            t.runs(0);
            assertThat(t.lines)
                    .hasSize(Limits.LOG_LINES_PER_SECOND)
                    .startsWith("the guest's MAC is 52:54:00:00:00:00")
                    .contains("the guest's MAC is 52:54:00:00:00:01, was 52:54:00:00:00:00");
            t.runs(2 * S).guestSends(arpFrom(Packets.GUEST_MAC)).runs(0);
            assertThat(t.lines.getLast()).endsWith("(95 such lines left out)");
        }
    }

    @Test
    void bugOnBehalfOfOneFrameEndsThatFrameAndItsFlowOnly() {
        var faulty = new FaultyOs();
        try (var t = PlaneScenario.setup().around(faulty::around).start()) {
            t.guestPings(GATEWAY, 1, 1).guestGetsReply(GATEWAY, 1, 1);
            int before = t.os.openDescriptors();
            byte[] data = "abcdefgh".getBytes(StandardCharsets.US_ASCII);
            faulty.failsAt("sendmsg", 2);
            for (int sequence = 2; sequence <= 4; sequence++) {
                t.guestSends(PlaneScenario.echoRequest(GUEST, GATEWAY, 1, sequence, data)); // in one batch
            }
            t.runs(0).provoked(1).dropped(Drop.INVARIANT_VIOLATED);
            // the answer to 2 finds the next flow's socket, which has the same identifier
            t.guestGetsReply(GATEWAY, 1, 2).guestGetsReply(GATEWAY, 1, 4);
            assertThat(t.os.openDescriptors()).isEqualTo(before);
            assertThat(t.lines.getLast())
                    .startsWith("bug: ")
                    .contains("provoked")
                    .endsWith(HexFormat.of().formatHex(PlaneScenario.echoRequest(GUEST, GATEWAY, 1, 3, data)));
        }
    }

    @Test
    void bugOnBehalfOfAnEventEndsItsFlowOnly() {
        var faulty = new FaultyOs();
        try (var t = PlaneScenario.setup().around(faulty::around).start()) {
            faulty.failsAt("recvmsg", 1);
            t.guestPings(GATEWAY, 1, 1).guestGetsNothing().provoked(1);
            assertThat(t.stats().flows()).isZero();
            t.guestPings(GATEWAY, 1, 2).guestGetsReply(GATEWAY, 1, 2);
        }
    }

    @Test
    void bugWhileASocketOpensLeavesNothingBehind() {
        for (String call : new String[] {"socket", "setOption", "bind", "connect", "epollCtl"}) {
            var faulty = new FaultyOs();
            try (var t = PlaneScenario.setup().around(faulty::around).start()) {
                int before = t.os.openDescriptors();
                faulty.failsAt(call, 1);
                t.guestPings(GATEWAY, 1, 1).guestGetsNothing().provoked(1);
                assertThat(t.os.openDescriptors()).as(call).isEqualTo(before);
                assertThat(t.stats().flows()).as(call).isZero();
                t.guestPings(GATEWAY, 1, 2).guestGetsReply(GATEWAY, 1, 2);
            }
        }
    }

    private static byte[] arpFrom(String mac) {
        return Packets.ethernet(Packets.BROADCAST, mac, ARP, Packets.arp(1, mac, GUEST, "00:00:00:00:00:00", GATEWAY));
    }

    private static byte[] ip4(int protocol, byte[] payload) {
        return Packets.ethernet(
                Packets.OUR_MAC, Packets.GUEST_MAC, IP4, Packets.ip4(protocol, GUEST, GATEWAY, payload));
    }

    /** BOOTP header, cookie, option 53 of DISCOVER, end. */
    static byte[] discover() {
        byte[] message = new byte[300];
        message[0] = 1;
        message[1] = 1;
        message[2] = 6;
        System.arraycopy(Packets.mac(Packets.GUEST_MAC), 0, message, 28, 6);
        System.arraycopy(HexFormat.of().parseHex("63825363350101ff"), 0, message, 236, 8);
        byte[] udp = Packets.udp("0.0.0.0", 68, "255.255.255.255", 67, message);
        return Packets.ethernet(
                Packets.BROADCAST, Packets.GUEST_MAC, IP4, Packets.ip4(17, "0.0.0.0", "255.255.255.255", udp));
    }

    /** Throws at the n-th call of one name. */
    private static final class FaultyOs {
        private String name = "";
        private int calls;

        void failsAt(String call, int nth) {
            name = call;
            calls = nth;
        }

        Os around(Os os) {
            return (Os) Proxy.newProxyInstance(
                    Os.class.getClassLoader(), new Class<?>[] {Os.class}, (proxy, method, arguments) -> {
                        if (method.getName().equals(name) && --calls == 0) {
                            throw new IllegalStateException("provoked");
                        }
                        try {
                            return method.invoke(os, arguments);
                        } catch (InvocationTargetException e) {
                            throw e.getCause();
                        }
                    });
        }
    }
}
