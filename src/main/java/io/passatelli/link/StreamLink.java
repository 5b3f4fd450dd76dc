package io.passatelli.link;

import io.passatelli.base.Counters;
import io.passatelli.base.Drop;
import io.passatelli.base.HotPath;
import io.passatelli.base.Limits;
import io.passatelli.base.Log;
import io.passatelli.base.RateLimit;
import io.passatelli.base.TimerWheel;
import io.passatelli.loop.EventLoop;
import io.passatelli.loop.Handler;
import io.passatelli.loop.ReadyList;
import io.passatelli.loop.Ref;
import io.passatelli.os.Epoll;
import io.passatelli.os.Errno;
import io.passatelli.os.Os;
import io.passatelli.os.SockAddr;
import io.passatelli.os.Socket;
import io.passatelli.wire.Offload;
import org.jspecify.annotations.Nullable;

import java.lang.foreign.MemorySegment;
import java.util.Objects;

/**
 * The link to a QEMU with {@code -netdev stream}: a stream socket that carries each frame behind its length. One guest at a time; whoever else
 * connects is sent away. When the guest leaves, another may come.
 *
 * <p>Epoll tells of the guest's socket edge by edge: {@link #readable} remembers an edge until a read found the socket empty, and {@link #poll} is
 * in the ready list as long as frames may be left without a further edge. EPOLLOUT is watched only while the socket is full, since a UNIX
 * socket reports it again for each message that the peer takes. {@link #door} runs from the ready list, behind the events of its turn: so a
 * guest that leaves and comes back at once is seen in that order.
 */
public final class StreamLink implements Link {
    private static final Caps CAPS = new Caps(1, Limits.FRAME_BYTES, true, Caps.Offloads.NONE, Caps.Offloads.NONE);
    private static final int DOOR = 0;
    private static final int GUEST = 1;
    private static final int GONE = Epoll.RDHUP | Epoll.HUP | Epoll.ERR;
    private static final int WATCHED = Epoll.IN | Epoll.RDHUP | Epoll.ET;
    private static final long NS_PER_MS = 1_000_000;

    private final Os os;
    private final @Nullable StreamSocket socket;
    private final Counters counters;
    private final Log log;
    private final StreamReceiver receiver;
    private final StreamSender sender = new StreamSender();
    private final SockAddr peer = new SockAddr();
    private final RateLimit lines = new RateLimit();
    private final ReadyList.Node poll = new Poll();
    private final ReadyList.Node door = new Door();
    private final TimerWheel.Timer retry = new Retry();
    private @Nullable EventLoop loop;
    private @Nullable Listener listener;
    private int type;

    private int fd;
    private int generation;
    private boolean up;
    /** The peer's end was seen: what is left is read to its end without a further edge. */
    private boolean hungUp;

    /** Not 0: sending failed for this errno. What the guest sent before it left is still received, then it is gone. */
    private int deafErrno;

    private boolean readable;
    private boolean outWatched;
    /** Somebody was told that the link is full. */
    private boolean shortage;
    /** Somebody may wait in accept(2)'s queue. */
    private boolean knocked;
    /** The guest left, and the listener does not know yet. */
    private boolean leaving;

    private int leaveErrno;
    private long receivedBytes;

    private StreamLink(Os os, @Nullable StreamSocket socket, int fd, Counters counters, Log log) {
        this.os = os;
        this.socket = socket;
        this.fd = fd;
        this.counters = counters;
        this.log = log;
        receiver = new StreamReceiver(counters);
    }

    /** A link for whoever connects to {@code socket}, which it owns from now on. */
    public static StreamLink listening(Os os, StreamSocket socket, Counters counters, Log log) {
        return new StreamLink(os, socket, Os.NONE, counters, log);
    }

    /** A link over a stream socket that is connected already ({@code --fd}). It owns {@code fd}; after {@code onDown} it is of no more use. */
    public static StreamLink connected(Os os, int fd, Counters counters, Log log) {
        return new StreamLink(os, null, fd, counters, log);
    }

    @Override
    public Caps caps() {
        return CAPS;
    }

    @Override
    public void bind(EventLoop loop, Listener listener) {
        assert this.loop == null;
        this.loop = loop;
        this.listener = listener;
        type = loop.register(new Events());
        if (socket != null) {
            int rc = loop.watch(socket.fd(), Epoll.IN | Epoll.ET, type, 0, DOOR);
            if (rc < 0) {
                throw new IllegalStateException("cannot watch '" + socket.path() + "': errno " + -rc);
            }
        }
        loop.ready().add(door);
    }

