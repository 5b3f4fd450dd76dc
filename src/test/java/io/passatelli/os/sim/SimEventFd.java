package io.passatelli.os.sim;

import io.passatelli.os.Epoll;
import io.passatelli.os.Errno;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** eventfd(2), non-blocking, without EFD_SEMAPHORE. Every write is an edge of EPOLLIN, every read one of EPOLLOUT. */
final class SimEventFd extends SimFile {
    private static final long MOST = -2L; // 0xfffffffffffffffe, unsigned

    private long counter;

    SimEventFd(SimKernel kernel) {
        super(kernel);
    }

    @Override
    int certain() {
        return (counter != 0 ? Epoll.IN : 0) | (Long.compareUnsigned(counter, MOST) < 0 ? Epoll.OUT : 0);
    }

    @Override
    long read(byte[] into) {
        if (into.length < Long.BYTES) {
            return -Errno.EINVAL;
        }
        if (counter == 0) {
            return -Errno.EAGAIN;
        }
        ByteBuffer.wrap(into).order(ByteOrder.nativeOrder()).putLong(counter);
        counter = 0;
        wake(Epoll.OUT);
        return Long.BYTES;
    }

    @Override
    long write(byte[] data) {
        if (data.length < Long.BYTES) {
            return -Errno.EINVAL;
        }
        long more = ByteBuffer.wrap(data).order(ByteOrder.nativeOrder()).getLong();
        if (more == -1L) {
            return -Errno.EINVAL;
        }
        if (Long.compareUnsigned(more, MOST - counter) > 0) {
            return -Errno.EAGAIN;
        }
        counter += more;
        wake(Epoll.IN);
        return Long.BYTES;
    }

    @Override
    void released() {}
}
