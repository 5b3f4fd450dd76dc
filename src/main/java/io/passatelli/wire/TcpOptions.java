package io.passatelli.wire;

import io.passatelli.base.HotPath;

import java.lang.foreign.MemorySegment;

/**
 * The options of a SYN, RFC 9293 §3.2, RFC 7323 §2 and RFC 2018 §2, and the blocks of SACK, RFC 2018 §3. Reading is lenient as guests' kernels are: an option of an impossible length ends the
 * list, and what stood before it holds. Reused for each SYN. Loop thread only.
 */
@HotPath
public final class TcpOptions {
    /** {@link #windowScale} of a peer that does not scale. */
    public static final int NONE = -1;

    /** What a peer takes that does not say, RFC 9293 §3.7.1. */
    public static final int MSS_DEFAULT = 536;

    /** RFC 7323 §2.3: more is taken for this. */
    public static final int WINDOW_SCALE_MAX = 14;

    /** The most bytes of options that {@link #write} makes. */
    public static final int LENGTH = 12;

    /** As many blocks as a header holds. */
    public static final int SACK_BLOCKS = 4;

    private static final int SACK_HEAD = 4; // with two NOPs, so that the numbers stand at whole words
    private static final int SACK_BLOCK = 8;

    static final int END = 0;
    static final int NO_OPERATION = 1;
    static final int MSS = 2;
    static final int WINDOW_SCALE = 3;
    static final int SACK_PERMITTED = 4;
    static final int SACK = 5;
    static final int MSS_LENGTH = 4;
    static final int WINDOW_SCALE_LENGTH = 3;
    static final int SACK_PERMITTED_LENGTH = 2;

    /** Payload bytes of the longest segment that the sender takes; {@link #MSS_DEFAULT} if it does not say. */
    public int mss;

    /** 0 to 14, or {@link #NONE}. */
    public int windowScale;

    /** Whether the sender takes blocks of SACK. */
    public boolean sackPermitted;

    /** Reads what stands behind the header at {@code tcp}, which {@link Tcp#check} found good. */
    public void read(MemorySegment s, long tcp) {
        mss = MSS_DEFAULT;
        windowScale = NONE;
        sackPermitted = false;
        long at = tcp + Tcp.LENGTH;
        long end = tcp + Tcp.headerLength(s, tcp);
        while (at < end) {
            int kind = Octets.u8(s, at);
            if (kind == NO_OPERATION) {
                at++;
                continue;
            }
            if (kind == END || at + 2 > end) {
                return;
            }
            int length = Octets.u8(s, at + 1);
            if (length < 2 || at + length > end) {
                return;
            }
            option(s, at, kind, length);
            at += length;
        }
    }

    private void option(MemorySegment s, long at, int kind, int length) {
        if (kind == MSS && length == MSS_LENGTH) {
            int said = Octets.u16(s, at + 2);
            if (said != 0) {
                mss = said;
            }
        } else if (kind == WINDOW_SCALE && length == WINDOW_SCALE_LENGTH) {
            windowScale = Math.min(Octets.u8(s, at + 2), WINDOW_SCALE_MAX);
        } else if (kind == SACK_PERMITTED && length == SACK_PERMITTED_LENGTH) {
            sackPermitted = true;
        }
    }

    /** Writes MSS, SACK-permitted if so and, unless {@code windowScale} is {@link #NONE}, window scale at {@code at}. Returns the bytes. */
    public static int write(MemorySegment s, long at, int mss, boolean sackPermitted, int windowScale) {
        Octets.u8(s, at, MSS);
        Octets.u8(s, at + 1, MSS_LENGTH);
        Octets.u16(s, at + 2, mss);
        int length = MSS_LENGTH;
        if (sackPermitted) {
            Octets.u8(s, at + length, NO_OPERATION);
            Octets.u8(s, at + length + 1, NO_OPERATION);
            Octets.u8(s, at + length + 2, SACK_PERMITTED);
            Octets.u8(s, at + length + 3, SACK_PERMITTED_LENGTH);
            length += 2 + SACK_PERMITTED_LENGTH;
        }
        if (windowScale != NONE) {
            Octets.u8(s, at + length, NO_OPERATION);
            Octets.u8(s, at + length + 1, WINDOW_SCALE);
            Octets.u8(s, at + length + 2, WINDOW_SCALE_LENGTH);
            Octets.u8(s, at + length + 3, windowScale);
            length += 1 + WINDOW_SCALE_LENGTH;
        }
        return length;
    }

    /** Bytes of an option with {@code blocks} blocks, 1 to {@link #SACK_BLOCKS}. */
    public static int sackLength(int blocks) {
        return SACK_HEAD + blocks * SACK_BLOCK;
    }

    /** Begins an option with {@code blocks} blocks at {@code at}: {@link #sackBlock} fills it. */
    public static void sack(MemorySegment s, long at, int blocks) {
        assert blocks > 0 && blocks <= SACK_BLOCKS : blocks;
        Octets.u8(s, at, NO_OPERATION);
        Octets.u8(s, at + 1, NO_OPERATION);
        Octets.u8(s, at + 2, SACK);
        Octets.u8(s, at + 3, 2 + blocks * SACK_BLOCK);
    }

    /** Block {@code i} of the option at {@code at}: the numbers from {@code start} to before {@code end} are here. */
    public static void sackBlock(MemorySegment s, long at, int i, int start, int end) {
        Octets.u32(s, at + SACK_HEAD + (long) i * SACK_BLOCK, start);
        Octets.u32(s, at + SACK_HEAD + (long) i * SACK_BLOCK + SACK_BLOCK / 2, end);
    }
}
