package io.passatelli.bench;

import io.passatelli.wire.Checksum;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

/** {@link Checksum#sum} over a header, an ordinary packet and the largest one, behind an Ethernet header as in a frame. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class ChecksumBench {
    private static final int AT = 14;

    @Param({"20", "1480", "65500"})
    public int bytes;

    private MemorySegment memory = MemorySegment.NULL;

    @Setup
    public void prepare() {
        byte[] random = new byte[AT + bytes];
        new SplittableRandom(1).nextBytes(random);
        memory = Arena.global().allocate(random.length, Long.BYTES);
        MemorySegment.copy(random, 0, memory, JAVA_BYTE, 0, random.length);
    }

    @Benchmark
    public int sum() {
        return Checksum.sum(memory, AT, bytes);
    }
}
