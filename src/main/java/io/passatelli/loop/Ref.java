package io.passatelli.loop;

import io.passatelli.base.HotPath;

/** What epoll carries with each descriptor: the handler's type (8 bits), the thing's generation (24) and index (32), in one long. */
@HotPath
public final class Ref {
    private static final int GENERATION_BITS = 24;

    /** Generations count modulo this. */
    public static final int GENERATIONS = 1 << GENERATION_BITS;

    private Ref() {}

    public static long of(int type, int generation, int index) {
        assert type >>> 8 == 0 : type;
        assert generation >>> GENERATION_BITS == 0 : generation;
        return (long) type << 56 | (long) generation << 32 | index & 0xffffffffL;
    }

    public static int type(long ref) {
        return (int) (ref >>> 56);
    }

    public static int generation(long ref) {
        return (int) (ref >>> 32) & GENERATIONS - 1;
    }

    public static int index(long ref) {
        return (int) ref;
    }

    /** The generation after {@code generation}. */
    public static int next(int generation) {
        return generation + 1 & GENERATIONS - 1;
    }
}
