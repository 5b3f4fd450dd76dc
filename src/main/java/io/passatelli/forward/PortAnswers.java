package io.passatelli.forward;

/** Hears what the guest answers to {@link PortProber#ask}. Loop thread only. */
public interface PortAnswers {
    /** The guest says that {@code port} is open, or that it is closed. More often than it was asked is possible. */
    void onAnswer(boolean v4, int port, boolean open, long nowNs);
}
