package io.passatelli.control.api;

/**
 * Who answers.
 *
 * @param version of the program
 * @param api of this API: grows with what older clients would take wrong
 */
public record VersionAnswer(String version, int api) {
    /** What this program speaks. */
    public static final int API = 1;
}
