/** The layer-2 way to one guest. Loop thread only. May import: base, wire, os, loop. */
@NullMarked
package io.passatelli.link;

import org.jspecify.annotations.NullMarked;
