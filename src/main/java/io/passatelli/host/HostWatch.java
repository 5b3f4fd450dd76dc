package io.passatelli.host;

import io.passatelli.base.Clock;
import io.passatelli.base.Limits;
import io.passatelli.config.EphemeralPorts;
import io.passatelli.config.GuestOptions;
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
import java.nio.file.Path;
import java.util.concurrent.locks.LockSupport;

/**
 * Follows the host's network while a plane runs: when its addresses, routes or resolvers change, the guest's network is planned again, and who
 * listens is told if that comes out otherwise.
 *
 * <p>A thread of its own waits for rtnetlink(7) to say that something changed; what, is not looked at, for a look at all of it is cheap and
 * cannot be wrong. One change is many messages, so the look waits until the kernel is silent for {@link Limits#HOST_QUIET_MS}; and for an IPv6
 * address that the host is still checking, since the kernel tells of it a second time when it may be used. resolv.conf is looked at every
 * {@link Limits#RESOLV_CONF_POLL_MS}: inotify(7) sees neither what is renamed over a bind mount, nor behind a symbolic link.
 */
public final class HostWatch implements AutoCloseable {
    private static final long MS = 1_000_000;

    /** RTMGRP_LINK, RTMGRP_IPV4_IFADDR, RTMGRP_IPV4_ROUTE, RTMGRP_IPV6_IFADDR and RTMGRP_IPV6_ROUTE of linux/rtnetlink.h. */
    private static final int GROUPS = 0x1 | 0x10 | 0x40 | 0x100 | 0x400;

    /** Who wants to know. Called on the watch's thread. */
    public interface Listener {
        /** {@code now} is what the plane is to have, {@code before} what it has. False: that was not possible, and is to be said again. */
        boolean onChange(NetworkPlan now, NetworkPlan before);

        /** The host is as the guest's network cannot be: a sentence, said once until another one is due. The plane stays as it is. */
        void onTrouble(String why);
    }

    /**
     * What a watch needs.
     *
     * @param os a kernel that this thread may use beside others
     * @param options what the plane was planned by
     * @param resolvConf its path
     */
    public record Surroundings(Os os, Clock clock, GuestOptions options, EphemeralPorts ephemeral, Path resolvConf) {}

    private final Surroundings around;
    private final Os os;
    private final Clock clock;
    private final Listener listener;
    private final FileStamp resolvConf;
    private final HostDiscovery discovery;
    private final EpollEvents events = new EpollEvents(2);
    private final IoVec vector = new IoVec(1);
    /** What does not fit is thrown away: that there was something is all that counts. */
    private final MemorySegment buffer = Arena.ofAuto().allocate(64, 8);

    private final int netlink;
    private final int wake;
    private final int epoll;
    private final Thread thread;
    private NetworkPlan plan;
    private String trouble = "";
    /** Another look is due though nothing may be heard: an address is being checked, or the listener could not. */
    private boolean again;

    private boolean settling;
    private long settlingSinceNs;
    private volatile boolean closed;

    private HostWatch(Surroundings around, NetworkPlan first, Listener listener, int... fds) {
        this.around = around;
        this.listener = listener;
        plan = first;
        os = around.os();
        clock = around.clock();
        netlink = fds[0];
        wake = fds[1];
        epoll = fds[2];
        discovery = new HostDiscovery(os);
        resolvConf = new FileStamp(around.resolvConf());
        thread = Thread.ofPlatform().daemon().name("host-watch").unstarted(this::run);
    }

    /**
     * Begins, in the network namespace of the calling thread; {@code first} is what the plane was started with, and what has changed since is
     * told at once. Throws {@link IOException} with one sentence where the kernel does not tell.
     */
    public static HostWatch start(Surroundings around, NetworkPlan first, Listener listener) throws IOException {
        Os os = around.os();
        int[] fds = {Os.NONE, Os.NONE, Os.NONE};
        try {
            fds[0] = check("socket", os.socket(Socket.AF_NETLINK, Socket.SOCK_RAW, Socket.NETLINK_ROUTE));
            SockAddr news = new SockAddr();
            news.setNetlink(GROUPS);
            check("bind", os.bind(fds[0], news));
            fds[1] = check("eventfd2", os.eventfd());
            fds[2] = check("epoll_create1", os.epollCreate());
            check("epoll_ctl", os.epollCtl(fds[2], Epoll.ADD, fds[0], Epoll.IN, 0));
            check("epoll_ctl", os.epollCtl(fds[2], Epoll.ADD, fds[1], Epoll.IN, 1));
        } catch (IOException e) {
            closeAll(os, fds);
            throw e;
        }
        HostWatch watch = new HostWatch(around, first, listener, fds);
        watch.thread.start(); // it inherits the namespace, clone(2)
        return watch;
    }

