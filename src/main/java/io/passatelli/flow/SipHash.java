package io.passatelli.flow;

import io.passatelli.base.HotPath;

/**
 * SipHash-2-4 (Aumasson and Bernstein, 2012) over 64-bit words: a hash that nobody can steer without its secret. Words are what the
 * little-endian bytes of the reference say. Kept as an object because Java returns one value. Loop thread only.
 */
@HotPath
public final class SipHash {
    private final long secret0;
    private final long secret1;
    private long v0;
    private long v1;
    private long v2;
    private long v3;

    public SipHash(long secret0, long secret1) {
        this.secret0 = secret0;
        this.secret1 = secret1;
    }

    public SipHash begin() {
        v0 = secret0 ^ 0x736f6d6570736575L;
        v1 = secret1 ^ 0x646f72616e646f6dL;
        v2 = secret0 ^ 0x6c7967656e657261L;
        v3 = secret1 ^ 0x7465646279746573L;
        return this;
    }

    public SipHash word(long m) {
        v3 ^= m;
        round();
        round();
        v0 ^= m;
        return this;
    }

    /** The hash, where {@code words} were given: the length in bytes closes the message. */
    public long end(int words) {
        word((long) words * Long.BYTES << 56);
        v2 ^= 0xff;
        round();
        round();
        round();
        round();
        return v0 ^ v1 ^ v2 ^ v3;
    }

    private void round() {
        v0 += v1;
        v1 = Long.rotateLeft(v1, 13) ^ v0;
        v0 = Long.rotateLeft(v0, 32);
        v2 += v3;
        v3 = Long.rotateLeft(v3, 16) ^ v2;
        v0 += v3;
        v3 = Long.rotateLeft(v3, 21) ^ v0;
        v2 += v1;
        v1 = Long.rotateLeft(v1, 17) ^ v2;
        v2 = Long.rotateLeft(v2, 32);
    }
}
