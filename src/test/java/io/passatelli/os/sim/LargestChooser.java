package io.passatelli.os.sim;

/** Gives everything at once, without delay. */
enum LargestChooser implements Chooser {
    INSTANCE;

    @Override
    public long count(Choice what, long least, long most) {
        return switch (what) {
            case LATENCY_NS, PORT, LOSS, DUPLICATE, NO_BUFFER, OVERHEAD -> least;
            case RECEIVE, SEND, GROWTH, QUEUED, FIN, RESET, HANDSHAKE, SEGMENTS -> most;
        };
    }

    @Override
    public boolean maybe(Choice what, long result) {
        return true;
    }

    @Override
    public int events(long ref, boolean certain, int must, int may) {
        return may;
    }

    @Override
    public String story() {
        return "Chooser.largest()";
    }
}
