package io.passatelli.sim;

/** The bytes of a stream, known by its seed and the position alone: whoever reads one can tell whether it is the right one. */
public final class Pattern {
    private static final long STEP = 0x9e37_79b9_7f4a_7c15L;

    private Pattern() {}

    /** {@code length} bytes of the stream {@code seed}, from {@code position} on. */
    public static byte[] bytes(long seed, long position, int length) {
        byte[] out = new byte[length];
        long word = 0;
        for (int i = 0; i < length; i++) {
            long at = position + i;
            if (i == 0 || (at & 7) == 0) {
                word = word(seed, at >>> 3);
            }
            out[i] = (byte) (word >>> 8 * (at & 7));
        }
        return out;
    }

    /** Where in {@code data}, which came at {@code position}, the first wrong byte is; -1 if there is none. */
    public static int firstWrong(long seed, long position, byte[] data) {
        byte[] right = bytes(seed, position, data.length);
        return java.util.Arrays.mismatch(right, data);
    }

    private static long word(long seed, long index) {
        long z = seed + index * STEP;
        z = (z ^ z >>> 30) * 0xbf58_476d_1ce4_e5b9L;
        z = (z ^ z >>> 27) * 0x94d0_49bb_1331_11ebL;
        return z ^ z >>> 31;
    }
}
