package io.passatelli.os;

import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/** A TAP device as its user sees it; the kernel's tuntap document. */
abstract class TapStory extends OsStory {
    /** Ethernet, IPv4 and UDP header. */
    static final int HEADERS = 42;

    /** A descriptor of a TAP that is up; always the same device, closed before it is asked for again. */
    abstract int openTap();

    /** The stack behind the device sends one frame of {@code HEADERS + payload} bytes. */
    abstract void stackSends(int payload);

    abstract void setUp(boolean up);

    private static byte[] frame(int length) {
        byte[] frame = new byte[length];
        java.util.Arrays.fill(frame, 0, 6, (byte) 0xff);
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
}
