package io.passatelli.wire;

import io.passatelli.base.HotPath;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** Unsigned reads and writes in network order, at any alignment; bounds are the segment's. An int holds 32 bits of no sign. */
@HotPath
public final class Octets {
    private static final ValueLayout.OfShort U16 = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
    private static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
    private static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

    private Octets() {}

    public static int u8(MemorySegment s, long at) {
        return s.get(ValueLayout.JAVA_BYTE, at) & 0xff;
    }

    public static void u8(MemorySegment s, long at, int value) {
        assert value >>> 8 == 0 : value;
        s.set(ValueLayout.JAVA_BYTE, at, (byte) value);
    }

    public static int u16(MemorySegment s, long at) {
        return s.get(U16, at) & 0xffff;
    }

    public static void u16(MemorySegment s, long at, int value) {
        assert value >>> 16 == 0 : value;
        s.set(U16, at, (short) value);
    }

    public static int u32(MemorySegment s, long at) {
        return s.get(U32, at);
    }

    public static void u32(MemorySegment s, long at, int value) {
        s.set(U32, at, value);
    }

    public static long u48(MemorySegment s, long at) {
        return (long) u16(s, at) << 32 | u32(s, at + 2) & 0xffff_ffffL;
    }

    public static void u48(MemorySegment s, long at, long value) {
        assert value >>> 48 == 0 : value;
        u16(s, at, (int) (value >>> 32));
        u32(s, at + 2, (int) value);
    }

    public static long u64(MemorySegment s, long at) {
        return s.get(U64, at);
    }

    public static void u64(MemorySegment s, long at, long value) {
        s.set(U64, at, value);
    }
}
