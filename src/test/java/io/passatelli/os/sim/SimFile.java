package io.passatelli.os.sim;

import io.passatelli.os.Errno;

import java.util.ArrayList;
import java.util.List;

/** What a descriptor stands for: read(2), write(2), poll(2), and who watches it. */
abstract class SimFile {
    /** The key of a wake-up that concerns every event ({@code sock_def_wakeup}). */
    static final int ANY = -1;

    final SimKernel kernel;
    private final List<SimEpoll.Item> watchers = new ArrayList<>();

    SimFile(SimKernel kernel) {
        this.kernel = kernel;
    }

    /** The events that poll(2) certainly shows now. */
    abstract int certain();

    /** The events that poll(2) may show now: {@link #certain}, and what may be so without our knowing. */
    int possible() {
        return certain();
    }

    /** Whether wake-ups may come of something under way that we do not see. */
    boolean restless() {
        return false;
    }

    /** poll(2) was asked; a socket that is not writable remembers that somebody wants to know. */
    void polled() {}

    /** The chooser showed {@code events}: what was possible is certain from now on. */
    void observed(int events) {}

    /** The last descriptor is closed. */
    abstract void released();

    /** read(2) of up to {@code into.length} bytes. */
    long read(byte[] into) {
        return -Errno.EINVAL;
    }

    /** write(2). */
    long write(byte[] data) {
        return -Errno.EINVAL;
    }

    /** Something has happened that watchers are told of. */
    void woken() {}

    /** Wakes who waits for any of {@code key}: an edge. */
    final void wake(int key) {
        woken();
        for (SimEpoll.Item item : List.copyOf(watchers)) {
            item.wake(key, SimEpoll.News.CERTAIN);
        }
    }

    /** An edge that may come, now or later. */
    final void mayWake(int key) {
        for (SimEpoll.Item item : List.copyOf(watchers)) {
            item.wake(key, SimEpoll.News.POSSIBLE);
        }
    }

    /** What was under way has arrived: an edge that was possible is certain, unless it was shown meanwhile. */
    final void settleEdges(int key) {
        for (SimEpoll.Item item : List.copyOf(watchers)) {
            item.wake(key, item.news == SimEpoll.News.NONE ? SimEpoll.News.POSSIBLE : SimEpoll.News.CERTAIN);
        }
    }

    final void watchedBy(SimEpoll.Item item) {
        watchers.add(item);
    }

    final void unwatchedBy(SimEpoll.Item item) {
        watchers.remove(item);
    }

    /** The descriptor goes: epoll(7), Q6. */
    final void close() {
        for (SimEpoll.Item item : List.copyOf(watchers)) {
            item.forget();
        }
        released();
    }
}
