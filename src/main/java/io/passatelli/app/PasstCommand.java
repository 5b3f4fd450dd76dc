package io.passatelli.app;

import io.passatelli.base.Clock;
import io.passatelli.base.Counters;
import io.passatelli.base.Limits;
import io.passatelli.base.Log;
import io.passatelli.config.EphemeralPorts;
import io.passatelli.config.GuestOptions;
import io.passatelli.config.PlaneConfig;
import io.passatelli.config.PortForward;
import io.passatelli.control.server.ControlServer;
import io.passatelli.forward.RuleState;
import io.passatelli.host.Conntrack;
import io.passatelli.host.GuestNetworks;
import io.passatelli.host.HostDiscovery;
import io.passatelli.host.HostWatch;
import io.passatelli.host.LocalPorts;
import io.passatelli.host.NetworkPlan;
import io.passatelli.host.ResolvConf;
import io.passatelli.link.Link;
import io.passatelli.link.PcapLink;
import io.passatelli.link.StreamLink;
import io.passatelli.link.StreamSocket;
import io.passatelli.os.Errno;
import io.passatelli.os.LinuxOs;
import io.passatelli.os.Os;
import io.passatelli.os.Socket;
import io.passatelli.plane.DataPlane;
import io.passatelli.plane.PlaneEvents;
import io.passatelli.plane.PlaneHandle;
import io.passatelli.plane.Surroundings;
import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.List;
import java.util.Objects;
import java.util.StringJoiner;

/** The passt role: one plane on a UNIX stream socket, on the main thread, until a signal or, with one-off, until its guest leaves. */
final class PasstCommand {
    private static final String NAME = "passt";
    private static final String ROOT_DIRECTORY = "/";

    private final PasstOptions options;
    private final Launch launch;
    private final RoleLog roleLog;
    private final Log log;
    private final LinuxOs os = new LinuxOs();
    private final Clock clock = Clock.system();
    private final GuestOptions guestOptions;
    private final EphemeralPorts ephemeral = LocalPorts.ephemeral(LocalPorts.PATH);
    private String listeningPath = "";
    private @Nullable HostWatch hostWatch;
    private @Nullable ControlServer control;

    private PasstCommand(PasstOptions options, Launch launch) {
        this.options = options;
        this.launch = launch;
        roleLog = new RoleLog(options.process.threshold());
        log = roleLog.log();
        guestOptions = options.guest();
    }

    /** Returns the exit code. */
    static int run(String... args) {
        PasstOptions options = new PasstOptions();
        Integer done = CommandParser.parse(options, args);
        if (done != null) {
            return done;
        }
        Ending ending = Ending.onSignal();
        try {
            return new PasstCommand(options, Launch.ofThisProcess()).serve(ending);
        } finally {
            ending.ended();
        }
    }

    private int serve(Ending ending) {
        try (DataPlane plane = start(ending)) {
            return run(plane);
        } catch (StartException e) {
            log.error(String.valueOf(e.getMessage()));
            return ExitCode.FAILURE;
        } finally {
            if (control != null) {
                control.close();
            }
            if (hostWatch != null) {
                hostWatch.close();
            }
        }
    }

    /** Until it is told to stop. A throwable out of the loop itself is a bug of ours: it ends the role, and says on which frame. */
    private int run(DataPlane plane) {
        try {
            plane.run();
            return ExitCode.OK;
        } catch (Throwable t) {
            log.error("bug: " + t + " ended the network; the last frame began " + plane.lastFrame(), t);
            return ExitCode.FAILURE;
        }
    }

