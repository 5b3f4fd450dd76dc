package io.passatelli.proto.dhcpv6;

import io.passatelli.base.Drop;
import io.passatelli.base.Ip;
import io.passatelli.base.Limits;
import io.passatelli.config.GuestNetwork;
import io.passatelli.wire.message.Dhcp6Association;
import io.passatelli.wire.message.Dhcp6Message;
import io.passatelli.wire.message.Dhcp6Option;
import org.jspecify.annotations.Nullable;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * What we answer to a guest that asks by DHCPv6. There is one address and one guest, so nothing is remembered: the address is in the first
 * association that asks for one, and others get none. RFC 8415 §18.3. Pure.
 *
 * <p>The address lives for {@value #LIFE_S} s: a guest that sleeps a night keeps it, and its connections. It is to be renewed much sooner, after
 * {@value #RENEW_S} s: that is how long a guest may not know that the host has another address; then the reply ends the old one and has the new
 * one. For the same end CONFIRM is affirmed for the very address that the guest is to have only, though others may be on the link too.
 */
final class Dhcp6Answers {
    static final int LIFE_S = 86_400;
    static final int RENEW_S = 1_800;

    /** 0.8 to RENEW_S as 0.5, RFC 8415 §21.4. */
    static final int REBIND_S = 2_880;

    /** A client that sees this waits for no other server, §18.2.1. */
    private static final int PREFERENCE_MAX = 255;

    // §11.1: the type, and at least one byte and at most 128 of identifier
    private static final int DUID_MIN = 3;
    private static final int DUID_MAX = 130;
    private static final int DUID_LL = 3;
    private static final int ETHERNET = 1;

    private static final int NONE = -1;

    private final Ip address;
    private final Dhcp6Option serverId;
    private final Dhcp6Settings settings;

    Dhcp6Answers(GuestNetwork network, Ip address, List<Ip> resolvers) {
        this.address = address;
        serverId = Dhcp6Option.of(Dhcp6Option.SERVER_ID, duid(network.ourMac().bits()));
        settings = new Dhcp6Settings(network, resolvers);
    }

    /** DUID-LL, §11.4: the same whenever we start again. */
    private static byte[] duid(long mac) {
        byte[] duid = new byte[10];
        ByteBuffer.wrap(duid)
                .putShort((short) DUID_LL)
                .putShort((short) ETHERNET)
                .putShort((short) (mac >>> 32))
                .putInt((int) mac);
        return duid;
    }

    /** What is wrong with a message, §16; {@link Drop#NONE}: nothing. */
    Drop check(Dhcp6Message message) {
        for (Dhcp6Option option : message.options()) {
            if (Dhcp6Association.isOne(option) && Dhcp6Association.of(option) == null) {
                return Drop.DHCP6_BAD_ASSOCIATION;
            }
        }
        return switch (message.type()) {
            case Dhcp6Message.SOLICIT, Dhcp6Message.CONFIRM, Dhcp6Message.REBIND -> check(message, false);
            case Dhcp6Message.REQUEST, Dhcp6Message.RENEW, Dhcp6Message.RELEASE, Dhcp6Message.DECLINE ->
                check(message, true);
            case Dhcp6Message.INFORMATION_REQUEST -> checkInformation(message);
            default -> Drop.DHCP6_TYPE_IGNORED;
        };
    }

    private Drop check(Dhcp6Message message, boolean toUs) {
        Dhcp6Option client = message.option(Dhcp6Option.CLIENT_ID);
        if (client == null || !isDuid(client)) {
            return Drop.DHCP6_BAD_CLIENT_ID;
        }
        Dhcp6Option server = message.option(Dhcp6Option.SERVER_ID);
        boolean good = server == null ? !toUs : toUs && serverId.equals(server);
        return good ? Drop.NONE : Drop.DHCP6_BAD_SERVER_ID;
    }

    private Drop checkInformation(Dhcp6Message message) {
        Dhcp6Option client = message.option(Dhcp6Option.CLIENT_ID);
        Dhcp6Option server = message.option(Dhcp6Option.SERVER_ID);
        if (client != null && !isDuid(client)) {
            return Drop.DHCP6_BAD_CLIENT_ID;
        }
        if (server != null && !serverId.equals(server)) {
            return Drop.DHCP6_BAD_SERVER_ID;
        }
        return associations(message).isEmpty() ? Drop.NONE : Drop.DHCP6_BAD_ASSOCIATION;
    }

    private static boolean isDuid(Dhcp6Option option) {
        return option.length() >= DUID_MIN && option.length() <= DUID_MAX;
    }

    /** The reply to a message that {@link #check} found good; null: none is due. */
    @Nullable
    Dhcp6Message to(Dhcp6Message request) {
        List<Dhcp6Option> answer = new ArrayList<>();
        int type = Dhcp6Message.REPLY;
        switch (request.type()) {
            case Dhcp6Message.SOLICIT -> {
                if (request.option(Dhcp6Option.RAPID_COMMIT) != null) {
                    answer.add(Dhcp6Option.ofNothing(Dhcp6Option.RAPID_COMMIT));
                } else {
                    type = Dhcp6Message.ADVERTISE;
                    answer.add(Dhcp6Option.of8(Dhcp6Option.PREFERENCE, PREFERENCE_MAX));
                }
                addLease(request, answer);
            }
            case Dhcp6Message.REQUEST, Dhcp6Message.RENEW, Dhcp6Message.REBIND -> addLease(request, answer);
            case Dhcp6Message.CONFIRM -> {
                List<Ip> held = addresses(request);
                if (held.isEmpty()) {
                    return null;
                }
                answer.add(held.stream().allMatch(address::equals) ? success() : notOnLink());
            }
            case Dhcp6Message.INFORMATION_REQUEST -> answer.addAll(settings.information(request));
            default -> answer.add(success());
        }
        return reply(type, request, answer);
    }

    /** To who sent to our own address what belongs to all servers, §18.4. */
    Dhcp6Message useMulticast(Dhcp6Message request) {
        return reply(
                Dhcp6Message.REPLY,
                request,
                List.of(Dhcp6Option.status(Dhcp6Option.USE_MULTICAST, "send to ff02::1:2")));
    }

    private Dhcp6Message reply(int type, Dhcp6Message request, List<Dhcp6Option> answer) {
        List<Dhcp6Option> options = new ArrayList<>();
        Dhcp6Option client = request.option(Dhcp6Option.CLIENT_ID);
        if (client != null) {
            options.add(client);
        }
        options.add(serverId);
        options.addAll(answer);
        return new Dhcp6Message(type, request.transactionId(), options);
    }

    private static Dhcp6Option success() {
        return Dhcp6Option.status(Dhcp6Option.SUCCESS, "");
    }

    private static Dhcp6Option notOnLink() {
        return Dhcp6Option.status(Dhcp6Option.NOT_ON_LINK, "not an address of this link");
    }

    private static List<Dhcp6Association> associations(Dhcp6Message message) {
        List<Dhcp6Association> associations = new ArrayList<>();
        for (Dhcp6Option option : message.options()) {
            Dhcp6Association association = Dhcp6Association.isOne(option) ? Dhcp6Association.of(option) : null;
            if (association != null) {
                associations.add(association);
            }
        }
        return associations;
    }

    private static List<Ip> addresses(Dhcp6Message message) {
        List<Ip> addresses = new ArrayList<>();
        for (Dhcp6Association association : associations(message)) {
            addresses.addAll(association.addresses());
        }
        return addresses;
    }

    private void addLease(Dhcp6Message request, List<Dhcp6Option> answer) {
        List<Dhcp6Association> associations = associations(request);
        int holder = holder(request.type(), associations);
        int room = Limits.DHCP6_ADDRESSES;
        for (int i = 0; i < associations.size(); i++) {
            Dhcp6Association association = associations.get(i);
            boolean holds = i == holder;
            List<Dhcp6Option> inner = new ArrayList<>();
            if (holds) {
                inner.add(Dhcp6Association.address(address, LIFE_S, LIFE_S));
            }
            if (request.type() == Dhcp6Message.RENEW || request.type() == Dhcp6Message.REBIND) {
                room -= end(association, inner, room);
            }
            if (inner.isEmpty()) {
                inner.add(refusal(request.type(), association));
            }
            answer.add(new Dhcp6Association(
                            association.code(), association.iaid(), holds ? RENEW_S : 0, holds ? REBIND_S : 0, inner)
                    .toOption());
        }
        answer.addAll(settings.asked(request));
    }

    /** Which one gets the address: that which names it, or else the first for which it can be; {@link #NONE}. */
    private int holder(int type, List<Dhcp6Association> associations) {
        int first = NONE;
        for (int i = 0; i < associations.size(); i++) {
            Dhcp6Association association = associations.get(i);
            if (association.code() == Dhcp6Option.IA_NA && !isOffLink(type, association)) {
                if (association.addresses().contains(address)) {
                    return i;
                }
                first = first == NONE ? i : first;
            }
        }
        return first;
    }

    /** A REQUEST for an address of another link is refused, §18.3.2; in a SOLICIT it is a wish that we do not grant. */
    private boolean isOffLink(int type, Dhcp6Association association) {
        return type == Dhcp6Message.REQUEST
                && association.addresses().stream().anyMatch(other -> other.high() != address.high());
    }

    /** Ends the addresses that the guest is not to have, at most {@code room} of them; returns how many. */
    private int end(Dhcp6Association association, List<Dhcp6Option> inner, int room) {
        int ended = 0;
        for (Ip other : association.addresses()) {
            if (ended < room && !other.equals(address)) {
                inner.add(Dhcp6Association.address(other, 0, 0));
                ended++;
            }
        }
        return ended;
    }

    private Dhcp6Option refusal(int type, Dhcp6Association association) {
        if (association.code() == Dhcp6Option.IA_PD) {
            return Dhcp6Option.status(Dhcp6Option.NO_PREFIXES, "no prefixes are delegated here");
        }
        return isOffLink(type, association)
                ? notOnLink()
                : Dhcp6Option.status(Dhcp6Option.NO_ADDRESSES, "there is one address");
    }
}
