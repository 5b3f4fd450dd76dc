package io.passatelli.e2e;

import io.passatelli.e2e.TcpWorld.Family;
import io.passatelli.lab.Lab;
import io.passatelli.lab.TcpEnd;
import io.passatelli.lab.TcpService;
import io.passatelli.wire.TcpSegment;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import java.io.IOException;
import java.util.SplittableRandom;

import static io.passatelli.wire.TcpSegment.ACK;
import static io.passatelli.wire.TcpSegment.RST;
import static io.passatelli.wire.TcpSegment.SYN;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/** Segment by segment between a scripted guest at passt's socket and programs on the pod's peer. */
@Tag("netns")
class TcpStreamNetnsTest {
    private static final int SERVICE = 7_777;
    private static final int FORWARDED = 7_101;
    private static final int PORT = 40_001;
    private static final int MTU = 9_000;
    private static final int BYTES = 300_000;

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

    @ParameterizedTest
    @EnumSource(Family.class)
    void guestConnectsAndBothSidesSpeakAndFinish(Family family) throws Exception {
        try (Passt passt = start();
                StreamGuest guest = StreamGuest.connect(passt.socket());
                TcpService service = TcpService.at(lab.peer(), family.peer, SERVICE)) {
            guest.resolve();
            ScriptedTcp tcp = ScriptedTcp.between(guest, family.guest, PORT, family.peer, SERVICE)
                    .connect();
            try (TcpEnd peer = service.accept()) {
                speak(tcp, peer);
                tcp.finish();
                peer.awaitEnd();
                peer.send(bytes(1));
                assertThat(tcp.read(1)).isEqualTo(bytes(1));
                peer.finish();
                tcp.awaitFin();
            }
            assertThat(passt.terminate()).isZero();
        }
    }

    @ParameterizedTest
    @EnumSource(Family.class)
    void peerConnectsAndBothSidesSpeakAndFinish(Family family) throws Exception {
        try (Passt passt = start();
                StreamGuest guest = StreamGuest.connect(passt.socket())) {
            guest.resolve();
            try (TcpEnd peer = TcpEnd.connect(lab.peer(), family.peer, family.guest, FORWARDED)) {
                TcpSegment syn = ScriptedTcp.receive(guest);
                assertThat(syn.dstPort()).isEqualTo(FORWARDED);
                assertThat(syn.srcPort()).isEqualTo(peer.port());
                assertThat(syn.mss()).isEqualTo(MTU - (family == Family.IP4 ? 40 : 60));
                assertThat(syn.windowScale()).isEqualTo(8);
                ScriptedTcp tcp = ScriptedTcp.accept(guest, syn);
                speak(tcp, peer);
                peer.finish();
                tcp.awaitFin();
                tcp.write(bytes(1));
                assertThat(peer.receive(1)).isEqualTo(bytes(1));
                tcp.finish();
                peer.awaitEnd();
            }
            assertThat(passt.terminate()).isZero();
        }
    }

    private static void speak(ScriptedTcp tcp, TcpEnd peer) throws IOException {
        byte[] bytes = bytes(BYTES);
        tcp.write(bytes);
        assertThat(peer.receive(BYTES)).isEqualTo(bytes);
        peer.send(bytes);
        assertThat(tcp.read(BYTES)).isEqualTo(bytes);
    }

    @ParameterizedTest
    @EnumSource(Family.class)
    void answersToTheGuestsSynSayWhatIsSo(Family family) throws Exception {
        try (Passt passt = start();
                StreamGuest guest = StreamGuest.connect(passt.socket())) {
            try (TcpService service = TcpService.at(lab.peer(), family.peer, SERVICE)) {
                for (boolean scales : new boolean[] {true, false}) {
                    TcpSegment answer = ScriptedTcp.between(
                                    guest, family.guest, scales ? PORT : PORT + 1, family.peer, SERVICE)
                            .ask(scales);
                    assertThat(answer.flags()).as("%s", answer).isEqualTo(SYN | ACK);
                    assertThat(answer.mss()).isEqualTo(MTU - (family == Family.IP4 ? 40 : 60));
                    assertThat(answer.windowScale()).isEqualTo(scales ? 8 : -1);
                    service.accept().close();
                }
            }
            TcpSegment refusal = ScriptedTcp.between(guest, family.guest, PORT + 2, family.peer, SERVICE)
                    .ask(true);
            assertThat(refusal.flags()).as("%s", refusal).isEqualTo(RST | ACK);
            assertThat(refusal.seq()).isZero();
            assertThat(refusal.ack()).isEqualTo(1_000_000_001);
            assertThat(passt.terminate()).isZero();
        }
    }

    /** RFC 9293 §3.10.7.1: one that does not know the connection says so, and the peer hears it. */
    @ParameterizedTest
    @EnumSource(Family.class)
    void nextGuestEndsWhatTheLastOneLeft(Family family) throws Exception {
        try (Passt passt = start();
                TcpService service = TcpService.at(lab.peer(), family.peer, SERVICE)) {
            TcpEnd peer;
            try (StreamGuest guest = StreamGuest.connect(passt.socket())) {
                ScriptedTcp.between(guest, family.guest, PORT, family.peer, SERVICE)
                        .connect();
                peer = service.accept();
                peer.send(bytes(1_000));
                assertThat(ScriptedTcp.receive(guest).payload()).hasSize(1_000);
            }
            try (peer;
                    StreamGuest guest = StreamGuest.connect(passt.socket())) {
                TcpSegment again = ScriptedTcp.receive(guest);
                assertThat(again.payloadBytes()).isEqualTo(bytes(1_000));
                guest.send(TcpSegment.between(family.guest, PORT, family.peer, SERVICE)
                        .seq(again.ack())
                        .flags(RST)
                        .fromGuest());
                assertThatThrownBy(() -> peer.receive(1))
                        .isInstanceOf(IOException.class)
                        .hasMessageContaining("Connection reset");
            }
            assertThat(passt.terminate()).isZero();
        }
    }

    private static Passt start() throws IOException, InterruptedException {
        return Passt.start(lab, "-m", String.valueOf(MTU), "-t", String.valueOf(FORWARDED));
    }

    private static byte[] bytes(int size) {
        byte[] bytes = new byte[size];
        new SplittableRandom(size).nextBytes(bytes);
        return bytes;
    }
}
