package io.passatelli.plane;

import io.passatelli.base.Clock;
import io.passatelli.base.Ip;
import io.passatelli.base.Log;
import io.passatelli.config.Cidr;
import io.passatelli.config.PlainNetwork;
import io.passatelli.config.PlaneConfig;
import io.passatelli.link.SimLink;
import io.passatelli.os.LinuxOs;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

import static org.assertj.core.api.Assertions.assertThat;

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

    private static DataPlane plane(LinuxOs os) {
        var network = PlainNetwork.of(
                new Cidr(Ip.parse(PlaneScenario.GUEST), 24), Ip.parse(PlaneScenario.GATEWAY), 1500, null);
        return new DataPlane(
                PlaneConfig.of(network),
                new Surroundings(os, Clock.system(), Log.silent(), () -> 7),
                (its, counters, log) -> SimLink.plain(),
                PlaneEvents.NOBODY);
    }
}
