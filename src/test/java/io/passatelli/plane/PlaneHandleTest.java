package io.passatelli.plane;

import io.passatelli.base.Clock;
import io.passatelli.base.Ip;
import io.passatelli.base.Log;
import io.passatelli.config.Cidr;
import io.passatelli.config.HostSide;
import io.passatelli.config.PlainNetwork;
import io.passatelli.config.PlaneConfig;
import io.passatelli.link.SimLink;
import io.passatelli.os.LinuxOs;
import io.passatelli.os.Os;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/** The door, used by other threads while the loop runs on the real kernel. */
@Timeout(30)
class PlaneHandleTest {
    @Test
    void otherThreadsGetCountersWhileItRunsAndAfterItsEnd() throws Exception {
        try (var os = new LinuxOs();
                var plane = plane(os)) {
            PlaneHandle handle = plane.handle();
            CompletableFuture<PlaneStats> early = handle.stats();
            Thread loop = Thread.ofPlatform().start(plane::run);
            assertThat(early.get(10, TimeUnit.SECONDS).flows()).isZero();
            assertThat(handle.stats().get(10, TimeUnit.SECONDS).invariantViolations())
                    .isZero();
            handle.stop();
            loop.join();
            PlaneStats last = handle.stats().get(0, TimeUnit.SECONDS);
            assertThat(last.guestUp()).isTrue();
            assertThat(last.traffic().framesToGuest()).isEqualTo(1);
        }
    }

    @Test
    void everyQuestionIsAnsweredOrRefusedWhenTheLoopEndsAmongThem() throws Exception {
        try (var os = new LinuxOs();
                var plane = plane(os)) {
            PlaneHandle handle = plane.handle();
            Thread loop = Thread.ofPlatform().start(plane::run);
            List<CompletableFuture<PlaneStats>> answers = new ArrayList<>();
            for (int i = 0; i < 2_000; i++) {
                answers.add(handle.stats());
                if (i == 1_000) {
                    handle.stop();
                }
            }
            loop.join();
            for (var answer : answers) {
                PlaneStats stats = answer.exceptionally(t -> {
                            assertThat(t).isInstanceOf(IllegalStateException.class);
                            return plane.snapshot();
                        })
                        .get(10, TimeUnit.SECONDS);
                assertThat(stats.flows()).isZero();
            }
            // the youngest of them may have been refused while the loop was still to end
            assertThat(handle.stats()).isCompletedWithValueMatching(stats -> stats.flows() == 0);
        }
    }

    /** The kernel, but that the next {@code faults} calls end in a way that no kernel knows. */
    private static Os breaking(Os os, String call, AtomicInteger faults) {
        return (Os) Proxy.newProxyInstance(
                PlaneHandleTest.class.getClassLoader(), new Class<?>[] {Os.class}, (self, method, arguments) -> {
                    if (method.getName().equals(call) && faults.getAndUpdate(n -> Math.max(0, n - 1)) > 0) {
                        throw new AssertionError("broken");
                    }
                    try {
                        return method.invoke(os, arguments);
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                });
    }

    @Test
    void brokenLoopGoesOnIfItIsTo() throws Exception {
        AtomicInteger faults = new AtomicInteger();
        List<Throwable> heard = new CopyOnWriteArrayList<>();
        try (var os = new LinuxOs();
                var plane = plane(breaking(os, "epollWait", faults))) {
            PlaneHandle handle = plane.handle();
            Thread loop = Thread.ofPlatform().start(() -> plane.run(heard::add));
            handle.stats().get(10, TimeUnit.SECONDS);
            faults.set(3);
            long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
            while (heard.size() < 3 && System.nanoTime() < end) { // many answers may be of one turn
                assertThat(handle.stats().get(10, TimeUnit.SECONDS).guestUp()).isTrue();
            }
            assertThat(heard).hasSize(3).allMatch(fault -> "broken".equals(fault.getMessage()));
            handle.stop();
            loop.join();
        }
    }

    @Test
    void flowThatBreaksAtItsEndDoesNotEndThePlane() throws Exception {
        AtomicInteger faults = new AtomicInteger();
        AtomicInteger closes = new AtomicInteger();
        List<String> lines = new ArrayList<>();
        SimLink link = SimLink.plain();
        try (var os = new LinuxOs();
                var host = new DatagramSocket(0, InetAddress.getLoopbackAddress());
                var plane = plane(
                        breaking(breaking(os, "epollWait", faults), "close", closes),
                        link,
                        new Log(Log.Level.INFO, (level, line) -> lines.add(line)))) {
            link.guestSends(UdpFrames.frame(
                    PlaneScenario.GUEST, 4_000, PlaneScenario.GATEWAY, host.getLocalPort(), new byte[1]));
            for (int i = 0; i < 10; i++) {
                plane.turn(0);
            }
            assertThat(plane.snapshot().flows()).isEqualTo(1);
            faults.set(1);
            closes.set(1);
            plane.run(fault -> {
                plane.handle().stop();
                return true;
            });
            assertThat(plane.snapshot().invariantViolations()).isEqualTo(1);
            assertThat(lines).contains("bug: java.lang.AssertionError: broken while the flows of UDP ended");
        }
    }

    @Test
    void neitherDoesWantOfMemoryForTheLine() throws Exception {
        AtomicInteger faults = new AtomicInteger();
        AtomicInteger closes = new AtomicInteger();
        AtomicBoolean wanting = new AtomicBoolean();
        SimLink link = SimLink.plain();
        Log poor = new Log(Log.Level.INFO, (level, line) -> {
            if (wanting.get()) {
                throw new OutOfMemoryError("heap");
            }
        });
        try (var os = new LinuxOs();
                var host = new DatagramSocket(0, InetAddress.getLoopbackAddress());
                var plane = plane(breaking(breaking(os, "epollWait", faults), "close", closes), link, poor)) {
            link.guestSends(UdpFrames.frame(
                    PlaneScenario.GUEST, 4_000, PlaneScenario.GATEWAY, host.getLocalPort(), new byte[1]));
            for (int i = 0; i < 10; i++) {
                plane.turn(0);
            }
            faults.set(1);
            closes.set(1);
            wanting.set(true);
            plane.run(fault -> {
                plane.handle().stop();
                return true;
            });
            assertThat(closes).as("a flow broke at its end").hasValue(0);
            assertThat(plane.snapshot().invariantViolations()).isEqualTo(2);
        }
    }

    @Test
    void brokenLoopEndsWhereNobodyWantsItToGoOn() throws Exception {
        try (var os = new LinuxOs();
                var plane = plane(breaking(os, "epollWait", new AtomicInteger(1)))) {
            assertThatThrownBy(plane::run).hasMessage("broken");
            assertThat(plane.handle().stats()).isCompleted();
        }
    }

    private static DataPlane plane(Os os) {
        return plane(os, SimLink.plain(), Log.silent());
    }

    private static DataPlane plane(Os os, SimLink link, Log log) {
        var network = PlainNetwork.of(
                new Cidr(Ip.parse(PlaneScenario.GUEST), 24), Ip.parse(PlaneScenario.GATEWAY), 1500, null);
        return new DataPlane(
                PlaneConfig.of(network).host4(HostSide.mapping(Ip.parse(PlaneScenario.GATEWAY))),
                new Surroundings(os, Clock.system(), log, () -> 7),
                (its, counters, lines) -> link,
                PlaneEvents.NOBODY);
    }
}
