package io.passatelli.plane;

import io.passatelli.os.DelegatingOs;
import io.passatelli.os.Errno;
import io.passatelli.os.Os;
import io.passatelli.os.SockAddr;
import io.passatelli.os.Socket;
import io.passatelli.os.sim.SimClock;
import org.jspecify.annotations.Nullable;

/**
 * A kernel whose calls for sockets take time, are counted, and may run out of descriptors. Sockets of UDP and TCP may be of paper: numbers that
 * nothing comes to, for the simulated kernel takes its time with thousands of them.
 */
final class SteppingOs extends DelegatingOs {
    private static final int PAPER = 1_000_000;

    private final long callNs;
    private final boolean paper;
    private int nextPaper = PAPER;
    private @Nullable SimClock clock;
    int opened;
    int closed;
    /** So many sockets may still be opened. */
    int left = Integer.MAX_VALUE;

    SteppingOs(Os os, long callNs, boolean paper) {
        super(os);
        this.paper = paper;
        this.callNs = callNs;
    }

    /** From now on calls take their time, and are counted from 0. */
    void begin(SimClock its) {
        clock = its;
        opened = 0;
        closed = 0;
    }

    private void step() {
        if (clock != null) {
            clock.advance(callNs);
        }
    }

    @Override
    public int socket(int family, int type, int protocol) {
        step();
        if (left == 0) {
            return -Errno.EMFILE;
        }
        left--;
        opened++;
        boolean listens = protocol == Socket.IPPROTO_TCP || protocol == Socket.IPPROTO_UDP;
        return paper && listens ? nextPaper++ : super.socket(family, type, protocol);
    }

    @Override
    public int close(int fd) {
        step();
        closed++;
        return fd >= PAPER ? 0 : super.close(fd);
    }

    @Override
    public int bind(int fd, SockAddr address) {
        step();
        return fd >= PAPER ? 0 : super.bind(fd, address);
    }

    @Override
    public int listen(int fd, int backlog) {
        step();
        return fd >= PAPER ? 0 : super.listen(fd, backlog);
    }

    @Override
    public int setOption(int fd, int level, int name, int value) {
        step();
        return fd >= PAPER ? 0 : super.setOption(fd, level, name, value);
    }

    @Override
    public int epollCtl(int epoll, int op, int fd, int events, long ref) {
        step();
        return fd >= PAPER ? 0 : super.epollCtl(epoll, op, fd, events, ref);
    }
}
