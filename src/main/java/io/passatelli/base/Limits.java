package io.passatelli.base;

/** Every bound of the process, with its reason. Full means: drop and count, never wait. */
public final class Limits {
    /** Largest Ethernet frame, bytes: 65535 of length field in IPv4, rounded as the link carries it (spec of passt: L2 ≤ 65535). */
    public static final int FRAME_BYTES = 65_535;

    /** Smallest frame we send, bytes: IEEE 802.3 without FCS. */
    public static final int FRAME_MIN_BYTES = 60;

    /** First bytes of a frame that are contiguous and private to us: the longest headers (Ethernet 14, IPv6 40 and extensions, TCP 60) fit. */
    public static final int HEADER_BYTES = 160;

    /** Largest frame that {@code Link.control} takes, bytes: an ordinary Ethernet frame. */
    public static final int CONTROL_FRAME_BYTES = 1_514;

    /** Above this a stream's frame length means that framing is lost, bytes. */
    public static final int STREAM_SKIP_BYTES = 128 << 10;

    /** Frames in one receive batch: four 64 KiB frames stay in the cache, small ones share a system call. */
    public static final int RX_BATCH_FRAMES = 64;

    /** Frames in one reservation toward the guest. */
    public static final int TX_BATCH_FRAMES = 64;

    /** Memory of one stream link, either way, bytes: several of the largest frames in one system call. */
    public static final int STREAM_BUFFER_BYTES = 512 << 10;

    /** Flows of all protocols. */
    public static final int FLOWS = 16_384;

    /** Flow objects are made in blocks of this many, when first needed. */
    public static final int FLOW_BLOCK = 256;

    /** Events taken from epoll in one turn. */
    public static final int EVENTS_PER_TURN = 64;

    /** Bytes that one flow may move in one visit. */
    public static final int QUANTUM_BYTES = 256 << 10;

    /** What a flow that moved too much in one visit owes at most, quanta: it cannot be locked out for long. */
    public static final int DEBT_QUANTA = 4;

    /** Commands waiting in a mailbox; a power of two. */
    public static final int MAILBOX_COMMANDS = 256;

    /** Commands that one turn runs: packets come before administration. */
    public static final int COMMANDS_PER_TURN = 32;

    /** End-of-turn actions of one loop: a link's and a few translators'. */
    public static final int TURN_ENDS = 32;

    /** Kinds of event source at one loop: 8 bits of the reference. */
    public static final int HANDLERS = 256;

    /** iovecs in one call: UIO_MAXIOV, uio.h. */
    public static final int IOVECS = 1_024;

    /** Echo conversations at one time: each holds a descriptor. */
    public static final int PING_FLOWS = 1_024;

    /** A conversation of echoes without traffic ends, seconds. */
    public static final int PING_IDLE_S = 60;

    /** Resolvers told to the guest, per family (RFC 2132 has no bound; resolv.conf has 3). */
    public static final int RESOLVERS = 3;

    /** Search domains told to the guest (resolv.conf's bound). */
    public static final int SEARCH_DOMAINS = 6;

    /** Lines one place may log within a second; then one line says how many were left out. */
    public static final int LOG_LINES_PER_SECOND = 5;

    private Limits() {}
}
