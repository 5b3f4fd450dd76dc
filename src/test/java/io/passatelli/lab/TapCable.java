package io.passatelli.lab;

import io.passatelli.os.Epoll;
import io.passatelli.os.EpollEvents;
import io.passatelli.os.Errno;
import io.passatelli.os.IoVec;
import io.passatelli.os.LinuxOs;

import java.io.EOFException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.ConnectException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.AsynchronousCloseException;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;

/**
 * Connects a TAP {@code tap0} in a namespace with a UNIX socket that speaks QEMU's stream format: the namespace's stack is the guest of whatever
 * program listens there. Looks at nothing that passes, but for lengths and fragments.
 */
public final class TapCable implements AutoCloseable {
    private static final int FRAME_MAX = 65_535;
    private static final int ETHERNET = 14;
    private static final int LENGTH = 4;
    private static final ValueLayout.OfInt BE_INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
    private static final ValueLayout.OfShort BE_SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
    private static final int IP4 = 0x0800;
    private static final int IP6 = 0x86dd;
    private static final int FRAGMENT_HEADER = 44;
    private static final int MORE_OR_OFFSET = 0x3fff;
    private static final long WAIT_NS = Duration.ofMillis(100).toNanos();
    private static final int TRIES = 20;
    private static final long END_MS = 10_000;

    private final LinuxOs os = new LinuxOs();
    private final Arena arena = Arena.ofShared();
    private final int tap;
    private Path socket;
    private volatile SocketChannel link;
    private Thread toGuest;
    private Thread fromGuest;
    private final AtomicInteger longestToGuest = new AtomicInteger();
    private final AtomicInteger fragmentsToGuest = new AtomicInteger();
    private final AtomicInteger fragmentsFromGuest = new AtomicInteger();
    private volatile boolean closed;

    private TapCable(int tap, Path socket) throws IOException {
        this.tap = tap;
        this.socket = socket;
        link = open(socket);
        toGuest = start("cable to the guest", this::carryToGuest);
        fromGuest = start("cable from the guest", this::carryFromGuest);
    }

    /** Disconnects it, as a guest does that is restarted; what the TAP has to say waits, as far as there is room. */
    public void pull() throws IOException {
        closed = true;
        link.close();
        if (!ends(toGuest) || !ends(fromGuest)) {
            throw new IOException("the cable is stuck");
        }
    }

    /** Connects it again after {@link #pull}. */
    public void plugIn() throws IOException {
        closed = false;
        link = open(socket);
        toGuest = start("cable to the guest", this::carryToGuest);
        fromGuest = start("cable from the guest", this::carryFromGuest);
    }

    /** The same, but somewhere else. */
    public void plugIn(Path other) throws IOException {
        socket = other;
        plugIn();
    }

    /** Makes {@code tap0} in the lab's guest, and connects it; the TAP is down. */
    public static TapCable connect(Lab lab, Path socket) throws IOException {
        try (LinuxOs os = new LinuxOs()) {
            int tap = os.within(Lab.pathOf(lab.vm()).toString(), () -> os.openTap(TapPlane.TAP));
            if (tap < 0) {
                throw new IOException("cannot open the TAP: errno " + -tap);
            }
            return new TapCable(tap, socket);
        }
    }

    /** Debian's passt says that it listens a moment before it does. */
    private static SocketChannel open(Path socket) throws IOException {
        for (int tries = 1; ; tries++) {
            SocketChannel link = SocketChannel.open(StandardProtocolFamily.UNIX);
            try {
                link.connect(UnixDomainSocketAddress.of(socket));
                return link;
            } catch (ConnectException e) {
                link.close();
                if (tries == TRIES) {
                    throw e;
                }
                LockSupport.parkNanos(WAIT_NS);
            }
        }
    }

    private static Thread start(String name, Runnable work) {
        return Thread.ofPlatform().daemon().name(name).start(work);
    }

    /** The length of the longest IP packet that went to the guest, since the last call. */
    public int longestToGuest() {
        return longestToGuest.getAndSet(0);
    }

