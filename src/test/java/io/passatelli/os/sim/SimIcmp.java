package io.passatelli.os.sim;

import io.passatelli.base.Ip;
import io.passatelli.os.Errno;
import io.passatelli.os.SocketError;

/**
 * An ICMP (RFC 792) or ICMPv6 (RFC 4443) error about a datagram of ours. Linux has a table that makes error numbers of them; the hard ones are told
 * to connected sockets even if these do not read their error queue.
 *
 * @param info the MTU, where the datagram was too big
 */
record SimIcmp(Ip offender, int type, int code, int info) {
    private static final int UNREACHABLE4 = 3;
    private static final int TIME_EXCEEDED4 = 11;
    private static final int PARAMETER4 = 12;
    private static final int UNREACHABLE6 = 1;
    private static final int TOO_BIG6 = 2;
    private static final int TIME_EXCEEDED6 = 3;
    private static final int PARAMETER6 = 4;
    private static final int FRAGMENTATION_NEEDED = 4;

    private static final int[] UNREACHABLE4_ERRORS = {
        Errno.ENETUNREACH,
        Errno.EHOSTUNREACH,
        Errno.ENOPROTOOPT,
        Errno.ECONNREFUSED,
        Errno.EMSGSIZE,
        Errno.EOPNOTSUPP,
        Errno.ENETUNREACH,
        112, // EHOSTDOWN
        64, // ENONET
        Errno.ENETUNREACH,
        Errno.EHOSTUNREACH,
        Errno.ENETUNREACH,
        Errno.EHOSTUNREACH,
        Errno.EHOSTUNREACH,
        Errno.EHOSTUNREACH,
        Errno.EHOSTUNREACH
    };
    private static final int UNREACHABLE4_HARD = 0b1110_0111_1100_1100; // by code
    private static final int[] UNREACHABLE6_ERRORS = {
        Errno.ENETUNREACH,
        Errno.EACCES,
        Errno.EHOSTUNREACH,
        Errno.EHOSTUNREACH,
        Errno.ECONNREFUSED,
        Errno.EACCES,
        Errno.EACCES
    };
    private static final int UNREACHABLE6_HARD = 0b111_0010;

    static SimIcmp portUnreachable(Ip offender) {
        return offender.isV4() ? new SimIcmp(offender, UNREACHABLE4, 3, 0) : new SimIcmp(offender, UNREACHABLE6, 4, 0);
    }

    static SimIcmp timeExceeded(Ip offender) {
        return new SimIcmp(offender, offender.isV4() ? TIME_EXCEEDED4 : TIME_EXCEEDED6, 0, 0);
    }

    static SimIcmp tooBig(Ip offender, int mtu) {
        return offender.isV4()
                ? new SimIcmp(offender, UNREACHABLE4, FRAGMENTATION_NEEDED, mtu)
                : new SimIcmp(offender, TOO_BIG6, 0, mtu);
    }

    /** The message that becomes {@code errno}. */
    static SimIcmp of(Ip offender, int errno) {
        boolean v4 = offender.isV4();
        return switch (errno) {
            case Errno.ECONNREFUSED -> portUnreachable(offender);
            case Errno.EHOSTUNREACH -> new SimIcmp(offender, v4 ? UNREACHABLE4 : UNREACHABLE6, v4 ? 1 : 3, 0);
            case Errno.ENETUNREACH -> new SimIcmp(offender, v4 ? UNREACHABLE4 : UNREACHABLE6, 0, 0);
            default -> throw new UnsupportedOperationException("no ICMP message becomes " + Errno.name(errno));
        };
    }

    int origin() {
        return offender.isV4() ? SocketError.ORIGIN_ICMP : SocketError.ORIGIN_ICMP6;
    }

    boolean isTooBig() {
        return offender.isV4() ? type == UNREACHABLE4 && code == FRAGMENTATION_NEEDED : type == TOO_BIG6;
    }

    int errno() {
        return offender.isV4() ? errno4() : errno6();
    }

    private int errno4() {
        return switch (type) {
            case UNREACHABLE4 -> code < UNREACHABLE4_ERRORS.length ? UNREACHABLE4_ERRORS[code] : Errno.EHOSTUNREACH;
            case PARAMETER4 -> Errno.EPROTO;
            default -> Errno.EHOSTUNREACH;
        };
    }

    private int errno6() {
        return switch (type) {
            case UNREACHABLE6 -> code < UNREACHABLE6_ERRORS.length ? UNREACHABLE6_ERRORS[code] : Errno.EPROTO;
            case TOO_BIG6 -> Errno.EMSGSIZE;
            case TIME_EXCEEDED6 -> Errno.EHOSTUNREACH;
            default -> Errno.EPROTO;
        };
    }

    boolean isHard() {
        if (isTooBig()) {
            return true;
        }
        return offender.isV4()
                ? type == PARAMETER4 || type == UNREACHABLE4 && (UNREACHABLE4_HARD >>> code & 1) != 0
                : type == PARAMETER6 || type == UNREACHABLE6 && (UNREACHABLE6_HARD >>> code & 1) != 0;
    }
}
