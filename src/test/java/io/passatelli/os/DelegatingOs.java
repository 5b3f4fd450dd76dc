package io.passatelli.os;

/** Another kernel's calls, as they are; for tests that look at some of them, or change them. */
public abstract class DelegatingOs implements Os {
    protected final Os os;

    protected DelegatingOs(Os os) {
        this.os = os;
    }

    @Override
    public int epollCreate() {
        return os.epollCreate();
    }

    @Override
    public int epollCtl(int epoll, int op, int fd, int events, long ref) {
        return os.epollCtl(epoll, op, fd, events, ref);
    }

    @Override
    public int epollWait(int epoll, EpollEvents out, long timeoutNs) {
        return os.epollWait(epoll, out, timeoutNs);
    }

    @Override
    public int eventfd() {
        return os.eventfd();
    }

    @Override
    public int socket(int family, int type, int protocol) {
        return os.socket(family, type, protocol);
    }

    @Override
    public int bind(int fd, SockAddr address) {
        return os.bind(fd, address);
    }

    @Override
    public int connect(int fd, SockAddr peer) {
        return os.connect(fd, peer);
    }

    @Override
    public int listen(int fd, int backlog) {
        return os.listen(fd, backlog);
    }

    @Override
    public int accept(int fd, SockAddr peerOut) {
        return os.accept(fd, peerOut);
    }

    @Override
    public int shutdown(int fd, int how) {
        return os.shutdown(fd, how);
    }

    @Override
    public int close(int fd) {
        return os.close(fd);
    }

    @Override
    public int localAddress(int fd, SockAddr out) {
        return os.localAddress(fd, out);
    }

    @Override
    public int option(int fd, int level, int name) {
        return os.option(fd, level, name);
    }

    @Override
    public int setOption(int fd, int level, int name, int value) {
        return os.setOption(fd, level, name, value);
    }

    @Override
    public int bindToDevice(int fd, String device) {
        return os.bindToDevice(fd, device);
    }

    @Override
    public int linger0(int fd) {
        return os.linger0(fd);
    }

    @Override
    public int memInfo(int fd, MemInfo out) {
        return os.memInfo(fd, out);
    }

    @Override
    public int peerPid(int fd) {
        return os.peerPid(fd);
    }

    @Override
    public long recvmsg(int fd, IoVec into, int flags) {
        return os.recvmsg(fd, into, flags);
    }

    @Override
    public long recvmsg(int fd, IoVec into, int flags, SockAddr fromOut) {
        return os.recvmsg(fd, into, flags, fromOut);
    }

    @Override
    public long sendmsg(int fd, IoVec from, int flags) {
        return os.sendmsg(fd, from, flags);
    }

    @Override
    public int recvmmsg(int fd, Datagrams into, int flags) {
        return os.recvmmsg(fd, into, flags);
    }

    @Override
    public int sendmmsg(int fd, Datagrams from, int first, int count, int flags) {
        return os.sendmmsg(fd, from, first, count, flags);
    }

    @Override
    public int recvError(int fd, SocketError out) {
        return os.recvError(fd, out);
    }

    @Override
    public long readv(int fd, IoVec into) {
        return os.readv(fd, into);
    }

    @Override
    public long writev(int fd, IoVec from) {
        return os.writev(fd, from);
    }

    @Override
    public void close() {
        os.close();
    }
}
