package io.passatelli.os.sim;

import java.util.HashMap;
import java.util.Map;

/** Answers as another kernel did: the result of one call, the events of one wait. */
final class RecordedChooser implements Chooser {
    private final StringBuilder log;
    private long result;
    private Map<Long, Integer> events = Map.of();

    RecordedChooser(StringBuilder log) {
        this.log = log;
    }

    void recorded(long callResult) {
        result = callResult;
    }

    void recorded(Map<Long, Integer> waitEvents) {
        events = new HashMap<>(waitEvents);
    }

    /** Events that SimOs has not asked for: it holds them impossible. */
    Map<Long, Integer> unexplained() {
        return events;
    }

    @Override
    public long count(Choice what, long least, long most) {
        return switch (what) {
            case RECEIVE, SEND, QUEUED -> {
                long n = Math.max(0, result);
                if (n < least || n > most) {
                    throw new NotAdmitted(what + " of " + result + " is not in [" + least + ", " + most + "]\n" + log);
                }
                yield n;
            }
            case OVERHEAD, GROWTH, LATENCY_NS, PORT, LOSS, DUPLICATE, NO_BUFFER, FIN, RESET, HANDSHAKE, SEGMENTS ->
                least;
        };
    }

    @Override
    public boolean maybe(Choice what, long resultIfSo) {
        return what == Choice.HANDSHAKE ? result >= 0 : result == resultIfSo;
    }

    @Override
    public int events(long ref, boolean certain, int must, int may) {
        Integer mask = events.remove(ref);
        return mask == null ? 0 : mask;
    }

    @Override
    public String story() {
        return "recorded:\n" + log;
    }
}