    /** Packets to the guest that were fragments, since the last call. */
    public int fragmentsToGuest() {
        return fragmentsToGuest.getAndSet(0);
    }

    /** Packets from the guest that were fragments, since the last call. */
    public int fragmentsFromGuest() {
        return fragmentsFromGuest.getAndSet(0);
    }

    private void carryToGuest() {
        MemorySegment frame = arena.allocate(FRAME_MAX);
        ByteBuffer bytes = frame.asByteBuffer();
        ByteBuffer length = ByteBuffer.allocate(LENGTH);
        IoVec out = new IoVec(1);
        try {
            while (true) {
                fill(length.clear());
                int frameLength = length.getInt(0);
                if (frameLength < ETHERNET || frameLength > FRAME_MAX) {
                    throw new IOException("a frame of " + frameLength + " bytes: framing is lost");
                }
                fill(bytes.clear().limit(frameLength));
                int packet = packetLength(frame, frameLength);
                longestToGuest.accumulateAndGet(packet, Math::max);
                count(frame, fragmentsToGuest);
                out.clear();
                out.add(frame, 0, frameLength);
                // what the TAP does not take, as while it is down, is lost, as on a cable that is pulled
                while (os.writev(tap, out) == -Errno.EAGAIN && !closed) {
                    Thread.onSpinWait();
                }
            }
        } catch (EOFException | AsynchronousCloseException e) {
            return;
        } catch (IOException e) {
            complain(e);
        }
    }

    private void carryFromGuest() {
        MemorySegment frame = arena.allocate(LENGTH + FRAME_MAX);
        ByteBuffer bytes = frame.asByteBuffer();
        IoVec in = new IoVec(1);
        EpollEvents events = new EpollEvents(1);
        int epoll = os.epollCreate();
        try {
            os.epollCtl(epoll, Epoll.ADD, tap, Epoll.IN, 0);
            while (!closed) {
                in.clear();
                in.add(frame, LENGTH, FRAME_MAX);
                long count = os.readv(tap, in);
                if (count <= 0) {
                    os.epollWait(epoll, events, WAIT_NS);
                    continue;
                }
                count(frame.asSlice(LENGTH), fragmentsFromGuest);
                frame.set(BE_INT, 0, (int) count);
                bytes.clear().limit(LENGTH + (int) count);
                while (bytes.hasRemaining()) {
                    link.write(bytes);
                }
            }
        } catch (ClosedChannelException e) {
            return;
        } catch (IOException e) {
            complain(e);
        } finally {
            os.close(epoll);
        }
    }

    private void complain(IOException e) {
        if (!closed) {
            System.err.println("the cable is broken: " + e);
        }
    }

    /** Without what Ethernet pads. */
    private static int packetLength(MemorySegment frame, int frameLength) {
        return switch (frame.get(BE_SHORT, 12) & 0xffff) {
            case IP4 -> frame.get(BE_SHORT, ETHERNET + 2) & 0xffff;
            case IP6 -> 40 + (frame.get(BE_SHORT, ETHERNET + 4) & 0xffff);
            default -> frameLength - ETHERNET;
        };
    }

    private static void count(MemorySegment frame, AtomicInteger fragments) {
        int type = frame.get(BE_SHORT, 12) & 0xffff;
        if (type == IP4 && (frame.get(BE_SHORT, ETHERNET + 6) & MORE_OR_OFFSET) != 0
                || type == IP6 && frame.get(ValueLayout.JAVA_BYTE, ETHERNET + 6) == FRAGMENT_HEADER) {
            fragments.incrementAndGet();
        }
    }

    private void fill(ByteBuffer bytes) throws IOException {
        while (bytes.hasRemaining()) {
            if (link.read(bytes) < 0) {
                throw new EOFException();
            }
        }
    }

    @Override
    public void close() throws IOException {
        closed = true;
        link.close();
        boolean ended = ends(toGuest);
        ended &= ends(fromGuest);
        os.close(tap);
        os.close();
        if (ended) {
            arena.close();
        }
    }

    private static boolean ends(Thread thread) {
        try {
            thread.join(END_MS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return !thread.isAlive();
    }
}
