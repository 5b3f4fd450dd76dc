package io.passatelli.link;

import io.passatelli.base.Clock;
import io.passatelli.base.Counters;
import io.passatelli.base.Drop;
import io.passatelli.base.Ip;
import io.passatelli.base.Limits;
import io.passatelli.base.Log;
import io.passatelli.lab.Namespace;
import io.passatelli.loop.EventLoop;
import io.passatelli.os.Errno;
import io.passatelli.os.IoVec;
import io.passatelli.os.LinuxOs;
import io.passatelli.os.Os;
import io.passatelli.os.SockAddr;
import io.passatelli.os.Socket;
import io.passatelli.os.Tap;
import io.passatelli.wire.Offload;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.ValueSource;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;

/** A tap link in a network namespace of its own, whose kernel is the guest. */
@Tag("netns")
@ParameterizedClass
@ValueSource(booleans = {false, true})
class TapLinkTest {
    private static final String GUEST = "10.98.0.1";
    private static final long OURS = Ip.low(0x0a620002);
    private static final String OUR_MAC = "02:00:00:00:00:02";
    private static final int HEADER = 42;
    private static final int PORT = 5_000;
    private static final long WAIT_NS = 5_000_000_000L;

    private final LinuxOs os = new LinuxOs();
    private final Counters counters = new Counters();
    private final EventLoop loop = new EventLoop(os, Clock.system(), Log.silent());
    private final LinkEar ear = new LinkEar();
    private final TxBatch batch = new TxBatch(Limits.TX_BATCH_FRAMES);
    private final boolean offloads;
    private TapLink link = new TapLink(os, new Tap(Os.NONE, false), counters);
    private final Namespace namespace;
    private int guestSocket;

    TapLinkTest(boolean offloads) throws Exception {
        this.offloads = offloads;
        namespace = Namespace.make("plink");
    }

    @BeforeEach
    void makeTap() throws Exception {
        String path = namespace.path();
        int fd = os.within(path, () -> offloads ? os.openOffloadTap("tap0") : os.openTap("tap0"));
        assertThat(fd).isNotNegative();
        namespace.run("sysctl", "-qw", "net.ipv6.conf.tap0.disable_ipv6=1");
        namespace.run("ip", "address", "add", GUEST + "/24", "dev", "tap0");
        namespace.run("ip", "link", "set", "tap0", "mtu", "65521", "up");
        namespace.run("ip", "neighbour", "add", "10.98.0.2", "lladdr", OUR_MAC, "dev", "tap0");
        guestSocket = os.within(path, () -> os.socket(Socket.AF_INET, Socket.SOCK_DGRAM, 0));
        SockAddr address = new SockAddr();
        address.set(0, Ip.low(0x0a620001), PORT, 0);
        assertThat(os.bind(guestSocket, address)).isZero();
        address.set(0, OURS, PORT, 0);
        assertThat(os.connect(guestSocket, address)).isZero();
        link = new TapLink(os, new Tap(fd, offloads), counters);
        ear.link = link;
        link.bind(loop, ear);
        loop.onTurnEnd(now -> link.flush(0));
        loop.turn(0);
        assertThat(ear.log).containsExactly("up");
    }

    @AfterEach
    void removeNamespace() {
        os.close(guestSocket);
        link.close();
        loop.close();
        namespace.close();
    }

    @Test
    void datagramsOfAllSizesComeWholeAndInOrder() {
        int[] sizes = {0, 1, 100, 1_472, 9_000, 40_000, 65_479};
        for (int size : sizes) {
            guestSends(Frames.frame(size, size));
        }
        turns();
        assertThat(ear.frames).hasSize(sizes.length);
        for (int i = 0; i < sizes.length; i++) {
            byte[] frame = ear.frames.get(i);
            assertThat(Arrays.copyOfRange(frame, HEADER, frame.length)).isEqualTo(Frames.frame(sizes[i], sizes[i]));
        }
    }

    @Test
    void aSmallBatchIsFilledAgainWithoutAnyFurtherEvent() {
        for (int i = 0; i < 300; i++) {
            guestSends(Frames.frame(20, i));
        }
        turns();
        assertThat(ear.frames).hasSize(300);
        for (int i = 0; i < 300; i++) {
            assertThat(Arrays.copyOfRange(ear.frames.get(i), HEADER, HEADER + 20))
                    .isEqualTo(Frames.frame(20, i));
        }
    }

    @Test
    void theGuestGetsFramesOfAReservationBorrowedPayloadAndControl() {
        guestSends(Frames.frame(10, 1)); // tells its MAC
        turns();
        int[] sizes = {1, 1_000, 65_400};
        for (boolean borrowed : new boolean[] {false, true}) {
            List<byte[]> sent = new ArrayList<>();
            int count = link.reserve(0, batch, sizes.length, HEADER, 65_450);
            assertThat(count).isEqualTo(sizes.length);
            for (int i = 0; i < count; i++) {
                byte[] payload = Frames.frame(sizes[i], i + 50);
                sent.add(payload);
                byte[] frame = toGuest(payload);
                if (borrowed) {
                    MemorySegment memory = Frames.inMemory(frame);
                    MemorySegment.copy(memory, 0, batch.header(i), batch.headerAt(i), HEADER);
                    batch.borrow(i, memory, HEADER, payload.length);
                } else {
                    Frames.fill(batch, i, frame);
                }
            }
            assertThat(link.commit(0, batch, count)).isEqualTo(count);
            byte[] control = toGuest(Frames.frame(3, 9));
            assertThat(link.control(0, Frames.inMemory(control), 0, control.length, new Offload()))
                    .isTrue();
            link.flush(0);
            sent.add(Frames.frame(3, 9));
            for (byte[] payload : sent) {
                assertThat(guestGets()).isEqualTo(payload);
            }
        }
    }

