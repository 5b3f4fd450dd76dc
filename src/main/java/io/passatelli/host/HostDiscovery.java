package io.passatelli.host;

import io.passatelli.base.Limits;
import io.passatelli.host.RtNetlink.Outcome;
import io.passatelli.os.Epoll;
import io.passatelli.os.EpollEvents;
import io.passatelli.os.Errno;
import io.passatelli.os.IoVec;
import io.passatelli.os.Os;
import io.passatelli.os.SockAddr;
import io.passatelli.os.Socket;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Asks the kernel for its interfaces, addresses and routes, rtnetlink(7), in the network namespace of the calling thread. Needs no right, and
 * keeps nothing open between two looks. One thread.
 */
public final class HostDiscovery {
    private static final int[] FAMILIES = {Socket.AF_INET, Socket.AF_INET6};
    private static final int MS = 1_000_000;

    private final Os os;
    private final RtNetlink netlink = new RtNetlink();
    private final IoVec vector = new IoVec(1);
    private final SockAddr kernel = new SockAddr();
    private final EpollEvents events = new EpollEvents(1);
    private int sequence;

    public HostDiscovery(Os os) {
        this.os = os;
    }

    /** The network as it is now. Throws {@link IOException} with one sentence where the kernel does not tell. */
    public static HostNetwork discover(Os os) throws IOException {
        return new HostDiscovery(os).look();
    }

    /** As {@link #discover}, again and again. */
    public HostNetwork look() throws IOException {
        int fd = check("socket", os.socket(Socket.AF_NETLINK, Socket.SOCK_RAW, Socket.NETLINK_ROUTE));
        try (Arena arena = Arena.ofConfined()) {
            kernel.setNetlink(0);
            check("connect", os.connect(fd, kernel));
            MemorySegment buffer = arena.allocate(Limits.NETLINK_READ_BYTES, 8);
            for (int attempt = 0; attempt < Limits.NETLINK_ATTEMPTS; attempt++) {
                netlink.clear();
                if (dumpAll(fd, buffer)) {
                    return netlink.network();
                }
            }
            throw new IOException(
                    "rtnetlink: the network changed during each of " + Limits.NETLINK_ATTEMPTS + " looks at it");
        } finally {
            os.close(fd);
        }
    }

    /** False: a change came in between. */
    private boolean dumpAll(int fd, MemorySegment buffer) throws IOException {
        boolean steady = dump(fd, buffer, RtNetlink.RTM_GETLINK, 0);
        for (int family : FAMILIES) {
            steady &= dump(fd, buffer, RtNetlink.RTM_GETADDR, family);
            steady &= dump(fd, buffer, RtNetlink.RTM_GETROUTE, family);
        }
        return steady;
    }

    private boolean dump(int fd, MemorySegment buffer, int type, int family) throws IOException {
        byte[] request = netlink.request(type, family, ++sequence);
        MemorySegment.copy(request, 0, buffer, ValueLayout.JAVA_BYTE, 0, request.length);
        vector.clear();
        vector.add(buffer, 0, request.length);
        check("sendmsg", os.sendmsg(fd, vector, Socket.MSG_NOSIGNAL));
        for (int reads = 0; reads < Limits.NETLINK_READS; reads++) {
            int length = receive(fd, buffer);
            Outcome outcome = netlink.feed(buffer.asSlice(0, length).asByteBuffer());
            if (outcome instanceof Outcome.Failed failed) {
                if (failed.errno() == Errno.EAFNOSUPPORT || failed.errno() == Errno.EOPNOTSUPP) {
                    return true; // a kernel without this family: it has nothing of it
                }
                throw new IOException("rtnetlink: " + failed.why() + ": " + Errno.text(failed.errno()));
            }
            if (outcome != Outcome.Progress.MORE) {
                return outcome == Outcome.Progress.DONE;
            }
        }
        throw new IOException("rtnetlink: a dump does not end within " + Limits.NETLINK_READS + " reads");
    }

    /** One datagram, whole. */
    private int receive(int fd, MemorySegment buffer) throws IOException {
        vector.clear();
        vector.add(buffer, 0, buffer.byteSize());
        long length = os.recvmsg(fd, vector, Socket.MSG_TRUNC);
        if (length == -Errno.EAGAIN) {
            awaitReadable(fd);
            length = os.recvmsg(fd, vector, Socket.MSG_TRUNC);
        }
        check("recvmsg", length);
        if (length > buffer.byteSize()) {
            throw new IOException("rtnetlink: a datagram of " + length + " bytes");
        }
        return (int) length;
    }

    /** The kernel answers within sendmsg and recvmsg; this is for one that does not. */
    private void awaitReadable(int fd) throws IOException {
        int epoll = check("epoll_create1", os.epollCreate());
        try {
            check("epoll_ctl", os.epollCtl(epoll, Epoll.ADD, fd, Epoll.IN, 0));
            check("epoll_pwait2", os.epollWait(epoll, events, (long) Limits.NETLINK_WAIT_MS * MS));
        } finally {
            os.close(epoll);
        }
    }

    private static int check(String call, long result) throws IOException {
        if (result < 0) {
            throw new IOException("rtnetlink: " + call + ": " + Errno.text((int) -result));
        }
        return (int) Math.min(result, Integer.MAX_VALUE);
    }
}
