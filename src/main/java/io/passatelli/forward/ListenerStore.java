package io.passatelli.forward;

import io.passatelli.base.HotPath;
import io.passatelli.base.Limits;
import io.passatelli.config.PortForward;
import io.passatelli.loop.Ref;
import org.jspecify.annotations.Nullable;

import java.util.Objects;

/**
 * Which sockets listen where, in as little memory as "all ports" asks for: some 30 bytes for each. Loop thread only.
 *
 * <p><b>Places</b> hold what is known of a socket, in blocks of parallel arrays that are made when first needed. Objects are shared ({@link Site},
 * rule), or made for who has something ({@link Listener}). <b>Tables</b> find the place of a site's port: open addressing with linear probing,
 * in many small tables of which each grows by itself, so that no step takes long.
 */
final class ListenerStore {
    static final int NONE = -1;
    private static final int BLOCK = 1_024;
    private static final int TABLES = 256;
    private static final int TABLE_FIRST = 16;

    private static final class Block {
        final @Nullable Site[] sites = new @Nullable Site[BLOCK]; // null: free
        final @Nullable PortForward[] rules = new @Nullable PortForward[BLOCK];
        final @Nullable Listener[] listeners = new @Nullable Listener[BLOCK];
        final char[] ports = new char[BLOCK];
        final int[] fds = new int[BLOCK]; // of a free place: the next free one
        final int[] generations = new int[BLOCK];
        final int[] marks = new int[BLOCK];
    }

    private final @Nullable Block[] blocks = new @Nullable Block[(Limits.FORWARD_LISTENERS + BLOCK - 1) / BLOCK];
    private final int[][] tables = new int[TABLES][]; // place + 1; 0: empty
    private final int[] sizes = new int[TABLES];
    private int firstFree = NONE;
    private int end;
    private int count;

    ListenerStore() {
        for (int i = 0; i < TABLES; i++) {
            tables[i] = new int[TABLE_FIRST];
        }
    }

    /** How many sockets there are. */
    int count() {
        return count;
    }

    /** No place from this one on was ever used. */
    int end() {
        return end;
    }

    /** The place of the socket at {@code site}'s {@code port}, or {@link #NONE}. */
    int find(Site site, int port) {
        int hash = hash(site, port);
        int[] table = tables[hash & TABLES - 1];
        int mask = table.length - 1;
        for (int i = home(hash) & mask; table[i] != 0; i = i + 1 & mask) {
            int place = table[i] - 1;
            if (port(place) == port && site(place) == site) {
                return place;
            }
        }
        return NONE;
    }

    /** Takes in a socket that is not there yet; its place. There are less than {@link Limits#FORWARD_LISTENERS}. */
    int add(Site site, int port, int fd, PortForward rule) {
        assert find(site, port) == NONE;
        int place = takePlace();
        Block block = block(place);
        int i = place % BLOCK;
        block.sites[i] = site;
        block.ports[i] = (char) port;
        block.fds[i] = fd;
        block.rules[i] = rule;
        int hash = hash(site, port);
        int table = hash & TABLES - 1;
        if (++sizes[table] * 2 > tables[table].length) {
            grow(table);
        }
        put(tables[table], hash, place);
        site.listeners++;
        count++;
        return place;
    }

    /** Frees the place; its generation moves on, so events of the socket that was there are stale. */
    void remove(int place) {
        Site site = Objects.requireNonNull(site(place));
        int hash = hash(site, port(place));
        int[] table = tables[hash & TABLES - 1];
        int mask = table.length - 1;
        int hole = home(hash) & mask;
        while (table[hole] != place + 1) {
            assert table[hole] != 0 : "a listener that no look-up finds";
            hole = hole + 1 & mask;
        }
        shiftBack(table, hole);
        sizes[hash & TABLES - 1]--;
        Block block = block(place);
        int i = place % BLOCK;
        block.sites[i] = null;
        block.rules[i] = null;
        block.listeners[i] = null;
        block.generations[i] = Ref.next(block.generations[i]);
        block.fds[i] = firstFree;
        firstFree = place;
        site.listeners--;
        count--;
    }

    /** Closes the hole: each later cell of the run moves there if its home is not past the hole (Knuth, 6.4 R). */
    private void shiftBack(int[] table, int hole) {
        int mask = table.length - 1;
        int gap = hole;
        for (int i = gap + 1 & mask; table[i] != 0; i = i + 1 & mask) {
            int home = home(hash(table[i] - 1)) & mask;
            if ((i - home & mask) >= (i - gap & mask)) {
                table[gap] = table[i];
                gap = i;
            }
        }
        table[gap] = 0;
    }

    private void grow(int table) {
        int[] old = tables[table];
        int[] larger = new int[2 * old.length];
        for (int cell : old) {
            if (cell != 0) {
                put(larger, hash(cell - 1), cell - 1);
            }
        }
        tables[table] = larger;
    }

    private static void put(int[] table, int hash, int place) {
        int mask = table.length - 1;
        int i = home(hash) & mask;
        while (table[i] != 0) {
            i = i + 1 & mask;
        }
        table[i] = place + 1;
    }

    private int hash(int place) {
        return hash(Objects.requireNonNull(site(place)), port(place));
    }

    /** Low bits choose the table, high ones the cell. */
    private static int hash(Site site, int port) {
        int hash = (site.salt ^ port) * 0x85EBCA6B; // murmur3's finalizer
        hash ^= hash >>> 13;
        hash *= 0xC2B2AE35;
        return hash ^ hash >>> 16;
    }

    private static int home(int hash) {
        return hash >>> 8;
    }

    private int takePlace() {
        if (firstFree != NONE) {
            int place = firstFree;
            firstFree = block(place).fds[place % BLOCK];
            return place;
        }
        assert end < Limits.FORWARD_LISTENERS;
        if (blocks[end / BLOCK] == null) {
            blocks[end / BLOCK] = new Block();
        }
        return end++;
    }

    @HotPath
    private Block block(int place) {
        return Objects.requireNonNull(blocks[place / BLOCK]);
    }

    /** Null: the place is free. */
    @Nullable
    Site site(int place) {
        return block(place).sites[place % BLOCK];
    }

    int port(int place) {
        return block(place).ports[place % BLOCK];
    }

    int fd(int place) {
        return block(place).fds[place % BLOCK];
    }

    PortForward rule(int place) {
        return Objects.requireNonNull(block(place).rules[place % BLOCK]);
    }

    void rule(int place, PortForward rule) {
        block(place).rules[place % BLOCK] = rule;
    }

    /** What {@link #mark(int, int)} left there. */
    int mark(int place) {
        return block(place).marks[place % BLOCK];
    }

    void mark(int place, int mark) {
        block(place).marks[place % BLOCK] = mark;
    }

    @HotPath
    int generation(int place) {
        return block(place).generations[place % BLOCK];
    }

    /** Null: it has had nothing so far. */
    @HotPath
    @Nullable
    Listener listener(int place) {
        return block(place).listeners[place % BLOCK];
    }

    void listener(int place, Listener listener) {
        block(place).listeners[place % BLOCK] = listener;
    }
}
