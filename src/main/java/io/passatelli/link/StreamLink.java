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

/**
 * The link to a QEMU with {@code -netdev stream}: a stream socket that carries each frame behind its length. One guest at a time; whoever else
 * connects is sent away. When the guest leaves, another may come.
 *
 * <p>EPOLLOUT is watched only while the socket is full, since a UNIX socket reports it again for each message that the peer takes. {@link #door} runs from the ready list, behind the events of its turn: so a
 * guest that leaves and comes back at once is seen in that order.
 */
public final class StreamLink extends EdgeLink {
    private static final Caps CAPS = new Caps(1, Limits.FRAME_BYTES, true, Caps.Offloads.NONE, Caps.Offloads.NONE);
    private static final int DOOR = 0;
    private static final int GUEST = 1;
    private static final int OTHER_DOOR = 2;
    private static final int ON = 1;
    private static final int GONE = Epoll.RDHUP | Epoll.HUP | Epoll.ERR;
    private static final int WATCHED = Epoll.IN | Epoll.RDHUP | Epoll.ET;

    private final @Nullable StreamSocket socket;
    private final @Nullable LoopbackSocket loopback;
    private final Log log;
    private final StreamReceiver receiver;
    private final StreamSender sender = new StreamSender();
    private final SockAddr peer = new SockAddr();
    private final RateLimit lines = new RateLimit();
    private final ReadyList.Node door = new Door();
    private final TimerWheel.Timer retry = new Retry();
    private int type;

    private int generation;
    /** The peer's end was seen: what is left is read to its end without a further edge. */
    private boolean hungUp;

    /** Not 0: sending failed for this errno. What the guest sent before it left is still received, then it is gone. */
    private int deafErrno;

    private boolean outWatched;
    /** Somebody may wait in accept(2)'s queue. */
    private boolean knocked;
    /** The guest left, and the listener does not know yet. */
    private boolean leaving;

    private int leaveErrno;

    private StreamLink(
            Os os,
            @Nullable StreamSocket socket,
            @Nullable LoopbackSocket loopback,
            int fd,
            Counters counters,
            Log log) {
        super(os, fd, counters);
        this.socket = socket;
        this.loopback = loopback;
        this.log = log;
        receiver = new StreamReceiver(counters);
    }

    /** A link for whoever connects to {@code socket}, which it owns from now on. */
    public static StreamLink listening(Os os, StreamSocket socket, Counters counters, Log log) {
        return new StreamLink(os, socket, null, Os.NONE, counters, log);
    }

    /** The same, also for whoever connects to {@code loopback} once that listens. It owns both. */
    public static StreamLink listening(
            Os os, StreamSocket socket, LoopbackSocket loopback, Counters counters, Log log) {
        return new StreamLink(os, socket, loopback, Os.NONE, counters, log);
    }

    /** A link over a stream socket that is connected already ({@code --fd}). It owns {@code fd}; after {@code onDown} it is of no more use. */
    public static StreamLink connected(Os os, int fd, Counters counters, Log log) {
        return new StreamLink(os, null, null, fd, counters, log);
    }

    @Override
    public String kind() {
        return "stream";
    }

    @Override
    public Caps caps() {
        return CAPS;
    }

