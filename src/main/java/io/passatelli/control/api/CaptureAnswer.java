package io.passatelli.control.api;

/**
 * A capture.
 *
 * @param file that it writes
 * @param running whether it goes on
 * @param frames written by now
 * @param bytes of the file by now
 */
public record CaptureAnswer(String file, boolean running, long frames, long bytes) {}
