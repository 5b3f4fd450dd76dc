package io.passatelli.sim;

import io.passatelli.os.sim.SimClock;
import org.jspecify.annotations.Nullable;

/** A program at one end of a connection, that does as its {@link Plan} says, and looks at each byte that it reads. */
public abstract class Party {
    private final SimClock clock;
    public final Plan plan;
    private final Plan peers;
    private long written;
    private long read;
    private long readAtNs;
    private long writeAtNs;
    private boolean paused;
    private boolean shut;
    private boolean atEnd;
    private boolean gone;
    private boolean early;
    private boolean failed;
    private long startedNs = -1;
    private long finishedNs = -1;

    protected Party(SimClock clock, Plan plan, Plan peers) {
        this.clock = clock;
        this.plan = plan;
        this.peers = peers;
    }

    /** Whether it may write and read by now. */
    protected abstract boolean isOpen();

    /** Whether the connection ended otherwise than in order; asked before each look. */
    protected abstract boolean isBroken();

    /** Writes the pattern from {@code position} on, at most {@code most} bytes; returns how many were taken. */
    protected abstract long write(long position, long most);

    /** null: nothing is there now; empty: the end. */
    protected abstract byte @Nullable [] read(int most);

    protected abstract void shutdownWrite();

    protected abstract void close();

    protected abstract void abort();

    /** Does what can be done now. Throws {@link AssertionError} for a wrong byte. */
    public final void act() {
        if (gone) {
            return;
        }
        if (isBroken()) {
            failed = true;
            leave();
            close();
            return;
        }
        if (!isOpen()) {
            return;
        }
        if (startedNs < 0) {
            startedNs = clock.nowNs();
        }
        while (step()) {
            if (!plan.ending().isOrderly() && written + read >= plan.endingAfter()) {
                break;
            }
        }
        end();
    }

    private boolean step() {
        long nowNs = clock.nowNs();
        boolean moved = false;
        if (nowNs >= readAtNs && !atEnd) {
            moved = readSome(nowNs);
        }
        long allowed = plan.mayWrite(read) - written;
        if (nowNs >= writeAtNs && allowed > 0 && !shut) {
            long n = write(written, Math.min(allowed, plan.chunk()));
            written += n;
            if (n > 0 && plan.writeEveryNs() > 0) {
                writeAtNs = wakeAt(nowNs + plan.writeEveryNs());
            }
            moved |= n > 0;
        }
        return moved;
    }

    private boolean readSome(long nowNs) {
        if (!paused && plan.pauseNs() > 0 && read >= plan.pauseAt()) {
            paused = true;
            readAtNs = wakeAt(nowNs + plan.pauseNs());
            return false;
        }
        byte[] data = read(plan.readChunk());
        if (data == null) {
            return false;
        }
        if (data.length == 0) {
            atEnd = true;
            return true;
        }
        int wrong = Pattern.firstWrong(peers.seed(), read, data);
        if (wrong >= 0 || read + data.length > peers.total()) {
            throw new AssertionError(
                    "byte " + (read + Math.max(0, wrong)) + " of " + peers.total() + " is wrong at " + this);
        }
        read += data.length;
        if (plan.readEveryNs() > 0) {
            readAtNs = wakeAt(nowNs + plan.readEveryNs());
        }
        return true;
    }

    private long wakeAt(long atNs) {
        clock.in(atNs - clock.nowNs(), () -> {});
        return atNs;
    }

    private void end() {
        if (!plan.ending().isOrderly() && written + read >= plan.endingAfter()) {
            early = true;
            leave();
            if (plan.ending() == Plan.Ending.EARLY_CLOSE) {
                close();
            } else {
                abort();
            }
            return;
        }
        boolean saidAll = written == plan.total() || atEnd && written >= plan.mayWrite(read); // nobody will ask again
        if (!shut && saidAll && (atEnd || plan.ending() != Plan.Ending.AFTER_PEER)) {
            shut = true;
            shutdownWrite();
        }
        if (shut && atEnd) {
            leave();
            close();
        }
    }

    private void leave() {
        gone = true;
        finishedNs = clock.nowNs();
    }

    /** The test has no more patience with it. */
    public final void giveUp() {
        if (!gone) {
            failed = true;
            leave();
            abort();
        }
    }

    /** It has closed its end. */
    public final boolean isGone() {
        return gone;
    }

    /** The connection failed under it. */
    public final boolean hasFailed() {
        return failed;
    }

    /** It left before it had read all. */
    public final boolean leftEarly() {
        return early;
    }

    /** It wrote all and read all there was. */
    public final boolean isComplete() {
        return gone && !failed && !early && written == plan.total() && read == peers.total();
    }

    public final long written() {
        return written;
    }

    public final long readBytes() {
        return read;
    }

    public final boolean sawEnd() {
        return atEnd;
    }

    public final long startedNs() {
        return startedNs;
    }

    public final long finishedNs() {
        return finishedNs;
    }

    @Override
    public String toString() {
        return "wrote " + written + " of " + plan.total() + ", read " + read + " of " + peers.total()
                + (atEnd ? ", end" : "") + (early ? ", left early" : "") + (failed ? ", failed" : "")
                + (gone ? ", gone" : "");
    }
}
