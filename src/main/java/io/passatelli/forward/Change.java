package io.passatelli.forward;

import io.passatelli.base.Ip;
import io.passatelli.base.Limits;
import io.passatelli.config.PortForward;
import io.passatelli.config.Service;
import io.passatelli.os.Errno;
import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * The way from the sockets that are there to those that a set of rules asks for, in steps small enough for a {@link Slice}.
 *
 * <ol>
 *   <li>{@code MARK}: whatever a rule asks for and is there gets the mark of this change, and stands for that rule from now on.
 *   <li>{@code CLOSE}: what has no mark is closed, so that its port is free for others.
 *   <li>{@code OPEN}: rule by rule, what is not there is opened. Of a rule that is not weak and that cannot be had whole, what was opened is closed
 *       again ({@code UNDO}); what listened before goes on.
 * </ol>
 * Of rules whose ports {@link Sweep} opens, those that are there stay, and none is opened. It may be left at any step: what is there then is where the next change begins.
 */
final class Change {
    private enum Phase {
        MARK,
        CLOSE,
        OPEN,
        UNDO,
        DONE
    }

    private final ListenerSet set;
    private final ListenerStore store;
    private final Wanted wanted;
    private final List<PortForward> rules;
    private final int kept;
    private final int opened;
    private final boolean both;
    /** Where each rule listens; null: it cannot. */
    private final @Nullable Site[] sites;

    /** Of those that cannot listen: why. */
    private final Map<Integer, String> hindrances = new HashMap<>();

    private final Map<String, Integer> interfaces = new HashMap<>();
    private final List<RuleState> states;

    private Phase phase = Phase.MARK;
    private int rule;
    /** Next of the rule's ports; 0: the rule is still to begin. While closing: the next place. */
    private int cursor;

    private int listening;
    private @Nullable String why;
    /** Why nothing more can be opened at all, as {@link ListenerSet#open} says it; 0: it can. */
    private int want;

    /** Both marks are this change's own. */
    Change(ListenerSet set, Wanted wanted, int kept, int opened) {
        this.set = set;
        this.wanted = wanted;
        this.kept = kept;
        this.opened = opened;
        store = set.store;
        rules = wanted.rules();
        sites = new @Nullable Site[rules.size()];
        states = new ArrayList<>(rules.size());
        both = wanted.has(Service.IP4) && wanted.has(Service.IP6) && set.sockets.hasIp6();
    }

    /** What has become of the rules; when it is done. */
    List<RuleState> states() {
        assert phase == Phase.DONE : phase;
        return Collections.unmodifiableList(states);
    }

    /** Goes on until {@code slice} is over. True: it is done. */
    boolean run(Slice slice) {
        while (phase != Phase.DONE) {
            slice.spend(
                    switch (phase) {
                        case MARK -> mark();
                        case CLOSE -> close();
                        case OPEN -> open();
                        case UNDO -> undo();
                        case DONE -> 0;
                    });
            if (phase != Phase.DONE && slice.isOver()) {
                return false;
            }
        }
        return true;
    }

    private boolean isMarked(int place) {
        int mark = store.mark(place);
        return mark == kept || mark == opened;
    }

    private void become(Phase next) {
        phase = next;
        rule = 0;
        cursor = 0;
    }

    private void nextRule() {
        rule++;
        cursor = 0;
    }

    /** One port, or one rule that has none. Returns what it cost, as all steps do. */
    private int mark() {
        if (rule == rules.size()) {
            become(Phase.CLOSE);
            return Slice.LOOK;
        }
        PortForward asked = rules.get(rule);
        int cost = Slice.LOOK;
        if (cursor == 0) {
            cursor = asked.first();
            sites[rule] = site(asked);
            cost = asked.device() == null ? Slice.LOOK : Slice.SOCKET;
        }
        Site site = sites[rule];
        if (isSwept(asked)) {
            keepSwept(asked, SweptPorts.IP4);
            keepSwept(asked, SweptPorts.IP6);
        } else if (site == null) {
            nextRule();
            return cost;
        } else {
            keep(asked, store.find(site, cursor));
        }
        if (cursor++ == asked.last()) {
            nextRule();
        }
        return cost;
    }

    private void keepSwept(PortForward asked, Site.Name family) {
        if (SweptPorts.isOf(asked, family)) {
            keep(asked, set.find(family, cursor));
        }
    }

    private void keep(PortForward asked, int place) {
        if (place != ListenerStore.NONE && !isMarked(place)) {
            store.mark(place, kept);
            set.rule(place, asked);
        }
    }

    private boolean isSwept(PortForward asked) {
        return off(asked) == null && wanted.readiness().isSwept(asked);
    }

