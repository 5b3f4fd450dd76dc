package io.passatelli.plane;

import io.passatelli.Seeds;
import io.passatelli.base.Drop;
import io.passatelli.link.SimLink;
import io.passatelli.wire.TcpSegment;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

import static io.passatelli.plane.PlaneScenario.GUEST;
import static io.passatelli.plane.PlaneScenario.MS;
import static io.passatelli.plane.TcpScenario.FAR4;
import static io.passatelli.plane.TcpScenario.FAR_PORT;
import static io.passatelli.plane.TcpScenario.bytes;
import static io.passatelli.plane.TcpTalk.seg;
import static org.assertj.core.api.Assertions.assertThat;

/**
 * A hostile guest between connections that are well: segments of any kind into some connections, and such as must not matter into others, which
 * have to carry on byte by byte.
 */
@Tag("sim")
@ExtendWith(Seeds.Named.class)
class TcpStormTest {
    private static final int SEGMENTS = 1_000_000;
    private static final int VICTIMS = 64;
    private static final int SURVIVORS = 4;
    private static final int STEP = 10_000;
    private static final long SLACK_BYTES = 24 << 20;

    /** Makes segments in place: whole frames with everything but numbers, flags and length as they have to be. */
    private static final class Hail implements TcpStormLink.Maker {
        private static final int TCP = 34;
        private final SplittableRandom random;
        private final List<TcpTalk> survivors;
        private final byte[] template;
        private final byte[] junk = new byte[32];
        private long harmless;

        Hail(SplittableRandom random, List<TcpTalk> survivors) {
            this.random = random;
            this.survivors = survivors;
            template = TcpSegment.between(GUEST, TcpStormLink.PORTS, FAR4, FAR_PORT)
                    .ack(0)
                    .payload(new byte[1_400])
                    .fromGuest();
        }

        @Override
        public int make(byte[] frame) {
            System.arraycopy(template, 0, frame, 0, 54);
            random.nextBytes(junk);
            boolean harm = survivors.isEmpty() || random.nextInt(4) != 0;
            int data = random.nextInt(8) == 0 ? random.nextInt(1_400) : 0;
            int flags = flags();
            ByteBuffer out = ByteBuffer.wrap(frame);
            out.putShort(16, (short) (40 + data));
            if (harm) {
                out.putShort(TCP, (short) (TcpStormLink.PORTS + random.nextInt(VICTIMS)));
                out.putInt(TCP + 4, number()).putInt(TCP + 8, number()).put(TCP + 13, (byte) flags);
                out.put(TCP + 12, (byte) (random.nextInt(16) == 0 ? random.nextInt(256) : 0x50));
                out.putShort(TCP + 14, (short) random.nextInt());
            } else {
                withoutHarm(out, flags);
            }
            System.arraycopy(junk, 0, frame, 54, Math.min(data, junk.length)); // behind it is what was there before
            sum(frame, data);
            if (random.nextInt(64) == 0) {
                frame[TCP + random.nextInt(20 + data)] ^= 1; // its checksum tells
            }
            return 54 + data;
        }

        /** One or two, more often than any. */
        private int flags() {
            int first = 1 << random.nextInt(5);
            int second = 1 << random.nextInt(5);
            return random.nextInt(3) == 0 ? random.nextInt(256) : first | second;
        }

        /** Near zero, near the end, or anywhere. */
        private int number() {
            return switch (random.nextInt(3)) {
                case 0 -> random.nextInt();
                case 1 -> random.nextInt(200_000);
                default -> -random.nextInt(200_000);
            };
        }

        /** RFC 9293 §3.10.7.4 and RFC 5961 have it dropped, or answered and dropped. */
        private void withoutHarm(ByteBuffer out, int flags) {
            TcpTalk c = survivors.get(random.nextInt(survivors.size()));
            harmless++;
            out.putShort(TCP, (short) c.made(seg("A")).srcPort());
            int next = c.guestStart() + (int) c.next();
            int edge = c.guestStart() + (int) c.ourEdge();
            int ack = c.ourStart() + (int) c.ackedByGuest();
            out.put(TCP + 12, (byte) 0x50).putShort(TCP + 14, (short) 0xffff);
            switch (random.nextInt(5)) {
                case 0 -> // resets and all else behind the window
                    out.putInt(TCP + 4, edge + 40_000_000 + random.nextInt(1 << 20))
                            .putInt(TCP + 8, ack)
                            .put(TCP + 13, (byte) flags);
                case 1 -> // resets and all else before it
                    out.putInt(TCP + 4, next - 20_000_000 - random.nextInt(1 << 20))
                            .putInt(TCP + 8, ack)
                            .put(TCP + 13, (byte) flags);
                case 2 -> // a reset within, but not at its start
                    out.putInt(TCP + 4, next + 1 + random.nextInt(1_000))
                            .putInt(TCP + 8, ack)
                            .put(TCP + 13, (byte) TcpSegment.RST);
                case 3 -> // a SYN anywhere
                    out.putInt(TCP + 4, random.nextInt())
                            .putInt(TCP + 8, random.nextInt())
                            .put(TCP + 13, (byte) (TcpSegment.SYN | flags & ~TcpSegment.RST));
                default -> // an acknowledgment of what was never sent
                    out.putInt(TCP + 4, next)
                            .putInt(TCP + 8, ack + 100_000_000 + random.nextInt(1 << 20))
                            .put(TCP + 13, (byte) TcpSegment.ACK);
            }
        }

