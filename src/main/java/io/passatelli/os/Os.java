package io.passatelli.os;

/**
 * The kernel, as the loop thread uses it. Every result is ≥ 0 or {@code -errno} ({@link Errno}); EINTR is retried inside, but for
 * {@link #epollWait}, where it means "no events". Every descriptor made here is close-on-exec, and non-blocking. Loop
 * thread only, but for {@link #writev}, by which other threads wake a loop.
 */
public interface Os extends AutoCloseable {
    int NONE = -1;

    /** epoll_create1(2). */
    int epollCreate();

    /** epoll_ctl(2) with one of {@link Epoll}'s ADD, MOD, DEL; {@code ref} comes back with each event. */
    int epollCtl(int epoll, int op, int fd, int events, long ref);

    /** epoll_pwait2(2): waits at most {@code timeoutNs} (negative: for ever, 0: not at all); returns the count of events. */
    int epollWait(int epoll, EpollEvents out, long timeoutNs);

    /** eventfd2(2), counter 0. Written and read by {@link #writev} and {@link #readv} of 8 bytes, native order. */
    int eventfd();

    /** socket(2). */
    int socket(int family, int type, int protocol);

    /** bind(2). */
    int bind(int fd, SockAddr address);

    /** connect(2): {@code -EINPROGRESS} is the usual answer of a TCP socket. */
    int connect(int fd, SockAddr peer);

    /** listen(2). */
    int listen(int fd, int backlog);

    /** accept4(2); fills {@code peerOut}. */
    int accept(int fd, SockAddr peerOut);

    /** shutdown(2) with {@link Socket#SHUT_RD}, {@link Socket#SHUT_WR} or {@link Socket#SHUT_RDWR}. */
    int shutdown(int fd, int how);

    /** close(2). */
    int close(int fd);

    /** getsockname(2). */
    int localAddress(int fd, SockAddr out);

    /** getsockopt(2) of an int option; the value must be ≥ 0 to be told from an error (SO_ERROR, SO_SNDBUF … are). */
    int option(int fd, int level, int name);

    /** setsockopt(2) of an int option. */
    int setOption(int fd, int level, int name, int value);

    /** SO_BINDTODEVICE, socket(7). */
    int bindToDevice(int fd, String device);

    /** SO_LINGER on with no time, socket(7): close(2) then resets the connection, tcp(7). */
    int linger0(int fd);

    /** SO_MEMINFO, socket(7): fills {@code out}. */
    int memInfo(int fd, MemInfo out);

    /** The process at the other end of a UNIX socket (SO_PEERCRED, unix(7)). */
    int peerPid(int fd);

    /** recvmsg(2) without address or control data, which is thrown away ({@link IoVec#isControlCut}). */
    long recvmsg(int fd, IoVec into, int flags);

    /** recvmsg(2) without control data; fills {@code fromOut} with the sender's address; family 0 where the kernel says none, as for TCP. */
    long recvmsg(int fd, IoVec into, int flags, SockAddr fromOut);

    /** sendmsg(2) without address or control data; MSG_NOSIGNAL is the caller's to give. */
    long sendmsg(int fd, IoVec from, int flags);

    /**
     * recvmmsg(2) into the {@code into.count()} datagrams laid out; returns how many came. An error that the socket has is reported only if none
     * came, or by the next call.
     */
    int recvmmsg(int fd, Datagrams into, int flags);

    /** sendmmsg(2) of datagrams {@code first} to {@code first + count - 1}; returns how many left, at least 1, or {@code -errno} of the first. */
    int sendmmsg(int fd, Datagrams from, int first, int count, int flags);

    /** recvmsg(2) with MSG_ERRQUEUE: fills {@code out} with the oldest error; 0, or {@code -EAGAIN} where there is none. */
    int recvError(int fd, SocketError out);

    /** readv(2). */
    long readv(int fd, IoVec into);

    /** writev(2). */
    long writev(int fd, IoVec from);

    /** Gives back what the instance itself holds; descriptors are their owners'. */
    @Override
    void close();
}
