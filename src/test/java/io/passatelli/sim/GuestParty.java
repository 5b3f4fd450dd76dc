package io.passatelli.sim;

import io.passatelli.os.sim.SimClock;
import org.jspecify.annotations.Nullable;

/** A program in a {@link SimGuest}. */
public final class GuestParty extends Party {
    private @Nullable GuestTcp connection;

    public GuestParty(SimClock clock, Plan plan, Plan peers) {
        super(clock, plan, peers);
    }

    /** Its connection, once it is there. */
    public GuestParty on(GuestTcp value) {
        connection = value.sends(plan.seed());
        return this;
    }

    public @Nullable GuestTcp connection() {
        return connection;
    }

    private GuestTcp tcp() {
        GuestTcp tcp = connection;
        if (tcp == null) {
            throw new AssertionError("no connection yet");
        }
        return tcp;
    }

    @Override
    protected boolean isOpen() {
        return connection != null && (connection.isSynchronized() || connection.readable() > 0 || connection.isAtEnd());
    }

    @Override
    protected boolean isBroken() {
        return connection != null
                && connection.readable() == 0 // what came before a reset can be read, and so can an end
                && (sawEnd() || !connection.isAtEnd())
                && switch (connection.end()) {
                    case NOT_YET, IN_ORDER -> false;
                    case REFUSED, RESET, TIMED_OUT, ABORTED -> true;
                };
    }

    @Override
    protected long write(long position, long most) {
        return tcp().write(most);
    }

    @Override
    protected byte @Nullable [] read(int most) {
        byte[] data = tcp().read(most);
        return data.length > 0 ? data : tcp().isAtEnd() ? data : null;
    }

    @Override
    protected void shutdownWrite() {
        tcp().shutdownWrite();
    }

    @Override
    protected void close() {
        if (connection != null) {
            connection.close();
        }
    }

    @Override
    protected void abort() {
        if (connection != null) {
            connection.abort();
        }
    }

    @Override
    public String toString() {
        return "guest " + super.toString() + " (" + connection + ")";
    }
}
