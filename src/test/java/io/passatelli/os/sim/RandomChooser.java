package io.passatelli.os.sim;

import java.util.SplittableRandom;

/** Any admitted answer; likes the ends of a range, where mistakes live. */
final class RandomChooser implements Chooser {
    private static final int FAULT_ONE_IN = 10;

    private final long seed;
    private final SplittableRandom random;

    RandomChooser(long seed) {
        this.seed = seed;
        this.random = new SplittableRandom(seed);
    }

    @Override
    public long count(Choice what, long least, long most) {
        if (least == most) {
            return least;
        }
        if (what == Choice.LOSS || what == Choice.DUPLICATE || what == Choice.NO_BUFFER) {
            return random.nextInt(FAULT_ONE_IN) == 0 ? most : least;
        }
        return switch (random.nextInt(4)) {
            case 0 -> least;
            case 1, 2 -> most;
            default -> random.nextLong(least, most + 1);
        };
    }

    @Override
    public boolean maybe(Choice what, long result) {
        return random.nextBoolean();
    }

    @Override
    public int events(long ref, boolean certain, int must, int may) {
        if (!certain && random.nextBoolean()) {
            return 0;
        }
        int mask = must | may & random.nextInt();
        return mask != 0 ? mask : may;
    }

    @Override
    public String story() {
        return "Chooser.seeded(" + seed + "L)";
    }
}
