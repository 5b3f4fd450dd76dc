package io.passatelli.base;

/**
 * How much of a pool's memory was in use at a moment.
 *
 * @param pool its name
 * @param usedBytes in chunks that are taken
 * @param sizeBytes the most there may be
 */
public record PoolUse(String pool, long usedBytes, long sizeBytes) {}
