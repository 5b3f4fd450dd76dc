package io.passatelli.link;

import io.passatelli.base.Counters;
import io.passatelli.base.Drop;
import io.passatelli.base.HotPath;
import io.passatelli.base.Limits;
import io.passatelli.loop.EventLoop;
import io.passatelli.loop.Handler;
import io.passatelli.loop.ReadyList;
import io.passatelli.os.Epoll;
import io.passatelli.os.Errno;
import io.passatelli.os.IoVec;
import io.passatelli.os.Os;
import io.passatelli.os.Tap;
import io.passatelli.os.VnetHeader;
import io.passatelli.wire.Ethernet;
import io.passatelli.wire.Offload;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * The link to a network namespace: a TAP device without packet information (the kernel's tuntap documentation). One frame per read and write. A
 * tap never says that it is full: it drops silently what its namespace does not take in time, so {@code lossless} is false.
 *
 * <p>With offloads a {@link VnetHeader} comes before each frame, both ways: checksums may be left open, and a TCP segment be as long as IP
 * allows, for the receiver to cut or to take as it is. The kernel refuses a frame whose header makes no sense; such a frame is lost and counted.
 *
 * <p>Frames of a batch lie one behind the other in one buffer, from its front each time: a few small ones stay in the cache. Only a read that
 * finds nothing says that the tap is empty: of the frames that were there when an edge was reported, no further edge comes.
 */
public final class TapLink extends EdgeLink {
    /** No segments of UDP: datagrams are taken and given one by one. */
    private static final Caps.Offloads OFFLOADS = new Caps.Offloads(true, true, true, false);

    private static final int ALIGN = 64;

    private final MemorySegment received =
            Arena.ofAuto().allocate(Limits.TAP_BATCH_BYTES + VnetHeader.LENGTH + Limits.FRAME_BYTES + ALIGN, ALIGN);
    private final MemorySegment slots = Arena.ofAuto().allocate(Limits.TAP_BUFFER_BYTES, ALIGN);
    private final MemorySegment zeros = Arena.ofAuto().allocate(Limits.FRAME_MIN_BYTES);
    private final IoVec in = new IoVec(1);
    /** Vnet header, header, borrowed payload, padding. */
    private final IoVec out = new IoVec(4);

    private final MemorySegment controlOffload = Arena.ofAuto().allocate(VnetHeader.LENGTH, 8);
    private final Caps caps;
    /** Of the header before each frame. */
    private final int before;
    /** One more than a frame: a read that fills it was cut off. */
    private final int readBytes;

    private final ReadyList.Node news = new News();
    /** 0 while the tap lives; what ended it, and the listener does not know yet. */
    private int leaveErrno;

    /** Owns the descriptor of {@code tap}, which is open. */
    public TapLink(Os os, Tap tap, Counters counters) {
        super(os, tap.fd(), counters);
        Caps.Offloads offloads = tap.offloads() ? OFFLOADS : Caps.Offloads.NONE;
        caps = new Caps(1, Limits.FRAME_BYTES, false, offloads, offloads);
        before = tap.offloads() ? VnetHeader.LENGTH : 0;
        readBytes = before + Limits.FRAME_BYTES + 1;
    }

    @Override
    public String kind() {
        return "tap";
    }

    @Override
    public Caps caps() {
        return caps;
    }

    @Override
    public void bind(EventLoop loop, Listener listener) {
        attach(loop, listener);
        int rc = loop.watch(fd, Epoll.IN | Epoll.ET, loop.register(new Events()), 0, 0);
        if (rc < 0) {
            throw new IllegalStateException("cannot watch the tap: " + Errno.text(-rc));
        }
        loop.ready().add(news);
    }

    @HotPath
    @Override
    public int receive(int queue, RxBatch batch) {
        assert queue == 0 : queue;
        batch.clear();
        if (!up) {
            return -Errno.ENOTCONN;
        }
        long at = 0;
        for (int reads = 0; readable && reads < batch.capacity() && at < Limits.TAP_BATCH_BYTES; reads++) {
            in.clear();
            in.add(received, at, readBytes);
            long n = os.readv(fd, in);
            if (n == -Errno.EAGAIN) {
                readable = false;
            } else if (n == -Errno.EINVAL) {
                // the kernel has no header for what its stack left to us: that frame is gone
                counters.count(Drop.LINK_BAD_OFFLOAD);
            } else if (n <= 0) {
                fail((int) -n);
                return batch.count() > 0 ? batch.count() : -leaveErrno;
            } else if (n < before + Ethernet.LENGTH || n == readBytes) {
                counters.count(Drop.LINK_BAD_LENGTH);
            } else if (take(batch, at, (int) n)) {
                receivedBytes += n;
                at += n + ALIGN - 1 & -ALIGN;
            }
        }
        visitAgain(readable);
        return batch.count();
    }

    /** False if the guest left something to us that cannot be done. */
    @HotPath
    private boolean take(RxBatch batch, long at, int length) {
        int i = batch.add(received, at + before, length - before);
        if (before == 0 || TapOffload.read(batch.frame(i))) {
            return true;
        }
        batch.removeLast();
        counters.count(Drop.LINK_BAD_OFFLOAD);
        return false;
    }

    @HotPath
    @Override
    public int reserve(int queue, TxBatch batch, int wanted, int headerBytes, int payloadEach) {
        assert queue == 0 : queue;
        assert headerBytes > 0 && headerBytes + payloadEach <= Limits.FRAME_BYTES : payloadEach;
        batch.clear();
        if (!up) {
            return 0;
        }
        int slot = before + headerBytes + payloadEach + ALIGN - 1 & -ALIGN;
        int most = (int) Math.min(wanted, slots.byteSize() / slot);
        int count = Math.min(most, batch.capacity());
        for (int i = 0; i < count; i++) {
            long at = (long) i * slot + before;
            batch.add(slots, at, headerBytes, payloadEach);
            batch.payload().add(slots, at + headerBytes, payloadEach);
        }
        return count;
    }

    @HotPath
    @Override
    public int commit(int queue, TxBatch batch, int n) {
        assert n >= 0 && n <= batch.count() : n;
        for (int i = 0; i < n; i++) {
            out.clear();
            MemorySegment segment = batch.header(i);
            long at = batch.headerAt(i);
            int contiguous = batch.isBorrowed(i) ? batch.headerLength(i) : batch.length(i);
            if (before > 0) {
                TapOffload.write(segment, at - before, batch.offload(i));
            }
            out.add(segment, at - before, before + contiguous);
            if (batch.isBorrowed(i)) {
                out.add(batch.borrowed(i), batch.borrowedAt(i), batch.length(i) - contiguous);
            }
            if (!write(batch.offload(i))) {
                return up ? i : -Errno.ENOTCONN;
            }
        }
        return up ? n : -Errno.ENOTCONN;
    }

    /** A tap takes frames one by one: there is nothing to gather. */
    @HotPath
    @Override
    public boolean control(int queue, MemorySegment segment, long at, int length, Offload offload) {
        assert queue == 0 : queue;
        assert length > 0 && length <= Limits.CONTROL_FRAME_BYTES : length;
        out.clear();
        if (before > 0) {
            TapOffload.write(controlOffload, 0, offload);
            out.add(controlOffload, 0, before);
        }
        out.add(segment, at, length);
        return write(offload);
    }

    @HotPath
    @Override
    public void flush(int queue) {
        assert queue == 0 : queue;
    }

    /** Whether the tap has the frame, or lost it for good; if not, it is out of memory or down. */
    @HotPath
    private boolean write(Offload offload) {
        assert before > 0 || offload.isClear() : "of a plain frame nothing is left to do";
        if (!up) {
            return false;
        }
        out.add(zeros, 0, Math.max(0, before + Limits.FRAME_MIN_BYTES - out.total()));
        int rc = (int) os.writev(fd, out);
        if (rc >= 0) {
            return true;
        }
        switch (-rc) {
            case Errno.EAGAIN, Errno.ENOBUFS, Errno.ENOMEM -> {
                shortage = true;
                awaitMemory();
                return false;
            }
            case Errno.EIO -> counters.count(Drop.LINK_DOWN); // the interface is down: nobody is there to hear
            case Errno.EINVAL, Errno.EMSGSIZE ->
                counters.count(offload.isClear() ? Drop.LINK_BAD_LENGTH : Drop.LINK_BAD_OFFLOAD);
            default -> {
                fail(-rc);
                return false;
            }
        }
        return true;
    }

    @Override
    public void close() {
        if (isBound()) {
            rest();
            loop().ready().remove(news);
        }
        if (fd >= 0) {
            dropTap();
        }
    }

    /** The tap is gone for us from here on; the listener hears of it from {@link #news}. */
    private void fail(int errno) {
        dropTap();
        leaveErrno = errno == 0 ? Errno.EBADFD : errno;
        rest();
        loop().ready().add(news);
    }

    private void dropTap() {
        if (isBound()) {
            loop().unwatch(fd);
        }
        os.close(fd);
        fd = Os.NONE;
        up = false;
        readable = false;
    }

    @Override
    void onMemory(long nowNs) {
        if (up && shortage) {
            shortage = false;
            listener().onWritable(0, nowNs);
        }
    }

    private final class Events implements Handler {
        @Override
        public int generation(int index) {
            return fd >= 0 ? 0 : 1;
        }

        @Override
        public void onEvent(int index, int events, long nowNs) {
            readable = true;
            if (up) {
                visitAgain(true);
                listener().onReadable(0, nowNs);
            }
        }
    }

    /** The first turn, and the last. */
    private final class News extends ReadyList.Node {
        @Override
        protected long visit(long allowanceBytes, long nowNs) {
            if (leaveErrno != 0) {
                listener().onDown(leaveErrno, nowNs);
                return 0;
            }
            up = true;
            if (readable) {
                visitAgain(true);
            }
            listener().onUp(caps, nowNs);
            return 0;
        }
    }
}
