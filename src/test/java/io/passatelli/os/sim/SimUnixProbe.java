package io.passatelli.os.sim;

import io.passatelli.os.Epoll;
import io.passatelli.os.Errno;
import io.passatelli.os.SockAddr;
import io.passatelli.os.SockAddrs;
import io.passatelli.os.Socket;

/** unix(7), SOCK_DGRAM, as far as it tells whether a stream socket holds a path: connect(2) says EPROTOTYPE if one does, and leaves no trace there. */
final class SimUnixProbe extends SimSocket {
    SimUnixProbe(SimKernel kernel) {
        super(kernel);
    }

    @Override
    int connect(SockAddr to) {
        if (to.family() != Socket.AF_UNIX) {
            return -Errno.EINVAL;
        }
        if (!kernel.net.hasPath(to.path())) {
            return -Errno.ENOENT;
        }
        return kernel.net.boundTo(to.path()) == null ? -Errno.ECONNREFUSED : -Errno.EPROTOTYPE;
    }

    @Override
    void localAddress(SockAddr out) {
        SockAddrs.setUnnamed(out);
    }

    @Override
    int bind(SockAddr address) {
        throw notModelled();
    }

    @Override
    int shutdown(int how) {
        throw notModelled();
    }

    @Override
    long receive(byte[] into, int flags) {
        throw notModelled();
    }

    @Override
    long send(byte[] data, int flags) {
        throw notModelled();
    }

    private static UnsupportedOperationException notModelled() {
        return new UnsupportedOperationException("datagrams of AF_UNIX are not modelled by SimOs yet");
    }

    @Override
    int certain() {
        return Epoll.OUT;
    }

    @Override
    void released() {}
}
