package io.passatelli.config;

import io.passatelli.base.Ip;
import org.jspecify.annotations.Nullable;

import java.util.List;

/** Guest networks for tests that are about something else: an address that is nobody's wish, our usual MAC, no resolvers, no names. */
public final class PlainNetwork {
    private PlainNetwork() {}

    public static GuestNetwork of(Cidr address, Ip gateway, int mtu, @Nullable Ip6Network ip6) {
        return new GuestNetwork(
                address, false, gateway, mtu, List.of(), List.of(), null, null, GuestNetwork.DEFAULT_MAC, ip6);
    }
}
