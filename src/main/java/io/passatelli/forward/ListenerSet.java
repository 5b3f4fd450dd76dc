package io.passatelli.forward;

import io.passatelli.base.Counters;
import io.passatelli.base.HotPath;
import io.passatelli.config.PortForward;
import io.passatelli.flow.Descriptors;
import io.passatelli.loop.EventLoop;
import io.passatelli.loop.Handler;
import io.passatelli.loop.ReadyList;
import io.passatelli.os.Epoll;
import io.passatelli.os.Os;
import org.jspecify.annotations.Nullable;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * The sockets that listen for forwards. The whole set of rules is given each time it changes; who stays keeps its socket, and what is queued
 * there. Before the plane runs a set is applied at once, {@link #apply}; afterwards in slices between which the loop does its other work,
 * {@link #change}.
 *
 * <p>Each port has one socket, which hears both families if the rule says no address, so a peer's address may be v4-mapped, which is our form
 * of it anyway ({@link ListenerSockets}). They are edge-triggered; what they have is taken in visits of the loop's ready list. Nothing is sent
 * by them, so there are no errors for them either.
 */
public final class ListenerSet implements Handler {
    /** Who takes what arrives. */
    public record Acceptors(DatagramAcceptor datagrams, ConnectionAcceptor connections) {}

    /** What {@link #open} says where there may be no more sockets: no errno. */
    static final int FULL = 0x10000;

    private static final int EVENTS = Epoll.IN | Epoll.ET;

    /** Sites looked at for what a refusal says: a hint must not take long. */
    private static final int MOST_RIVALS = 64;

    private final EventLoop loop;
    private final Os os;
    private final DatagramAcceptor datagrams;
    private final Reception reception;
    private final Descriptors descriptors;
    private final int type;
    final ListenerSockets sockets;
    final ListenerStore store = new ListenerStore();
    /** Those that have listeners, or may get some in the change under way. */
    private final Map<Site.Name, Site> sites = new HashMap<>();

    private final Slices slices;
    private int lastMark;

    /** {@code counters}: of connections that wait because there are no descriptors. {@code descriptors}: hears how many listen. */
    public ListenerSet(EventLoop loop, Acceptors acceptors, Counters counters, Descriptors descriptors) {
        this.loop = loop;
        this.descriptors = descriptors;
        datagrams = acceptors.datagrams;
        os = loop.os();
        reception = new Reception(loop, acceptors.connections, counters);
        sockets = new ListenerSockets(os);
        slices = new Slices(Slice.of(loop.clock()));
        type = loop.register(this);
    }

    /** From now on it may listen at addresses that the host does not have, or not yet. */
    public void freebind() {
        sockets.freebind();
    }

    /** Listens for what {@code wanted} says and for nothing else, and says what has become of each rule. Takes as long as it takes. */
    public List<RuleState> apply(Wanted wanted) {
        slices.forget();
        Change change = begin(wanted);
        change.run(Slice.endless(loop.clock()));
        return change.states();
    }

    /** As {@link #apply}, but in slices. The change under way, if there is one, is left where it is: its end is not told of. */
    public void change(Wanted wanted, ChangeEnd end) {
        slices.begin(begin(wanted), end);
    }

    /** Whether {@link #change} has not ended yet. */
    public boolean isChanging() {
        return slices.change != null;
    }

    private Change begin(Wanted wanted) {
        sites.values().removeIf(site -> site.listeners == 0);
        int kept = lastMark + 1;
        int opened = lastMark + 2;
        lastMark += 2;
        return new Change(this, wanted, kept, opened);
    }

    /** The change under way. */
    private final class Slices extends ReadyList.Node {
        private final Slice slice;
        private @Nullable Change change;
        private @Nullable ChangeEnd end;

        Slices(Slice slice) {
            this.slice = slice;
        }

        void begin(Change what, ChangeEnd whose) {
            change = what;
            end = whose;
            loop.ready().add(this);
        }

        void forget() {
            change = null;
            end = null;
            loop.ready().remove(this);
        }

        @Override
        protected long visit(long allowanceBytes, long nowNs) {
            Change current = change;
            if (current == null) {
                return 0;
            }
            slice.begin();
            if (!current.run(slice)) {
                loop.ready().add(this);
                return 0;
            }
            ChangeEnd whose = Objects.requireNonNull(end);
            forget();
            whose.onDone(current.states());
            return 0;
        }

        @Override
        protected void onFault(Throwable thrown) {
            ChangeEnd whose = end;
            forget();
            if (whose != null) {
                whose.onFault(thrown);
            }
        }
    }

    /** The site of that name, made if there is none. */
    Site site(Site.Name name) {
        return sites.computeIfAbsent(name, Site::new);
    }

    /** The place of the socket at {@code port} of the site of that name, or {@link ListenerStore#NONE}. */
    int find(Site.Name name, int port) {
        Site site = sites.get(name);
        return site == null ? ListenerStore.NONE : store.find(site, port);
    }

    /** A site whose socket may be what keeps {@code site} from {@code port}; null if there is none among the few that are looked at. */
    @Nullable
    Site rival(Site site, int port) {
        int left = MOST_RIVALS;
        for (Site other : sites.values()) {
            if (left-- == 0) {
                return null;
            }
            if (site.overlaps(other) && store.find(other, port) != ListenerStore.NONE) {
                return other;
            }
        }
        return null;
    }

    /** How many sockets may listen. */
    int most() {
        return descriptors.mostListeners();
    }

    /** How many files may be open, which leads to {@link #most}. */
    long openFiles() {
        return descriptors.openFiles();
    }

    /** A place that listens at {@code port} of {@code site} from now on, or {@code -errno}, or {@code -FULL}. */
    int open(Site site, int port, PortForward rule) {
        if (store.count() >= most()) {
            return -FULL;
        }
        int fd = sockets.open(site, port);
        if (fd < 0) {
            return fd;
        }
        int place = store.add(site, port, fd, rule);
        descriptors.listeners(store.count());
        int rc = loop.watch(fd, EVENTS, type, store.generation(place), place);
        if (rc < 0) {
            store.remove(place);
            descriptors.listeners(store.count());
            os.close(fd);
            return rc;
        }
        return place;
    }

    void close(int place) {
        int fd = store.fd(place);
        Listener listener = store.listener(place);
        loop.unwatch(fd);
        os.close(fd);
        store.remove(place);
        descriptors.listeners(store.count());
        if (listener != null) {
            listener.closed();
        }
    }

    /** The socket at {@code place} stands for what {@code rule} says from now on. */
    void rule(int place, PortForward rule) {
        store.rule(place, rule);
        Listener listener = store.listener(place);
        if (listener != null) {
            listener.rule(rule);
        }
    }

    /** How many sockets listen. */
    public int count() {
        return store.count();
    }

    @HotPath
    @Override
    public int generation(int index) {
        return store.generation(index);
    }

    @HotPath
    @Override
    public void onEvent(int index, int events, long nowNs) {
        Listener listener = store.listener(index);
        loop.ready().add(listener != null ? listener : make(index)); // in this turn: visits follow the events
    }

    /** Once for each socket that has anything. */
    private Listener make(int place) {
        Site site = Objects.requireNonNull(store.site(place));
        int port = store.port(place);
        PortForward rule = store.rule(place);
        int fd = store.fd(place);
        Listener made =
                switch (site.name.protocol()) {
                    case UDP -> new DatagramListener(datagrams, loop.ready(), site, port, rule, fd);
                    case TCP -> new ConnectionListener(reception, loop.ready(), site, port, rule, fd);
                };
        store.listener(place, made);
        return made;
    }

    /** Closes all. */
    public void close() {
        slices.forget();
        for (int place = 0; place < store.end(); place++) {
            if (store.site(place) != null) {
                close(place);
            }
        }
        sites.clear();
        reception.close();
    }
}
