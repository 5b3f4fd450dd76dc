package io.passatelli.app;

import io.passatelli.base.Clock;
import io.passatelli.base.Log;
import io.passatelli.config.PlaneConfig;
import io.passatelli.host.GuestNetworks;
import io.passatelli.host.HostDiscovery;
import io.passatelli.host.ResolvConf;
import io.passatelli.link.Link;
import io.passatelli.link.PcapLink;
import io.passatelli.link.StreamLink;
import io.passatelli.link.StreamSocket;
import io.passatelli.os.Errno;
import io.passatelli.os.LinuxOs;
import io.passatelli.os.Socket;
import io.passatelli.plane.DataPlane;
import io.passatelli.plane.LinkFactory;
import io.passatelli.plane.PlaneEvents;
import io.passatelli.plane.PlaneHandle;
import io.passatelli.plane.Surroundings;
import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** The passt role: one plane on a UNIX stream socket, on the main thread, until a signal or, with one-off, until its guest leaves. */
final class PasstCommand {
    private static final long STOP_SECONDS = 2;

    private final PasstOptions options;
    private final Log log;
    private final LinuxOs os = new LinuxOs();
    private final Clock clock = Clock.system();

    private PasstCommand(PasstOptions options, Log log) {
        this.options = options;
        this.log = log;
    }

    /** Returns the exit code. */
    static int run(String... args) {
        PasstOptions options = new PasstOptions();
        Integer done = CommandParser.parse(options, args);
        if (done != null) {
            return done;
        }
        Log log = StderrLog.of(options.debug, options.quiet);
        try {
            return new PasstCommand(options, log).serve();
        } catch (IllegalArgumentException | IOException e) {
            log.error(String.valueOf(e.getMessage()));
        } catch (UncheckedIOException e) {
            log.error(String.valueOf(e.getMessage()));
        }
        return ExitCode.FAILURE;
    }

    private int serve() throws IOException {
        os.raiseOpenFiles();
        GuestNetworks.Plan plan =
                GuestNetworks.plan(options.guest(), HostDiscovery.discover(os), ResolvConf.read(ResolvConf.PATH));
        plan.remarks().forEach(log::warn);
        if (options.stderr) {
            log.warn("-e, --stderr: deprecated, and without effect");
        }
        PlaneConfig config = plan.plane();
        StreamSocket socket = options.fd == null ? listen() : null;
        CountDownLatch ended = new CountDownLatch(1);
        LastGuest lastGuest = new LastGuest();
        SecureRandom random = new SecureRandom();
        Surroundings around = new Surroundings(os, clock, log, random::nextLong);
        try (DataPlane plane = new DataPlane(config, around, links(socket), lastGuest)) {
            if (options.oneOff || socket == null) {
                lastGuest.plane = plane.handle();
            }
            endOnSignal(plane.handle(), ended);
            log.info("guest network: " + config.guest().address() + ", gateway "
                    + config.guest().gateway());
            log.info(socket == null ? "serving descriptor " + options.fd : "listening on " + socket.path());
            plane.run();
        } finally {
            ended.countDown();
        }
        return ExitCode.OK;
    }

    /** The JVM turns SIGTERM, SIGINT and SIGHUP into shutdown hooks, and would then end with 128 + the signal's number. */
    private static void endOnSignal(PlaneHandle plane, CountDownLatch ended) {
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            if (ended.getCount() == 0) {
                return; // the role has ended by itself, with its own exit code
            }
            plane.stop();
            try {
                ended.await(STOP_SECONDS, TimeUnit.SECONDS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            Runtime.getRuntime().halt(ExitCode.OK);
        }));
    }

    private StreamSocket listen() throws IOException {
        if (options.socket == null) {
            return StreamSocket.probe(os, StreamSocket.DEFAULT_DIRECTORY);
        }
        try {
            return StreamSocket.listen(os, Path.of(options.socket));
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException("-s, --socket: " + e.getMessage(), e);
        }
    }

    /** Descriptors 1 and 2 are the log's. */
    private int connectedFd() {
        int fd = Objects.requireNonNull(options.fd);
        if (fd < 0 || fd == 1 || fd == 2) {
            throw new IllegalArgumentException("-F, --fd: " + fd + " is neither 0 nor 3 or above");
        }
        int error = os.option(fd, Socket.SOL_SOCKET, Socket.SO_ERROR);
        if (error < 0) {
            throw new IllegalArgumentException("-F, --fd: " + fd + " is no socket: " + Errno.text(-error));
        }
        return fd;
    }

    private LinkFactory links(@Nullable StreamSocket socket) {
        return (kernel, counters, out) -> {
            Link link = socket == null
                    ? StreamLink.connected(kernel, connectedFd(), counters, out)
                    : StreamLink.listening(kernel, socket, counters, out);
            if (options.pcap == null) {
                return link;
            }
            try {
                return PcapLink.open(link, Path.of(options.pcap), clock, out);
            } catch (IOException e) {
                link.close();
                throw new UncheckedIOException(e.getMessage(), e);
            }
        };
    }

    /** Ends the plane when its guest leaves, where that was asked for. */
    private static final class LastGuest implements PlaneEvents {
        @Nullable
        PlaneHandle plane;

        @Override
        public void onGuestDown(int errno) {
            if (plane != null) {
                plane.stop();
            }
        }
    }
}
