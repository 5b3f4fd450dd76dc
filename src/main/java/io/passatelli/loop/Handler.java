package io.passatelli.loop;

/** One kind of event source at a loop: it owns numbered things with descriptors. Loop thread only. */
public interface Handler {
    /** The generation of thing {@code index} now. An event of another generation is stale: its descriptor was reused, and it is not delivered. */
    int generation(int index);

    /** {@code events} as of epoll_ctl(2) are there for thing {@code index}. */
    void onEvent(int index, int events, long nowNs);

    /** {@link #onEvent} threw for thing {@code index}: reset it, so that it cannot throw for ever. The fault is logged and counted already. */
    default void onFault(int index, Throwable thrown) {}
}
