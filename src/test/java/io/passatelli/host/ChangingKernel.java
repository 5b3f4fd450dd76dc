package io.passatelli.host;

import io.passatelli.base.Clock;
import io.passatelli.base.Ip;
import io.passatelli.os.EpollEvents;
import io.passatelli.os.Errno;
import io.passatelli.os.IoVec;
import io.passatelli.os.Os;
import io.passatelli.os.SockAddr;
import io.passatelli.os.Socket;
import org.jspecify.annotations.Nullable;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashSet;
import java.util.Set;

/**
 * A kernel whose network a test changes while another thread follows it, in virtual time: a wait for events that nobody brings lasts a moment
 * and takes as long as it was to. Any thread.
 */
final class ChangingKernel implements Clock {
    private static final int MOMENTS = 2;
    private static final int RTM_NEWLINK = 16;
    private static final int RTM_NEWADDR = 20;
    private static final int RTM_NEWROUTE = 24;
    private static final int DONE = 3;

    private final Set<Integer> open = new HashSet<>();
    private final Deque<byte[]> answers = new ArrayDeque<>();
    private HostNetwork network;
    private String refused = "";
    private int nextFd = 10;
    private int newsFd = -1;
    private int news;
    private boolean lost;
    private boolean woken;
    private long nowNs = 1;
    private long idleWaits;
    private long looks;

    ChangingKernel(HostNetwork network) {
        this.network = network;
    }

    Os os() {
        return (Os) Proxy.newProxyInstance(
                Os.class.getClassLoader(),
                new Class<?>[] {Os.class},
                (proxy, method, args) -> call(method, args == null ? new Object[0] : args));
    }

    @Override
    public synchronized long nowNs() {
        return nowNs;
    }

    /** The network is this from now on, of which the kernel sends {@code messages}. */
    synchronized void become(HostNetwork now, int messages) {
        network = now;
        news += messages;
        notifyAll();
    }

    /** As {@link #become}, but the socket's buffer could not take what the kernel had to say. */
    synchronized void becomeUnheard(HostNetwork now) {
        lost = true;
        become(now, 1);
    }

    /** This call fails from now on. */
    synchronized void refuse(String call) {
        refused = call;
    }

    synchronized int open() {
        return open.size();
    }

    /** How often the network was looked at. */
    synchronized long looks() {
        return looks;
    }

    /** Returns when whoever follows has waited in vain {@code times} more. */
    synchronized void awaitIdle(int times) throws InterruptedException {
        long wanted = idleWaits + times;
        while (idleWaits < wanted) {
            wait(10_000);
        }
    }

    private synchronized Object call(Method method, Object[] args) throws InterruptedException {
        String name = method.getName();
        if (name.equals(refused)) {
            return method.getReturnType() == long.class ? (Object) (long) -Errno.EACCES : -Errno.EACCES;
        }
        return switch (name) {
            case "socket", "eventfd", "epollCreate" -> opened();
            case "bind" -> {
                newsFd = (int) args[0];
                assert ((SockAddr) args[1]).length() > 0;
                yield 0;
            }
            case "connect", "epollCtl" -> 0;
            case "close" -> {
                assert open.remove((Integer) args[0]);
                yield 0;
            }
            case "epollWait" -> await((EpollEvents) args[1], (long) args[2]);
            case "writev" -> {
                woken = true;
                notifyAll();
                yield 8L;
            }
            case "sendmsg" -> request((IoVec) args[1]);
            case "recvmsg" -> (int) args[0] == newsFd ? news() : answer((IoVec) args[1]);
            default -> throw new IllegalStateException(name);
        };
    }

    private int opened() {
        open.add(nextFd);
        return nextFd++;
    }

    private int await(EpollEvents out, long timeoutNs) throws InterruptedException {
        for (int moments = 0; moments < MOMENTS && news == 0 && !woken; moments++) {
            wait(1);
        }
        int count = 0;
        if (news > 0) {
            out.set(count++, 1, 0);
        }
        if (woken) {
            out.set(count++, 1, 1);
        }
        if (count == 0) {
            nowNs += timeoutNs;
            idleWaits++;
            notifyAll();
        }
        return count;
    }

    private long news() {
        if (news == 0) {
            return -Errno.EAGAIN;
        }
        news--;
        boolean unheard = lost;
        lost = false;
        return unheard ? -Errno.ENOBUFS : 64;
    }

