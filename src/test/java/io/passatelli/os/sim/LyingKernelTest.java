package io.passatelli.os.sim;

import io.passatelli.os.Datagrams;
import io.passatelli.os.Epoll;
import io.passatelli.os.EpollEvents;
import io.passatelli.os.Errno;
import io.passatelli.os.LinuxOs;
import io.passatelli.os.Os;
import io.passatelli.os.SocketError;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.nio.file.Path;

import static org.assertj.core.api.Assertions.assertThat;

/** The conformance suite is worth something only if it finds a kernel that SimOs does not describe. Each lie is told once a program. */
class LyingKernelTest {
    private static final int PROGRAMS = 60;
    private static final int UDP_PROGRAMS = 200;

    private interface Lying {
        /** The result in place of {@code result}. */
        Object of(String call, Object result, Object[] arguments);
    }

    enum Lie implements Lying {
        AN_EVENT_IS_LOST,
        AN_EVENT_IS_ADDED,
        A_MASK_SAYS_HANG_UP,
        NOTHING_TO_READ_IS_THE_END,
        THE_END_IS_NOTHING_TO_READ,
        ONE_BYTE_LESS_IS_RECEIVED,
        A_CLOSED_PEER_IS_A_FULL_ONE,
        ADDING_TWICE_IS_FINE;

        @Override
        public Object of(String call, Object result, Object[] arguments) {
            return switch (this) {
                case AN_EVENT_IS_LOST ->
                    call.equals("epollWait") && (int) result > 0 && isLevelIn(arguments) ? 0 : result;
                case AN_EVENT_IS_ADDED -> {
                    if (!call.equals("epollWait") || (int) result == ((EpollEvents) arguments[1]).capacity()) {
                        yield result;
                    }
                    EpollEvents out = (EpollEvents) arguments[1];
                    out.set((int) result, Epoll.IN, 0x7777);
                    yield (int) result + 1;
                }
                case A_MASK_SAYS_HANG_UP -> {
                    if (call.equals("epollWait") && (int) result > 0) {
                        EpollEvents out = (EpollEvents) arguments[1];
                        if ((out.events(0) & Epoll.HUP) == 0) {
                            out.set(0, out.events(0) | Epoll.HUP, out.ref(0));
                            yield new Told(result);
                        }
                    }
                    yield result;
                }
                case NOTHING_TO_READ_IS_THE_END -> replace(call, "recvmsg", result, -Errno.EAGAIN, 0);
                case THE_END_IS_NOTHING_TO_READ -> replace(call, "recvmsg", result, 0, -Errno.EAGAIN);
                case ONE_BYTE_LESS_IS_RECEIVED ->
                    call.equals("recvmsg") && (long) result > 1 ? (Object) ((long) result - 1) : result;
                case A_CLOSED_PEER_IS_A_FULL_ONE -> replace(call, "sendmsg", result, -Errno.EPIPE, -Errno.EAGAIN);
                case ADDING_TWICE_IS_FINE ->
                    call.equals("epollCtl") && (int) result == -Errno.EEXIST ? (Object) 0 : result;
            };
        }

        private static Object replace(String call, String which, Object result, long from, long to) {
            return call.equals(which) && (long) result == from ? (Object) to : result;
        }

        /** An edge of EPOLLOUT may be lost without our knowing; readable data may not. */
        private static boolean isLevelIn(Object[] arguments) {
            return (((EpollEvents) arguments[1]).events(0) & Epoll.IN) != 0;
        }
    }

    enum UdpLie implements Lying {
        ONE_LESS_IS_SENT,
        ONE_MORE_IS_SENT,
        ONE_LESS_IS_RECEIVED,
        NOTHING_IS_THERE,
        NOTHING_TO_RECEIVE_IS_NONE_RECEIVED,
        A_DATAGRAM_IS_SHORTER,
        A_WHOLE_DATAGRAM_IS_TRUNCATED,
        A_REFUSED_SEND_IS_FINE,
        AN_ERROR_IS_FORGOTTEN,
        AN_ERROR_IS_ANOTHER;

