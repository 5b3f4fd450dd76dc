package io.passatelli.e2e;

import io.passatelli.lab.Lab;
import io.passatelli.wire.ControlPackets6;
import io.passatelli.wire.Packets;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.util.HexFormat;
import java.util.List;

import static io.passatelli.e2e.Frames6.CARD;
import static io.passatelli.e2e.Frames6.GUEST;
import static io.passatelli.e2e.Frames6.LINK_LOCAL;
import static io.passatelli.e2e.Frames6.NONCE;
import static io.passatelli.e2e.Frames6.PEER;
import static io.passatelli.e2e.Frames6.ROUTER;
import static org.assertj.core.api.Assertions.assertThat;

/** Who is answered for on the guest's link, and who is not: a guest that finds its own address taken gives it up. */
@Tag("netns")
class NeighbourNetnsTest {
    private static final String ROUTER_SOLICITED_OVERRIDE = "e0";
    private static final String SOLICITED_OVERRIDE = "60";

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

    /** As Linux does: first for its link-local address, then for those that it was given; and its groups are reported. */
    @Test
    void guestThatProbesItsAddressesAtBootKeepsThem() throws Exception {
        try (Passt passt = Passt.start(lab);
                StreamGuest guest = StreamGuest.connect(passt.socket())) {
            byte[] report = Frames6.icmp6(
                    "::",
                    "ff02::16",
                    Frames6.hex(
                            "8f000000 00000001 04000000",
                            HexFormat.of().formatHex(ControlPackets6.ip(Frames6.solicitedNode(LINK_LOCAL)))));
            for (String options : new String[] {"", NONCE}) {
                for (String own : new String[] {LINK_LOCAL, GUEST, "fd77::5054:ff:fe12:3456"}) {
                    guest.send(report);
                    assertThat(answers(guest, "::", own, options)).isEmpty();
                }
            }
            // even what another has: the guest is not to hear of a conflict that is none on its link
            for (String taken : new String[] {PEER, ROUTER, "fd77::1"}) {
                assertThat(answers(guest, "::", taken, NONCE)).isEmpty();
            }
            assertThat(answers(guest, LINK_LOCAL, ROUTER, CARD)).hasSize(1);
            assertThat(passt.terminate()).isZero();
        }
    }

    @Test
    void ownAddressesOfTheGuestAreNotAnsweredForAndAllOthersAre() throws Exception {
        try (Passt passt = Passt.start(lab);
                StreamGuest guest = StreamGuest.connect(passt.socket())) {
            for (String from : new String[] {LINK_LOCAL, GUEST}) {
                assertThat(answers(guest, from, LINK_LOCAL, CARD)).isEmpty();
                assertThat(answers(guest, from, GUEST, CARD)).isEmpty();
                assertThat(answers(guest, from, ROUTER, CARD))
                        .containsExactly(ROUTER_SOLICITED_OVERRIDE + " " + octets(ROUTER));
                for (String other : new String[] {
                    "fd77::1", PEER, "fd77::99", "2001:db8::1", "fe80::1234", "fd77::5054:ff:fe12:9999"
                }) {
                    // the router of a guest that was migrated may be at any link-local address
                    String how = other.startsWith("fe80:") ? ROUTER_SOLICITED_OVERRIDE : SOLICITED_OVERRIDE;
                    assertThat(answers(guest, from, other, CARD)).containsExactly(how + " " + octets(other));
                    assertThat(answers(guest, from, other, "")).hasSize(1);
                }
            }
            for (String nobody : new String[] {"ff02::1", "::", "::1", "::ffff:10.77.0.3"}) {
                byte[] question = Frames6.hex("87000000 00000000", nobodys(nobody), CARD);
                guest.send(Frames6.icmp6(LINK_LOCAL, "ff02::1:ff00:3", question));
                assertThat(advertised(guest)).isEmpty();
            }
            assertThat(passt.terminate()).isZero();
        }
    }

    /** The JDK makes IPv4 of the v4-mapped form. */
    private static String nobodys(String address) {
        return address.startsWith("::ffff:")
                ? "00000000000000000000ffff0a4d0003"
                : HexFormat.of().formatHex(ControlPackets6.ip(address));
    }

    @Test
    void probesAndAnnouncementsOfIp4AreNotAnswered() throws Exception {
        try (Passt passt = Passt.start(lab);
                StreamGuest guest = StreamGuest.connect(passt.socket())) {
            assertThat(arp(guest, "0.0.0.0", Lab.POD)).isEmpty(); // RFC 5227 §2.1.1
            assertThat(arp(guest, Lab.POD, Lab.POD)).isEmpty(); // §2.3
            assertThat(arp(guest, Lab.PEER, Lab.PEER)).isEmpty();
            for (String other : new String[] {Lab.GATEWAY, Lab.PEER, "10.77.0.99", "192.0.2.1"}) {
                assertThat(arp(guest, Lab.POD, other)).containsExactly(other);
            }
            assertThat(passt.terminate()).isZero();
        }
    }

    private static List<String> answers(StreamGuest guest, String from, String target, String options)
            throws IOException {
        guest.send(Frames6.neighborSolicitation(from, Frames6.solicitedNode(target), target, options));
        return advertised(guest);
    }

    /** Flags and target of each neighbor advertisement since, but for those to all about the host's neighbours. */
    private static List<String> advertised(StreamGuest guest) throws IOException {
        return guest.resolve().stream()
                .filter(frame -> Frames6.isIcmp6(frame, Frames6.NEIGHBOR_ADVERTISEMENT))
                .filter(frame -> frame[0] != 0x33)
                .map(Frames6::advertised)
                .toList();
    }

    private static List<String> arp(StreamGuest guest, String sender, String target) throws IOException {
        guest.send(Packets.ethernet(
                Packets.BROADCAST,
                Packets.GUEST_MAC,
                0x0806,
                Packets.arp(1, Packets.GUEST_MAC, sender, "00:00:00:00:00:00", target)));
        return guest.resolve().stream()
                .filter(Frames::isArpReply)
                .map(Frames::resolved)
                .map(ip -> (ip >>> 24) + "." + (ip >>> 16 & 0xff) + "." + (ip >>> 8 & 0xff) + "." + (ip & 0xff))
                .toList();
    }

    private static String octets(String address) {
        return HexFormat.of().formatHex(ControlPackets6.ip(address));
    }
}
