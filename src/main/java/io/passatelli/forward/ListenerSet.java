package io.passatelli.forward;

import io.passatelli.base.Counters;
import io.passatelli.base.HotPath;
import io.passatelli.base.Limits;
import io.passatelli.config.PortForward;
import io.passatelli.loop.EventLoop;
import io.passatelli.loop.Handler;
import io.passatelli.loop.Ref;
import io.passatelli.os.Epoll;
import io.passatelli.os.Errno;
import io.passatelli.os.Os;
import org.jspecify.annotations.Nullable;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/**
 * The sockets that listen for forwards. The whole set is given each time it changes; who stays keeps its socket, and what is queued there.
 *
 * <p>Each port has a socket for each family, {@link ListenerSockets}. They are edge-triggered; what they have is taken in visits of the loop's
 * ready list. Nothing is sent by them, so there are no errors for them either.
 */
public final class ListenerSet implements Handler {
    private static final int EVENTS = Epoll.IN | Epoll.ET;

    private final EventLoop loop;
    private final Os os;
    private final DatagramAcceptor datagrams;
    private final Reception reception;
    private final ListenerSockets sockets;
    private final int type;
    private final Map<ForwardTable.Endpoint, Listener> open = new HashMap<>();
    private @Nullable Listener[] places = new @Nullable Listener[16];
    private int[] generations = new int[16];
    /** No place before this is free. */
    private int freeFrom;

    /** Counts connections that wait because there are no descriptors. */
    public ListenerSet(EventLoop loop, DatagramAcceptor datagrams, ConnectionAcceptor connections, Counters counters) {
        this.loop = loop;
        this.datagrams = datagrams;
        os = loop.os();
        reception = new Reception(loop, connections, counters);
        sockets = new ListenerSockets(os);
        type = loop.register(this);
    }

    /** From now on it may listen at addresses that the host does not have, or not yet. */
    public void freebind() {
        sockets.freebind();
    }

    /** Listens for what {@code wanted} says and for nothing else. Returns what cannot be had, each once; all the rest is there. */
    public List<ForwardTable.Refusal> apply(ForwardTable wanted) {
        for (Iterator<Listener> i = open.values().iterator(); i.hasNext(); ) {
            Listener listener = i.next();
            if (!wanted.endpoints().containsKey(listener.endpoint())) {
                close(listener);
                i.remove();
            }
        }
        Set<ForwardTable.Refusal> refusals = new LinkedHashSet<>(wanted.refusals());
        wanted.endpoints().forEach((endpoint, rule) -> {
            Listener there = open.get(endpoint);
            if (there != null) {
                there.rule(rule);
                return;
            }
            int rc = listen(endpoint, rule);
            if (rc < 0 && !ListenerSockets.isWithoutIp6(endpoint, -rc)) {
                String why = endpoint + ": cannot listen: " + ListenerSockets.reason(-rc, endpoint);
                refusals.add(new ForwardTable.Refusal(rule, why));
            }
        });
        return List.copyOf(refusals);
    }

    private int listen(ForwardTable.Endpoint endpoint, PortForward rule) {
        if (open.size() == Limits.FORWARD_LISTENERS) {
            return -Errno.EMFILE;
        }
        int fd = sockets.open(endpoint);
        if (fd < 0) {
            return fd;
        }
        int place = place();
        int rc = loop.watch(fd, EVENTS, type, generations[place], place);
        if (rc < 0) {
            os.close(fd);
            return rc;
        }
        Listener listener =
                switch (endpoint.protocol()) {
                    case UDP -> new DatagramListener(datagrams, loop.ready(), place, endpoint, rule, fd);
                    case TCP -> new ConnectionListener(reception, loop.ready(), place, endpoint, rule, fd);
                };
        places[place] = listener;
        open.put(endpoint, listener);
        return 0;
    }

    private int place() {
        int place = freeFrom;
        while (place < places.length && places[place] != null) {
            place++;
        }
        if (place == places.length) {
            places = Arrays.copyOf(places, 2 * place);
            generations = Arrays.copyOf(generations, 2 * place);
        }
        freeFrom = place;
        return place;
    }

    private void close(Listener listener) {
        int fd = listener.fd();
        loop.unwatch(fd);
        os.close(fd);
        places[listener.index()] = null;
        freeFrom = Math.min(freeFrom, listener.index());
        generations[listener.index()] = Ref.next(generations[listener.index()]);
        listener.closed();
    }

    /** How many sockets listen. */
    public int count() {
        return open.size();
    }

    @HotPath
    @Override
    public int generation(int index) {
        return generations[index];
    }

    @HotPath
    @Override
    public void onEvent(int index, int events, long nowNs) {
        loop.ready().add(Objects.requireNonNull(places[index])); // in this turn: visits follow the events
    }

    /** Closes all. */
    public void close() {
        open.values().forEach(this::close);
        open.clear();
        reception.close();
    }
}
