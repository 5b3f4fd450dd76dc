package io.passatelli.app;

import io.passatelli.app.monitor.HookTimes;
import io.passatelli.app.monitor.Monitored;
import io.passatelli.app.monitor.Setbacks;
import io.passatelli.base.Clock;
import io.passatelli.base.Ip;
import io.passatelli.base.Log;
import io.passatelli.config.Cidr;
import io.passatelli.config.PlainNetwork;
import io.passatelli.config.PlaneConfig;
import io.passatelli.link.StreamLink;
import io.passatelli.link.StreamSocket;
import io.passatelli.os.LinuxOs;
import io.passatelli.plane.DataPlane;
import io.passatelli.plane.PlaneEvents;
import io.passatelli.plane.Surroundings;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.concurrent.CountDownLatch;

/**
 * A plane with stage 2 beside it, as a program: arguments are the socket of its link, the port of stage 2, and the memory limit, MiB. Says on standard
 * output what it logs. Its input is commands, one a line: {@code define} is a call of KubeVirt that is answered in 10 ms, {@code end} ends it.
 * SIGTERM is said, and nothing more.
 */
public final class MonitoredPlane {
    private static final int ANSWER_MS = 10;

    private MonitoredPlane() {}

    public static void main(String[] args) {
        hearSigterm();
        Log log = new Log(Log.Level.INFO, (level, line) -> System.out.println(level + " " + line));
        Clock clock = Clock.system();
        HookTimes hooks = new HookTimes(clock);
        LinuxOs os = new LinuxOs();
        Surroundings around = new Surroundings(os, clock, log, new SecureRandom()::nextLong);
        var network = PlainNetwork.of(new Cidr(Ip.parse("10.77.0.2"), 24), Ip.parse("10.77.0.1"), 1_500, null);
        try (DataPlane plane = new DataPlane(
                PlaneConfig.of(network),
                around,
                (its, counters, lines) -> StreamLink.listening(its, listen(os, args[0]), counters, lines),
                PlaneEvents.NOBODY)) {
            Monitored monitored = new Monitored(
                    plane.handle(), hooks, new Setbacks(), clock, Version.line(), Integer.parseInt(args[1]));
            StageTwo.start(monitored, Long.parseLong(args[2]) << 20, () -> false, log);
            Thread.ofPlatform().daemon().start(() -> obey(plane, hooks));
            System.out.println("listening");
            plane.run();
        }
        Runtime.getRuntime().halt(0); // Quarkus has threads that would keep the process
    }

    private static StreamSocket listen(LinuxOs os, String path) {
        try {
            return StreamSocket.listen(os, Path.of(path));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void obey(DataPlane plane, HookTimes hooks) {
        try (var commands = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))) {
            for (String line = commands.readLine(); "define".equals(line); line = commands.readLine()) {
                try (var _ = hooks.begin(HookTimes.Call.ON_DEFINE_DOMAIN)) {
                    Thread.sleep(ANSWER_MS);
                }
                System.out.println("defined");
            }
        } catch (IOException | InterruptedException e) {
            System.out.println(e);
        } finally {
            plane.handle().stop();
        }
    }

    /** As the sidecar does: the JVM answers SIGTERM with its shutdown hooks, and goes on until all have returned. */
    private static void hearSigterm() {
        CountDownLatch never = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            System.out.println("SIGTERM");
            try {
                never.await();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }));
    }
}
