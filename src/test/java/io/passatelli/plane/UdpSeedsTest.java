package io.passatelli.plane;

import io.passatelli.base.Drop;
import io.passatelli.base.Ip;
import io.passatelli.base.Limits;
import io.passatelli.link.Caps;
import io.passatelli.link.SimLink;
import io.passatelli.os.sim.Chooser;
import io.passatelli.os.sim.FarUdp;
import io.passatelli.plane.UdpFrames.Datagram;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.nio.ByteBuffer;
import java.util.List;
import java.util.Random;

import static io.passatelli.plane.LoopbackPlane.forward;
import static io.passatelli.plane.PlaneScenario.GUEST;
import static io.passatelli.plane.PlaneScenario.MS;
import static io.passatelli.plane.UdpFrames.frame;
import static org.assertj.core.api.Assertions.assertThat;

/** UDP over a kernel and a link that do as much of each call as a seed likes: what arrives is whole and in order, what does not is counted. */
class UdpSeedsTest {
    private static final String FAR = "192.0.2.7";
    private static final int DATAGRAMS = 400;

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
    void whateverKernelAndLinkDoDatagramsArriveWholeAndInOrder(long seed) {
        Random random = new Random(seed);
        SimLink link = new SimLink(new Caps(1, Limits.FRAME_BYTES, true, Caps.Offloads.NONE, Caps.Offloads.NONE), seed);
        link.scatters(160, 4096);
        try (var t = PlaneScenario.setup()
                .chooser(Chooser.seeded(seed))
                .link(link)
                .change(c -> c.forwards(List.of(forward(8053, 53))))
                .start()) {
            t.runs(MS).link.forgetSeen();
            FarUdp server = t.host(FAR).udp(53);
            FarUdp peer = t.host(FAR).udp(999);
            for (int i = 0; i < DATAGRAMS; i++) {
                t.guestSends(frame(GUEST, 4000, FAR, 53, payload(i)));
                peer.send(Ip.parse(GUEST), 8053, payload(i));
                if (random.nextInt(8) == 0) {
                    t.runs(random.nextInt(2) * MS);
                }
            }
            t.runs(1_000 * MS);
            int before = -1;
            for (FarUdp.Arrival arrival : server.arrivals()) {
                int n = checked(arrival.bytes());
                assertThat(n).isGreaterThan(before);
                before = n;
            }
            long refused = t.count(Drop.UDP_SEND_FAILED);
            assertThat(server.arrivals().size() + refused).isEqualTo(DATAGRAMS);
            for (int i = 0; i < DATAGRAMS; i++) {
                Datagram got = UdpFrames.take(() -> t.link.next().bytes);
                assertThat(checked(got.payload)).isEqualTo(i);
            }
            t.guestGetsNothing();
        }
    }

    private static byte[] payload(int n) {
        int length = 4 + (n * 7919 & 0x3ff) + (n % 50 == 49 ? 5_000 : 0);
        byte[] payload = new byte[length];
        new Random(n).nextBytes(payload);
        ByteBuffer.wrap(payload).putInt(0, n);
        return payload;
    }

    private static int checked(byte[] payload) {
        int n = ByteBuffer.wrap(payload).getInt();
        assertThat(payload).isEqualTo(payload(n));
        return n;
    }
}
