package io.passatelli.base;

/** {@link Limits} of the hook socket, where virt-launcher calls. */
public final class HookLimits {
    /** A message on the hook socket, bytes: a VMI of 1.5 MiB, which is as large as etcd takes them, and a domain's XML of as much. */
    public static final int MESSAGE_BYTES = 3 << 20;

    /** What a caller may send ahead of us, bytes: any usual message at once. */
    public static final int WINDOW_BYTES = 256 << 10;

    /** Connections at the hook socket: virt-launcher has one or two at a time, and each may hold a message. */
    public static final int CONNECTIONS = 4;

    /** A connection at the hook socket ends after this, seconds: virt-launcher makes one for each call, and has 20 s for all of them. */
    public static final int CONNECTION_S = 30;

    /** A call that is still going on then, after this, seconds. */
    public static final int CONNECTION_GRACE_S = 5;

    /** Hook calls that wait while one runs: as many as there are connections. */
    public static final int CALLS_WAITING = CONNECTIONS;

    /** How long the end of the hook server waits for a call that runs, and then for its answer to be sent, ms. */
    public static final int CLOSE_MS = 1_000;

    private HookLimits() {}
}
