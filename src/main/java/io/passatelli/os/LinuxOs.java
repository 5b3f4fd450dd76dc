package io.passatelli.os;

import io.passatelli.base.HotPath;
import org.jspecify.annotations.Nullable;

import java.util.List;
import java.util.function.IntSupplier;

/**
 * The Linux kernel, by the foreign function interface: each method is one system call of the binding class of its man page. Holds no state
 * but what it learnt about the kernel, so any thread may call it; who may use a descriptor when is its owner's matter.
 */
@HotPath
public final class LinuxOs implements Os, TunOs, NamespaceOs, ProcessOs {
    /** No epoll_pwait2(2): before Linux 5.11, or under a seccomp profile that does not know it (older ones answer EPERM, not ENOSYS). */
    private boolean withoutPwait2;

    @Override
    public int epollCreate() {
        return Epolls.create();
    }

    @Override
    public int epollCtl(int epoll, int op, int fd, int events, long ref) {
        return Epolls.ctl(epoll, op, fd, events, ref);
    }

    @Override
    public int epollWait(int epoll, EpollEvents out, long timeoutNs) {
        if (withoutPwait2) {
            return Epolls.pwait(epoll, out, timeoutNs);
        }
        int rc = Epolls.pwait2(epoll, out, timeoutNs);
        if (rc == -Errno.ENOSYS || rc == -Errno.EPERM) {
            withoutPwait2 = true;
            return Epolls.pwait(epoll, out, timeoutNs);
        }
        return rc;
    }

    @Override
    public int eventfd() {
        return EventFd.eventfd();
    }

    @Override
    public int socket(int family, int type, int protocol) {
        return Sockets.socket(family, type, protocol);
    }

    @Override
    public int bind(int fd, SockAddr address) {
        return Sockets.bind(fd, address);
    }

    @Override
    public int connect(int fd, SockAddr peer) {
        return Sockets.connect(fd, peer);
    }

    @Override
    public int listen(int fd, int backlog) {
        return Sockets.listen(fd, backlog);
    }

    @Override
    public int accept(int fd, SockAddr peerOut) {
        return Sockets.accept4(fd, peerOut);
    }

    @Override
    public int shutdown(int fd, int how) {
        return Sockets.shutdown(fd, how);
    }

    @Override
    public int close(int fd) {
        return Files.close(fd);
    }

    @Override
    public int localAddress(int fd, SockAddr out) {
        return Sockets.getsockname(fd, out);
    }

    @Override
    public int option(int fd, int level, int name) {
        return SockOpts.getInt(fd, level, name);
    }

    @Override
    public int setOption(int fd, int level, int name, int value) {
        return SockOpts.setInt(fd, level, name, value);
    }

    @Override
    public int bindToDevice(int fd, String device) {
        return SockOpts.bindToDevice(fd, device);
    }

    @Override
    public int linger0(int fd) {
        return SockOpts.linger0(fd);
    }

    @Override
    public int memInfo(int fd, MemInfo out) {
        return SockOpts.memInfo(fd, out);
    }

    @Override
    public int peerPid(int fd) {
        return SockOpts.peerPid(fd);
    }

    @Override
    public long recvmsg(int fd, IoVec into, int flags) {
        return Msg.recvmsg(fd, into, flags);
    }

    @Override
    public long recvmsg(int fd, IoVec into, int flags, SockAddr fromOut) {
        return Msg.recvmsg(fd, into, flags, fromOut);
    }

    @Override
    public long sendmsg(int fd, IoVec from, int flags) {
        return Msg.sendmsg(fd, from, flags);
    }

    @Override
    public int recvmmsg(int fd, Datagrams into, int flags) {
        return Msg.recvmmsg(fd, into, flags);
    }

    @Override
    public int sendmmsg(int fd, Datagrams from, int first, int count, int flags) {
        return Msg.sendmmsg(fd, from, first, count, flags);
    }

    @Override
    public int recvError(int fd, SocketError out) {
        return Msg.recvError(fd, out);
    }

    @Override
    public long readv(int fd, IoVec into) {
        return Files.readv(fd, into);
    }

    @Override
    public long writev(int fd, IoVec from) {
        return Files.writev(fd, from);
    }

    @Override
    public int openTap(String name) {
        return Tun.openTap(name);
    }

    @Override
    public int openOffloadTap(String name) {
        return Tun.openOffloadTap(name);
    }

    @Override
    public int within(String path, IntSupplier work) {
        return Netns.within(path, work);
    }

    @Override
    public int noNewPrivs() {
        return Processes.noNewPrivs();
    }

    @Override
    public long raiseOpenFiles() {
        return Processes.raiseOpenFiles();
    }

    @Override
    public int hideMemory() {
        return Processes.undumpable();
    }

    @Override
    public int pid() {
        return Processes.pid();
    }

    @Override
    public long user() {
        return Account.user();
    }

    @Override
    public long group() {
        return Account.group();
    }

    @Override
    public Account.@Nullable User user(String name) {
        return Account.user(name);
    }

    @Override
    public long group(String name) {
        return Account.group(name);
    }

    @Override
    public int become(long user, long group) {
        return Account.become(user, group);
    }

    @Override
    public int changeDirectory(String path) {
        return Processes.chdir(path);
    }

    @Override
    public int openFile(String path) {
        return Files.open(path, Files.O_RDWR);
    }

    @Override
    public int duplicate(int from, int to) {
        return Files.dup2(from, to);
    }

    @Override
    public int isClosedOnExec(int fd) {
        return Files.descriptorFlags(fd);
    }

    @Override
    public int closeOnExec(int fd) {
        return Files.closeOnExec(fd);
    }

    @Override
    public int become(List<String> words) {
        return Processes.execvp(words);
    }

    /** Holds nothing. */
    @Override
    public void close() {}
}
