package io.passatelli.proto.tcp;

/**
 * How far a connection is, for people: the state of our end of the guest's connection in the words of RFC 9293 §3.3.2, and what it waits for
 * where the RFC has no word, since between the two ends of a TCP there is nobody who waits.
 */
final class TcpStates {
    private static final String GUEST_FIN_WAITS = ", guest's FIN waits";
    private static final String HOST_FIN_WAITS = ", host's FIN waits";

    private TcpStates() {}

    static String text(TcpFlow flow) {
        return switch (flow.phase()) {
            case CLOSED -> "CLOSED";
            case SYN_FROM_GUEST -> "SYN-RECEIVED, host is asked";
            case SYN_ACK_TO_GUEST -> "SYN-RECEIVED";
            case SYN_TO_GUEST -> "SYN-SENT";
            case ESTABLISHED -> open(flow.toSocket(), flow.toGuest());
        };
    }

    /** A FIN that was seen counts as received; whether it has gone on is said behind the state. */
    private static String open(TcpFlow.Half toSocket, TcpFlow.Half toGuest) {
        String state =
                switch (toGuest) {
                    case OPEN, FIN_SEEN -> toSocket == TcpFlow.Half.OPEN ? "ESTABLISHED" : "CLOSE-WAIT";
                    case FIN_RELAYED -> toSocket == TcpFlow.Half.OPEN ? "FIN-WAIT-1" : "LAST-ACK";
                    case FIN_ACKED -> toSocket == TcpFlow.Half.OPEN ? "FIN-WAIT-2" : "TIME-WAIT";
                };
        return state
                + (toSocket == TcpFlow.Half.FIN_SEEN ? GUEST_FIN_WAITS : "")
                + (toGuest == TcpFlow.Half.FIN_SEEN ? HOST_FIN_WAITS : "");
    }
}
