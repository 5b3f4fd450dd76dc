package io.passatelli.proto.udp;

import io.passatelli.base.Counters;
import io.passatelli.base.Drop;
import io.passatelli.base.HotPath;
import io.passatelli.base.Ip;
import io.passatelli.base.Limits;
import io.passatelli.flow.AddressMap;
import io.passatelli.guest.ErrorComposer;
import io.passatelli.guest.GuestState;
import io.passatelli.link.Link;
import io.passatelli.os.Errno;
import io.passatelli.os.Os;
import io.passatelli.os.Socket;
import io.passatelli.os.SocketError;
import io.passatelli.wire.Frame;
import io.passatelli.wire.Icmp4;
import io.passatelli.wire.Icmp6;
import io.passatelli.wire.Offload;
import io.passatelli.wire.Udp;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Tells the guest what became of its datagrams: entries of a socket's error queue (IP_RECVERR, ip(7)) go to it as the ICMP errors that they came
 * from, about its own datagram. Routers on the way complain by their own addresses, as far as the guest can see these: so traceroute works.
 */
@HotPath
final class UdpErrors {
    private static final long SECOND_NS = 1_000_000_000L;

    private final Os os;
    private final Link link;
    private final GuestState guest;
    private final ErrorComposer composer;
    private final AddressMap addresses;
    private final Counters counters;
    private final SocketError error = new SocketError();
    private final ErrorComposer.Subject subject = new ErrorComposer.Subject();
    private final MemorySegment frame = Arena.ofAuto().allocate(Limits.CONTROL_FRAME_BYTES, 8);
    private final Offload none = new Offload();
    /** Who complains, in the guest's view; unspecified: we do. */
    private long fromHigh;

    private long fromLow;
    private boolean up;
    private long windowNs;
    private int inWindow;

    UdpErrors(UdpTranslator.Parts parts, AddressMap addresses) {
        os = parts.loop().os();
        link = parts.link();
        guest = parts.guest();
        composer = parts.errors();
        counters = parts.counters();
        this.addresses = addresses;
    }

    void onLink(boolean isUp) {
        up = isUp;
    }

    /** Empties the error queue of {@code flow}, or takes as much of it as one visit may; {@code errorsDue} says which. */
    void drain(UdpFlow flow, long nowNs) {
        flow.errorsDue = true;
        for (int i = 0; i < Limits.UDP_ERRORS_PER_VISIT; i++) {
            if (os.recvError(flow.fd, error) < 0) {
                flow.errorsDue = false;
                if (i == 0) {
                    int ignored = os.option(flow.fd, Socket.SOL_SOCKET, Socket.SO_ERROR); // reading clears it
                }
                return;
            }
            relay(flow, nowNs);
        }
    }

    private void relay(UdpFlow flow, long nowNs) {
        boolean v4 = Ip.isV4(flow.guestHigh(), flow.guestLow());
        int type = v4 ? type4() : type6();
        if (type < 0 || !mayTell(nowNs)) {
            counters.count(Drop.UDP_ERROR_NOT_RELAYED);
            return;
        }
        int code = error.origin == SocketError.ORIGIN_LOCAL && v4 ? Icmp4.FRAGMENTATION_NEEDED : error.code;
        subject.guestHigh = flow.guestHigh();
        subject.guestLow = flow.guestLow();
        subject.guestPort = flow.guestPort();
        subject.farHigh = flow.farHigh();
        subject.farLow = flow.farLow();
        subject.farPort = flow.farPort();
        subject.payloadLength = error.length;
        seeFrom(flow);
        tell(flow.queue, type, code, error.info, error.payload, error.length);
    }

    /** The type of ICMP that is to be relayed, or -1. */
    private int type4() {
        return switch (error.origin) {
            case SocketError.ORIGIN_LOCAL -> error.errno == Errno.EMSGSIZE ? Icmp4.DESTINATION_UNREACHABLE : -1;
            case SocketError.ORIGIN_ICMP ->
                switch (error.type) {
                    case Icmp4.DESTINATION_UNREACHABLE, Icmp4.TIME_EXCEEDED, Icmp4.PARAMETER_PROBLEM -> error.type;
                    default -> -1;
                };
            default -> -1;
        };
    }

