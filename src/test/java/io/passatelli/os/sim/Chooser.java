package io.passatelli.os.sim;

/** Picks one of the answers that {@link SimOs} admits. In the conformance suite the real kernel is the chooser. */
public interface Chooser {
    /** How many: {@code least ≤ answer ≤ most}. */
    long count(Choice what, long least, long most);

    /** Whether the uncertain thing happens now that makes the call give {@code result}. */
    boolean maybe(Choice what, long result);

    /**
     * The mask epoll_wait(2) shows for {@code ref}: 0 (not now; only if not {@code certain}), or all of {@code must}, some of {@code may}, and not
     * nothing.
     */
    int events(long ref, boolean certain, int must, int may);

    /** How to have the same choices again: a seed, a script. Part of every failure that SimOs reports. */
    String story();

    /** Everything at once and as soon as possible. */
    static Chooser largest() {
        return LargestChooser.INSTANCE;
    }

    /** Any admitted answer, the same ones for the same seed. */
    static Chooser seeded(long seed) {
        return new RandomChooser(seed);
    }
}