    @Override
    public void bind(EventLoop loop, Listener listener) {
        attach(loop, listener);
        type = loop.register(new Events());
        int rc = socket == null ? arm() : loop.watch(socket.fd(), Epoll.IN | Epoll.ET, type, 0, DOOR);
        if (rc >= 0 && loopback != null) {
            rc = loop.watch(loopback.fd(), Epoll.IN | Epoll.ET, type, 0, OTHER_DOOR);
        }
        if (rc < 0) {
            String what = socket == null ? "the guest's socket" : "'" + socket.path() + "'";
            throw new IllegalStateException("cannot watch " + what + ": " + Errno.text(-rc));
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

    /**
     * Asks for EPOLLOUT exactly while the socket is full; changing what is watched reports what holds already, so no edge is missed. Where the
     * kernel had no memory (ENOBUFS, ENOMEM) time tells instead: that passes, and the guest need not come back for it.
     */
    @HotPath
    private void watchOut() {
        if (sender.isStarved()) {
            awaitMemory();
        }
        boolean wanted = sender.isBlocked() && !sender.isStarved();
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
        if (isBound()) {
            rest();
            loop().ready().remove(door);
            loop().timers().cancel(retry);
        }
        if (fd >= 0) {
            dropGuest();
        }
        if (socket != null) {
            if (isBound()) {
                loop().unwatch(socket.fd());
            }
            socket.close();
        }
        if (loopback != null) {
            if (isBound()) {
                loop().unwatch(loopback.fd());
            }
            loopback.close();
        }
    }

    /** The guest is gone for us from here on; the listener hears of it from {@link #door}. {@code errno} 0: it closed. */
    private void fail(int errno) {
        dropGuest();
        leaving = true;
        leaveErrno = errno;
        rest();
        loop().ready().add(door);
    }

    private void dropGuest() {
        if (isBound()) {
            loop().unwatch(fd);
        }
        os.close(fd);
        fd = Os.NONE;
        up = false;
        generation = Ref.next(generation);
    }

    private void onGuestEvent(int events, long nowNs) {
        hungUp |= (events & GONE) != 0;
        boolean in = (events & (Epoll.IN | GONE)) != 0;
        readable |= in;
        if (!up) {
            return; // the door opens later in this turn
        }
        if (in) {
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

    @Override
    void onMemory(long nowNs) {
        if (isSending() && sender.isStarved() && !hungUp) {
            onRoom(nowNs);
        }
    }

    /** Takes those who wait at the door, until it is empty or a guest is about to leave and make room. */
    private void answerDoor(StreamSocket at, long nowNs) {
        for (int i = 0; i < Limits.STREAM_ACCEPTS_PER_TURN; i++) {
            if (leaving || up && hungUp) {
                return;
            }
            int comer = accept(at);
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

    /** Of either door; {@code -errno} if at neither anybody waits. */
    private int accept(StreamSocket at) {
        int comer = os.accept(at.fd(), peer);
        if (comer != -Errno.EAGAIN || loopback == null) {
            return comer;
        }
        comer = os.accept(loopback.fd(), peer);
        return comer == -Errno.EINVAL ? -Errno.EAGAIN : comer; // it does not listen yet
    }

    private void sendAway(int comer, long nowNs) {
        if (lines.allows(nowNs)) {
            log.warn("a guest is connected already: " + who(comer) + " was sent away" + lines.leftOut());
        }
        os.close(comer);
    }

    /** 0 is the process of another container, or of a TCP connection. */
    private String who(int comer) {
        int pid = os.peerPid(comer);
        return pid == 0 ? "a process that is hidden from us" : "process " + pid;
    }

    private void tryLater(int errno, long nowNs) {
        exhausted("cannot accept a guest now: ", errno, nowNs);
        loop().timers().schedule(retry, nowNs + Limits.STREAM_ACCEPT_RETRY_MS * NS_PER_MS);
    }

    private void exhausted(String what, int errno, long nowNs) {
        counters.count(Drop.DESCRIPTORS_EXHAUSTED);
        if (lines.allows(nowNs)) {
            log.warn(what + Errno.text(errno) + lines.leftOut());
        }
    }

    private void welcome(int comer, long nowNs) {
        fd = comer;
        int rc = arm();
        if (rc == 0) {
            greet(nowNs);
            return;
        }
        os.close(fd);
        fd = Os.NONE;
        exhausted(
                "a guest was sent away, as it cannot be watched: ", -rc, nowNs); // fs.epoll.max_user_watches, epoll(7)
    }

    /** Begins anew with the guest at {@link #fd}, whose events are noted from now on. 0 or {@code -errno}. */
    private int arm() {
        receiver.reset();
        sender.reset();
        hungUp = false;
        deafErrno = 0;
        readable = false;
        outWatched = false;
        shortage = false;
        os.setOption(fd, Socket.SOL_SOCKET, Socket.SO_SNDBUF, Limits.STREAM_SNDBUF_BYTES);
        if (loopback != null) {
            os.setOption(fd, Socket.IPPROTO_TCP, Socket.TCP_NODELAY, ON); // a UNIX socket has no such
        }
        return loop().watch(fd, WATCHED, type, generation, GUEST);
    }

    private void greet(long nowNs) {
        up = true;
        visitAgain(readable);
        if (lines.allows(nowNs)) {
            log.info("guest connected: " + who(fd) + lines.leftOut());
        }
        listener().onUp(CAPS, nowNs);
    }

    private void sayEnd(long nowNs) {
        if (!lines.allows(nowNs)) {
            return;
        }
        if (receiver.isLost() && leaveErrno == Errno.EPROTO) {
            String length = Integer.toUnsignedString(receiver.lostLength());
            log.warn("guest dropped: framing lost (a frame length of " + length + ")" + lines.leftOut());
        } else {
            log.info("guest left" + (leaveErrno == 0 ? "" : ": " + Errno.text(leaveErrno)) + lines.leftOut());
        }
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

    /** Comings and goings. */
    private final class Door extends ReadyList.Node {
        private boolean opened;

        @Override
        protected long visit(long allowanceBytes, long nowNs) {
            if (leaving) {
                leaving = false;
                loop().ready().add(this); // somebody may wait, even if the listener throws
                sayEnd(nowNs);
                listener().onDown(leaveErrno, nowNs);
                return 0;
            }
            if (socket == null && !opened) {
                opened = true;
                greet(nowNs);
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
