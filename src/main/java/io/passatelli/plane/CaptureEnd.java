package io.passatelli.plane;

import java.nio.file.Path;

/**
 * What became of a capture. Any thread.
 *
 * @param frames how many are in it
 * @param bytes length of the file, its headers included
 * @param why it ended by itself before it was told to; empty if it did not
 */
public record CaptureEnd(Path file, long frames, long bytes, String why) {}
