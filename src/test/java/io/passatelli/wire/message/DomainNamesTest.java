package io.passatelli.wire.message;

import org.junit.jupiter.api.Test;

import java.util.HexFormat;
import java.util.List;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

class DomainNamesTest {
    private static String hex(byte[] bytes) {
        return HexFormat.of().formatHex(bytes);
    }

    @Test
    void aCanonicalNameIsItsLabelsAndTheRoot() {
        assertThat(hex(DomainNames.canonical("a.example."))).isEqualTo("0161" + "07" + "6578616d706c65" + "00");
        assertThat(DomainNames.canonical("a.example")).isEqualTo(DomainNames.canonical("a.example."));
    }

    /** The example of RFC 3397 §2, of which the second name points at the tail of the first. */
    @Test
    void theExampleOfRfc3397() {
        byte[] bytes = DomainNames.compressed(List.of("eng.apple.com.", "marketing.apple.com."));

        assertThat(hex(bytes))
                .isEqualTo("03656e67" + "056170706c65" + "03636f6d" + "00" + "096d61726b6574696e67" + "c004");
    }

    @Test
    void aNameThatIsTheTailOfAnotherIsAPointerOnly() {
        assertThat(hex(DomainNames.compressed(List.of("a.b", "b", "a.b"))))
                .isEqualTo("0161" + "0162" + "00" + "c002" + "c000");
    }

    @Test
    void aLabelHasOneTo63Characters() {
        assertThatThrownBy(() -> DomainNames.canonical("a..b")).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> DomainNames.compressed(List.of("x".repeat(64))))
                .isInstanceOf(IllegalArgumentException.class);
        assertThat(DomainNames.canonical("x".repeat(63))).hasSize(65);
    }
}
