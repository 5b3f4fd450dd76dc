package io.passatelli.app.monitor;

import io.passatelli.base.Clock;
import io.passatelli.base.Durations;

import java.util.EnumMap;
import java.util.Map;
import java.util.Objects;

/** When KubeVirt called, and how long answers took. Any thread. */
public final class HookTimes {
    /** What is called, by the name that it has in KubeVirt's protocol. */
    public enum Call {
        INFO("Info"),
        ON_DEFINE_DOMAIN("OnDefineDomain"),
        SHUTDOWN("Shutdown");

        private final String label;

        Call(String label) {
            this.label = label;
        }

        String label() {
            return label;
        }
    }

    /** An answer that is being made; closed when it is. */
    public interface Timed extends AutoCloseable {
        @Override
        void close();
    }

    private final Clock clock;
    private final Map<Call, Durations> times = new EnumMap<>(Call.class);
    private int underWay;
    private boolean defined;
    private long definedNs;

    public HookTimes(Clock clock) {
        this.clock = clock;
        for (Call call : Call.values()) {
            times.put(call, new Durations());
        }
    }

    /** A call has come: {@code try (var _ = times.begin(…)) { answer it }}. */
    public synchronized Timed begin(Call call) {
        underWay++;
        long beginNs = clock.nowNs();
        return () -> end(call, beginNs);
    }

    private synchronized void end(Call call, long beginNs) {
        underWay--;
        long nowNs = clock.nowNs();
        of(call).add(nowNs - beginNs);
        if (call == Call.ON_DEFINE_DOMAIN) {
            defined = true;
            definedNs = nowNs;
        }
    }

    /** The domain of a process before this one is ours, as if it had been defined now. */
    public synchronized void resumed() {
        defined = true;
        definedNs = clock.nowNs();
    }

    private Durations of(Call call) {
        return Objects.requireNonNull(times.get(call));
    }

    synchronized Durations.Snapshot snapshot(Call call) {
        return of(call).snapshot();
    }

    /** Whether an answer is being made. */
    public synchronized boolean isBusy() {
        return underWay > 0;
    }

    /** Since the last domain was defined, ns; -1: none has been. */
    public synchronized long sinceDefinedNs() {
        return defined ? clock.nowNs() - definedNs : -1;
    }
}