        private static void sum(byte[] frame, int data) {
            frame[24] = 0;
            frame[25] = 0;
            put(frame, 24, naive(frame, 14, 20, 0));
            frame[TCP + 16] = 0;
            frame[TCP + 17] = 0;
            put(frame, TCP + 16, naive(frame, TCP, 20 + data, naive0(frame, data)));
        }

        private static int naive0(byte[] frame, int data) {
            int sum = 6 + 20 + data;
            for (int i = 26; i < 34; i += 2) {
                sum += UdpFrames.u16(frame, i);
            }
            return sum;
        }

        private static int naive(byte[] frame, int at, int length, int from) {
            int sum = from;
            for (int i = 0; i < length; i += 2) {
                sum += (frame[at + i] & 0xff) << 8 | (i + 1 < length ? frame[at + i + 1] & 0xff : 0);
            }
            sum = (sum & 0xffff) + (sum >>> 16);
            return (sum & 0xffff) + (sum >>> 16);
        }

        private static void put(byte[] frame, int at, int sum) {
            frame[at] = (byte) (~sum >>> 8);
            frame[at + 1] = (byte) ~sum;
        }
    }

    @Test
    @Timeout(180)
    void aMillionSegmentsHurtNobodyButThoseThatTheyAreFor() {
        var random = new SplittableRandom(Seeds.first());
        List<TcpTalk> survivors = new ArrayList<>();
        Hail hail = new Hail(random, survivors);
        TcpStormLink[] storm = {null};
        try (var t = TcpScenario.of(TcpScenario.setup().aroundLink(link -> {
            storm[0] = new TcpStormLink((SimLink) link, hail);
            return storm[0];
        }))) {
            t.listens(true);
            for (int i = 0; i < SURVIVORS; i++) {
                survivors.add(t.connected());
            }
            byte[][] up = new byte[SURVIVORS][];
            byte[][] down = new byte[SURVIVORS][];
            long before = 0;
            int rounds = SEGMENTS / STEP;
            for (int round = 0; round < rounds; round++) {
                storm[0].storm(STEP);
                while (!storm[0].isDone()) {
                    t.plane.runs(0);
                }
                t.runs(MS);
                for (int i = 0; i < SURVIVORS; i++) {
                    up[i] = bytes(1_000 + round);
                    down[i] = bytes(2_000 + round);
                    speak(t, survivors.get(i), up[i], down[i]);
                }
                t.unclaimed();
                if (round % 10 == 9) {
                    acceptAll(t);
                }
                if (round == rounds / 5) {
                    before = liveBytes();
                }
            }
            assertThat(liveBytes() - before).isLessThan(SLACK_BYTES);
            assertThat(hail.harmless).isGreaterThan(SEGMENTS / 8);
            assertThat(storm[0].swallowed()).isPositive();
            assertThat(t.plane.stats().flows()).isLessThanOrEqualTo(VICTIMS + SURVIVORS);
            for (Drop reason : EXPECTED) {
                assertThat(t.plane.count(reason)).as("%s", reason).isPositive();
            }
            survivors.forEach(TcpTalk::takeAll);
        }
    }

    private static final List<Drop> EXPECTED = List.of(
            Drop.TCP_NO_FLOW,
            Drop.TCP_STRAY_RESET,
            Drop.TCP_UNACCEPTABLE,
            Drop.TCP_BAD_LENGTH,
            Drop.TCP_BAD_CHECKSUM,
            Drop.TCP_OLD_DATA);

    /** What both say arrives; answers to the storm may stand between. */
    private static void speak(TcpScenario t, TcpTalk c, byte[] up, byte[] down) {
        c.takeAll();
        c.sends(TcpTalk.data(up));
        int begun = c.received().length;
        c.farSends(down, 0);
        for (int i = 0; i < 20 && c.received().length - begun < down.length; i++) {
            t.runs(MS);
            c.takeAll();
            c.sends(seg("A"));
        }
        byte[] all = c.received();
        assertThat(Arrays.copyOfRange(all, begun, all.length)).isEqualTo(down);
        assertThat(c.far().receive()).isEqualTo(up);
        assertThat(c.acked()).isEqualTo(c.next());
    }

    /** Hosts take what the storm connected, and forget it. */
    private static void acceptAll(TcpScenario t) {
        for (var peer = t.listens(true).accept();
                peer != null;
                peer = t.listens(true).accept()) {
            peer.close();
        }
    }

    private static long liveBytes() {
        System.gc();
        Runtime runtime = Runtime.getRuntime();
        return runtime.totalMemory() - runtime.freeMemory();
    }
}
