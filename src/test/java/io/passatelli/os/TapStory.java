package io.passatelli.os;

import org.junit.jupiter.api.Test;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

import static org.assertj.core.api.Assertions.assertThat;

/** A TAP device as its user sees it; the kernel's tuntap document. */
abstract class TapStory extends OsStory {
    /** Ethernet, IPv4 and UDP header. */
    static final int HEADERS = 42;

    private static final int IP4 = 0x0800;
    private static final int IP6 = 0x86dd;
    private static final int TCP = 6;
    private static final int UDP = 17;

    /** A descriptor of a TAP that is up; always the same device, closed before it is asked for again. */
    abstract int openTap();

    /** The same with a header before each frame, and work left to us. */
    abstract int openOffloadTap();

    /** The stack behind the device sends one UDP datagram, in a frame of {@code HEADERS + payload} bytes. */
    abstract void stackSends(int payload);

    abstract void setUp(boolean up);

    private static byte[] frame(int length) {
        byte[] frame = new byte[length];
        Arrays.fill(frame, 0, 6, (byte) 0xff);
        frame[6] = 2;
        frame[12] = (byte) 0x88; // 0x88b5: local experimental Ethertype, IEEE 802
        frame[13] = (byte) 0xb5;
        return frame;
    }

    @Test
    void readGivesOneFrameACall() {
        int tap = openTap();
        assertThat(calls.read(tap, 2_000)).isEqualTo(-Errno.EAGAIN);
        stackSends(100);
        stackSends(200);
        calls.await(tap, Epoll.IN);
        assertThat(calls.read(tap, 2_000)).isEqualTo(HEADERS + 100);
        assertThat(calls.read(tap, 2_000)).isEqualTo(HEADERS + 200);
        assertThat(calls.read(tap, 2_000)).isEqualTo(-Errno.EAGAIN);
    }

    @Test
    void frameThatDoesNotFitIsCut() {
        int tap = openTap();
        stackSends(500);
        stackSends(1);
        calls.await(tap, Epoll.IN);
        assertThat(calls.read(tap, 100)).isEqualTo(100);
        assertThat(calls.read(tap, 2_000)).isEqualTo(HEADERS + 1);
    }

    @Test
    void everyFrameIsAnEdge() {
        int tap = openTap();
        int epoll = epoll();
        calls.add(epoll, tap, Epoll.IN | Epoll.ET);
        assertThat(calls.events(epoll)).isEmpty();
        for (int i = 0; i < 2; i++) {
            stackSends(10);
            assertThat(calls.events(epoll, 1, Calls.PATIENCE_NS).values()).containsExactly(Epoll.IN);
            assertThat(calls.events(epoll)).isEmpty();
        }
    }

    @Test
    void writeTakesOneFrame() {
        int tap = openTap();
        assertThat(calls.write(tap, frame(14))).isEqualTo(14);
        assertThat(calls.write(tap, frame(1_514))).isEqualTo(1_514);
        assertThat(calls.write(tap, new byte[13])).isEqualTo(-Errno.EINVAL);
        assertThat(calls.await(tap, Epoll.OUT)).isEqualTo(Epoll.OUT);
    }

    @Test
    void deviceThatIsDownTakesNothing() {
        int tap = openTap();
        setUp(false);
        assertThat(calls.write(tap, frame(60))).isEqualTo(-Errno.EIO);
        assertThat(calls.read(tap, 2_000)).isEqualTo(-Errno.EAGAIN);
        int epoll = epoll();
        calls.add(epoll, tap, Epoll.IN | Epoll.OUT);
        assertThat(calls.eventsOf(epoll, tap)).isZero();
        setUp(true);
        assertThat(calls.write(tap, frame(60))).isEqualTo(60);
    }

    @Test
    void socketCallsAreRefused() {
        int tap = openTap();
        assertThat(calls.receive(tap, 100)).isEqualTo(-Errno.ENOTSOCK);
        assertThat(calls.send(tap, frame(60))).isEqualTo(-Errno.ENOTSOCK);
    }

    @Test
    void headerSaysWhichChecksumTheStackLeftOpen() {
        int tap = openOffloadTap();
        stackSends(100);
        calls.await(tap, Epoll.IN);
        assertThat(calls.read(tap, 2_000)).isEqualTo(VnetHeader.LENGTH + HEADERS + 100);
        assertThat(calls.bytes(VnetHeader.LENGTH)).isEqualTo(header(1, 0, 0, 0, 34, 6));
        assertThat(calls.read(tap, 2_000)).isEqualTo(-Errno.EAGAIN);
    }

    @Test
    void frameBehindItsHeaderIsCutToo() {
        int tap = openOffloadTap();
        stackSends(500);
        calls.await(tap, Epoll.IN);
        assertThat(calls.read(tap, 100)).isEqualTo(100);
        assertThat(calls.read(tap, 2_000)).isEqualTo(-Errno.EAGAIN);
    }

