package io.passatelli.link;

import io.passatelli.os.Errno;
import io.passatelli.os.IoVec;
import io.passatelli.os.Os;
import io.passatelli.os.SockAddr;
import io.passatelli.os.Socket;

import java.io.ByteArrayOutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;

/** What QEMU is to a stream link: the connecting end of its socket. */
final class StreamGuest implements AutoCloseable {
    private static final int FLAGS = Socket.MSG_DONTWAIT | Socket.MSG_NOSIGNAL;

    final Os os;
    final int fd;
    final ByteArrayOutputStream got = new ByteArrayOutputStream();
    private final MemorySegment memory = Arena.ofAuto().allocate(1 << 20);
    private final IoVec iovec = new IoVec(1);
    boolean sawEnd;

    StreamGuest(Os os, int fd) {
        this.os = os;
        this.fd = fd;
    }

    static StreamGuest connect(Os os, Path path) {
        int fd = os.socket(Socket.AF_UNIX, Socket.SOCK_STREAM, 0);
        SockAddr address = new SockAddr();
        address.setPath(path.toString());
        assertThat(os.connect(fd, address)).isZero();
        return new StreamGuest(os, fd);
    }

    /** Sends what the socket takes; returns how many bytes. */
    int sends(byte[] bytes) {
        int done = 0;
        while (done < bytes.length) {
            int n = (int) Math.min(bytes.length - done, memory.byteSize());
            MemorySegment.copy(bytes, done, memory, JAVA_BYTE, 0, n);
            iovec.clear();
            iovec.add(memory, 0, n);
            long sent = os.sendmsg(fd, iovec, FLAGS);
            if (sent < 0) {
                assertThat(sent).isEqualTo(-Errno.EAGAIN);
                return done;
            }
            done += (int) sent;
        }
        return done;
    }

    /** Takes at most {@code most} bytes that wait; returns how many. */
    int takes(int most) {
        iovec.clear();
        iovec.add(memory, 0, Math.min(most, memory.byteSize()));
        long n = os.recvmsg(fd, iovec, FLAGS);
        if (n == -Errno.EAGAIN) {
            return 0;
        }
        assertThat(n).isNotNegative();
        sawEnd |= n == 0;
        got.write(memory.asSlice(0, n).toArray(JAVA_BYTE), 0, (int) n);
        return (int) n;
    }

    /** Takes all that waits. */
    StreamGuest takesAll() {
        while (takes(1 << 20) > 0) {
            assertThat(sawEnd).isFalse();
        }
        return this;
    }

    @Override
    public void close() {
        os.close(fd);
    }
}
