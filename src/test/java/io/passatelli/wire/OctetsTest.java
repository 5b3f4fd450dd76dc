package io.passatelli.wire;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.LongRange;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;

import static org.assertj.core.api.Assertions.assertThat;

/** Against the JDK's big-endian buffers, at every alignment. */
class OctetsTest {
    private final MemorySegment memory = Packets.memory(new byte[32]);

    private ByteBuffer at(int at) {
        return memory.asByteBuffer().position(at).slice();
    }

    @Property(tries = 200)
    void smallNumbersAreBigEndian(
            @ForAll @IntRange(max = 0xff) int octet,
            @ForAll @IntRange(max = 0xffff) int two,
            @ForAll int four,
            @ForAll @IntRange(max = 8) int at) {
        Octets.u8(memory, at, octet);
        assertThat(at(at).get()).isEqualTo((byte) octet);
        assertThat(Octets.u8(memory, at)).isEqualTo(octet);
        Octets.u16(memory, at, two);
        assertThat(at(at).getShort()).isEqualTo((short) two);
        assertThat(Octets.u16(memory, at)).isEqualTo(two);
        Octets.u32(memory, at, four);
        assertThat(at(at).getInt()).isEqualTo(four);
        assertThat(Octets.u32(memory, at)).isEqualTo(four);
    }

    @Property(tries = 200)
    void largeNumbersAreBigEndian(
            @ForAll @LongRange(max = 0xffff_ffff_ffffL) long six,
            @ForAll long eight,
            @ForAll @IntRange(max = 8) int at) {
        Octets.u64(memory, at, eight);
        assertThat(at(at).getLong()).isEqualTo(eight);
        assertThat(Octets.u64(memory, at)).isEqualTo(eight);
        Octets.u48(memory, at, six);
        assertThat(at(at).getLong() >>> 16).isEqualTo(six);
        assertThat(at(at).getLong() & 0xffff).as("behind it nothing changed").isEqualTo(eight & 0xffff);
        assertThat(Octets.u48(memory, at)).isEqualTo(six);
    }
}