    @Test
    void aWindowOfManyFramesGoesThrough() {
        guestSends(Frames.frame(10, 1));
        turns();
        int count = link.reserve(0, batch, 64, HEADER, 1_400);
        assertThat(count).isEqualTo(64);
        for (int i = 0; i < count; i++) {
            Frames.fill(batch, i, toGuest(Frames.frame(1_400, i)));
        }
        assertThat(link.commit(0, batch, count)).isEqualTo(64);
        for (int i = 0; i < count; i++) {
            assertThat(guestGets()).isEqualTo(Frames.frame(1_400, i));
        }
    }

    @Test
    void anInterfaceThatIsDownLosesFramesAndComesBack() throws Exception {
        guestSends(Frames.frame(10, 1));
        turns();
        byte[] frame = toGuest(Frames.frame(30, 2));
        namespace.run("ip", "link", "set", "tap0", "down");
        assertThat(link.control(0, Frames.inMemory(frame), 0, frame.length, new Offload()))
                .isTrue();
        assertThat(counters.of(Drop.LINK_DOWN)).isEqualTo(1);
        turns();
        namespace.run("ip", "link", "set", "tap0", "up");
        assertThat(link.control(0, Frames.inMemory(frame), 0, frame.length, new Offload()))
                .isTrue();
        assertThat(guestGets()).isEqualTo(Frames.frame(30, 2));
        assertThat(ear.log).containsExactly("up");
    }

    @Test
    void aTapThatIsTakenAwayIsDown() throws Exception {
        namespace.run("ip", "link", "delete", "tap0");
        turns();
        assertThat(ear.log).containsExactly("up", "down " + Errno.EBADFD);
        assertThat(link.receive(0, ear.batch)).isEqualTo(-Errno.ENOTCONN);
        assertThat(link.reserve(0, batch, 1, HEADER, 0)).isZero();
    }

    @Test
    void aTapThatIsTakenAwayIsDownForASenderToo() throws Exception {
        namespace.run("ip", "link", "delete", "tap0");
        assertThat(link.reserve(0, batch, 1, HEADER, 100)).isEqualTo(1);
        Frames.fill(batch, 0, Frames.frame(HEADER + 20, 1));
        assertThat(link.commit(0, batch, 1)).isEqualTo(-Errno.ENOTCONN);
        turns();
        assertThat(ear.log).containsExactly("up", "down " + Errno.EBADFD);
    }

    /** An IPv4 UDP frame to the guest; its MAC is learnt from the last that it sent. */
    private byte[] toGuest(byte[] payload) {
        byte[] template = Arrays.copyOf(ear.frames.getLast(), HEADER);
        byte[] frame = Arrays.copyOf(template, HEADER + payload.length);
        System.arraycopy(template, 6, frame, 0, 6);
        System.arraycopy(template, 0, frame, 6, 6);
        System.arraycopy(template, 26, frame, 30, 4);
        System.arraycopy(template, 30, frame, 26, 4);
        put16(frame, 16, 28 + payload.length);
        put16(frame, 24, 0);
        int sum = 0;
        for (int i = 14; i < 34; i += 2) {
            sum += (frame[i] & 0xff) << 8 | frame[i + 1] & 0xff;
        }
        put16(frame, 24, ~(sum + (sum >>> 16)) & 0xffff);
        put16(frame, 38, 8 + payload.length);
        put16(frame, 40, 0); // no checksum, RFC 768
        System.arraycopy(payload, 0, frame, HEADER, payload.length);
        return frame;
    }

    private static void put16(byte[] frame, int at, int value) {
        frame[at] = (byte) (value >>> 8);
        frame[at + 1] = (byte) value;
    }

    private void guestSends(byte[] payload) {
        IoVec out = new IoVec(1);
        out.add(Frames.inMemory(payload), 0, payload.length);
        assertThat(os.sendmsg(guestSocket, out, 0)).isEqualTo(payload.length);
    }

    /** The next datagram; the namespace's kernel takes a moment to bring it there. */
    private byte[] guestGets() {
        MemorySegment memory = Arena.ofAuto().allocate(1 << 16);
        IoVec in = new IoVec(1);
        in.add(memory, 0, memory.byteSize());
        long deadline = System.currentTimeMillis() + WAIT_NS / 1_000_000;
        while (true) {
            long n = os.recvmsg(guestSocket, in, Socket.MSG_DONTWAIT);
            if (n != -Errno.EAGAIN) {
                assertThat(n).isNotNegative();
                return memory.asSlice(0, n).toArray(JAVA_BYTE);
            }
            assertThat(System.currentTimeMillis()).isLessThan(deadline);
            loop.turn(1_000_000);
        }
    }

    private void turns() {
        do {
            loop.turn(20_000_000);
        } while (!loop.ready().isEmpty());
    }
}