    private int type6() {
        return switch (error.origin) {
            case SocketError.ORIGIN_LOCAL -> error.errno == Errno.EMSGSIZE ? Icmp6.PACKET_TOO_BIG : -1;
            case SocketError.ORIGIN_ICMP6 ->
                switch (error.type) {
                    case Icmp6.DESTINATION_UNREACHABLE,
                            Icmp6.PACKET_TOO_BIG,
                            Icmp6.TIME_EXCEEDED,
                            Icmp6.PARAMETER_PROBLEM -> error.type;
                    default -> -1;
                };
            default -> -1;
        };
    }

    /** The far host, and who does not say its name, complain as whom the guest asked; one that has the guest's address, or the host itself, as us. */
    private void seeFrom(UdpFlow flow) {
        boolean far = error.offenderHigh == flow.hostHigh && error.offenderLow == flow.hostLow;
        if (far || Ip.isUnspecified(error.offenderHigh, error.offenderLow)) {
            fromHigh = flow.farHigh();
            fromLow = flow.farLow();
            return;
        }
        addresses.toGuest(error.offenderHigh, error.offenderLow);
        fromHigh = addresses.high();
        fromLow = addresses.low();
        if (Ip.isLoopback(fromHigh, fromLow) || guest.isGuests(fromHigh, fromLow)) {
            fromHigh = 0;
            fromLow = 0;
        }
    }

    /** The host has no way to where the datagram {@code f} is to go; a router would say so, but of none to many, RFC 1122 §3.2.2, RFC 4443 §2.4. */
    void unreachable(Frame f, int queue, long nowNs) {
        complain(f, queue, 0, nowNs); // 0: no route, in both families
    }

    /** The datagram {@code f} is for the host itself, which is closed to the guest: RFC 1812 §5.2.7.1 and RFC 4443 §3.1 have a word for that. */
    void prohibited(Frame f, int queue, long nowNs) {
        boolean v4 = Ip.isV4(f.srcHigh(), f.srcLow());
        complain(f, queue, v4 ? Icmp4.PROHIBITED : Icmp6.PROHIBITED, nowNs);
    }

    private void complain(Frame f, int queue, int code, long nowNs) {
        if (guest.isOfMany(f.dstHigh(), f.dstLow()) || !mayTell(nowNs)) {
            return;
        }
        subject.guestHigh = f.srcHigh();
        subject.guestLow = f.srcLow();
        subject.guestPort = Udp.srcPort(f.bytes(), f.l4());
        subject.farHigh = f.dstHigh();
        subject.farLow = f.dstLow();
        subject.farPort = Udp.dstPort(f.bytes(), f.l4());
        subject.payloadLength = f.payloadLength();
        fromHigh = 0;
        fromLow = 0;
        int here = (int) Math.min(f.payloadLength(), f.l2() + f.contiguous() - f.payload());
        int quoted = Math.min(here, (int) error.payload.byteSize());
        MemorySegment.copy(f.bytes(), f.payload(), error.payload, 0, quoted);
        boolean v4 = Ip.isV4(f.srcHigh(), f.srcLow());
        int type = v4 ? Icmp4.DESTINATION_UNREACHABLE : Icmp6.DESTINATION_UNREACHABLE;
        tell(queue, type, code, 0, error.payload, quoted);
    }

    private void tell(int queue, int type, int code, int info, MemorySegment payload, int length) {
        int bytes = composer.udp(frame, 0, subject, fromHigh, fromLow, type, code, info, payload, length);
        if (!link.control(queue, frame, 0, bytes, none)) {
            counters.count(Drop.LINK_FULL);
        }
    }

    private boolean mayTell(long nowNs) {
        if (nowNs - windowNs >= SECOND_NS || inWindow == 0) {
            windowNs = nowNs;
            inWindow = 0;
        }
        return up && inWindow++ < Limits.UDP_ERRORS_PER_SECOND;
    }
}
