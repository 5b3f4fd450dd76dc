package io.passatelli.flow;

import io.passatelli.base.HotPath;
import io.passatelli.base.Ip;
import io.passatelli.config.Cidr;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * Destinations on the host side that are closed to the guest. Ranges of addresses in order, none of which touches another, so a look-up is a
 * binary search and makes nothing. Loop thread only.
 */
final class ClosedAddresses {
    /** From {@code first} to {@code last}, both within. */
    private record Range(Ip first, Ip last) {}

    /** Two longs for each range, high and low; addresses compare as unsigned numbers of 128 bits. */
    private long[] firsts = {};

    private long[] lasts = {};

    void adopt(List<Cidr> closed) {
        List<Range> ranges = merged(closed);
        firsts = new long[2 * ranges.size()];
        lasts = new long[2 * ranges.size()];
        for (int i = 0; i < ranges.size(); i++) {
            Range range = ranges.get(i);
            firsts[2 * i] = range.first.high();
            firsts[2 * i + 1] = range.first.low();
            lasts[2 * i] = range.last.high();
            lasts[2 * i + 1] = range.last.low();
        }
    }

    private static List<Range> merged(List<Cidr> closed) {
        List<Range> ranges = new ArrayList<>();
        closed.stream()
                .map(cidr -> new Range(cidr.first(), cidr.last()))
                .sorted(Comparator.comparing(Range::first))
                .forEach(range -> {
                    Range before = ranges.isEmpty() ? null : ranges.getLast();
                    if (before == null || before.last.compareTo(range.first) < 0) {
                        ranges.add(range);
                    } else if (before.last.compareTo(range.last) < 0) {
                        ranges.set(ranges.size() - 1, new Range(before.first, range.last));
                    }
                });
        return ranges;
    }

    /** Whether the address is in one of the ranges. */
    @HotPath
    boolean has(long high, long low) {
        int from = 0;
        int to = firsts.length / 2 - 1;
        while (from <= to) {
            int middle = (from + to) >>> 1;
            if (isBefore(high, low, firsts, middle)) {
                to = middle - 1;
            } else if (isBefore(lasts[2 * middle], lasts[2 * middle + 1], high, low)) {
                from = middle + 1;
            } else {
                return true;
            }
        }
        return false;
    }

    @HotPath
    private static boolean isBefore(long high, long low, long[] table, int i) {
        return isBefore(high, low, table[2 * i], table[2 * i + 1]);
    }

    @HotPath
    private static boolean isBefore(long high, long low, long otherHigh, long otherLow) {
        return high == otherHigh ? Long.compareUnsigned(low, otherLow) < 0 : Long.compareUnsigned(high, otherHigh) < 0;
    }
}
