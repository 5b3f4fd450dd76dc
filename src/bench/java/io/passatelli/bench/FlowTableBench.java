package io.passatelli.bench;

import io.passatelli.base.Limits;
import io.passatelli.flow.Flow;
import io.passatelli.flow.FlowKey;
import io.passatelli.flow.FlowTable;
import io.passatelli.flow.FlowView;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

import java.util.concurrent.TimeUnit;

/** {@link FlowTable#find}, of flows in an order that no cache foresees, and of a flow that is not there. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class FlowTableBench {
    private static final int TCP = 6;
    private static final long MAPPED4 = 0xffff_0000_0000L;
    private static final long GUEST = MAPPED4 | 0x0a4d0002;
    private static final long FAR = MAPPED4 | 0x0a4d0003;
    /** Odd, so a step by it visits each of a power of two. */
    private static final int STRIDE = 7_919;

    @Param({"1024", "" + Limits.FLOWS})
    public int flows;

    private static final class Plain extends Flow {
        @Override
        public FlowView view(long nowNs) {
            throw new AssertionError();
        }
    }

    private final FlowTable table = new FlowTable(Limits.FLOWS, 0x0706050403020100L, 0x0f0e0d0c0b0a0908L);
    private final FlowKey key = new FlowKey();
    private int next;

    @Setup
    public void prepare() {
        for (int i = 0; i < flows; i++) {
            table.insert(key(i, 443), new Plain());
        }
    }

    private FlowKey key(int guestPort, int farPort) {
        return key.set(TCP, 0, GUEST, guestPort, 0, FAR, farPort);
    }

    @Benchmark
    public int find() {
        next = next + STRIDE & flows - 1;
        return table.find(key(next, 443));
    }

    @Benchmark
    public int findMissing() {
        next = next + STRIDE & flows - 1;
        return table.find(key(next, 80));
    }
}
