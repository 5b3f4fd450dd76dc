/**
 * A kernel in memory: {@link io.passatelli.os.sim.SimOs} says what Linux may answer to each call of {@code Os}, and a
 * {@link io.passatelli.os.sim.Chooser} picks among the answers. Time is virtual. Tests only; one thread.
 */
@NullMarked
package io.passatelli.os.sim;

import org.jspecify.annotations.NullMarked;
