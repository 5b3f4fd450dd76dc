package io.passatelli.os;

import io.passatelli.base.HotPath;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

/** An array of {@code struct epoll_event}, epoll_wait(2). The struct is packed (12 bytes) on x86-64 and 16 bytes elsewhere. */
@HotPath
public final class EpollEvents {
    private static final boolean PACKED = System.getProperty("os.arch").equals("amd64");
    static final int SIZE = PACKED ? 12 : 16;
    static final int DATA = PACKED ? 4 : 8;

    final MemorySegment segment;
    private final int capacity;

    public EpollEvents(int capacity) {
        this.capacity = capacity;
        this.segment = Arena.ofAuto().allocate((long) capacity * SIZE, 8);
    }

    public int capacity() {
        return capacity;
    }

    /** EPOLLIN and its kin of event {@code i}. */
    public int events(int i) {
        return segment.get(JAVA_INT_UNALIGNED, (long) i * SIZE);
    }

    /** What epoll_ctl was told of the descriptor of event {@code i}. */
    public long ref(int i) {
        return segment.get(JAVA_LONG_UNALIGNED, (long) i * SIZE + DATA);
    }

    /** Fills event {@code i}, as the kernel would. */
    public void set(int i, int events, long ref) {
        segment.set(JAVA_INT_UNALIGNED, (long) i * SIZE, events);
        segment.set(JAVA_LONG_UNALIGNED, (long) i * SIZE + DATA, ref);
    }
}
