package io.passatelli.guest;

import io.passatelli.base.Counters;
import io.passatelli.base.Drop;
import io.passatelli.base.HotPath;
import io.passatelli.base.Limits;
import io.passatelli.base.PoolUse;
import io.passatelli.link.RxBatch;
import io.passatelli.wire.Ethernet;
import io.passatelli.wire.Frame;
import io.passatelli.wire.Ip6;
import io.passatelli.wire.Offload;

/**
 * Puts the fragmented datagrams of the guest together again, RFC 791 §3.2 and RFC 8200 §4.5. A whole datagram comes out as a frame like any
 * other: without options, extension headers and marks of a fragment.
 *
 * <p>A fragment that overlaps another ends its datagram, and all that comes of it until the time is up is dropped, RFC 5722, in IPv4 as well: no
 * honest sender makes such. The same fragment once more is dropped alone, and what came first stays.
 *
 * <p>Datagrams, memory and time are bounded in {@link Limits}. A table that is full takes no new datagram: the oldest is not evicted, so whoever
 * floods it (a guest can only hurt itself) does not break those that are nearly there. A datagram for which there is no memory gives back
 * what it has, for it cannot become whole. Time is looked at when a fragment comes: till then nobody misses what is held. Loop thread only.
 */
public final class Reassembler {
    private static final long TIMEOUT_NS = Limits.FRAGMENT_TIMEOUT_S * 1_000_000_000L;
    private static final int LONGEST = 65_535;
    private static final int NONE = -1;

    private final Counters counters;
    private final FragmentMemory memory = new FragmentMemory();
    private final RxBatch whole = new RxBatch(1);

    /** The first {@link #count} in order of age; behind them, up to {@link #made}, those for later use. */
    private final Assembly[] assemblies = new Assembly[Limits.FRAGMENTED_DATAGRAMS];

    private int count;
    private int made;
    private int complete = NONE;

    public Reassembler(Counters counters) {
        this.counters = counters;
    }

    /**
     * Takes frame {@code i} of {@code batch}, a good fragment after {@link Frame#parse}. {@link Drop#NONE}: with it a datagram is complete, which
     * is good and in {@link #whole} until {@link #release}.
     */
    @HotPath
    public Drop take(RxBatch batch, int i, long nowNs) {
        assert complete == NONE;
        expire(nowNs);
        Frame f = batch.frame(i);
        if (!isSound(f)) {
            return Drop.FRAGMENT_BAD;
        }
        int index = find(f);
        if (index == NONE) {
            if (count == assemblies.length) {
                return Drop.FRAGMENT_TABLE_FULL;
            }
            index = begin(f, nowNs);
        }
        Assembly assembly = assemblies[index];
        if (assembly.refused() != Drop.NONE) {
            return assembly.refused();
        }
        Drop drop = assembly.put(batch, i, memory);
        if (!assembly.isComplete()) {
            return drop;
        }
        complete = index;
        assembly.finish(whole);
        drop = whole.frame(0).parse();
        if (drop != Drop.NONE) {
            release();
        }
        return drop;
    }

    /** What a fragment has to be whatever others there are. A checksum that is left to the receiver cannot mean a part. */
    @HotPath
    private static boolean isSound(Frame f) {
        int fixed = f.etherType() == Ethernet.IP6 ? Ip6.LENGTH + Ip6.FRAGMENT_LENGTH : 0;
        int headers = (int) (f.fragmentAt() - f.l3()) - fixed; // as far as the length field counts them
        int length = f.fragmentLength();
        return length > 0
                && (!f.moreFragments() || length % 8 == 0)
                && headers + f.fragmentOffset() + length <= LONGEST
                && (f.offload().flags & Offload.NEEDS_CSUM) == 0
                && f.offload().gsoType == Offload.GSO_NONE;
    }

    @HotPath
    private int find(Frame f) {
        for (int i = 0; i < count; i++) {
            if (assemblies[i].isOf(f)) {
                return i;
            }
        }
        return NONE;
    }

    @HotPath
    private int begin(Frame f, long nowNs) {
        if (count == made) {
            make();
        }
        assemblies[count].begin(f, nowNs + TIMEOUT_NS);
        return count++;
    }

    private void make() {
        assemblies[made++] = new Assembly();
    }

    @HotPath
    private void expire(long nowNs) {
        while (count > 0 && assemblies[0].deadlineNs - nowNs <= 0) {
            if (assemblies[0].refused() == Drop.NONE) {
                counters.count(Drop.FRAGMENT_TIMED_OUT); // beside its fragments, which were counted when they came
            }
            remove(0);
        }
    }

    @HotPath
    private void remove(int index) {
        Assembly assembly = assemblies[index];
        assembly.free(memory);
        count--;
        System.arraycopy(assemblies, index + 1, assemblies, index, count - index);
        assemblies[count] = assembly;
    }

    /** The complete datagram: one frame, parsed. */
    public RxBatch whole() {
        return whole;
    }

    /** The complete datagram was handled. */
    @HotPath
    public void release() {
        assert complete != NONE;
        remove(complete);
        complete = NONE;
    }

    /** The guest is gone, and what it began with it. */
    public void clear() {
        while (count > 0) {
            remove(count - 1);
        }
        complete = NONE;
    }

    /** Datagrams held, those included that are refused. */
    int count() {
        return count;
    }

    /** Use of the memory for fragments. */
    public PoolUse use() {
        return memory.use("fragments");
    }

    FragmentMemory memory() {
        return memory;
    }
}
