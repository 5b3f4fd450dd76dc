package io.passatelli.base;

/** Monotonic time in nanoseconds. The only reader of the machine's clock; the loop asks once a turn and passes the answer down. */
@FunctionalInterface
public interface Clock {
    long nowNs();

    static Clock system() {
        return System::nanoTime;
    }
}