    @HotPath
    @Override
    public int receive(int queue, RxBatch batch) {
        assert queue == 0 : queue;
        batch.clear();
        if (!up) {
            return -Errno.ENOTCONN;
        }
        receiver.take(batch);
        if (batch.count() == 0 && readable && !receiver.isLost()) {
            int rc = read();
            if (rc < 0) {
                return rc;
            }
            receiver.take(batch);
        }
        if (batch.count() == 0 && receiver.isLost()) {
            fail(Errno.EPROTO);
            return -Errno.EPROTO;
        }
        for (int i = 0; i < batch.count(); i++) {
            receivedBytes += batch.frame(i).length();
        }
        visitAgain(readable || batch.isFull() || receiver.isLost());
        return batch.count();
    }

    /** One read; 0, or {@code -errno} when the guest is gone. */
    @HotPath
    private int read() {
        long n = receiver.read(os, fd);
        if (n > 0) {
            readable = hungUp || !receiver.isDrained();
            return 0;
        }
        if (n == -Errno.EAGAIN && deafErrno == 0) {
            readable = false;
            return 0;
        }
        fail(n == -Errno.EAGAIN ? deafErrno : (int) -n);
        return -Errno.ENOTCONN;
    }

    @HotPath
    private void visitAgain(boolean wanted) {
        if (wanted) {
            loop().ready().add(poll);
        } else if (poll.isListed()) {
            loop().ready().remove(poll);
        }
    }

    /** Frames lie in a buffer of ours, which the next receive uses again. */
    @HotPath
    @Override
    public void release(int queue, RxBatch batch) {
        assert queue == 0 : queue;
    }

    @HotPath
    @Override
    public int reserve(int queue, TxBatch batch, int wanted, int headerBytes, int payloadEach) {
        assert queue == 0 : queue;
        if (!isSending()) {
            batch.clear();
            return 0;
        }
        int count = sender.reserve(batch, wanted, headerBytes, payloadEach);
        shortage |= count == 0;
        return count;
    }

    @HotPath
    @Override
    public int commit(int queue, TxBatch batch, int n) {
        assert n >= 0 && n <= batch.count() : n;
        if (!isSending()) {
            return -Errno.ENOTCONN;
        }
        int taken = sender.commit(os, fd, batch, n);
        if (taken < 0) {
            stopSending(-taken);
            return -Errno.ENOTCONN;
        }
        shortage |= taken < n;
        watchOut();
        return taken;
    }

    @HotPath
    @Override
    public boolean control(int queue, MemorySegment segment, long at, int length, Offload offload) {
        assert length > 0 && length <= Limits.CONTROL_FRAME_BYTES : length;
        if (!isSending()) {
            return false;
        }
        if (sender.control(segment, at, length)) {
            return true;
        }
        flush(queue);
        if (isSending() && sender.control(segment, at, length)) {
            return true;
        }
        shortage = true;
        return false;
    }

    @HotPath
    @Override
    public void flush(int queue) {
        assert queue == 0 : queue;
        if (isSending() && !sender.isBlocked() && !sender.isEmpty()) {
            send();
        }
    }

    @HotPath
    private void send() {
        int rc = sender.flush(os, fd);
        if (rc < 0) {
            stopSending(-rc);
            return;
        }
        watchOut();
    }

    private boolean isSending() {
        return up && deafErrno == 0;
    }

    private void stopSending(int errno) {
        deafErrno = errno;
        hungUp = true;
        readable = true;
        visitAgain(true);
    }

    /** Asks for EPOLLOUT exactly while the socket is full; changing what is watched reports what holds already, so no edge is missed. */
    @HotPath
    private void watchOut() {
        boolean wanted = sender.isBlocked();
        if (wanted == outWatched) {
            return;
        }
        int rc = loop().rewatch(fd, wanted ? WATCHED | Epoll.OUT : WATCHED, type, generation, GUEST);
        if (rc < 0) {
            stopSending(-rc);
            return;
        }
        outWatched = wanted;
    }

    @Override
    public void close() {
        if (loop != null) {
            loop.ready().remove(poll);
            loop.ready().remove(door);
            loop.timers().cancel(retry);
        }
        if (fd >= 0) {
            dropGuest();
        }
        if (socket != null) {
            if (loop != null) {
                loop.unwatch(socket.fd());
            }
            socket.close();
        }
    }

    /** The guest is gone for us from here on; the listener hears of it from {@link #door}. {@code errno} 0: it closed. */
    private void fail(int errno) {
        dropGuest();
        leaving = true;
        leaveErrno = errno;
        loop().ready().remove(poll);
        loop().ready().add(door);
    }

