package io.passatelli.flow;

import io.passatelli.base.Limits;

/**
 * Who may have how many of the process's descriptors. Listeners have what is left when flows have their share, and flows have what listeners and
 * the others leave. Loop thread only.
 */
public final class Descriptors {
    private final long openFiles;
    private final long forAll;
    private int listeners;

    /** In a process that may have {@code openFiles}. */
    public Descriptors(long openFiles) {
        this.openFiles = openFiles;
        forAll = Math.max(1, openFiles - Math.min(Limits.OTHER_DESCRIPTORS, openFiles / 2));
    }

    /** The limit that all share. */
    public long openFiles() {
        return openFiles;
    }

    /** So many flows of a protocol may have one each. */
    public long forFlows() {
        return Math.max(1, forAll - listeners);
    }

    /** So many sockets may listen: flows keep what they can want at most, but no more than half. */
    public int mostListeners() {
        long flows = Math.min(Limits.UDP_FLOWS + Limits.TCP_FLOWS, forAll / 2);
        return (int) Math.min(Limits.FORWARD_LISTENERS, forAll - flows);
    }

    /** So many sockets listen now. */
    public void listeners(int count) {
        listeners = count;
    }
}
