package io.passatelli.control.api;

import io.passatelli.base.Limits;
import org.jspecify.annotations.Nullable;

import java.util.List;

/** What components of requests have in common. Throws {@link IllegalArgumentException} with one sentence. */
final class Checks {
    private Checks() {}

    static String text(@Nullable String text, String name) {
        if (text == null || text.isEmpty()) {
            throw new IllegalArgumentException("'" + name + "' is missing, or empty");
        }
        if (text.length() > Limits.CONTROL_TEXT_CHARS) {
            throw new IllegalArgumentException(
                    "'" + name + "' has more than " + Limits.CONTROL_TEXT_CHARS + " characters");
        }
        if (text.codePoints().anyMatch(Character::isISOControl)) {
            throw new IllegalArgumentException("'" + name + "' contains a control character");
        }
        return text;
    }

    static List<String> texts(@Nullable List<String> texts, String name, int most) {
        if (texts == null) {
            throw new IllegalArgumentException("'" + name + "' is missing");
        }
        if (texts.size() > most) {
            throw new IllegalArgumentException("'" + name + "' has more than " + most + " members");
        }
        texts.forEach(text -> text(text, name));
        return List.copyOf(texts);
    }
}
