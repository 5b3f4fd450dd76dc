package io.passatelli.host;

import io.passatelli.base.Ip;

/** The two kinds of addresses, where a rule holds for both. */
enum Family {
    IP4,
    IP6;

    static Family of(Ip ip) {
        return ip.isV4() ? IP4 : IP6;
    }

    boolean has(Ip ip) {
        return of(ip) == this;
    }

    Ip loopback() {
        return this == IP4 ? Ip.LOOPBACK4 : Ip.LOOPBACK6;
    }

    /** Bits of an address. */
    int bits() {
        return this == IP4 ? 32 : 128;
    }

    /** As people write it. */
    @Override
    public String toString() {
        return this == IP4 ? "IPv4" : "IPv6";
    }
}
