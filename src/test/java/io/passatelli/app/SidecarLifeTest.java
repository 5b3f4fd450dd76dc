package io.passatelli.app;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;

class SidecarLifeTest {
    private static final long S = 1_000_000_000L;
    /** Clocks may begin anywhere, and pass the end of their numbers. */
    private static final long START = Long.MAX_VALUE - 7 * S;

    private final SidecarLife life = new SidecarLife(START);

    private static long at(long seconds) {
        return START + seconds * S;
    }

    private void livesUntil(long seconds, String why) {
        assertThat(life.end(at(seconds) - 1)).isNull();
        assertThat(life.end(at(seconds))).isEqualTo(why);
    }

    @Test
    void endsWhenNobodyCalls() {
        livesUntil(600, "virt-launcher did not call within 600 s");
    }

    @Test
    void endsWhenQemuDoesNotComeAfterTheLastCall() {
        life.onCall(at(10));
        life.onCall(at(100));
        livesUntil(1_000, "QEMU did not come within 900 s of the last hook call");
    }

    @Test
    void livesAsLongAsQemu() {
        life.onCall(at(1));
        life.onGuestUp();
        assertThat(life.isUp()).isTrue();
        assertThat(life.end(at(1_000_000))).isNull();
        life.onGuestDown(at(1_000_000));
        assertThat(life.isUp()).isFalse();
        livesUntil(1_000_120, "QEMU has been gone for 120 s");
    }

    @Test
    void targetOfAMigrationThatFailedDoesNotStandInTheWayOfTheNext() {
        life.onCall(at(1));
        life.target(true);
        life.onGuestUp();
        assertThat(life.end(at(10_000))).as("memory takes its time").isNull();
        life.onGuestDown(at(10_000));
        livesUntil(10_010, "QEMU has been gone for 10 s");
    }

    @Test
    void targetThatNobodyComesToWaitsAsLongAsAnyOther() {
        life.onCall(at(1));
        life.target(true);
        livesUntil(901, "QEMU did not come within 900 s of the last hook call");
    }

    @Test
    void qemuThatComesBackIsServedOn() {
        life.onCall(at(1));
        life.onGuestUp();
        life.onGuestDown(at(2));
        life.onGuestUp();
        assertThat(life.end(at(1_000))).isNull();
    }

    @Test
    void callAfterAStartThatFailedIsWaitedForAsTheFirst() {
        life.onCall(at(1));
        life.onGuestUp();
        life.onGuestDown(at(5));
        life.onCall(at(100));
        livesUntil(1_000, "QEMU did not come within 900 s of the last hook call");
        life.onGuestUp();
        life.onGuestDown(at(2_000));
        livesUntil(2_120, "QEMU has been gone for 120 s");
    }

    @Test
    void endsAtOnceWhenVirtLauncherSaysSo() {
        life.onCall(at(1));
        life.onGuestUp();
        life.onGuestDown(at(5));
        life.onShutdown();
        assertThat(life.end(at(5))).isEqualTo("virt-launcher says that QEMU has ended");
    }

    /** The guest shuts down in its own time. */
    @ParameterizedTest
    @ValueSource(ints = {30, 0, 180})
    void sigtermIsNotTheEndWhileTheGuestMayShutDown(int graceS) {
        life.onCall(at(1));
        life.grace(graceS);
        life.onGuestUp();
        life.onTerminate(at(100));
        int end = 100 + graceS + 25;
        livesUntil(end, "SIGTERM came " + (graceS + 25) + " s ago, and the pod's time is over");
    }

    @Test
    void secondSigtermDoesNotMakeItLonger() {
        life.onCall(at(1));
        life.onGuestUp();
        life.onTerminate(at(100));
        life.onTerminate(at(130));
        livesUntil(155, "SIGTERM came 55 s ago, and the pod's time is over");
    }

    @Test
    void afterSigtermTheEndOfQemuIsTheEnd() {
        life.onCall(at(1));
        life.onGuestUp();
        life.onTerminate(at(100));
        life.onGuestDown(at(110));
        livesUntil(115, "SIGTERM came, and there is no QEMU");
    }

    @Test
    void sigtermWithoutQemuWaitsForOneLastWordOnly() {
        life.onTerminate(at(3));
        livesUntil(8, "SIGTERM came, and there is no QEMU");
    }

    @Test
    void qemuThatWentLongAgoIsNotWaitedFor() {
        life.onCall(at(1));
        life.onGuestUp();
        life.onGuestDown(at(50));
        life.onTerminate(at(100));
        livesUntil(105, "SIGTERM came, and there is no QEMU");
    }

    /** A migration that fails ends virt-launcher on its target, and nobody says so. */
    @Test
    void targetOfAMigrationThatFailedEndsByItself() {
        life.onCall(at(1));
        life.onGuestUp(); // QEMU waits for the guest
        life.onGuestDown(at(40));
        livesUntil(160, "QEMU has been gone for 120 s");
    }

    @Test
    void sigtermBeforeAnyCallIsHeardBeyondTheCallsThatFollow() {
        life.onTerminate(at(1));
        life.onCall(at(3));
        assertThat(life.isTerminated()).isTrue();
        livesUntil(6, "SIGTERM came, and there is no QEMU");
    }

    /** A VM whose QEMU cannot come back can still be migrated, as long as all containers of its pod run. */
    @Test
    void whoTakesAnothersPlaceWaitsForALostQemuAsLongAsThePodLives() {
        life.onResume(true, at(0));
        assertThat(life.hasCome()).isTrue();
        assertThat(life.end(at(1_000_000))).isNull();
        life.onTerminate(at(1_000_000));
        livesUntil(1_000_005, "SIGTERM came, and there is no QEMU");
    }

    @Test
    void whoTakesAnothersPlaceWaitsForAQemuThatTriesAgainAsForOneThatIsGone() {
        life.onResume(true, at(5));
        life.qemuReconnects();
        livesUntil(125, "QEMU has been gone for 120 s");
    }

    @Test
    void aTargetThatTakesAnothersPlaceDoesNotStandInTheWayForLong() {
        life.onResume(true, at(5));
        life.qemuReconnects();
        life.target(true);
        livesUntil(15, "QEMU has been gone for 10 s");
    }

    @Test
    void whoTakesAnothersPlaceHearsTheLastWordAtOnce() {
        life.onResume(true, at(0));
        life.onShutdown();
        assertThat(life.end(at(1))).isEqualTo("virt-launcher says that QEMU has ended");
    }

    @Test
    void qemuThatComesBackAfterAKillGoesAsAnyOther() {
        life.onResume(true, at(0));
        life.qemuReconnects();
        life.onGuestUp();
        assertThat(life.end(at(1_000))).isNull();
        life.onGuestDown(at(1_000));
        livesUntil(1_120, "QEMU has been gone for 120 s");
    }

    @Test
    void whoTakesThePlaceOfOneThatHadNoQemuWaitsForItAsAfterACall() {
        life.onResume(false, at(50));
        life.qemuReconnects();
        livesUntil(950, "QEMU did not come within 900 s of the last hook call");
    }

    @Test
    void whoWaitsHearsOfNewsAtOnce() throws InterruptedException {
        life.onShutdown();
        life.await(60_000); // returns, or the test takes a minute
        Thread teller = new Thread(life::onShutdown);
        teller.start();
        life.await(60_000);
        teller.join();
        assertThat(life.end(at(1))).isNotNull();
    }
}
