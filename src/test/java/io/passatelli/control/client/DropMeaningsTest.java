package io.passatelli.control.client;

import io.passatelli.base.Drop;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

class DropMeaningsTest {
    private final DropMeanings meanings = DropMeanings.load();

    @Test
    void everyReasonHasAMeaning() {
        for (Drop drop : Drop.values()) {
            if (drop != Drop.NONE) {
                assertThat(meanings.of(drop.name()))
                        .as("%s in drops.properties", drop)
                        .isNotBlank();
            }
        }
    }

    @Test
    void reasonOfAnotherVersionHasNone() {
        assertThat(meanings.of("NO_SUCH_REASON")).isEmpty();
    }
}