    @Test
    void headersThatMakeSenseAreTaken() {
        int tap = openOffloadTap();
        assertThat(writes(tap, header(0, 0, 0, 0, 0, 0), frame(14))).isTrue();
        assertThat(writes(tap, header(1, 0, 0, 0, 34, 6), packet(IP4, UDP, 200)))
                .isTrue();
        assertThat(writes(tap, header(1, 1, 54, 1_448, 34, 16), packet(IP4, TCP, 65_535)))
                .isTrue();
        assertThat(writes(tap, header(1, 4, 74, 1_428, 54, 16), packet(IP6, TCP, 65_535)))
                .isTrue();
        assertThat(writes(tap, header(1, 1, 0, 1_448, 34, 16), packet(IP4, TCP, 20_000)))
                .isTrue(); // how long headers are is a hint
        assertThat(writes(tap, header(1, 1, 54, 1_448, 34, 16), packet(IP4, TCP, 154)))
                .isTrue(); // one segment only
        assertThat(writes(tap, header(0, 1, 54, 1_448, 0, 0), packet(IP4, TCP, 20_000)))
                .isTrue(); // with its checksum
        assertThat(writes(tap, header(1, 0x81, 54, 1_448, 34, 16), packet(IP4, TCP, 20_000)))
                .isTrue(); // though ECN was not asked for
        assertThat(writes(tap, header(1, 5, 42, 1_000, 34, 6), packet(IP4, UDP, 2_942)))
                .isTrue(); // nor segments of UDP
    }

    @Test
    void headersThatMakeNoSenseAreRefused() {
        int tap = openOffloadTap();
        assertThat(calls.write(tap, new byte[VnetHeader.LENGTH - 1])).isEqualTo(-Errno.EINVAL);
        assertThat(calls.write(tap, new byte[VnetHeader.LENGTH + 13])).isEqualTo(-Errno.EINVAL);
        byte[] tcp = packet(IP4, TCP, 20_000);
        assertThat(writes(tap, header(1, 1, 54, 0, 34, 16), tcp)).as("no size").isFalse();
        assertThat(writes(tap, header(1, 1, 20_001, 1_448, 34, 16), tcp))
                .as("headers beyond the frame")
                .isFalse();
        assertThat(writes(tap, header(1, 0, 0, 0, 19_999, 0), tcp))
                .as("checksum beyond the frame")
                .isFalse();
        assertThat(writes(tap, header(1, 1, 54, 1_448, 34, 6), tcp))
                .as("not TCP's checksum")
                .isFalse();
        assertThat(writes(tap, header(1, 4, 54, 1_448, 34, 16), tcp))
                .as("the other family")
                .isFalse();
        assertThat(writes(tap, header(1, 1, 54, 1_448, 34, 6), packet(IP4, UDP, 20_000)))
                .as("another protocol")
                .isFalse();
        assertThat(writes(tap, header(1, 2, 54, 1_448, 34, 16), tcp))
                .as("unknown type")
                .isFalse();
    }

    private boolean writes(int tap, byte[] header, byte[] frame) {
        byte[] all = Arrays.copyOf(header, header.length + frame.length);
        System.arraycopy(frame, 0, all, header.length, frame.length);
        long n = calls.write(tap, all);
        assertThat(n).isIn((long) all.length, (long) -Errno.EINVAL);
        return n > 0;
    }

    private static byte[] header(int flags, int gsoType, int hdrLen, int gsoSize, int csumStart, int csumOffset) {
        return ByteBuffer.allocate(VnetHeader.LENGTH)
                .order(ByteOrder.nativeOrder())
                .put((byte) flags)
                .put((byte) gsoType)
                .putShort((short) hdrLen)
                .putShort((short) gsoSize)
                .putShort((short) csumStart)
                .putShort((short) csumOffset)
                .array();
    }

    /** To a broadcast address, with headers as far as the kernel looks at them for its segments. */
    private static byte[] packet(int etherType, int protocol, int length) {
        ByteBuffer packet = ByteBuffer.wrap(frame(length)).putShort(12, (short) etherType);
        if (etherType == IP4) {
            packet.put(14, (byte) 0x45)
                    .putShort(16, (short) (length - 14))
                    .put(22, (byte) 64)
                    .put(23, (byte) protocol);
        } else {
            packet.put(14, (byte) 0x60)
                    .putShort(18, (short) (length - 54))
                    .put(20, (byte) protocol)
                    .put(21, (byte) 64);
        }
        int l4 = etherType == IP4 ? 34 : 54;
        if (protocol == TCP) {
            packet.put(l4 + 12, (byte) 0x50);
        } else {
            packet.putShort(l4 + 4, (short) (length - l4));
        }
        return packet.array();
    }
}
