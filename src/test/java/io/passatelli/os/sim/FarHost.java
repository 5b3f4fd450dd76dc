package io.passatelli.os.sim;

import io.passatelli.base.Ip;

import java.util.ArrayList;
import java.util.List;

/** A host elsewhere on the simulated network, as the scenario wants it. Unless told otherwise it is silent. */
public final class FarHost {
    private enum Manner {
        SILENT,
        ANSWERS,
        FAILS,
        REFUSES
    }

    private final List<byte[]> echoes = new ArrayList<>();
    private Manner manner = Manner.SILENT;
    private long delayNs;
    private int errno;

    FarHost() {}

    /** Answers echo requests after {@code afterNs}. */
    public FarHost answersEcho(long afterNs) {
        manner = Manner.ANSWERS;
        delayNs = afterNs;
        return this;
    }

    /** Never answers anything. */
    public FarHost silent() {
        manner = Manner.SILENT;
        return this;
    }

    /**
     * What is sent there ends in an ICMP error {@code afterNs} later, which the socket sees as {@code errorNumber}: for a ping socket the
     * errors that count as hard (ECONNREFUSED), icmp(7).
     */
    public FarHost fails(int errorNumber, long afterNs) {
        manner = Manner.FAILS;
        errno = errorNumber;
        delayNs = afterNs;
        return this;
    }

    /** connect(2) and send(2) themselves fail, with ENETUNREACH for instance: there is no route. */
    public FarHost unreachable(int errorNumber) {
        manner = Manner.REFUSES;
        errno = errorNumber;
        return this;
    }

    /** The echo requests that arrived, as they were on the wire behind the IP header. */
    public List<byte[]> echoes() {
        return List.copyOf(echoes);
    }

    /** 0, or {@code -errno} of a send that does not leave. */
    int routeError() {
        return manner == Manner.REFUSES ? -errno : 0;
    }

    /** Whether a TCP handshake there ends in an error, after how long, and which. */
    int connectError() {
        return manner == Manner.FAILS ? errno : 0;
    }

    long delayNs() {
        return delayNs;
    }

    /** {@code to} is this host's address. */
    void onEcho(SimPing from, Ip to, byte[] request) {
        echoes.add(request);
        switch (manner) {
            case ANSWERS -> from.kernel.clock.in(delayNs, () -> from.kernel.net.echoReply(to, from.replyTo(request)));
            case FAILS -> from.kernel.clock.in(delayNs, () -> from.onError(errno));
            case SILENT, REFUSES -> {}
        }
    }
}
