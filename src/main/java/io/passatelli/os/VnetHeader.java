package io.passatelli.os;

import io.passatelli.base.HotPath;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

/**
 * {@code struct virtio_net_hdr} as it stands before each frame of a tap with offloads: linux/virtio_net.h, virtio 1.2 §5.1.6. {@code at} is the
 * offset of its first byte. Numbers are unsigned and in the machine's byte order, of lengths in bytes from the Ethernet header on.
 */
@HotPath
public final class VnetHeader {
    public static final int LENGTH = 10;

    static final long FLAGS = 0;
    static final long GSO_TYPE = 1;
    static final long HDR_LEN = 2;
    static final long GSO_SIZE = 4;
    static final long CSUM_START = 6;
    static final long CSUM_OFFSET = 8;

    private static final ValueLayout.OfShort U16 = ValueLayout.JAVA_SHORT_UNALIGNED;

    private VnetHeader() {}

    public static int flags(MemorySegment s, long at) {
        return s.get(JAVA_BYTE, at + FLAGS) & 0xff;
    }

    public static int gsoType(MemorySegment s, long at) {
        return s.get(JAVA_BYTE, at + GSO_TYPE) & 0xff;
    }

    public static int hdrLen(MemorySegment s, long at) {
        return s.get(U16, at + HDR_LEN) & 0xffff;
    }

    public static int gsoSize(MemorySegment s, long at) {
        return s.get(U16, at + GSO_SIZE) & 0xffff;
    }

    public static int csumStart(MemorySegment s, long at) {
        return s.get(U16, at + CSUM_START) & 0xffff;
    }

    public static int csumOffset(MemorySegment s, long at) {
        return s.get(U16, at + CSUM_OFFSET) & 0xffff;
    }

    /** What is left to do about segments; the fields of checksums follow by {@link #checksum}. */
    public static void segments(MemorySegment s, long at, int gsoType, int hdrLen, int gsoSize) {
        s.set(JAVA_BYTE, at + GSO_TYPE, (byte) gsoType);
        s.set(U16, at + HDR_LEN, (short) hdrLen);
        s.set(U16, at + GSO_SIZE, (short) gsoSize);
    }

    public static void checksum(MemorySegment s, long at, int flags, int csumStart, int csumOffset) {
        s.set(JAVA_BYTE, at + FLAGS, (byte) flags);
        s.set(U16, at + CSUM_START, (short) csumStart);
        s.set(U16, at + CSUM_OFFSET, (short) csumOffset);
    }
}
