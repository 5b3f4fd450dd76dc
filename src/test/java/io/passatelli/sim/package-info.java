/**
 * Machines that the simulation is played with: a guest's TCP, octet by octet, with nothing of the code under test, and what programs do with it.
 * Virtual time, one thread, tests only.
 */
@NullMarked
package io.passatelli.sim;

import org.jspecify.annotations.NullMarked;