    private DataPlane start(Ending ending) throws StartException {
        try {
            if (launch.byLauncher()) {
                Descriptors.closeInherited(os, launch, keptDescriptor());
            }
            openLogFile();
            Identity identity = launch.byLauncher() ? Identity.chosen(os, options.process.runas) : null;
            PidFile pidFile = options.process.pidFile == null ? null : PidFile.open(Path.of(options.process.pidFile));
            int statsSeconds = options.process.statsSeconds();
            long openFiles = os.raiseOpenFiles();
            NetworkPlan plan = plan();
            PlaneConfig config = plan.plane();
            boolean once = options.oneOff || options.fd != null;
            Surroundings around = new Surroundings(
                    os,
                    clock,
                    log,
                    new SecureRandom()::nextLong,
                    openFiles < 0 ? Long.MAX_VALUE : openFiles,
                    options.freebind);
            PlaneEvents events = once ? ending : PlaneEvents.NOBODY;
            DataPlane plane = new DataPlane(config, around, this::link, events);
            requireForwards(plane);
            followNeighbours(plane);
            ending.of(plane.handle());
            followHost(plan, plane.handle());
            openControl(plane);
            log.info("guest network: " + plan.summary());
            sayForwards(config.forwards());
            log.info(options.fd == null ? "listening on " + listeningPath : "serving descriptor " + options.fd);
            if (statsSeconds > 0) {
                StatsPrinter.start(plane.handle(), statsSeconds, System.err);
            }
            try {
                settle(identity, pidFile);
            } catch (IllegalStateException | IOException e) {
                plane.close();
                throw e;
            }
            return plane;
        } catch (IllegalArgumentException | IllegalStateException | UncheckedIOException | IOException e) {
            throw new StartException(String.valueOf(e.getMessage()), e);
        }
    }

    private int keptDescriptor() {
        return options.fd == null ? Os.NONE : options.fd;
    }

    private void openLogFile() throws IOException {
        long bytes = options.process.logBytes();
        if (options.process.logFile != null) {
            String program = launch.byLauncher() ? launch.program() : NAME;
            String header = NAME + ": " + Version.line() + ": " + program + " (" + os.pid() + ")";
            roleLog.into(LogFile.create(Path.of(options.process.logFile), bytes, clock, header));
        }
    }

    /** All is open that needs the rights and the place of who started us: now they are left behind, and whoever waits may go on. */
    private void settle(@Nullable Identity identity, @Nullable PidFile pidFile) throws IOException {
        if (identity != null) {
            if (options.process.runas == null) {
                log.warn("started as root, goes on as user " + identity.user() + "; --runas names another");
            }
            identity.take(os);
        }
        if (launch.byLauncher()) {
            os.hideMemory();
        }
        if (pidFile != null) {
            pidFile.write(os.pid());
        }
        Syslog syslog =
                new Syslog(os, Syslog.PATH, NAME, os.pid()); // in any case: the cache is trained in the foreground
        if (!launch.inBackground()) {
            roleLog.started(null);
            return;
        }
        os.changeDirectory(ROOT_DIRECTORY); // a place that nobody has to unmount
        roleLog.started(syslog);
        System.out.println(Launch.READY);
        if (System.out.checkError()) {
            throw new IllegalStateException("whoever started this does not wait for it any more");
        }
        Descriptors.silence(os, keptDescriptor());
    }

    private void openControl(DataPlane plane) throws StartException {
        if (options.control == null) {
            return;
        }
        try {
            control = PlaneControl.serve(Path.of(options.control), plane.handle(), clock, log);
        } catch (IOException e) {
            plane.close();
            throw new StartException("--control: " + e.getMessage(), e);
        }
    }

    /** Ports that the user named have to be had, and of others any; what cannot, the plane has said. */
    private static void requireForwards(DataPlane plane) throws StartException {
        StringJoiner refused = new StringJoiner("; ");
        refused(plane, PortForward.Protocol.TCP, "-t, --tcp-ports", refused);
        refused(plane, PortForward.Protocol.UDP, "-u, --udp-ports", refused);
        if (refused.length() > 0) {
            plane.close();
            throw new StartException(refused.toString());
        }
    }

