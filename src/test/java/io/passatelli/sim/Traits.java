package io.passatelli.sim;

import java.util.SplittableRandom;

/**
 * How one end of a connection is set up.
 *
 * @param mss option of the SYN; {@link Segment#NONE}: none, so nobody may send it more than 536 bytes
 * @param windowScale option of the SYN; {@link Segment#NONE}: none
 * @param sackPermitted whether the SYN says so
 * @param sendBufferBytes that a program may have written and the other side not acknowledged
 * @param receiveBufferBytes at first
 * @param receiveBufferMost what it grows to, as the program reads
 * @param noDelay TCP_NODELAY, tcp(7)
 * @param keepaliveNs of silence after which a probe is sent; 0: none
 * @param isn the first sequence number
 */
public record Traits(
        int mss,
        int windowScale,
        boolean sackPermitted,
        int sendBufferBytes,
        int receiveBufferBytes,
        int receiveBufferMost,
        boolean noDelay,
        long keepaliveNs,
        int isn) {

    /** As Linux does, over Ethernet. */
    public static Traits usual(boolean v4, int isn) {
        return new Traits(v4 ? 1_460 : 1_440, 7, true, 1 << 20, 64 << 10, 4 << 20, false, 0, isn);
    }

    public Traits withMss(int value) {
        return new Traits(
                value,
                windowScale,
                sackPermitted,
                sendBufferBytes,
                receiveBufferBytes,
                receiveBufferMost,
                noDelay,
                keepaliveNs,
                isn);
    }

    /** Anything that is admitted. */
    public static Traits any(boolean v4, SplittableRandom random) {
        int most = v4 ? 1_460 : 1_440;
        int mss =
                switch (random.nextInt(6)) {
                    case 0 -> Segment.NONE;
                    case 1 -> 536 + random.nextInt(most - 536);
                    default -> most;
                };
        int windowScale = random.nextInt(4) == 0 ? Segment.NONE : random.nextInt(3) == 0 ? random.nextInt(10) : 7;
        int sendBuffer = 8_192 << random.nextInt(7);
        int receiveBuffer = random.nextInt(4) == 0 ? 4_096 + random.nextInt(16_384) : 64 << 10;
        int isn = random.nextInt(3) == 0 ? -1 - random.nextInt(200_000) : random.nextInt();
        return new Traits(
                mss,
                windowScale,
                random.nextBoolean(),
                sendBuffer,
                receiveBuffer,
                receiveBuffer << random.nextInt(6),
                random.nextBoolean(),
                random.nextInt(6) == 0 ? (1 + random.nextInt(20)) * 1_000_000_000L : 0,
                isn);
    }
}
