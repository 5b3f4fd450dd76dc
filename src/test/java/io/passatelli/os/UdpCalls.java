package io.passatelli.os;

import io.passatelli.base.Ip;

import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

/** Batches of datagrams and error queues with Java values, for tests. */
public final class UdpCalls {
    /** In one batch; each has room for the longest datagram. */
    public static final int MOST = 8;

    private static final int ROOM = 1 << 16;
    private static final MemorySegment ROOMS = Calls.newBuffer();
    private static final Datagrams BATCH = new Datagrams(MOST, 2);
    private static final SocketError ERROR = new SocketError();

    /**
     * A datagram as it was received.
     *
     * @param text its bytes, in ISO 8859-1
     * @param localInterface 0 where {@code local} was not told
     */
    public record Datagram(String text, Ip peer, int peerPort, Ip local, int localInterface, boolean truncated) {
        public byte[] bytes() {
            return text.getBytes(StandardCharsets.ISO_8859_1);
        }
    }

    /** An entry of the error queue. */
    public record Trouble(
            int errno,
            int origin,
            int type,
            int code,
            int info,
            Ip offender,
            Ip destination,
            int destinationPort,
            String payload) {}

    private final Os os;

    public UdpCalls(Os os) {
        this.os = os;
    }

    public int socket(boolean v4) {
        return os.socket(v4 ? Socket.AF_INET : Socket.AF_INET6, Socket.SOCK_DGRAM, Socket.IPPROTO_UDP);
    }

    /** At most {@code count}, of which each has {@code room} bytes in two ranges; what came goes to {@code out}. Returns what the call does. */
    public int receive(int fd, int count, int room, List<Datagram> out) {
        BATCH.clear();
        for (int i = 0; i < count; i++) {
            int d = BATCH.add();
            int half = room / 2;
            BATCH.range(d, ROOMS, (long) i * ROOM, half);
            BATCH.range(d, ROOMS, (long) i * ROOM + half, room - half);
            BATCH.wantPeer(d);
            BATCH.wantLocal(d);
        }
        int n = os.recvmmsg(fd, BATCH, Socket.MSG_DONTWAIT);
        for (int i = 0; i < n; i++) {
            byte[] bytes = ROOMS.asSlice((long) i * ROOM, BATCH.length(i)).toArray(JAVA_BYTE);
            boolean told = BATCH.hasLocal(i);
            out.add(new Datagram(
                    new String(bytes, StandardCharsets.ISO_8859_1),
                    new Ip(BATCH.peerHigh(i), BATCH.peerLow(i)),
                    BATCH.peerPort(i),
                    told ? new Ip(BATCH.localHigh(i), BATCH.localLow(i)) : Ip.UNSPECIFIED6,
                    told ? BATCH.localInterface(i) : 0,
                    BATCH.isTruncated(i)));
        }
        return n;
    }

    /** One call of sendmmsg(2); what it returns. */
    public int send(int fd, byte[]... datagrams) {
        BATCH.clear();
        for (int i = 0; i < datagrams.length; i++) {
            byte[] bytes = datagrams[i];
            MemorySegment.copy(bytes, 0, ROOMS, JAVA_BYTE, (long) i * ROOM, bytes.length);
            int half = bytes.length / 2;
            int d = BATCH.add();
            BATCH.range(d, ROOMS, (long) i * ROOM, half);
            BATCH.range(d, ROOMS, (long) i * ROOM + half, bytes.length - half);
        }
        return os.sendmmsg(fd, BATCH, 0, datagrams.length, Socket.MSG_DONTWAIT | Socket.MSG_NOSIGNAL);
    }

    /** One datagram's bytes, cut into segments of {@code segment} bytes. */
    public int sendSegmented(int fd, byte[] bytes, int segment) {
        BATCH.clear();
        MemorySegment.copy(bytes, 0, ROOMS, JAVA_BYTE, 0, bytes.length);
        BATCH.range(BATCH.add(), ROOMS, 0, bytes.length);
        BATCH.segmentSize(0, segment);
        return os.sendmmsg(fd, BATCH, 0, 1, Socket.MSG_DONTWAIT | Socket.MSG_NOSIGNAL);
    }

    /** What the kernel said of datagram {@code i} of the last {@link #send}. */
    public int sent(int i) {
        return BATCH.length(i);
    }

    /** The oldest error goes to {@code out}; 0 or {@code -errno}. */
    public int error(int fd, List<Trouble> out) {
        int rc = os.recvError(fd, ERROR);
        if (rc == 0) {
            byte[] payload = ERROR.payload.asSlice(0, ERROR.length).toArray(JAVA_BYTE);
            out.add(new Trouble(
                    ERROR.errno,
                    ERROR.origin,
                    ERROR.type,
                    ERROR.code,
                    ERROR.info,
                    new Ip(ERROR.offenderHigh, ERROR.offenderLow),
                    new Ip(ERROR.destinationHigh, ERROR.destinationLow),
                    ERROR.destinationPort,
                    new String(payload, StandardCharsets.ISO_8859_1)));
        }
        return rc;
    }

    /** All errors there are, oldest first. */
    public List<Trouble> errors(int fd) {
        List<Trouble> all = new ArrayList<>();
        while (true) {
            int rc = error(fd, all);
            if (rc != 0) {
                if (rc != -Errno.EAGAIN) {
                    throw new AssertionError("the error queue answers " + rc);
                }
                return all;
            }
        }
    }
}
