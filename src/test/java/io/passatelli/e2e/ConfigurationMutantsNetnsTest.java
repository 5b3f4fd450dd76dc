package io.passatelli.e2e;

import io.passatelli.lab.Lab;
import io.passatelli.plane.UdpFrames;
import io.passatelli.wire.Packets;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;

import static org.assertj.core.api.Assertions.assertThat;

/** Messages that ask for a configuration, cut off anywhere, and with every value in every octet: a whole answer or none, and the process goes on. */
@Tag("netns")
class ConfigurationMutantsNetnsTest {
    private static final int CHUNK_FRAMES = 500;
    /** With a checksum in it. */
    private static final int SHORTEST = 4;

    private static final int BOOTP_BYTES = 240;

    private static Lab lab;

    @BeforeAll
    static void up() throws Exception {
        lab = Lab.up();
    }

    @AfterAll
    static void down() {
        if (lab != null) { // null where up() failed
            lab.close();
        }
    }

    private enum Kind {
        DHCP,
        DHCPV6,
        ROUTER_SOLICITATION,
        NEIGHBOR_SOLICITATION;

        /** What is mutilated. */
        byte[] message() {
            return switch (this) {
                case DHCP -> discover();
                case DHCPV6 -> Frames6.solicit();
                case ROUTER_SOLICITATION -> Frames6.hex("85000000 00000000", Frames6.CARD, Frames6.NONCE);
                case NEIGHBOR_SOLICITATION -> Frames6.solicitation(Frames6.PEER, Frames6.CARD + Frames6.NONCE);
            };
        }

        /** With right lengths and checksums around it. */
        byte[] frame(byte[] message) {
            return switch (this) {
                case DHCP -> dhcp(message);
                case DHCPV6 -> Frames6.dhcp6(message);
                case ROUTER_SOLICITATION -> Frames6.icmp6(Frames6.LINK_LOCAL, "ff02::2", message);
                case NEIGHBOR_SOLICITATION ->
                    Frames6.icmp6(Frames6.LINK_LOCAL, Frames6.solicitedNode(Frames6.PEER), message);
            };
        }
    }

    /** With all options that clients send. */
    private static byte[] discover() {
        byte[] options = Frames6.hex(
                "63825363 350101 3d0701525400123456 3204 0a4d0002 3902 0240 0c05 6775657374",
                "5108 00000000 67757374 3c03 616263 370a 01030c0f 1a1c 77 79 51 06 5200 ff");
        return ByteBuffer.allocate(BOOTP_BYTES - 4 + options.length)
                .put(Frames6.hex("01010600 12345678"))
                .position(28)
                .put(Packets.mac(Packets.GUEST_MAC))
                .position(BOOTP_BYTES - 4)
                .put(options)
                .array();
    }

    private static byte[] dhcp(byte[] message) {
        byte[] udp = Packets.udp("0.0.0.0", 68, "255.255.255.255", 67, message);
        return Packets.ethernet(
                Packets.BROADCAST, Packets.GUEST_MAC, 0x0800, Packets.ip4(17, "0.0.0.0", "255.255.255.255", udp));
    }

    @ParameterizedTest
    @EnumSource
    void mutantsAreAnsweredWellOrNotAtAll(Kind kind) throws Exception {
        try (Passt passt = Passt.start(lab);
                StreamGuest guest = StreamGuest.connect(passt.socket())) {
            byte[] message = kind.message();
            List<String> wanted = answers(guest, kind.frame(message));
            assertThat(wanted).hasSize(1);

            Mutants mutants = new Mutants(guest);
            byte[] whole = kind.frame(message);
            for (int length = 14; length < whole.length; length++) {
                mutants.add(Arrays.copyOf(whole, length));
            }
            assertThat(mutants.end()).as("of frames that were cut off").isZero();
            for (int length = SHORTEST; length < message.length; length++) {
                mutants.add(kind.frame(Arrays.copyOf(message, length)));
            }
            for (int at = 0; at < message.length; at++) {
                for (int value = 0; value < 256; value++) {
                    byte[] changed = message.clone();
                    changed[at] = (byte) value;
                    mutants.add(kind.frame(changed));
                }
            }
            assertThat(mutants.end()).isGreaterThanOrEqualTo(256);

            assertThat(answers(guest, kind.frame(message))).isEqualTo(wanted);
            assertThat(passt.lines())
                    .noneMatch(line -> line.contains("bug") || line.contains("Exception") || line.contains("Error"));
            assertThat(passt.terminate()).isZero();
        }
    }

    private static List<String> answers(StreamGuest guest, byte[] question) throws IOException {
        guest.resolve();
        guest.send(question);
        return guest.resolve().stream()
                .filter(ConfigurationMutantsNetnsTest::isAnswer)
                .map(HexFormat.of()::formatHex)
                .toList();
    }

    /** Not told to all, as it is now and then. */
    private static boolean isAnswer(byte[] frame) {
        return isUdp(frame)
                || frame[0] != 0x33
                        && (Frames6.isIcmp6(frame, Frames6.NEIGHBOR_ADVERTISEMENT)
                                || Frames6.isIcmp6(frame, Frames6.ROUTER_ADVERTISEMENT));
    }

    private static boolean isUdp(byte[] frame) {
        int type = UdpFrames.u16(frame, 12);
        return type == 0x0800 && frame[23] == 17 || type == 0x86dd && frame[20] == 17;
    }

    /** Sends many at once, and looks at what comes back. */
    private static final class Mutants {
        private final StreamGuest guest;
        private int waiting;
        private int answered;

        Mutants(StreamGuest guest) {
            this.guest = guest;
        }

        void add(byte[] frame) throws IOException {
            guest.send(frame);
            if (++waiting == CHUNK_FRAMES) {
                settle();
            }
        }

        private void settle() throws IOException {
            waiting = 0;
            for (byte[] frame : guest.resolve()) {
                if (isUdp(frame)) {
                    assertThat(UdpFrames.take(() -> frame).payload).isNotEmpty(); // its lengths and checksums too
                }
                answered += isAnswer(frame) ? 1 : 0;
            }
        }

        /** How many were answered since the last time. */
        int end() throws IOException {
            settle();
            int count = answered;
            answered = 0;
            return count;
        }
    }
}
