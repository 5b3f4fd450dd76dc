package io.passatelli.proto.tcp;

import io.passatelli.base.Drop;
import io.passatelli.base.HotPath;
import io.passatelli.flow.FlowKey;
import io.passatelli.wire.Frame;
import io.passatelli.wire.Tcp;

/** What becomes of segments of the guest that belong to no connection: a SYN begins one, and what answers no question of ours is reset. */
@HotPath
record Strangers(Handshakes handshakes, TcpControl control, PortProbes probes) {
    /** {@code key} has the segment's ends. */
    Drop onSegment(Frame f, FlowKey key, int queue, long nowNs) {
        int flags = Tcp.flags(f.bytes(), f.l4());
        if ((flags & (Tcp.SYN | Tcp.ACK | Tcp.FIN | Tcp.RST)) == Tcp.SYN) {
            return handshakes.begin(f, key, queue, nowNs);
        }
        if (probes.isAnswer(f, flags, queue, nowNs)) {
            return Drop.NONE;
        }
        if ((flags & Tcp.RST) != 0) {
            return Drop.TCP_STRAY_RESET;
        }
        boolean ignored = control.resetUnknown(f, queue); // its next one brings another
        return Drop.TCP_NO_FLOW;
    }
}
