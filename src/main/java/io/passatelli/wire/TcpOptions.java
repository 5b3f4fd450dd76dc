package io.passatelli.wire;

import io.passatelli.base.HotPath;

import java.lang.foreign.MemorySegment;

/**
 * The options of a SYN, RFC 9293 §3.2 and RFC 7323 §2. Reading is lenient as guests' kernels are: an option of an impossible length ends the
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

    /** Bytes of the options that {@link #write} makes. */
    public static final int LENGTH = 8;

    static final int END = 0;
    static final int NO_OPERATION = 1;
    static final int MSS = 2;
    static final int WINDOW_SCALE = 3;
    static final int MSS_LENGTH = 4;
    static final int WINDOW_SCALE_LENGTH = 3;

    /** Payload bytes of the longest segment that the sender takes; {@link #MSS_DEFAULT} if it does not say. */
    public int mss;

    /** 0 to 14, or {@link #NONE}. */
    public int windowScale;

    /** Reads what stands behind the header at {@code tcp}, which {@link Tcp#check} found good. */
    public void read(MemorySegment s, long tcp) {
        mss = MSS_DEFAULT;
        windowScale = NONE;
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
        }
    }

    /** Writes MSS and, unless {@code windowScale} is {@link #NONE}, window scale at {@code at}. Returns the bytes: {@link #LENGTH}, or 4. */
    public static int write(MemorySegment s, long at, int mss, int windowScale) {
        Octets.u8(s, at, MSS);
        Octets.u8(s, at + 1, MSS_LENGTH);
        Octets.u16(s, at + 2, mss);
        if (windowScale == NONE) {
            return MSS_LENGTH;
        }
        Octets.u8(s, at + 4, NO_OPERATION);
        Octets.u8(s, at + 5, WINDOW_SCALE);
        Octets.u8(s, at + 6, WINDOW_SCALE_LENGTH);
        Octets.u8(s, at + 7, windowScale);
        return LENGTH;
    }
}
