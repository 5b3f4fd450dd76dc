package io.passatelli.forward;

import io.passatelli.base.Ip;
import io.passatelli.config.PortForward;
import io.passatelli.config.PortForward.Protocol;

import java.util.BitSet;

/** What a {@link Sweep} knows of the guest's ports, of one family. Loop thread only. */
final class SweptPorts {
    /** Where those of one family listen; a socket for both would take peers in that the guest does not answer. */
    static final Site.Name IP4 = new Site.Name(Protocol.TCP, Ip.UNSPECIFIED4, false, null, 0);

    static final Site.Name IP6 = new Site.Name(Protocol.TCP, Ip.UNSPECIFIED6, false, null, 0);

    final boolean v4;
    final Site.Name name;
    /** Ports that "all" means. */
    final BitSet wanted = new BitSet();
    /** Asked, and not answered since: one question has one answer that counts. */
    final BitSet asked = new BitSet();
    /** Listened at. */
    final BitSet open = new BitSet();
    /** Open ones of which the guest has said so since their last turn. */
    final BitSet confirmed = new BitSet();
    /** Open ones of which it has not, for a whole round. */
    final BitSet doubtful = new BitSet();
    /** The guest answers, and they cannot be listened at. */
    final BitSet refused = new BitSet();

    /** How many are wanted. */
    int count;

    SweptPorts(boolean v4) {
        this.v4 = v4;
        name = v4 ? IP4 : IP6;
    }

    /** Whether {@code rule} means ports of this family. */
    static boolean isOf(PortForward rule, Site.Name name) {
        Ip address = rule.address();
        return address == null || address.equals(name.address());
    }

    /** The same ports are wanted as before, or others. What is known of those that are not is forgotten. */
    void begin(BitSet next) {
        wanted.clear();
        wanted.or(next);
        count = wanted.cardinality();
        for (BitSet known : new BitSet[] {asked, open, confirmed, doubtful, refused}) {
            known.and(wanted);
        }
    }

    void opened(int port) {
        open.set(port);
        confirmed.set(port);
        refused.clear(port);
    }

    void closed(int port) {
        open.clear(port);
        confirmed.clear(port);
        doubtful.clear(port);
    }
}