    private long request(IoVec from) {
        ByteBuffer in = from.segment(0)
                .asSlice(from.offset(0), from.length(0))
                .asByteBuffer()
                .order(ByteOrder.nativeOrder());
        int sequence = in.getInt(8);
        int family = in.get(16);
        answers.clear();
        switch (in.getShort(4)) {
            case RtNetlink.RTM_GETLINK -> {
                looks++;
                network.interfaces().forEach(i -> answers.add(link(sequence, i)));
            }
            case RtNetlink.RTM_GETADDR ->
                network.addresses().stream()
                        .filter(a -> familyOf(a.cidr().address()) == family)
                        .forEach(a -> answers.add(address(sequence, a)));
            case RtNetlink.RTM_GETROUTE ->
                network.routes().stream()
                        .filter(r -> familyOf(r.destination().address()) == family)
                        .forEach(r -> answers.add(route(sequence, r)));
            default -> throw new IllegalStateException();
        }
        answers.add(message(DONE, sequence, buffer().putInt(0)));
        return from.total();
    }

    private long answer(IoVec into) {
        byte[] datagram = answers.removeFirst();
        MemorySegment.copy(datagram, 0, into.segment(0), ValueLayout.JAVA_BYTE, into.offset(0), datagram.length);
        return datagram.length;
    }

    private static int familyOf(Ip ip) {
        return ip.isV4() ? Socket.AF_INET : Socket.AF_INET6;
    }

    private static byte[] link(int sequence, HostNetwork.Interface link) {
        ByteBuffer out = buffer().putInt(0).putInt(link.index());
        out.putInt((link.up() ? 1 : 0) | (link.loopback() ? 8 : 0)).putInt(0);
        attribute(out, 3, (link.name() + "\0").getBytes(StandardCharsets.US_ASCII));
        return message(RTM_NEWLINK, sequence, out);
    }

    private static byte[] address(int sequence, HostNetwork.Address address) {
        Ip ip = address.cidr().address();
        int flags =
                (address.secondary() ? 1 : 0) | (address.deprecated() ? 0x20 : 0) | (address.tentative() ? 0x40 : 0);
        ByteBuffer out =
                buffer().put((byte) familyOf(ip)).put((byte) address.cidr().prefixLength());
        out.put((byte) flags).put((byte) (address.global() ? 0 : 253)).putInt(address.interfaceIndex());
        attribute(out, 1, octets(ip));
        return message(RTM_NEWADDR, sequence, out);
    }

    private static byte[] route(int sequence, HostNetwork.Route route) {
        Ip to = route.destination().address();
        ByteBuffer out =
                buffer().put((byte) familyOf(to)).put((byte) route.destination().prefixLength());
        out.put((byte) 0)
                .put((byte) 0)
                .put((byte) 254)
                .put((byte) 3)
                .put((byte) 0)
                .put((byte) 1)
                .putInt(0);
        attribute(out, 1, octets(to));
        attribute(out, 4, number(route.interfaceIndex()));
        attribute(out, 6, number((int) route.metric()));
        @Nullable Ip gateway = route.gateway();
        if (gateway != null) {
            attribute(out, 5, octets(gateway));
        }
        return message(RTM_NEWROUTE, sequence, out);
    }

    private static byte[] octets(Ip ip) {
        return ip.isV4()
                ? ByteBuffer.allocate(4).putInt(ip.v4()).array()
                : ByteBuffer.allocate(16).putLong(ip.high()).putLong(ip.low()).array();
    }

    private static byte[] number(int value) {
        return ByteBuffer.allocate(4)
                .order(ByteOrder.nativeOrder())
                .putInt(value)
                .array();
    }

    private static ByteBuffer buffer() {
        return ByteBuffer.allocate(256).order(ByteOrder.nativeOrder());
    }

    private static void attribute(ByteBuffer out, int type, byte[] value) {
        int at = out.position();
        out.putShort((short) (4 + value.length)).putShort((short) type).put(value);
        out.position(at + (4 + value.length + 3 & ~3));
    }

    private static byte[] message(int type, int sequence, ByteBuffer body) {
        ByteBuffer out = buffer();
        out.putInt(16 + body.position())
                .putShort((short) type)
                .putShort((short) 2)
                .putInt(sequence)
                .putInt(0);
        out.put(body.flip());
        byte[] bytes = new byte[out.position()];
        out.get(0, bytes);
        return bytes;
    }
}
