package io.passatelli.proto.tcp;

import io.passatelli.flow.FlowView;
import io.passatelli.wire.Seq;

import java.util.Objects;

/** What has to hold between two turns in each connection of a {@link TcpTranslator}. */
public final class TcpInside {
    private final TcpFlows flows;

    public TcpInside(TcpTranslator translator) {
        flows = translator.flows();
    }

    /** Throws {@link AssertionError} that says what does not hold. Without a link nobody waits: all begin anew with the next. */
    public void check(boolean linkUp) {
        for (int i = 0; i < flows.madeCount; i++) {
            TcpFlow flow = flows.made[i];
            if (flow.isOpen()) {
                fromGuest(flow, linkUp);
                toGuest(flow, linkUp);
            } else if (flow.phase() == TcpFlow.Phase.SYN_ACK_TO_GUEST || flow.phase() == TcpFlow.Phase.SYN_TO_GUEST) {
                holds(flow.retransmit.isScheduled(), "a SYN without a timer", flow);
            }
        }
    }

    /** How much the socket {@code fd} took behind the guest's number {@code isn}, as the translator believes; -1: it has no such flow. */
    public long taken(int fd, int isn) {
        for (int i = 0; i < flows.madeCount; i++) {
            TcpFlow flow = flows.made[i];
            if (flow.isOpen() && flow.fd == fd) {
                int fin = flow.toSocket() == TcpFlow.Half.FIN_RELAYED ? 1 : 0;
                return Integer.toUnsignedLong(flow.taken - isn - 1 - fin);
            }
        }
        return -1;
    }

    /**
     * What is shown of the flow whose socket is {@code fd} has to be what passed that socket, and the guest's link: so many segments {@code again}.
     */
    public void shows(int fd, long sent, long received, long again, long nowNs) {
        for (int i = 0; i < flows.madeCount; i++) {
            TcpFlow flow = flows.made[i];
            if (flow.isOpen() && flow.fd == fd) {
                FlowView view = flow.view(nowNs);
                holds(view.bytesToHost() == sent, "shown to host " + view.bytesToHost() + ", not " + sent, flow);
                long delivered = received - flow.flight.length();
                holds(
                        view.bytesToGuest() == delivered,
                        "shown to guest " + view.bytesToGuest() + ", not " + delivered,
                        flow);
                FlowView.Tcp tcp = Objects.requireNonNull(view.tcp());
                holds(tcp.resent() == again, "shown resent " + tcp.resent() + ", not " + again, flow);
                holds(tcp.stash() >= 0 && tcp.ourWindow() >= 0 && tcp.inFlight() >= 0, "less than nothing", flow);
                holds(view.quietNs() >= 0 && view.quietNs() <= view.ageNs(), "quiet before it began", flow);
            }
        }
    }

    private static void fromGuest(TcpFlow flow, boolean linkUp) {
        int fin = flow.toSocket() == TcpFlow.Half.FIN_SEEN ? 1 : 0;
        holds(!Seq.isAfter(flow.acked, flow.ackNumber()), "acknowledged more than there is", flow);
        holds(!Seq.isAfter(flow.taken, flow.next), "taken beyond next", flow);
        holds(flow.next - flow.taken - fin == flow.stash.length(), "not all of the stash is in it", flow);
        holds(flow.stash.isEmpty() || flow.outDue, "a stash that nobody comes back for", flow);
        holds(fin == 0 || !flow.stash.isEmpty(), "a FIN that is held back by nothing", flow);
        holds(
                flow.ackNumber() == flow.heldEnd() || flow.stashAck.isScheduled(),
                "a stash that is never acknowledged",
                flow);
        boolean told = flow.acked == flow.ackNumber() && flow.duplicatesDue == 0 || flow.ready.isListed();
        holds(told || !linkUp, "an acknowledgment that is forgotten", flow);
        holds(flow.fd >= 0 && flow.watched, "no socket that is watched", flow);
        holds(flow.firstEntry == GuestData.NONE, "segments of a batch that is gone", flow);
    }

    private static void toGuest(TcpFlow flow, boolean linkUp) {
        holds(!Seq.isBefore(flow.seq, flow.una) && !Seq.isAfter(flow.seq, flow.high), "una, seq and high", flow);
        if (!linkUp) {
            return;
        }
        boolean waits = flow.inFlight() > 0 || flow.persisting;
        holds(!waits || flow.retransmit.isScheduled(), "in flight without a timer", flow);
        boolean toSend = !Seq.isAfter(flow.flightEnd(), flow.seq) ? flow.isFinNext() : true;
        boolean comesBack = flow.ready.isListed() || waits;
        holds(!toSend || comesBack, "something to be sent, and nobody comes back for it", flow);
        boolean readable = flow.readable && flow.toGuest() == TcpFlow.Half.OPEN;
        holds(!readable || comesBack, "something to be read, and nobody comes back for it", flow);
    }

    private static void holds(boolean condition, String otherwise, TcpFlow flow) {
        if (!condition) {
            throw new AssertionError(otherwise + ": guest " + flow.toSocket() + " acked " + flow.acked + " taken "
                    + flow.taken
                    + " next " + flow.next + " edge " + flow.edge + " stash " + flow.stash.length()
                    + (flow.outDue ? " outDue" : "") + (flow.ackDue ? " ackDue" : "") + ", host " + flow.toGuest()
                    + " una " + flow.una + " seq " + flow.seq + " high " + flow.high + " flight " + flow.flight.length()
                    + " window " + flow.window + (flow.persisting ? " persisting" : "")
                    + (flow.readable ? " readable" : "")
                    + (flow.ready.isListed() ? " listed" : "") + ", ports " + flow.guestPort() + " " + flow.farPort());
        }
    }
}
