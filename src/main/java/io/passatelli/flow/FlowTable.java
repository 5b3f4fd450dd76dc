package io.passatelli.flow;

import io.passatelli.base.HotPath;
import io.passatelli.base.Limits;
import org.jspecify.annotations.Nullable;

import java.util.Objects;

/**
 * All flows of a plane, of every protocol: found by key through a keyed hash (a guest cannot choose its collisions), or by index. Loop thread
 * only.
 *
 * <p>Two parts. <b>Places</b> hold the flows and their generations, in blocks that are made when first needed and then kept; the lowest free
 * place is taken, so that few flows stay close together. <b>Cells</b> are the hash index: open addressing with linear probing, never more than
 * 70 % full. A cell is the hash's low half and the place + 1, in one long, so a probe touches a flow only if the hash agrees. Deletion shifts
 * later cells back instead of leaving a mark, so look-ups do not become slower with use.
 */
public final class FlowTable {
    public static final int NONE = -1;

    /** Generations count modulo 2^24: what a reference at epoll has room for. */
    private static final int GENERATION_MASK = (1 << 24) - 1;

    private static final int BLOCK = Limits.FLOW_BLOCK;
    private static final int WORD = Long.SIZE;

    static {
        assert BLOCK % WORD == 0 : BLOCK;
    }

    private static final class Block {
        final @Nullable Flow[] flows = new @Nullable Flow[BLOCK];
        final int[] generations = new int[BLOCK];
    }

    private final int capacity;
    private final SipHash hash;
    private final @Nullable Block[] blocks;
    private final long[] taken; // a bit for each place
    private final long[] cells; // 0: empty
    private final int mask;
    private int freeWord; // no word of taken before this has a free place
    private int count;
    /** Found last: frames come in trains of one flow. */
    private @Nullable Flow found;

    /** The two halves of the hash's secret come from the caller's seed source. */
    public FlowTable(int capacity, long secret0, long secret1) {
        if (capacity < 1 || capacity > Limits.FLOWS) {
            throw new IllegalArgumentException("a flow table holds 1 to " + Limits.FLOWS + " flows, not " + capacity);
        }
        this.capacity = capacity;
        hash = new SipHash(secret0, secret1);
        blocks = new @Nullable Block[(capacity + BLOCK - 1) / BLOCK];
        taken = new long[(capacity + WORD - 1) / WORD];
        int size = Integer.highestOneBit(capacity * 10 / 7 + 1) << 1; // the power of two above capacity ÷ 0.7
        cells = new long[size];
        mask = size - 1;
        assert capacity <= size * 0.7;
    }

    /** The flow of {@code key}, or {@link #NONE}. */
    @HotPath
    public int find(FlowKey key) {
        Flow before = found;
        if (before != null && before.index != NONE && before.key.sameAs(key)) {
            return before.index;
        }
        int wanted = (int) key.hash(hash);
        for (int i = wanted & mask; cells[i] != 0; i = i + 1 & mask) {
            if (hashOf(cells[i]) == wanted) {
                int index = indexOf(cells[i]);
                Flow flow = at(index);
                if (flow.key.sameAs(key)) {
                    found = flow;
                    return index;
                }
            }
        }
        return NONE;
    }

    /** The flow at a place that {@link #find} or {@link #insert} gave. */
    @HotPath
    public Flow at(int index) {
        Block block = blocks[index / BLOCK];
        Flow flow = block == null ? null : block.flows[index % BLOCK];
        if (flow == null) {
            throw empty(index);
        }
        return flow;
    }

    /** Takes {@code flow} in under a copy of {@code key}, which must be absent. Its place, or {@link #NONE} when full. */
    @HotPath
    public int insert(FlowKey key, Flow flow) {
        assert flow.index == NONE : flow.index;
        assert find(key) == NONE;
        if (count == capacity) {
            return NONE;
        }
        int index = takePlace();
        Block block = block(index);
        block.flows[index % BLOCK] = flow;
        flow.key.copy(key);
        flow.index = index;
        flow.generation = block.generations[index % BLOCK];
        int ours = (int) key.hash(hash);
        int i = ours & mask;
        while (cells[i] != 0) {
            i = i + 1 & mask;
        }
        cells[i] = cell(ours, index);
        count++;
        return index;
    }

    /** Frees the place; its generation moves on, so references to the old flow are stale. */
    @HotPath
    public void remove(int index) {
        Flow flow = at(index);
        assert flow.index == index : flow.index;
        int i = (int) flow.key.hash(hash) & mask;
        while (indexOf(cells[i]) != index) {
            assert cells[i] != 0 : "a flow that no look-up finds";
            i = i + 1 & mask;
        }
        shiftBack(i);
        Block block = block(index);
        block.flows[index % BLOCK] = null;
        block.generations[index % BLOCK] = after(flow.generation);
        flow.index = NONE;
        taken[index / WORD] &= ~(1L << index % WORD);
        freeWord = Math.min(freeWord, index / WORD);
        count--;
    }

    /** Closes the hole at cell {@code hole}: each later cell of the run moves there if its home is not past the hole (Knuth, 6.4 R). */
    @HotPath
    private void shiftBack(int hole) {
        for (int i = hole + 1 & mask; cells[i] != 0; i = i + 1 & mask) {
            int fromHome = i - hashOf(cells[i]) & mask;
            int fromHole = i - hole & mask;
            if (fromHome >= fromHole) {
                cells[hole] = cells[i];
                hole = i;
            }
        }
        cells[hole] = 0;
    }

    /** The generation of place {@code index}, which need not hold a flow. */
    @HotPath
    public int generation(int index) {
        Block block = blocks[Objects.checkIndex(index, capacity) / BLOCK];
        return block == null ? 0 : block.generations[index % BLOCK];
    }

    /** The first taken place at or after {@code from}, or {@link #NONE}: {@code for (i = next(0); i != NONE; i = next(i + 1))} may remove i. */
    @HotPath
    public int next(int from) {
        assert from >= 0 : from;
        if (from >= capacity) {
            return NONE;
        }
        int word = from / WORD;
        long bits = taken[word] & -1L << from % WORD;
        while (bits == 0) {
            if (++word == taken.length) {
                return NONE;
            }
            bits = taken[word];
        }
        return word * WORD + Long.numberOfTrailingZeros(bits);
    }

    public int count() {
        return count;
    }

    public int capacity() {
        return capacity;
    }

    static int after(int generation) {
        return generation + 1 & GENERATION_MASK;
    }

    @HotPath
    private int takePlace() {
        while (taken[freeWord] == -1L) {
            freeWord++;
        }
        int index = freeWord * WORD + Long.numberOfTrailingZeros(~taken[freeWord]);
        assert index < capacity : index;
        taken[freeWord] |= 1L << index % WORD;
        return index;
    }

    @HotPath
    private Block block(int index) {
        Block block = blocks[index / BLOCK];
        return block != null ? block : makeBlock(index / BLOCK);
    }

    /** The only thing made after the start: once for each block. */
    private Block makeBlock(int at) {
        Block block = new Block();
        blocks[at] = block;
        return block;
    }

    private static long cell(int hash, int index) {
        return (long) hash << 32 | index + 1;
    }

    private static int hashOf(long cell) {
        return (int) (cell >>> 32);
    }

    private static int indexOf(long cell) {
        return (int) cell - 1;
    }

    private static IllegalStateException empty(int index) {
        return new IllegalStateException("no flow at place " + index);
    }
}
