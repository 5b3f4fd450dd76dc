package io.passatelli.os;

import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.DoubleRange;
import org.junit.jupiter.api.Test;

import java.io.ByteArrayOutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

class IoVecTest {
    private static final int BYTES = 200;
    private static final int RANGES = 8;
    private static final MemorySegment MEMORY = Arena.global().allocate(BYTES);

    static {
        for (int i = 0; i < BYTES; i++) {
            MEMORY.set(JAVA_BYTE, i, (byte) i);
        }
    }

    record Range(int offset, int length) {}

    @Provide
    Arbitrary<List<Range>> ranges() {
        return Combinators.combine(
                        Arbitraries.integers().between(0, BYTES / 2),
                        Arbitraries.integers().between(0, BYTES / 2))
                .as(Range::new)
                .list()
                .ofMaxSize(RANGES);
    }

    /** What the kernel sees after a short write is the rest of the same bytes. */
    @Property
    void consumingLeavesTheRest(
            @ForAll("ranges") List<Range> ranges, @ForAll @DoubleRange(min = 0, max = 1) double part) {
        IoVec vector = new IoVec(RANGES);
        ByteArrayOutputStream expected = new ByteArrayOutputStream();
        for (Range range : ranges) {
            vector.add(MEMORY, range.offset, range.length);
            for (int i = 0; i < range.length; i++) {
                expected.write(range.offset + i);
            }
        }
        assertThat(vector.total()).isEqualTo(expected.size());
        assertThat(content(vector)).isEqualTo(expected.toByteArray());
        int taken = (int) (vector.total() * part);
        vector.consume(taken);
        byte[] all = expected.toByteArray();
        assertThat(vector.total()).isEqualTo(all.length - taken);
        assertThat(content(vector)).isEqualTo(java.util.Arrays.copyOfRange(all, taken, all.length));
        vector.consume(vector.total());
        assertThat(vector.count()).isZero();
        vector.clear();
        vector.add(MEMORY, 3, 4);
        assertThat(content(vector)).containsExactly(3, 4, 5, 6);
    }

    @Test
    void neighboursAreJoined() {
        IoVec vector = new IoVec(1);
        vector.add(MEMORY, 10, 5);
        vector.add(MEMORY, 15, 5);
        assertThat(vector.count()).isEqualTo(1);
        assertThat(vector.length(0)).isEqualTo(10);
        assertThat(vector.isFull()).isTrue();
    }

    @Test
    void rangesOutsideTheirSegmentAreRefused() {
        IoVec vector = new IoVec(4);
        assertThatThrownBy(() -> vector.add(MEMORY, 0, BYTES + 1)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> vector.add(MEMORY, -1, 1)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> vector.add(MEMORY, 1, -1)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> vector.add(MEMORY, Long.MAX_VALUE, 1)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThat(vector.count()).isZero();
    }

    @Test
    void memoryOfTheHeapHasNoAddressToGive() {
        IoVec vector = new IoVec(1);
        MemorySegment heap = MemorySegment.ofArray(new byte[4]);
        assertThatThrownBy(() -> vector.add(heap, 0, 4)).isInstanceOf(AssertionError.class);
    }

    /** The bytes in the order in which the kernel takes them. */
    private static byte[] content(IoVec vector) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        for (int i = 0; i < vector.count(); i++) {
            bytes.writeBytes(vector.segment(i)
                    .asSlice(vector.offset(i), vector.length(i))
                    .toArray(JAVA_BYTE));
        }
        return bytes.toByteArray();
    }
}