    /** Where {@code asked} listens; null: it cannot, and it is noted why. */
    private @Nullable Site site(PortForward asked) {
        Ip address = asked.address();
        String off = off(asked);
        String hindrance = off == null ? null : Site.text(asked) + ": " + off + " is off";
        int index = 0;
        String device = asked.device();
        if (hindrance == null && device != null) {
            index = interfaces.computeIfAbsent(device, set.sockets::interfaceIndex);
            hindrance = index >= 0
                    ? null
                    : Site.text(asked) + ": cannot listen: "
                            + ListenerSockets.reason(-index, asked.protocol(), asked.first());
        }
        if (hindrance != null) {
            hindrances.put(rule, hindrance);
            return null;
        }
        if (wanted.readiness().isSwept(asked) || wanted.readiness().waits(asked)) {
            return null;
        }
        if (address != null) {
            return set.site(new Site.Name(asked.protocol(), address, false, device, index));
        }
        Ip any = both || !wanted.has(Service.IP4) ? Ip.UNSPECIFIED6 : Ip.UNSPECIFIED4;
        return set.site(new Site.Name(asked.protocol(), any, both, device, index));
    }

    /** What {@code asked} needs and is off; null: nothing. */
    private @Nullable String off(PortForward asked) {
        if (!wanted.has(asked.protocol().service())) {
            return asked.protocol().toString();
        }
        Ip address = asked.address();
        if (address == null || wanted.has(address.isV4() ? Service.IP4 : Service.IP6)) {
            return null;
        }
        return address.isV4() ? "IPv4" : "IPv6";
    }

    private int close() {
        if (cursor == store.end()) {
            become(Phase.OPEN);
            return Slice.LOOK;
        }
        int place = cursor++;
        if (store.site(place) == null || isMarked(place)) {
            return Slice.LOOK;
        }
        set.close(place);
        return Slice.SOCKET;
    }

    private int open() {
        if (rule == rules.size()) {
            become(Phase.DONE);
            return Slice.LOOK;
        }
        PortForward asked = rules.get(rule);
        Site site = sites[rule];
        if (site == null) {
            int ports = off(asked) == null && !isSwept(asked) ? count(asked) : 0;
            states.add(new RuleState(asked, 0, ports, hindrances.get(rule)));
            nextRule();
            return Slice.LOOK;
        }
        if (cursor == 0) {
            cursor = asked.first();
            listening = 0;
            why = null;
        }
        int cost = open(asked, site, cursor);
        if (why != null && !asked.weak()) {
            phase = Phase.UNDO;
            cursor = asked.first();
            listening = 0;
        } else if (cursor++ == asked.last()) {
            states.add(new RuleState(asked, listening, count(asked), refusal(asked)));
            nextRule();
        }
        return cost;
    }

    private static int count(PortForward asked) {
        return asked.last() - asked.first() + 1;
    }

    private int open(PortForward asked, Site site, int port) {
        int place = store.find(site, port);
        if (place != ListenerStore.NONE) {
            PortForward owner = store.rule(place);
            if (leadsTheSameWay(owner, asked, port)) {
                listening++;
            } else if (why == null) {
                why = site.text(port) + ": is forwarded to " + target(owner, port) + " by an earlier rule";
            }
            return Slice.LOOK;
        }
        int rc = want != 0 ? want : set.open(site, port, asked);
        if (rc >= 0) {
            store.mark(rc, opened);
            listening++;
            return Slice.SOCKET;
        }
        if (why == null) {
            why = site.text(port) + ": cannot listen: " + reason(-rc, site, port);
        }
        int cost = want != 0 ? Slice.LOOK : Slice.SOCKET;
        want = rc == -ListenerSet.FULL || ListenerSockets.isWant(-rc) ? rc : 0;
        return cost;
    }

    private static boolean leadsTheSameWay(PortForward one, PortForward other, int port) {
        Ip target = one.targetAddress();
        boolean same = target == null ? other.targetAddress() == null : target.equals(other.targetAddress());
        return same && one.guestPort(port) == other.guestPort(port);
    }

    private static String target(PortForward owner, int port) {
        Ip address = owner.targetAddress();
        return (address == null ? "" : address + " ") + "port " + owner.guestPort(port);
    }

    private String reason(int errno, Site site, int port) {
        if (errno == ListenerSet.FULL) {
            return "no more than " + set.most() + " ports can be listened at"
                    + (set.most() < Limits.FORWARD_LISTENERS
                            ? " with a limit of " + set.openFiles() + " open files (ulimit -n)"
                            : "");
        }
        Site rival = errno == Errno.EADDRINUSE ? set.rival(site, port) : null;
        return rival == null
                ? ListenerSockets.reason(errno, site.name.protocol(), port)
                : Errno.text(errno) + "; another rule has " + rival.text(port);
    }

    private @Nullable String refusal(PortForward asked) {
        int missing = count(asked) - listening;
        if (why == null || count(asked) == 1) {
            return why;
        }
        return Site.text(asked) + ": " + missing + " of them cannot be had, the first: " + why;
    }

    /** Of the rule that cannot be had as a whole, one port. */
    private int undo() {
        PortForward asked = rules.get(rule);
        Site site = Objects.requireNonNull(sites[rule]);
        int place = store.find(site, cursor);
        int cost = Slice.LOOK;
        if (place != ListenerStore.NONE && store.rule(place).equals(asked)) {
            if (store.mark(place) == opened) {
                set.close(place);
                want = 0; // there is room again
                cost = Slice.SOCKET;
            } else {
                listening++;
            }
        }
        if (cursor++ == asked.last()) {
            states.add(new RuleState(asked, listening, count(asked), why));
            phase = Phase.OPEN;
            nextRule();
        }
        return cost;
    }
}
