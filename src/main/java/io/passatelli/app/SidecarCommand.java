package io.passatelli.app;

import io.passatelli.app.monitor.Monitor;
import io.passatelli.app.monitor.Monitored;
import io.passatelli.app.monitor.Setbacks;
import io.passatelli.base.Clock;
import io.passatelli.base.Counters;
import io.passatelli.base.LibraryLog;
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
import io.passatelli.plane.PlaneHandle;
import io.passatelli.plane.Surroundings;
import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.util.Objects;
import java.util.concurrent.locks.LockSupport;

/**
 * The sidecar role: the network of a KubeVirt VM, in its pod. All that virt-launcher waits for is plain Java and comes first: the socket for QEMU, then
 * the socket for hook calls, which is where virt-launcher looks only once we are warm. The plane runs on the main thread until {@link SidecarLife}
 * says that it is over; hook calls are made ready to be answered on a thread of their own meanwhile, so that a process that takes the place of one that was
 * killed forwards before. docs/ARCHITECTURE.md has the order of things.
 */
final class SidecarCommand {
    /** Set by the launcher when SIGTERM has come to the process whose place this one takes. */
    private static final String TERMINATED = "passatelli.terminated";

    private static final long LOOK_MS = 1_000;
    private static final long ROOT = 0;

    private final SidecarOptions options;
    private final SidecarLife life;
    private final Log log;
    private final LinuxOs os = new LinuxOs();
    private final Clock clock;
    private final SidecarHooks hooks;
    private final Setbacks setbacks = new Setbacks();
    private final long memory = MemoryLimit.bytes();
    private @Nullable LoopbackSocket loopback;
    private @Nullable DataPlane made;

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
        if (Boolean.getBoolean(TERMINATED)) {
            life.onTerminate(clock.nowNs());
        }
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
        Thread.setDefaultUncaughtExceptionHandler(this::onThreadFailure);
        try (DataPlane plane = plane();
                HookDoor door = new HookDoor(plane.handle())) {
            BootForwards forwards = new BootForwards(plane.handle(), clock, log, memory);
            hooks.serve(plane.handle(), forwards, Objects.requireNonNull(loopback));
            hooks.resume();
            Thread.ofPlatform().daemon().name("life").start(() -> live(plane, forwards));
            Thread.ofPlatform().daemon().name("door").start(door::open);
            plane.run(new LoopGuard(clock, setbacks, log, LockSupport::parkNanos));
            if (door.failed) {
                return ExitCode.FAILURE;
            }
            hooks.forget();
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

    /** The hook socket, from when it is there; any thread. */
    private final class HookDoor implements AutoCloseable {
        private final PlaneHandle plane;
        private volatile boolean failed;
        private boolean closed;
        private boolean serving;
        private @Nullable HookServer server;

        HookDoor(PlaneHandle plane) {
            this.plane = plane;
        }

        /** Without it no VM starts; but one that runs already keeps its network. */
        void open() {
            try {
                if (serve()) {
                    log.info("ready: " + Version.line() + ", binding " + options.bindingName() + ", QEMU's socket "
                            + options.socket());
                    StageTwo.start(
                            new Monitored(plane, hooks.times(), setbacks, clock, Version.line(), Monitor.PORT),
                            memory,
                            life::isTerminated,
                            log);
                }
            } catch (IOException | IllegalArgumentException | IllegalStateException | UncheckedIOException e) {
                fail(String.valueOf(e.getMessage()));
            } catch (Throwable t) {
                fail("bug: " + t + ", so hook calls cannot be answered");
            }
        }

        private boolean serve() throws IOException {
            HookServer made =
                    HookServer.start(options.hookDirectory(), options.containerName(), hooks, hooks.rehearsal(), log);
            synchronized (this) {
                if (closed) {
                    made.close();
                    return false;
                }
                server = made;
                made.publish();
                serving = true;
                return true;
            }
        }

        private synchronized boolean isServing() {
            return serving;
        }

        private void fail(String why) {
            log.error(why);
            if (!hooks.isResumed() && !isServing()) {
                failed = true;
                plane.stop();
            }
        }

        @Override
        public synchronized void close() {
            closed = true;
            if (server != null) {
                server.close();
            }
        }
    }

    private void onThreadFailure(Thread thread, Throwable thrown) {
        setbacks.onThreadFailure();
        log.error("bug: " + thrown + " ended the thread '" + thread.getName() + "'; the network goes on", thrown);
    }

    private DataPlane plane() throws IOException {
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
        String end = life.end(clock.nowNs());
        while (end == null) {
            try {
                life.await(LOOK_MS);
                hooks.keep();
                if (life.isTerminated()) {
                    LibraryLog.putBack(log);
                }
                forwards.retry(clock.nowNs());
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                end = "it was interrupted";
                continue;
            } catch (Throwable t) { // a bug of ours, or want of memory: nobody else would look
                setbacks.onThreadFailure();
                log.error("bug: " + t + " while looking after the network, which goes on");
            }
            end = life.end(clock.nowNs());
        }
        log.info("ends: " + end);
        plane.handle().stop();
    }
}
