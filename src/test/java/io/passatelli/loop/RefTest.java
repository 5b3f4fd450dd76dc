package io.passatelli.loop;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

class RefTest {
    @Property
    void partsComeBack(
            @ForAll @IntRange(min = 0, max = 255) int type,
            @ForAll @IntRange(min = 0, max = Ref.GENERATIONS - 1) int generation,
            @ForAll int index) {
        long ref = Ref.of(type, generation, index);
        assertThat(Ref.type(ref)).isEqualTo(type);
        assertThat(Ref.generation(ref)).isEqualTo(generation);
        assertThat(Ref.index(ref)).isEqualTo(index);
    }

    @Test
    void generationsWrap() {
        assertThat(Ref.next(0)).isEqualTo(1);
        assertThat(Ref.next(Ref.GENERATIONS - 1)).isZero();
    }

    @Test
    void partsThatDoNotFitAreRefused() {
        assertThatThrownBy(() -> Ref.of(256, 0, 0)).isInstanceOf(AssertionError.class);
        assertThatThrownBy(() -> Ref.of(-1, 0, 0)).isInstanceOf(AssertionError.class);
        assertThatThrownBy(() -> Ref.of(0, Ref.GENERATIONS, 0)).isInstanceOf(AssertionError.class);
    }
}
