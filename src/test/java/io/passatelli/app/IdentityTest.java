package io.passatelli.app;

import io.passatelli.os.LinuxOs;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/** Whom {@code --runas} names. Nobody is become here. */
class IdentityTest {
    private final LinuxOs os = new LinuxOs();

    @ParameterizedTest
    @CsvSource({
        "1000, 1000, 1000",
        "1000:7, 1000, 7",
        "nobody, 65534, 65534",
        "nobody:0, 65534, 0",
        "7:root, 7, 0",
        "daemon:nogroup, 1, 65534",
        "4294967294, 4294967294, 4294967294",
    })
    void userAndGroupAreNumbersOrNames(String text, long user, long group) {
        assertThat(Identity.chosen(os, text)).isEqualTo(new Identity(user, group));
    }

    @Test
    void whoStartedItStaysHimselfWhenNamed() {
        assertThat(Identity.chosen(os, os.user() + ":" + os.group())).isNull();
    }

    @ParameterizedTest
    @CsvSource({
        "no-such-user, user 'no-such-user'",
        "'', user ''",
        "0:, group ''",
        "0:no-such-group, group 'no-such-group'",
        "4294967295, 4294967295",
        "99999999999999999999, 99999999999999999999",
        "-1, user '-1'",
        "1:2:3, group '2:3'",
    })
    void whoIsNobodyIsRefusedInOneSentence(String text, String culprit) {
        assertThatThrownBy(() -> Identity.chosen(os, text))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("--runas: ")
                .hasMessageContaining(culprit);
    }
}