        @Override
        public Object of(String call, Object result, Object[] arguments) {
            boolean sent = call.equals("sendmmsg");
            boolean received = call.equals("recvmmsg") && (int) result > 0;
            boolean error = call.equals("recvError") && (int) result == 0;
            return switch (this) {
                case ONE_LESS_IS_SENT -> sent && (int) result > 1 ? (Object) ((int) result - 1) : result;
                case ONE_MORE_IS_SENT ->
                    sent && (int) result > 0 && (int) result < (int) arguments[3]
                            ? (Object) ((int) result + 1)
                            : result;
                case ONE_LESS_IS_RECEIVED -> received && (int) result > 1 ? (Object) ((int) result - 1) : result;
                case NOTHING_IS_THERE -> received ? -Errno.EAGAIN : result;
                case NOTHING_TO_RECEIVE_IS_NONE_RECEIVED ->
                    call.equals("recvmmsg") && (int) result == -Errno.EAGAIN ? (Object) 0 : result;
                case A_DATAGRAM_IS_SHORTER -> {
                    Datagrams batch = received ? (Datagrams) arguments[1] : null;
                    if (batch == null || batch.length(0) == 0) {
                        yield result;
                    }
                    batch.set(0, batch.length(0) - 1, batch.isTruncated(0));
                    yield new Told(result);
                }
                case A_WHOLE_DATAGRAM_IS_TRUNCATED -> {
                    Datagrams batch = received ? (Datagrams) arguments[1] : null;
                    if (batch == null || batch.isTruncated(0)) {
                        yield result;
                    }
                    batch.set(0, batch.length(0), true);
                    yield new Told(result);
                }
                case A_REFUSED_SEND_IS_FINE -> sent && (int) result == -Errno.ECONNREFUSED ? (Object) 1 : result;
                case AN_ERROR_IS_FORGOTTEN -> error ? -Errno.EAGAIN : result;
                case AN_ERROR_IS_ANOTHER -> {
                    if (error) {
                        ((SocketError) arguments[1]).errno = Errno.EHOSTUNREACH;
                        yield new Told(result);
                    }
                    yield result;
                }
            };
        }
    }

    /** A lie that is in what the call fills in, and not in the result. */
    private record Told(Object result) {}

    private static final class Liar {
        private final LinuxOs linux = new LinuxOs();
        private final Lying lie;
        boolean lied;

        Liar(Lying lie) {
            this.lie = lie;
        }

        Os os() {
            return (Os) Proxy.newProxyInstance(
                    Os.class.getClassLoader(),
                    new Class<?>[] {Os.class},
                    (proxy, method, args) -> answer(method, args));
        }

        private Object answer(Method method, Object[] arguments) throws Throwable {
            Object truth;
            try {
                truth = method.invoke(linux, arguments);
            } catch (InvocationTargetException e) {
                throw e.getCause();
            }
            if (lied) {
                return truth;
            }
            Object said = lie.of(method.getName(), truth, arguments);
            lied = !said.equals(truth);
            return said instanceof Told told ? told.result() : said;
        }
    }

    @ParameterizedTest
    @EnumSource
    void everyLieIsFound(Lie lie, @TempDir Path directory) {
        everyLieIsFound(lie, PROGRAMS, (os, seed) -> {
            try (RandomProgram program = new RandomProgram(os, seed, false, directory + "/" + seed)) {
                program.run();
            }
        });
    }

    @ParameterizedTest
    @EnumSource
    void everyLieAboutDatagramsIsFound(UdpLie lie) {
        everyLieIsFound(lie, UDP_PROGRAMS, (os, seed) -> {
            try (RandomUdpProgram program = new RandomUdpProgram(os, seed)) {
                program.run();
            }
        });
    }

    private interface Program {
        void run(Os os, long seed);
    }

    private static void everyLieIsFound(Lying lie, int programs, Program program) {
        int told = 0;
        for (long seed = 1; seed <= programs; seed++) {
            Liar liar = new Liar(lie);
            boolean refused = false;
            try {
                program.run(liar.os(), seed);
            } catch (NotAdmitted e) {
                refused = true;
            }
            assertThat(refused).as("%s, seed %d", lie, seed).isEqualTo(liar.lied);
            told += liar.lied ? 1 : 0;
        }
        assertThat(told).isPositive();
    }
}
