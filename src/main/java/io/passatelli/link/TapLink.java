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
import io.passatelli.wire.Ethernet;
import io.passatelli.wire.Offload;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * The link to a network namespace: a TAP device without packet information or vnet header (the kernel's tuntap documentation). One frame per
 * read and write. A tap never says that it is full: it drops silently what its namespace does not take in time, so {@code lossless} is false.
 *
 * <p>Frames of a batch lie one behind the other in one buffer, from its front each time: a few small ones stay in the cache.
 */
public final class TapLink extends EdgeLink {
    private static final Caps CAPS = new Caps(1, Limits.FRAME_BYTES, false, Caps.Offloads.NONE, Caps.Offloads.NONE);
    /** One more than a frame: a read that fills it was cut off. */
    private static final int READ_BYTES = Limits.FRAME_BYTES + 1;

    private static final int ALIGN = 64;

    private final MemorySegment received = Arena.global().allocate(Limits.TAP_BUFFER_BYTES, ALIGN);
    private final MemorySegment slots = Arena.global().allocate(Limits.TAP_BUFFER_BYTES, ALIGN);
    private final MemorySegment zeros = Arena.global().allocate(Limits.FRAME_MIN_BYTES);
    private final IoVec in = new IoVec(1);
    /** Header, borrowed payload, padding. */
    private final IoVec out = new IoVec(3);

    private final ReadyList.Node news = new News();
    /** 0 while the tap lives; what ended it, and the listener does not know yet. */
    private int leaveErrno;

    /** Owns {@code fd}, which is non-blocking. */
    public TapLink(Os os, int fd, Counters counters) {
        super(os, fd, counters);
    }

    @Override
    public Caps caps() {
        return CAPS;
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
        for (int reads = 0; readable && reads < batch.capacity() && received.byteSize() - at >= READ_BYTES; reads++) {
            in.clear();
            in.add(received, at, READ_BYTES);
            long n = os.readv(fd, in);
            if (n == -Errno.EAGAIN) {
                readable = false;
            } else if (n <= 0) {
                fail((int) -n);
                return batch.count() > 0 ? batch.count() : -leaveErrno;
            } else if (n < Ethernet.LENGTH || n == READ_BYTES) {
                counters.count(Drop.LINK_BAD_LENGTH);
            } else {
                batch.add(received, at, (int) n);
                receivedBytes += n;
                at += n + ALIGN - 1 & -ALIGN;
            }
        }
        visitAgain(readable);
        return batch.count();
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
        int slot = headerBytes + payloadEach + ALIGN - 1 & -ALIGN;
        int most = (int) Math.min(wanted, slots.byteSize() / slot);
        int count = Math.min(most, batch.capacity());
        for (int i = 0; i < count; i++) {
            long at = (long) i * slot;
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
            if (batch.isBorrowed(i)) {
                int header = batch.headerLength(i);
                out.add(batch.header(i), batch.headerAt(i), header);
                out.add(batch.borrowed(i), batch.borrowedAt(i), batch.length(i) - header);
            } else {
                out.add(batch.header(i), batch.headerAt(i), batch.length(i));
            }
            if (!write()) {
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
        out.add(segment, at, length);
        return write();
    }

    @HotPath
    @Override
    public void flush(int queue) {
        assert queue == 0 : queue;
    }

    /** Whether the tap has the frame, or lost it for good; if not, it is out of memory or down. */
    @HotPath
    private boolean write() {
        if (!up) {
            return false;
        }
        out.add(zeros, 0, Math.max(0, Limits.FRAME_MIN_BYTES - out.total()));
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
            case Errno.EINVAL, Errno.EMSGSIZE -> counters.count(Drop.LINK_BAD_LENGTH);
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
            listener().onUp(CAPS, nowNs);
            return 0;
        }
    }
}
