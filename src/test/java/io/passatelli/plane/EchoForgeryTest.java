package io.passatelli.plane;

import io.passatelli.base.Drop;
import io.passatelli.base.Ip;
import io.passatelli.wire.Packets;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

import java.nio.charset.StandardCharsets;

import static io.passatelli.plane.PlaneScenario.GATEWAY;
import static io.passatelli.plane.PlaneScenario.MS;

/** Hosts that answer pings which went to others. */
@Tag("sim")
class EchoForgeryTest {
    private static final String FAR = "192.0.2.7";
    private static final String STRANGER = "198.51.100.9";
    private static final int ID = 0x1234;

    @Test
    void hostCannotSpeakAsTheOneThatWasPinged() {
        try (var t = PlaneScenario.standard()) {
            t.host(FAR).answersEcho(3 * MS);
            t.guestPings(FAR, ID, 1);
            arrives(t, STRANGER, 1);
            t.guestGetsNothing().dropped(Drop.ICMP_REPLY_UNEXPECTED);
            t.runs(3 * MS).guestGetsReply(FAR, ID, 1).guestGetsNothing().dropped(Drop.ICMP_REPLY_UNEXPECTED);
        }
    }

    @Test
    void hostAtTheGatewaysAddressIsNotTheLoopbackThatTheGatewayStandsFor() {
        try (var t = PlaneScenario.standard()) {
            t.guestPings(GATEWAY, ID, 1).guestGetsReply(GATEWAY, ID, 1);
            arrives(t, GATEWAY, 2);
            t.guestGetsNothing().dropped(Drop.ICMP_REPLY_UNEXPECTED);
            arrives(t, "127.0.0.1", 3);
            t.guestGetsReply(GATEWAY, ID, 3).guestGetsNothing();
        }
    }

    @Test
    void forgedReplyAmongTrueOnesIsPassedOver() {
        try (var t = PlaneScenario.standard()) {
            t.guestPings(FAR, ID, 1).guestGetsNothing();
            t.os.echoReply(Ip.parse(FAR), reply(1));
            t.os.echoReply(Ip.parse(STRANGER), reply(2));
            t.os.echoReply(Ip.parse(FAR), reply(3));
            t.runs(0).guestGetsReply(FAR, ID, 1).guestGetsReply(FAR, ID, 3).guestGetsNothing();
            t.dropped(Drop.ICMP_REPLY_UNEXPECTED);
        }
    }

    private static void arrives(PlaneScenario t, String from, int sequence) {
        t.os.echoReply(Ip.parse(from), reply(sequence));
        t.runs(0);
    }

    private static byte[] reply(int sequence) {
        return Packets.icmp4(0, ID, sequence, "abcdefgh".getBytes(StandardCharsets.US_ASCII));
    }
}
