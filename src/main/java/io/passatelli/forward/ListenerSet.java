package io.passatelli.forward;

import io.passatelli.base.HotPath;
import io.passatelli.base.Ip;
import io.passatelli.base.Limits;
import io.passatelli.config.PortForward;
import io.passatelli.loop.EventLoop;
import io.passatelli.loop.Handler;
import io.passatelli.loop.Ref;
import io.passatelli.os.Epoll;
import io.passatelli.os.Errno;
import io.passatelli.os.Os;
import io.passatelli.os.SockAddr;
import io.passatelli.os.Socket;
import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * The sockets that listen for forwards. The whole set is given each time it changes; who stays keeps its socket, and what is queued there.
 *
 * <p>Each port has a socket for each family: so a peer's address is of the family that the guest is to see. They are bound with SO_REUSEADDR,
 * because the flows that begin here have sockets at the same port; tell where a datagram was sent to (IP_PKTINFO); and are edge-triggered.
 * Nothing is sent by them, so there are no errors for them either.
 */
public final class ListenerSet implements Handler {
    private static final int EVENTS = Epoll.IN | Epoll.ET;

    private final EventLoop loop;
    private final Os os;
    private final DatagramAcceptor acceptor;
    private final int type;
    private final SockAddr address = new SockAddr();
    private final Map<ForwardTable.Endpoint, DatagramListener> open = new HashMap<>();
    private @Nullable DatagramListener[] places = new @Nullable DatagramListener[16];
    private int[] generations = new int[16];
    /** No place before this is free. */
    private int freeFrom;

    public ListenerSet(EventLoop loop, DatagramAcceptor acceptor) {
        this.loop = loop;
        this.acceptor = acceptor;
        os = loop.os();
        type = loop.register(this);
    }

    /** Listens for what {@code wanted} says and for nothing else. Returns what cannot be had; all the rest is there. */
    public List<ForwardTable.Refusal> apply(ForwardTable wanted) {
        for (Iterator<DatagramListener> i = open.values().iterator(); i.hasNext(); ) {
            DatagramListener listener = i.next();
            if (!wanted.endpoints().containsKey(listener.endpoint())) {
                close(listener);
                i.remove();
            }
        }
        List<ForwardTable.Refusal> refusals = new ArrayList<>(wanted.refusals());
        wanted.endpoints().forEach((endpoint, rule) -> {
            DatagramListener there = open.get(endpoint);
            if (there != null) {
                there.rule(rule);
                return;
            }
            int rc = listen(endpoint, rule);
            if (rc < 0 && !isWithoutIp6(endpoint, -rc)) {
                refusals.add(new ForwardTable.Refusal(rule, endpoint + ": cannot listen: " + reason(-rc, endpoint)));
            }
        });
        return refusals;
    }

    /** A host without IPv6 listens for "all addresses" by IPv4 alone. */
    private static boolean isWithoutIp6(ForwardTable.Endpoint endpoint, int errno) {
        return endpoint.address().equals(Ip.UNSPECIFIED6)
                && (errno == Errno.EAFNOSUPPORT || errno == Errno.EADDRNOTAVAIL);
    }

    private static String reason(int errno, ForwardTable.Endpoint endpoint) {
        String text = Errno.text(errno);
        return switch (errno) {
            case Errno.EACCES ->
                text + "; the sysctl net.ipv4.ip_unprivileged_port_start must be at most " + endpoint.port();
            case Errno.EPERM -> text + "; only interfaces are allowed that exist";
            default -> text;
        };
    }

    private int listen(ForwardTable.Endpoint endpoint, PortForward rule) {
        if (open.size() == Limits.FORWARD_LISTENERS) {
            return -Errno.EMFILE;
        }
        boolean v4 = endpoint.address().isV4();
        int fd = os.socket(v4 ? Socket.AF_INET : Socket.AF_INET6, Socket.SOCK_DGRAM, Socket.IPPROTO_UDP);
        if (fd < 0) {
            return fd;
        }
        int rc = prepare(fd, endpoint, v4);
        int place = place();
        if (rc >= 0) {
            rc = loop.watch(fd, EVENTS, type, generations[place], place);
        }
        if (rc < 0) {
            os.close(fd);
            return rc;
        }
        DatagramListener listener = new DatagramListener(acceptor, loop.ready(), place, endpoint, rule, fd);
        places[place] = listener;
        open.put(endpoint, listener);
        return 0;
    }

    private int prepare(int fd, ForwardTable.Endpoint endpoint, boolean v4) {
        int rc = os.setOption(fd, Socket.SOL_SOCKET, Socket.SO_REUSEADDR, 1);
        if (rc >= 0) {
            rc = os.setOption(fd, Socket.SOL_SOCKET, Socket.SO_RCVBUF, Limits.UDP_RCVBUF_BYTES);
        }
        if (rc >= 0 && v4) {
            rc = os.setOption(fd, Socket.IPPROTO_IP, Socket.IP_PKTINFO, 1);
        }
        if (rc >= 0 && !v4) {
            rc = os.setOption(fd, Socket.IPPROTO_IPV6, Socket.IPV6_V6ONLY, 1);
            if (rc >= 0) {
                rc = os.setOption(fd, Socket.IPPROTO_IPV6, Socket.IPV6_RECVPKTINFO, 1);
            }
        }
        String device = endpoint.device();
        if (rc >= 0 && device != null) {
            rc = os.bindToDevice(fd, device);
        }
        if (rc >= 0) {
            address.set(endpoint.address().high(), endpoint.address().low(), endpoint.port(), 0);
            rc = os.bind(fd, address);
        }
        return rc;
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

    private void close(DatagramListener listener) {
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
    }
}