    private static int check(String call, int result) throws IOException {
        if (result < 0) {
            throw new IOException("the host's network cannot be followed: " + call + ": " + Errno.text(-result));
        }
        return result;
    }

    private static void closeAll(Os os, int... fds) {
        for (int fd : fds) {
            if (fd != Os.NONE) {
                os.close(fd);
            }
        }
    }

    /** The first look catches what changed between the first plan and the socket. */
    private void run() {
        boolean due = true;
        while (!closed) {
            if (due) {
                again = false;
                look();
            }
            boolean retry = again;
            boolean news = waitForNews((retry ? Limits.HOST_QUIET_MOST_MS : Limits.RESOLV_CONF_POLL_MS) * MS);
            due = resolvConf.hasChanged() || news || retry;
            if (due) {
                awaitQuiet();
            }
        }
    }

    /** Waits at most so long; whether the kernel said that something changed. */
    private boolean waitForNews(long timeoutNs) {
        int count = closed ? 0 : os.epollWait(epoll, events, timeoutNs);
        boolean news = false;
        for (int i = 0; i < count; i++) {
            news |= events.ref(i) == 0;
        }
        if (news) {
            drain();
        }
        return news;
    }

    /** Lost news (ENOBUFS) are news. */
    private void drain() {
        for (int i = 0; i < Limits.HOST_NEWS_READS; i++) {
            vector.clear();
            vector.add(buffer, 0, buffer.byteSize());
            if (os.recvmsg(netlink, vector, Socket.MSG_DONTWAIT) == -Errno.EAGAIN) {
                return;
            }
        }
    }

    /** One that never comes is not waited for. */
    private void awaitQuiet() {
        long endNs = clock.nowNs() + Limits.HOST_QUIET_MOST_MS * MS;
        while (!closed && endNs - clock.nowNs() > 0 && waitForNews(Limits.HOST_QUIET_MS * MS)) {
            resolvConf.hasChanged(); // what it says now is read behind this
        }
    }

    private void look() {
        long startNs = clock.nowNs();
        try {
            HostNetwork host = discovery.look();
            if (isWorthWaiting(host, startNs)) {
                give(plan.closed(host.own())); // what is closed does not wait for the rest
                again = true;
            } else {
                take(GuestNetworks.plan(
                        around.options(), host, ResolvConf.read(around.resolvConf()), around.ephemeral()));
            }
        } catch (IOException | IllegalArgumentException e) {
            say(String.valueOf(e.getMessage()));
        } catch (RuntimeException | Error e) { // a bug of ours, which is not to end the watch
            say("the host's network cannot be looked at: " + e);
        }
        rest((clock.nowNs() - startNs) * Limits.HOST_REST_FACTOR);
    }

    /** Whether an address will be there soon. It may never be, so patience is bounded. */
    private boolean isWorthWaiting(HostNetwork host, long nowNs) {
        if (!settling) {
            settlingSinceNs = nowNs;
        }
        settling = host.isSettling();
        return settling && nowNs - settlingSinceNs < Limits.HOST_TENTATIVE_MS * MS;
    }

    private void take(NetworkPlan found) {
        String lost = found.lostSince(plan);
        say(lost.isEmpty() ? "" : "the host has no " + lost + " network now, so the guest keeps the one it was told");
        give(found.after(plan));
    }

    private void give(NetworkPlan next) {
        if (next.plane().equals(plan.plane()) || listener.onChange(next, plan)) {
            plan = next;
        } else {
            again = true;
        }
    }

    private void say(String why) {
        if (!why.isEmpty() && !why.equals(trouble)) {
            listener.onTrouble(why);
        }
        trouble = why;
    }

    /** A host whose network never rests must not keep a core busy. */
    private void rest(long restNs) {
        long endNs = clock.nowNs() + restNs;
        for (long leftNs = restNs; leftNs > 0 && !closed; leftNs = endNs - clock.nowNs()) {
            LockSupport.parkNanos(this, leftNs);
        }
    }

    /** Waits for the thread, so that nobody is told anything after this. Not from within the listener. */
    @Override
    public void close() {
        closed = true;
        IoVec one = new IoVec(1);
        one.add(Arena.global().allocateFrom(ValueLayout.JAVA_LONG, 1L), 0, Long.BYTES);
        os.writev(wake, one);
        LockSupport.unpark(thread);
        boolean interrupted = false;
        while (thread.isAlive()) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        closeAll(os, netlink, wake, epoll);
    }
}
