package io.passatelli.app;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Properties;

/** What this build calls itself. */
final class Version {
    private Version() {}

    /** One line, such as {@code passatelli 0.1.0}. */
    static String line() {
        Properties build = new Properties();
        try (InputStream in = Version.class.getResourceAsStream("/passatelli.properties")) {
            if (in == null) {
                throw new IllegalStateException("passatelli.properties is missing from the jar");
            }
            build.load(in);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return "passatelli " + build.getProperty("version");
    }
}