    private void dropGuest() {
        if (up) {
            loop().unwatch(fd);
        }
        os.close(fd);
        fd = Os.NONE;
        up = false;
        generation = Ref.next(generation);
    }

    private void onGuestEvent(int events, long nowNs) {
        if (!up) {
            return;
        }
        hungUp |= (events & GONE) != 0;
        boolean in = (events & (Epoll.IN | GONE)) != 0;
        if (in) {
            readable = true;
            visitAgain(true);
        }
        if ((events & Epoll.OUT) != 0 && !hungUp) {
            onRoom(nowNs);
        }
        if (in) {
            listener().onReadable(0, nowNs);
        }
    }

    private void onRoom(long nowNs) {
        if (sender.isBlocked()) {
            send();
        }
        if (isSending() && shortage && !sender.isBlocked()) {
            shortage = false;
            listener().onWritable(0, nowNs);
        }
    }

    /** Takes those who wait at the door, until it is empty or a guest is about to leave and make room. */
    private void answerDoor(StreamSocket at, long nowNs) {
        for (int i = 0; i < Limits.STREAM_ACCEPTS_PER_TURN; i++) {
            if (leaving || up && hungUp) {
                return;
            }
            int comer = os.accept(at.fd(), peer);
            if (comer >= 0) {
                if (up) {
                    sendAway(comer, nowNs);
                } else {
                    welcome(comer, nowNs);
                }
                continue;
            }
            knocked = false;
            if (comer != -Errno.EAGAIN) {
                tryLater(-comer, nowNs);
            }
            return;
        }
        loop().ready().add(door);
    }

    private void sendAway(int comer, long nowNs) {
        if (lines.allows(nowNs)) {
            log.warn("a guest is connected already: process " + os.peerPid(comer) + " was sent away");
        }
        os.close(comer);
    }

    private void tryLater(int errno, long nowNs) {
        counters.count(Drop.DESCRIPTORS_EXHAUSTED);
        if (lines.allows(nowNs)) {
            log.warn("cannot accept a guest now: errno " + errno);
        }
        loop().timers().schedule(retry, nowNs + Limits.STREAM_ACCEPT_RETRY_MS * NS_PER_MS);
    }

    private void welcome(int comer, long nowNs) {
        fd = comer;
        receiver.reset();
        sender.reset();
        hungUp = false;
        deafErrno = 0;
        readable = false;
        outWatched = false;
        shortage = false;
        os.setOption(fd, Socket.SOL_SOCKET, Socket.SO_SNDBUF, Limits.STREAM_SNDBUF_BYTES);
        int rc = loop().watch(fd, WATCHED, type, generation, GUEST);
        if (rc < 0) {
            fail(-rc);
            return;
        }
        up = true;
        log.info("guest connected: process " + os.peerPid(fd));
        listener().onUp(CAPS, nowNs);
    }

    private EventLoop loop() {
        return Objects.requireNonNull(loop);
    }

    private Listener listener() {
        return Objects.requireNonNull(listener);
    }

    private final class Events implements Handler {
        @Override
        public int generation(int index) {
            return index == GUEST ? generation : 0;
        }

        @Override
        public void onEvent(int index, int events, long nowNs) {
            if (index == GUEST) {
                onGuestEvent(events, nowNs);
                return;
            }
            knocked = true;
            loop().ready().add(door);
        }
    }

    /** Frames may be left that no edge tells of. */
    private final class Poll extends ReadyList.Node {
        @Override
        protected long visit(long allowanceBytes, long nowNs) {
            if (!up) {
                return 0;
            }
            long before = receivedBytes;
            visitAgain(true); // until a receive finds nothing left, even if the listener throws before it
            listener().onReadable(0, nowNs);
            return receivedBytes - before;
        }
    }

    /** Comings and goings. */
    private final class Door extends ReadyList.Node {
        private boolean opened;

        @Override
        protected long visit(long allowanceBytes, long nowNs) {
            if (leaving) {
                leaving = false;
                loop().ready().add(this); // somebody may wait, even if the listener throws
                listener().onDown(leaveErrno, nowNs);
                return 0;
            }
            if (socket == null && !opened) {
                opened = true;
                welcome(fd, nowNs);
            }
            if (socket != null && knocked) {
                answerDoor(socket, nowNs);
            }
            return 0;
        }
    }

    /** accept(2) had no descriptor. */
    private final class Retry extends TimerWheel.Timer {
        @Override
        protected void due(long nowNs) {
            knocked = true;
            loop().ready().add(door);
        }
    }
}
