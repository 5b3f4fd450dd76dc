package io.passatelli.link;

import io.passatelli.os.Errno;
import io.passatelli.os.IoVec;
import io.passatelli.os.IoVecs;
import io.passatelli.os.Os;

import java.io.ByteArrayOutputStream;
import java.lang.foreign.MemorySegment;
import java.lang.reflect.Proxy;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

/** One stream socket of which the test says how many bytes each call moves. Every other call of {@link Os} is a mistake. */
final class ScriptedSocket {
    final Os os = (Os) Proxy.newProxyInstance(
            ScriptedSocket.class.getClassLoader(),
            new Class<?>[] {Os.class},
            (self, method, arguments) -> switch (method.getName()) {
                case "recvmsg" -> receive((IoVec) arguments[1]);
                case "sendmsg" -> send((IoVec) arguments[1]);
                default -> throw new AssertionError("unexpected " + method.getName());
            });

    /** What each read finds; an empty one is the end of the stream, none at all is EAGAIN. */
    final Deque<byte[]> arrivals = new ArrayDeque<>();

    /** Whether each read ends behind descriptors that the peer passed. */
    boolean descriptorsPassed;

    /** What left. */
    final ByteArrayOutputStream sent = new ByteArrayOutputStream();

    /** How many more bytes the socket takes. */
    long room = Long.MAX_VALUE;

    /** What it says when it takes none. */
    int fullErrno = Errno.EAGAIN;

    int sends;
    int reads;

    private long receive(IoVec into) {
        reads++;
        byte[] bytes = arrivals.peek();
        if (bytes == null) {
            return -Errno.EAGAIN;
        }
        arrivals.remove();
        IoVecs.setControlCut(into, descriptorsPassed);
        assert into.count() == 1;
        int n = (int) Math.min(bytes.length, into.total());
        MemorySegment.copy(bytes, 0, into.segment(0), JAVA_BYTE, into.offset(0), n);
        if (n < bytes.length) {
            arrivals.addFirst(Arrays.copyOfRange(bytes, n, bytes.length));
        }
        return n;
    }

    private long send(IoVec from) {
        sends++;
        if (room == 0) {
            return -fullErrno;
        }
        long moved = 0;
        for (int i = 0; i < from.count() && room > 0; i++) {
            int n = (int) Math.min(from.length(i), room);
            byte[] bytes = new byte[n];
            MemorySegment.copy(from.segment(i), JAVA_BYTE, from.offset(i), bytes, 0, n);
            sent.write(bytes, 0, n);
            room -= n;
            moved += n;
        }
        return moved;
    }
}
