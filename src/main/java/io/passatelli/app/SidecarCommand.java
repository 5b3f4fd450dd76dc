package io.passatelli.app;

import io.passatelli.app.monitor.Monitor;
import io.passatelli.app.monitor.Monitored;
import io.passatelli.base.Clock;
import io.passatelli.base.Counters;
import io.passatelli.base.Limits;
import io.passatelli.base.Log;
import io.passatelli.hook.HookServer;
import io.passatelli.host.MemoryLimit;
import io.passatelli.link.Link;
import io.passatelli.link.LoopbackSocket;
import io.passatelli.link.StreamLink;
import io.passatelli.link.StreamSocket;
import io.passatelli.os.LinuxOs;
import io.passatelli.os.Os;
import io.passatelli.plane.DataPlane;
import io.passatelli.plane.PlaneEvents;
import io.passatelli.plane.Surroundings;
import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.util.Objects;
import java.util.concurrent.TimeUnit;

/**
 * The sidecar role: the network of a KubeVirt VM, in its pod. All that virt-launcher waits for is plain Java and comes first: the socket for QEMU, then
 * the socket for hook calls, which is where virt-launcher looks only once we are warm. The plane runs on the main thread until {@link SidecarLife}
 * says that it is over. docs/ARCHITECTURE.md has the order of things.
 */
final class SidecarCommand {
    private static final long LOOK_MS = 1_000;
    private static final long ROOT = 0;
    /** A loop that broke longer ago than this was well in the meantime. */
    private static final long WELL_NS = TimeUnit.MINUTES.toNanos(1);

    private final SidecarOptions options;
    private final SidecarLife life;
    private final Log log;
    private final LinuxOs os = new LinuxOs();
    private final Clock clock;
    private final SidecarHooks hooks;
    private @Nullable LoopbackSocket loopback;
    private @Nullable DataPlane made;
    private int restarts;
    private long brokenNs;

    private SidecarCommand(SidecarOptions options, SidecarLife life, Clock clock, JsonLog json) {
        this.options = options;
        this.life = life;
        this.clock = clock;
        log = json.log(options.threshold());
        hooks = new SidecarHooks(new SidecarHooks.Parts(options, os, clock, json, log, life));
    }

    /** Returns the exit code. */
    static int run(String... args) {
        if (args.length > 0 && (args[0].equals("--help") || args[0].equals("-h"))) {
            System.out.println(SidecarOptions.USAGE);
            return ExitCode.OK;
        }
        Clock clock = Clock.system();
        SidecarLife life = new SidecarLife(clock.nowNs());
        Termination termination = Termination.heard(life, clock);
        int code = ExitCode.FAILURE;
        JsonLog json = new JsonLog(System.out);
        try {
            code = run(life, clock, json, args);
        } finally {
            json.close();
            termination.ended(code);
        }
        return code;
    }

    private static int run(SidecarLife life, Clock clock, JsonLog json, String... args) {
        SidecarOptions options;
        try {
            options = SidecarOptions.parse(System.getenv(), args);
        } catch (IllegalArgumentException e) {
            json.log(Log.Level.INFO).error(String.valueOf(e.getMessage()));
            return ExitCode.FAILURE;
        }
        return new SidecarCommand(options, life, clock, json).serve();
    }

    private int serve() {
        long memory = MemoryLimit.bytes();
        try (DataPlane plane = plane(memory);
                HookServer server = HookServer.start(
                        options.hookDirectory(), options.containerName(), hooks, hooks.rehearsal(), log)) {
            BootForwards forwards = new BootForwards(plane.handle(), clock, log, memory);
            hooks.serve(plane.handle(), forwards, Objects.requireNonNull(loopback));
            Thread.ofPlatform().daemon().name("life").start(() -> live(plane, forwards));
            server.publish();
            log.info("ready: " + Version.line() + ", binding " + options.bindingName() + ", QEMU's socket "
                    + options.socket());
            StageTwo.start(
                    new Monitored(plane.handle(), hooks.times(), clock, Version.line(), Monitor.PORT), memory, log);
            plane.run(this::goesOn);
            return ExitCode.OK;
        } catch (IllegalArgumentException | IllegalStateException | UncheckedIOException | IOException e) {
            log.error(String.valueOf(e.getMessage()));
            return ExitCode.FAILURE;
        } catch (Throwable t) {
            log.error("bug: " + t + " ended the network");
            return ExitCode.FAILURE;
        } finally {
            hooks.close();
        }
    }

    private DataPlane plane(long memory) throws IOException {
        long openFiles = os.raiseOpenFiles();
        Surroundings around = new Surroundings(
                os,
                clock,
                log,
                new SecureRandom()::nextLong,
                openFiles < 0 ? Long.MAX_VALUE : openFiles,
                false,
                ForwardBudget.sweptListeners(memory));
        DataPlane plane = new DataPlane(hooks.begin(), around, this::link, new PlaneEvents() {
            @Override
            public void onGuestUp() {
                life.onGuestUp();
            }

            /** Only QEMU's end, or its move to another node, ends its connection. */
            @Override
            public void onGuestDown(int errno) {
                life.onGuestDown(clock.nowNs());
                Objects.requireNonNull(made).endFlows();
            }
        });
        made = plane;
        return plane;
    }

    /** QEMU runs as our user; or, where we are root, as another. */
    private Link link(Os kernel, Counters counters, Log out) {
        boolean root = os.user() == ROOT;
        Path path = options.socket();
        try {
            Path directory = path.resolveSibling("");
            if (!Files.isDirectory(directory)) {
                Files.createDirectory(directory);
            }
            Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString(root ? "rwxr-xr-x" : "rwxr-x---"));
            StreamSocket socket = StreamSocket.listen(kernel, path);
            Files.setPosixFilePermissions(path, PosixFilePermissions.fromString(root ? "rw-rw-rw-" : "rw-rw----"));
            loopback = LoopbackSocket.make(kernel);
            return StreamLink.listening(kernel, socket, loopback, counters, out);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot make QEMU's socket in '" + path + "': " + e.getMessage(), e);
        }
    }

    /** Looks, while the plane runs, whether it is over, and whether something is to be tried again. */
    private void live(DataPlane plane, BootForwards forwards) {
        try {
            String end = life.end(clock.nowNs());
            while (end == null) {
                life.await(LOOK_MS);
                forwards.retry(clock.nowNs());
                end = life.end(clock.nowNs());
            }
            log.info("ends: " + end);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            plane.handle().stop();
        }
    }

    /** A throwable out of the loop is a bug of ours. The guest has no other network: so it goes on, unless that happens all the time. */
    private boolean goesOn(Throwable thrown) {
        long nowNs = clock.nowNs();
        restarts = nowNs - brokenNs > WELL_NS ? 1 : restarts + 1;
        brokenNs = nowNs;
        log.error("bug: " + thrown + " broke the loop", thrown);
        return restarts <= Limits.LOOP_RESTARTS;
    }
}
