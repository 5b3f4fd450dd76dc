package io.passatelli.e2e;

import io.passatelli.lab.Lab;
import io.passatelli.lab.TcpEnd;
import io.passatelli.lab.TcpService;
import io.passatelli.lab.UdpEnd;
import io.passatelli.plane.UdpFrames;
import io.passatelli.wire.TcpSegment;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.FieldSource;

import java.io.IOException;
import java.time.Duration;
import java.util.List;

import static org.assertj.core.api.Assertions.assertThat;

/** A guest that tries every name which Linux has for the pod itself, with frames of its own making: nobody in the pod hears of it. */
@Tag("netns")
class SidecarEgressNetnsTest {
    private static final Duration LIMIT = Duration.ofSeconds(20);
    private static final long PAUSE_MS = 20;

    private static SidecarPod pod;
    private static StreamGuest guest;
    private EgressWorld within;

    @BeforeAll
    static void up() throws Exception {
        pod = SidecarPod.start();
        pod.pod(EgressWorld.ADDRESSES);
        pod.define(SidecarPod.vmi("", "{\"port\": 80}"));
        guest = StreamGuest.connect(pod.socket());
        guest.resolve();
    }

    @AfterAll
    static void down() throws IOException {
        if (guest != null) {
            guest.close();
        }
        if (pod != null) {
            pod.close();
        }
    }

    @BeforeEach
    void listen() throws IOException {
        within = EgressWorld.in(pod.lab());
    }

    @AfterEach
    void close() throws IOException {
        within.close();
    }

    /** Sends all three kinds, at both ports; what comes back. */
    private static List<byte[]> knock(String to) throws IOException {
        for (byte[] frame : EgressWorld.knocks(to)) {
            guest.send(frame);
        }
        return guest.resolve();
    }

    @ParameterizedTest
    @FieldSource("io.passatelli.e2e.EgressWorld#OF_THE_POD")
    void addressesOfThePodAreRefused(String to) throws Exception {
        List<byte[]> answers = knock(to);
        within.assertNobodyHeard();
        List<TcpSegment> segments =
                answers.stream().filter(TcpSegment::isIn).map(TcpSegment::parse).toList();
        assertThat(segments).hasSize(2).allMatch(segment -> segment.has(TcpSegment.RST));
        boolean broadcast = to.endsWith(".255"); // no ICMP errors are about these
        assertThat(answers.stream().filter(SidecarEgressNetnsTest::isProhibition))
                .hasSize(broadcast ? 0 : 2);
        assertThat(answers.stream().filter(SidecarEgressNetnsTest::isEchoReply)).isEmpty();
    }

    /** RFC 1812 §5.2.7.1, RFC 4443 §3.1. */
    private static boolean isProhibition(byte[] frame) {
        return isIcmp(frame, 3, 1) && frame[icmp(frame) + 1] == (byte) (frame[12] == 8 ? 13 : 1);
    }

    private static boolean isEchoReply(byte[] frame) {
        return isIcmp(frame, 0, 129);
    }

    private static boolean isIcmp(byte[] frame, int type4, int type6) {
        boolean v4 = frame[12] == 8 && frame[13] == 0;
        boolean v6 = frame[12] == (byte) 0x86;
        return v4 && frame[23] == 1 && frame[34] == (byte) type4 || v6 && frame[20] == 58 && frame[54] == (byte) type6;
    }

    private static int icmp(byte[] frame) {
        return frame[12] == 8 ? 34 : 54;
    }

    @ParameterizedTest
    @FieldSource("io.passatelli.e2e.EgressWorld#OTHER_NAMES")
    void otherNamesOfThePodLeadNowhere(String to) throws Exception {
        knock(to);
        within.assertNobodyHeard();
    }

