package io.passatelli.wire;

import io.passatelli.base.HotPath;

/** Sequence numbers of TCP: 32 bits of no sign that wrap around, RFC 9293 §3.4. Their order holds for numbers less than 2^31 apart. */
@HotPath
public final class Seq {
    private Seq() {}

    /** How far {@code a} is past {@code b}; negative if it is before. */
    public static int diff(int a, int b) {
        return a - b;
    }

    public static boolean isBefore(int a, int b) {
        return a - b < 0;
    }

    public static boolean isAfter(int a, int b) {
        return a - b > 0;
    }

    /** Whether {@code from <= seq <= to}, in the order of the sequence space. */
    public static boolean isWithin(int seq, int from, int to) {
        return seq - from >= 0 && to - seq >= 0;
    }

    public static int max(int a, int b) {
        return a - b >= 0 ? a : b;
    }

    public static int min(int a, int b) {
        return a - b <= 0 ? a : b;
    }
}
