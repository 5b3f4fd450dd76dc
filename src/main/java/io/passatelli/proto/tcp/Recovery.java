package io.passatelli.proto.tcp;

import io.passatelli.base.Drop;
import io.passatelli.base.HotPath;
import io.passatelli.base.Limits;
import io.passatelli.wire.Seq;

/**
 * What the guest acknowledges, and what is done when it does not. How it works:
 *
 * <p><b>Loss.</b> Duplicate acknowledgments, three, or one where too few segments are in flight to cause three: the first missing segment goes
 * again, then the first after each partial acknowledgment (NewReno, RFC 6582). Nothing heard: the last segment goes again (a tail probe, RFC
 * 8985 §7), and if that does not help everything does, after a time that doubles (RFC 6298), up to a bound, which resets the connection.
 *
 * <p><b>A closed window.</b> What the guest did not take it has dropped, as far as we know (Linux short of memory says so by a window of 0 and
 * never opens it by itself): so we go back to what it acknowledged, and ask with segments that it must answer until it opens.
 */
@HotPath
final class Recovery {
    /** With fewer frames in flight the first duplicate acknowledgment says as much as three, RFC 5827. */
    private static final int FEW_FRAMES = 4;

    private static final int PROBE_DOUBLINGS = 8;

    private final TcpTranslator owner;
    private final TcpControl control;
    private final HostData data;

    Recovery(TcpTranslator owner, TcpControl control, HostData data) {
        this.owner = owner;
        this.control = control;
        this.data = data;
    }

    /**
     * The guest says that it has all before {@code ack}, in a segment at {@code seq} with {@code window} bytes of room behind it that takes
     * {@code numbers} sequence numbers. False: the flow has ended by that.
     */
    boolean onAck(TcpFlow flow, int seq, int ack, int window, int numbers, long nowNs) {
        int before = flow.window;
        // RFC 9293 looks at the sequence number alone; but then the edge would move with una when lost data come again,
        // which has an old number
        if (Seq.isBefore(flow.una, ack)
                || Seq.isBefore(flow.windowSeq, seq)
                || flow.windowSeq == seq && !Seq.isBefore(ack, flow.windowAck)) {
            flow.window = window;
            flow.windowMost = Math.max(flow.windowMost, window);
            flow.windowSeq = seq;
            flow.windowAck = ack;
        }
        int news = Seq.diff(ack, flow.una);
        if (news > 0) {
            if (!advance(flow, ack, news, nowNs)) {
                return false;
            }
        } else if (news == 0 && numbers == 0 && flow.window == before && window > 0 && flow.inFlight() > 0) {
            duplicate(flow, nowNs);
        }
        if (flow.window == 0 && flow.inFlight() > 0) {
            data.rewind(flow);
        }
        if (flow.window > 0 && flow.persisting) {
            flow.persisting = false;
            flow.retries = 0;
        }
        if (news > 0 || flow.window > before || flow.inFlight() == 0) {
            data.wake(flow);
        }
        return true;
    }

    private boolean advance(TcpFlow flow, int ack, int news, long nowNs) {
        int bytes = Math.min(news, flow.flight.length());
        data.drop(flow, bytes);
        flow.countToGuest(bytes);
        flow.una = ack;
        flow.seq = Seq.max(flow.seq, ack);
        if (flow.timed && !Seq.isBefore(ack, flow.timedSeq)) {
            flow.timed = false;
            flow.rtt.sample(nowNs - flow.timedNs);
        }
        flow.retries = 0;
        flow.duplicates = 0;
        flow.tailProbed = false;
        if (bytes < news && flow.toGuest() == TcpFlow.Half.FIN_RELAYED) {
            flow.toGuestBecomes(TcpFlow.Half.FIN_ACKED);
            if (flow.isDone()) {
                owner.endIfDone(flow);
                return false;
            }
        }
        if (flow.recovering) {
            if (Seq.isBefore(ack, flow.recover)) {
                data.resendFirst(flow);
            } else {
                flow.recovering = false;
            }
        } else if (flow.capped && flow.cap < Limits.TCP_IN_FLIGHT_MOST_BYTES) {
            flow.cap = Math.min(2 * flow.cap, Limits.TCP_IN_FLIGHT_MOST_BYTES);
        }
        if (!flow.recovering) {
            flow.recover = Seq.max(flow.recover, ack); // carried along, or it lies ahead again after 2 GiB
        }
        flow.capped = false;
        if (flow.inFlight() > 0) {
            data.wait(flow, nowNs + HostData.patienceNs(flow));
        }
        data.count(flow);
        return true;
    }

    private void duplicate(TcpFlow flow, long nowNs) {
        int enough = flow.framesInFlight() < FEW_FRAMES ? 1 : Limits.TCP_DUPLICATES;
        if (++flow.duplicates != enough || flow.recovering || Seq.isBefore(flow.una, flow.recover)) {
            return;
        }
        flow.recovering = true;
        flow.recover = flow.high;
        flow.cap = Math.max(flow.cap / 2, Limits.TCP_IN_FLIGHT_LEAST_BYTES);
        data.resendFirst(flow);
        data.wait(flow, nowNs + flow.rtt.timeoutNs(0)); // a probe's time, which ran, is too short for what goes again
    }

    /** The timer of an established flow is due. */
    void onTimer(TcpFlow flow, long nowNs) {
        if (!data.isUp()) {
            return; // the next link begins anew
        }
        if (flow.inFlight() == 0 && !flow.persisting) {
            return;
        }
        if (flow.deadlineNs - nowNs > 0) {
            data.wait(flow, flow.deadlineNs);
        } else if (flow.persisting) {
            persist(flow, nowNs);
        } else if (HostData.mayProbeTail(flow)) {
            flow.tailProbed = true;
            int end = flow.flightEnd();
            data.resend(flow, Seq.max(flow.una, Seq.min(flow.seq, end) - flow.unit));
            data.wait(flow, nowNs + flow.rtt.timeoutNs(0));
        } else {
            timeOut(flow, nowNs);
        }
    }

    private void timeOut(TcpFlow flow, long nowNs) {
        if (++flow.retries > Limits.TCP_RETRIES) {
            owner.reset(flow, Drop.TCP_GUEST_TIMED_OUT);
            return;
        }
        flow.countTimeOut();
        data.rewind(flow);
        flow.cap = Limits.TCP_IN_FLIGHT_LEAST_BYTES;
        flow.persisting = flow.window == 0;
        data.wait(flow, nowNs + flow.rtt.timeoutNs(flow.retries));
        data.wake(flow);
    }

    /** The guest's window is closed: it is asked again, ever more rarely, as long as it answers. */
    private void persist(TcpFlow flow, long nowNs) {
        boolean answered = flow.probes == 0 || flow.guestNs - flow.probedNs >= 0;
        flow.retries = answered ? 0 : flow.retries + 1;
        if (flow.retries > Limits.TCP_RETRIES) {
            owner.reset(flow, Drop.TCP_GUEST_TIMED_OUT);
            return;
        }
        boolean ignored = control.probe(flow); // if not this one, then the next
        flow.probedNs = nowNs;
        flow.probes = Math.min(flow.probes + 1, PROBE_DOUBLINGS);
        data.wait(flow, nowNs + flow.rtt.timeoutNs(flow.probes));
    }
}