    /** Without this the others would prove nothing. */
    @ParameterizedTest
    @CsvSource({"10.77.0.3, 10.77.0.2", "fd77::3, fd77::2"})
    void peerIsReachedByTheSameFrames(String to, String from) throws Exception {
        try (TcpService tcp = TcpService.at(pod.lab().peer(), to, EgressWorld.PORT);
                UdpEnd udp = UdpEnd.bound(pod.lab().peer(), to, EgressWorld.PORT)) {
            List<byte[]> answers = knock(to);
            try (TcpEnd connection = tcp.accept()) {
                assertThat(SidecarPod.address(connection)).isEqualTo(from);
            }
            assertThat(udp.receive()).isEqualTo(EgressWorld.KNOCK);
            if (answers.stream().noneMatch(SidecarEgressNetnsTest::isEchoReply)) {
                assertThat(guest.receive(SidecarEgressNetnsTest::isEchoReply)).isNotEmpty();
            }
        }
        guest.forget();
    }

    @Test
    void listenersListen() throws Exception {
        within.assertTheyListen(pod.lab().pod());
    }

    @Test
    void addressThatThePodGetsLaterIsClosedToo() throws Exception {
        String to = "10.77.0.99";
        knock(to); // nobody's: there is no answer
        pod.pod("ip address add 10.77.0.99/24 dev eth0");
        try {
            awaitClosed(to);
            addressesOfThePodAreRefused(to);
        } finally {
            pod.pod("ip address delete 10.77.0.99/24 dev eth0");
        }
    }

    /** Until the guest is told that it may not: at a port that nobody listens at, for the kernel may be ahead of us. */
    private static void awaitClosed(String to) throws IOException, InterruptedException {
        long end = System.nanoTime() + LIMIT.toNanos();
        byte[] knock = UdpFrames.frame(EgressWorld.OTHER, 4_000, to, EgressWorld.PORT - 1, EgressWorld.KNOCK);
        do {
            assertThat(System.nanoTime()).isLessThan(end);
            Thread.sleep(PAUSE_MS);
            guest.send(knock);
        } while (guest.resolve().stream().noneMatch(SidecarEgressNetnsTest::isProhibition));
    }

    /** Of a machine elsewhere, which the guest spoke to, the pod takes the address over. */
    @Test
    void connectionToAnAddressThatThePodGetsLaterEnds() throws Exception {
        String to = "10.77.0.98";
        pod.lab()
                .in(pod.lab().peer(), LIMIT, "ip", "address", "add", to + "/24", "dev", "eth0")
                .succeeded();
        try (TcpService elsewhere = TcpService.at(pod.lab().peer(), to, EgressWorld.PORT)) {
            byte[] first = EgressWorld.knocks(to).getFirst();
            TcpSegment syn = TcpSegment.parse(first);
            guest.send(first);
            TcpSegment answer = TcpSegment.parse(guest.receive(frame -> isFor(syn, frame)));
            assertThat(answer.flags()).isEqualTo(TcpSegment.SYN | TcpSegment.ACK);
            guest.send(TcpSegment.between(syn.src(), syn.srcPort(), to, EgressWorld.PORT)
                    .flags(TcpSegment.ACK)
                    .seq(answer.ack())
                    .ack(answer.seq() + 1)
                    .window(65_535)
                    .fromGuest());
            try (TcpEnd asked = elsewhere.accept()) {
                assertThat(asked.peer().getAddress().getHostAddress()).isEqualTo(Lab.POD);
                pod.pod("ip address add " + to + "/32 dev lo");
                byte[] reset = guest.receive(frame -> isFor(syn, frame));
                assertThat(TcpSegment.parse(reset).has(TcpSegment.RST)).isTrue();
            }
        } finally {
            pod.pod("ip address delete " + to + "/32 dev lo");
            pod.lab().in(pod.lab().peer(), LIMIT, "ip", "address", "delete", to + "/24", "dev", "eth0");
        }
    }

    private static boolean isFor(TcpSegment ours, byte[] frame) {
        return TcpSegment.isIn(frame) && TcpSegment.parse(frame).dstPort() == ours.srcPort();
    }
}
