package io.passatelli.proto.tcp;

import io.passatelli.base.HotPath;
import io.passatelli.flow.Flow;
import io.passatelli.flow.SipHash;

/**
 * Initial sequence numbers, RFC 6528 §3: a clock, and a keyed hash of the connection's name. The clock ticks each 32 ns, so it goes around in
 * 137 s; a later connection of the same name begins past an earlier one.
 */
@HotPath
final class Isn {
    private static final int TICK_SHIFT = 5;
    private static final int WORDS = 5;

    private final SipHash hash;

    /** The halves of the secret. */
    Isn(long secret0, long secret1) {
        hash = new SipHash(secret0, secret1);
    }

    int of(Flow flow, long nowNs) {
        long h = hash.begin()
                .word((long) flow.guestPort() << 16 | flow.farPort())
                .word(flow.guestHigh())
                .word(flow.guestLow())
                .word(flow.farHigh())
                .word(flow.farLow())
                .end(WORDS);
        return (int) (h ^ h >>> 32) + (int) (nowNs >>> TICK_SHIFT);
    }
}
