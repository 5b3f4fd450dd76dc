package io.passatelli.proto.dhcpv6;

import io.passatelli.base.Ip;
import io.passatelli.config.GuestNetwork;
import io.passatelli.wire.message.Dhcp6Message;
import io.passatelli.wire.message.Dhcp6Option;
import io.passatelli.wire.message.DomainNames;
import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** What a reply tells beside addresses: resolvers and domains (RFC 3646) and the guest's name (RFC 4704). Pure. */
final class Dhcp6Settings {
    // flags of option 39, RFC 4704 §4.1
    private static final int FQDN_S = 0x01;
    private static final int FQDN_O = 0x02;
    private static final int FQDN_N = 0x04;

    private final List<Dhcp6Option> constant = new ArrayList<>();
    private final byte @Nullable [] name;

    Dhcp6Settings(GuestNetwork network, List<Ip> resolvers) {
        if (!resolvers.isEmpty()) {
            constant.add(Dhcp6Option.ofAddresses(Dhcp6Option.DNS_SERVERS, resolvers));
        }
        if (!network.search().isEmpty()) {
            byte[] names = DomainNames.canonical(network.search());
            constant.add(Dhcp6Option.of(Dhcp6Option.DOMAIN_LIST, names));
        }
        name = name(network.fqdn(), network.hostname());
    }

    /** The host name, which is one label of a name that goes on, has no root label, RFC 4704 §4.2. */
    private static byte @Nullable [] name(@Nullable String fqdn, @Nullable String hostname) {
        if (fqdn != null) {
            return DomainNames.canonical(fqdn);
        }
        if (hostname == null) {
            return null;
        }
        byte[] whole = DomainNames.canonical(hostname);
        return Arrays.copyOf(whole, whole.length - 1);
    }

    /** What the guest's option request names; without one, all. The name is told to who named its own, too. */
    List<Dhcp6Option> asked(Dhcp6Message request) {
        Dhcp6Option wanted = request.option(Dhcp6Option.OPTION_REQUEST);
        List<Dhcp6Option> options = new ArrayList<>();
        for (Dhcp6Option option : constant) {
            if (wanted == null || wanted.names(option.code())) {
                options.add(option);
            }
        }
        Dhcp6Option named = request.option(Dhcp6Option.CLIENT_FQDN);
        if (name != null && (named != null || wanted != null && wanted.names(Dhcp6Option.CLIENT_FQDN))) {
            options.add(fqdn(name, named));
        }
        return options;
    }

    /** The same for a guest that asks for nothing else; it asks again as if it had an address to renew, RFC 8415 §21.23. */
    List<Dhcp6Option> information(Dhcp6Message request) {
        List<Dhcp6Option> options = asked(request);
        Dhcp6Option wanted = request.option(Dhcp6Option.OPTION_REQUEST);
        if (wanted != null && wanted.names(Dhcp6Option.INFORMATION_REFRESH_TIME)) {
            options.add(Dhcp6Option.of32(Dhcp6Option.INFORMATION_REFRESH_TIME, Dhcp6Answers.RENEW_S));
        }
        return options;
    }

    /** Nobody updates the DNS (N), which overrides the guest's wish that we do (O answers S). */
    private static Dhcp6Option fqdn(byte[] name, @Nullable Dhcp6Option named) {
        boolean overrides = named != null && named.length() > 0 && (named.octet(0) & FQDN_S) != 0;
        byte[] value = new byte[1 + name.length];
        value[0] = (byte) (FQDN_N | (overrides ? FQDN_O : 0));
        System.arraycopy(name, 0, value, 1, name.length);
        return Dhcp6Option.of(Dhcp6Option.CLIENT_FQDN, value);
    }
}
