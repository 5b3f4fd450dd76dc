package io.passatelli.proto.dhcp;

import io.passatelli.base.Ip;
import io.passatelli.config.GuestNetwork;
import io.passatelli.wire.message.DhcpMessage;
import io.passatelli.wire.message.DhcpOption;
import io.passatelli.wire.message.DomainNames;
import org.jspecify.annotations.Nullable;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/** The options of a lease: what there is to tell, and in which order a guest gets it. Pure. */
final class LeaseOptions {
    /** The lease never ends: nobody else could get the address, RFC 2131 §3.3. */
    private static final int INFINITE = 0xffff_ffff;

    // flags of option 81, RFC 4702 §2.1
    private static final int FQDN_S = 0x01;
    private static final int FQDN_O = 0x02;
    private static final int FQDN_E = 0x04;
    private static final int FQDN_N = 0x08;
    /** RCODE1 and RCODE2 of a server, RFC 4702 §2.2. */
    private static final int FQDN_RCODE = 255;

    private static final int FQDN_HEADER = 3;

    private final @Nullable String fqdn;
    private final SortedMap<Integer, DhcpOption> constant = new TreeMap<>();

    /** {@code our4} and {@code gateway}: IPv4, 32 bits. */
    LeaseOptions(GuestNetwork network, int our4, int gateway) {
        fqdn = network.fqdn();
        put(DhcpOption.of32(DhcpOption.SUBNET_MASK, network.address().mask4()));
        put(DhcpOption.of32(DhcpOption.ROUTER, gateway));
        put(DhcpOption.of32(DhcpOption.LEASE_TIME, INFINITE));
        put(DhcpOption.of32(DhcpOption.SERVER_IDENTIFIER, our4));
        if (!network.resolvers().isEmpty()) {
            int[] resolvers = network.resolvers().stream().mapToInt(Ip::v4).toArray();
            put(DhcpOption.of32(DhcpOption.DOMAIN_NAME_SERVER, resolvers));
        }
        if (network.hostname() != null) {
            put(DhcpOption.ofText(DhcpOption.HOST_NAME, network.hostname()));
        }
        if (network.mtu() != 0) {
            put(DhcpOption.of16(DhcpOption.INTERFACE_MTU, network.mtu()));
        }
        if (!network.search().isEmpty()) {
            put(DhcpOption.of(DhcpOption.DOMAIN_SEARCH, DomainNames.compressed(network.search())));
        }
        if (!network.address().contains(Ip.v4(gateway))) {
            put(DhcpOption.of(DhcpOption.CLASSLESS_STATIC_ROUTE, routesThrough(gateway)));
        }
    }

    private void put(DhcpOption option) {
        constant.put(option.code(), option);
    }

    /** The gateway itself is on the link, all else is behind it: RFC 3442, "Local Subnet Routes". */
    private static byte[] routesThrough(int gateway) {
        byte[] g = DhcpOption.of32(DhcpOption.ROUTER, gateway).value();
        return new byte[] {32, g[0], g[1], g[2], g[3], 0, 0, 0, 0, /* and */ 0, g[0], g[1], g[2], g[3]};
    }

    /**
     * All options of a reply of {@code type} to {@code request}: those that its parameter request list names, in the list's order and each
     * once, then the others by ascending code. A list that does not name the message type has it ahead of all: some guests read it there only.
     */
    List<DhcpOption> answer(DhcpMessage request, int type, boolean rapidCommit) {
        SortedMap<Integer, DhcpOption> left = available(type, request.option(DhcpOption.CLIENT_FQDN));
        if (rapidCommit) {
            left.put(DhcpOption.RAPID_COMMIT, DhcpOption.ofNothing(DhcpOption.RAPID_COMMIT));
        }
        List<DhcpOption> ordered = new ArrayList<>(left.size());
        DhcpOption list = request.option(DhcpOption.PARAMETER_REQUEST_LIST);
        if (list != null) {
            if (!names(list, DhcpOption.MESSAGE_TYPE)) {
                take(left, DhcpOption.MESSAGE_TYPE, ordered);
            }
            for (int i = 0; i < list.length(); i++) {
                take(left, list.octet(i), ordered);
            }
        }
        ordered.addAll(left.values());
        return ordered;
    }

    /** All options of an acknowledgement that nothing particular was asked for. */
    List<DhcpOption> all() {
        return new ArrayList<>(available(DhcpMessage.ACK, null).values());
    }

    private SortedMap<Integer, DhcpOption> available(int type, @Nullable DhcpOption askedFqdn) {
        SortedMap<Integer, DhcpOption> available = new TreeMap<>(constant);
        available.put(DhcpOption.MESSAGE_TYPE, DhcpOption.of8(DhcpOption.MESSAGE_TYPE, type));
        if (fqdn != null) {
            available.put(DhcpOption.CLIENT_FQDN, fqdn(fqdn, askedFqdn));
        }
        return available;
    }

    private static boolean names(DhcpOption list, int code) {
        for (int i = 0; i < list.length(); i++) {
            if (list.octet(i) == code) {
                return true;
            }
        }
        return false;
    }

    private static void take(SortedMap<Integer, DhcpOption> from, int code, List<DhcpOption> to) {
        DhcpOption option = from.remove(code);
        if (option != null) {
            to.add(option);
        }
    }

    /**
     * Option 81: the name, and that nobody updates the DNS (N), which overrides the guest's wish that we do (O answers S). The encoding is the
     * one that the guest used, RFC 4702 §2.1; canonical where it used none.
     */
    private static DhcpOption fqdn(String name, @Nullable DhcpOption asked) {
        int wish = asked != null && asked.length() >= FQDN_HEADER ? asked.octet(0) : FQDN_E;
        boolean canonical = (wish & FQDN_E) != 0;
        byte[] encoded = canonical ? DomainNames.canonical(name) : name.getBytes(StandardCharsets.US_ASCII);
        byte[] value = new byte[FQDN_HEADER + encoded.length];
        value[0] = (byte) (FQDN_N | (canonical ? FQDN_E : 0) | ((wish & FQDN_S) != 0 ? FQDN_O : 0));
        value[1] = (byte) FQDN_RCODE;
        value[2] = (byte) FQDN_RCODE;
        System.arraycopy(encoded, 0, value, FQDN_HEADER, encoded.length);
        return DhcpOption.of(DhcpOption.CLIENT_FQDN, value);
    }
}
