package io.passatelli.app;

import org.jspecify.annotations.Nullable;

import java.util.Locale;

/** Numbers as people read them; {@code -} for what is not known. */
final class Human {
    private static final String[] BINARY = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    private static final long MS_PER_S = 1_000;
    private static final long S_PER_MIN = 60;
    private static final long S_PER_H = 3_600;
    private static final long S_PER_D = 86_400;

    private Human() {}

    /** Such as {@code 12.3 MiB}. */
    static String bytes(@Nullable Long bytes) {
        if (bytes == null) {
            return "-";
        }
        double value = bytes;
        int unit = 0;
        while (value >= 1_023.95 && unit < BINARY.length - 1) {
            value /= 1_024;
            unit++;
        }
        return unit == 0 ? bytes + " B" : String.format(Locale.ROOT, "%.1f %s", value, BINARY[unit]);
    }

    /** Such as {@code 2h03m}: the two largest units. */
    static String duration(@Nullable Long ms) {
        if (ms == null) {
            return "-";
        }
        if (ms < 10 * MS_PER_S) {
            return String.format(Locale.ROOT, "%.1fs", ms / (double) MS_PER_S);
        }
        long s = ms / MS_PER_S;
        if (s < S_PER_MIN) {
            return s + "s";
        }
        if (s < S_PER_H) {
            return pair(s / S_PER_MIN, "m", s % S_PER_MIN, "s");
        }
        return s < S_PER_D
                ? pair(s / S_PER_H, "h", s % S_PER_H / S_PER_MIN, "m")
                : pair(s / S_PER_D, "d", s % S_PER_D / S_PER_H, "h");
    }

    private static String pair(long large, String largeUnit, long small, String smallUnit) {
        return String.format(Locale.ROOT, "%d%s%02d%s", large, largeUnit, small, smallUnit);
    }

    /** Such as {@code 0.35 ms}. */
    static String micros(@Nullable Long us) {
        return us == null ? "-" : String.format(Locale.ROOT, "%.2f ms", us / 1_000.0);
    }

    /** As it is. */
    static String count(@Nullable Number count) {
        return count == null ? "-" : String.format(Locale.ROOT, "%,d", count.longValue());
    }

    /** As it is. */
    static String text(@Nullable String text) {
        return text == null || text.isEmpty() ? "-" : text;
    }
}
