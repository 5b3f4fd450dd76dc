package io.passatelli.os;

import io.passatelli.base.HotPath;

import java.lang.foreign.MemorySegment;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

/** recvmsg(2), recvmmsg(2), sendmsg(2) and sendmmsg(2). Results are ≥ 0 or {@code -errno}. */
@HotPath
@Syscalls({"recvmsg", "sendmsg", "recvmmsg", "sendmmsg"})
final class Msg {
    /** {@code struct msghdr}, bits/socket.h. */
    static final int SIZE = 56;

    static final int MSG_NAME = 0;
    static final int MSG_NAMELEN = 8;
    static final int MSG_IOV = 16;
    static final int MSG_IOVLEN = 24;
    static final int MSG_CONTROL = 32;
    static final int MSG_CONTROLLEN = 40;
    static final int MSG_FLAGS = 48;

    private static final MemorySegment RECVMSG = LibC.function("recvmsg");
    private static final MemorySegment SENDMSG = LibC.function("sendmsg");
    private static final MemorySegment RECVMMSG = LibC.function("recvmmsg");
    private static final MemorySegment SENDMMSG = LibC.function("sendmmsg");

    private Msg() {}

    static long recvmsg(int fd, IoVec into, int flags) {
        return receive(fd, header(into), into, flags);
    }

    static long recvmsg(int fd, IoVec into, int flags, SockAddr fromOut) {
        long header = header(into);
        MemorySegment scratch = CallState.current().scratch;
        scratch.set(JAVA_LONG, MSG_NAME, fromOut.segment.address());
        scratch.set(JAVA_INT, MSG_NAMELEN, SockAddr.CAPACITY);
        long rc = receive(fd, header, into, flags);
        if (rc >= 0) {
            fromOut.length(scratch.get(JAVA_INT, MSG_NAMELEN));
        }
        return rc;
    }

    private static long receive(int fd, long header, IoVec into, int flags) {
        long rc = LibC.callLong(RECVMSG, fd, header, flags, 0, 0, 0);
        int said = CallState.current().scratch.get(JAVA_INT, MSG_FLAGS);
        into.controlCut(rc >= 0 && (said & Socket.MSG_CTRUNC) != 0);
        return rc;
    }

    static long sendmsg(int fd, IoVec from, int flags) {
        return LibC.callLong(SENDMSG, fd, header(from), flags, 0, 0, 0);
    }

    static int recvmmsg(int fd, Datagrams into, int flags) {
        return LibC.callInt(RECVMMSG, fd, into.address(0), into.count(), flags, 0, 0);
    }

    static int sendmmsg(int fd, Datagrams from, int first, int count, int flags) {
        assert first >= 0 && count > 0 && first + count <= from.count();
        return LibC.callInt(SENDMMSG, fd, from.address(first), count, flags, 0, 0);
    }

    static int recvError(int fd, SocketError out) {
        long rc = LibC.callLong(RECVMSG, fd, out.prepare(), Socket.MSG_ERRQUEUE | Socket.MSG_DONTWAIT, 0, 0, 0);
        if (rc < 0) {
            return (int) rc;
        }
        out.take((int) rc);
        return 0;
    }

    private static long header(IoVec vector) {
        MemorySegment header = CallState.current().scratch;
        header.set(JAVA_LONG, MSG_NAME, 0);
        header.set(JAVA_LONG, MSG_NAMELEN, 0); // and the padding behind it
        header.set(JAVA_LONG, MSG_IOV, vector.address());
        header.set(JAVA_LONG, MSG_IOVLEN, vector.count());
        header.set(JAVA_LONG, MSG_CONTROL, 0);
        header.set(JAVA_LONG, MSG_CONTROLLEN, 0);
        header.set(JAVA_LONG, MSG_FLAGS, 0); // and the padding behind it
        return header.address();
    }
}
