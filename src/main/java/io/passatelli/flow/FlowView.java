package io.passatelli.flow;

import io.passatelli.base.Ip;
import org.jspecify.annotations.Nullable;

/**
 * What could be seen of a flow at one moment. Any thread.
 *
 * @param protocol ICMP is that of both families; the addresses tell which
 * @param origin who began it
 * @param guest the guest's end; of an echo, its port is the identifier
 * @param far the other end as the guest sees it; of an echo, its port is 0
 * @param host whom our socket speaks to: the far end after address translation
 * @param state of TCP, how far our end of the guest's connection is, in the words of RFC 9293 §3.3.2 where it has one; of UDP {@code single}
 *     until both sides have spoken and one of them twice, then {@code stream}; of ICMP {@code echo}
 * @param ageNs since it began
 * @param quietNs since data went last, either way; of an echo, since the guest's last request
 * @param bytesToHost payload that the guest sent and the host side has: of TCP, what the host's kernel took
 * @param bytesToGuest payload that the host side sent and the guest has: of TCP, what it acknowledged
 * @param tcp what only TCP has; null of others
 */
public record FlowView(
        Protocol protocol,
        Origin origin,
        Endpoint guest,
        Endpoint far,
        Endpoint host,
        String state,
        long ageNs,
        long quietNs,
        long bytesToHost,
        long bytesToGuest,
        @Nullable Tcp tcp) {
    /** What a flow is made of. */
    public enum Protocol {
        TCP,
        UDP,
        ICMP
    }

    /** Which side spoke first. */
    public enum Origin {
        GUEST,
        HOST
    }

    /** Address and port. */
    public record Endpoint(Ip address, int port) {
        /** Such as {@code 192.0.2.1:80} or {@code [2001:db8::1]:80}. */
        @Override
        public String toString() {
            return (address.isV4() ? address.toString() : "[" + address + "]") + ":" + port;
        }
    }

    /**
     * What only TCP has.
     *
     * @param rttUs the guest's round-trip time, smoothed, microseconds; -1: not known
     * @param guestWindow what the guest lets us send beyond what it has acknowledged, bytes
     * @param ourWindow what the guest may send now, bytes
     * @param inFlight what was sent to the guest and not acknowledged, sequence numbers
     * @param stash what the guest sent and the host's kernel has not taken yet, bytes
     * @param resent segments that were sent to the guest again, for whatever reason
     * @param timeOuts how often that was because the guest did not answer in time
     */
    public record Tcp(long rttUs, int guestWindow, int ourWindow, int inFlight, int stash, long resent, long timeOuts) {
        /** {@link #rttUs} that is not known. */
        public static final long RTT_UNKNOWN = -1;
    }
}
