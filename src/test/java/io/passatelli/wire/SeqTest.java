package io.passatelli.wire;

import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

import static org.assertj.core.api.Assertions.assertThat;

/** The order of sequence numbers is that of whole numbers, of which they are the last 32 bits, wherever they wrap. */
class SeqTest {
    @Property(tries = 5_000)
    void orderIsThatOfDistances(@ForAll int from, @ForAll @IntRange(min = -Integer.MAX_VALUE) int distance) {
        int to = from + distance;
        assertThat(Seq.diff(to, from)).isEqualTo(distance);
        assertThat(Seq.diff(from, to)).isEqualTo(-distance);
        assertThat(Seq.isAfter(to, from)).isEqualTo(distance > 0);
        assertThat(Seq.isBefore(to, from)).isEqualTo(distance < 0);
        assertThat(Seq.isAfter(from, to)).isEqualTo(distance < 0);
        assertThat(Seq.max(from, to)).isEqualTo(Seq.max(to, from)).isEqualTo(distance > 0 ? to : from);
        assertThat(Seq.min(from, to)).isEqualTo(Seq.min(to, from)).isEqualTo(distance > 0 ? from : to);
    }

    @Property(tries = 5_000)
    void withinIsBetweenTheEndsAndOnThem(
            @ForAll int from,
            @ForAll @IntRange(min = 0) int length,
            @ForAll @IntRange(min = Integer.MIN_VALUE) int offset) {
        assertThat(Seq.isWithin(from + offset, from, from + length)).isEqualTo(offset >= 0 && offset <= length);
        assertThat(Seq.isWithin(from, from, from + length)).isTrue();
        assertThat(Seq.isWithin(from + length, from, from + length)).isTrue();
        assertThat(Seq.isWithin(from - 1, from, from + length)).isFalse();
        assertThat(Seq.isWithin(from + length + 1, from, from + length)).isFalse();
    }

    @Example
    void numbersWrapAtZeroAndAtTheSign() {
        for (int edge : new int[] {0, Integer.MIN_VALUE}) {
            assertThat(Seq.isBefore(edge - 1, edge)).isTrue();
            assertThat(Seq.isAfter(edge, edge - 1)).isTrue();
            assertThat(Seq.isAfter(edge, edge)).isFalse();
            assertThat(Seq.isBefore(edge, edge)).isFalse();
            assertThat(Seq.max(edge - 1, edge)).isEqualTo(edge);
            assertThat(Seq.min(edge - 1, edge)).isEqualTo(edge - 1);
            assertThat(Seq.diff(edge + 5, edge - 5)).isEqualTo(10);
            assertThat(Seq.isWithin(edge, edge - 3, edge + 3)).isTrue();
            assertThat(Seq.isWithin(edge + 4, edge - 3, edge + 3)).isFalse();
            assertThat(Seq.isWithin(edge - 4, edge - 3, edge + 3)).isFalse();
        }
    }
}
