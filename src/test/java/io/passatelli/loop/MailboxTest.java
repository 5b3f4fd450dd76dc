package io.passatelli.loop;

import io.passatelli.base.Limits;
import org.junit.jupiter.api.Test;

import java.util.ArrayList;
import java.util.List;

import static org.assertj.core.api.Assertions.assertThat;

class MailboxTest {
    private final ScriptedOs os = new ScriptedOs();
    private final Mailbox mailbox = new Mailbox(os, os.eventfd());
    private final List<Integer> ran = new ArrayList<>();

    private boolean offer(int number) {
        return mailbox.offer(() -> ran.add(number));
    }

    private void runOne() {
        Runnable command = mailbox.poll();
        assertThat(command).isNotNull();
        command.run();
    }

    @Test
    void commandsComeOutInTheirOrder() {
        for (int i = 0; i < 10; i++) {
            assertThat(offer(i)).isTrue();
        }
        for (int i = 0; i < 10; i++) {
            assertThat(mailbox.isEmpty()).isFalse();
            runOne();
        }
        assertThat(ran).containsExactly(0, 1, 2, 3, 4, 5, 6, 7, 8, 9);
        assertThat(mailbox.isEmpty()).isTrue();
        assertThat(mailbox.poll()).isNull();
    }

    @Test
    void fullMailboxRefusesUntilACommandIsTaken() {
        for (int i = 0; i < Limits.MAILBOX_COMMANDS; i++) {
            assertThat(offer(i)).isTrue();
        }
        assertThat(offer(-1)).isFalse();
        runOne();
        assertThat(offer(1_000)).isTrue();
        assertThat(offer(-2)).isFalse();
        while (!mailbox.isEmpty()) {
            runOne();
        }
        assertThat(ran)
                .hasSize(Limits.MAILBOX_COMMANDS + 1)
                .doesNotContain(-1, -2)
                .last()
                .isEqualTo(1_000);
    }

    @Test
    void ringTurnsManyTimes() {
        for (int i = 0; i < 10 * Limits.MAILBOX_COMMANDS; i++) {
            assertThat(offer(i)).isTrue();
            assertThat(offer(-i)).isTrue();
            runOne();
            runOne();
        }
        assertThat(ran).hasSize(20 * Limits.MAILBOX_COMMANDS);
    }

    @Test
    void eventfdIsWrittenOnceForEachTimeTheLoopMaySleep() {
        offer(1);
        assertThat(os.eventfdWrites).as("awake").isZero();
        runOne();
        assertThat(mailbox.maySleep()).isTrue();
        offer(2);
        offer(3);
        assertThat(os.eventfdWrites).isEqualTo(1);
        mailbox.awake();
        mailbox.clear();
        assertThat(os.counter).isZero();
        offer(4);
        assertThat(os.eventfdWrites).isEqualTo(1);
        assertThat(mailbox.maySleep()).as("commands wait").isFalse();
    }

    @Test
    void closedMailboxRefusesAndForgets() {
        offer(1);
        mailbox.close();
        assertThat(offer(2)).isFalse();
        assertThat(mailbox.poll()).isNull();
        assertThat(os.open).isEmpty();
        mailbox.wake();
        mailbox.close();
        assertThat(os.eventfdWrites).isZero();
        assertThat(ran).isEmpty();
    }
}