    private static void refused(DataPlane plane, PortForward.Protocol protocol, String option, StringJoiner to) {
        List<RuleState> refused = plane.refusedForwards().stream()
                .filter(state -> state.wanted() > 0 && state.rule().protocol() == protocol)
                .toList();
        if (!refused.isEmpty()) {
            String others = refused.size() == 1 ? "" : ", and " + (refused.size() - 1) + " more cannot be had";
            to.add(option + ": " + refused.getFirst().refusal() + others);
        }
    }

    private void sayForwards(List<PortForward> rules) {
        rules.stream().limit(Limits.RULES_SAID).forEach(rule -> log.info("forwarding " + rule));
        if (rules.size() > Limits.RULES_SAID) {
            log.info("and " + (rules.size() - Limits.RULES_SAID) + " rules more");
        }
    }

    private void followNeighbours(DataPlane plane) {
        try {
            plane.followNeighbours();
        } catch (IOException e) {
            log.warn(e.getMessage() + ", so the guest sees all of them by our MAC");
        }
    }

    /** Started on this thread, whose network namespace it watches. */
    private void followHost(NetworkPlan plan, PlaneHandle plane) {
        try {
            hostWatch = HostWatch.start(
                    new HostWatch.Surroundings(os, clock, guestOptions, ephemeral, ResolvConf.PATH),
                    plan,
                    new HostFollower(plane, clock, log));
        } catch (IOException e) {
            log.warn(e.getMessage() + ", so the guest keeps the network that it is told now");
        }
    }

    private NetworkPlan plan() throws IOException {
        NetworkPlan plan = GuestNetworks.plan(guestOptions, HostDiscovery.discover(os), resolvConf(), ephemeral)
                .udpTimeouts(Conntrack.udpTimeouts(Conntrack.PATH));
        plan.remarks().forEach(log::warn);
        if (options.process.stderr) {
            log.warn("-e, --stderr: deprecated, and without effect");
        }
        return plan;
    }

    private ResolvConf resolvConf() {
        try {
            return ResolvConf.read(ResolvConf.PATH);
        } catch (IOException e) {
            log.warn(e.getMessage() + ", so no resolver of the host is told to the guest");
            return ResolvConf.EMPTY;
        }
    }

    private StreamSocket listen() {
        try {
            return options.socket == null
                    ? StreamSocket.probe(os, StreamSocket.DEFAULT_DIRECTORY)
                    : StreamSocket.listen(os, Path.of(options.socket));
        } catch (IOException e) {
            throw new UncheckedIOException(e.getMessage(), e);
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
        int type = os.option(fd, Socket.SOL_SOCKET, Socket.SO_TYPE);
        if (type < 0) {
            throw new IllegalArgumentException("-F, --fd: " + fd + " is no socket: " + Errno.text(-type));
        }
        if (type != Socket.SOCK_STREAM || os.option(fd, Socket.SOL_SOCKET, Socket.SO_ACCEPTCONN) != 0) {
            throw new IllegalArgumentException("-F, --fd: " + fd + " is not a connected stream socket");
        }
        return fd;
    }

    private Link link(Os kernel, Counters counters, Log out) {
        Link link;
        if (options.fd != null) {
            link = StreamLink.connected(kernel, connectedFd(), counters, out);
        } else {
            StreamSocket socket = listen();
            listeningPath = socket.path().toString();
            link = StreamLink.listening(kernel, socket, counters, out);
        }
        if (options.pcap == null) {
            return link;
        }
        try {
            return PcapLink.open(link, Path.of(options.pcap), clock, out);
        } catch (IOException e) {
            link.close();
            throw new UncheckedIOException(e.getMessage(), e);
        }
    }

    /** Start-up did not succeed; the message is one sentence for the user. */
    private static final class StartException extends Exception {
        private static final long serialVersionUID = 1;

        StartException(String sentence) {
            super(sentence);
        }

        StartException(String sentence, Exception cause) {
            super(sentence, cause);
        }
    }
}
