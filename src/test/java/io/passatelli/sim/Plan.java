package io.passatelli.sim;

import java.util.SplittableRandom;

/**
 * What a program does with its end of a connection.
 *
 * @param seed of the {@link Pattern} that it sends
 * @param total bytes of it
 * @param chunk bytes in one write
 * @param writeEveryNs between two writes; 0: at once
 * @param readChunk bytes in one read
 * @param readEveryNs between two reads; 0: at once
 * @param pauseAt when so many bytes are read, it reads nothing for {@code pauseNs}
 * @param pauseNs how long
 * @param gate bytes that have to be read before each further {@code round} bytes are written; 0: it waits for nothing
 * @param round bytes of a request, or of an answer
 * @param first whether the first round is written without anything read
 * @param ending what it does in the end
 * @param endingAfter bytes, written and read, after which an early ending comes
 */
public record Plan(
        long seed,
        long total,
        int chunk,
        long writeEveryNs,
        int readChunk,
        long readEveryNs,
        long pauseAt,
        long pauseNs,
        long gate,
        long round,
        boolean first,
        Ending ending,
        long endingAfter) {
    private static final long MS = 1_000_000;

    /** How a program leaves. */
    public enum Ending {
        /** Says that it has written all, reads to the end, then closes. */
        HALF_CLOSE,
        /** Reads to the end first. */
        AFTER_PEER,
        /** Closes early, read or not. */
        EARLY_CLOSE,
        /** Resets the connection early. */
        EARLY_RESET;

        public boolean isOrderly() {
            return this == HALF_CLOSE || this == AFTER_PEER;
        }
    }

    /** Sends {@code total} bytes and reads all, both as fast as it goes. */
    public static Plan bulk(long seed, long total) {
        return new Plan(seed, total, 64 << 10, 0, 64 << 10, 0, 0, 0, 0, 0, false, Ending.HALF_CLOSE, 0);
    }

    public Plan ending(Ending value, long after) {
        return new Plan(
                seed,
                total,
                chunk,
                writeEveryNs,
                readChunk,
                readEveryNs,
                pauseAt,
                pauseNs,
                gate,
                round,
                first,
                value,
                after);
    }

    /** Reads {@code bytes} each {@code everyNs}. */
    public Plan reading(int bytes, long everyNs) {
        return new Plan(
                seed,
                total,
                chunk,
                writeEveryNs,
                bytes,
                everyNs,
                pauseAt,
                pauseNs,
                gate,
                round,
                first,
                ending,
                endingAfter);
    }

    /** Writes {@code bytes} each {@code everyNs}. */
    public Plan writing(int bytes, long everyNs) {
        return new Plan(
                seed,
                total,
                bytes,
                everyNs,
                readChunk,
                readEveryNs,
                pauseAt,
                pauseNs,
                gate,
                round,
                first,
                ending,
                endingAfter);
    }

    /** Reads nothing for {@code ns} when {@code at} bytes are read. */
    public Plan pausing(long at, long ns) {
        return new Plan(
                seed,
                total,
                chunk,
                writeEveryNs,
                readChunk,
                readEveryNs,
                at,
                ns,
                gate,
                round,
                first,
                ending,
                endingAfter);
    }

    /** Asks {@code rounds} times, {@code request} bytes for {@code answer} bytes. */
    public static Plan asking(long seed, int rounds, int request, int answer) {
        return new Plan(
                seed,
                (long) rounds * request,
                request,
                0,
                64 << 10,
                0,
                0,
                0,
                answer,
                request,
                true,
                Ending.HALF_CLOSE,
                0);
    }

    /** Answers what {@link #asking} asks. */
    public static Plan answering(long seed, int rounds, int request, int answer) {
        return new Plan(
                seed,
                (long) rounds * answer,
                answer,
                0,
                64 << 10,
                0,
                0,
                0,
                request,
                answer,
                false,
                Ending.HALF_CLOSE,
                0);
    }

    /** How much may be written when so much is read. */
    public long mayWrite(long read) {
        return gate == 0 ? total : Math.min(total, (read / gate + (first ? 1 : 0)) * round);
    }

    /** What two programs do that speak with each other; bytes of one direction are about {@code most} at most. */
    public static Plan[] pair(SplittableRandom random, long most) {
        Plan a;
        Plan b;
        if (random.nextInt(4) == 0) {
            int rounds = 1 + random.nextInt(20);
            int request = 1 + random.nextInt(random.nextBoolean() ? 100 : 5_000);
            int answer = 1 + random.nextInt(Math.clamp(most / rounds, 1, 100_000));
            a = asking(random.nextLong(), rounds, request, answer);
            b = answering(random.nextLong(), rounds, request, answer);
        } else {
            a = bulk(random.nextLong(), some(random, most));
            b = bulk(random.nextLong(), some(random, most));
            a = mannered(a, b.total, random);
            b = mannered(b, a.total, random);
        }
        a = ended(a, random);
        b = ended(b, random);
        if (a.ending == Ending.AFTER_PEER && b.ending == Ending.AFTER_PEER) {
            b = b.ending(Ending.HALF_CLOSE, 0); // each would wait for the other
        }
        return random.nextBoolean() ? new Plan[] {a, b} : new Plan[] {b, a};
    }

    private static long some(SplittableRandom random, long most) {
        return switch (random.nextInt(5)) {
            case 0 -> 0;
            case 1 -> 1 + random.nextInt(100);
            case 2 -> random.nextLong(most / 8 + 1);
            default -> random.nextLong(most + 1);
        };
    }

    private static Plan mannered(Plan plan, long peers, SplittableRandom random) {
        Plan made = plan;
        if (random.nextInt(3) == 0) {
            int reads = 5 + random.nextInt(100);
            made = made.reading(Math.clamp(peers / reads, 1, 1 << 20), 1 + random.nextLong(10 * MS));
        } else if (random.nextInt(4) == 0) {
            made = made.reading(1 + random.nextInt(20_000), 0);
        }
        if (random.nextInt(4) == 0) {
            made = made.pausing(random.nextLong(peers + 1), random.nextLong(3_000) * MS);
        }
        if (random.nextInt(4) == 0) {
            int writes = 5 + random.nextInt(100);
            made = made.writing(Math.clamp(made.total / writes, 1, 1 << 20), random.nextLong(20 * MS));
        }
        return made;
    }

    private static Plan ended(Plan plan, SplittableRandom random) {
        long after = random.nextLong(2 * plan.total + 1);
        return switch (random.nextInt(12)) {
            case 0 -> plan.ending(Ending.EARLY_CLOSE, after);
            case 1 -> plan.ending(Ending.EARLY_RESET, after);
            case 2, 3, 4 -> plan.ending(Ending.AFTER_PEER, 0);
            default -> plan;
        };
    }
}
