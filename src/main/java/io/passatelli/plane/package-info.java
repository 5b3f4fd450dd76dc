/** One data plane: the wiring of loop, link, flows and translators, and the only thread-safe door to it. May import: all levels below. */
@NullMarked
package io.passatelli.plane;

import org.jspecify.annotations.NullMarked;
