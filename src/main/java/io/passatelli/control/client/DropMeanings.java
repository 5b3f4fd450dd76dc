package io.passatelli.control.client;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Properties;

/** What the reasons of {@code base.Drop} mean to a reader of statistics; here, since the roles themselves have no use for it. */
public final class DropMeanings {
    private final Properties texts;

    private DropMeanings(Properties texts) {
        this.texts = texts;
    }

    /** From the class path. */
    public static DropMeanings load() {
        Properties texts = new Properties();
        try (InputStream in = DropMeanings.class.getResourceAsStream("drops.properties")) {
            if (in == null) {
                throw new IllegalStateException("drops.properties is missing from the jar");
            }
            texts.load(in);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return new DropMeanings(texts);
    }

    /** Empty for a reason that this program does not know. */
    public String of(String reason) {
        return texts.getProperty(reason, "");
    }
}
